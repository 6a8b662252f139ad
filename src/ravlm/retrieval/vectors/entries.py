"""Entries by the nearest of their rows: several vectors of one query, over one kind of rows or two."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ravlm.records import Filters, Hit
from ravlm.retrieval.vectors.side import Side
from ravlm.retrieval.vectors.store import Floats

_TIMES = 3  # rows that are asked for, times the entries that are wanted; an entry may have many


@dataclass(frozen=True, slots=True)
class Ask:
    """Vectors [v, width] of one query, to be compared with the rows of one side."""

    side: Side
    vectors: Floats


@dataclass(frozen=True, slots=True)
class Nearest:
    """An entry's row that scores best, of the side that it is of."""

    side: Side
    row: int
    score: float


_Ranked = tuple[Side, list[tuple[int, float]]]  # rows of a side with their scores, best first


def best_entries(asks: Sequence[Sequence[Ask]], k: int, filters: Sequence[Filters]) -> list[list[Nearest]]:
    """The k best entries of each query, ties by the entry's id, each with its best row over all that is asked.

    More rows are asked for until no row beyond them can change anything, however many rows an entry has (a threshold
    as in Fagin et al. 2001, Optimal Aggregation Algorithms for Middleware).
    """
    found: list[list[Nearest]] = [[] for _ in asks]
    left = list(range(len(asks)))
    c = _TIMES * k
    while left:
        lists = _lists([asks[i] for i in left], c, [filters[i] for i in left])
        unsettled = []
        for i, its in zip(left, lists, strict=True):
            found[i], settled = _merged(its, k, c)
            if not settled:
                unsettled.append(i)
        left, c = unsettled, _TIMES * c
    return found


def _lists(asks: Sequence[Sequence[Ask]], c: int, filters: Sequence[Filters]) -> list[list[_Ranked]]:
    """For each query a list for each of its vectors: the c best rows; each side is searched once."""
    lists: list[list[_Ranked]] = [[] for _ in asks]
    for side in {id(ask.side): ask.side for each in asks for ask in each}.values():
        numbered = [(i, ask.vectors) for i, each in enumerate(asks) for ask in each if ask.side is side]
        owners = [i for i, vectors in numbered for _ in vectors]
        found = side.search(np.concatenate([v for _, v in numbered]), c, [filters[i] for i in owners])
        for at, i in enumerate(owners):
            lists[i].append((side, found.of(at)))
    return lists


def _merged(lists: Sequence[_Ranked], k: int, c: int) -> tuple[list[Nearest], bool]:
    """The k best entries of lists of rows, and whether rows beyond these lists can't change that."""
    floor = max((rows[-1][1] for _, rows in lists if len(rows) >= c), default=-np.inf)
    best: dict[str, Nearest] = {}
    last = np.inf
    every = [(-score, at, row) for at, (_, rows) in enumerate(lists) for row, score in rows]
    for negative, at, row in every if len(lists) == 1 else sorted(every):
        if len(best) >= k and -negative < last:
            break
        side = lists[at][0]
        entry_id = side.rows.entry(row)
        there = best.get(entry_id)
        if there is None:
            best[entry_id] = Nearest(side, row, -negative)
            last = -negative if len(best) <= k else last
        elif -negative == there.score and side.rows.id(row) < there.side.rows.id(there.row):
            best[entry_id] = Nearest(side, row, -negative)
    ranked = sorted(best.items(), key=lambda item: (-item[1].score, item[0]))[:k]
    return [row for _, row in ranked], floor == -np.inf or (len(best) >= k and last > floor)


def nearest_within(asks: Sequence[Ask], entry_ids: Sequence[str], filters: Filters) -> list[tuple[int, Nearest] | None]:
    """For each entry its best row, as `best_entries` scores it, and the number of the vector that it is nearest to.

    The vectors are counted through all `asks`. None where the entry has no row that may be found.
    """
    best: dict[str, tuple[int, Nearest]] = {}
    first = 0
    for ask in asks:
        allowed = ask.side.rows.allowed(filters)
        for entry_id, its in ask.side.rows.rows_by_entry(list(dict.fromkeys(entry_ids))).items():
            rows = [row for row in its if allowed is None or allowed[row]]
            if not rows:
                continue
            scores = ask.side.scores(ask.vectors, rows)
            vector, place = divmod(int(scores.argmax()), len(rows))
            score = float(scores[vector, place])
            if entry_id not in best or score > best[entry_id][1].score:
                best[entry_id] = first + vector, Nearest(ask.side, rows[place], score)
        first += len(ask.vectors)
    return [best.get(entry_id) for entry_id in entry_ids]


def hits_of(ranked: Sequence[Nearest], stage: str) -> list[Hit]:
    """One hit an entry, with the picture or passage that was nearest."""
    made = [each.side.rows.hits([(each.row, each.score)], stage)[0] for each in ranked]
    return [replace(hit, rank=rank) for rank, hit in enumerate(made, 1)]
