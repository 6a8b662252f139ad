"""Emoji: a drawing by another artist's drawing, and its name by a drawing, code points never trained on apart."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import contrast
from emoji import FOLDER, LANGUAGES, Emoji, emojis, unseen
from ravlm.evaluation.floors import KINDS, floor_recall
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Query
from ravlm.retrieval.crossmodal import CrossModalRetriever
from ravlm.retrieval.picture import ImageRetriever
from ravlm.safe.images import read_image
from recalls import AT, by_group, ranked

_QUICK = 24  # emoji


def measure(quick: bool, eye_steps: int = 500, joint_steps: int = 800) -> dict[str, Any]:
    """Recall over all code points, and over seen and unseen ones, of encoders that are trained here on seen ones."""
    found = emojis()
    if quick:
        found, eye_steps, joint_steps = found[:: len(found) // _QUICK], 2, 2
    held = unseen(found)
    seen = [emoji for emoji in found if emoji.code not in held]
    eye = contrast.train_eye(seen, eye_steps)
    joint = contrast.train_joint(seen, joint_steps)
    queries = [Query(images=(read_image(emoji.noto),), id=emoji.code) for emoji in found]
    gold, bases = [{emoji.code} for emoji in found], [emoji.base for emoji in found]
    groups = ["unseen" if emoji.code in held else "seen" for emoji in found]
    with tempfile.TemporaryDirectory() as folder:
        drawn = _base(Path(folder) / "drawings", [Entry(e.code, e.code, images=(_within(e),)) for e in found])
        image = {
            "trained eye": ranked(ImageRetriever.build(drawn, eye), queries, max(AT)),
            "joint model's eye": ranked(ImageRetriever.build(drawn, joint.visual), queries, max(AT)),
        }
        named = {
            language: ranked(
                CrossModalRetriever.build(
                    _base(
                        Path(folder) / language,
                        [Entry(e.code, e.names[language], language=language) for e in found],
                    ),
                    joint,
                ),
                queries,
                max(AT),
            )
            for language in LANGUAGES
        }
    return {
        "emoji": len(found),
        "unseen": len(held),
        "chance": {f"recall@{k}": min(1.0, k / len(found)) for k in AT},
        "steps": {"eye": eye_steps, "joint": joint_steps},
        "drawing to drawing": {name: by_group(rows, gold, bases, groups) for name, rows in image.items()}
        | {kind: _floor(kind, found, held) for kind in KINDS},
        "picture to name": {language: by_group(rows, gold, bases, groups) for language, rows in named.items()},
    }


def _within(emoji: Emoji) -> str:
    return str(emoji.two.relative_to(FOLDER))


def _base(path: Path, entries: Sequence[Entry]) -> KnowledgeBase:
    base = KnowledgeBase.create(path)
    base.upsert(entries, lambda name: (FOLDER / name).read_bytes())
    return base


def _floor(kind: Any, found: Sequence[Emoji], held: set[str]) -> dict[str, Any]:
    """Features without learning, over all and over the unseen; the base is whole in both."""
    base = [(emoji.code, read_image(emoji.two)) for emoji in found]
    groups = {"all": found, "unseen": [emoji for emoji in found if emoji.code in held]}
    return {
        name: floor_recall(kind, [read_image(e.noto) for e in some], base, [e.code for e in some]) | {"n": len(some)}
        for name, some in groups.items()
    }
