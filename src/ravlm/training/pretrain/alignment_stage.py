"""A picture and its text come together: the stage that aligns two encoders."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from ravlm.encoders.aligned import AlignedEncoder, Tower, similarity
from ravlm.tensors import TextBatch
from ravlm.training.augment import view
from ravlm.training.loop import Stage
from ravlm.training.match import contrastive_loss
from ravlm.training.pretrain.alignment_config import AlignmentConfig
from ravlm.training.pretrain.pairs import Pairs


@dataclass(frozen=True)
class Sides:
    """What is drawn from: pictures and texts, in the order of the pairs' own.

    Of an encoder that learns, `pictures` are pixels [m, c, y, x] and `texts` strings; of one that stands still, they
    are the vectors [m, v], [t, l] that it made of them. `size` is the side of views in pixels.
    """

    pictures: Tensor
    texts: Sequence[str] | Float[Tensor, "t l"]
    size: int


def sigmoid_loss(logits: Float[Tensor, "b b"], thing: Int[Tensor, " b"]) -> Float[Tensor, ""]:
    """-1/b sum_ij log sigmoid(z_ij logits_ij), z = 1 on the diagonal, else -1 (Zhai et al. 2023, SigLIP, eq. 1).

    Other pairs of the same thing are neither: they cost nothing.
    """
    own = torch.eye(len(thing), dtype=torch.bool, device=thing.device)
    same = (thing[:, None] == thing[None, :]) & ~own
    signed = torch.where(own, logits, -logits).masked_fill(same, torch.finfo(logits.dtype).max)
    return -nn.functional.logsigmoid(signed).sum() / len(thing)


class AlignStage(Stage):
    """Train what of a pair learns: encoders, projections, the scale of the similarities."""

    name, title, table = "alignment", "aligning the encoders", "pretrain.alignment"
    settings: AlignmentConfig

    def __init__(self, *, pair: AlignedEncoder, pairs: Pairs, sides: Sides, settings: AlignmentConfig) -> None:
        self.settings = settings
        self._pair, self._pairs, self._sides = pair, pairs, sides
        towers = {"visual": pair.visual, "language": pair.language}
        learning = {side: tower.encoder for side, tower in towers.items() if tower.encoder.learns}
        projections = nn.ModuleDict({side: tower.projection for side, tower in towers.items()})
        scale = [pair.log_scale] if pair.bias is None else [pair.log_scale, pair.bias]
        self.parts = nn.ModuleDict({**learning, "projections": projections, "scale": nn.ParameterList(scale)})

    def loss(self, step: int, generator: Generator) -> Tensor:
        """The loss of a batch of pairs; pairs of the same thing are no negatives."""
        pictures, texts = self._pairs.draw(self.settings.batch, generator)
        visual, language = self._seen(pictures, generator), self._read(texts)
        thing = self._pairs.picture_group[pictures].to(visual.device)
        if self._pair.paired:
            return sigmoid_loss(similarity(visual, language, self._pair.log_scale, self._pair.bias), thing)
        return contrastive_loss(visual, language, thing, self._pair.log_scale.exp())

    def _seen(self, places: Int[Tensor, " b"], generator: Generator) -> Float[Tensor, "b d"]:
        some = self._sides.pictures[places].to(self._pair.visual.device)
        if self._pair.visual.encoder.learns:
            some = view(some, self._sides.size, generator, self.settings.strength)
        return _pooled(self._pair.visual, some)

    def _read(self, places: Int[Tensor, " b"]) -> Float[Tensor, "b d"]:
        texts = self._sides.texts
        if isinstance(texts, Tensor):
            return _pooled(self._pair.language, texts[places])
        return _pooled(self._pair.language, self._pair.language.tokenize([texts[i] for i in places.tolist()]))


def _pooled(tower: Tower, given: Tensor | TextBatch) -> Float[Tensor, "b d"]:
    """A tower's vectors, of its encoder's input, or of the vectors that an encoder that stands still made."""
    if tower.encoder.learns:
        pooled: Tensor = tower(given.to(tower.device)).pooled
        return pooled
    projected: Tensor = tower.projection(given.to(tower.device))
    return projected
