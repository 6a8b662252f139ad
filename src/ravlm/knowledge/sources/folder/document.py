"""What a file of a folder says, before it is an entry, and why a file is left out."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ravlm.records import Section
from ravlm.safe.headers import SUFFIXES

MARKDOWN = frozenset({".md", ".markdown"})
TEXT = frozenset({".txt"})
HTML = frozenset({".html", ".htm"})
PDF = frozenset({".pdf"})
DOCUMENTS = MARKDOWN | TEXT | HTML | PDF
PICTURES = frozenset(SUFFIXES)
LARGEST_FILE = 100_000_000  # bytes
LARGEST_TEXT = 4_000_000  # bytes of a text file, characters of a PDF; War and Peace has 3.2 million

NO_TEXT = "no text"
UNREADABLE = "can't be read"


class LeftOut(Exception):
    """A file, a line or a picture that becomes no part of an entry; `reason` is one of few fixed texts."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says; what it does not say is empty.

    `pictures` are paths relative to the file's folder, or begin with `#` and name a picture inside the file; `remote`
    are addresses of pictures, which are not fetched; `skipped` counts pictures that were left out, by reason.
    """

    title: str = ""
    sections: tuple[Section, ...] = ()
    pictures: tuple[str, ...] = ()
    remote: tuple[str, ...] = ()
    id: str = ""
    language: str = ""
    aliases: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    url: str = ""
    licence: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The document as JSON can say it."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Document":
        """The document that `as_json` said."""
        values["sections"] = tuple(Section(**section) for section in values["sections"])
        values["facts"] = tuple((relation, value) for relation, value in values["facts"])
        for name in ("pictures", "remote", "aliases"):
            values[name] = tuple(values[name])
        return cls(**values)


def suffix_of(path: str) -> str:
    """The extension in small letters, with its dot: the kind of a file is told by nothing else."""
    return PurePosixPath(path).suffix.lower()


def read_bytes(path: Path, largest: int = LARGEST_FILE) -> bytes:
    """The bytes of a file.

    Raises:
        LeftOut: it is larger, or can't be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except OSError as error:
        raise LeftOut(UNREADABLE) from error
    if len(data) > largest:
        raise LeftOut(f"over {largest // 1_000_000} MB{' of text' * (largest == LARGEST_TEXT)}")
    return data


def decode_text(data: bytes) -> str:
    """Bytes as text: UTF-8, or UTF-16 where a byte order mark says so.

    Raises:
        LeftOut: it is neither, or holds null bytes and so is no text.
    """
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise LeftOut("not UTF-8") from error
    if "\0" in text:
        raise LeftOut("null bytes in a text")
    return text
