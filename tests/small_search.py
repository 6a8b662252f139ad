"""A small base to search, and encoders with random weights for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from builders import tokenizer
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.encoders.joint import JointEncoder
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry

_WORDS = "capital country city people river island mountain flag star stripe colour red blue green"
WORDS = _WORDS.split()


def entry(i: int, text: str | None = None, **more: Any) -> Entry:
    """Entry number i: six words drawn by its number."""
    rng = np.random.default_rng(i)
    text = " ".join(rng.choice(WORDS, 6)) + "." if text is None else text
    return Entry(f"e{i:03}", f"{WORDS[i % 14]} {i}", text=text, source="odd" if i % 2 else "even", **more)


def base_of(folder: Path, entries: Sequence[Entry]) -> KnowledgeBase:
    """A new base of some entries."""
    made = KnowledgeBase.create(folder)
    made.upsert(entries)
    return made


def reader(seed: int = 0, width: int = 20) -> CompactLanguageEncoder:
    """A language encoder."""
    torch.manual_seed(seed)
    return CompactLanguageEncoder(tokenizer=tokenizer(), width=width, layers=1, heads=4, longest=64).eval()


def eye(seed: int = 0, width: int = 10) -> CompactVisualEncoder:
    """A visual encoder."""
    torch.manual_seed(seed)
    return CompactVisualEncoder(image_size=32, channels=(4, 8, 8), width=width).eval()


def towers(seed: int = 0) -> JointEncoder:
    """A joint encoder."""
    torch.manual_seed(seed)
    tower = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return JointEncoder.from_architecture(
        "clip",
        tokenizer=tokenizer(),
        image_size=32,
        vision_config=tower | {"patch_size": 16},
        text_config=tower | {"max_position_embeddings": 64},
        projection_dim=8,
    ).eval()
