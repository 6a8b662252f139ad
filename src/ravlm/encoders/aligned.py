"""Two encoders, of pictures and of texts, whose vectors were made comparable."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL.Image import Image
from torch import Tensor, nn

from ravlm.encoders.base import Encoder, Trainable, hash_weights, load_weights, save_weights, saved, write_config
from ravlm.encoders.choose import SIDES, encoder_faults, load_encoder
from ravlm.errors import ConfigError
from ravlm.tensors import Encoded, TextBatch

SCALE = 1 / 0.07  # of cosines, at first (Radford et al. 2021, CLIP, sec. 2.5)
PAIRED_SCALE, PAIRED_BIAS = 10.0, -10.0  # at first (Zhai et al. 2023, SigLIP, sec. 3.2)
_SETTINGS = ("projected", "paired")


class Tower(nn.Module):
    """An encoder, and what brings its pooled vector into a space that it shares with another one's.

    Args:
        encoder: a visual or a language encoder.
        width: of that space, reached by a linear layer; None for the encoder's own.
    """

    def __init__(self, encoder: Encoder, width: int | None) -> None:
        super().__init__()
        self.encoder: Any = encoder
        self.width, self.pooled_width = encoder.width, width or encoder.pooled_width
        projection = nn.Identity() if width is None else nn.Linear(encoder.pooled_width, width, bias=False)
        self.projection: nn.Module = projection.to(encoder.device)

    def forward(self, given: Any) -> Encoded:
        encoded = self.encoder(given)
        return Encoded(encoded.tokens, encoded.mask, self.projection(encoded.pooled))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        found: torch.device = self.encoder.device
        return found

    def fingerprint(self) -> str:
        """SHA-256 over the encoder's and the projection's weights."""
        digest = hashlib.sha256(self.encoder.fingerprint().encode())
        hash_weights(self.projection, digest)
        return digest.hexdigest()


class VisualTower(Tower):
    """A visual encoder with its projection."""

    def preprocess(self, image: Image) -> Tensor:
        """One decoded picture as uint8 [c, y, x], as the encoder sees it."""
        pixels: Tensor = self.encoder.preprocess(image)
        return pixels


class LanguageTower(Tower):
    """A language encoder with its projection."""

    def tokenize(self, texts: Sequence[str]) -> TextBatch:
        """Texts as token ids [b, t] with their offsets, as the encoder reads them."""
        found: TextBatch = self.encoder.tokenize(texts)
        return found


class AlignedEncoder(Encoder):
    """A visual and a language encoder whose `pooled` vectors are comparable: `visual` and `language`.

    Saved, it is a folder with the two encoders in `visual` and `language`, each of which is opened as any other and has
    its own vector then; the projections, the scale and the bias stand beside them.

    Args:
        visual: a visual encoder.
        language: a language encoder.
        width: of the space that both are projected into (Radford et al. 2021, CLIP, fig. 3); None for no projections,
            where their vectors are of one width.
        paired: whether the similarity's sigmoid is a pair's probability (SigLIP), else it is softmaxed (CLIP).

    Raises:
        ConfigError: their widths differ, and none is given.
    """

    kind = "aligned"

    def __init__(self, visual: Encoder, language: Encoder, *, width: int | None, paired: bool = False) -> None:
        super().__init__()
        if width is None and visual.pooled_width != language.pooled_width:
            raise ConfigError(
                f"The vectors of the two encoders have widths {visual.pooled_width} and {language.pooled_width}. Give "
                "the width of the space into which both are projected."
            )
        self.visual, self.language = VisualTower(visual, width), LanguageTower(language, width)
        self.width, self.pooled_width = visual.width, self.visual.pooled_width
        self.projected, self.paired = width, paired
        first = torch.tensor(PAIRED_SCALE if paired else SCALE, device=visual.device)
        self.log_scale = nn.Parameter(first.log())
        self.bias = nn.Parameter(torch.full_like(first, PAIRED_BIAS)) if paired else None
        self.trainable = "all" if visual.learns or language.learns else "none"

    def forward(self, images: Tensor, texts: TextBatch) -> tuple[Encoded, Encoded]:
        """What each tower makes of its side."""
        return self.visual(images), self.language(texts)

    def similarity(self, visual: Encoded, language: Encoded) -> Float[Tensor, "b1 b2"]:
        """Scale * cos(picture, text) + bias of every pair; see `similarity`."""
        return similarity(visual.pooled, language.pooled, self.log_scale, self.bias)

    def blocks(self) -> list[list[nn.Parameter]]:
        raise NotImplementedError("each tower has its own")

    def declare_trainable(self, trainable: Trainable) -> None:
        for tower in (self.visual, self.language):
            tower.encoder.declare_trainable(trainable)
        _own(self).requires_grad_(trainable != "none")
        self.trainable = trainable

    def example(self) -> Any:
        raise NotImplementedError("each tower has its own")

    def settings(self) -> dict[str, Any]:
        return {"projected": self.projected, "paired": self.paired}

    def fingerprint_text(self) -> str:
        return self.visual.fingerprint() + self.language.fingerprint()

    def save_files(self, folder: Path, about: dict[str, Any]) -> None:
        for side, tower in (("visual", self.visual), ("language", self.language)):
            tower.encoder.save_pretrained(folder / side)
        save_weights(_own(self), folder)
        write_config(folder, {}, about)

    @classmethod
    def folder_faults(cls, folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
        saved(folder, about, _SETTINGS)
        return [fault for side in SIDES for fault in encoder_faults(folder / side, side=side, **options)]

    @classmethod
    def load_files(cls, folder: Path, about: Mapping[str, Any], options: Mapping[str, Any]) -> "AlignedEncoder":
        said = saved(folder, about, _SETTINGS)
        visual, language = (load_encoder(folder / side, side=side) for side in SIDES)
        made = cls(visual, language, width=said["projected"], paired=said["paired"])
        load_weights(_own(made), folder)
        made.declare_trainable(options.get("trainable", "none"))
        return made


def similarity(
    visual: Float[Tensor, "m d"],
    language: Float[Tensor, "n d"],
    log_scale: Float[Tensor, ""],
    bias: Float[Tensor, ""] | None,
) -> Float[Tensor, "m n"]:
    """Scale * cos(picture, text) of every pair (Radford et al. 2021, CLIP, fig. 3), in float32.

    With a bias it is added: the logits of Zhai et al. 2023 (SigLIP), eq. 1.
    """
    images, texts = (nn.functional.normalize(side.float(), dim=-1) for side in (visual, language))
    scores = log_scale.exp() * images @ texts.T
    return scores if bias is None else scores + bias


def _own(pair: AlignedEncoder) -> nn.Module:
    """What is the pair's own: its projections, its scale and its bias, over the same tensors."""
    own = nn.Module()
    own.visual, own.language = pair.visual.projection, pair.language.projection
    own.register_parameter("log_scale", pair.log_scale)
    own.register_parameter("bias", pair.bias)
    return own
