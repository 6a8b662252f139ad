"""The structures of faiss that make searching vectors quick: which one suits, building it, asking it.

Each is built with one thread from fixed seeds, so the same vectors give the same structure; and each finds the same for
a query alone as among others, because its coarse lists are found through a graph, query by query.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import log2, sqrt
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from ravlm.errors import ConfigError, UnknownChoice
from ravlm.optional import require
from ravlm.retrieval.vectors.exact import Mask, marked
from ravlm.retrieval.vectors.store import Floats, Places, Vectors

faiss = require("faiss", "retrieval")

Structure = Literal["auto", "flat", "hnsw", "ivf", "rabitq"]
ENGINES = {
    "flat": "faiss, exact search",
    "hnsw": "faiss HNSW32 over 8-bit codes",
    "ivf": "faiss IVF-PQ with 4-bit fast scan",
    "rabitq": "faiss IVF-RaBitQ, sorted again by 8-bit codes",
}
SMALLEST = 1_000
"""Rows below which nothing is quicker than to look at all."""
SMALL, MEDIUM = 20_000, 200_000
"""Rows up to which exact search, and a graph, are chosen."""
_LINKS = 32
_EF = 64  # candidates that a search of the graph keeps
_PROBES = 32  # lists that are looked at, at least
_PROBED = 64  # and one in so many
_SPARE = 4  # times what is wanted that compressed vectors are asked for
_LEAST = 100  # and at least so many
_BITS = 2  # times as many of codes of 1 bit a number, which tell less
_SAMPLE = 32  # rows of each list that it is learned from
_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Choice:
    """Which structure, and why, in words."""

    structure: str
    why: str


def choose(asked: str, rows: int, width: int, memory: int | None) -> Choice:
    """The structure for so many vectors.

    Args:
        asked: what was asked for; `auto` leaves it to the number of rows and the memory.
        rows: how many vectors.
        width: numbers of a vector.
        memory: bytes that searching may take, mapped vectors that it keeps reading included; None for any.

    Raises:
        UnknownChoice: there is no such structure.
        ConfigError: the memory is not above 0.
    """
    if asked not in get_args(Structure):
        raise UnknownChoice("structure", asked, get_args(Structure))
    if memory is not None and memory <= 0:
        raise ConfigError(f"{memory} bytes of memory were allowed. Allow more than 0, or leave it open.")
    what = f"{rows:,} rows of {width} numbers"
    if asked == "flat" or rows < SMALLEST:
        return Choice("flat", "it was asked for" if asked == "flat" else f"{what}: few enough to look at all of them")
    if asked != "auto":
        return Choice(asked, "it was asked for")
    first = "flat" if rows <= SMALL else "hnsw" if rows <= MEDIUM else "ivf"
    because = {
        "flat": "few enough to be all looked at",
        "hnsw": "too many to be all looked at, few enough to build a graph",
        "ivf": "too many to build a graph quickly",
    }[first]
    for structure in dict.fromkeys((first, "rabitq")):
        needed = takes(structure, rows, width)
        if memory is None or needed <= memory:
            said = "" if memory is None else f" of the {memory:,} that are allowed"
            short = "" if structure == first else f", and {ENGINES[first]} takes {takes(first, rows, width):,} bytes"
            return Choice(structure, f"{what}: {because}{short}; takes {needed:,} bytes{said}")
    return Choice("flat", f"{what}: nothing quicker fits into {memory:,} bytes, so all are read from the disk, slowly")


def takes(structure: str, rows: int, width: int) -> int:
    """About the bytes that searching takes: codes, ids and links, and the vectors where many are read each time."""
    a_row = {
        "flat": 4 * width,
        "hnsw": width + 8 * _LINKS + 16,
        "ivf": 4 * width + width // 4 + 8,
        "rabitq": width + width // 8 + 16,
    }[structure]
    return rows * a_row


class Built:
    """A structure over the first vectors of an index."""

    def __init__(self, structure: str, made: Any) -> None:
        """Take what faiss made or read."""
        self.structure = structure
        self.made = made
        self.rows = int(made.ntotal)
        self._lists = 0 if structure == "hnsw" else int(faiss.extract_index_ivf(made).nlist)
        self._marked: tuple[Any, float, Any] | None = None
        self._options = lru_cache(maxsize=8)(self._made_options)

    def candidates(self, queries: Floats, c: int, allowed: Mask | None) -> Places:
        """Rows that are likely among the c best of each query [b, at least c]; `NONE` fills up."""
        options = self._options(c, 1.0) if allowed is None else self._chosen(c, allowed)
        if self.structure == "ivf":
            c = max(_SPARE * c, _LEAST)
        found: Places = self.made.search(queries, min(c, self.rows), params=options)[1]
        return found

    def write(self, path: Path) -> None:
        """Write it to a file."""
        faiss.write_index(self.made, str(path))

    @classmethod
    def read(cls, structure: str, path: Path) -> "Built":
        """From a file that `write` wrote."""
        return cls(structure, faiss.read_index(str(path)))

    def _chosen(self, c: int, allowed: Mask) -> Any:
        whole = allowed if allowed.base is None else allowed.base  # a part of the same mask comes again and again
        if self._marked is None or self._marked[0] is not whole:
            self._marked = whole, len(allowed) / max(1, int(np.count_nonzero(allowed))), marked(allowed)
        return self._made_options(c, self._marked[1], sel=self._marked[2])

    def _made_options(self, c: int, rarer: float, **chosen: Any) -> Any:
        """How far to look for c rows, where one in `rarer` is allowed."""
        if self.structure == "hnsw":
            return faiss.SearchParametersHNSW(efSearch=int(max(_EF, c) * rarer), **chosen)
        probes = min(self._lists, int(max(_PROBES, self._lists // _PROBED) * rarer))
        graph = faiss.SearchParametersHNSW(efSearch=2 * probes)
        if self.structure == "ivf":
            return faiss.SearchParametersIVF(nprobe=probes, quantizer_params=graph, **chosen)
        return faiss.IndexRefineSearchParameters(
            k_factor=_BITS * max(_SPARE, _LEAST / c),
            base_index_params=faiss.IVFRaBitQSearchParameters(nprobe=probes, quantizer_params=graph, **chosen),
        )


def build(structure: str, vectors: Vectors) -> Any:
    """What faiss makes of all vectors, with one thread."""
    rows, width = len(vectors), vectors.width
    with one_thread():
        if structure == "hnsw":
            made = faiss.IndexHNSWSQ(width, faiss.ScalarQuantizer.QT_8bit, _LINKS, faiss.METRIC_INNER_PRODUCT)
            lists = rows // _SAMPLE  # all rows give the range of each number
        else:
            lists = min(2 ** round(log2(2 * sqrt(rows))), rows // 16)
            halves = next(m for m in range(max(1, width // 2), width + 1) if width % m == 0)
            codes = f"PQ{halves}x4fs" if structure == "ivf" else "RaBitQ,Refine(SQ8)"
            made = faiss.index_factory(width, f"IVF{lists}_HNSW{_LINKS},{codes}", faiss.METRIC_INNER_PRODUCT)
            learning = faiss.extract_index_ivf(made).cp
            learning.niter, learning.max_points_per_centroid, learning.min_points_per_centroid = _ROUNDS, _SAMPLE, 1
        made.train(vectors.take(np.arange(0, rows, max(1, rows // (_SAMPLE * lists)))))
        for block in vectors.blocks(np.arange(rows)):
            made.add(block)
    return made


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of faiss inside; as many as before outside."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
