"""Losses of parts of a batch, each by what it is the mean of, make the loss of the whole."""

import pytest
import torch

from ravlm.heads.classification import ClassificationHead, ClassPrediction
from ravlm.heads.multilabel import MultiLabelHead
from ravlm.heads.regression import NumberPrediction, RegressionHead
from ravlm.heads.targets import LabelTargets, NumberTargets, Targets
from ravlm.heads.units import UnitScale
from ravlm.tasks.teaching import counted

PARTS = [slice(0, 2), slice(2, 5)]  # one row of the first is known, two of the second
KNOWN = torch.tensor([0, -1, 1, 1, -1])


def classes(rows: slice):
    right = torch.zeros(5, 1, 1, 1, dtype=torch.bool)
    return ClassPrediction(logits()[rows]), Targets(right[rows], KNOWN[rows])


def labels(rows: slice):
    return ClassPrediction(logits()[rows]), LabelTargets((torch.arange(2) == KNOWN[:, None])[rows])


def numbers(rows: slice):
    location, scale = logits() * 2, logits().exp()
    return NumberPrediction(logits()[rows], location[rows], scale[rows]), NumberTargets(
        torch.ones(5)[rows], KNOWN[rows]
    )


def logits() -> torch.Tensor:
    return torch.randn(5, 2, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("head", "asked"),
    [
        (ClassificationHead(width=4, vocabulary=["a", "b"]), classes),
        (MultiLabelHead(width=4, vocabulary=["a", "b"]), labels),
        (RegressionHead(width=4, units=[UnitScale("kg"), UnitScale("g")], tolerance=0.1), numbers),
    ],
    ids=["classification", "labels", "regression"],
)
def test_parts_make_the_whole(head, asked) -> None:
    whole, targets = asked(slice(0, 5))
    counts = [counted(head, asked(rows)[1]) for rows in PARTS]
    assert (counts, counted(head, targets)) == ([1, 2], 3)
    parts = sum(float(head.loss(*asked(rows))) * n for rows, n in zip(PARTS, counts, strict=True)) / sum(counts)
    assert parts == pytest.approx(float(head.loss(whole, targets)), rel=1e-5)


def test_what_is_written_counts_by_tokens_and_what_is_read_by_rows() -> None:
    from ravlm.heads.candidates import CandidateHead
    from ravlm.heads.generation import GenerationHead, TokenTargets

    mask = torch.tensor([[True, True, False], [False, False, False]])
    assert counted(GenerationHead.__new__(GenerationHead), TokenTargets(mask.long(), mask)) == 2
    head = CandidateHead(width=4, vocabulary=ClassificationHead(width=4, vocabulary=["a"]), max_span=2)
    assert counted(head, classes(slice(0, 5))[1]) == 5
