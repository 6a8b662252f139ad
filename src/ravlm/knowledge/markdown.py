"""The little of Markdown that an article needs: headings, paragraphs, pictures. No markup is left in the text."""

import re
from dataclasses import dataclass

from ravlm.knowledge.passages import guess_language
from ravlm.records import Section

_PICTURE = re.compile(r"!\[[^\]]*\]\(\s*<?([^)>\"]+?)>?(?:\s+\"[^\"]*\")?\s*\)")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_EMPHASIS = re.compile(r"(\*\*|__|\*|`)(?=\S)(.+?)(?<=\S)\1")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*")
_UNDERLINE = re.compile(r"=+\s*|-{3,}\s*")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d+[.)]|\|)\s")


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


def read_markdown(markdown: str) -> Article:
    """The parts of an article in Markdown: `# Title`, other headings as sections, `![](path)` as pictures.

    Lines of a paragraph are joined; items of lists keep a line each. Sections without text are left out.
    """
    lines = _headings(_COMMENT.sub("", markdown.removeprefix("\ufeff")).splitlines())
    pictures = [name.replace("%20", " ") for line in lines for name in _PICTURE.findall(line)]
    title: str | None = None
    sections: list[tuple[str, list[str]]] = [("", [])]
    for line in lines:
        heading = _HEADING.fullmatch(line)
        if heading is None:
            sections[-1][1].append(line)
        elif heading[1] == "#" and title is None:
            title = _plain(heading[2]) or None
        else:
            sections.append((_plain(heading[2]), []))
    made = [Section(name, _paragraphs(body)) for name, body in sections]
    return Article(title, tuple(section for section in made if section.text), tuple(dict.fromkeys(pictures)))


def _headings(lines: list[str]) -> list[str]:
    """The lines with underlined headings (=== and ---) turned into # and ##."""
    made: list[str] = []
    for line in lines:
        under = _UNDERLINE.fullmatch(line)
        if under and made and made[-1].strip() and not _HEADING.fullmatch(made[-1]) and not _ITEM.match(made[-1]):
            made[-1] = f"{'#' if line[0] == '=' else '##'} {made[-1].strip()}"
        elif not (under and line[0] == "-"):
            made.append(line.rstrip())
    return made


def _paragraphs(lines: list[str]) -> str:
    paragraphs: list[list[str]] = [[]]
    for line in lines:
        text = _plain(line)
        if not text:
            paragraphs.append([])
        elif _ITEM.match(line) or not paragraphs[-1]:
            paragraphs[-1].append(text)
        else:
            joint = "" if guess_language(paragraphs[-1][-1][-1:] + text[:1]) == "zh" else " "
            paragraphs[-1][-1] += joint + text
    return "\n\n".join("\n".join(paragraph) for paragraph in paragraphs if paragraph)


def _plain(line: str) -> str:
    bare = _LINK.sub(r"\1", _PICTURE.sub("", line)).removeprefix("> ")
    while (less := _EMPHASIS.sub(r"\2", bare)) != bare:
        bare = less
    return bare.strip()
