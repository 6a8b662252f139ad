"""Pages out of a MediaWiki XML export (https://www.mediawiki.org/wiki/Help:Export, versions 0.10 and 0.11).

The export's header is read as XML; its pages are cut out of the bytes at `<page>` and `</page>` (text can't hold these:
its angle brackets are escaped) and read as XML one at a time. So one broken page is one broken page, and pages of no
interest cost next to nothing. Every piece goes through `safe.xml`: a document type or an entity is refused.
"""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ravlm.errors import FormatError
from ravlm.safe.streams import chunks, open_stream
from ravlm.safe.xml import xml_events

LARGEST_PAGE = 64_000_000  # bytes
BROKEN, TOO_LARGE = "broken page", "page over 64 MB"

_OPEN, _CLOSE, _END = b"<page>", b"</page>", b"</mediawiki>"
_KEEP = len(_END) - 1
_HEAD = re.compile(
    rb"<page>\s*<title>([^<]*)</title>\s*<ns>(-?\d{1,6})</ns>\s*<id>\d{1,18}</id>\s*"
    rb"(?:<redirect title=\"([^\"<]*)\" ?/>)?"
)
_WIKI_IN_NAME = re.compile(
    r"([a-z][a-z_]*(?:wiki|wiktionary|wikibooks|wikiquote|wikisource|wikinews|wikivoyage|wikiversity))-"
)
_LARGEST_HEADER = 4_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Site:
    """What a dump says of its wiki. `wiki` is its database's name, e.g. `enwiki`; None where nothing says it."""

    wiki: str | None
    language: str
    articles: str
    """What the addresses of its pages begin with; empty where it isn't said."""
    namespaces: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Page:
    """A page as the dump has it. `text` is None where it is no wikitext."""

    id: str
    title: str
    namespace: int
    redirect: str | None
    """The title that it leads to."""
    text: str | None


def read_site(path: Path) -> Site:
    """What the header of a dump says.

    Raises:
        PathError: there is no such file, or it can't be read.
        FormatError: it is not a MediaWiki export, or is damaged within its header.
    """
    found: dict[str, str] = {}
    namespaces: dict[int, str] = {}
    key = ""
    with open_stream(path) as (_, stream):
        header = _header(chunks(stream))
        if header[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise FormatError(f"{path} is in UTF-16; a MediaWiki export is in UTF-8. Convert it, or get it anew.")
        for kind, tag, value in xml_events((header,), str(path)):
            if isinstance(value, dict):
                if not found and tag != "mediawiki":
                    raise FormatError(
                        f"{path} is not a MediaWiki export: its first element is <{tag[:40]}>, not <mediawiki>. "
                        "Give a file ...-pages-articles....xml or .xml.bz2 from https://dumps.wikimedia.org."
                    )
                if tag == "mediawiki":
                    found["lang"] = value.get("xml:lang", "")
                elif tag == "page":
                    break
                key = value.get("key", "")
            elif tag == "namespace" and re.fullmatch(r"-?[0-9]{1,6}", key):
                namespaces[int(key)] = value.strip()
            elif tag in ("dbname", "base"):
                found[tag] = value.strip()
            elif (kind, tag) == ("end", "siteinfo"):
                break
    named = _WIKI_IN_NAME.match(path.name)
    wiki = found.get("dbname") or (named[1] if named else None)
    return Site(wiki, found.get("lang") or "en", _articles(found.get("base", "")), namespaces)


class PageCutter:
    """Cuts pages out of an export's bytes as they come. Memory is bounded by the largest page that is kept.

    A page that another one begins in never ended and is broken; the other one may be whole.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._inside = False  # a page has begun, at the buffer's beginning
        self._dropping = False  # it is too large, and no longer in the buffer
        self._searched = 0  # bytes of the buffer that hold no end of it
        self._own: int | None = None  # bytes of the buffer in which a page may begin; None: all
        self._deleted = 0  # bytes fed that are no longer in the buffer
        self.behind = 0
        """The bytes fed that no later page begins in."""
        self.ended = False
        """Whether the end of the export has been seen."""

    @property
    def open(self) -> bool:
        """Whether a page, or what may become the tag of one, has begun and not ended."""
        buffer, own = self._buffer, len(self._buffer) if self._own is None else self._own
        starts = (size for size in range(1, len(_OPEN)) if len(buffer) - size < own)
        return self._inside or any(buffer.endswith(_OPEN[:size]) for size in starts)

    def feed(self, data: bytes) -> Iterator[bytes | str]:
        """The pages that are whole now; a text in place of one says why it is left out."""
        buffer = self._buffer
        buffer += data
        position = 0
        while True:
            if not self._inside:
                begin = buffer.find(_OPEN, position)
                self.ended = self.ended or buffer.find(_END, position, begin if begin >= 0 else len(buffer)) >= 0
                if begin < 0 or (self._own is not None and begin >= self._own):
                    position = max(position, len(buffer) - _KEEP)
                    break
                position = begin
                self._inside, self._dropping, self._searched = True, False, begin + len(_OPEN)
            end = buffer.find(_CLOSE, self._searched)
            inner = buffer.find(_OPEN, self._searched, end if end >= 0 else len(buffer))
            stop = inner if inner >= 0 else end
            if stop < 0:
                size = len(buffer) - position - len(_CLOSE) + 1  # what is surely not part of its end
                if not self._dropping and size > LARGEST_PAGE:
                    self._dropping = True
                    self.behind = self._deleted + position + len(_OPEN)
                    yield TOO_LARGE
                self._searched = max(self._searched, len(buffer) - len(_CLOSE) + 1)
                position = self._searched if self._dropping else position
                break
            if not self._dropping:
                if stop - position > LARGEST_PAGE:
                    yield TOO_LARGE
                else:
                    yield BROKEN if inner >= 0 else bytes(buffer[position : stop + len(_CLOSE)])
            self._inside = False
            position = inner if inner >= 0 else stop + len(_CLOSE)
            self.behind = self._deleted + position
        self._searched -= position
        self._own = None if self._own is None else max(self._own - position, 0)
        self._deleted += position
        del buffer[:position]

    def finish(self) -> None:
        """Let no page begin in what is fed from now on; one that has begun is finished."""
        self._own = len(self._buffer)


def head(page: bytes) -> tuple[str, int, str | None] | None:
    """(title, namespace, the title it redirects to or None) of a page, without reading all of it; None: can't tell."""
    found = _HEAD.match(page)
    if found is None:
        return None
    title, namespace, target = found.groups()
    try:
        return _text(title), int(namespace), None if target is None else _text(target)
    except UnicodeDecodeError:
        return None


def read_page(page: bytes) -> Page:
    """A page with its last revision's text.

    Raises:
        FormatError: it is not well-formed XML, not UTF-8, declares something, or has no title or number.
    """
    found: dict[tuple[int, str], str] = {}
    redirect = None
    depth = 0
    for _, tag, value in xml_events((page,), "The page"):
        if isinstance(value, dict):
            depth += 1
            if depth == 2 and tag == "redirect":
                redirect = value.get("title", "")
            continue
        if depth == 2 and tag in ("id", "ns", "title"):
            found.setdefault((2, tag), value.strip())
        elif depth == 3 and tag in ("text", "model"):
            found[3, tag] = value
        depth -= 1
    identity, title, namespace = (found.get((2, tag), "") for tag in ("id", "title", "ns"))
    if not title or not re.fullmatch("[0-9]{1,19}", identity) or not re.fullmatch("-?[0-9]{0,6}", namespace):
        raise FormatError("The page has no title or no number. A page of a MediaWiki export has both.")
    wikitext = found.get((3, "model"), "wikitext") == "wikitext"
    return Page(identity, title, int(namespace or 0), redirect, found.get((3, "text"), "") if wikitext else None)


def _header(content: Iterator[bytes]) -> bytes:
    """What stands before the first page, and the page's tag; at most about `_LARGEST_HEADER` bytes."""
    header = bytearray()
    for chunk in content:
        header += chunk
        if (at := header.find(_OPEN, max(0, len(header) - len(chunk) - len(_OPEN)))) >= 0:
            return bytes(header[: at + len(_OPEN)])
        if len(header) > _LARGEST_HEADER:
            break
    return bytes(header)


def _articles(base: str) -> str:
    """`https://en.wikipedia.org/wiki/` of `https://en.wikipedia.org/wiki/Main_Page`."""
    if not re.match(r"https?://[^/\s]+/", base):
        return ""
    before, wiki, _ = base.partition("/wiki/")
    return before + wiki if wiki else base.rpartition("/")[0] + "/"


def _text(escaped: bytes) -> str:
    return html.unescape(escaped.decode())
