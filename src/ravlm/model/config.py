"""What a model is made of, as strict configuration."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationInfo, model_validator

Positive = Annotated[int, Field(gt=0)]
Trainable = Literal["none", "all"] | Positive
"""Which weights of an encoder learn: none, all, or its last n blocks."""


class Settings(BaseModel):
    """Settings where an unknown name or a wrong type is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CompactVisualConfig(Settings):
    """The compact visual encoder. `image_size` is in pixels; `channels` holds one width a stage."""

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


class PretrainedConfig(Settings):
    """An encoder from a folder or a hub name, whichever library wrote it.

    `revision` is the hub's branch, tag or commit; `layer` the one whose tokens are taken, -1 the model's end.
    """

    kind: Literal["pretrained"] = "pretrained"
    source: Annotated[str, Field(min_length=1)]
    revision: str | None = None
    layer: int | None = None
    trainable: Trainable = "none"

    def own(self) -> dict[str, Any]:
        """The options that are given, by the encoder's own names."""
        given = self.model_dump(exclude={"kind", "source", "revision"})
        return {name: value for name, value in given.items() if value is not None}


class PretrainedVisualConfig(PretrainedConfig):
    """A pre-trained visual encoder. `image_size` is in pixels, where the model takes pictures of several sizes."""

    image_size: Positive | None = None


class RandomVisualConfig(Settings):
    """An architecture of timm, or a model type of transformers, with random weights; `options` are the library's."""

    kind: Literal["timm", "transformers"]
    architecture: str
    options: dict[str, Any] = {}
    layer: int = -1
    image_size: Positive | None = None
    trainable: Trainable = "all"

    def own(self) -> dict[str, Any]:
        """The encoder's own options."""
        return self.model_dump(include={"layer", "image_size", "trainable"})


class CompactLanguageConfig(Settings):
    """The compact language encoder.

    `vocabulary` and `longest` are in tokens; `dropout` and `noise` are probabilities.
    """

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


class PretrainedLanguageConfig(PretrainedConfig):
    """A pre-trained language encoder. `longest` is in tokens read at once."""

    pooling: Literal["class", "mean", "max", "last", "own"] | None = None
    longest: Positive | None = None


class RandomLanguageConfig(Settings):
    """A model type of transformers with random weights, its tokeniser trained on the task's text.

    `vocabulary` and `longest` are in tokens; `options` are the library's.
    """

    kind: Literal["transformers"]
    architecture: str
    vocabulary: Positive = 4000
    options: dict[str, Any] = {}
    layer: int = -1
    pooling: Literal["class", "mean", "max", "last", "own"] | None = None
    longest: Positive | None = None
    trainable: Trainable = "all"

    def own(self) -> dict[str, Any]:
        """The encoder's own options."""
        return self.model_dump(include={"layer", "pooling", "longest", "trainable"})


def _kind(value: Any) -> str:
    """The kind of an encoder's settings; compact where they don't say."""
    return str(value.get("kind", "compact") if isinstance(value, dict) else value.kind)


VisualConfig = Annotated[
    Annotated[CompactVisualConfig, Tag("compact")]
    | Annotated[PretrainedVisualConfig, Tag("pretrained")]
    | Annotated[RandomVisualConfig, Tag("timm")]
    | Annotated[RandomVisualConfig, Tag("transformers")],
    Discriminator(_kind),
]
LanguageConfig = Annotated[
    Annotated[CompactLanguageConfig, Tag("compact")]
    | Annotated[PretrainedLanguageConfig, Tag("pretrained")]
    | Annotated[RandomLanguageConfig, Tag("transformers")],
    Discriminator(_kind),
]


class RetrieverConfig(Settings):
    """How much is retrieved: entries by picture, then passages of each by text."""

    kind: Literal["entity-then-passage"] = "entity-then-passage"
    entries: Positive = 3
    passages_per_entry: Positive = 8


def _heads_fit(heads: int, info: ValidationInfo) -> int:
    width = info.data.get("width")  # none where the width itself is refused
    if width is not None and width % heads:
        raise ValueError(f"width {width} can't be split into {heads} heads: choose a multiple of them")
    return heads


def _levels_fit(levels: list[str]) -> list[str]:
    if not levels or levels != [level for level in _LEVELS if level in levels]:
        raise ValueError(f"levels are one or more of {', '.join(_LEVELS)}, each once, from low to high")
    return levels


_LEVELS: tuple[Literal["feature", "attention", "decision"], ...] = ("feature", "attention", "decision")
Heads = Annotated[Positive, AfterValidator(_heads_fit), Field(validate_default=True)]
"""A number that the `width` declared before it is a multiple of."""


class AttentionFusionConfig(Settings):
    """The mission's attention over image, question and knowledge."""

    kind: Literal["attention"] = "attention"
    width: Positive = 96
    heads: Heads = 1


class FeatureFusionConfig(Settings):
    """One vector of three, without attention."""

    kind: Literal["feature"] = "feature"
    width: Positive = 96
    mode: Literal["concatenation", "weighted-sum", "gated"] = "concatenation"


class InteractionFusionConfig(Settings):
    """Layers of cross-attention between every pair of modalities."""

    kind: Literal["interaction"] = "interaction"
    width: Positive = 96
    layers: Positive = 2
    heads: Heads = 4


class HierarchicalFusionConfig(Settings):
    """Fusion at several levels, from low to high; `heads` are those of the attention level."""

    kind: Literal["hierarchical"] = "hierarchical"
    width: Positive = 96
    levels: Annotated[list[Literal["feature", "attention", "decision"]], AfterValidator(_levels_fit)] = [*_LEVELS]
    heads: Heads = 1


def _fusion_kind(value: Any) -> str:
    """The kind of a fusion's settings; attention where they don't say."""
    return str(value.get("kind", "attention") if isinstance(value, dict) else getattr(value, "kind", "attention"))


FusionConfig = Annotated[
    Annotated[AttentionFusionConfig, Tag("attention")]
    | Annotated[FeatureFusionConfig, Tag("feature")]
    | Annotated[InteractionFusionConfig, Tag("interaction")]
    | Annotated[HierarchicalFusionConfig, Tag("hierarchical")],
    Discriminator(_fusion_kind),
]


class OutputConfig(Settings):
    """The output layer. `max_span` is the longest candidate in tokens; `vocabulary` the most answers kept."""

    kind: Literal["candidates", "classification"] = "candidates"
    max_span: Positive = 32
    vocabulary: Positive = 5000


class ModelConfig(Settings):
    """The five parts."""

    visual: VisualConfig = CompactVisualConfig()
    language: LanguageConfig = CompactLanguageConfig()
    retriever: RetrieverConfig = RetrieverConfig()
    fusion: FusionConfig = AttentionFusionConfig()
    output: OutputConfig = OutputConfig()
