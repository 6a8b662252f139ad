"""One huge JSON object as a stream of its members, in bounded memory; a member that is faulty is passed over.

The text is decoded a chunk at a time, and each value is read by the standard library's decoder as soon as it is whole.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from ravlm.errors import FormatError
from ravlm.knowledge.sources.json_lines import NOT_JSON, NOT_UTF8
from ravlm.knowledge.sources.texts import NUMBERS

CHUNK = 1 << 20  # bytes
LONGEST = 16_000_000  # characters of a member
TOO_LONG = "member over 16 MB"

_SPACE = re.compile(r"[ \t\n\r]*")
_MARKS = re.compile(r'[\\"{}\[\],]')
_MARKS_IN_STRING = re.compile(r'[\\"]')
_BOM = "\ufeff"
_NUMBER_GOES_ON = 3  # characters after a number that show whether it goes on, as in 1 and e+5
_NEXT = "',' or '}' after a member"


@dataclass(frozen=True, slots=True)
class Member:
    """A name and its value, or the reason why it has none; `end` is the byte after it, `length` its bytes."""

    name: str
    value: Any
    fault: str | None
    end: int
    length: int


def members(content: IO[bytes], start: int = 0, *, name: str) -> Iterator[Member]:
    """The members of the object that `content` holds, in order; a name that repeats comes again.

    Args:
        content: the bytes from `start` on.
        start: 0, or the `end` of a member, after which reading goes on.
        name: what an error calls the file.

    Raises:
        FormatError: the content is no object, or its braces, commas and colons are not as JSON has them.
    """
    text = _Text(content, start, name)
    if start == 0:
        text.expect("\ufeff{", "one JSON object, which begins with '{'")
        closed = text.peek() == "}" and text.expect("}", _NEXT) == "}"
    else:
        closed = text.expect(",}", _NEXT) == "}"
    while not closed:
        yield _member(text)
        closed = text.expect(",}", _NEXT) == "}"
    text.finish()


def _member(text: "_Text") -> Member:
    begin, text.broken = text.end, False
    if text.peek() != '"':
        raise text.damaged("a member's name in quotes")
    name, fault = text.value()
    if fault:
        raise text.damaged("a member's name that is JSON")
    text.expect(":", "':' after a member's name")
    text.peek()
    value, fault = text.value()
    if text.broken:
        value, fault = None, fault or NOT_UTF8
    return Member(name, value, fault, text.end, text.end - begin)


class _Text:
    """The content's text from a place on. `end` is that place in bytes, `broken` says of bytes that are not UTF-8."""

    def __init__(self, content: IO[bytes], start: int, name: str) -> None:
        self.end = start
        self.broken = False
        self._content = content
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._at = 0
        self._whole = False

    def peek(self) -> str:
        """The next character that is no space; nothing at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._pass(found.end() if found else self._at)
            if self._at < len(self._text) or self._whole:
                return self._text[self._at : self._at + 1]
            self._fill(CHUNK)

    def expect(self, characters: str, meant: str) -> str:
        """Pass over one of `characters`; a byte order mark among them may come before the others."""
        found = self.peek()
        if found == _BOM and _BOM in characters:
            self._pass(self._at + 1)
            found = self.peek()
        if not found or found not in characters:
            raise self.damaged(meant)
        self._pass(self._at + 1)
        return found

    def value(self) -> tuple[Any, str | None]:
        """The value that begins here, and None; or None, and why it is passed over."""
        while True:
            try:
                value, end = NUMBERS.raw_decode(self._text, self._at)
                ended = end + _NUMBER_GOES_ON <= len(self._text) or self._whole
                fits = end - self._at <= LONGEST
            except (ValueError, RecursionError):
                ended = len(self._text) - self._at >= LONGEST or self._whole
                fits = False
            if ended and fits:
                self._pass(end)
                return value, None
            if ended:
                return None, TOO_LONG if self._pass_value() > LONGEST else NOT_JSON
            self._fill(max(CHUNK, len(self._text) - self._at))

    def finish(self) -> None:
        """Read to the very end, where checksums are compared; nothing but space may follow."""
        if self.peek():
            raise self.damaged("nothing after the object")

    def damaged(self, meant: str) -> FormatError:
        found = repr(self._text[self._at : self._at + 20]) if self._at < len(self._text) else "the end of the file"
        return FormatError(
            f"{self._name}, byte {self.end:,}: expected {meant}, found {found}. Get the file again and compare its "
            "checksum."
        )

    def _pass_value(self) -> int:
        """Pass over a value that can't be read; how many characters it has."""
        depth, quoted, passed, at = 0, False, 0, self._at
        while True:
            mark = (_MARKS_IN_STRING if quoted else _MARKS).search(self._text, at)
            if mark is None or (mark.group() == "\\" and mark.end() == len(self._text)):
                stop = mark.start() if mark else len(self._text)
                passed += stop - self._at
                self._pass(stop)
                if self._whole:
                    raise self.damaged("the end of a member")
                self._fill(CHUNK)
                at = self._at
                continue
            at, character = mark.end(), mark.group()
            if character == "\\":
                at += quoted
            elif character == '"':
                quoted = not quoted
            elif character in "{[":
                depth += 1
            elif depth == 0 and character in ",}":
                passed += mark.start() - self._at
                self._pass(mark.start())
                return passed
            elif character in "}]":
                depth -= 1

    def _pass(self, to: int) -> None:
        passed = self._text[self._at : to]
        if passed.isascii():
            self.end += len(passed)
        else:
            try:
                self.end += len(passed.encode())
            except UnicodeEncodeError:
                self.broken = True
                self.end += len(passed.encode("utf-8", "surrogateescape"))
        self._at = to

    def _fill(self, size: int) -> None:
        chunk = self._content.read(size)
        self._whole = not chunk
        self._text = self._text[self._at :] + self._decoder.decode(chunk, final=self._whole)
        self._at = 0
