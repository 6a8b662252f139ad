"""What is read under each kind of evidence, with several right entries and several passages of each."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ravlm.answering.answerer import Asked, Found
from ravlm.evaluation.evidence import hits_of
from ravlm.evaluation.runs.records import EvidenceKind
from ravlm.records import Hit
from ravlm.tensors import Encoded

Row = tuple[str, str, float]


class Images:
    def compare(self, key: np.ndarray, entry_id: str) -> Row:
        return entry_id, f"{entry_id}.png", 0.5


class Retriever:
    """Gives each entry's picture and its two passages."""

    images = Images()

    def read(self, entries: list[Row], question: str, language: str) -> list[Hit]:
        found = []
        for entry_id, image_id, score in entries:
            found.append(Hit(entry_id, None, image_id, 1, {"image": score}))
            found += [Hit(entry_id, f"{entry_id}#{n}", image_id, 1, {"tfidf": 0.1}) for n in range(2)]
        return found


RANKED: list[Row] = [("a", "a.png", 0.9), ("x", "x.png", 0.8), ("b", "b.png", 0.7), ("y", "y.png", 0.6)]


def passages(kind: EvidenceKind, gold: set[str], support: set[str]) -> list[str | None]:
    retriever: Any = Retriever()
    blank = torch.zeros(1, 1, 2)
    found = Found(
        Encoded(blank, torch.ones(1, 1, dtype=torch.bool), blank[:, 0]),
        np.zeros((1, 2), np.float32),
        [RANKED],
        [retriever.read(RANKED[:3], "", "en")],
    )
    asked = [Asked(Image.new("RGB", (4, 4)), "What?", "en")]
    hits = hits_of(kind, retriever, asked, found, gold=[gold], support=[support])
    return [hit.passage_id or hit.entry_id for hit in hits[0]]


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        ("none", []),
        ("retrieved", ["a", "a#0", "a#1", "x", "x#0", "x#1", "b", "b#0", "b#1"]),
        ("oracle", ["a", "a#0", "a#1", "b", "b#0", "b#1"]),
        ("removed", ["a", "a#1", "x", "x#0", "x#1", "b", "b#0"]),
        ("wrong", ["x", "x#0", "x#1"]),
    ],
)
def test_what_is_read(kind: EvidenceKind, read: list[str]) -> None:
    assert passages(kind, {"a", "b"}, {"a#0", "b#1"}) == read


def test_the_wrong_entry_is_the_best_of_the_wrong_ones_or_none() -> None:
    assert passages("wrong", {"x", "b"}, set())[0] == "a"
    assert passages("wrong", {"a", "x", "b", "y"}, set()) == []


def test_without_right_entries_none_is_given_and_none_is_wrong() -> None:
    assert passages("oracle", set(), set()) == []
    assert passages("wrong", set(), set()) == []
    assert passages("removed", set(), {"x#0"}) == ["a", "a#0", "a#1", "x", "x#1", "b", "b#0", "b#1"]
