"""What docs/scoring.md says about scores is so: its commands, its examples, its tables."""

import doctest
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from command import ran
from documents import ROOT, commands
from ravlm.cli import score as verb
from ravlm.evaluation.official import bem, caption
from ravlm.evaluation.official.clip_score import ClipScorer
from ravlm.evaluation.official.vqa import MODES

TEXT = (ROOT / "docs" / "scoring.md").read_text(encoding="utf-8")
PEOPLE = [{"answer": "dog", "answer_id": i} for i in range(10)]
WHOLE: dict[str, Any] = {
    "results.json": [{"question_id": 1, "answer": "dog"}],
    "annotations.json": {"annotations": [{"question_id": 1, "answers": PEOPLE, "question_type": "what"}]},
    "aokvqa-predictions.json": {"x": {"direct_answer": "dog", "multiple_choice": "dog"}},
    "aokvqa_v1p0_val.json": [
        {
            "question_id": "x",
            "direct_answers": ["dog"] * 10,
            "choices": ["dog", "cat"],
            "correct_choice_idx": 0,
            "difficult_direct_answer": False,
        }
    ],
    "captions.json": [{"image_id": 1, "caption": "a dog"}],
    "captions_val2017.json": {"annotations": [{"image_id": i, "caption": "A dog."} for i in (1, 2)]},
}
LINES: dict[str, list[Any]] = {
    "infoseek-predictions.jsonl": [{"data_id": "x", "prediction": "Rome"}],
    "infoseek_val.jsonl": [{"data_id": "x", "answer_eval": ["rome"], "data_split": "val_unseen_question"}],
    "infoseek_val_qtype.jsonl": [{"data_id": "x", "question_type": "String"}],
    "evqa-predictions.jsonl": [{"id": "0", "candidate": "Rome"}, {"id": "1", "candidate": "red"}],
    "labels.jsonl": [{"id": 1, "label": "dog"}],
    "confident-labels.jsonl": [{"id": 1, "label": "dog", "confidence": 0.9, "abstained": False}],
    "right-labels.jsonl": [{"id": 1, "label": "dog"}],
    "values.jsonl": [{"id": 1, "value": 2.5}],
    "right-values.jsonl": [{"id": 1, "value": 3}],
}
OTHERS = {
    "run/answers/retrieved.jsonl": '{"id": "1", "answer": "dog", "confidence": 1.0, "abstained": false}\n',
    "evqa-run/answers/retrieved.jsonl": "\n".join(
        json.dumps({"id": f"evqa_test_{name}", "answer": answer})
        for name, answer in (("0_0", "Rome"), ("0_1", "Paris"), ("1_0", "red"))
    ),
    "test.csv": "question,answer,question_type\nWhere?,Rome|Roma,automatic\nWhich?,red&&blue,multi_answer\n",
    "run.trec": "q Q0 a 1 1.0 tag\n",
    "qrels.txt": "q 0 a 1\n",
}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the commands name; models are played by functions."""
    monkeypatch.chdir(tmp_path)
    for name, value in WHOLE.items():
        (tmp_path / name).write_text(json.dumps(value))
    for name, lines in LINES.items():
        (tmp_path / name).write_text("\n".join(map(json.dumps, lines)))
    for name, text in OTHERS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "val2017").mkdir()
    monkeypatch.setattr(bem.Bem, "from_pretrained", lambda source: lambda asked: [0.9] * len(asked))
    monkeypatch.setattr(caption, "meteor", lambda said, cut: (0.5, [0.5] * len(said)))
    monkeypatch.setattr(ClipScorer, "from_pretrained", lambda source, find: lambda n, c, r: ([1.0], [1.0]))
    return tmp_path


def test_the_commands_run(files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    examples()
    shown = [c for c in commands(TEXT, "docs/scoring.md") if c.words[0] == "ravlm"]
    assert {c.words[2] for c in shown} == set(verb.MEASURES)
    for command in shown:
        assert ran(command.words, monkeypatch) == 0, f"{command.line}\n{capsys.readouterr().err}"
    written = json.loads((files / "scores.json").read_text())
    assert {"overall", "per_question", "notes"} <= set(written)
    assert written["per_question"] == {"1": 1.0}


def test_the_examples_of_the_help_are_words_of_the_command_line() -> None:
    options = set(re.findall(r"--[\w-]+", " ".join(shlex.split(verb.EPILOG.replace("\b", ""), comments=False))))
    assert options <= set(re.findall(r"--[\w-]+", TEXT))


def examples() -> int:
    """Run what the document shows of Python, where the files that it names lie; how many examples there are."""
    found = doctest.DocTestParser().get_doctest(
        "\n".join(re.findall(r"^```pycon\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)), {}, "scoring.md", None, 0
    )
    assert doctest.DocTestRunner().run(found).failed == 0
    return len(found.examples)


def test_the_examples_are_so(files: Path) -> None:
    assert examples() >= 20
    assert json.loads((files / "run-results.json").read_text()) == [{"question_id": 1, "answer": "dog"}]
    lines = (files / "evqa-run-predictions.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"id": "0", "candidate": "Rome"}, {"id": "1", "candidate": "red"}]


def test_every_mode_option_and_measure_is_told() -> None:
    head = next(line for line in TEXT.splitlines() if line.startswith("| rule | `official`"))
    assert re.findall(r"`([\w-]+)`", head) == list(MODES)
    named = set(re.findall(r"`(--[\w-]+)(?: \w+)?`", TEXT))
    assert {
        "--missing",
        "--unknown",
        "--duplicates",
        "--invalid",
        "--bem",
        "--clip",
        "--images",
        "--no-meteor",
    } <= named
    rows = re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)
    assert set(rows) == set(verb.MEASURES)
