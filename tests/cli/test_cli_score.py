"""`ravlm score`: official scores on the terminal and as JSON; what doesn't fit is refused and nothing is written."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from command import Ravlm
from ravlm.cli.score import MEASURES
from ravlm.evaluation.official import bem as bem_module
from ravlm.evaluation.official.evqa import Comparison

ANNOTATIONS = {
    "annotations": [
        {
            "question_id": name,
            "question_type": "what",
            "answer_type": "other",
            "answers": [{"answer": answer, "answer_id": i} for i in range(10)],
        }
        for name, answer in ((1, "dog"), (2, "two cats"))
    ]
}
QUESTION = {
    "question_id": "x",
    "direct_answers": ["dog"] * 3,
    "choices": ["a"],
    "correct_choice_idx": 0,
    "difficult_direct_answer": False,
}
LINES: dict[str, tuple[list[Any], list[Any]]] = {
    "calibration": ([{"id": 1, "label": "x", "confidence": 0.5}], [{"id": 1, "label": "x"}]),
    "classification": ([{"id": 1, "label": "x"}], [{"id": 1, "label": "x"}]),
    "regression": ([{"id": 1, "value": 2}], [{"id": 1, "value": 2}]),
}


@pytest.fixture
def vqa(tmp_path: Path) -> list[object]:
    (tmp_path / "p.json").write_text('[{"question_id": 1, "answer": "dog"}, {"question_id": 2, "answer": "one cat"}]')
    (tmp_path / "r.json").write_text(json.dumps(ANNOTATIONS))
    return ["score", "vqa", "--predictions", tmp_path / "p.json", "--references", tmp_path / "r.json"]


def test_scores_are_printed_and_written(ravlm: Ravlm, vqa: list[object], tmp_path: Path) -> None:
    found = ravlm(*vqa, "--json", tmp_path / "out" / "scores.json")
    assert (found.code, found.err) == (0, "")
    assert [line.split() for line in found.out.splitlines()[:3]] == [
        ["score", "value"],
        ["overall", "50.0000"],
        ["perQuestionType:", "what", "50.0000"],
    ]
    assert "2 questions scored." in found.out
    written = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert written == {
        "measure": "vqa",
        "mode": "official",
        "overall": {"overall": 50.0, "perQuestionType": {"what": 50.0}, "perAnswerType": {"other": 50.0}},
        "per_question": {"1": 1.0, "2": 0.0},
        "notes": [],
    }
    assert ravlm(*vqa, "--mode", "lmms-eval-okvqa").out.splitlines()[1].split() == ["overall", "50.0000"]


def test_what_does_not_fit_is_refused_and_nothing_is_written(ravlm: Ravlm, vqa: list[object], tmp_path: Path) -> None:
    said = [{"question_id": 1, "answer": "dog"}, {"question_id": 1, "answer": "x"}, {"question_id": 9, "answer": "x"}]
    (tmp_path / "p.json").write_text(json.dumps([*said, {"question_id": 2, "answer": None}]))
    found = ravlm(*vqa, "--json", tmp_path / "scores.json")
    assert found.code == 2
    assert found.out == ""
    for part in ("wrong form: 1 (record 4", "lack: 1 (9)", "more than one prediction: 1 (1)"):
        assert part in found.err
    assert "without a prediction" not in found.err, "that of question 2 is of the wrong form"
    assert not (tmp_path / "scores.json").exists()
    lenient = ("--unknown", "skip", "--duplicates", "first", "--missing", "zero", "--invalid", "skip")
    found = ravlm(*vqa, *lenient, "--json", tmp_path / "scores.json")
    assert found.code == 0
    assert found.err.count("note: ") == 4
    written = json.loads((tmp_path / "scores.json").read_text())
    assert (written["per_question"], len(written["notes"])) == ({"1": 1.0, "2": 0.0}, 4)


@pytest.mark.parametrize("name", ["p.json", "r.json", "link.json"])
def test_no_input_is_written_over(ravlm: Ravlm, vqa: list[object], tmp_path: Path, name: str) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "p.json")
    before = {file: (tmp_path / file).read_bytes() for file in ("p.json", "r.json")}
    found = ravlm(*vqa, "--json", tmp_path / name)
    assert (found.code, "is read by this very command" in found.err) == (2, True)
    assert {file: (tmp_path / file).read_bytes() for file in before} == before


def test_half_of_a_character_is_refused(ravlm: Ravlm, tmp_path: Path) -> None:
    files = ("--predictions", tmp_path / "p", "--references", tmp_path / "r", "--json", tmp_path / "j")
    for name in "pr":
        (tmp_path / name).write_text('{"id": "\\ud800", "label": "x"}')
    found = ravlm("score", "classification", *files)
    assert (found.code, "half of a character" in found.err) == (2, True)
    (tmp_path / "p").write_text('{"\\ud800": {"direct_answer": "x"}}')
    (tmp_path / "r").write_text("[]")
    found = ravlm("score", "aokvqa", *files)
    assert (found.code, "is not JSON" in found.err) == (2, True)


@pytest.mark.parametrize(
    ("measure", "predictions", "references"),
    [
        ("retrieval", "q Q0 a 1 1.0 x\n", "q 0 a 0\n"),
        ("classification", '{"id": 1}', '{"id": 1, "label": "x"}'),
        ("aokvqa", '{"x": {}}', json.dumps([QUESTION])),
    ],
)
def test_where_nothing_is_scored_nothing_is_written(
    ravlm: Ravlm, tmp_path: Path, measure: str, predictions: str, references: str
) -> None:
    (tmp_path / "p").write_text(predictions)
    (tmp_path / "r").write_text(references)
    words = ("--predictions", tmp_path / "p", "--references", tmp_path / "r", "--json", tmp_path / "j")
    found = ravlm("score", measure, *words, "--invalid", "skip", "--missing", "skip")
    assert (found.code, found.out, "Nothing was scored" in found.err) == (2, "", True), found.err
    assert not (tmp_path / "j").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("vqua",), "There is no measure 'vqua'"),
        (("vqa", "--mode", "offical"), "Did you mean 'official'?"),
        (("aokvqa", "--mode", "official"), "--mode is for the measure vqa"),
        (("vqa", "--clip", "x"), "--clip is for the measure caption"),
        (("caption", "--clip", "x"), "Give --clip and --images"),
        (("evqa",), "Name its model with --bem, or give --exact-only"),
        (("evqa", "--bem", "x", "--exact-only"), "Give one of them"),
        (("vqa", "--json", "."), "it is a folder"),
        (("vqa",), "There is no file"),
    ],
)
def test_wrong_words_are_told(ravlm: Ravlm, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    found = ravlm("score", *words, "--predictions", tmp_path / "p", "--references", tmp_path / "r")
    assert found.code == 2
    assert told in found.err


def test_choices_of_options_are_those_of_the_help(ravlm: Ravlm, vqa: list[object]) -> None:
    assert ravlm(*vqa, "--missing", "maybe").code == 2
    out = ravlm("score", "--help").out
    for name in (*MEASURES, "refuse|zero|skip", "refuse|first|last", "substring"):
        assert name in out


@pytest.mark.parametrize("measure", LINES)
def test_measures_of_runs(ravlm: Ravlm, tmp_path: Path, measure: str) -> None:
    for name, lines in zip(("p", "r"), LINES[measure], strict=True):
        (tmp_path / name).write_text("\n".join(map(json.dumps, lines)))
    files = ("--predictions", tmp_path / "p", "--references", tmp_path / "r", "--json", tmp_path / "j")
    found = ravlm("score", measure, *files)
    assert found.code == 0, found.err
    assert json.loads((tmp_path / "j").read_text())["per_question"] == {"1": 1.0}


def test_retrieval_infoseek_and_aokvqa(ravlm: Ravlm, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("q Q0 a 1 1.0 x\n")
    (tmp_path / "qrels").write_text("q 0 a 1\n")
    found = ravlm("score", "retrieval", "--predictions", tmp_path / "run", "--references", tmp_path / "qrels")
    assert (found.code, "1 question scored." in found.out) == (0, True)
    (tmp_path / "p").write_text('{"data_id": "x", "prediction": "Rome"}')
    (tmp_path / "r").write_text('{"data_id": "x", "answer_eval": ["rome"], "data_split": "val_unseen_entity"}')
    (tmp_path / "q").write_text('{"data_id": "x", "question_type": "String"}')
    files = ("--predictions", tmp_path / "p", "--references", tmp_path / "r", "--question-types", tmp_path / "q")
    found = ravlm("score", "infoseek", *files)
    assert "unseen_entity_score: score" in found.out
    assert "note: no question is scored for unseen_question_score" in found.err
    (tmp_path / "p").write_text('{"x": {"direct_answer": "dog"}}')
    (tmp_path / "r").write_text(json.dumps([QUESTION]))
    found = ravlm("score", "aokvqa", "--predictions", tmp_path / "p", "--references", tmp_path / "r")
    assert ["direct_answer_accuracy", "100.0000"] in [line.split() for line in found.out.splitlines()]


def test_captions_with_and_without_meteor(ravlm: Ravlm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p").write_text('[{"image_id": 1, "caption": "a dog"}]')
    (tmp_path / "r").write_text('{"annotations": [{"image_id": 1, "caption": "A dog."}]}')
    words = ("score", "caption", "--predictions", tmp_path / "p", "--references", tmp_path / "r")
    found = ravlm(*words, "--no-meteor")
    assert (found.code, "ROUGE_L" in found.out, "METEOR" in found.out + found.err) == (0, True, False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "METEOR is left out: its program needs Java" in ravlm(*words, "--json", tmp_path / "j").err
    assert "METEOR is left out" in json.loads((tmp_path / "j").read_text())["notes"][0]


def test_encyclopedic_vqa_exactly_and_by_bem(ravlm: Ravlm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p").write_text('{"id": 1, "candidate": "rom"}')
    (tmp_path / "r").write_text('{"id": 1, "question_type": "automatic", "question": "?", "references": ["Rome"]}')
    words = ("score", "evqa", "--predictions", tmp_path / "p", "--references", tmp_path / "r")
    found = ravlm(*words, "--exact-only")
    assert ["accuracy", "0.0000"] in [line.split() for line in found.out.splitlines()]
    asked: list[Comparison] = []

    class Yes:
        @classmethod
        def from_pretrained(cls, source: str) -> Any:
            return lambda comparisons: asked.extend(comparisons) or [0.9] * len(comparisons)

    monkeypatch.setattr(bem_module, "Bem", Yes)
    found = ravlm(*words, "--bem", "folder")
    assert ["accuracy", "100.0000"] in [line.split() for line in found.out.splitlines()]
    assert asked == [Comparison("?", "Rome", "rom")]


def test_clip_scores_are_asked_of_the_model(ravlm: Ravlm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p").write_text('{"1": "a dog"}')
    (tmp_path / "r").write_text('{"1": ["A dog."]}')
    from ravlm.evaluation.official.clip_score import ClipScorer

    monkeypatch.setattr(ClipScorer, "from_pretrained", lambda source, find: lambda n, c, r: ([1.5], [0.5]))
    words = ("score", "caption", "--predictions", tmp_path / "p", "--references", tmp_path / "r", "--no-meteor")
    found = ravlm(*words, "--clip", "model", "--images", tmp_path)
    assert ["CLIPScore", "1.5000"] in [line.split() for line in found.out.splitlines()], found.err


def test_no_score_of_text_needs_torch() -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from ravlm.evaluation.official import aokvqa, caption, evqa, infoseek, plain, vqa\n"
        "print(vqa.vqa_accuracy('a', ['a'] * 4))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "1.0", done.stderr
