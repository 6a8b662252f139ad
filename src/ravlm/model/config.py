"""What a model is made of, as strict configuration."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(gt=0)]


class Settings(BaseModel):
    """Settings where an unknown name or a wrong type is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class VisualConfig(Settings):
    """The visual encoder. `image_size` is in pixels; `channels` holds one width a stage."""

    kind: Literal["compact"] = "compact"
    image_size: Annotated[int, Field(ge=32, le=512)] = 64
    channels: list[Positive] = [32, 64, 128, 256]
    blocks: Positive = 1
    width: Positive = 256

    @model_validator(mode="after")
    def _stages_fit(self) -> Self:
        if self.image_size % 2 ** len(self.channels):
            raise ValueError(
                f"image_size is {self.image_size} pixels; {len(self.channels)} stages halve it that often, so it must "
                f"be a multiple of {2 ** len(self.channels)}"
            )
        return self


class LanguageConfig(Settings):
    """The language encoder. `vocabulary` and `longest` are in tokens; `dropout` and `noise` are probabilities."""

    kind: Literal["compact"] = "compact"
    vocabulary: Positive = 4000
    width: Positive = 96
    layers: Positive = 2
    heads: Positive = 4
    longest: Annotated[int, Field(ge=16)] = 144
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    noise: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.06

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} can't be split into {self.heads} heads: choose a multiple")
        return self


class RetrieverConfig(Settings):
    """How much is retrieved: entries by picture, then passages of each by text."""

    kind: Literal["entity-then-passage"] = "entity-then-passage"
    entries: Positive = 3
    passages_per_entry: Positive = 8


class FusionConfig(Settings):
    """The fusion module and its width."""

    kind: Literal["attention", "feature"] = "attention"
    width: Positive = 96


class OutputConfig(Settings):
    """The output layer. `max_span` is the longest candidate in tokens; `vocabulary` the most answers kept."""

    kind: Literal["candidates", "classification"] = "candidates"
    max_span: Positive = 32
    vocabulary: Positive = 5000


class ModelConfig(Settings):
    """The five parts."""

    visual: VisualConfig = VisualConfig()
    language: LanguageConfig = LanguageConfig()
    retriever: RetrieverConfig = RetrieverConfig()
    fusion: FusionConfig = FusionConfig()
    output: OutputConfig = OutputConfig()
