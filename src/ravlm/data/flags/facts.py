"""What is known of the countries: a table written for this project, and its values as answers in two languages.

`facts.tsv` has one line a country; an empty cell is a fact that is not stated, and so never asked. Names of countries,
currencies and languages come from Babel's CLDR. The facts make and grade the questions; a model reads the prose only.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from ravlm.data.flags.names import Language, country_name, currency_name, in_sentence, language_name
from ravlm.records import AnswerKind

RELATIONS = (
    "name",
    "continent",
    "capital",
    "largest_city",
    "population",
    "area",
    "neighbours",
    "highest_point",
    "elevation",
    "currency",
    "currency_code",
    "calling_code",
    "tld",
    "alpha3",
    "numeric",
    "independence",
    "un_year",
    "national_day",
    "languages",
    "driving_side",
)
_CONTINENTS = {
    "AF": ("Africa", "非洲"),
    "AS": ("Asia", "亚洲"),
    "EU": ("Europe", "欧洲"),
    "NA": ("North America", "北美洲"),
    "OC": ("Oceania", "大洋洲"),
    "SA": ("South America", "南美洲"),
}
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_UNITS = {"population": ("people", "人"), "area": ("km²", "平方公里"), "elevation": ("m", "米")}
_SIDES = {"left": ("左侧", "左", "左边", "靠左"), "right": ("右侧", "右", "右边", "靠右")}


@dataclass(frozen=True, slots=True)
class Value:
    """A fact in one language: `text` is how the prose states it, the rest how an answer to it is graded.

    By kind: "answers" -> `answers`, any is right, `text` first; "all_of" -> `answers`, all needed; "number" ->
    `number` and `unit`.
    """

    kind: AnswerKind
    text: str
    answers: tuple[str, ...] = ()
    number: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Country:
    """A line of the table: `cells` by column name, as written (area in km², elevation in m, days as month-day)."""

    alpha2: str
    cells: Mapping[str, str]

    @property
    def id(self) -> str:
        """The id of its entry, e.g. "country-am"."""
        return f"country-{self.alpha2.lower()}"

    def values(self, language: Language) -> dict[str, Value]:
        """Its stated facts by relation, in the order of `RELATIONS`."""
        found = {relation: self._value(relation, language) for relation in RELATIONS}
        return {relation: value for relation, value in found.items() if value is not None}

    def _value(self, relation: str, language: Language) -> Value | None:
        if relation == "name":
            return _text(country_name(self.alpha2, language), country_name(self.alpha2, language, full=True))
        column = "currency" if relation == "currency_code" else relation
        cell = self.cells[column if column in self.cells else f"{column}_{language}"]
        return _read(relation, cell, language) if cell else None


@cache
def countries() -> Mapping[str, Country]:
    """The whole table by ISO 3166 alpha-2 code, in its order."""
    text = resources.files(__package__).joinpath("facts.tsv").read_text(encoding="utf-8")
    lines = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return MappingProxyType({cells["alpha2"]: Country(cells["alpha2"], MappingProxyType(cells)) for cells in lines})


def _read(relation: str, cell: str, language: Language) -> Value | None:
    chinese = language == "zh"
    match relation:
        case "population" | "area" | "elevation":
            return Value("number", f"{int(cell):,}", (), float(cell), _UNITS[relation][chinese])
        case "independence" | "un_year":
            return Value("number", cell, (), float(cell), "年" if chinese else "")
        case "national_day":
            month, day = (int(part) for part in cell.split("-"))
            name = _MONTHS[month - 1]
            return _text(f"{month}月{day}日") if chinese else _text(f"{day} {name}", f"{name} {day}")
        case "neighbours":
            codes = cell.split()
            names = [country_name(code, language) for code in codes]
            return Value("all_of", listing([in_sentence(code, language) for code in codes], language), tuple(names))
        case "languages":
            names = [language_name(code, language) for code in cell.split()]
            return Value("all_of", listing(names, language), tuple(names))
        case "currency":
            currency = currency_name(cell, language)
            return _text(currency) if currency else None
        case "continent":
            return _text(_CONTINENTS[cell][chinese])
        case "driving_side":
            return _text(*_SIDES[cell]) if chinese else _text(cell)
        case "calling_code":
            return _text(cell, cell.removeprefix("+"))
        case _:
            return _text(cell)


def _text(*alternatives: str) -> Value:
    unique = tuple(dict.fromkeys(alternatives))
    return Value("answers", unique[0], unique)


def listing(names: Sequence[str], language: Language) -> str:
    """Names as a list in words.

    >>> listing(["Iran", "Georgia", "Azerbaijan"], "en")
    'Iran, Georgia and Azerbaijan'
    """
    comma, last = (", ", " and ") if language == "en" else ("、", "和")
    return last.join(filter(None, (comma.join(names[:-1]), names[-1])))
