"""What a model is made of, as strict configuration."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from ravlm.model.fusion_config import AttentionFusionConfig, FusionConfig
from ravlm.model.output_config import CandidatesConfig, OutputConfig
from ravlm.model.settings import Positive, Settings

Trainable = Literal["none", "all"] | Positive
"""Which weights of an encoder learn: none, all, or its last n blocks."""


class CompactVisualConfig(Settings):
    """The compact visual encoder. `image_size` is in pixels; `channels` holds one width a stage."""

    kind: Literal["compact"] = "compact"
    image_size: Annotated[int, Field(ge=32, le=512)] = 64
    channels: list[Positive] = Field(default_factory=lambda: [32, 64, 128, 256])
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
    options: dict[str, Any] = Field(default_factory=dict)
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
    options: dict[str, Any] = Field(default_factory=dict)
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


def learns(encoder: VisualConfig | LanguageConfig) -> bool:
    """Whether any weight of an encoder of these settings learns; all of a compact one do."""
    return getattr(encoder, "trainable", "all") != "none"


class RetrieverConfig(Settings):
    """How much is retrieved: entries by picture, then passages of each by text.

    `query` is what is compared with the entries' pictures: the picture as the eye sees it, the same moved by a layer of
    its own ("residual"), or with what the question attends to in the picture added ("attention").
    """

    kind: Literal["entity-then-passage"] = "entity-then-passage"
    query: Literal["picture", "residual", "attention"] = "picture"
    entries: Positive = 3
    passages_per_entry: Positive = 8


class ModelConfig(Settings):
    """The five parts."""

    visual: VisualConfig = CompactVisualConfig()
    language: LanguageConfig = CompactLanguageConfig()
    retriever: RetrieverConfig = RetrieverConfig()
    fusion: FusionConfig = AttentionFusionConfig()
    output: OutputConfig = CandidatesConfig()
