"""The indexes of a knowledge base for a model: derived from one version of it, rebuilt where it has changed."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from ravlm.encoders.base import Encoder
from ravlm.encoders.features.cache import FeatureCache
from ravlm.encoders.features.extract import Extractor
from ravlm.knowledge.passages import passages
from ravlm.knowledge.store import KnowledgeBase
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.retrieval.image import ImageIndex, Stamp
from ravlm.retrieval.tfidf import TfidfIndex


def embed_pictures(
    encoder: Encoder, picture: Callable[[str], bytes], cache: FeatureCache | None = None
) -> Callable[[Sequence[str]], Float[np.ndarray, "n v"]]:
    """A function from image ids to unit keys [n, v] made by this encoder."""

    def embed(image_ids: Sequence[str]) -> Float[np.ndarray, "n v"]:
        extractor = Extractor(encoder, device=encoder.device, precision="float32", cache=cache)
        found = extractor.images(picture(image_id) for image_id in image_ids)
        pooled = torch.stack([features.pooled for features in found])
        return nn.functional.normalize(pooled, dim=-1).numpy()

    return embed


def follow(
    model: RetrievalAugmentedVLM,
    knowledge: KnowledgeBase,
    known: ImageIndex | None = None,
    cache: FeatureCache | None = None,
) -> ImageIndex:
    """Give the model's retriever indexes of this version of the base; returns the picture index, to be saved.

    Keys in `known` that the same encoder made are taken over, so the cost follows the change; others are looked for in
    the cache.
    """
    encoder, retriever = model.visual_encoder, model.knowledge_retriever
    if not isinstance(encoder, Encoder) or not isinstance(retriever, EntityThenPassageRetriever):
        raise TypeError("only a model that retrieves by picture, then by passage, has these indexes")
    entries = list(knowledge.iterate())
    modes = {module: module.training for module in model.modules()}
    model.eval()
    stamp = Stamp(knowledge.fingerprint, encoder.fingerprint())
    embed = embed_pictures(encoder, knowledge.picture, cache)
    images = ImageIndex.build(entries, embed, stamp, known)
    retriever.replace_indexes(
        images, TfidfIndex((p for entry in entries for p in passages(entry)), retriever.passages.weights)
    )
    for module, mode in modes.items():
        module.training = mode
    return images
