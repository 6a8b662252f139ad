"""Text and Markdown files, and the paragraphs of a text that was broken into lines."""

import re
import unicodedata
from dataclasses import replace
from typing import Literal

from ravlm.knowledge.markdown import clean, join_lines, read_markdown
from ravlm.knowledge.sources.folder.document import Document, decode_text
from ravlm.knowledge.sources.folder.fields import document_of, front_matter
from ravlm.records import Section

LONGEST_TITLE = 80  # columns, as the first line of a text file, with an empty line below
_TITLE_ABOVE_TEXT = 40  # columns, where the text goes on in the next line
_WIDEST = 120  # columns: longer lines of a text file were not broken to fit a page
_NARROWEST = 50  # columns, the same for shorter ones
_FULL = 0.75  # of the width: a shorter line ends its paragraph
_END = re.compile(r"[.!?。！？…:：][\"'”’)\]」』）]*$")
_BULLET = re.compile(r"(?:[-*+•‣◦●▪–]|\(?\d{1,3}[.)、]|[①-⑳])\s*\S")
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]$")


def read_markdown_file(data: bytes) -> Document:
    """A Markdown file: its front matter's values, its title, sections, and the pictures that it links.

    Raises:
        LeftOut: it is no text, or a value of the front matter is not of its field's kind.
    """
    values, markdown = front_matter(clean(decode_text(data)))
    article = read_markdown(markdown)
    document = document_of(values)
    return replace(
        document,
        title=article.title or document.title,
        sections=document.sections + article.sections,
        pictures=tuple(link for link in article.pictures if not is_remote(link)),
        remote=tuple(link for link in article.pictures if is_remote(link)),
    )


def read_text_file(data: bytes) -> Document:
    """A text file: a short first line is its title, empty lines part its paragraphs.

    Raises:
        LeftOut: it is no text.
    """
    lines = clean(decode_text(data)).strip().split("\n")
    title = ""
    if len(lines) > 1 and _is_title(lines[0].strip(), lines[1].strip()):
        title, lines = lines[0].strip(), lines[1:]
    text = paragraphs(lines, narrowest=_NARROWEST)
    return Document(title=title, sections=(Section("", text),) if text else ())


def is_remote(link: str) -> bool:
    """Whether a picture lies on a server: nothing is fetched."""
    return link.lower().startswith(("http://", "https://", "//"))


def paragraphs(lines: list[str], narrowest: int, widest: int = _WIDEST) -> str:
    """Lines as paragraphs: those that were broken to fit a width are joined, words that were cut are whole again.

    A line ends its paragraph where it is clearly shorter than the others, where the next begins an item of a list,
    or where an empty line follows.

    Args:
        lines: the lines, with empty ones.
        narrowest: columns; where the widest lines are narrower than this, nothing was broken, no lines are joined.
        widest: columns; the same where they are wider. (The widest: the 90th percentile of the lines.)
    """
    lines = [" ".join(line.split()) for line in lines]
    widths = sorted(columns(line) for line in lines if line)
    width = widths[len(widths) * 9 // 10] if widths else 0
    least = _FULL * width if narrowest <= width <= widest else float("inf")
    made: list[list[list[list[str]]]] = []  # paragraphs of lines of broken lines of cut words
    before = ""
    for line in lines:
        relation = _relation(before, line, least) if before else "new"
        if not line:
            pass
        elif relation == "new":
            made.append([[[line]]])
        elif relation == "line":
            made[-1].append([[line]])
        elif _HYPHEN.search(before) and line[0].islower():
            made[-1][-1][-1][-1] = made[-1][-1][-1][-1][:-1]
            made[-1][-1][-1].append(line)
        else:
            made[-1][-1].append([line])
        before = line
    return "\n\n".join("\n".join(join_lines(map("".join, parts)) for parts in paragraph) for paragraph in made)


def columns(text: str) -> int:
    """How wide a line is: Chinese characters take two columns."""
    return len(text) if text.isascii() else sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _is_title(line: str, following: str) -> bool:
    if _END.search(line) or line.endswith((",", ";", "，", "；", "、")):
        return False
    if not following:
        return columns(line) <= LONGEST_TITLE
    return columns(line) <= _TITLE_ABOVE_TEXT and not following[0].islower() and columns(following) > columns(line)


def _relation(before: str, line: str, least: float) -> Literal["new", "line", "on"]:
    """How a line follows the one above it: as a new paragraph, as a line of its own, or as the rest of its sentence."""
    if _BULLET.match(line):
        return "line"
    if least == float("inf"):
        return "line" if max(columns(before), columns(line)) <= _WIDEST else "new"
    if columns(before) >= least or (line[:1].islower() and not _END.search(before)):
        return "on"
    return "new" if _END.search(before) or columns(line) >= least else "line"
