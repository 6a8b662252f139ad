"""The words of the page: the same in every language, all of them used, and put together rightly."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from ravlm.evaluation.ranking import MEASURES
from ravlm.evaluation.report import words as module
from ravlm.evaluation.report.tables import Noted, Table, cell, counted, with_interval
from ravlm.evaluation.report.words import Language, Words, percent, words_in
from ravlm.evaluation.runs.records import CAUSES, EVIDENCE

FOLDER = Path(module.__file__).parent
LANGUAGES = get_args(Language)
BY_NAME = ("kinds", "names", "advice", "prefixes", "inputs")  # tables whose keys are names that data or a model gives


def _leaves(found: dict[str, Any], before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, value in found.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*before, name))
        else:
            yield (*before, name), value


def _read(language: str) -> dict[tuple[str, ...], str]:
    return dict(_leaves(tomllib.loads((FOLDER / f"words_{language}.toml").read_text(encoding="utf-8"))))


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_have_the_same_words_with_the_same_gaps(language: str) -> None:
    english, other = _read("en"), _read(language)
    assert list(other) == list(english)
    for key, text in other.items():
        gaps = [set(re.findall(r"{\w+}", found)) for found in (text, english[key])]
        # The singular may write its one in a word.
        assert gaps[0] == gaps[1], key
    assert all(text.strip() for text in other.values())


def test_there_is_a_file_for_every_language_and_chinese_is_chinese() -> None:
    assert sorted(path.stem for path in FOLDER.glob("words_*.toml")) == sorted(f"words_{name}" for name in LANGUAGES)
    english, chinese = _read("en"), _read("zh")
    same = {key for key, text in chinese.items() if text == english[key]}
    assert all(re.search(r"^[A-Za-z@0-9– −]+$", english[key]) for key in same)  # names of measures, a dash
    assert not any(re.search(r"[一-鿿][,;:?!]", text) for text in chinese.values())  # punctuation is Chinese too


def test_every_word_is_used() -> None:
    sources = "".join(p.read_text("utf-8") for p in [*FOLDER.glob("*.py"), *FOLDER.glob("templates/*.j2")])
    for key in _read("en"):
        if key[-2] in BY_NAME or key[-1] in ("one", "many"):
            continue
        assert re.search(rf"\b(?:w|words(?:\.\w+)+)\.{key[-1]}\b", sources), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_a_run_names_has_a_word(language: Language) -> None:
    found = _read(language)
    assert all(("evidence", "kinds", kind) in found for kind in EVIDENCE)
    assert all(("causes", "names", cause) in found and ("causes", "advice", cause) in found for cause in CAUSES)
    assert all(("finding", "names", measure) in found for measure in MEASURES)


def test_words_are_found_by_name_counted_and_missed_loudly() -> None:
    words = words_in("en")
    assert words.page.asked.count(1) == "One question"
    assert words.page.asked.count(1234) == "1,234 questions"
    assert words.causes.names.of("reader") == "read but missed"
    assert words.causes.names.of("something new") == "something new"
    with pytest.raises(AttributeError, match=r"no words named 'titel'; there are: .*title"):
        _ = words.page.titel
    assert Words({"one": "{n}", "many": "{n} {of}"}).count(2, of="x") == "2 x"


def test_cells_are_written_for_people() -> None:
    assert [cell(value) for value in (None, 0.12345, 1.0, 1234567, "as it is", 0)] == [
        "–", "0.123", "1.000", "1,234,567", "as it is", "0",
    ]  # fmt: skip
    assert cell(Noted("what", "note")) == "what (note)"
    assert cell(Noted(None)) == "–"
    assert with_interval({"value": 0.5, "interval": None}) == Noted(0.5)
    assert with_interval({"value": None, "interval": None}) == Noted(None)
    assert counted(0, 0) == Noted(0)
    assert counted(1, 8).note == percent(0.125) == "12.5\N{NO-BREAK SPACE}%"


def test_a_column_is_of_words_when_any_of_its_cells_is() -> None:
    rows = (("a", 1, "0.5–0.6", Noted(0.5, "0.4–0.6"), "12ab", None), ("b", 2, "–", None, "34", None))
    assert Table("", ("", "n", "range", "score", "id", "none"), rows).worded == {0, 4}
    assert Table("", ("a",), ()).worded == frozenset()
