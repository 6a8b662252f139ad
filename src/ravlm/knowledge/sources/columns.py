"""Which column of a table is an entry's id, title, text and so on, and how a row becomes an entry."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from ravlm.errors import ConfigError
from ravlm.knowledge.sources.texts import LONGEST_NAME, as_text, beginning, clipped, language_of, one_line
from ravlm.records import Entry

NO_TEXT = "no text"
NO_ID = "no id"
LONG_ID = "id over 512 characters"

USUAL: dict[str, tuple[str, ...]] = {
    "id": ("id", "_id", "pageid", "page_id", "docid", "doc_id", "编号", "序号"),
    "title": ("title", "name", "标题", "名称", "名字", "题目"),
    "text": ("text", "content", "body", "description", "article", "正文", "描述", "内容", "简介", "说明", "文本"),
    "image": ("image", "images", "picture", "pictures", "photo", "photos", "图片", "照片", "图像"),
    "language": ("language", "lang", "语言"),
    "url": ("url", "link", "网址", "链接"),
    "licence": ("licence", "license", "许可"),
}
"""The names by which a column is known when none is given, the better ones first."""

_URLS = ("http://", "https://")
_ENDS = tuple(".!?。！？…")


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the columns that have a role; all others are facts. An empty name: there is no such column."""

    id: str = ""
    title: str = ""
    text: tuple[str, ...] = ()
    image: str = ""
    language: str = ""
    url: str = ""
    licence: str = ""

    def used(self) -> frozenset[str]:
        """The names of all columns that have a role."""
        return frozenset({*self.text, self.id, self.title, self.image, self.language, self.url, self.licence} - {""})


def chosen(found: Sequence[str], **given: str | Sequence[str] | None) -> tuple[Columns, list[str]]:
    """The columns by role, and the roles that were guessed.

    Args:
        found: the table's columns.
        given: a column for a role (several for `text`); an empty text for no column; None to have it guessed by
            the names in `USUAL`.

    Raises:
        ConfigError: a column that was given is not there.
    """
    usual = {_normal(name): name for name in reversed(found)}
    asked_for = {role: _listed(names) for role, names in given.items() if names is not None}
    taken = {name for names in asked_for.values() for name in names}
    roles: dict[str, Any] = {}
    guessed = []
    for role in (field.name for field in fields(Columns)):
        if role in asked_for:
            names = asked_for[role]
            for name in names:
                _check_there(role, name, found)
        else:
            known = (usual[name] for name in USUAL[role] if name in usual)
            names = [name for name in known if name not in taken][:1]
            guessed += [role] * len(names)
        roles[role] = tuple(names) if role == "text" else "".join(names[:1])
    return Columns(**roles), guessed


def entry_of(row: Mapping[str, Any], columns: Columns, source: str) -> Entry | str:
    """The entry that a row says, or why it is left out.

    Without an id column, a row's id is its title, or else a hash of its content. Without a title, the first words of
    its text are its title. Without a text, its facts are said as lines ("colour: red.") and are its text, since no
    model reads facts.

    Raises:
        TooDeep: a value nests too deep.
    """
    texts = [as_text(row.get(name)) for name in columns.text]
    text = "\n\n".join(part for part in texts if part)
    facts = _facts(row, columns.used())
    images, urls = _pictures(row.get(columns.image)) if columns.image else ((), [])
    if not (text or facts or images):
        return NO_TEXT
    title = clipped(as_text(row.get(columns.title))) if columns.title else ""
    identity = one_line(as_text(row.get(columns.id))) if columns.id else title or _hash(row)
    if not identity:
        return NO_ID
    if len(identity) > LONGEST_NAME:
        return LONG_ID
    said = text or _said(facts)
    stem = PurePosixPath(images[0]).stem if images else ""
    return Entry(
        id=identity,
        title=title or beginning(text) or (identity if columns.id else "") or stem or beginning(said),
        text=said,
        images=images,
        facts=facts,
        source=source,
        licence=clipped(as_text(row.get(columns.licence))) if columns.licence else "",
        url=one_line(as_text(row.get(columns.url))) if columns.url else "",
        language=(clipped(as_text(row.get(columns.language))) if columns.language else "")
        or language_of(said or title),
        meta={"image_urls": urls} if urls else {},
    )


def _listed(names: str | Sequence[str]) -> list[str]:
    return [name for name in ([names] if isinstance(names, str) else names) if name]


def _facts(row: Mapping[str, Any], used: frozenset[str]) -> tuple[tuple[str, str], ...]:
    found = ((name, as_text(value)) for name, value in row.items() if name not in used)
    return tuple((_relation(name), value) for name, value in found if value)


@lru_cache(4096)
def _relation(name: str) -> str:
    return clipped(name) or "value"


def _said(facts: tuple[tuple[str, str], ...]) -> str:
    """Facts as lines that can be read: "colour: red.", "颜色：红。"."""
    lines = []
    for name, value in facts:
        chinese = language_of(name + value) == "zh"
        end = "" if value.endswith(_ENDS) else "。" if chinese else "."
        lines.append(f"{name}{'：' if chinese else ': '}{value}{end}")
    return "\n".join(lines)


def _pictures(value: Any) -> tuple[tuple[str, ...], list[str]]:
    """The names and the URLs of a cell: a list, a list in JSON, or names parted by bars."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    parts = value if isinstance(value, list) else as_text(value).split("|")
    names = [name for name in (as_text(part) for part in parts) if name]
    urls = [name for name in names if name.lower().startswith(_URLS)]
    return tuple(dict.fromkeys(name for name in names if name not in urls)), urls


def _hash(row: Mapping[str, Any]) -> str:
    told = sorted([name, as_text(value)] for name, value in row.items())
    content = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
    return f"row-{hashlib.sha256(content).hexdigest()[:32]}"


def _normal(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")


def _check_there(role: str, name: str, found: Sequence[str]) -> None:
    if name in found:
        return
    near = get_close_matches(name, found, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(repr(column) for column in found[:50]) + (", ..." if len(found) > 50 else "")
    raise ConfigError(f"There is no column {name!r}, which was given for `{role}`. The columns are: {listed}.{hint}")
