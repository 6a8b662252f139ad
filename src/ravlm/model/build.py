"""A configuration becomes built parts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tokenizers import Tokenizer

from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.fusion.attention import AttentionFusion
from ravlm.fusion.feature import FeatureFusion
from ravlm.heads.candidates import CandidateHead
from ravlm.heads.classification import ClassificationHead
from ravlm.model.config import ModelConfig
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.protocols import FusionModule, OutputLayer
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.retrieval.image import ImageIndex
from ravlm.retrieval.tfidf import TfidfIndex

FUSIONS: Mapping[str, Callable[..., FusionModule]] = {"attention": AttentionFusion, "feature": FeatureFusion}


def build_model(
    config: ModelConfig,
    *,
    tokenizer: Tokenizer,
    vocabulary: Sequence[str],
    images: ImageIndex,
    passages: TfidfIndex,
) -> RetrievalAugmentedVLM:
    """The model of a configuration with fresh weights (seed torch first for the same ones)."""
    visual, language = config.visual, config.language
    visual_encoder = CompactVisualEncoder(
        image_size=visual.image_size, channels=visual.channels, blocks=visual.blocks, width=visual.width
    )
    language_encoder = CompactLanguageEncoder(
        tokenizer=tokenizer,
        width=language.width,
        layers=language.layers,
        heads=language.heads,
        longest=language.longest,
        dropout=language.dropout,
        noise=language.noise,
    )
    retriever = EntityThenPassageRetriever(
        language_encoder=language_encoder,
        images=images,
        passages=passages,
        visual_width=visual.width,
        entries=config.retriever.entries,
        passages_per_entry=config.retriever.passages_per_entry,
    )
    fusion = FUSIONS[config.fusion.kind](
        visual_width=visual.width, language_width=language.width, width=config.fusion.width
    )
    closed = ClassificationHead(width=config.fusion.width, vocabulary=vocabulary)
    output: OutputLayer[Any, Any] = closed
    if config.output.kind == "candidates":
        output = CandidateHead(width=config.fusion.width, vocabulary=closed, max_span=config.output.max_span)
    return RetrievalAugmentedVLM(visual_encoder, language_encoder, retriever, fusion, output)
