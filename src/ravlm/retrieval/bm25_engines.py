"""BM25 for a collection at rest: its formula, and bm25s, which keeps what every term is worth in every row."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ravlm.retrieval.lexical import Terms
from ravlm.retrieval.lexical_matrix import Found, TermMatrix, best
from ravlm.retrieval.rows import Mask

_BEFORE_COMPILING = 32  # queries: numba takes seconds to compile, which a few do not wait for
_AT_ONCE = 100_000  # rows whose scores are worked out together


class Engine(Protocol):
    """What ranks rows by BM25."""

    name: str

    def best(self, queries: Sequence[Terms], masks: Sequence[Mask | None], k: int) -> list[Found]:
        """The k best rows of each query, among those that its mask [rows] lets through, and all ties of the last."""

    def amounts(self, query: Terms, rows: Sequence[int]) -> npt.NDArray[np.float64]:
        """What each piece gives to the scores of some rows [pieces, rows]."""

    def files(self) -> Mapping[str, Callable[[Path], None]]:
        """A writer for each file, by its role."""


def inverse_document_frequency(n: npt.NDArray[Any], rows: int) -> npt.NDArray[np.float32]:
    """What a term is worth that n of N rows have: ln(1 + (N - n + .5) / (n + .5)), never below 0 (Lucene)."""
    N = rows
    return np.log(1 + (N - n + 0.5) / (n + 0.5)).astype(np.float32)


def saturation(tf: npt.NDArray[Any], dl: npt.NDArray[Any], avgdl: float, k1: float, b: float) -> npt.NDArray[Any]:
    """What a term is worth that stands tf times in a row of dl terms: tf / (tf + k1 (1 - b + b dl / avgdl)).

    Robertson and Zaragoza (2009, The Probabilistic Relevance Framework: BM25 and Beyond, eq. 3.15), without the factor
    k1 + 1, which changes no ranking (Kamphuis et al., 2020, Which BM25 Do You Mean?, "Lucene (accurate)").
    """
    return tf / (tf + k1 * (1 - b + b * dl / avgdl))


def score_matrix(counts: Any, k1: float, b: float) -> Any:
    """What every term is worth in every row, from how often it stands there [rows, terms], both sparse rows."""
    N = counts.shape[0]
    idf = inverse_document_frequency(np.bincount(counts.indices, minlength=counts.shape[1]), N)
    lengths = np.asarray(counts.sum(axis=1)).ravel()
    avgdl = float(lengths.mean()) if N else 0.0
    scores = np.zeros(counts.nnz, dtype=np.float32)
    for start in range(0, N, _AT_ONCE):
        ends = counts.indptr[start : start + _AT_ONCE + 1]
        at = slice(ends[0], ends[-1])
        dl = np.repeat(lengths[start : start + _AT_ONCE], np.diff(ends))
        scores[at] = idf[counts.indices[at]] * saturation(counts.data[at], dl, avgdl, k1, b)
    return type(counts)((scores, counts.indices, counts.indptr), shape=counts.shape)


class AtRest:
    """A matrix of scores, summed up by bm25s.

    With numba, where it is installed; the first queries do without, and so do those whose pieces weigh differently. The
    scores are the same.
    """

    name = "bm25s"

    def __init__(self, matrix: TermMatrix) -> None:
        self.matrix = matrix
        self._asked = 0
        self._compiled: Any = None

    def best(self, queries: Sequence[Terms], masks: Sequence[Mask | None], k: int) -> list[Found]:
        """See `Engine`."""
        self._asked += len(queries)
        if self._compiled is None and self._asked > _BEFORE_COMPILING and find_spec("numba"):
            self._compiled = _compiled(self.matrix)
        return [self._one(query, mask, k) for query, mask in zip(queries, masks, strict=True)]

    def amounts(self, query: Terms, rows: Sequence[int]) -> npt.NDArray[np.float64]:
        """See `Engine`."""
        pieces = [[(term, weight) for term in self.matrix.known(terms)] for weight, terms in query]
        return np.array([self.matrix.amounts(piece, rows) for piece in pieces]).reshape(len(query), len(rows))

    def files(self) -> Mapping[str, Callable[[Path], None]]:
        """See `Engine`."""
        return self.matrix.files()

    def _one(self, query: Terms, mask: Mask | None, k: int) -> Found:
        weight = even_weight(query)
        if weight is None:
            weighted = [(term, w) for w, terms in query if w for term in self.matrix.known(terms)]
            return best(self.matrix.scores(weighted), k, mask)
        terms = self.matrix.known(chain.from_iterable(terms for w, terms in query if w))
        if self._compiled is None or not terms:
            scores = self.matrix.scores([(term, 1.0) for term in terms])
        else:
            scores = self._compiled.get_scores_from_ids(terms)
        rows, found = best(scores, k, mask)
        return rows, found if weight == 1 else found * np.float32(weight)


def _compiled(matrix: TermMatrix) -> Any:
    """The matrix in bm25s, compiled by numba."""
    import bm25s

    made = bm25s.BM25(method="lucene")
    made.scores = {"data": matrix.values, "indices": matrix.rows, "indptr": matrix.starts, "num_docs": matrix.count}
    made.nonoccurrence_array = None
    made.activate_numba_scorer()
    return made


def even_weight(query: Terms) -> float | None:
    """What all of a query's pieces weigh that have terms, where they weigh the same and more than nothing."""
    weights = {weight for weight, terms in query if weight and terms}
    return weights.pop() if len(weights) == 1 else None
