"""Articles of the countries: sections of sentences drawn from `prose_en.toml` and `prose_zh.toml`.

Each fact has several wordings, alone and together with others, and the sentences around it hold things of its own type
(the largest city beside the capital, square miles beside km²), so that an answer must be read, not looked up.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import numpy as np

from ravlm.data.flags.facts import Country, Value
from ravlm.data.flags.names import Language, in_sentence

_TOGETHER = 0.6  # how often facts that can share a sentence do
_LONGEST = 4  # sentences


@dataclass(frozen=True, slots=True)
class Prose:
    """A section of an article, which relations it states, and the sentences of its text that state one."""

    title: str
    text: str
    relations: tuple[str, ...]
    stating: tuple[str, ...]


def article(country: Country, language: Language, rng: np.random.Generator) -> list[Prose]:
    """The country's article: every stated fact stands in one section, as its `Value.text`."""
    values = country.values(language)
    return [_section(plan, country, language, values, rng) for plan in _plans(language)]


def section_of(relation: str, language: Language) -> str:
    """The title of the section that states the relation."""
    title: str = next(plan["title"] for plan in _plans(language) if relation in plan["relations"])
    return title


@cache
def _plans(language: Language) -> list[dict[str, Any]]:
    text = resources.files(__package__).joinpath(f"prose_{language}.toml").read_text(encoding="utf-8")
    plans: list[dict[str, Any]] = tomllib.loads(text)["sections"]
    return plans


def _section(
    plan: Mapping[str, Any],
    country: Country,
    language: Language,
    values: Mapping[str, Value],
    rng: np.random.Generator,
) -> Prose:
    stated = tuple(relation for relation in plan["relations"] if relation in values)
    wordings = _wordings(plan, stated, _one_city(values), rng)
    order = rng.permutation(len(wordings))
    fillers = [plan["more"]["fillers"][i] for i in rng.permutation(len(plan["more"]["fillers"]))]
    short = max(2 - len(wordings), int(len(wordings) < _LONGEST and rng.random() < 0.5))
    sentences = [wordings[i] for i in order]
    for filler in fillers[:short]:
        sentences.insert(int(rng.integers(len(sentences) + 1)), filler)
    fields = _fields(country, language, values)
    space = " " if language == "en" else ""
    told = list[str]()
    for sentence in sentences:
        named = any(fields["name"].casefold() in earlier.casefold() for earlier in told)
        told.append(_tell(sentence, fields, language, rng, named=named))
    stating = tuple(text for text, sentence in zip(told, sentences, strict=True) if sentence not in fillers)
    return Prose(plan["title"], space.join(told), stated, stating)


def _wordings(plan: Mapping[str, Any], stated: Sequence[str], one_city: bool, rng: np.random.Generator) -> list[str]:
    """Sentences that state each relation once, some of them several at a time."""
    shared = {tuple(names.split()): choices for names, choices in plan.get("pairs", {}).items()}
    if one_city and "same" in plan["more"]:
        shared["capital", "largest_city"] = plan["more"]["same"]
    left, chosen = list(stated), list[str]()
    for i in rng.permutation(len(shared)):
        names, choices = list(shared.items())[i]
        if set(names) <= set(left) and rng.random() < _TOGETHER:
            chosen.append(_pick(choices, rng))
            left = [name for name in left if name not in names]
    return chosen + [_pick(plan["singles"][name], rng) for name in left]


def _one_city(values: Mapping[str, Value]) -> bool:
    return "capital" in values and values["capital"] == values.get("largest_city")


def _pick(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


def _fields(country: Country, language: Language, values: Mapping[str, Value]) -> Mapping[str, str]:
    fields = {relation: value.text for relation, value in values.items()}
    fields["alpha2"] = country.alpha2
    fields["name"] = in_sentence(country.alpha2, language)
    numbers = {relation: value.number for relation, value in values.items() if value.number is not None}
    if "area" in numbers:
        fields["miles"] = f"{numbers['area'] * 0.386102:,.0f}"
        fields["density"] = f"{max(1, numbers['population'] / numbers['area']):,.0f}"
    if "elevation" in numbers:
        fields["feet"] = f"{numbers['elevation'] / 0.3048:,.0f}"
    several = "languages" in values and len(values["languages"].answers) > 1
    fields |= {"tongue": "languages", "tongue_is": "languages are"} if several else {}
    return MappingProxyType({"tongue": "language", "tongue_is": "language is"} | fields)


def _tell(
    sentence: str, fields: Mapping[str, str], language: Language, rng: np.random.Generator, *, named: bool
) -> str:
    others = ["the country", "this country"] if language == "en" else ["该国", "这个国家"]
    subject = _pick([fields["name"], *others], rng) if named else fields["name"]
    text = sentence.format(**fields, c=subject, C=_capitalised(subject), Name=_capitalised(fields["name"]))
    return _capitalised(text) if language == "en" else text


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
