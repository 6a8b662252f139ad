import json
from pathlib import Path

import pytest

from coloured_dataset import UNSEEN
from command import Ravlm
from ravlm.evaluation.results import read_results


def test_scores_by_group(ravlm: Ravlm, trained: Path, coloured: Path, tmp_path: Path) -> None:
    scores, answers = tmp_path / "scores.json", tmp_path / "answers.jsonl"
    outcome = ravlm("evaluate", trained, "--data", coloured, "--json", scores, "--results", answers)
    assert outcome.code == 0
    found = json.loads(scores.read_text())
    assert (found["split"], found["evidence"]) == ("test", "retrieved")
    assert list(found["groups"]) == ["all", "seen", "relation:keeper", "relation:town", "unseen"]
    unseen = found["groups"]["unseen"]
    assert unseen["n"] == 2 * len(UNSEEN)
    assert unseen["accuracy"] >= 0.8
    assert unseen["recall@1"] == unseen["coverage"] == 1
    assert len(read_results(answers)) == found["groups"]["all"]["n"] == 60
    row = next(line for line in outcome.out.splitlines() if line.startswith("| unseen"))
    assert [cell.strip() for cell in row.split("|")[2:4]] == [f"{unseen['accuracy']:.3f}", "1.000"]
    assert "Next: ravlm ask" in outcome.out


def test_evidence_decides_what_is_read(ravlm: Ravlm, trained: Path, coloured: Path, tmp_path: Path) -> None:
    found = {}
    for evidence in ("none", "oracle"):
        arguments = ("--data", coloured, "--evidence", evidence, "--json", tmp_path / f"{evidence}.json")
        assert ravlm("evaluate", trained, *arguments).code == 0
        found[evidence] = json.loads((tmp_path / f"{evidence}.json").read_text())["groups"]["unseen"]
    assert (found["none"]["accuracy"], found["none"]["coverage"]) == (0, 0)
    assert found["oracle"]["accuracy"] >= 0.8
    assert found["oracle"]["coverage"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", "--data", "data"), "no model in nowhere"),
        (("data", "--data", "data"), "no model in data"),
        (("nowhere", "--data", "nowhere"), "no dataset in nowhere"),
        (("nowhere", "--data", "data", "--split", "dev"), "no split 'dev'; it has: train, val, test"),
        (("nowhere", "--data", "data", "--evidence", "orcale"), "Did you mean 'oracle'?"),
        (("nowhere", "--data", "data", "--json", "data"), "in the way"),
        (("nowhere", "--data", "data", "--results", "data/dataset.json/r.jsonl"), "is not a folder"),
        (("nowhere",), "--data"),
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


def test_a_split_without_questions(ravlm: Ravlm, data: Path, trained: Path) -> None:
    (data / "test.jsonl").write_text("")
    outcome = ravlm("evaluate", trained, "--data", data)
    assert (outcome.code, "no question" in outcome.err) == (2, True)
