"""What the documents say: their code blocks, commands, links, figures."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_FENCE = re.compile(r"^```([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
_FIGURES = re.compile(r"<!-- figures: (\S+) -->\n(.*?)<!-- end -->", re.DOTALL)


@dataclass(frozen=True)
class Command:
    """A command line that a document shows."""

    document: str
    line: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.line, comments=True)


def documents() -> list[Path]:
    """Every Markdown file of the project."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def name_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def blocks(text: str, *languages: str) -> Iterator[str]:
    """The contents of the fenced blocks in one of these languages (an empty name: fences without one)."""
    for language, block in _FENCE.findall(text):
        if language in languages:
            yield block


def commands(text: str, document: str) -> Iterator[Command]:
    """The shell commands of a document: lines of its `sh` blocks, continued lines joined, prompts left out."""
    for block in blocks(text, "sh", "bash", "shell", "console"):
        for line in block.replace("\\\n", " ").splitlines():
            bare = line.removeprefix("$ ").strip()
            if bare and not bare.startswith("#"):
                yield Command(document, bare)


def links(text: str) -> list[str]:
    """Where the links and pictures of a document lead, fenced blocks left out."""
    return [one or other for one, other in _LINK.findall(_FENCE.sub("", text))]


def figures(text: str) -> list[tuple[str, str]]:
    """(results file, table) of every table that is marked as copied from results."""
    return _FIGURES.findall(text)
