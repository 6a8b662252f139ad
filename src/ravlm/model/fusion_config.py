"""How a fusion is configured, by its kind."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo

from ravlm.model.settings import Positive, Settings


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
    levels: Annotated[list[Literal["feature", "attention", "decision"]], AfterValidator(_levels_fit)] = Field(
        default_factory=lambda: [*_LEVELS]
    )
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
