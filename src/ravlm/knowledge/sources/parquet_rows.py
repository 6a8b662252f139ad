"""Parquet as a stream of rows in bounded memory: batch by batch, over one file or a folder of parts.

A long value that is written once in a dictionary may stand in a million rows. So only as many rows are decoded at a
time as fit into memory were each of them as long as its whole column is in the file. Columns of bytes, and lists of
decimals (embeddings), are not read. Values of other types become the text that Arrow gives them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ravlm.errors import FormatError, PathError
from ravlm.knowledge.sources.json_lines import NOT_UTF8, TOO_LONG
from ravlm.safe.paths import inside

LONGEST = 16_000_000  # bytes of a row
NOT_SAID = "a value that can't be read"
MEMORY = 300_000_000  # bytes that reading takes at most: measured with a value of 13 MB that repeats in every row
AT_ONCE = 500  # rows
_BYTES_AT_ONCE = 8_000_000
_WORST_AT_ONCE = 64_000_000  # bytes, were every value as long as its whole column

Row = dict[str, Any]
Place = list[int]
"""File, row group and row in it, each counted from 0: what comes next."""


def parquet_files(path: Path) -> list[Path]:
    """The file itself, or all `.parquet` files of a folder and its folders, by name.

    Raises:
        PathError: there is nothing, or a folder without such files, or a link leads out of the folder.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise PathError(f"There is no file or folder {path}. Check the path.")
    found = sorted(part.relative_to(path).as_posix() for part in path.rglob("*.parquet"))
    if not found:
        raise PathError(f"The folder {path} holds no .parquet files. Give one table's file, or a folder of its parts.")
    return [inside(path, part) for part in found]


class ParquetRows:
    """The rows of Parquet files; `size` is the bytes of the files, `done` how many of them are behind us."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        self.sizes = [file.stat().st_size for file in files]
        self.size = sum(self.sizes)
        self.done = 0
        with _opened(files[0]) as first:
            self.columns, self.unread = _columns(first.schema_arrow)

    def rows(self, after: Place | None) -> Iterator[tuple[Row | str, Place, int]]:
        """(The row, or why there is none; the place after it; its bytes.)

        Raises:
            FormatError: a file is no Parquet, or is damaged.
        """
        start, group, row = after or (0, 0, 0)
        for number in range(start, len(self.files)):
            yield from self._file(number, group, row)
            group = row = 0
        self.done = self.size

    def _file(self, number: int, first_group: int, first_row: int) -> Iterator[tuple[Row | str, Place, int]]:
        with _opened(self.files[number]) as file:
            columns = [name for name in _columns(file.schema_arrow)[0] if name in self.columns]
            total = max(1, file.metadata.num_rows)
            before = sum(self.sizes[:number])
            passed = sum(file.metadata.row_group(group).num_rows for group in range(first_group))
            for group in range(first_group, file.num_row_groups):
                row = 0
                for batch in _batches(file, group, columns, self.files[number]):
                    skipped = min(max(0, first_row - row), batch.num_rows)
                    row += skipped
                    for value, size in _rows(batch.slice(skipped)):
                        row += 1
                        self.done = before + self.sizes[number] * (passed + row) // total
                        yield value, [number, group, row], size
                passed += row
                first_row = 0


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    with _readable(path):
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    try:
        yield file
    finally:
        file.close()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        said = str(error).strip().splitlines() or ["no reason is known"]
        raise FormatError(
            f"{path} is no Parquet file that can be read: {said[0][:200]}. Get the file again and compare its checksum."
        ) from error


def _batches(file: pq.ParquetFile, group: int, columns: list[str], path: Path) -> Iterator[pa.RecordBatch]:
    """The batches of a row group: decoded a few rows at a time, and joined to as many as are handled at once."""
    about = file.metadata.row_group(group)
    repeating = [
        column.total_uncompressed_size
        for column in (about.column(number) for number in range(about.num_columns))
        if column.has_dictionary_page and column.path_in_schema.partition(".")[0] in columns
    ]
    rows = min(
        AT_ONCE,
        _BYTES_AT_ONCE * about.num_rows // max(1, about.total_byte_size),
        _WORST_AT_ONCE // max(1, *repeating, 1),
    )
    with _readable(path):
        decoded = file.iter_batches(max(1, rows), row_groups=[group], columns=columns, use_threads=False)
    few: list[pa.RecordBatch] = []
    held = size = 0
    while True:
        with _readable(path):
            batch = next(decoded, None)
        if batch is not None:
            few.append(batch)
            held += batch.num_rows
            size += batch.nbytes
        if few and (batch is None or held >= AT_ONCE or size >= _BYTES_AT_ONCE):
            yield from pa.Table.from_batches(few).combine_chunks().to_batches()
            few, held, size = [], 0, 0
        if batch is None:
            return


def _columns(schema: pa.Schema) -> tuple[list[str], list[str]]:
    """The names of the columns that are read, and of those that are not."""
    names = [field.name for field in schema]
    read = [field.name for field in schema if _is_read(field.type) and names.count(field.name) == 1]
    return read, [name for name in names if name not in read]


def _is_read(kind: pa.DataType) -> bool:
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return False
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return not pa.types.is_floating(kind.value_type) and _is_read(kind.value_type)
    if pa.types.is_dictionary(kind):
        return _is_read(kind.value_type)
    return all(_is_read(kind.field(number).type) for number in range(kind.num_fields))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[Row | str, int]]:
    """A batch's rows as they are wanted, some megabytes at a time."""
    names = batch.schema.names
    columns = [_told(column) for column in batch.columns]
    sizes = sum((_sizes(column) for column in columns), np.zeros(batch.num_rows, dtype=np.int64))
    at = 0
    while at < len(sizes):
        if sizes[at] > LONGEST:
            yield TOO_LONG, int(sizes[at])
            at += 1
            continue
        ends = np.cumsum(sizes[at:])
        end = at + max(1, int(np.searchsorted(ends, min(_BYTES_AT_ONCE, LONGEST), side="right")))
        for values, size in zip(_values([c.slice(at, end - at) for c in columns]), sizes[at:end], strict=True):
            yield values if isinstance(values, str) else dict(zip(names, values, strict=True)), int(size)
        at = end


def _values(columns: list[pa.Array]) -> Iterator[tuple[Any, ...] | str]:
    try:
        yield from list(zip(*(column.to_pylist() for column in columns), strict=True))
    except (ValueError, OverflowError):
        for number in range(len(columns[0])):
            try:
                yield tuple(column[number].as_py() for column in columns)
            except UnicodeDecodeError:
                yield NOT_UTF8
            except (ValueError, OverflowError):  # a nested time that Python can't say
                yield NOT_SAID


def _told(column: pa.Array) -> pa.Array:
    """Numbers, dates and the like as texts; texts and what is nested as they are."""
    kind = column.type
    if _is_text(kind) or pa.types.is_dictionary(kind) or kind.num_fields or pa.types.is_null(kind):
        return column
    try:
        texts = pc.cast(column, pa.string())
        if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
            return pc.replace_substring_regex(texts, r"\.0+(Z?)$", r"\1")
        return texts
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return column


def _sizes(column: pa.Array) -> Any:
    """The bytes of each value [rows]; of nested ones their mean."""
    if pa.types.is_dictionary(column.type) and _is_text(column.type.value_type):
        lengths = pc.take(pc.binary_length(column.dictionary), column.indices)
    elif _is_text(column.type):
        lengths = pc.binary_length(column)
    else:
        return np.full(len(column), column.nbytes // max(1, len(column)), dtype=np.int64)
    return pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False).astype(np.int64)
