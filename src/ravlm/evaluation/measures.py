"""The measures, as pure functions of what was answered. Shares are in [0, 1]; None means nothing to judge."""

from collections.abc import Collection, Hashable, Iterable, Sequence
from math import isfinite

from ravlm.grading import parse_number
from ravlm.records import Example


def mean(values: Iterable[float]) -> float | None:
    """The arithmetic mean, None of nothing."""
    found = [float(value) for value in values]
    return sum(found) / len(found) if found else None


def absolute_error(example: Example, answer: str) -> float | None:
    """|answer - value| in the example's unit, in three significant digits; None where the answer is no such number.

    The unit may be left out, as for `grading.is_right`; what is right has no error, and what has none is right.

    >>> absolute_error(Example("", (), None, "number", value=3.5, unit="gram"), "2.25 gram")
    1.25
    """
    number = parse_number(answer, example.unit) if example.kind == "number" else None
    if number is None or example.value is None or not isfinite(number):
        return None
    return float(f"{abs(number - example.value):.3g}")


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
