"""Tables in wikitext: every row becomes a line of its own, `- cell | cell`.

Passages are cut at lines that begin with a dash, so a row that is short enough is never torn apart. Tables that hold no
prose (infoboxes, navigation, contents) are left out by their class.
"""

import re
from collections.abc import Sequence

from ravlm.knowledge.sources.wikipedia.tags import BREAK, GONE

_LEFT_OUT = re.compile(
    r"\b(?:infobox|navbox|toc|metadata|sidebar|noprint|ambox|mbox|vertical-navbox|taxobox)\b", re.IGNORECASE
)
_START = re.compile(r"[\s:*#]*\{\|")
_BULLET = re.compile(r"[*#:;]+\s*")


def closed_tables(lines: Sequence[str]) -> dict[int, int]:
    """The tables of a text: the line each begins on -> the line it ends on. One without an end is none."""
    found, opened = {}, []
    for number, line in enumerate(lines):
        stripped = line.lstrip(" \t:*#") if "|" in line else ""
        if stripped.startswith("{|"):
            opened.append(number)
        elif stripped.startswith("|}") and opened:
            found[opened.pop()] = number
    return found


def table_text(lines: Sequence[str]) -> list[str]:
    """The lines of a table, from `{|` to `|}`, as lines of text: caption and rows, those of tables within it too."""
    if _LEFT_OUT.search(lines[0]):
        return []
    found: list[str] = []
    row: list[list[str]] = []
    for line in lines[1:]:
        line = line.strip()
        if line.startswith("|+"):
            _end(row, found)
            if caption := _content(line[2:]):
                found.append(caption)
        elif line.startswith(("|-", "|}")) or _START.match(line):
            _end(row, found)
        elif line.startswith(("|", "!")):
            cells = line[1:].replace("!!", "||") if line[0] == "!" else line[1:]
            row += [[_content(cell)] for cell in cells.split("||")]
        elif line:
            if not row:
                row.append([])
            row[-1].append(_BULLET.sub("", line, count=1) if line[0] in "*#:;" else line)
    _end(row, found)
    return found


def _content(cell: str) -> str:
    """A cell without its attributes."""
    attributes, bar, text = cell.partition("|")
    return (text if bar else attributes).strip()


def _end(row: list[list[str]], found: list[str]) -> None:
    cells = (" ".join(part for part in cell if part).replace(BREAK, " ").strip(f" {GONE}") for cell in row)
    if filled := [cell for cell in cells if cell]:
        found.append("- " + " | ".join(filled))
    row.clear()
