"""Intervals by drawing anew what could have been another sample: whole clusters of questions, and seeds of training.

The draws depend on the seed alone: they are raw words of a bit generator, whose stream NumPy promises to keep.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import ndtr, stdtrit

from ravlm.evaluation.measures import mean

Interval = tuple[float, float]

_CACHED = 2**25  # counts of draws that are kept, one byte each
_AT_ONCE = 2**21  # counts of draws that are multiplied at once, eight bytes each


@dataclass(frozen=True, slots=True)
class Score:
    """A mean, and the interval in which it lies; None where there is nothing to judge, or nothing to draw from."""

    value: float | None
    interval: Interval | None

    def as_json(self) -> dict[str, Any]:
        """The score as a summary holds it."""
        return {"value": self.value, "interval": None if self.interval is None else list(self.interval)}


def clustered_score(values: Sequence[float], clusters: Sequence[Hashable], *, seed: int = 0) -> Score:
    """The mean of the values with its 95 % interval: see `clustered_interval`.

    >>> clustered_score([1, 0, 1, 0], ["a", "a", "b", "b"])
    Score(value=0.5, interval=(0.5, 0.5))
    """
    return Score(mean(values), clustered_interval(values, clusters, seed=seed))


def clustered_interval(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    relations: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    draws: int = 2000,
    level: float = 0.95,
) -> Interval | None:
    """A bootstrap interval of the mean, or of the macro average over `relations`, that draws whole clusters.

    Questions about one entry stand or fall together, so entries are drawn, not questions. It is the expanded percentile
    interval, whose tails (`expanded_tail`) are those that few clusters need. The same seed gives the same interval. For
    the difference of two systems give the differences, question by question. None with fewer than two clusters: one
    says nothing of how far others would be from it. Where nearly all clusters agree, as with accuracies beside 0 or 1,
    and clusters are few, the interval holds the truth less often than it says.

    Args:
        values: one value a question.
        clusters: the question's cluster, e.g. its gold entry.
        relations: the question's relation; without, all questions are averaged alike. A draw that misses a relation
            averages the others.
        seed: of the draws.
        draws: how often the clusters are drawn anew.
        level: how often such intervals should hold the truth.
    """
    return interval_over_seeds(
        [values], [clusters], None if relations is None else [relations], seed=seed, draws=draws, level=level
    )


def interval_over_seeds(
    values: Sequence[Sequence[float]],
    clusters: Sequence[Sequence[Hashable]],
    relations: Sequence[Sequence[Hashable]] | None = None,
    *,
    seed: int = 0,
    draws: int = 2000,
    level: float = 0.95,
) -> Interval | None:
    """An interval of the mean over training seeds and questions, that draws seeds as well as clusters.

    The pigeonhole bootstrap (Owen 2007, The Pigeonhole Bootstrap, Annals of Applied Statistics 1(2)): seeds and
    clusters are drawn apart from each other, with replacement, and a question weighs as often as its seed times as
    often as its cluster. It overstates what is particular to one seed in one cluster, so it errs on the wide side. As
    few seeds say little of how far seeds are apart, the tails are those of `expanded_tail` for the effective degrees of
    freedom of both sources together (Satterthwaite 1946, An Approximate Distribution of Estimates of Variance
    Components, Biometrics Bulletin 2(6)). What few seeds mean: where they hardly differ, their number hardly matters;
    where they differ much, the interval spans about all that 2 or 3 of them allow, and with 2 it still holds the truth
    less often than it says. With one seed it is `clustered_interval`, and speaks of that one training alone. None with
    fewer than two clusters.

    Args:
        values: for each seed, one value a question.
        clusters: for each seed, the questions' clusters; one name is one cluster, whatever the seed.
        relations: for each seed, the questions' relations, for the macro average over them.
        seed: of the draws.
        draws: how often seeds and clusters are drawn anew.
        level: how often such intervals should hold the truth.
    """
    table = _table(values, clusters, relations)
    n_clusters, n_seeds = table.shape[:2]
    if n_clusters < 2:
        return None
    seeds = _drawn(n_seeds, (seed, 1), draws) if n_seeds > 1 else np.ones((draws, 1))
    flat = table.reshape(n_clusters, -1)
    by_seed = np.concatenate([part @ flat for part in _parts(n_clusters, (seed,), draws)])  # [draws, ...]
    by_seed = by_seed.reshape(draws, *table.shape[1:])
    both = _macro(np.einsum("ds,dsrx->drx", seeds, by_seed))
    freedom = float(n_clusters - 1)
    if n_seeds > 1:
        of_seeds = _macro(np.einsum("ds,srx->drx", seeds, table.sum(axis=0)))
        freedom = _joint_freedom(_macro(by_seed.sum(axis=1)).var(), n_clusters, of_seeds.var(), n_seeds)
    tail = expanded_tail(freedom + 1, level)
    low, high = np.quantile(both, [tail, 1 - tail])
    return float(low), float(high)


def expanded_tail(n: float, level: float = 0.95) -> float:
    """The share of draws outside each end of the expanded percentile interval.

    alpha' / 2 = Phi(sqrt(n / (n - 1)) t_{alpha/2, n-1}), with alpha = 1 - level: Hesterberg 2015, What Teachers Should
    Know About the Bootstrap, The American Statistician 69(4). Draws from n values scatter sqrt((n - 1) / n) times as
    much as the values do, and a normal tail stands where Student's t belongs; this undoes both.

    >>> round(expanded_tail(10), 4), round(expanded_tail(10**9), 4)
    (0.0086, 0.025)
    """
    return float(ndtr(np.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 - level) / 2)))


def _joint_freedom(of_clusters: float, n_clusters: int, of_seeds: float, n_seeds: int) -> float:
    """Satterthwaite's degrees of freedom of the sum of two estimated variances."""
    known = of_clusters**2 / (n_clusters - 1) + of_seeds**2 / (n_seeds - 1)
    return (of_clusters + of_seeds) ** 2 / known if known > 0 else float(n_clusters - 1)


def _table(
    values: Sequence[Sequence[float]],
    clusters: Sequence[Sequence[Hashable]],
    relations: Sequence[Sequence[Hashable]] | None,
) -> np.ndarray:
    """Sums and counts of the values: [clusters, seeds, relations, 2]."""
    of_each = [float(value) for found in values for value in found]
    seed_of = np.repeat(np.arange(len(values)), [len(found) for found in values])
    cluster_of = _numbered(clusters, values)
    relation_of = np.zeros_like(cluster_of) if relations is None else _numbered(relations, values)
    shape = (int(cluster_of.max(initial=-1)) + 1, len(values), int(relation_of.max(initial=-1)) + 1)
    cell = (cluster_of * shape[1] + seed_of) * shape[2] + relation_of
    size = shape[0] * shape[1] * shape[2]
    sums, counts = np.bincount(cell, weights=of_each, minlength=size), np.bincount(cell, minlength=size)
    return np.stack([sums, counts], axis=-1).reshape(*shape, 2)


def _macro(drawn: np.ndarray) -> np.ndarray:
    """The mean over relations of the mean in each, for every draw [draws, relations, 2] that has a question at all."""
    sums, counts = drawn[..., 0], drawn[..., 1]
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0).sum(axis=1)
    found = (counts > 0).sum(axis=1)
    return np.asarray(means[found > 0] / found[found > 0])


def _numbered(names: Sequence[Sequence[Hashable]], values: Sequence[Sequence[float]]) -> np.ndarray:
    """The names of all seeds in a row, as numbers in order of first appearance; there is one name a value."""
    numbers: dict[Hashable, int] = {}
    pairs = (zip(some, found, strict=True) for some, found in zip(names, values, strict=True))
    return np.array([numbers.setdefault(name, len(numbers)) for row in pairs for name, _ in row], dtype=np.int64)


def _parts(n: int, entropy: tuple[int, ...], draws: int) -> Iterator[np.ndarray]:
    """How often each of n is drawn, n times with replacement: [some draws, n], in parts that memory can hold."""
    rows = max(1, _AT_ONCE // n)
    if n * draws <= _CACHED:
        kept = _drawn(n, entropy, draws)
        yield from (kept[at : at + rows].astype(np.float64) for at in range(0, draws, rows))
    else:
        yield from (part.astype(np.float64) for part in _counted(n, entropy, draws))


@lru_cache(maxsize=8)
def _drawn(n: int, entropy: tuple[int, ...], draws: int) -> np.ndarray:
    """All of `_counted` in one byte each: no draw of hundreds names one of them 256 times."""
    counts = np.concatenate([part.astype(np.uint8) for part in _counted(n, entropy, draws)])
    counts.flags.writeable = False
    return counts


def _counted(n: int, entropy: tuple[int, ...], draws: int) -> Iterator[np.ndarray]:
    generator = np.random.PCG64(entropy)
    rows = max(1, _AT_ONCE // n)
    for at in range(0, draws, rows):
        some = min(rows, draws - at)
        drawn = (generator.random_raw(some * n) % np.uint64(n)).astype(np.int64).reshape(some, n)
        drawn += n * np.arange(some)[:, None]
        yield np.bincount(drawn.ravel(), minlength=some * n).reshape(some, n)
