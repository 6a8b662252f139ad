"""Lines of fields as runs and judgements have them, and documents as other programs name them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ravlm.errors import FormatError
from ravlm.safe.streams import LONGEST_LINE, bounded_lines, open_stream


class Qrel(NamedTuple):
    """How relevant a document is to a query; 0: not at all. `ir_measures` takes a sequence of these."""

    query_id: str
    doc_id: str
    relevance: int


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file, gzip too, with their numbers from 1; empty lines are passed over.

    Raises:
        PathError: there is no such file, or it can't be read.
        FormatError: it is not UTF-8, is damaged, or a line is too long.
    """
    with open_stream(path) as (_, content):
        for number, line in enumerate(bounded_lines(content), 1):
            if line is None:
                raise FormatError(f"{path}, line {number:,}: it has more than {LONGEST_LINE:,} bytes. Check the file.")
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n")
            except UnicodeDecodeError as error:
                raise FormatError(f"{path}, line {number:,}: it is not UTF-8. Save the file as UTF-8.") from error
            if text.strip():
                yield number, text


def unfit(path: Path, number: int, expected: str, found: str) -> FormatError:
    """The error for a line that is not as it should be."""
    return FormatError(f"{path}, line {number:,}: expected {expected}, found {found[:80]!r}. Mend the line.")


def checked_id(name: str, what: str, *, tabs_alone: bool = False) -> str:
    """An id that can stand in a line of fields.

    Raises:
        FormatError: it is empty or has white space; with `tabs_alone`: a tab or the end of a line.
    """
    if not name or (any(c in name for c in "\t\r\n") if tabs_alone else len(name.split()) != 1 or name != name.strip()):
        where = "between tabs" if tabs_alone else "between spaces"
        raise FormatError(
            f"The id {name!r} of {what} can't be written {where}: it is empty or has white space. Give ids without it, "
            "or write JSON."
        )
    return name


def bare_id(entry_id: str, source: str) -> str:
    """The id that a document had in its corpus: a BEIR corpus named `cacm` gives its document 12 the id `cacm:12`.

    >>> bare_id("cacm:12", "cacm"), bare_id("country-fr", "flags")
    ('12', 'country-fr')
    """
    return entry_id.removeprefix(f"{source}:") if source else entry_id
