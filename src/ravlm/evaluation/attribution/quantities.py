"""Quantities as people write them: a number, a scale word, a unit. The package `pint` knows what a unit is worth."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from math import floor, isclose, log10
from typing import Any

from ravlm.optional import require

LEAST_DIGITS = 3  # a quantity rounded to fewer digits could be many others

_DEFINITIONS = (  # what pint does not know: people, folded symbols, Chinese units
    "person = [person] = _ = persons = people = inhabitants = residents = 人",
    "kj = kilojoule",
    *("微- = 1e-6", "毫- = 1e-3", "厘- = 1e-2", "分- = 1e-1", "千- = 1e3"),
    *("@alias meter = 米 = 公尺", "@alias gram = 克", "@alias liter = 升 = 公升", "@alias metric_ton = 吨"),
    *("公里 = kilometer", "公分 = centimeter", "公斤 = kilogram", "@alias hectare = 公顷"),
    *("斤 = 0.5 * kilogram", "亩 = 2000 / 3 * meter ** 2", "@alias joule = 焦 = 焦耳", "@alias calorie = 卡 = 卡路里"),
    *(
        "@alias inch = 英寸",
        "@alias foot = 英尺",
        "@alias mile = 英里",
        "@alias nautical_mile = 海里",
        "@alias acre = 英亩",
    ),
    *("@alias second = 秒", "@alias minute = 分钟", "@alias hour = 小时", "@alias day = 天", "@alias week = 周"),
    *("@alias month = 个月", "@alias year = 年", "@alias degree_Celsius = 摄氏度", "@alias degree_Fahrenheit = 华氏度"),
)
_SPELT = {"per cent": "percent", "°c": "degC", "°f": "degF", "km/h": "kilometer / hour"}
_SYMBOL = (
    r"[cdmk]?m|[mkμ]?g|mcg|[cdm]?l|ha|kj|kcal|s|min|h|feet|foot|ft|inch(?:es)?|mi|mph|lbs?|oz|tonnes?|ppm|%|people|"
    r"persons?|inhabitants|residents"
)
_CHINESE = (
    r"(?:平方|立方)?(?:[微毫厘分千]?[米克升卡焦](?:耳|路里)?|公[尺里分升斤顷]|海里|英[寸尺里亩]|[斤亩吨人秒天周年]|分钟|"
    r"小时|个月|摄氏度|华氏度)"
)
_AMBIGUOUS = ("are", "ton")
_SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_SCALES |= {"百": 1e2, "千": 1e3, "万": 1e4, "百万": 1e6, "千万": 1e7, "亿": 1e8, "十亿": 1e9, "万亿": 1e12}
_COUNTED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER_WORDS = {word: str(n) for words in (_COUNTED, "零一二三四五六七八九十") for n, word in enumerate(words)}


def _any_of(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_SCALE = rf"(?:{_any_of(_SCALES)})(?![a-z米克升焦卡])"
_NUMBER = r"(?:\d{1,3}(?:[,\s]\d{3})+(?!\d)|\d+)(?:\.\d+)?"
_QUANTITY = re.compile(rf"([-−]?)((?:{_NUMBER}\s?{_SCALE}\s?)+|{_NUMBER})(?![\d.,])\s?(.*)")
_PART = re.compile(rf"({_NUMBER})(?:\s?({_SCALE}))?")
_NUMBER_WORD = re.compile(rf"(?:{_any_of(_NUMBER_WORDS)})(?![a-z十百千万亿])")
_UNIT = re.compile(rf"(square |sq\.? |cubic |平方|立方)?(?:({_SYMBOL}|{_CHINESE})|([a-z]+))([23])?")
_UNIT_AHEAD = re.compile(
    rf"[ -]?({_SCALE}|{_CHINESE}|(?:{_any_of(_SPELT)}|(?:square |sq\.? |cubic )?(?:[a-zμ]+[23]?|%))(?![^\W_]))"
)


@dataclass(frozen=True)
class Quantity:
    """A quantity as it was written.

    Attributes:
        value: in its unit, scale words multiplied in.
        unit: its unit's words, folded; empty where none was written.
        digits: how many are significant; the zeros at the end of a whole number without a scale word are not.
        step: what its last significant digit counts.
        scaled: whether a scale word was written.
    """

    value: float
    unit: str
    digits: int
    step: float
    scaled: bool


def parse_quantity(text: str) -> Quantity | None:
    """The quantity that the text is; None where it is something else, or more.

    >>> parse_quantity("2.78 million km²")
    Quantity(value=2780000.0, unit='km2', digits=3, step=10000.0, scaled=True)
    >>> parse_quantity("1亿2440万人").value
    124400000.0
    >>> parse_quantity("5, or 6 km") is None
    True
    """
    words = _NUMBER_WORD.sub(lambda word: _NUMBER_WORDS[word[0]], folded(text), count=1)
    found = _QUANTITY.fullmatch(words)
    if found is None:
        return None
    sign, number, unit = found.groups()
    parts = [(re.sub(r"[,\s]", "", digits), _SCALES.get(scale, 1.0), scale) for digits, scale in _PART.findall(number)]
    if any(before <= after for (_, before, _), (_, after, _) in pairwise(parts)):
        return None
    value = sum(float(digits) * scale for digits, scale, _ in parts)
    last, scale, scaled = parts[-1]
    whole, _, decimals = last.partition(".")
    zeros = 0 if scaled else len(whole) - len(whole.rstrip("0"))
    step = scale * 10.0 ** (-len(decimals) if decimals else zeros)
    digits = floor(log10(value / step) + 1e-9) + 1 if value else 1
    return Quantity(-value if sign else value, unit, digits, step, bool(scaled))


def same_quantity(written: Quantity, value: float, unit: str | None) -> bool:
    """Whether what was written is `value` of `unit`, as precisely as it was written; without a unit it is in `unit`.

    In the same unit and without a scale word only the same number is. Else the value may also be rounded to the digits
    that were written, or what was written in another unit to those of the value: to three digits at least.
    """
    here, there = written.value, value
    asked, given = folded(unit or ""), written.unit
    if given and given != asked:
        to, of = unit_of(asked), unit_of(given)
        if to is None or of is None or not to.is_compatible_with(of):
            return False
        here, there = _registry().Quantity(here, of).m_as(to), _registry().Quantity(there, to).m_as(of)
    converted = not isclose(here, written.value, rel_tol=1e-12, abs_tol=0.0)
    if isclose(here, value, rel_tol=1e-9, abs_tol=1e-12):
        return converted or written.scaled or here == value
    if not converted and not written.scaled:
        return False
    if written.digits >= LEAST_DIGITS and isclose(round(there / written.step) * written.step, written.value):
        return True
    stated = f"{abs(value):.15g}"
    decimals = len(stated.partition(".")[2])
    return converted and len(stated.strip("0.").replace(".", "")) >= LEAST_DIGITS and round(here, decimals) == value


def other_unit_follows(text: str, unit: str | None) -> bool:
    """Whether a text that goes on after a number makes another quantity of it than so many `unit`.

    It does so by a scale word, or by a unit that is known and worth something else.

    >>> other_unit_follows(" feet above the sea", "m"), other_unit_follows(" metres", "m"), other_unit_follows(".", "m")
    (True, False, False)
    """
    ahead = _UNIT_AHEAD.match(folded(text[:40], strip=False))
    if ahead is None or ahead[1] == folded(unit or ""):
        return False
    if ahead[1] in _SCALES:
        return True
    asked, found = unit_of(unit or ""), unit_of(ahead[1])
    if asked is None or found is None:
        return found is not None
    return not (asked.is_compatible_with(found) and isclose(_registry().Quantity(1.0, found).m_as(asked), 1.0))


@lru_cache(maxsize=10_000)
def unit_of(words: str) -> Any:
    """The unit, as pint has it, of a symbol or a name in English or Chinese; None where the words are none it knows.

    Of pint's own names only whole ones count: it would also read "as" as attoseconds and "has" as hectares.
    """
    words, registry = folded(words), _registry()
    found = _UNIT.fullmatch(words)
    if words in _SPELT or found is None:
        return registry.parse_units(_SPELT[words]) if words in _SPELT else None
    shape, symbol, name, digit = found.groups()
    power = int(digit or 1) if shape is None else 3 if shape in ("cubic ", "立方") else 2
    if symbol is not None:
        return registry.parse_units(symbol) ** power
    whole = re.sub(r"(?<=met)re$|(?<=lit)re$", "er", name.removesuffix("s"))
    known = any(prefix + unit == whole for prefix, unit, _ in registry.parse_unit_name(whole))
    if not known or len(whole) < len("day") or whole in _AMBIGUOUS:
        return None
    return registry.parse_units(whole) ** power


@lru_cache(maxsize=50_000)
def folded(text: str, strip: bool = True) -> str:
    """NFKC and case folding, every run of space one space."""
    plain = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).casefold())
    return plain.strip().rstrip("。.") if strip else plain


@cache
def _registry() -> Any:
    registry = require("pint", "evaluation").UnitRegistry()
    registry.load_definitions(_DEFINITIONS)
    return registry
