"""The committed summaries of runs verify, and the results and tables of the documents follow from them."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from documents import ROOT
from ravlm.cli.main import main

RESULTS = ROOT / "benchmarks" / "results"
SUMMARIES = sorted((RESULTS / "runs").glob("*.json"))


def test_the_main_runs_are_there() -> None:
    names = {path.stem for path in SUMMARIES}
    assert {"flags-0", "flags-1", "flags-2", "grocery-iconic", "grocery-photos"} <= names


@pytest.mark.parametrize("summary", SUMMARIES, ids=lambda path: path.stem)
def test_a_committed_summary_verifies(
    summary: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ravlm", "verify", str(summary)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert (stop.value.code or 0, capsys.readouterr().err) == (0, "")


@pytest.mark.parametrize("summary", SUMMARIES, ids=lambda path: path.stem)
def test_a_committed_summary_names_no_place_and_is_small(summary: Path) -> None:
    assert "where" not in json.loads(summary.read_text(encoding="utf-8"))["about"]
    assert summary.stat().st_size < 1_000_000


def test_results_follow_from_the_summaries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import flags
    import fusions
    import grocery
    import outputs
    from results_file import rounded
    from run_summaries import causes_results, flags_results, grocery_results, summaries

    def committed(name: str) -> Any:
        return json.loads((RESULTS / name).read_text(encoding="utf-8"))

    found = flags_results(summaries("flags"), flags.GROUPS)
    assert committed("flags.json") == json.loads(json.dumps(rounded(found)))
    assert committed("causes.json") == json.loads(json.dumps(rounded(causes_results())))
    found = grocery_results(summaries("grocery"), grocery.GROUPS, grocery.KINDS)
    assert committed("grocery.json") == json.loads(json.dumps(rounded(found)))
    if (RESULTS / fusions.RESULTS).is_file():
        told = committed(fusions.RESULTS)
        found = fusions.results_of(told["measured"])
        assert told == {"measured_with": told["measured_with"], **json.loads(json.dumps(rounded(found)))}
    if (RESULTS / outputs.RESULTS).is_file():
        told = committed(outputs.RESULTS)
        assert told == json.loads(json.dumps(rounded(outputs.results_of(told["medians"]))))
