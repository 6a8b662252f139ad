"""The second pass over wikitext: templates, links and language variants, resolved from the inside out.

One scan with a stack. What is open lies as pieces in one flat list, so an end that never comes costs nothing and loses
nothing: its text simply stays. More than `DEEPEST` things open at once are not followed (MediaWiki stops at 40
templates within each other), so the work grows with the text's length whatever stands in it.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

from ravlm.knowledge.sources.wikipedia.tags import GONE

DEEPEST = 60

_TOKEN = re.compile(r"\[\[+|\]\]+|\{\{+|\}\}+|\|")
_TOKEN_WITH_VARIANTS = re.compile(r"\[\[+|\]\]+|\{\{+|\}\}+(?:-(?!\{))?|\||-\{(?!\{)|\}-")
_LINK, _TEMPLATE, _PARAMETER, _VARIANT = range(4)


class Renderer(Protocol):
    """What stands in place of a thing that is closed; None: it is no such thing, and its text stays."""

    def link(self, parts: Sequence[str], place: int) -> str | None:
        """A link's target and what follows it, and where it begins."""
        ...

    def template(self, name: str, arguments: Callable[[], list[str]], place: int) -> str:
        """A template's name, its arguments when they are asked for, and where it begins."""
        ...

    def variant(self, parts: Sequence[str]) -> str:
        """What stands between `-{` and `}-`, cut at its bars."""
        ...


def resolved(text: str, renderer: Renderer, variants: bool = False) -> str:
    """The text without templates, links and, where the language has them, variants."""
    scan = _Scan(text, renderer)
    for found in (_TOKEN_WITH_VARIANTS if variants else _TOKEN).finditer(text):
        token = found[0]
        mark = token[0]
        if mark == "|":
            if scan.stack:
                scan.bar(found.start())
        elif mark == "[":
            scan.open_links(found.start(), len(token))
        elif mark == "]":
            scan.close_links(found.start(), len(token))
        elif mark == "{":
            scan.open_braces(found.start(), len(token))
        elif mark == "-":
            scan.open(_VARIANT, found.start(), 2, "-{")
        elif len(token) == 2 and token[1] == "-":
            scan.close_variant(found.start(), 2)
        else:
            scan.close_braces(found.start(), token)
    return scan.rest()


class _Scan:
    def __init__(self, text: str, renderer: Renderer) -> None:
        self._text = text
        self._renderer = renderer
        self._out: list[str] = []
        self._last = 0
        self.stack: list[tuple[int, int, list[int], int]] = []  # kind, first piece, bars among the pieces, place
        self._braces = 0  # templates and parameters in the stack
        self._headings = [found.start() for found in re.finditer(r"\n==", text)]

    def rest(self) -> str:
        self._out.append(self._text[self._last :])
        for frame in self.stack:
            self._out[frame[1]] = ""
        return "".join(self._out)

    def bar(self, start: int) -> None:
        self._upto(start, start + 1)
        self.stack[-1][2].append(len(self._out))
        self._out.append("|")

    def open(self, kind: int, start: int, length: int, token: str) -> None:
        self._upto(start, start + length)
        if len(self.stack) >= DEEPEST:
            self._forget(self.stack.pop(0))
        self.stack.append((kind, len(self._out), [], start))
        self._out.append(token)
        self._braces += kind in (_TEMPLATE, _PARAMETER)

    def open_links(self, start: int, length: int) -> None:
        self._upto(start, start + length)
        if length % 2:
            self._out.append("[")
        for _ in range(min(length // 2, DEEPEST)):
            self.open(_LINK, self._last, 0, "[[")

    def open_braces(self, start: int, length: int) -> None:
        self._upto(start, start + length)
        for _ in range(min(length // 2 - length % 2, DEEPEST)):
            self.open(_TEMPLATE, self._last, 0, "{{")
        if length % 2:
            self.open(_PARAMETER, self._last, 0, "{{{")

    def close_links(self, start: int, length: int) -> None:
        self._upto(start, start + length)
        if length % 2 and self.stack and any("[" in piece for piece in self._out[self.stack[-1][1] + 1 :]):
            self._out.append("]")  # the end of an external link within this one
            length -= 1
        while length >= 2 and self.stack and self.stack[-1][0] == _LINK:
            length -= 2
            frame = self.stack.pop()
            self._replace(frame, self._link(frame))
        if length % 2:
            self._out.append("]")

    def close_braces(self, start: int, token: str) -> None:
        length = len(token.rstrip("-"))
        self._upto(start, start + length)
        while length >= 2 and self._braces:
            while self.stack[-1][0] not in (_TEMPLATE, _PARAMETER):
                self._forget(self.stack.pop())
            frame = self.stack.pop()
            self._braces -= 1
            if frame[0] == _PARAMETER and length >= 3:
                length -= 3
                parts = self._parts(frame)
                self._replace(frame, parts[1] if len(parts) > 1 else GONE)
            else:
                length -= 2
                self._replace(frame, self._template(frame))
        if length % 2:
            if token[-1] == "-" and self.stack and self.stack[-1][0] == _VARIANT:
                self.close_variant(self._last, 1)
            else:
                self._out.append("}")

    def close_variant(self, start: int, length: int) -> None:
        if any(frame[0] == _VARIANT for frame in self.stack):
            self._upto(start, start + length)
            while self.stack[-1][0] != _VARIANT:
                self._forget(self.stack.pop())
            frame = self.stack.pop()
            self._replace(frame, self._renderer.variant(self._parts(frame)))

    def _link(self, frame: tuple[int, int, list[int], int]) -> str | None:
        return None if self._spans_heading(frame) else self._renderer.link(self._parts(frame), frame[3])

    def _template(self, frame: tuple[int, int, list[int], int]) -> str | None:
        if self._spans_heading(frame):
            return None
        _, first, bars, place = frame
        name = "".join(self._out[first + 1 : bars[0] if bars else None])
        return self._renderer.template(name, lambda: self._parts(frame)[1:], place)

    def _spans_heading(self, frame: tuple[int, int, list[int], int]) -> bool:
        """Whether a heading stands within: then two halves met that don't belong together, and the text is kept."""
        at = bisect_left(self._headings, frame[3])
        return at < len(self._headings) and self._headings[at] < self._last

    def _parts(self, frame: tuple[int, int, list[int], int]) -> list[str]:
        cuts = [frame[1], *frame[2], len(self._out)]
        return ["".join(self._out[start + 1 : end]) for start, end in pairwise(cuts)]

    def _replace(self, frame: tuple[int, int, list[int], int], written: str | None) -> None:
        if written is None:
            self._out[frame[1]] = ""
        else:
            del self._out[frame[1] :]
            self._out.append(written)

    def _forget(self, frame: tuple[int, int, list[int], int]) -> None:
        self._out[frame[1]] = ""
        self._braces -= frame[0] in (_TEMPLATE, _PARAMETER)

    def _upto(self, start: int, end: int) -> None:
        if self._last < start:
            self._out.append(self._text[self._last : start])
        self._last = max(self._last, end)
