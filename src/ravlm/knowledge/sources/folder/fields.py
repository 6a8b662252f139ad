"""Named values that someone wrote about a thing: front matter, a JSON sidecar, a line of a caption file."""

import re
from collections.abc import Mapping
from typing import Any

from ravlm.knowledge.markdown import clean
from ravlm.knowledge.sources.folder.document import Document, LeftOut
from ravlm.records import Section

TEXTS = ("text", "caption", "captions", "description")
_ALIASES = ("aliases", "alias")
_LANGUAGES = ("language", "lang")
_LICENCES = ("licence", "license")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_ITEM = re.compile(r"\s*-\s+(.*)")


def document_of(values: Mapping[str, Any]) -> Document:
    """Values by name as a document: `title`, `id`, `language`, `aliases`, `url`, `licence`, `facts`, a text.

    Names are read in any case. What has another name and is a text or a number becomes a fact.

    Raises:
        LeftOut: a value is not of its field's kind.
    """
    given = {str(name).strip().lower(): value for name, value in values.items() if value is not None}
    texts = [text for name in TEXTS for text in _texts(given.pop(name, ()))]
    languages = [_text(given.pop(name, "")) for name in _LANGUAGES]
    licences = [_text(given.pop(name, "")) for name in _LICENCES]
    aliases = [alias for name in _ALIASES for alias in _texts(given.pop(name, ()))]
    facts = _pairs(given.pop("facts", ()))
    return Document(
        title=_text(given.pop("title", "")),
        sections=tuple(Section("", text) for text in ["\n\n".join(texts)] if text),
        id=_text(given.pop("id", "")),
        language=language_of(next(filter(None, languages), "")),
        aliases=tuple(dict.fromkeys(aliases)),
        url=_text(given.pop("url", "")),
        licence=next(filter(None, licences), ""),
        facts=tuple(dict.fromkeys([*facts, *(pair for name, value in given.items() for pair in _facts(name, value))])),
    )


def front_matter(markdown: str) -> tuple[dict[str, Any], str]:
    """(named values, the rest) of a text that begins with lines between `---`; no values where it does not.

    Of YAML, lines `name: value`, `name: [a, b]` and lists of `- item` are read; other lines are passed over.
    """
    lines = markdown.split("\n")
    end = next((at for at, line in enumerate(lines[1:], 1) if line.rstrip() in {"---", "..."}), None)
    if lines[0].rstrip() != "---" or end is None:
        return {}, markdown
    values: dict[str, Any] = {}
    name = ""
    for line in lines[1:end]:
        key, colon, value = line.partition(":")
        if colon and key[:1].strip("#- ") and (not value or value[0].isspace()):
            name = key.strip().strip("\"'").lower()
            values[name] = _yaml(value.strip(), several=name in _ALIASES)
        elif name and (item := _ITEM.fullmatch(line)):
            if not isinstance(values[name], list):
                values[name] = [values[name]] if values[name] else []
            values[name].append(_unquoted(item[1]))
    if not values and any(line.strip() for line in lines[1:end]):
        return {}, markdown  # two rules with a text between them
    return values, "\n".join(lines[end + 1 :])


def language_of(tag: str) -> str:
    """A language tag (BCP 47) with hyphens, e.g. `zh-CN`; empty where it is none."""
    tag = tag.strip()
    return tag.replace("_", "-") if _LANGUAGE.fullmatch(tag) else ""


def _yaml(value: str, *, several: bool) -> Any:
    if value[:1] not in {'"', "'"}:
        value = value.partition(" #")[0].rstrip()
    if value.startswith("[") and value.endswith("]"):
        return [_unquoted(part) for part in value[1:-1].split(",") if part.strip()]
    return (
        [_unquoted(part) for part in value.split(",")] if several and value[:1] not in {'"', "'"} else _unquoted(value)
    )


def _unquoted(value: str) -> str:
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise LeftOut("a field is no text")
    return " ".join(clean(str(value)).split())


def _texts(value: Any) -> list[str]:
    """The texts of a field that may hold one or several; their lines stay."""
    values = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(text, str) for text in values):
        raise LeftOut("a field is no text")
    return [text for text in (clean(text).strip() for text in values) if text]


def _pairs(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return _facts("facts", value)
    if isinstance(value, Mapping):
        return [pair for name, one in value.items() for pair in _facts(str(name), one)]
    if not isinstance(value, list | tuple) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise LeftOut("a field is no text")
    return [(_text(name), _text(one)) for name, one in value]


def _facts(name: str, value: Any) -> list[tuple[str, str]]:
    values = value if isinstance(value, list) else [value]
    kept = [one for one in values if isinstance(one, str | int | float) and not isinstance(one, bool)]
    return [(" ".join(clean(name).split()), text) for text in map(_text, kept) if text]
