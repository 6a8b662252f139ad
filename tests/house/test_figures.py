"""Figures in the documents are those of the committed results."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from documents import ROOT, documents, figures, name_of

RESULTS = ROOT / "benchmarks" / "results"
MARKED = [
    pytest.param(results, table, id=f"{name_of(document)}: {results}")
    for document in documents()
    for results, table in figures(document.read_text(encoding="utf-8"))
]
_NUMBER = re.compile(r"(?<![\w.])\.\d+")


def numbers(value: Any) -> set[str]:
    """Every share in a results file as the documents print it: `.873`."""
    if isinstance(value, dict):
        return set().union(*map(numbers, value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*map(numbers, value)) if value else set()
    if isinstance(value, float) and 0 <= value < 1:
        return {f"{value:.3f}".removeprefix("0"), f"{value:.2f}".removeprefix("0")}
    return set()


def unfounded(table: str, results: Any) -> set[str]:
    """The numbers of a table that are not in the results."""
    return set(_NUMBER.findall(table)) - numbers(results)


@pytest.mark.parametrize(("results", "table"), MARKED)
def test_the_figures_are_those_of_the_results(results: str, table: str) -> None:
    path = ROOT / results
    assert path.parent == RESULTS, "a marked table names a file of benchmarks/results"
    if not path.is_file():
        assert not _NUMBER.search(table), f"there are figures, but no {results} that they come from"
        pytest.skip(f"{results} is not measured yet")
    assert unfounded(table, json.loads(path.read_text(encoding="utf-8"))) == set()


def test_the_main_tables_are_marked() -> None:
    names = (
        "captions",
        "causes",
        "effectiveness",
        "encoders",
        "eyes",
        "flags",
        "fusions",
        "grocery",
        "joint",
        "knowledge",
        "matrix",
        "model",
        "outputs",
        "retrieval",
        "scoring",
        "survival",
        "training",
        "texts",
        "wikitext",
    )
    assert {param.values[0] for param in MARKED} == {f"benchmarks/results/{name}.json" for name in names}


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_the_marked_tables_are_those_that_the_results_make(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from tables import rewritten

    text = document.read_text(encoding="utf-8")
    assert rewritten(text, "zh" if "zh-CN" in document.name else "en") == text


def test_a_wrong_figure_is_seen() -> None:
    measured = {"unseen": {"model": 0.8731, "interval": [0.85, 0.9]}, "n": 7, "seconds": 3.5}
    assert unfounded("| unseen | .873 (.850 to .900) | 0.1.0 |", measured) == set()
    assert unfounded("| unseen | .874 |", measured) == {".874"}


def test_results_tell_no_machine_by_name() -> None:
    if not RESULTS.is_dir():
        pytest.skip("nothing is measured yet")
    for path in Path(RESULTS).glob("*.json"):
        assert not re.search(r"/(?:home|root|tmp|work|Users)/", path.read_text(encoding="utf-8")), path.name
