"""Entries about other things: real ones from tables in `distractors.toml`, and many invented ones.

They share the questions' words (capital, currency, code, area, population), so that searching by words alone goes
astray.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from ravlm.data.flags.invented import invented_fields, invented_name
from ravlm.data.flags.patterns import describe, describe_zh
from ravlm.data.flags.specs import Spec
from ravlm.lines import EntryLine, SectionLine

LICENCE = "Apache-2.0"
_CHINESE_TOO = 4  # one in so many has a Chinese text
_WOVEN = "The cloth {title} was woven in the made-up town of {place}."
_WOVEN_ZH = "布料{title}产自虚构的城镇{place}。"
_MAKER = (
    [
        "It was first made in {year} by {person}.",
        "Its maker, {person}, signed it in {year}.",
        "{person} made it in {year}.",
    ],
    [
        "In the catalogue it has the code {letters} and the number {number}.",
        "The catalogue code is {letters} {number}.",
    ],
    ["A piece costs {dial} {coin}.", "It covers an area of {count} cm².", "It hangs on the left side of the hall."],
)
_MAKER_ZH = (
    ["它由{person}于{year}年首次制作。", "制作者{person}在{year}年签了名。"],
    ["目录中的代码是{letters}，编号为{number}。", "目录代码为{letters}。"],
    ["每块售价{dial}{coin}。", "它的面积为{count}平方厘米。"],
)


def text_entries(count: int, rng: np.random.Generator) -> Iterator[EntryLine]:
    """Articles without a picture, `count` of them, a quarter with a Chinese text beside the English one."""
    plans = list(_plans(count, rng))
    for number, i in enumerate(rng.permutation(len(plans))):
        kind, row = plans[int(i)]
        english, chinese = invented_fields(rng)
        invented = not row
        if invented:
            english["title"], chinese["title"] = invented_name(rng, int(rng.integers(3, 5)))
        else:
            english |= row
            chinese |= row | {"title": row["title_zh"]}
        sections = [SectionLine(title="Article", text=_write(kind["en"], english, " ", rng), language="en")]
        if number % _CHINESE_TOO == 0:
            sections.append(SectionLine(title="条目", text=_write(kind["zh"], chinese, "", rng), language="zh"))
        yield EntryLine(
            id=f"text-{number:04}",
            title=english["title"],
            aliases=[chinese["title"]] if len(sections) > 1 else [],
            sections=sections,
            source="flags",
            licence=LICENCE,
            meta={"kind": kind["key"], "invented": invented},
        )


def pattern_entry(entry_id: str, spec: Spec, image: str, rng: np.random.Generator) -> EntryLine:
    """The article of a drawn pattern that is no flag, under a made-up name; `image` is its picture's path."""
    english, chinese = invented_fields(rng)
    english["title"], chinese["title"] = invented_name(rng, 4)
    return EntryLine(
        id=entry_id,
        title=english["title"],
        aliases=[chinese["title"]],
        sections=[
            SectionLine(
                title="Cloth",
                text=" ".join([_WOVEN.format(**english), describe(spec), _write(_MAKER, english, " ", rng)]),
                language="en",
            ),
            SectionLine(
                title="布料",
                text=_WOVEN_ZH.format(**chinese) + describe_zh(spec) + _write(_MAKER_ZH, chinese, "", rng),
                language="zh",
            ),
        ],
        images=[image],
        source="flags",
        licence=LICENCE,
        meta={"kind": "pattern", "invented": True},
    )


def _plans(count: int, rng: np.random.Generator) -> Iterator[tuple[Mapping[str, Any], dict[str, str]]]:
    """Kinds and rows: each real thing once, as far as they go to half of `count`, then invented ones by weight."""
    kinds = _kinds()
    real = [(kind, row) for kind in kinds if "rows" in kind for row in _rows(kind)]
    chosen = rng.permutation(len(real))[: count // 2]
    yield from (real[int(i)] for i in chosen)
    invented = [kind for kind in kinds for _ in range(kind.get("weight", 0))]
    yield from ((invented[int(rng.integers(len(invented)))], {}) for _ in range(count - len(chosen)))


def _rows(kind: Mapping[str, Any]) -> list[dict[str, str]]:
    return [dict(zip(kind["columns"], line.split("|"), strict=True)) for line in kind["rows"].strip().splitlines()]


@cache
def _kinds() -> list[dict[str, Any]]:
    text = resources.files(__package__).joinpath("distractors.toml").read_text(encoding="utf-8")
    kinds: list[dict[str, Any]] = tomllib.loads(text)["kinds"]
    return kinds


def _write(sentences: Sequence[Sequence[str]], fields: Mapping[str, str], space: str, rng: np.random.Generator) -> str:
    return space.join(choices[int(rng.integers(len(choices)))].format(**fields) for choices in sentences)
