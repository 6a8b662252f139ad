"""An article in Markdown becomes a title, sections of plain text, and the names of its pictures.

The grammar is CommonMark (https://spec.commonmark.org/0.31.2/) with GitHub's tables and strikethrough, read by
markdown-it-py. No markup is left in the text.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from html import unescape

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdurl import decode

from ravlm.records import Section

DEEPEST = 100  # lists and quotes within each other; what lies deeper is left out
_BREAK = "\0"  # between the lines of a paragraph, while it is put together; no text holds it
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_CHINESE = re.compile(r"[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_CHINESE_OR_MARK = re.compile(r"[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef“”‘’…—·]")
_BULLET = re.compile(r"[•‣◦●▪–]\s")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_UNSEEN = re.compile(r"\s*<(?:script|style)\b", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<[!?][^<>]*>")
_IMAGE = re.compile(r"<img\s[^<>]*?\bsrc\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)'|([^\s\"'<>]+))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Article:
    """An article's parts: its title (None without a first-level heading), prose, and pictures as paths."""

    title: str | None
    sections: tuple[Section, ...]
    pictures: tuple[str, ...]

    @property
    def prose(self) -> str:
        """All of its text."""
        return "\n\n".join(section.text for section in self.sections)


class SectionWriter:
    """Puts an article together: the first heading of level 1 is its title, every other heading begins a section."""

    def __init__(self) -> None:
        self.title: str | None = None
        self._sections: list[tuple[str, list[list[str]]]] = [("", [])]  # title, blocks of lines
        self._after_item = False

    def heading(self, text: str, level: int) -> None:
        """The title, or the beginning of a section."""
        if level == 1 and self.title is None:
            self.title = clean(text) or None
        else:
            self._sections.append((clean(text), []))

    def block(self, text: str, *, item: bool = False) -> None:
        """A paragraph, or an item of a list (a row of a table): items follow each other line by line."""
        text = clean(text).strip()
        if not text:
            return
        blocks = self._sections[-1][1]
        if item and self._after_item and blocks:
            blocks[-1].append(text)
        else:
            blocks.append([text])
        self._after_item = item

    def sections(self) -> tuple[Section, ...]:
        """The sections that have text."""
        return tuple(Section(title, "\n\n".join(map("\n".join, blocks))) for title, blocks in self._sections if blocks)


def read_markdown(markdown: str) -> Article:
    """The parts of an article in Markdown: `# Title`, other headings as sections, `![](path)` as pictures.

    Lines of a paragraph are joined; items of lists and rows of tables keep a line each. Code is kept as it stands;
    HTML's tags and comments are dropped. Sections without text are left out.
    """
    writer, pictures = SectionWriter(), list[str]()
    marker, heading = "", 0
    row: list[str] | None = None
    for token in _parser().parse(clean(markdown)):
        if token.type == "heading_open":
            heading = int(token.tag[1:])
        elif token.type == "list_item_open":
            marker = f"{token.info}{token.markup} " if token.info else "- "
        elif token.type == "list_item_close":
            marker = ""
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close":
            writer.block(" | ".join(row or []), item=True)
            row = None
        elif token.type == "inline":
            text = _inline(token.children or [], pictures)
            if heading:
                writer.heading(text.replace("\n", " "), heading)
                heading = 0
            elif row is not None:
                row.append(text.replace("\n", " "))
            else:
                writer.block(marker + text if text else "", item=bool(marker))
                marker = ""
        elif token.type in {"fence", "code_block"}:
            writer.block(token.content.rstrip())
        elif token.type == "html_block" and not _UNSEEN.match(token.content):
            writer.block(_without_tags(token.content, pictures))
    return Article(writer.title, writer.sections(), tuple(dict.fromkeys(pictures)))


def clean(text: str) -> str:
    """A text without byte order mark and control characters, its lines apart by line feeds alone."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    return _CONTROLS.sub("", text.replace("\u2028", "\n").replace("\u2029", "\n\n"))


def join_lines(lines: Iterable[str]) -> str:
    """The lines of a paragraph as one: joined by a space, between Chinese or Japanese characters by nothing.

    >>> join_lines(["它有", "两只眼睛。", "Two", "eyes."])
    '它有两只眼睛。 Two eyes.'
    """
    made: list[str] = []
    for line in filter(None, (line.strip() for line in lines)):
        if made:
            made.append(_joint(made[-1][-1], line[0]) if not _BULLET.match(line) else "\n")
        made.append(line)
    return "".join(made)


def _joint(before: str, after: str) -> str:
    both = before + after
    apart = not all(map(_CHINESE_OR_MARK.match, both)) or not any(map(_CHINESE.match, both))
    return " " if apart else ""


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"maxNesting": DEEPEST}).enable(["table", "strikethrough"])


def _inline(tokens: list[Token], pictures: list[str]) -> str:
    """The text of a paragraph's tokens; the pictures among them are added to `pictures`."""
    made: list[str] = []
    for token in tokens:
        if token.type == "image":
            pictures.append(decode(str(token.attrs["src"]), exclude=""))
        elif token.type == "softbreak":
            made.append(_BREAK)
        elif token.type == "hardbreak":
            made.append("\n")
        elif token.type == "html_inline":
            made.append("\n" if token.content[:3].lower() == "<br" else _without_tags(token.content, pictures))
        else:
            made.append(token.content)
    return "\n".join(filter(None, (join_lines(line.split(_BREAK)) for line in "".join(made).split("\n"))))


def _without_tags(html: str, pictures: list[str]) -> str:
    html = _COMMENT.sub("", html)
    for found in _IMAGE.finditer(html):
        pictures.append(decode(unescape(found[1] or found[2] or found[3] or ""), exclude=""))
    return join_lines(unescape(_TAG.sub("", html)).split("\n"))
