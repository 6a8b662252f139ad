"""Values from tables and JSON become plain text: no control characters, no broken Unicode, numbers as they were."""

import json
import re
from typing import Any

from ravlm.knowledge.passages import guess_language

DEEPEST = 20  # lists and objects within each other
LONGEST_NAME = 512  # characters of a title, of a fact's name, of a language
_TITLE = 60  # characters of a title that is taken from a text
_BEGINNING = 400  # characters of a text that tell its language

_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_BLANK_LINES = re.compile(r"\n{3,}")


class TooDeep(ValueError):
    """A value with more than `DEEPEST` lists and objects within each other."""


def plain(text: str) -> str:
    r"""The text without control characters; lines end with a line feed, halves of broken characters become U+FFFD.

    >>> plain(" one\r\ntwo\x00three\ud800 ")
    'one\ntwo three�'
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _UNREADABLE.search(text):
        text = _UNREADABLE.sub(lambda found: "\ufffd" if found.group() >= "\ud800" else " ", text)
    text = text.strip()
    return _BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text


def one_line(text: str) -> str:
    """The plain text with every stretch of space as one space: for names and titles."""
    return " ".join(plain(text).split())


def clipped(text: str) -> str:
    """A name on one line of at most `LONGEST_NAME` characters."""
    line = one_line(text)
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1].rstrip() + "…"


def beginning(text: str) -> str:
    """The first words of a plain text, as a title for what has none."""
    line = one_line(text[:1000].lstrip().partition("\n")[0])
    if len(line) <= _TITLE:
        return line
    space = line.rfind(" ", 0, _TITLE)
    return line[: space if space > _TITLE // 3 else _TITLE].rstrip(" ,;:，、；：") + "…"


def language_of(text: str) -> str:
    """`zh` or `en`, by how a text begins."""
    begin = text[:_BEGINNING]
    return "en" if begin.isascii() else guess_language(begin)


def as_text(value: Any, depth: int = 0) -> str:
    """A value of a table's cell or of JSON as plain text; nothing for null, lists joined by commas.

    >>> as_text(["red", True, None, {"width": "007", "height": 3}])
    'red, true, width: 007; height: 3'

    Raises:
        TooDeep: lists or objects nest deeper than `DEEPEST`.
    """
    if isinstance(value, str):
        return plain(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if depth > DEEPEST:
        raise TooDeep
    if isinstance(value, dict):
        told = ((one_line(str(key)), as_text(item, depth + 1)) for key, item in value.items())
        return "; ".join(f"{key}: {item}" for key, item in told if item)
    if isinstance(value, list | tuple):
        return ", ".join(item for item in (as_text(item, depth + 1) for item in value) if item)
    return plain(str(value))


def as_json(value: Any, depth: int = 0) -> Any:
    """A value that JSON gave, with plain texts: what an entry's `meta` may hold.

    Raises:
        TooDeep: lists or objects nest deeper than `DEEPEST`.
    """
    if isinstance(value, str):
        return plain(value)
    if depth > DEEPEST:
        raise TooDeep
    if isinstance(value, dict):
        return {plain(str(key)): as_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item, depth + 1) for item in value]
    return value


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


NUMBERS = json.JSONDecoder(parse_constant=_refused)
"""Reads JSON; NaN and Infinity, which JSON lacks, are faults."""

DIGITS = json.JSONDecoder(parse_constant=_refused, parse_int=str, parse_float=str)
"""Reads JSON with numbers as texts, so that they keep the form they have in the file."""
