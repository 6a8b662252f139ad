"""How well the right entries are ranked: the standard scores, worked out by `ir_measures`.

The names are those of `ir_measures`; `trec_eval` calls the same scores otherwise:

    R@1, R@5, R@10                     recall_1, recall_5, recall_10
    RR@10                              recip_rank, of a run cut at 10 (`-M 10`)
    AP@10                              map_cut_10
    nDCG@10                            ndcg_cut_10
    Success@1, Success@5, Success@10   success_1, success_5, success_10
"""

from collections.abc import Sequence

import numpy as np

from ravlm.evaluation.measures import mean
from ravlm.optional import require

MEASURES = ("R@1", "R@5", "R@10", "RR@10", "AP@10", "nDCG@10", "Success@1", "Success@5", "Success@10")

_DEEPEST = 10  # no measure looks further
_Pattern = tuple[tuple[int, ...], int]


def per_question(gold_ranks: Sequence[Sequence[int]], gold: Sequence[int]) -> list[dict[str, float] | None]:
    """All `MEASURES` of every question, None where no entry is right.

    Args:
        gold_ranks: for each question, the places from 1 of the right entries among the distinct ones that were found.
        gold: how many entries are right; those that were not found count as missed.

    Raises:
        MissingExtra: `ir_measures` is not installed.
    """
    seen = [tuple(sorted(rank for rank in ranks if rank <= _DEEPEST)) for ranks in gold_ranks]
    patterns: list[_Pattern] = list(zip(seen, gold, strict=True))
    scores = _scored([pattern for pattern in dict.fromkeys(patterns) if pattern[1] > 0])
    return [dict(scores[pattern]) if pattern[1] > 0 else None for pattern in patterns]


def recall_curve(gold_ranks: Sequence[Sequence[int]], gold: Sequence[int], deepest: int = 10) -> list[float]:
    """The mean of R@k for k from 1 to `deepest`, over the questions that have a right entry; empty where none has.

    >>> recall_curve([[1], [3], []], [1, 2, 0], deepest=3)
    [0.5, 0.5, 0.75]
    """
    judged = [(ranks, n) for ranks, n in zip(gold_ranks, gold, strict=True) if n > 0]
    found = np.zeros(deepest)
    for ranks, n in judged:
        for rank in ranks:
            found[rank - 1 : deepest] += 1 / n
    return [float(value) for value in found / len(judged)] if judged else []


def pseudo_relevance_recall(ranks: Sequence[int], k: int | None) -> float | None:
    """PRRecall@K: the share of questions where one of the first k passages holds a right answer; None: one of all.

    Luo et al. 2021, Weakly-Supervised Visual-Retriever-Reader for Knowledge-based Question Answering; named so by Lin
    and Byrne 2022, Retrieval Augmented Visual Question Answering with Outside Knowledge. `ranks` has for each question
    the place from 1 of the first such passage, 0 where none is.

    >>> pseudo_relevance_recall([1, 4, 0], 3), pseudo_relevance_recall([1, 4, 0], None)
    (0.3333333333333333, 0.6666666666666666)
    """
    return mean(rank > 0 and (k is None or rank <= k) for rank in ranks)


def _scored(patterns: Sequence[_Pattern]) -> dict[_Pattern, dict[str, float]]:
    """The scores of each different pattern, as a query of its own: entries of which some are right, others missed."""
    ir = require("ir_measures", "evaluation")
    judged, found = [], []
    for i, (ranks, n) in enumerate(patterns):
        right = [*ranks, *(f"missed {m}" for m in range(n - len(ranks)))]
        judged += [ir.Qrel(str(i), str(name), 1) for name in right]
        found += [ir.ScoredDoc(str(i), str(rank), -float(rank)) for rank in range(1, _DEEPEST + 1)]
    scores = {pattern: dict.fromkeys(MEASURES, 0.0) for pattern in patterns}
    if patterns:
        for one in ir.iter_calc([ir.parse_measure(name) for name in MEASURES], judged, found):
            scores[patterns[int(one.query_id)]][str(one.measure)] = float(one.value)
    return scores
