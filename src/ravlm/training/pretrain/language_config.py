"""The settings of pre-training a language encoder on text."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from ravlm.model.config import CompactLanguageConfig, LanguageConfig
from ravlm.model.settings import Positive, Share
from ravlm.training.stage_config import Rate, StageConfig

HeldOut = Annotated[float, Field(gt=0.0, lt=1.0)]


class LanguagePretraining(StageConfig):
    """Pre-training of a language encoder: `batch` in texts, `held_out` the share of texts that only measure.

    `matrix_learning_rate` is that of the linear layers' weights (Muon), `learning_rate` that of all others (AdamW), but
    for an encoder that did not begin at random: all of that learns at `pretrained_learning_rate` (AdamW).
    """

    PARTS = ("language", "words")
    VALIDATED = False

    objective: str
    encoder: LanguageConfig = CompactLanguageConfig()
    steps: Positive = 1000
    batch: Annotated[int, Field(ge=2)] = 64
    learning_rate: Rate = 0.004
    matrix_learning_rate: Rate = 0.012
    held_out: HeldOut = 0.05

    @model_validator(mode="after")
    def _learns(self) -> Self:
        if getattr(self.encoder, "trainable", "all") == "none":
            raise ValueError('encoder.trainable is "none", so nothing would learn: write trainable = "all" there')
        return self


class MaskedConfig(LanguagePretraining):
    """Hidden tokens are found: `share` of the tokens of each text (Devlin et al. 2019, BERT, sec. 3.1)."""

    objective: Literal["masked"] = "masked"
    share: Annotated[Share, Field(gt=0.0)] = 0.15


class CausalConfig(LanguagePretraining):
    """The next token is foretold (Radford et al. 2018, GPT, eq. 1)."""

    objective: Literal["causal"] = "causal"


def _objective(value: Any) -> str:
    """The objective of a language encoder's settings; masked where they don't say."""
    return str(value.get("objective", "masked") if isinstance(value, dict) else value.objective)


LanguagePretrainingConfig = Annotated[
    Annotated[MaskedConfig, Tag("masked")] | Annotated[CausalConfig, Tag("causal")], Discriminator(_objective)
]
