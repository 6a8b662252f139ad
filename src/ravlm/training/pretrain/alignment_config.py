"""The settings of aligning a visual and a language encoder on pairs of a picture and a text."""

from typing import Annotated, Literal

from pydantic import Field

from ravlm.model.config import CompactLanguageConfig, CompactVisualConfig, LanguageConfig, VisualConfig
from ravlm.model.settings import Positive, Share
from ravlm.training.pretrain.language_config import HeldOut
from ravlm.training.stage_config import Rate, StageConfig


class AlignmentConfig(StageConfig):
    """Alignment of two encoders: `batch` in pairs, `held_out` the share of things whose pairs only measure.

    `texts` are what is paired with a picture: what its entry, or its class, is called and begins with (`entries`), or
    the captions of a dataset's training examples. `loss`: a softmax over the batch (Radford et al. 2021, CLIP), or
    a sigmoid of each pair (Zhai et al. 2023, SigLIP). `width` is that of the space into which both are projected;
    without it that is the narrower one's, and nothing is projected where both are as wide. `strength` in [0, 1] scales
    the changes of the views that an eye that learns is shown.
    """

    PARTS = ("visual", "language", "projections", "scale")
    VALIDATED = False

    visual: VisualConfig = CompactVisualConfig()
    language: LanguageConfig = CompactLanguageConfig()
    texts: Literal["entries", "captions"] = "entries"
    loss: Literal["softmax", "sigmoid"] = "softmax"
    width: Positive | None = None
    strength: Share = 0.7
    steps: Positive = 400
    batch: Annotated[int, Field(ge=2)] = 64
    learning_rate: Rate = 0.002
    held_out: HeldOut = 0.1
