"""The third pass over wikitext: its lines become sections of paragraphs, list items and rows of tables."""

import html
import re
from collections.abc import Iterator
from itertools import pairwise

from ravlm.knowledge.sources.wikipedia.tables import closed_tables, table_text
from ravlm.knowledge.sources.wikipedia.tags import BREAK, GONE

_OUTER_LINK = re.compile(
    r"\[(?:(?:https?|ftps?|sftp|irc|ircs|news|nntp|gopher|telnet|svn|git|ssh)://|//|mailto:|tel:|urn:|geo:)"
    r"[^\s\[\]<>\"]*[ \t]*([^\[\]\n]*)\]",
    re.IGNORECASE,
)
_MAGIC = re.compile(r"__[^\W\da-z_]{2,40}__|~{3,5}(?!~)")  # and signatures
_BOLD_LINE = re.compile(r"^.*'''.*$", re.MULTILINE)
_QUOTES = re.compile(r"(?<!')''''(?!')")
_QUOTES = re.compile(r"''+")
_SPACED_NAMES = re.compile(r"&(nbsp|ensp|emsp|thinsp|ndash|mdash|#160|#xa0);", re.IGNORECASE)
_INVISIBLE = re.compile(
    "[\x01-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_SPACES = re.compile("[ \t\xa0\u2000-\u200a\u202f\u205f\u3000]{2,}|[\t\xa0\u2000-\u200a\u202f\u205f\u3000]")
_LINE_SPACE = re.compile(r" ?\n ?")
# What punctuation is left around something that was left out; bounded, so that no text makes it slow.
_SEPARATORS = r"[ ,;:/、，；：\x02]{0,20}"
_EMPTY_PARENTHESES = re.compile(rf" ?[(（][ ,;:/、，；：]{{0,20}}\x02{_SEPARATORS}[)）]")
_AFTER_OPENING = re.compile(rf"([(（])[ ,;:/、，；：]{{0,20}}\x02{_SEPARATORS}")
_BEFORE_CLOSING = re.compile(r" ?[,;、，；]? ?\x02[ ,;、，；\x02]{0,20}([)）])")
_BETWEEN_SEPARATORS = re.compile(r" ?[,;、，；] ?\x02 ?(?=[,;.、，；。])")
_SPACE_BEFORE = re.compile(r" ?\x02(?=[ \x02,.;:!?)\n，。；：、！？）]|\Z)")
_CJK_END = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")


def sections_of(text: str) -> Iterator[tuple[str, int, str]]:
    """(title, level, text) of every section; the lead has neither title nor level. Texts may be empty."""
    lines = _inline(text).split("\n")
    tables = closed_tables(lines)
    section = _Section("", 0)
    number = 0
    while number < len(lines):
        line = lines[number]
        first = line[:1]
        if first == "=" and (heading := _heading(line)):
            yield section.finished()
            section = _Section(*heading)
        elif number in tables:
            section.table(table_text(lines[number : tables[number] + 1]))
            number = tables[number]
        elif first in ("*", "#", ":", ";"):
            section.item(line)
        elif first == "-" and line.startswith("----"):
            section.end()
            section.line(line.lstrip("-"))
        else:
            section.line(line)
        number += 1
    yield section.finished()


def tidied(text: str) -> str:
    """Text with its entities as characters, plain single spaces, and nothing that can't be seen."""
    if "&" in text:
        text = html.unescape(text)
        if "&" in text:
            text = _SPACED_NAMES.sub(lambda found: html.unescape(found[0].lower()), text)
    text = _SPACES.sub(" ", _INVISIBLE.sub("", text))
    return _LINE_SPACE.sub("\n", text).strip()


def _inline(text: str) -> str:
    """The text without outer links' addresses, quotes for bold and italics, magic words, and leftover punctuation."""
    if "[" in text:
        text = _OUTER_LINK.sub(r"\1", text)
    if "''" in text:
        if "'''" in text:
            text = _BOLD_LINE.sub(_without_bold, text)
        text = _QUOTES.sub("", text)
    if "__" in text or "~~~" in text:
        text = _MAGIC.sub(GONE, text)
    if GONE in text:
        text = _EMPTY_PARENTHESES.sub(GONE, text)
        text = _BEFORE_CLOSING.sub(r"\1", _AFTER_OPENING.sub(r"\1", text))
        text = _SPACE_BEFORE.sub("", _BETWEEN_SEPARATORS.sub("", text))
        text = text.replace(GONE, "")
    return text


def _without_bold(found: re.Match[str]) -> str:
    """A line without its quotes, but for those that are apostrophes, as MediaWiki tells them (`doQuotes`)."""
    texts, marks = _QUOTES.split(found[0]), [len(mark) for mark in _QUOTES.findall(found[0])]
    for place, length in enumerate(marks):
        if length == 4 or length > 5:
            texts[place] += "'" * (length - (3 if length == 4 else 5))
            marks[place] = 3 if length == 4 else 5
    bold, italic = (sum(length in (kind, 5) for length in marks) for kind in (3, 2))
    if bold % 2 and italic % 2:
        before = {place: texts[place] for place, length in enumerate(marks) if length == 3}
        single = (place for place, text in before.items() if text[-2:-1] == " " and text[-1] != " ")
        longer = (place for place, text in before.items() if text[-1:] != " ")
        chosen = next(single, next(longer, next(iter(before), None)))
        if chosen is not None:
            texts[chosen] += "'"
    return "".join(texts)


def _heading(line: str) -> tuple[str, int] | None:
    line = line.rstrip()
    level = min(len(line) - len(line.lstrip("=")), len(line) - len(line.rstrip("=")), 6, (len(line) - 1) // 2)
    if level < 1 or line[-1] != "=":
        return None
    title = tidied(line[level:-level].replace(BREAK, " "))
    return (title, level) if title.strip("=") else None


class _Section:
    def __init__(self, title: str, level: int) -> None:
        self._title = title
        self._level = level
        self._blocks: list[str] = []
        self._paragraph: list[str] = []
        self._items: list[str] = []

    def line(self, line: str) -> None:
        if self._items:
            self._end_items()
        line = line.strip(" \t")
        if line.startswith(("{|", "|-", "|}", "|+")):  # of a table without an end, or without a beginning
            line = "" if line[0] == "{" else line[2:]
        line = line.strip(" \t|")
        if line:
            self._paragraph.append(line)
        else:
            self._end_paragraph()

    def item(self, line: str) -> None:
        if self._paragraph:
            self._end_paragraph()
        text = line.lstrip("*#:; \t").replace(BREAK, " ").strip()
        if text:
            if line[0] == ";":
                text = text.replace(" : ", ": ", 1)
            self._items.append(f"- {text}")

    def table(self, rows: list[str]) -> None:
        self.end()
        self._items = rows
        self._end_items()

    def end(self) -> None:
        self._end_paragraph()
        self._end_items()

    def finished(self) -> tuple[str, int, str]:
        self.end()
        return self._title, self._level, tidied("\n\n".join(self._blocks))

    def _end_paragraph(self) -> None:
        if self._paragraph:
            self._blocks.append(_joined(self._paragraph))
            self._paragraph = []

    def _end_items(self) -> None:
        if self._items:
            self._blocks.append("\n".join(self._items))
            self._items = []


def _joined(lines: list[str]) -> str:
    """The lines of one paragraph: with a space between, but none between Chinese characters."""
    if len(lines) == 1:
        text = lines[0]
    else:
        parts = [lines[0]]
        for before, after in pairwise(lines):
            if not (_CJK_END.match(before[-1]) and _CJK_END.match(after[0])):
                parts.append(" ")
            parts.append(after)
        text = "".join(parts)
    return text.strip(BREAK).replace(BREAK, "\n") if BREAK in text else text
