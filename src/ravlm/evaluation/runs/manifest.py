"""What a run was made with: settings, fingerprints, seeds and versions, so that another can be told from it."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from ravlm.answering.answerer import Answerer
from ravlm.data.dataset import Dataset
from ravlm.device import device_name
from ravlm.encoders.base import hash_weights
from ravlm.evaluation.runs.folder import FORMAT
from ravlm.evaluation.runs.records import EvidenceKind
from ravlm.evaluation.runs.versions import versions
from ravlm.model.folder import encoders_of, read_config
from ravlm.retrieval.image import ImageIndex

_DECIDES = ("model", "vocabulary", "question_words")  # the parts of a model's configuration that answers depend on


def describe(
    answerer: Answerer,
    model: Path,
    dataset: Dataset,
    kinds: Sequence[EvidenceKind],
    *,
    split: str,
    groups: Sequence[str],
    questions: int,
) -> dict[str, Any]:
    """`run.json` but for the places and checksums: everything here can be worked out again from model and data.

    Args:
        answerer: it has answered.
        model: the folder that it was opened from.
        dataset: that was asked.
        kinds: of evidence that were given.
        split: of the dataset.
        groups: the only ones whose questions were asked; empty: all.
        questions: how many there were.
    """
    config = read_config(model)
    visual, language = encoders_of(answerer.model)
    index = answerer.retriever.images
    return {
        "format": FORMAT,
        "dataset": {
            "name": dataset.card.name,
            "split": split,
            "groups": list(groups),
            "questions": questions,
            "fingerprint": dataset.fingerprint(),
        },
        "model": {
            "fingerprint": model_fingerprint(answerer.model, {part: config[part] for part in _DECIDES}),
            "settings": config["model"],
            "training": config["training"],
        },
        "encoders": {"visual": visual.fingerprint(), "language": language.fingerprint()},
        "knowledge": {
            "fingerprint": answerer.knowledge.fingerprint,
            "version": answerer.knowledge.version,
            "entries": answerer.knowledge.count(),
        },
        "index": {
            "fingerprint": index_fingerprint(index),
            "knowledge": index.stamp.knowledge,
            "encoder": index.stamp.encoder,
        },
        "evidence": list(kinds),
        "seeds": {"training": config["training"].get("seed"), "bootstrap": 0},
        "device": {"name": device_name(answerer.device), "precision": "float32"},
        "versions": versions(),
    }


def model_fingerprint(model: nn.Module, decides: dict[str, Any]) -> str:
    """SHA-256 over a model's weights and what else decides its answers, as 64 hex digits."""
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode())
    hash_weights(model, digest)
    return digest.hexdigest()


def index_fingerprint(index: ImageIndex) -> str:
    """SHA-256 over the keys of an index of pictures and whose they are."""
    digest = hashlib.sha256(json.dumps(index.owners).encode())
    digest.update(index.keys.tobytes())
    return digest.hexdigest()
