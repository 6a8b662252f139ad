"""What `ravlm encode` writes: vectors with their ids, as Parquet or as a matrix of numpy, row by row as they come."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ravlm.errors import FormatError
from ravlm.safe.files import check_new, whole_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = (".parquet", ".npy")
_GROUP = 32 * 2**20  # bytes of a row group


class Writer(Protocol):
    """Takes rows."""

    def add(self, name: str, view: int, vector: "NDArray[np.float32]", tokens: "NDArray[np.float32] | None") -> None:
        """One row: the vector [w], and where tokens are written, those [n, w2]."""


def check_out(path: Path, *, tokens: bool) -> None:
    """Refuse a path before anything is computed.

    Raises:
        FormatError: it has another suffix, or tokens are asked for and it can't hold them.
        PathError: there is something already, or it can't be written.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FormatError(f"Vectors are written as {' or '.join(SUFFIXES)}: found {path.name!r}. Give it such a name.")
    if tokens and suffix == ".npy":
        raise FormatError(
            f"{path} can't hold tokens: a matrix has one row for each picture or text. Write a .parquet file."
        )
    check_new(path)
    if suffix == ".npy":
        check_new(ids_path(path))


def ids_path(path: Path) -> Path:
    """The file with the ids of a matrix's rows, one a line."""
    return path.with_name(f"{path.stem}.ids.txt")


@contextmanager
def writing(path: Path, *, views: bool, tokens: bool, about: Mapping[str, str]) -> Iterator[Writer]:
    """A writer of rows; the file is there when the block ends, and not when it fails.

    Args:
        path: ends in .parquet or .npy, and is checked by `check_out`.
        views: whether each row says which view it is.
        tokens: whether each row has tokens.
        about: goes into the schema's metadata.
    """
    with whole_file(path) as temporary:
        if path.suffix.lower() == ".npy":
            with whole_file(ids_path(path)) as names, names.open("w", encoding="utf-8") as lines:
                matrix = _Matrix(temporary, lines)
                yield matrix
                matrix.end()
        else:
            table = _Table(temporary, views=views, tokens=tokens, about=about)
            try:
                yield table
            finally:
                table.end()


class _Table:
    """A Parquet file: id, view, vector, tokens."""

    def __init__(self, path: Path, *, views: bool, tokens: bool, about: Mapping[str, str]) -> None:
        self._path, self._views, self._tokens, self._about = path, views, tokens, dict(about)
        self._writer: Any = None
        self._rows: list[tuple[str, int, NDArray[np.float32], NDArray[np.float32] | None]] = []
        self._held = 0

    def add(self, name: str, view: int, vector: "NDArray[np.float32]", tokens: "NDArray[np.float32] | None") -> None:
        self._rows.append((name, view, vector, tokens))
        self._held += vector.nbytes + (0 if tokens is None else tokens.nbytes)
        if self._held >= _GROUP:
            self._write()

    def end(self) -> None:
        self._write()
        if self._writer is not None:
            self._writer.close()

    def _write(self) -> None:
        if not self._rows:
            return
        vectors = [row[2] for row in self._rows]
        columns: dict[str, Any] = {"id": pa.array([row[0] for row in self._rows], pa.string())}
        if self._views:
            columns["view"] = pa.array([row[1] for row in self._rows], pa.int32())
        columns["vector"] = _fixed(np.stack(vectors))
        if self._tokens:
            each = [row[3] for row in self._rows if row[3] is not None]
            ends = np.cumsum([0, *(len(tokens) for tokens in each)], dtype=np.int32)
            columns["tokens"] = pa.ListArray.from_arrays(pa.array(ends), _fixed(np.concatenate(each)))
        table = pa.table(columns).replace_schema_metadata(self._about)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="zstd")
        self._writer.write_table(table, row_group_size=len(self._rows))
        self._rows, self._held = [], 0


class _Matrix:
    """A file of numpy [n, w], whose header says how many rows there are once that is known."""

    def __init__(self, path: Path, lines: Any) -> None:
        self._file = path.open("r+b")
        self._lines = lines
        self._rows, self._width = 0, 0

    def add(self, name: str, view: int, vector: "NDArray[np.float32]", tokens: "NDArray[np.float32] | None") -> None:
        if "\n" in name:
            raise FormatError(f"The name {name!r} has a line break, and the ids of a .npy are lines. Write a .parquet.")
        if self._rows == 0:
            self._width = len(vector)
            self._header()
        self._file.write(vector.astype("<f4").tobytes())
        self._lines.write(f"{name}\n")
        self._rows += 1

    def end(self) -> None:
        self._file.seek(0)
        self._header()
        self._file.close()

    def _header(self) -> None:
        """As long for any number of rows: numpy leaves room for it."""
        about = {"descr": "<f4", "fortran_order": False, "shape": (self._rows, self._width)}
        np.lib.format.write_array_header_1_0(self._file, about)


def _fixed(rows: "NDArray[np.float32]") -> Any:
    """Rows [n, w] as a column of lists of w numbers."""
    flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).reshape(-1), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])
