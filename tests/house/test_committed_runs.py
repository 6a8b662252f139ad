"""The committed summaries of runs verify, and the results and tables of the documents follow from them."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from documents import ROOT
from ravlm.cli.main import main
from ravlm.evaluation.runs.columns import from_columns

OTHERS = ("nearest", "no evidence")
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
    import joint
    import outputs
    import texts
    from results_file import rounded
    from run_summaries import causes_results, flags_results, summaries

    def committed(name: str) -> Any:
        return json.loads((RESULTS / name).read_text(encoding="utf-8"))

    found = flags_results(summaries("flags"), flags.GROUPS)
    assert committed("flags.json") == json.loads(json.dumps(rounded(found)))
    assert committed("causes.json") == json.loads(json.dumps(rounded(causes_results())))
    told = committed(grocery.RESULTS)
    assert told == json.loads(json.dumps(rounded(grocery.results_of(told["measured"]))))
    if (RESULTS / fusions.RESULTS).is_file():
        told = committed(fusions.RESULTS)
        found = fusions.results_of(told["measured"])
        assert told == {"measured_with": told["measured_with"], **json.loads(json.dumps(rounded(found)))}
    if (RESULTS / joint.RESULTS).is_file():
        told = committed(joint.RESULTS)
        found = joint.results_of(summaries("joint"), summaries("grocery"))
        assert told == {"measured_with": told["measured_with"], **json.loads(json.dumps(rounded(found)))}
    if (RESULTS / outputs.RESULTS).is_file():
        told = committed(outputs.RESULTS)
        assert told == json.loads(json.dumps(rounded(outputs.results_of(told["medians"]))))
    if (RESULTS / texts.RESULTS).is_file():
        assert committed(texts.RESULTS) == json.loads(json.dumps(rounded(texts.texts_results(summaries("texts")))))


def test_right_captions_follow_from_their_summary() -> None:
    if not (RESULTS / "captions.json").is_file():
        pytest.skip("captions are not measured yet")
    told = json.loads((RESULTS / "captions.json").read_text(encoding="utf-8"))["groups"]
    summary = json.loads((RESULTS / "runs" / "captions-emoji.json").read_text(encoding="utf-8"))
    outcomes = from_columns(summary["columns"])
    for group, found in told.items():
        some = [outcome for outcome in outcomes if group in outcome.groups]
        assert len(some) == found["n"]
        for name, kind in (("commonest", "prior"), ("no evidence", "none"), ("retrieved", "retrieved")):
            right = sum(outcome.right[kind] for outcome in some) / len(some)
            assert found["by"][name]["exact"] == pytest.approx(right, abs=5e-5)
        if found["R@1"] is not None:
            first = sum(1 in outcome.gold_ranks for outcome in some) / len(some)
            assert found["R@1"] == pytest.approx(first, abs=5e-5)


def test_what_is_said_of_captions_follows_from_their_scores() -> None:
    """Of docs/captions.md: the nearest picture's name is better of seen emoji alone; evidence is no help."""
    told = json.loads((RESULTS / "captions.json").read_text(encoding="utf-8"))["groups"]
    for group, found in told.items():
        for measure in ("ROUGE-L", "CIDEr"):
            (_, nearest), (low, high) = (found["better than"][name][measure]["interval"] for name in OTHERS)
            assert low < 0 < high
            assert (nearest < 0) is group.startswith("seen")  # the upper end
            assert found["better than"]["nearest"][measure]["interval"][0] < 0
        if group.startswith("seen"):
            assert 0.3 < found["R@1"] < 0.4
    english = told["unseen:en"]["by"]
    assert english["retrieved"]["BLEU-4"] < english["nearest"]["BLEU-4"]


def test_what_is_said_of_texts_follows_from_their_shares() -> None:
    """Of docs/captions.md: all of flags' stand on their evidence, of groceries' a part; descriptions are hardest."""
    told = json.loads((RESULTS / "texts.json").read_text(encoding="utf-8"))["runs"]
    flags, groceries = told["flags-0"], told["grocery-0"]
    for found in flags.values():
        assert found["grounded"] == 1.0
        assert 0.33 < found["retrieved"]["value"] < 0.37
    whole = groceries["unseen"]
    assert 0.25 <= whole["retrieved"]["value"] < 0.3
    assert whole["none"]["value"] > 0.05 > flags["unseen"]["none"]["value"]
    right = {name: found["retrieved"]["value"] for name, found in groceries.items()}
    assert min(right["about:label"], right["about:nutrition"]) > 5 * right["about:description"]
