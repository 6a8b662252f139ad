"""Rows by terms as a sparse matrix, term by term: what a term is worth in each row that has it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from ravlm.retrieval.rows import Mask

Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]
"""Rows and their scores, each above 0, in no order: the k best, all that tie with the last of them, and maybe more."""

_LEAST = np.finfo(np.float32).smallest_subnormal
_BLOCK = 2048  # most rows whose best score stands for them while the k best are looked for


class TermMatrix:
    """A matrix [rows, terms] in columns: term t has the rows `rows[starts[t]:starts[t + 1]]`, and those `values`.

    A score is a sum over the query's terms in their order, in single precision, so it is the same everywhere.
    """

    def __init__(
        self,
        terms: Sequence[str],
        values: npt.NDArray[np.float32],
        rows: npt.NDArray[np.int32],
        starts: npt.NDArray[np.int64],
        count: int,
    ) -> None:
        self.terms = {term: number for number, term in enumerate(terms)}
        self.values, self.rows, self.starts = values, rows, starts
        self.count = count

    @classmethod
    def of(cls, matrix: Any, terms: Sequence[str]) -> "TermMatrix":
        """A sparse matrix of scipy [rows, terms], and its terms."""
        columns = matrix.tocsc()
        values, rows = columns.data.astype(np.float32, copy=False), columns.indices.astype(np.int32, copy=False)
        return cls(terms, values, rows, columns.indptr.astype(np.int64), matrix.shape[0])

    def known(self, terms: Iterable[str]) -> list[int]:
        """The numbers of those of some terms that a row has, in their order."""
        return [self.terms[term] for term in terms if term in self.terms]

    def scores(self, weighted: Iterable[tuple[int, float]]) -> npt.NDArray[np.float32]:
        """The scores of all rows [rows] for terms with their weights."""
        scores = np.zeros(self.count, dtype=np.float32)
        for term, weight in weighted:
            at = slice(self.starts[term], self.starts[term + 1])
            values = self.values[at] if weight == 1 else self.values[at] * np.float32(weight)
            np.add.at(scores, self.rows[at], values)
        return scores

    def amounts(self, weighted: Iterable[tuple[int, float]], rows: Sequence[int]) -> npt.NDArray[np.float64]:
        """The scores of some rows [r], in double precision."""
        wanted = np.asarray(rows, dtype=np.int64)
        found = np.zeros(len(wanted))
        for term, weight in weighted:
            at = slice(self.starts[term], self.starts[term + 1])
            places = np.searchsorted(self.rows[at], wanted)
            places[places == at.stop - at.start] = 0
            found += np.where(self.rows[at][places] == wanted, weight * self.values[at][places].astype(np.float64), 0)
        return found

    def files(self) -> dict[str, Callable[[Path], None]]:
        """A writer for each file, by its role."""

        def write(array: npt.NDArray[Any]) -> Callable[[Path], None]:
            return lambda path: array.tofile(path)

        return {
            "terms": lambda path: _write_bytes(path, orjson.dumps(list(self.terms))),
            "term_values": write(self.values),
            "term_rows": write(self.rows),
            "term_starts": write(self.starts),
        }

    @classmethod
    def read(cls, folder: Path, files: Mapping[str, str], count: int) -> "TermMatrix":
        """The matrix of `count` rows from its files, mapped into memory.

        Raises:
            KeyError, ValueError: the files are not such a matrix.
        """
        terms = orjson.loads((folder / files["terms"]).read_bytes())
        values = mapped(folder / files["term_values"], np.float32)
        rows = mapped(folder / files["term_rows"], np.int32)
        starts = mapped(folder / files["term_starts"], np.int64)
        if not len(starts) == len(terms) + 1 or not len(values) == len(rows) == starts[-1]:
            raise ValueError(f"{len(terms)} terms, {len(starts)} starts, {len(values)} values and {len(rows)} rows")
        return cls(terms, values, rows, starts, count)


def best(scores: npt.NDArray[np.float32], k: int, mask: Mask | None = None) -> Found:
    """The k best of all rows' scores [rows], among those that the mask [rows] lets through."""
    if mask is not None:
        scores *= mask
    found = _candidates(scores, k)
    values = scores[found]
    if len(found) > 4 * k:
        kept = values >= np.partition(values, -k)[-k]
        found, values = found[kept], values[kept]
    return found, values


def mapped(path: Path, dtype: Any) -> npt.NDArray[Any]:
    """The numbers of a raw file, mapped into memory."""
    if not path.stat().st_size:
        return np.zeros(0, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="c").view(np.ndarray)


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _candidates(scores: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.int64]:
    """Rows with a score above 0, at least all of the k best: where k blocks of rows reach a score, k rows do."""
    block = min(_BLOCK, len(scores) // (8 * k))
    if block < 2:
        return np.flatnonzero(scores > 0)
    blocks = scores[: len(scores) // block * block].reshape(-1, block)
    tops = blocks.max(axis=1)
    bound = max(np.partition(tops, -k)[-k], _LEAST)
    high = (tops >= bound).nonzero()[0]
    at, within = np.divmod((blocks[high] >= bound).ravel().nonzero()[0], block)
    rest = (scores[blocks.size :] >= bound).nonzero()[0] + blocks.size
    return np.concatenate([high[at] * block + within, rest])
