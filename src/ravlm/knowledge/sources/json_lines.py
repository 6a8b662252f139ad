"""JSON Lines as a stream of records: one object a line, every line bounded, its end known to the byte."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from ravlm.errors import FormatError
from ravlm.knowledge.sources.part import Part, Place
from ravlm.knowledge.sources.parting import Record, in_parts
from ravlm.knowledge.sources.texts import NUMBERS, TooDeep
from ravlm.records import Entry
from ravlm.safe.streams import bounded_lines, open_stream

LONGEST = 16_000_000  # bytes of a line
TRIED = 1_000  # lines that are looked at to tell what a file holds
_TRIED_BYTES = 32_000_000
_COMPRESSED = {".gz", ".bz2", ".xz", ".zip"}

TOO_LONG = "row over 16 MB"
NOT_UTF8 = "not UTF-8"
NOT_JSON = "not JSON"
NOT_AN_OBJECT = "not a JSON object"
TOO_DEEP = "nested too deep"

MEMORY = 100_000_000  # bytes that reading takes at most: measured with lines of 16 MB

Row = dict[str, Any]


def go_to(place: int, raw: BinaryIO, content: IO[bytes]) -> None:
    """Go to a byte of the content: with a jump where it is not compressed, else by passing over what is before.

    Raises:
        FormatError: the content ends before that byte.
    """
    if content is raw:
        content.seek(place)
        return
    left = place
    while left > 0:
        passed = len(content.read(min(left, 1 << 20)))
        if not passed:
            raise FormatError(
                f"Byte {place:,} of the content was asked for, but it ends {left:,} before. The file is another one "
                "than before: begin anew."
            )
        left -= passed


def lines(content: IO[bytes], start: int = 0) -> Iterator[tuple[bytes | None, int, int]]:
    """Lines that hold something: (the line, where it ends in the content, its bytes).

    None stands for a line of more than `LONGEST` bytes, which is not held.
    """
    end = start
    for line in bounded_lines(content, LONGEST):
        begin, end = end, content.tell() if line is None else end + len(line)
        if line is None or not line.isspace():
            yield line, end, end - begin


def parsed(line: bytes | None, decoder: json.JSONDecoder = NUMBERS) -> Row | str:
    """A line's object, or why it has none: one of the reasons above."""
    if line is None:
        return TOO_LONG
    try:
        row = decoder.decode(line.decode("utf-8-sig" if line.startswith(b"\xef\xbb\xbf") else "utf-8"))
    except UnicodeDecodeError:
        return NOT_UTF8
    except (ValueError, RecursionError):  # also numbers of too many digits
        return NOT_JSON
    return row if isinstance(row, dict) else NOT_AN_OBJECT


def expansion_of(path: Path, plain: float = 0.6) -> float:
    """About how many bytes a base takes for one of a file: `plain` for text as it is, more where it is compressed.

    Measured with articles of about 2,500 characters; rows of a few words take several times as much.
    """
    return plain * (2.5 if path.suffix.lower() in _COMPRESSED else 1)


def line_parts(
    path: Path,
    after: Place | None,
    made: Callable[[Row], Entry | str],
    decoder: json.JSONDecoder = NUMBERS,
) -> Iterator[Part]:
    """The entries that `made` makes of a file's objects; a text that it gives is the reason for leaving one out."""
    with open_stream(path) as (raw, content):
        go_to(after or 0, raw, content)
        yield from in_parts(_records(content, after or 0, made, decoder), raw.tell)


def first_rows(path: Path, decoder: json.JSONDecoder = NUMBERS) -> list[Row]:
    """The objects among a file's first lines: at most `TRIED`.

    Raises:
        PathError: there is no such file.
        FormatError: it holds no lines, or none of the first ones is a JSON object.
    """
    found: list[Row] = []
    reason, size = "no lines", 0
    with open_stream(path) as (_, content):
        for tried, (line, _, length) in enumerate(lines(content), start=1):
            row = parsed(line, decoder)
            if isinstance(row, str):
                reason = f"{tried:,} lines that are {row!r}" if tried > 1 else f"a first line that is {row!r}"
            else:
                found.append(row)
            size += length
            if tried >= TRIED or size >= _TRIED_BYTES:
                break
    if not found:
        raise FormatError(f"{path} is not JSON Lines (one JSON object a line): found {reason}. Check the file.")
    return found


def _records(
    content: IO[bytes], start: int, made: Callable[[Row], Entry | str], decoder: json.JSONDecoder
) -> Iterator[Record]:
    for line, end, length in lines(content, start):
        row = parsed(line, decoder)
        if isinstance(row, str):
            yield row, end, length
            continue
        try:
            yield made(row), end, length
        except TooDeep:
            yield TOO_DEEP, end, length
