"""A configuration and two encoders become a model."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ravlm.fusion.attention import AttentionFusion
from ravlm.fusion.feature import FeatureFusion
from ravlm.fusion.hierarchical import HierarchicalFusion
from ravlm.fusion.interaction import InteractionFusion
from ravlm.heads.units import UnitScale
from ravlm.model.config import ModelConfig, RetrieverConfig
from ravlm.model.fusion_config import FusionConfig, InteractionFusionConfig
from ravlm.model.outputs import build_output
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.protocols import FusionModule, LanguageEncoder, VisualEncoder
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.retrieval.image import ImageIndex
from ravlm.retrieval.query_encoder import AttentionQuery, QueryEncoder, ResidualQuery
from ravlm.retrieval.tfidf import TfidfIndex

FUSIONS: Mapping[str, Callable[..., FusionModule]] = {
    "attention": AttentionFusion,
    "feature": FeatureFusion,
    "interaction": InteractionFusion,
    "hierarchical": HierarchicalFusion,
}


def build_model(
    config: ModelConfig,
    *,
    visual: VisualEncoder,
    language: LanguageEncoder,
    vocabulary: Sequence[str],
    images: ImageIndex,
    passages: TfidfIndex,
    scales: Sequence[UnitScale] = (),
    decoder: Path | None = None,
) -> RetrievalAugmentedVLM:
    """The model around two encoders, everything else with fresh weights (seed torch first for the same ones).

    `vocabulary`, `scales` and `decoder`: see `build_output`, which also says what is refused.
    """
    retriever = EntityThenPassageRetriever(
        language_encoder=language,
        images=images,
        passages=passages,
        visual_width=visual.pooled_width,
        entries=config.retriever.entries,
        passages_per_entry=config.retriever.passages_per_entry,
        query=build_query(config.retriever, visual=visual, language=language),
    )
    fusion = build_fusion(config.fusion, visual=visual, language=language)
    output = build_output(
        config.output,
        width=config.fusion.width,
        vocabulary=vocabulary,
        scales=scales,
        language=language,
        decoder=decoder,
    )
    return RetrievalAugmentedVLM(visual, language, retriever, fusion, output)


def build_query(config: RetrieverConfig, *, visual: VisualEncoder, language: LanguageEncoder) -> QueryEncoder | None:
    """The query encoder of these settings, None where the picture as the eye sees it is the query."""
    if config.query == "residual":
        return ResidualQuery(visual_width=visual.pooled_width)
    if config.query == "attention":
        return AttentionQuery(
            visual_width=visual.pooled_width, token_width=visual.width, question_width=language.pooled_width
        )
    return None


def build_fusion(config: FusionConfig, *, visual: VisualEncoder, language: LanguageEncoder) -> FusionModule:
    """The fusion of these settings, in the widths of these encoders."""
    widths = {
        "visual_width": visual.pooled_width,
        "language_width": language.width,
        "question_width": language.pooled_width,
    }
    if isinstance(config, InteractionFusionConfig):  # the one that reads the picture's tokens
        widths["image_token_width"] = visual.width
    return FUSIONS[config.kind](**widths, **config.model_dump(exclude={"kind"}))
