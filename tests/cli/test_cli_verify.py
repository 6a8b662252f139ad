"""Runs are verified, and answered again by the model that made them, as a user would."""

import json
import shutil
from pathlib import Path

import pytest

from command import Ravlm
from made_run import write_made_run
from ravlm.evaluation.runs.folder import SUMMARY


@pytest.fixture
def own(run: Path, tmp_path: Path) -> Path:
    """A copy of the run to change."""
    return Path(shutil.copytree(run, tmp_path / "own run"))


def test_a_run_verifies_and_tells_its_name(ravlm: Ravlm, run: Path) -> None:
    outcome = ravlm("verify", run)
    assert (outcome.code, outcome.err) == (0, "")
    name = json.loads((run / SUMMARY).read_text())["run"]
    assert outcome.out.splitlines() == [f"{run}: everything follows from what was asked and answered.", f"run {name}"]
    assert json.loads(ravlm("verify", run, "--json").out) == {"run": name, "faults": [], "notes": []}


def test_a_summary_verifies_alone(ravlm: Ravlm, run: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copyfile(run / SUMMARY, tmp_path / "flags.json"))
    outcome = ravlm("verify", alone)
    assert (outcome.code, outcome.out) == (0, f"{alone}: the scores follow from the columns.\n")
    alone.write_text(alone.read_text().replace('"ECE": ', '"ECE": 1', 1))
    outcome = ravlm("verify", alone)
    assert outcome.code == 1
    assert "flags.json: scores.groups.all.calibration.ECE" in outcome.out


def test_a_changed_run_ends_in_1(ravlm: Ravlm, own: Path) -> None:
    answers = own / "answers" / "retrieved.jsonl"
    answers.write_text(answers.read_text().replace('"abstained":false', '"abstained":true'))
    outcome = ravlm("verify", own, "--replay")
    assert outcome.code == 1
    assert "answers/retrieved.jsonl: its SHA-256 is not the one in run.json" in outcome.out
    assert "... and " in outcome.out
    assert "nothing was answered again" in outcome.err
    assert len(json.loads(ravlm("verify", own, "--json").out)["faults"]) > 20


def test_the_model_answers_so_again(ravlm: Ravlm, run: Path) -> None:
    outcome = ravlm("verify", run, "--replay")
    assert outcome.code == 0
    assert "and the model answers so again." in outcome.out


def test_a_base_that_has_changed_is_told_and_nothing_answered(
    ravlm: Ravlm, run: Path, model: Path, coloured: Path, tmp_path: Path
) -> None:
    article = tmp_path / "red-green.md"
    article.write_text("This thing is kept by Nobody.")
    assert ravlm("knowledge", "set", model, "red-green", article).code == 0
    outcome = ravlm("verify", run, "--replay", "--model", model)
    assert outcome.code == 1
    assert "run.json: knowledge.fingerprint: " in outcome.out
    assert "nothing was answered again" in outcome.err
    assert "answering" not in outcome.err


def test_where_model_and_data_are_elsewhere_now(ravlm: Ravlm, model: Path, coloured: Path, tmp_path: Path) -> None:
    write_made_run(tmp_path / "made")
    outcome = ravlm("verify", tmp_path / "made", "--replay")
    assert outcome.code == 2
    assert "The model of the run is needed, and there is no folder gone/model" in outcome.err
    outcome = ravlm("verify", tmp_path / "made", "--replay", "--model", model)
    assert "The data of the run is needed" in outcome.err
    outcome = ravlm("verify", tmp_path / "made", "--replay", "--model", model, "--data", coloured)
    assert outcome.code == 1
    assert "model.fingerprint: '1111" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "no run in nowhere: found nothing"),
        (("data",), "no run in data: found no run.json"),
        (("data/dataset.json",), "has format 1; this release reads format 2 of a summary"),
        (("other.json",), "Field required"),
        (("made/run.json",), "is a part of a run. Give the run's folder"),
        (("data/dataset.json", "--replay"), "is a summary, and a replay needs the run's folder"),
        (("data/images/0.png",), "not text in UTF-8"),
        (("data/test.jsonl",), "is not JSON"),
        (("data", "--model", "m"), "--model and --data are for a replay"),
        ((), "RUN"),
    ],
)
def test_bad_input_ends_in_2(
    ravlm: Ravlm, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_made_run(Path("made"))
    Path("other.json").write_text('{"format": 2}')
    outcome = ravlm("verify", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
