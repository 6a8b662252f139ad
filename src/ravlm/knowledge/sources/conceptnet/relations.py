"""Relations put into words: a sentence in English and in Chinese for each, and a readable one for any other.

The relations are those of ConceptNet 5.7 (github.com/commonsense/conceptnet5/wiki/Relations); the sentences stand in
`relations.toml`, the names of languages in `languages.toml`.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

Tongue = Literal["en", "zh"]
"""The language that sentences are in: Chinese for concepts of Chinese, English for all others."""

LINK = "ExternalURL"  # leads out of ConceptNet: kept as an edge, put into no sentence

_WORD = re.compile(r"[A-Z]?[^A-Z\W_]+|[A-Z]+(?![^A-Z\W_])|[^\W_]")


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation's name without `/r/`, and what stands between start and end, and after the end, by tongue."""

    name: str
    en: tuple[str, str]
    zh: tuple[str, str]


@cache
def known_relations() -> Mapping[str, Relation]:
    """The relations that have sentences of their own, by name, in the order in which an entry states them."""
    return {
        name: Relation(name, _pieces(sentences["en"] + "."), _pieces(sentences["zh"] + "。"))
        for name, sentences in _table("relations.toml").items()
    }


def relation_of(name: str) -> Relation:
    """The relation of that name; one that is not known gets a sentence that quotes its name in words.

    >>> relation_of("dbpedia/birthPlace").en
    (' has the relation “birth place” to ', '.')
    """
    known = known_relations().get(name)
    if known is not None:
        return known
    words = (
        " ".join(word if word.isupper() else word.lower() for word in _WORD.findall(name.rpartition("/")[2])) or name
    )
    return Relation(name, (f" has the relation “{words}” to ", "."), ("与", f"的关系是“{words}”。"))


def in_language(code: str, tongue: Tongue) -> str:
    """The mark behind a label of another language.

    >>> in_language("fr", "en"), in_language("fr", "zh"), in_language("xyz", "en")
    (' (French)', '（法语）', ' (xyz)')
    """
    english, chinese = _languages().get(code, (code, code))
    return f"（{chinese}）" if tongue == "zh" else f" ({english})"


@cache
def _languages() -> Mapping[str, tuple[str, str]]:
    return {code: (english, chinese) for code, (english, chinese) in _table("languages.toml").items()}


def _pieces(sentence: str) -> tuple[str, str]:
    before, _, rest = sentence.partition("{start}")
    middle, _, after = rest.partition("{end}")
    if before or not middle or not after:
        raise ValueError(f"a sentence begins with {{start}} and names {{end}} later; found {sentence!r}")
    return middle, after


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))
