"""Stage one: photos and the entries' pictures of the same thing come together (contrastive pre-training)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, UInt8
from torch import Generator, Tensor, nn

from ravlm.encoders.base import Encoder
from ravlm.training.augment import change_identity, view
from ravlm.training.config import MatchConfig
from ravlm.training.loop import Stage
from ravlm.training.optim import learning

_BATCHES = 4  # of validation


@dataclass(frozen=True)
class PicturePairs:
    """Photos that show an entry, and that entry's own pictures.

    `photos` [n, c, y, x] belong to the entries `photo_entry` [n]; `pictures` [m, c, y, x] to `picture_entry` [m]. Where
    the eye stands still, both are what it makes of them, [n, v] and [m, v].
    A photo may itself be one of its entry's pictures: `own_picture` [n] is its place there, else -1; the two are paired
    only where the entry has no other.
    Entries are counted from 0; every entry has at least one photo and one picture.
    """

    photos: UInt8[Tensor, "n c y x"] | Float[Tensor, "n v"]
    photo_entry: Int[Tensor, " n"]
    pictures: UInt8[Tensor, "m c y x"] | Float[Tensor, "m v"]
    picture_entry: Int[Tensor, " m"]
    own_picture: Int[Tensor, " n"]

    def sample(self, size: int, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """`size` pairs as (photo index, picture index, entry); every entry is equally likely, repeats come late."""
        entries = torch.unique(self.photo_entry)
        rounds = [entries[torch.randperm(len(entries), generator=generator)] for _ in range(-(-size // len(entries)))]
        chosen = torch.cat(rounds)[:size]
        photo = torch.stack([_any_of(self.photo_entry == e, generator) for e in chosen])
        picture = torch.stack([_any_of(self._others(p, e), generator) for p, e in zip(photo, chosen, strict=True)])
        return photo, picture, chosen

    def _others(self, photo: Tensor, entry: Tensor) -> Tensor:
        """Which pictures are the entry's and not the photo itself."""
        pictures = self.picture_entry == entry
        others = pictures & (torch.arange(len(pictures)) != self.own_picture[photo])
        return others if others.any() else pictures


def _any_of(mask: Tensor, generator: Generator) -> Tensor:
    places = mask.nonzero()[:, 0]
    return places[torch.randint(len(places), (), generator=generator)]


def contrastive_loss(
    queries: Float[Tensor, "b v"], keys: Float[Tensor, "b v"], entry: Int[Tensor, " b"], scale: Float[Tensor, ""]
) -> Float[Tensor, ""]:
    """Symmetric InfoNCE: -log softmax of scale * cos(query, its key), both ways (Radford et al. 2021, CLIP, fig. 3).

    Other pairs of the same entry are no negatives: they are masked with the lowest number.
    """
    cosine = nn.functional.normalize(queries.float(), dim=-1) @ nn.functional.normalize(keys.float(), dim=-1).T
    same = (entry[:, None] == entry[None, :]) & ~torch.eye(len(entry), dtype=torch.bool, device=entry.device)
    logits = (scale * cosine).masked_fill(same, torch.finfo(cosine.dtype).min)
    own = torch.arange(len(entry), device=entry.device)
    return (nn.functional.cross_entropy(logits, own) + nn.functional.cross_entropy(logits.T, own)) / 2


def augmented_pairs(
    pairs: PicturePairs, size: int, batch: int, generator: Generator, device: torch.device
) -> tuple[Float[Tensor, "b c y x"], Float[Tensor, "b c y x"], Int[Tensor, " b"]]:
    """A batch of views: photos, pictures of the same entries, and the entries; some of the pairs change identity."""
    photo, picture, entry = pairs.sample(batch, generator)
    first, second = pairs.photos[photo].to(device), pairs.pictures[picture].to(device)
    queries, keys = view(first, size, generator, 0.7), view(second, size, generator, 0.7)
    return (*change_identity(queries, keys, generator), entry)


class MatchStage(Stage):
    """Train the visual encoder so that a photo and its entry's picture come together.

    Of an eye that stands still, only the scale of its similarities is learned, from what it made of the pictures.
    `size` is the side of the views in pixels. `held_out` are the pairs that it is validated with.
    """

    name, title = "match", "learning to match pictures"
    settings: MatchConfig

    def __init__(
        self,
        *,
        eye: Encoder,
        log_scale: nn.Parameter,
        pairs: PicturePairs,
        size: int,
        settings: MatchConfig,
        held_out: PicturePairs | None = None,
    ) -> None:
        self.settings, self._held_out = settings, held_out
        self._eye, self._log_scale, self._pairs, self._size = eye, log_scale, pairs, size
        self._looks = bool(learning(eye))
        visual = {"visual": eye} if self._looks else {}
        self.parts = nn.ModuleDict({**visual, "retriever": nn.ParameterList([log_scale])})

    def loss(self, step: int, generator: Generator) -> Tensor:
        """Symmetric InfoNCE of a batch of pairs; each process looks at its rows, and compares all."""
        device, batch = self._log_scale.device, self.settings.batch
        if self._looks:
            photos, pictures, entry = augmented_pairs(self._pairs, self._size, batch, generator, device)
            own = self.share.rows(batch)
            seen = self._eye(torch.cat([photos[own], pictures[own]])).pooled.chunk(2)
            queries, keys = (self.share.gather(some, batch) for some in seen)
        else:
            photo, picture, entry = self._pairs.sample(batch, generator)
            queries, keys = self._pairs.photos[photo].to(device), self._pairs.pictures[picture].to(device)
        return contrastive_loss(queries, keys, entry.to(device), self._log_scale.exp())

    def validation(self) -> float:
        """Symmetric InfoNCE of a few fixed batches of held-out pairs, seen as they are; the mean."""
        pairs = self._held_out
        if pairs is None:
            return super().validation()
        device, values = self._log_scale.device, []
        for n in range(_BATCHES):
            generator = torch.Generator().manual_seed(n)
            photo, picture, entry = pairs.sample(min(self.settings.batch, len(pairs.photos)), generator)
            seen = [pairs.photos[photo].to(device), pairs.pictures[picture].to(device)]
            if self._looks:
                seen = [self._eye(view(some, self._size, generator, 0.0)).pooled for some in seen]
            queries, keys = seen
            values.append(float(contrastive_loss(queries, keys, entry.to(device), self._log_scale.exp())))
        return sum(values) / len(values)
