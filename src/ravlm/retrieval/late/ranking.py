"""From candidates to ranked rows: ties by id, and of an entry's pictures the best one alone."""

import numpy as np

from ravlm.retrieval.late.index import FINAL, LateIndex, Mask, Scores
from ravlm.retrieval.late.maxsim import Floats, Places
from ravlm.retrieval.rows import Rows

_TIMES = 4  # passages that are ranked by exact MaxSim, for each that is wanted, at least


def best_rows(
    index: LateIndex, rows: Rows, query: Floats, weights: Floats, k: int, candidates: int, allowed: Mask | None
) -> list[tuple[int, float]]:
    """The k best rows with their scores, best first, for the tokens [m, width] of a query and their weights [m].

    More candidates are taken until there are k, or no more.
    """
    if not len(query):
        return []
    wanted = max(candidates, FINAL * _TIMES * k)
    while True:
        found = index.candidates(query, weights, wanted, allowed)
        gave = index.similarities(query, found) * weights.astype(np.float64)
        ranked = _best(rows, found, gave.sum(axis=1), k)
        if len(ranked) == k or len(found) != wanted // FINAL:
            return ranked
        wanted *= FINAL


def _best(rows: Rows, found: Places, scores: Scores, k: int) -> list[tuple[int, float]]:
    looked_at = k
    while True:
        least = np.partition(scores, -looked_at)[-looked_at] if looked_at < len(scores) else -np.inf
        kept = scores >= least
        best: dict[int | str, tuple[int, float]] = {}
        for row, score in rows.ranked(found[kept].tolist(), scores[kept].tolist(), len(found)):
            best.setdefault(_once(rows, row), (row, score))
        if len(best) >= k or looked_at >= len(scores):
            return list(best.values())[:k]
        looked_at *= _TIMES


def _once(rows: Rows, row: int) -> int | str:
    """What is found once at most: a row, or the pictures of one entry."""
    return row if rows.table["image_id"][row].as_py() is None else rows.entry(row)
