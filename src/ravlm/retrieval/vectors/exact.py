"""Inner products that do not depend on who asks beside, and exact search by them.

A matrix product gives other last bits for other batches and numbers of threads. So what it finds is only a choice of
rows: the scores are summed again in float64, each row for itself.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ravlm.optional import require
from ravlm.retrieval.vectors.store import Floats, Places, Vectors

faiss = require("faiss", "retrieval")

Scores = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
NONE = -1
"""The place of no row."""
_AT_ONCE = 2**16  # numbers that are multiplied at once: they stay in the processor's cache
_LISTED = 4  # allowed rows are listed where they are at most one in so many


def inner(queries: Floats, vectors: Floats) -> Scores:
    """The inner products [b, c] of queries [b, d] with their vectors [b, c, d], in float64.

    A product of two float32 is exact in float64; einsum sums rows that lie one after the other each for itself, in one
    order.
    """
    summed: Scores = np.einsum("bcd,bd->bc", vectors.astype(np.float64, order="C"), queries.astype(np.float64))
    return summed


def scores_of(vectors: Vectors, queries: Floats, rows: Places) -> Scores:
    """The exact score of each of a query's rows [b, c]; minus infinity where there is none."""
    scores = np.full(rows.shape, -np.inf)
    c = rows.shape[1]
    step = max(1, _AT_ONCE // max(1, c * vectors.width))
    for at in range(0, len(rows), step):
        part = rows[at : at + step]
        taken = vectors.take(np.maximum(part, 0).ravel()).reshape(len(part), c, vectors.width)
        scores[at : at + step] = inner(queries[at : at + step], taken)
    scores[rows == NONE] = -np.inf
    return scores


def slack(queries: Floats, longest: float) -> Scores:
    """How far a float32 inner product can be from the exact one, for each query [b].

    d u / (1 - d u) |q| |x|, in whatever order it is summed (Higham 2002, Accuracy and Stability, eq. 3.5), with
    u = 2**-24.
    """
    du = queries.shape[1] * 2.0**-24
    lengths: Scores = np.sqrt(np.add.reduce(queries.astype(np.float64) ** 2, axis=-1))
    bounds: Scores = du / (1 - du) * longest * lengths
    return bounds


def nearest(queries: Floats, part: Floats, c: int, allowed: Mask | None) -> Places:
    """The c rows of a part [n, d] with the largest float32 inner products, for each query [b, c]; `NONE` fills up."""
    distances = np.empty((len(queries), c), np.float32)
    rows = np.empty((len(queries), c), np.int64)
    chosen = None if allowed is None else marked(allowed)
    if allowed is not None and np.count_nonzero(allowed) * _LISTED <= len(allowed):
        chosen = faiss.IDSelectorArray(np.flatnonzero(allowed).astype(np.int64))  # only these are looked at
    faiss.knn_inner_product(
        *map(faiss.swig_ptr, (queries, part)),
        part.shape[1],
        len(queries),
        len(part),
        c,
        *map(faiss.swig_ptr, (distances, rows)),
        chosen,
    )
    return rows


def best_of(queries: Floats, part: Floats, rows: Places, c: int) -> Places:
    """The c of each query's rows [b, m] in a part [n, d] with the largest float32 inner products; `NONE` are last."""
    products = np.empty(rows.shape, np.float32)
    faiss.fvec_inner_products_by_idx(
        *map(faiss.swig_ptr, (products, queries, part, rows)), part.shape[1], len(queries), rows.shape[1]
    )
    products[rows == NONE] = -np.inf
    kept = np.argpartition(-products, c - 1, axis=1)[:, :c]
    return rows[np.arange(len(rows))[:, None], kept]


def marked(allowed: Mask) -> Any:
    """What tells faiss which rows may be found, quick to ask for any row."""
    return faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))


def whole(vectors: Vectors, query: Floats, k: int, allowed: Mask | None, bound: float) -> tuple[Places, Scores]:
    """All rows that can be among the k best of one query [d], with their exact scores; at least k rows are allowed."""
    near = np.concatenate([part @ query for _, part in vectors.starts()])
    if allowed is not None:
        near[~allowed] = -np.inf
    least = np.partition(near, len(near) - k)[len(near) - k]
    rows = np.flatnonzero(near >= np.float64(least) - 2 * bound)
    found = [scores_of(vectors, query[None], rows[None, at : at + _AT_ONCE])[0] for at in range(0, len(rows), _AT_ONCE)]
    return rows, np.concatenate(found)
