"""ravlm: retrieval-augmented vision-language models that cite what they used.

The names below are loaded when first used, so `import ravlm` costs nothing and imports no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOME = {
    "Answer": "ravlm.records",
    "Answerer": "ravlm.answering.answerer",
    "AttentionFusion": "ravlm.fusion.attention",
    "Bm25Retriever": "ravlm.retrieval.bm25",
    "CandidateHead": "ravlm.heads.candidates",
    "Citation": "ravlm.records",
    "ClassificationHead": "ravlm.heads.classification",
    "CompactLanguageEncoder": "ravlm.encoders.compact_language",
    "CompactVisualEncoder": "ravlm.encoders.compact_visual",
    "CrossModalRetriever": "ravlm.retrieval.crossmodal",
    "DenseRetriever": "ravlm.retrieval.dense",
    "EntityThenPassageRetriever": "ravlm.retrieval.entity",
    "Entry": "ravlm.records",
    "Extractor": "ravlm.encoders.features.extract",
    "FeatureCache": "ravlm.encoders.features.cache",
    "FeatureFusion": "ravlm.fusion.feature",
    "GenerationHead": "ravlm.heads.generation",
    "HierarchicalFusion": "ravlm.fusion.hierarchical",
    "Hit": "ravlm.records",
    "HybridRetriever": "ravlm.retrieval.hybrid",
    "ImageRetriever": "ravlm.retrieval.picture",
    "InteractionFusion": "ravlm.fusion.interaction",
    "JointEncoder": "ravlm.encoders.joint",
    "KnowledgeBase": "ravlm.knowledge.store",
    "LateInteractionRetriever": "ravlm.retrieval.late.retriever",
    "MultiLabelHead": "ravlm.heads.multilabel",
    "Query": "ravlm.records",
    "RavlmError": "ravlm.errors",
    "RegressionHead": "ravlm.heads.regression",
    "RetrievalAugmentedVLM": "ravlm.model.vlm",
    "TfidfRetriever": "ravlm.retrieval.tfidf",
    "TimmVisualEncoder": "ravlm.encoders.timm_visual",
    "TransformersLanguageEncoder": "ravlm.encoders.transformers_language",
    "TransformersVisualEncoder": "ravlm.encoders.transformers_visual",
    "load_encoder": "ravlm.encoders.choose",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'ravlm' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__


if TYPE_CHECKING:
    from ravlm.answering.answerer import Answerer as Answerer
    from ravlm.encoders.choose import load_encoder as load_encoder
    from ravlm.encoders.compact_language import CompactLanguageEncoder as CompactLanguageEncoder
    from ravlm.encoders.compact_visual import CompactVisualEncoder as CompactVisualEncoder
    from ravlm.encoders.features.cache import FeatureCache as FeatureCache
    from ravlm.encoders.features.extract import Extractor as Extractor
    from ravlm.encoders.joint import JointEncoder as JointEncoder
    from ravlm.encoders.timm_visual import TimmVisualEncoder as TimmVisualEncoder
    from ravlm.encoders.transformers_language import TransformersLanguageEncoder as TransformersLanguageEncoder
    from ravlm.encoders.transformers_visual import TransformersVisualEncoder as TransformersVisualEncoder
    from ravlm.errors import RavlmError as RavlmError
    from ravlm.fusion.attention import AttentionFusion as AttentionFusion
    from ravlm.fusion.feature import FeatureFusion as FeatureFusion
    from ravlm.fusion.hierarchical import HierarchicalFusion as HierarchicalFusion
    from ravlm.fusion.interaction import InteractionFusion as InteractionFusion
    from ravlm.heads.candidates import CandidateHead as CandidateHead
    from ravlm.heads.classification import ClassificationHead as ClassificationHead
    from ravlm.heads.generation import GenerationHead as GenerationHead
    from ravlm.heads.multilabel import MultiLabelHead as MultiLabelHead
    from ravlm.heads.regression import RegressionHead as RegressionHead
    from ravlm.knowledge.store import KnowledgeBase as KnowledgeBase
    from ravlm.model.vlm import RetrievalAugmentedVLM as RetrievalAugmentedVLM
    from ravlm.records import Answer as Answer
    from ravlm.records import Citation as Citation
    from ravlm.records import Entry as Entry
    from ravlm.records import Hit as Hit
    from ravlm.records import Query as Query
    from ravlm.retrieval.bm25 import Bm25Retriever as Bm25Retriever
    from ravlm.retrieval.crossmodal import CrossModalRetriever as CrossModalRetriever
    from ravlm.retrieval.dense import DenseRetriever as DenseRetriever
    from ravlm.retrieval.entity import EntityThenPassageRetriever as EntityThenPassageRetriever
    from ravlm.retrieval.hybrid import HybridRetriever as HybridRetriever
    from ravlm.retrieval.late.retriever import LateInteractionRetriever as LateInteractionRetriever
    from ravlm.retrieval.picture import ImageRetriever as ImageRetriever
    from ravlm.retrieval.tfidf import TfidfRetriever as TfidfRetriever
