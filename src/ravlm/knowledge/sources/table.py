"""A table of one's own as knowledge: CSV, TSV, JSON Lines or Parquet, one entry a row."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Literal

from ravlm.errors import ConfigError, FormatError
from ravlm.knowledge.sources.columns import chosen, entry_of
from ravlm.knowledge.sources.csv_rows import RAGGED, csv_rows, read_header
from ravlm.knowledge.sources.json_lines import MEMORY, TOO_DEEP, expansion_of, first_rows, go_to, line_parts
from ravlm.knowledge.sources.local_pictures import picture_below
from ravlm.knowledge.sources.parquet_rows import MEMORY as PARQUET_MEMORY
from ravlm.knowledge.sources.parquet_rows import ParquetRows, parquet_files
from ravlm.knowledge.sources.part import Part, Place, Source
from ravlm.knowledge.sources.parting import Record, in_parts
from ravlm.knowledge.sources.texts import DIGITS, TooDeep
from ravlm.records import Entry
from ravlm.safe.streams import open_stream

Format = Literal["csv", "jsonl", "parquet"]
_COMPRESSED = {".gz", ".bz2", ".xz"}


class TableSource(Source):
    """The rows of a table. Some columns have a role, the others are facts, under the column's name.

    The format is told by the name's ending (`.csv`, `.tsv`, `.jsonl`, `.parquet`; `.gz`, `.bz2`, `.xz` may follow) and
    else by the first bytes. The first line of a CSV names its columns. A folder is read as the parts of one Parquet
    table. Ids are kept as they are; a row without an id column is known by its title, or else by a hash of its
    content, so that it stays the same entry wherever it stands in the table.

    A picture's cell holds a path relative to the table's folder, or several (a list, or parted by `|`). URLs are never
    fetched; they are kept as `meta["image_urls"]`.
    """

    kind = "table"

    def __init__(
        self,
        path: Path,
        name: str | None = None,
        *,
        id: str | None = None,
        title: str | None = None,
        text: str | Sequence[str] | None = None,
        image: str | None = None,
        language: str | None = None,
        url: str | None = None,
        licence: str | None = None,
        delimiter: str | None = None,
    ) -> None:
        """Look at the table's columns and settle the role of each.

        Args:
            path: the table's file, or a folder of Parquet files.
            name: the `source` of the entries; the file's name without its endings where it is left out.
            id: the column of a row's id. This and the columns below: None to have it guessed by its name (see
                `columns.USUAL`), an empty text for none.
            title: the column of the title.
            text: the column of the prose; several become paragraphs, in this order.
            image: the column of the pictures.
            language: the column of the language; without one it is told by each text, Chinese or else English.
            url: the column of the web address.
            licence: the column of the licence.
            delimiter: what parts the columns of a CSV file; told by the header where it is left out.

        Raises:
            PathError: there is no such file.
            FormatError: it is none of the formats, or has no header.
            ConfigError: a column that was given is not there, or can't be read.
        """
        self.name = name or _stem(path)
        self.path = path
        self._folder = path if path.is_dir() else path.parent
        self._format = _format(path)
        self._delimiter = delimiter or ""
        self._start = 0
        self._parquet: ParquetRows | None = None
        unread: list[str] = []
        if self._format == "parquet":
            self._parquet = ParquetRows(parquet_files(path))
            self._names, unread = self._parquet.columns, self._parquet.unread
        elif self._format == "jsonl":
            rows = first_rows(path, DIGITS)
            self._names = list(dict.fromkeys(key for row in rows for key in row))
        else:
            if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
                raise ConfigError(f"A delimiter is one character, such as ',' or a tab; found {delimiter!r}.")
            self._names, self._delimiter, self._start = read_header(path, delimiter)
        given = {"id": id, "title": title, "text": text, "image": image}
        given |= {"language": language, "url": url, "licence": licence}
        _check_read(given, unread)
        self.columns, self.guessed = chosen(self._names, **given)
        self.size = self._parquet.size if self._parquet else path.stat().st_size
        self.expansion = 0.9 if self._parquet else expansion_of(path)
        self.memory = PARQUET_MEMORY if self._parquet else MEMORY

    def settings(self) -> dict[str, Any]:
        """The format, the role of each column, which of them were guessed, and which columns are facts."""
        roles = {role: list(names) if role == "text" else names for role, names in asdict(self.columns).items()}
        return {
            "format": self._format,
            "delimiter": self._delimiter,
            "columns": roles,
            "guessed": self.guessed,
            "facts": [name for name in self._names if name not in self.columns.used()][:1000],
        }

    def parts(self, after: Place | None = None) -> Iterator[Part]:
        """The table's entries; see `Source`.

        Raises:
            FormatError: the file is damaged.
        """
        if self._parquet is not None:
            rows = self._parquet
            records = ((self._made(row), place, size) for row, place, size in rows.rows(after))
            return in_parts(records, lambda: rows.done)
        if self._format == "jsonl":
            return line_parts(self.path, after, self._entry, DIGITS)
        return self._csv_parts(after)

    def picture(self, name: str) -> bytes:
        """The bytes of a picture below the table's folder; see `Source`."""
        return picture_below(self._folder, name)

    def _csv_parts(self, after: int | None) -> Iterator[Part]:
        start = after or self._start
        with open_stream(self.path) as (raw, content):
            go_to(start, raw, content)
            yield from in_parts(self._csv_records(content, start), raw.tell)

    def _csv_records(self, content: IO[bytes], start: int) -> Iterator[Record]:
        names = self._names
        for found, end, size in csv_rows(content, start, self._delimiter):
            if isinstance(found, str):
                yield found, end, size
            elif len(found) != len(names):
                yield RAGGED, end, size
            else:
                yield self._made(dict(zip(names, found, strict=True))), end, size

    def _made(self, row: dict[str, Any] | str) -> Entry | str:
        try:
            return row if isinstance(row, str) else self._entry(row)
        except TooDeep:
            return TOO_DEEP

    def _entry(self, row: dict[str, Any]) -> Entry | str:
        return entry_of(row, self.columns, self.name)


def _stem(path: Path) -> str:
    """The file's name without the endings of its format."""
    name = path.absolute().name
    for suffix in reversed(path.suffixes):
        if suffix.lower() in {*_COMPRESSED, ".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson", ".json", ".parquet"}:
            name = name.removesuffix(suffix)
    return name


def _format(path: Path) -> Format:
    """The table's format, by its name and else by its first bytes.

    Raises:
        PathError: there is no such file.
        FormatError: it is empty, or one JSON array.
    """
    if path.is_dir():
        return "parquet"
    with open_stream(path) as (_, content):
        first = content.read(4096)
    if first.startswith(b"PAR1"):
        return "parquet"
    suffixes = {suffix.lower() for suffix in path.suffixes}
    if suffixes & {".csv", ".tsv", ".tab"} and first:
        return "csv"
    begin = first.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if begin == b"{" or suffixes & {".jsonl", ".ndjson"}:
        return "jsonl"
    if begin == b"[" or not begin or suffixes & {".json", ".parquet"}:
        found = "nothing" if not begin else "a JSON array" if begin == b"[" else "something else"
        raise FormatError(
            f"{path} is no table that can be read: found {found}. CSV and TSV with a header, JSON Lines (one object a "
            "line) and Parquet are read; write an array's objects one a line."
        )
    return "csv"


def _check_read(given: dict[str, Any], unread: list[str]) -> None:
    for role, names in given.items():
        for name in [names] if isinstance(names, str) else names or ():
            if name in unread:
                raise ConfigError(
                    f"The column {name!r}, which was given for `{role}`, holds bytes or vectors (or its name repeats), "
                    "and such columns are not read. Save pictures as files beside the table and give their paths."
                )
