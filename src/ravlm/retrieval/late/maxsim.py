"""MaxSim (Khattab & Zaharia 2020, ColBERT, eq. 3): the formula, and the loops that compute it over compressed tokens.

Axes: m tokens of a query, n tokens of a passage, r passages, d the width, c clusters.

    s(q, p) = sum_i max_j <q_i, p_j>

The loops are compiled when they are first called, which takes seconds, once a process. Each uses one thread and sums in
one order. Nothing compiled is kept on the disk: an installation that can't be written works alike.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ravlm.optional import require

numba = require("numba", "retrieval")

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]
Marks = npt.NDArray[np.uint16]
Codes = npt.NDArray[np.uint8]


def maxsim(query: Floats, passages: Floats, there: npt.NDArray[np.bool_]) -> Floats:
    """The score of each of some passages, minus infinity of one without tokens.

    Args:
        query: [m, d].
        passages: [r, n, d], filled up to the longest.
        there: [r, n], which tokens are no filling. Filling is masked with minus infinity: multiplied by 0 it would
            win over tokens that are all unlike the query's.

    >>> query = np.array([[1, 0], [0, 1]], np.float32)
    >>> passages = np.array([[[0.5, 0], [0, -0.25]], [[-0.5, -0.25], [9, 9]]], np.float32)
    >>> maxsim(query, passages, np.array([[True, True], [True, False]])).tolist()
    [0.5, -0.75]
    """
    similarities = np.where(there[:, None], query @ passages.transpose(0, 2, 1), -np.inf)  # [r, m, n]
    scores: Floats = similarities.max(axis=2, initial=-np.inf).sum(axis=1).astype(np.float32)
    return scores


def _products(query: Floats, rows: Floats) -> Floats:
    m, d = query.shape
    made = np.empty((len(rows), m), np.float32)
    for c in range(len(rows)):
        for i in range(m):
            total = np.float32(0)
            for j in range(d):
                total += query[i, j] * rows[c, j]
            made[c, i] = total
    return made


def _coarse(table: Floats, weights: Floats, nearest: Marks, starts: Places, passages: Places) -> Floats:
    m = table.shape[1]
    made = np.empty(len(passages), np.float32)
    best = np.empty(m, np.float32)
    for at in range(len(passages)):
        passage = passages[at]
        best[:] = -np.inf
        for token in range(starts[passage], starts[passage + 1]):
            row = table[nearest[token]]
            for i in range(m):
                best[i] = max(best[i], row[i])
        total = np.float32(0)
        for i in range(m):
            total += weights[i] * best[i]
        made[at] = total
    return made


def _unpack(packed: Codes, values: Floats, bits: int) -> None:
    size = len(packed)
    mask = np.uint8((1 << bits) - 1)
    middle = np.float32((1 << bits) - 1) / np.float32(2)
    for stretch in range(8 // bits):
        shift = np.uint8(stretch * bits)
        part = values[stretch * size : (stretch + 1) * size]
        for j in range(size):
            part[j] = np.float32((packed[j] >> shift) & mask) - middle


_compiled: Any = numba.njit(nogil=True, fastmath={"reassoc", "contract"})
_unpacked: Any = _compiled(_unpack)  # a loop of its own: written into the next one it takes twice the time


def _fine(
    table: Floats,
    first: Floats,
    second: Floats,
    nearest: Marks,
    scales: Floats,
    lead: Codes,
    rest: Codes,
    starts: Places,
    passages: Places,
    bits: int,
) -> Floats:
    m = table.shape[1]
    made = np.empty((len(passages), m), np.float32)
    x = np.empty(lead.shape[1] * (8 // bits), np.float32)
    y = np.empty(rest.shape[1] * (8 // bits), np.float32)
    for at in range(len(passages)):
        passage = passages[at]
        best = made[at]
        best[:] = -np.inf
        for token in range(starts[passage], starts[passage + 1]):
            _unpacked(lead[token], x, bits)
            _unpacked(rest[token], y, bits)
            row = table[nearest[token]]
            for i in range(m):
                total = np.float32(0)
                for j in range(first.shape[1]):
                    total += first[i, j] * x[j]
                for j in range(second.shape[1]):
                    total += second[i, j] * y[j]
                best[i] = max(best[i], row[i] + scales[token] * total)
    return made


products: Any = _compiled(_products)
"""The inner products [c, m] of rows [c, d] with the tokens [m, d] of a query."""
coarse: Any = _compiled(_coarse)
"""MaxSim [r] of some passages, each token taken for the centre of its cluster.

Args: the products [c, m] of the centres with the query, the weights [m] of the query's tokens, each token's cluster
[tokens], where passages start among the tokens [all passages + 1], and the numbers of the passages [r].
"""
fine: Any = _compiled(_fine)
"""The best similarity [r, m] of each of a query's tokens in each of some passages, by their codes.

Args: as of `coarse` without the weights, and between them: the query in the units of the codes, its first numbers and
the others (these may be none, then so must be `rest`), each token's scale, and the codes of its first numbers and of
the others; at last the bits of a code. A similarity is that of the centre plus scale * <query, code - middle>.
"""
