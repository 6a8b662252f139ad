import json
import shutil
from pathlib import Path

import pytest

from coloured_dataset import UNSEEN
from command import Ravlm
from ravlm.evaluation.runs.folder import read_run
from ravlm.evaluation.runs.records import EVIDENCE
from ravlm.evaluation.runs.verify import verify


def test_a_run_has_every_question_under_every_evidence(ravlm: Ravlm, run: Path, coloured: Path) -> None:
    found = read_run(run)
    assert list(found.answers) == list(EVIDENCE)
    assert {len(answers) for answers in found.answers.values()} == {60}
    groups = found.summary["scores"]["groups"]
    assert list(groups) == ["all", "seen", "relation:keeper", "relation:town", "unseen"]
    unseen = groups["unseen"]
    assert unseen["n"] == 2 * len(UNSEEN)
    accuracy = {kind: told["accuracy"]["value"] for kind, told in unseen["evidence"].items()}
    assert accuracy["retrieved"] >= 0.8
    assert accuracy["oracle"] >= 0.8
    assert (accuracy["prior"], accuracy["none"], accuracy["removed"], accuracy["wrong"]) == (0, 0, 0, 0)
    assert unseen["retrieval"]["R@1"]["value"] == unseen["passages"]["words"]["PRR@1"] == 1
    assert unseen["grounded"]["share"]["value"] == 1


def test_a_run_says_what_was_read_and_what_it_was_made_with(run: Path, trained: Path, coloured: Path) -> None:
    found = read_run(run)
    asked, given = found.questions[0], found.answers["retrieved"][0]
    assert asked.support == (f"{asked.example.entries[0]}#0",)
    assert [(piece.kind, piece.origin or piece.text) for piece in given.pieces] == [
        ("region", "middle"),
        ("question", asked.example.question),
    ]
    assert given.ranked[0][0] == asked.example.entries[0]
    assert len(given.ranked) == 10
    assert {hit.entry for hit in given.hits} == {entry for entry, _ in given.ranked[:2]}
    cited = found.passages[given.citations[0].passage].text[slice(*given.citations[0].span)]
    assert cited == given.answer
    assert set(given.timings) == {"find", "answer"}
    wrong, removed = found.answers["wrong"][0], found.answers["removed"][0]
    assert {hit.entry for hit in wrong.hits} == {given.ranked[1][0]}
    assert {hit.passage for hit in given.hits} - {hit.passage for hit in removed.hits} == {
        f"{asked.example.entries[0]}#0"
    }
    assert found.answers["none"][0].hits == ()
    about = found.about
    assert about["where"] == {"model": str(trained), "data": str(coloured)}
    assert about["model"]["training"]["match"]["steps"] == 40
    assert about["seeds"] == {"training": 0, "bootstrap": 0}
    for part in ("dataset", "model", "knowledge", "index"):
        assert len(about[part]["fingerprint"]) == 64


def test_the_tables_say_what_the_summary_says(ravlm: Ravlm, trained: Path, coloured: Path, tmp_path: Path) -> None:
    kinds = ("--evidence", "oracle", "--evidence", "retrieved")
    outcome = ravlm("evaluate", trained, "--data", coloured, "--out", tmp_path / "run", *kinds, "--group", "unseen")
    assert outcome.code == 0
    found = read_run(tmp_path / "run")
    assert list(found.answers) == ["retrieved", "oracle"]
    assert {asked.example.groups[0] for asked in found.questions} == {"unseen"}
    accuracy = found.summary["scores"]["groups"]["unseen"]["evidence"]["retrieved"]["accuracy"]["value"]
    row = next(line for line in outcome.out.splitlines() if "(retrieved)" in line)
    assert f"{accuracy:.3f}" in row
    assert "Next: ravlm report" in outcome.out


def test_json_is_the_scores(ravlm: Ravlm, trained: Path, coloured: Path, tmp_path: Path) -> None:
    out = tmp_path / "a run"
    outcome = ravlm("evaluate", trained, "--data", coloured, "--out", out, "--evidence", "none", "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out) == json.loads((out / "summary.json").read_text())["scores"]


def test_removed_brings_what_it_is_removed_from(ravlm: Ravlm, trained: Path, coloured: Path, tmp_path: Path) -> None:
    arguments = ("--data", coloured, "--out", tmp_path / "run", "--evidence", "removed")
    assert ravlm("evaluate", trained, *arguments).code == 0
    assert list(read_run(tmp_path / "run").answers) == ["retrieved", "removed"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", "--data", "data", "--out", "run"), "no model in nowhere"),
        (("data", "--data", "data", "--out", "run"), "no model in data"),
        (("nowhere", "--data", "nowhere", "--out", "run"), "no dataset in nowhere"),
        (("nowhere", "--data", "data", "--out", "run", "--split", "dev"), "no split 'dev'; it has: train, val, test"),
        (("nowhere", "--data", "data", "--out", "run", "--evidence", "orcale"), "Did you mean 'oracle'?"),
        (
            ("nowhere", "--data", "data", "--out", "run", "--group", "seen"),
            "no group of questions 'seen'. Choose one of: (none)",
        ),
        (("nowhere", "--data", "data", "--out", "data"), "already holds something"),
        (("nowhere", "--data", "data", "--out", "data/dataset.json"), "not a folder"),
        (("nowhere", "--data", "data"), "--out"),
        (("nowhere", "--out", "run"), "--data"),
    ],
)
def test_bad_input_ends_in_2_and_writes_nothing(
    ravlm: Ravlm, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(Path().rglob("*"))
    outcome = ravlm("evaluate", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert sorted(Path().rglob("*")) == before


def test_a_folder_that_cant_be_written_is_told_before_anything_is_answered(
    ravlm: Ravlm, trained: Path, coloured: Path
) -> None:
    outcome = ravlm("evaluate", trained, "--data", coloured, "--out", "/proc/no/run")
    assert (outcome.code, outcome.out) == (2, "")
    assert "can't be written" in outcome.err
    assert "answering" not in outcome.err


def test_a_misspelt_group_is_refused_beside_a_good_one(
    ravlm: Ravlm, trained: Path, coloured: Path, tmp_path: Path
) -> None:
    arguments = ("--data", coloured, "--out", tmp_path / "run", "--group", "unseen", "--group", "sene")
    outcome = ravlm("evaluate", trained, *arguments)
    assert outcome.code == 2
    assert "Did you mean 'seen'?" in outcome.err


def test_without_a_train_split_there_is_no_prior(ravlm: Ravlm, trained: Path, coloured: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(coloured, tmp_path / "data"))
    (data / "train.jsonl").unlink()
    arguments = ("evaluate", trained, "--data", data, "--group", "unseen")
    outcome = ravlm(*arguments, "--out", tmp_path / "run")
    assert outcome.code == 0
    assert "Without the prior" in outcome.err
    assert "prior" not in read_run(tmp_path / "run").answers
    outcome = ravlm(*arguments, "--out", tmp_path / "other", "--evidence", "prior")
    assert (outcome.code, "no split 'train'" in outcome.err) == (2, True)


def test_entries_that_the_base_lacks_are_told(ravlm: Ravlm, model: Path, coloured: Path, tmp_path: Path) -> None:
    assert ravlm("knowledge", "remove", model, UNSEEN[0]).code == 0
    outcome = ravlm("evaluate", model, "--data", coloured, "--out", tmp_path / "run", "--group", "unseen")
    assert outcome.code == 0
    assert "2 questions name right entries that the knowledge base lacks." in outcome.err
    found = read_run(tmp_path / "run")
    ghosts = [i for i, asked in enumerate(found.questions) if asked.example.entries == (UNSEEN[0],)]
    assert {found.outcomes[i].cause for i in ghosts} == {"entry"}
    assert verify(tmp_path / "run") == []


def test_a_split_without_questions(ravlm: Ravlm, data: Path, trained: Path, tmp_path: Path) -> None:
    (data / "test.jsonl").write_text("")
    outcome = ravlm("evaluate", trained, "--data", data, "--out", tmp_path / "run")
    assert (outcome.code, "no question" in outcome.err) == (2, True)
    assert not (tmp_path / "run").exists()
