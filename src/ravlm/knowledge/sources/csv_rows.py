"""CSV and TSV as a stream of rows (RFC 4180), read by the standard library, every row bounded, its end known.

The bytes are cut into lines at line feeds, and `csv.reader` takes as many lines as a row has. What it can't read costs
one line, not the rest of the file: a quote that is never closed would take all rows up to the next quote with it, so
the lines after the first are then read once more, as rows of their own.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ravlm.errors import FormatError
from ravlm.knowledge.sources.json_lines import NOT_UTF8, TOO_LONG
from ravlm.safe.streams import open_stream

LONGEST = 16_000_000  # bytes of a row
BROKEN = "broken quotes"
RAGGED = "wrong number of columns"
NUL = "NUL bytes"

_DELIMITERS = ",\t;|"
_BOM = b"\xef\xbb\xbf"
_CHUNK = 1 << 20

Line = tuple[bytes, int]
"""What the reader is given of a line, and the bytes that the line has in the file."""


def read_header(path: Path, delimiter: str | None = None) -> tuple[list[str], str, int]:
    """The names of a table's columns, its delimiter, and the byte that its rows begin at.

    Without a `delimiter`, it is told by the name (`.tsv`, `.tab`) or by the first line, where the most frequent of
    comma, tab, semicolon and bar is taken. A column without a name is called "column N"; a name that repeats is
    numbered.

    Raises:
        PathError: there is no such file.
        FormatError: it is empty, or its first line is no header in UTF-8.
    """
    with open_stream(path) as (_, content):
        first = content.readline(LONGEST)
    start = len(_BOM) if first.startswith(_BOM) else 0
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FormatError(f"{path} is UTF-16. Save it as UTF-8 (in Excel: as 'CSV UTF-8').")
    if delimiter is None:
        delimiter = "\t" if {".tsv", ".tab"} & set(path.suffixes) else _most_frequent(first[start:])
    with open_stream(path) as (_, content):
        content.read(start)
        names, end, _ = next(csv_rows(content, start, delimiter), ("no line", 0, 0))
    if isinstance(names, str):
        raise FormatError(
            f"{path} has no header that can be read: found {names!r} ({first[:60]!r}). The first line names the "
            "columns; save the table as UTF-8."
        )
    return _distinct([name.strip() or f"column {number}" for number, name in enumerate(names, start=1)]), delimiter, end


def csv_rows(content: IO[bytes], start: int, delimiter: str) -> Iterator[tuple[list[str] | str, int, int]]:
    """The rows from a byte on: (fields, or why there are none; the byte where it ends; its bytes).

    Empty lines are passed over.
    """
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST))  # of the whole process; rows are bounded here
    source = _Lines(content, start)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    while True:
        begin = source.end
        source.begin()
        fields: list[str] | str
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            fields = source.again(BROKEN)
        except _RowTooLong:
            fields = source.again(TOO_LONG)
        if fields or source.fault:
            yield source.fault or fields, source.end, source.end - begin


class _RowTooLong(Exception):
    pass


class _Lines:
    """The lines that a csv reader asks for. `end` is the byte behind them, `fault` what is wrong in the row."""

    def __init__(self, content: IO[bytes], start: int) -> None:
        self.end = start
        self.fault: str | None = None
        self._content = content
        self._row: list[Line] = []
        self._size = 0
        self._ahead: deque[Line] = deque()

    def begin(self) -> None:
        """A row begins."""
        self.fault = None
        self._row = []
        self._size = 0

    def again(self, fault: str) -> str:
        """The row can't be read: its first line is given up, the others come again."""
        others = self._row[1:]
        self._ahead.extendleft(reversed(others))
        self.end -= sum(length for _, length in others)
        if self.fault is not None and others:
            self.fault = None  # it may lie in the others, which are looked at again
        return fault

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        given, length = self._ahead.popleft() if self._ahead else self._read()
        self._row.append((given, length))
        self.end += length
        self._size += len(given)
        if length > len(given):
            self.fault = TOO_LONG
        if self._size > LONGEST:
            raise _RowTooLong
        if b"\0" in given:
            self.fault = self.fault or NUL
        try:
            return given.decode()
        except UnicodeDecodeError:
            self.fault = self.fault or NOT_UTF8
            return given.decode(errors="replace")

    def _read(self) -> Line:
        """The next line; of one that is too long only whether its quotes are even in number."""
        line = self._content.readline(LONGEST)
        if not line:
            raise StopIteration
        if len(line) < LONGEST or line.endswith(b"\n"):
            return line, len(line)
        length, quotes = len(line), line.count(b'"')
        while not line.endswith(b"\n") and (line := self._content.readline(_CHUNK)):
            length += len(line)
            quotes += line.count(b'"')
        return b'"' * (quotes % 2) + b"\n", length


def _most_frequent(line: bytes) -> str:
    """The delimiter that stands most often in a header, outside quotes; the first of equals."""
    bare = re.sub(r'"[^"]*"', "", line.decode(errors="replace"))
    return max(_DELIMITERS, key=bare.count)


def _distinct(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return found
