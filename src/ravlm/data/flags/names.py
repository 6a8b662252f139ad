"""Names of countries, currencies and languages in English and Chinese, from Babel's copy of the CLDR."""

import re
from functools import cache
from typing import Any, Literal

from ravlm.optional import require

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
_WITH_THE = frozenset({"AE", "BS", "CF", "DO", "GB", "GM", "KM", "MH", "MV", "NL", "PH", "PS", "SB", "US", "VA"})


@cache
def _locale(language: Language) -> Any:
    return require("babel", "world").Locale(language)


def country_name(alpha2: str, language: Language, *, full: bool = False) -> str:
    """The country's name as prose has it; `full` keeps what English puts in brackets: "Myanmar (Burma)"."""
    name: str = _locale(language).territories[alpha2]
    return re.sub(r" \(.*\)", "", name) if language == "en" and not full else name


def in_sentence(alpha2: str, language: Language) -> str:
    """The name as it stands within a sentence: "the Netherlands"."""
    name = country_name(alpha2, language)
    return f"the {name}" if language == "en" and alpha2 in _WITH_THE else name


def currency_name(code: str, language: Language) -> str | None:
    """The currency's name, or None where the installed Babel has none."""
    name: str | None = _locale(language).currencies.get(code)
    return name


def language_name(code: str, language: Language) -> str:
    """The language's name, e.g. "Armenian"; its code where the installed Babel has none."""
    name: str = _locale(language).languages.get(code, code)
    return name
