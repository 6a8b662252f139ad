"""Vectors that are searched: quickly by a structure of faiss, rows that came later beside it, and by exact scores."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ravlm.retrieval.vectors.exact import NONE, Mask, Scores, best_of, nearest, scores_of, slack, whole
from ravlm.retrieval.vectors.store import Floats, Places, Vectors
from ravlm.retrieval.vectors.structures import ENGINES, Built, Choice, build, choose

Ranked = Callable[[Sequence[int], Sequence[float], int], list[tuple[int, float]]]
"""As `Rows.ranked`: the k best of some rows with their scores, best first, ties by id."""
LATER, GONE = 0.1, 0.2
"""The shares of rows beside the structure, and of dropped rows, above which it is made anew."""
_MARGIN = 8  # rows beyond k that are asked for
_WIDER = 8  # times as many, where those do not settle who is among the k best
_FEW = 20  # allowed rows are all looked at where they are at most one in so many


@dataclass(frozen=True, slots=True)
class Found:
    """The best rows of each query [b, k], best first, and their scores [b, k]; `NONE` and minus infinity fill up."""

    rows: Places
    scores: Scores

    def of(self, query: int) -> list[tuple[int, float]]:
        """One query's rows with their scores."""
        there = self.rows[query] != NONE
        return list(zip(self.rows[query][there].tolist(), self.scores[query][there].tolist(), strict=True))


class VectorIndex:
    """Vectors [n, d] by inner product, which is the cosine where they are of unit length.

    A structure, or a float32 product, finds a few more rows than are wanted. Those are scored in float64 from the
    stored vectors and ranked, ties by id; where they do not settle who is among the best, because too many are as near,
    more are looked at. So hits and scores do not depend on threads, nor on what else is searched for.
    """

    def __init__(self, vectors: Vectors, *, structure: str = "auto", memory: int | None = None) -> None:
        """Build the structure.

        Args:
            vectors: of the rows, in their order; finite.
            structure: one of `structures.Structure`.
            memory: bytes that it may take; see `structures.choose`.

        Raises:
            UnknownChoice: there is no such structure.
            ConfigError: the memory is not above 0.
        """
        self.vectors = vectors
        self.structure, self.memory = structure, memory
        self.choice = choose(structure, len(vectors), vectors.width, memory)
        chosen = self.choice.structure
        self._quick = None if chosen == "flat" else Built(chosen, build(chosen, vectors))
        self._longest = _longest(vectors.blocks(np.arange(len(vectors))))

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def _built(self) -> int:
        """Rows that the structure holds; those behind them are searched exactly."""
        return 0 if self._quick is None else self._quick.rows

    def append(self, vectors: Floats) -> set[str]:
        """Put the vectors of new rows [m, d] after the last; returns the roles of the files that change by it."""
        self._longest = max(self._longest, _longest([vectors]))
        return {f"vectors-{number}" for number in self.vectors.append(vectors)}

    def crowded(self, there: int) -> bool:
        """Whether the structure should be made anew, when so many rows are not dropped."""
        if len(self) - there > GONE * len(self):
            return True
        if self._quick is not None:
            return len(self) - self._built > LATER * self._built
        return choose(self.structure, there, self.vectors.width, self.memory).structure != "flat"

    def kept(self, rows: Places) -> "VectorIndex":
        """An index of some of these vectors, whose rows are 0, 1, ...; its files are all new."""
        vectors = Vectors.of(self.vectors.blocks(rows), self.vectors.width)
        return VectorIndex(vectors, structure=self.structure, memory=self.memory)

    def search(self, queries: Floats, k: int, ranked: Ranked, allowed: Mask | None = None) -> Found:
        """The k best rows of each query [b, d], or as many as are allowed.

        Args:
            queries: finite float32.
            k: how many.
            ranked: breaks ties.
            allowed: which rows may be found [n]; all without it.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        there = len(self) if allowed is None else int(np.count_nonzero(allowed))
        k = min(k, there)
        found = Found(np.full((len(queries), k), NONE), np.full((len(queries), k), -np.inf))
        if not k or not len(queries):
            return found
        exact = self._quick is None or there * _FEW <= len(self)
        bounds = slack(queries, self._longest)
        left = np.arange(len(queries))
        for times in (1,) if exact else (1, _WIDER):
            lists = self._lists(queries[left], times * (k + _MARGIN), allowed, exact)
            rows = np.concatenate([some for some, _ in lists], axis=1)
            scores = scores_of(self.vectors, queries[left], rows)
            settled = _rank(found, left, rows, scores, k, ranked) & _settled(lists, scores, found, left, bounds)
            left = left[~settled]
            if not len(left):
                break
        for query in left.tolist():
            some, their = whole(self.vectors, queries[query], k, allowed, float(bounds[query]))
            _rank(found, np.array([query]), some[None], their[None], k, ranked)
        return found

    def _lists(self, queries: Floats, c: int, allowed: Mask | None, exact: bool) -> list[tuple[Places, bool]]:
        """Rows that can be among the c best: from the structure, and from each part that is searched exactly.

        With each list stands whether it was asked for all that there is.
        """
        lists = []
        if self._quick is not None and not exact:
            mask = None if allowed is None else allowed[: self._built]
            rows = self._quick.candidates(queries, c, mask)
            if rows.shape[1] > c:
                rows = best_of(queries, self.vectors.parts[0], rows, c)
            lists.append((rows, rows.shape[1] >= self._built))
        for start, part in self.vectors.starts(0 if exact else 1):
            mask = None if allowed is None else allowed[start : start + len(part)]
            rows = nearest(queries, part, min(c, len(part)), mask)
            lists.append((np.where(rows == NONE, NONE, rows + start), c >= len(part)))
        return lists

    def settings(self) -> dict[str, Any]:
        """What `read` needs beside the files, as JSON; `engine` and `why` are for people."""
        return {
            "engine": ENGINES[self.choice.structure],
            "why": self.choice.why,
            "structure": self.structure,
            "chosen": self.choice.structure,
            "memory": self.memory,
            "width": self.vectors.width,
            "longest": self._longest,
        }

    def files(self) -> dict[str, Callable[[Path], None]]:
        """A writer for each file, by its role."""
        roles = {f"vectors-{number}": self.vectors.writer(number) for number in range(len(self.vectors.parts))}
        return roles if self._quick is None else {**roles, "structure": self._quick.write}

    @classmethod
    def read(cls, files: Mapping[str, Path], settings: Mapping[str, Any]) -> "VectorIndex":
        """The index from its files, by role."""
        parts = sum(role.startswith("vectors-") for role in files)
        made = cls.__new__(cls)
        made.vectors = Vectors.open((files[f"vectors-{number}"] for number in range(parts)), settings["width"])
        made.structure, made.memory = settings["structure"], settings["memory"]
        made.choice = Choice(settings["chosen"], settings["why"])
        made._quick = Built.read(settings["chosen"], files["structure"]) if "structure" in files else None
        made._longest = settings["longest"]
        return made


def _longest(blocks: Iterable[Floats]) -> float:
    """The length of the longest vector, not less."""
    squares = [np.einsum("nd,nd->n", block, block, dtype=np.float64).max() for block in blocks if len(block)]
    return float(np.sqrt(max(squares, default=0.0))) * (1 + 1e-9)


def _rank(found: Found, queries: Places, rows: Places, scores: Scores, k: int, ranked: Ranked) -> Mask:
    """Put the best of some queries' rows [m, c] where they belong; ids are asked for only where scores are the same.

    Returns whether there are k of them, for each query [m].
    """
    if rows.shape[1] < k:
        return np.zeros(len(rows), np.bool_)
    order = np.argsort(-scores, axis=1, kind="stable")[:, : k + 1]
    each = np.arange(len(rows))[:, None]
    best = scores[each, order]
    found.rows[queries] = rows[each, order[:, :k]]
    found.scores[queries] = best[:, :k]
    tied = (best[:, 1:] == best[:, :-1]).any(axis=1)
    for at in tied.nonzero()[0].tolist():
        near = scores[at] >= best[at, k - 1]
        found.rows[queries[at]] = [row for row, _ in ranked(rows[at][near].tolist(), scores[at][near].tolist(), k)]
    enough: Mask = best[:, k - 1] > -np.inf
    return enough


def _settled(
    lists: Sequence[tuple[Places, bool]], scores: Scores, found: Found, queries: Places, bounds: Scores
) -> Mask:
    """For which queries [m] no row outside of their lists can be among the k best, as far as lists can be trusted.

    What a list leaves out is in float32 not above what it has; so it is at most twice the slack above the least of it.
    """
    settled = np.ones(len(queries), np.bool_)
    last = found.scores[queries, -1] - 2 * bounds[queries]
    start = 0
    for rows, everything in lists:
        its = scores[:, start : start + rows.shape[1]]
        start += rows.shape[1]
        if not everything:
            settled &= (rows == NONE).any(axis=1) | (last > its.min(axis=1))
    return settled
