"""The indexes of a knowledge base for a model: derived from one version of it, rebuilt where it has changed."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from ravlm.knowledge.passages import passages
from ravlm.knowledge.store import KnowledgeBase
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.protocols import VisualEncoder
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.retrieval.image import ImageIndex, Stamp
from ravlm.retrieval.tfidf import TfidfIndex
from ravlm.safe.images import decode_image

_AT_ONCE = 128


def fingerprint(module: nn.Module) -> str:
    """SHA-256 over a module's weights and buffers, names and shapes included."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def embed_pictures(
    encoder: VisualEncoder, picture: Callable[[str], bytes], device: torch.device
) -> Callable[[Sequence[str]], Float[np.ndarray, "n v"]]:
    """A function from image ids to unit keys [n, v] made by this encoder."""

    @torch.no_grad()
    def embed(image_ids: Sequence[str]) -> Float[np.ndarray, "n v"]:
        keys = []
        for start in range(0, len(image_ids), _AT_ONCE):
            some = image_ids[start : start + _AT_ONCE]
            batch = torch.stack([encoder.preprocess(decode_image(picture(image_id))) for image_id in some])
            pooled = encoder(batch.to(device)).pooled.float()
            keys.append(nn.functional.normalize(pooled, dim=-1).cpu().numpy())
        return np.concatenate(keys)

    return embed


def follow(model: RetrievalAugmentedVLM, knowledge: KnowledgeBase, known: ImageIndex | None = None) -> ImageIndex:
    """Give the model's retriever indexes of this version of the base; returns the picture index, to be saved.

    Keys in `known` that the same encoder made are taken over, so the cost follows the change.
    """
    encoder, retriever = model.visual_encoder, model.knowledge_retriever
    if not isinstance(encoder, nn.Module) or not isinstance(retriever, EntityThenPassageRetriever):
        raise TypeError("only a model that retrieves by picture, then by passage, has these indexes")
    entries = list(knowledge.iterate())
    device = next(encoder.parameters()).device
    was_training = model.training
    model.eval()
    stamp = Stamp(knowledge.fingerprint, fingerprint(encoder))
    embed = embed_pictures(model.visual_encoder, knowledge.picture, device)
    images = ImageIndex.build(entries, embed, stamp, known)
    retriever.replace_indexes(
        images, TfidfIndex((p for entry in entries for p in passages(entry)), retriever.passages.weights)
    )
    model.train(was_training)
    return images
