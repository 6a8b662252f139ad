"""The measures, as pure functions of what was answered. Shares are in [0, 1]; None means nothing to judge."""

from collections.abc import Collection, Hashable, Iterable, Sequence

import numpy as np


def mean(values: Iterable[float]) -> float | None:
    """The arithmetic mean, None of nothing."""
    found = [float(value) for value in values]
    return sum(found) / len(found) if found else None


def accuracy_by_group(right: Sequence[bool], groups: Sequence[Collection[str]]) -> dict[str, float]:
    """The share of right answers in every group, in order of first appearance; a question may be in several groups.

    >>> accuracy_by_group([True, False, True], [["seen", "a"], ["seen"], ["a"]])
    {'seen': 0.5, 'a': 1.0}
    """
    by_group: dict[str, list[bool]] = {}
    for was_right, names in zip(right, groups, strict=True):
        for name in dict.fromkeys(names):
            by_group.setdefault(name, []).append(was_right)
    return {name: sum(found) / len(found) for name, found in by_group.items()}


def wide_relations(
    relations: Sequence[Hashable], answers: Sequence[Hashable], least_answers: int = 50
) -> list[Hashable]:
    """The relations that have at least `least_answers` distinct answers, in order of first appearance.

    Where a relation has few answers, guessing is good; leading with the wide ones keeps guessing out of the average.
    Give the answers normalised, and the whole test set, also where only a part of it is scored afterwards.

    >>> wide_relations(["capital", "capital", "side"], ["Rome", "Oslo", "left"], least_answers=2)
    ['capital']
    """
    distinct: dict[Hashable, set[Hashable]] = {}
    for relation, answer in zip(relations, answers, strict=True):
        distinct.setdefault(relation, set()).add(answer)
    return [relation for relation, found in distinct.items() if len(found) >= least_answers]


def macro_average(
    values: Sequence[float], relations: Sequence[Hashable], among: Collection[Hashable] | None = None
) -> float | None:
    """The mean over relations of the mean over a relation's questions; only relations in `among` where it is given.

    >>> macro_average([1, 1, 0, 0.5], ["capital", "capital", "capital", "coast"], among=["capital", "coast"])
    0.5833333333333333
    """
    by_relation: dict[Hashable, list[float]] = {}
    for value, relation in zip(values, relations, strict=True):
        if among is None or relation in among:
            by_relation.setdefault(relation, []).append(value)
    return mean(sum(found) / len(found) for found in by_relation.values())


def first_rank(ranked: Iterable[str], gold: Collection[str]) -> int | None:
    """The place, from 1, of the first gold entry among the distinct entries of the ranking.

    >>> first_rank(["x", "x", "y"], {"y"})
    2
    """
    distinct = dict.fromkeys(ranked)
    return next((place for place, entry in enumerate(distinct, 1) if entry in gold), None)


def recall_at_k(ranked: Sequence[Iterable[str]], gold: Sequence[Collection[str]], k: int) -> float | None:
    """The share of questions with a gold entry among the first k distinct entries; questions without gold don't count.

    >>> recall_at_k([["a", "a", "b"], ["c"]], [{"b"}, {"b"}], k=2)
    0.5
    """
    ranks = [first_rank(r, g) for r, g in zip(ranked, gold, strict=True) if g]
    return mean(rank is not None and rank <= k for rank in ranks)


def clustered_interval(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    relations: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    draws: int = 2000,
    level: float = 0.95,
) -> tuple[float, float] | None:
    """A percentile bootstrap interval of the mean, or of the macro average over `relations`, that draws whole clusters.

    Questions about one entry stand or fall together, so entries are drawn, not questions. The same seed gives the
    same interval. None where there is no value; with one cluster, the interval is a point.

    Args:
        values: one value a question.
        clusters: the question's cluster, e.g. its gold entry.
        relations: the question's relation; without, all questions are averaged alike.
        seed: of the draws.
        draws: how often the clusters are drawn anew.
        level: the share of draws inside the interval.
    """
    if len(values) == 0:
        return None
    cluster_of = _numbered(clusters)
    relation_of = _numbered(relations) if relations is not None else np.zeros(len(values), dtype=np.int64)
    shape = (int(cluster_of.max()) + 1, int(relation_of.max()) + 1)
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, (cluster_of, relation_of), np.asarray(values, dtype=np.float64))
    np.add.at(counts, (cluster_of, relation_of), 1.0)
    times = np.random.default_rng(seed).multinomial(shape[0], np.full(shape[0], 1 / shape[0]), size=draws)
    drawn = times @ counts  # [draws, relations]
    means = np.divide(times @ sums, drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0)
    low, high = np.quantile(np.nanmean(means, axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _numbered(names: Sequence[Hashable]) -> np.ndarray:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)


def expected_calibration_error(confidence: Sequence[float], right: Sequence[bool], bins: int = 10) -> float | None:
    """How far confidence is from the share of right answers: sum over bins of n_b / n * |right_b - confidence_b|.

    The bins are of equal width on [0, 1]; a confidence of 1 is in the last one.

    >>> expected_calibration_error([1.0, 1.0, 0.0, 0.0], [True, False, False, False])
    0.25
    """
    p, r = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if len(p) == 0:
        return None
    which = np.minimum((p * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(which, weights=r - p, minlength=bins)  # n_b * (right_b - confidence_b)
    return float(np.abs(gaps).sum() / len(p))
