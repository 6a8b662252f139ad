"""The one door through which XML is read: as a stream, without entities, and without what a document type could do.

Entities are how a small file becomes a large one ("billion laughs") and how a document reaches for other files, so a
document that declares one is refused. A bare document type, which names a file that is never fetched, is let through
where the format has one.
"""

from collections.abc import Iterable, Iterator
from typing import Literal
from xml.parsers import expat

from ravlm.errors import FormatError

LONGEST_TEXT = 64_000_000  # characters within one element
DEEPEST = 100  # elements within each other

Event = tuple[Literal["start"], str, dict[str, str]] | tuple[Literal["end"], str, str]


def xml_events(chunks: Iterable[bytes], name: str, *, doctype: bool = False) -> Iterator[Event]:
    """Elements as they begin and end: ("start", tag, attributes) and ("end", tag, the text directly within it).

    Tags keep their prefixes; space around text is kept. Memory is bounded by one element's text.

    Args:
        chunks: the document's bytes.
        name: what an error calls the document.
        doctype: let a document type without declarations of its own through.

    Raises:
        FormatError: not well formed, declares entities or (without `doctype`) a document type, nests deeper than
            `DEEPEST`, or holds an element of more than `LONGEST_TEXT` characters.
    """
    reader = _Reader(name, doctype)
    for chunk in chunks:
        yield from reader.feed(chunk)
    yield from reader.feed(b"", last=True)


class _Reader:
    def __init__(self, name: str, doctype: bool) -> None:
        self._name = name
        self._doctype = doctype
        self._events: list[Event] = []
        self._texts: list[list[str]] = []
        self._lengths: list[int] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._document_type
        self._parser.EntityDeclHandler = self._entity

    def feed(self, data: bytes, last: bool = False) -> list[Event]:
        try:
            self._parser.Parse(data, last)
        except (expat.ExpatError, LookupError) as error:  # an encoding that nobody knows is looked up in vain
            raise FormatError(
                f"{self._name} is not well-formed XML: {error}. Get the file again and compare its checksum."
            ) from error
        events, self._events = self._events, []
        return events

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._texts) >= DEEPEST:
            raise self._refused(f"elements nested deeper than {DEEPEST}")
        self._texts.append([])
        self._lengths.append(0)
        self._events.append(("start", tag, attributes))

    def _end(self, tag: str) -> None:
        self._events.append(("end", tag, "".join(self._texts.pop())))
        self._lengths.pop()

    def _text(self, text: str) -> None:
        self._lengths[-1] += len(text)
        if self._lengths[-1] > LONGEST_TEXT:
            raise self._refused(f"an element of more than {LONGEST_TEXT:,} characters")
        self._texts[-1].append(text)

    def _document_type(self, *declared: object) -> None:
        if not self._doctype or declared[-1]:
            raise self._refused("a document type")

    def _entity(self, *_: object) -> None:
        raise self._refused("an entity")

    def _refused(self, found: str) -> FormatError:
        return FormatError(
            f"{self._name}, line {self._parser.CurrentLineNumber}: found {found}, which is refused: it can make a "
            "small file fill the memory, or reach for other files. Get the file from its publisher."
        )
