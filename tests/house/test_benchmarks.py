"""The benchmarks' arithmetic: over seeds, over products, and into the documents."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from documents import ROOT
from made_run import OUTCOMES, write_made_run
from ravlm.evaluation.runs.columns import to_columns

BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a script of the benchmarks by its name."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def load(name: str) -> ModuleType:
        return __import__(name)

    return load


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
    numbers = [replace(outcome, groups=(*outcome.groups, "numbers")) for outcome in OUTCOMES[:3]]
    found = benchmark("run_summaries").grocery_results(
        {"iconic": {"columns": to_columns([*numbers, OUTCOMES[3]])}}, ("seen", "unseen"), ("numbers", "all")
    )["iconic"]
    assert (found["unseen"]["numbers"]["n"], found["unseen"]["all"]["n"]) == (1, 2)
    assert (found["unseen"]["numbers"]["retrieved"]["value"], found["unseen"]["all"]["retrieved"]["value"]) == (0, 0.5)
    assert (found["seen"]["all"]["R@1"], found["unseen"]["all"]["R@1"]) == (1, 0.5)
    assert (found["seen"]["all"]["grounded"], found["unseen"]["all"]["grounded"]) == (1, 0)


def test_flags_are_summed_up_over_seeds(benchmark: Any, tmp_path: Path) -> None:
    summary = write_made_run(tmp_path / "run").summary
    found = benchmark("run_summaries").flags_results({"0": summary, "1": summary}, ("seen", "unseen"))
    assert found["runs"] == ["0", "1"]
    assert found["over_seeds"]["unseen"]["retrieved"]["mean"] == 0.5
    assert found["over_seeds"]["unseen"]["R@1"] == {"mean": 0.5, "deviation": 0, "least": 0.5, "most": 0.5}
    assert found["over_seeds"]["unseen"]["causes"]["entry"]["mean"] == 0.5
    assert found["over_seeds"]["seen"]["grounded"]["mean"] == 1


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
