"""The benchmarks' arithmetic: over seeds, over products, and into the documents."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from documents import ROOT
from ravlm.evaluation.results import QuestionResult

BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a script of the benchmarks by its name."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def load(name: str) -> ModuleType:
        return __import__(name)

    return load


def result(right: bool, entry: str, *groups: str, ranked: tuple[str, ...] = ()) -> QuestionResult:
    return QuestionResult(
        id=f"{entry}-{right}",
        question="?",
        image="photo.jpg",
        language="en",
        groups=groups,
        gold_answer="x",
        answer="x" if right else "y",
        right=right,
        confidence=0.5,
        abstained=False,
        gold_entries=(entry,),
        ranked=ranked,
        gold_rank=None,
        covered=True,
    )


def test_seeds_are_summed_up_number_by_number(benchmark: Any) -> None:
    runs = [
        {"seen": {"model": 0.8, "intervals": {"model": [0.7, 0.9]}}, "relations": ["capital"], "ok": True},
        {"seen": {"model": 0.9, "intervals": {"model": [0.8, 1.0]}}, "relations": ["capital"], "ok": True},
    ]
    summed = benchmark("results_file").over_seeds(runs)
    assert list(summed) == ["seen"]
    assert summed["seen"]["model"] == pytest.approx(
        {"mean": 0.85, "deviation": 0.05 * 2**0.5, "least": 0.8, "most": 0.9}
    )


def test_one_seed_has_no_deviation(benchmark: Any) -> None:
    assert benchmark("results_file").over_seeds([{"a": 0.5}])["a"]["deviation"] is None


def test_the_machine_is_told_by_its_cores_alone(benchmark: Any) -> None:
    told = benchmark("results_file").measured_with()
    assert told["cores"] >= 1
    assert set(told) == {"cores", "python", "ravlm", "torch", "numpy", "scikit-learn", "pylance", "pillow"}


def test_groceries_are_scored_within_all_groups_and_over_products(benchmark: Any) -> None:
    model = [
        result(True, "milk", "unseen", "numbers", ranked=("milk", "kiwi")),
        result(False, "kiwi", "unseen", "numbers", ranked=("milk", "kiwi")),
        result(True, "kiwi", "unseen", "country", ranked=("kiwi",)),
        result(True, "plum", "seen", "numbers", ranked=("plum",)),
    ]
    runs = {"model": model, "prior": [result(False, "milk", "unseen", "numbers")]}
    found = benchmark("grocery").scores(runs, {"unseen", "numbers"})
    assert (found["model"], found["prior"], found["n"]) == (0.5, 0.0, 2)
    assert (found["recall@1"], found["recall@5"]) == (0.5, 1.0)
    assert found["model interval"] == (0.0, 1.0)


def test_a_marked_table_is_written_anew_and_nothing_else(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = benchmark("tables")
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    marked = "before\n<!-- figures: benchmarks/results/flags.json -->\nold\n<!-- end -->\nafter\n"
    waiting = tables.rewritten(marked, "en")
    assert waiting == marked.replace("old\n", "\nNot measured yet.\n\n")
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    score = '{"mean": 0.8731, "deviation": 0.01, "least": 0.861, "most": 1.0}'
    scores = ", ".join(f'"{row}": {score}' for row in tables.FLAGS_ROWS["en"])
    groups = ", ".join(f'"{group}": {{{scores}}}' for group in tables.FLAGS_COLUMNS["en"])
    (tmp_path / "benchmarks" / "results" / "flags.json").write_text(f'{{"over_seeds": {{{groups}}}}}')
    written = tables.rewritten(waiting, "zh")
    assert "| **模型** | .873 (.861 to 1.000) |" in written
    assert written.startswith("before\n")
    assert written.endswith("<!-- end -->\nafter\n")


def test_without_the_photos_groceries_are_skipped_with_the_reason(tmp_path: Path) -> None:
    script = [sys.executable, str(BENCHMARKS / "grocery.py"), str(tmp_path / "nothing")]
    ran = subprocess.run(script, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("Skipped: the Grocery Store Dataset is not in ")
