"""How ranked lists become one: the formulas alone.

A stage r gives each document d that it lists a value v_r(d) of at least 0; one that it does not list has 0. The fused
score is the weighted sum over the stages.
"""

from collections.abc import Hashable, Mapping, Sequence
from math import fsum, sqrt
from typing import TypeVar

K = 60
"""The constant of reciprocal rank fusion, as its authors chose it."""
_UNLISTED = 2.0  # standard deviations below the mean

Document = TypeVar("Document", bound=Hashable)


def reciprocal_ranks(n: int, k: float = K) -> list[float]:
    """1 / (k + r(d)) for the ranks r(d) = 1 ... n (Cormack, Clarke and Buettcher 2009).

    >>> [round(value, 5) for value in reciprocal_ranks(3)]
    [0.01639, 0.01613, 0.01587]
    """
    return [1 / (k + rank) for rank in range(1, n + 1)]


def min_max(scores: Sequence[float], lowest: float | None = None) -> list[float]:
    """(s - m) / (M - m), in [0, 1]; M is the highest score, m the lowest. Scores that are all alike become 1.

    With `lowest`, the least that the stage can give at all (0 for BM25, -1 for a cosine), m is that: the theoretical
    min-max of Bruch, Gai and Ingber 2023. A list whose scores are all high then stays high.

    >>> min_max([3.0, 2.0, 1.0]), min_max([3.0, 2.0, 1.0], lowest=-1.0)
    ([1.0, 0.5, 0.0], [1.0, 0.75, 0.5])
    """
    if not scores:
        return []
    m, M = min(scores) if lowest is None else lowest, max(scores)
    if m == M:
        return [float(lowest is None)] * len(scores)
    return [(s - m) / (M - m) for s in scores]


def z_scores(scores: Sequence[float]) -> list[float]:
    """(s - mean) / deviation, moved up so that a document that is not listed stands at 0.

    It stands two deviations below the mean, or level with the last of the list where that is further below. Scores that
    are all alike become 2.

    >>> z_scores([5.0, 3.0])
    [3.0, 1.0]
    """
    if not scores:
        return []
    mean = fsum(scores) / len(scores)
    deviation = sqrt(fsum((s - mean) ** 2 for s in scores) / len(scores))
    if not deviation or min(scores) == max(scores):  # the mean of equal numbers is rounded
        return [_UNLISTED] * len(scores)
    z = [(s - mean) / deviation for s in scores]
    up = max(_UNLISTED, -min(z))
    return [value + up for value in z]


def weighted_sum(values: Sequence[Mapping[Document, float]], weights: Sequence[float]) -> dict[Document, float]:
    """The sum over r of w_r v_r(d), for every document that a stage lists.

    The sum is rounded once, so the order of the stages makes no difference. With weights that add up to 1 it is the
    convex combination; with weights of 1 and reciprocal ranks it is RRFscore(d).

    >>> weighted_sum([{"a": 1.0, "b": 0.5}, {"b": 1.0}], [0.5, 0.5])
    {'a': 0.5, 'b': 0.75}
    """
    parts: dict[Document, list[float]] = {}
    for stage, w in zip(values, weights, strict=True):
        for d, v in stage.items():
            parts.setdefault(d, []).append(w * v)
    return {d: fsum(found) for d, found in parts.items()}
