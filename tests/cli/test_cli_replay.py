"""A replay finds what was changed with all that follows from it; a fingerprint changes with what it stands for."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from command import Ravlm
from ravlm.answering.answerer import Answerer
from ravlm.data.dataset import Dataset
from ravlm.evaluation.evaluate import evaluate, prior_answers, questions_of
from ravlm.evaluation.runs.folder import Run, read_run
from ravlm.evaluation.runs.manifest import index_fingerprint, model_fingerprint
from ravlm.evaluation.runs.records import RunAnswer
from ravlm.evaluation.runs.replay import near
from ravlm.evaluation.runs.write import write


def rewritten(folder: Path, **parts: Any) -> Path:
    """The run with some of its parts changed, and everything that follows from them."""
    found = read_run(folder)
    about = {name: value for name, value in found.about.items() if name not in ("where", "files")} | parts.pop(
        "about", {}
    )
    given = {"questions": found.questions, "passages": found.passages, "answers": found.answers} | parts
    shutil.rmtree(folder)
    write(folder, about, where=found.about["where"], **given)
    return folder


def with_answer(run: Run, kind: str, **changes: Any) -> dict[str, Any]:
    lines = [*run.answers[kind]]  # type: ignore[index]
    lines[0] = replace(lines[0], **changes)
    return {"answers": {**run.answers, kind: lines}}


def _hits(run: Run) -> Any:
    return run.answers["retrieved"][0].hits


def _cited(run: Run) -> Any:
    return run.answers["retrieved"][0].citations[0]


FORGED: dict[str, tuple[Callable[[Run], dict[str, Any]], str]] = {
    "an answer and its confidence": (
        lambda run: with_answer(run, "none", answer="Nobody", confidence=0.25, alternatives=(("Nobody", 0.25),)),
        "answered 'Nobody', now",
    ),
    "that it declined": (lambda run: with_answer(run, "wrong", abstained=True), "(declined), now"),
    "a confidence": (lambda run: with_answer(run, "retrieved", confidence=0.5), "its confidence is another now"),
    "a weight": (
        lambda run: with_answer(run, "retrieved", weights={"image": 1.0, "question": 0.0, "knowledge": 0.0}),
        "its weights are others now",
    ),
    "a piece of the query": (lambda run: with_answer(run, "retrieved", pieces=()), "its pieces are others now"),
    "alternatives": (
        lambda run: with_answer(run, "retrieved", alternatives=run.answers["retrieved"][0].alternatives[:1]),
        "its alternatives are others now",
    ),
    "a hit's score": (
        lambda run: with_answer(
            run, "retrieved", hits=(replace(_hits(run)[0], scores={"image": 0.123}), *_hits(run)[1:])
        ),
        "its hits are others now",
    ),
    "a citation's probability": (
        lambda run: with_answer(run, "retrieved", citations=(replace(_cited(run), probability=0.001),)),
        "its citations are others now",
    ),
    "the order of what was ranked last": (
        lambda run: with_answer(
            run, "retrieved", ranked=(*run.answers["retrieved"][0].ranked[:-1], ("elsewhere", 0.0))
        ),
        "its ranked is another now",
    ),
    "a photo": (
        lambda run: {"questions": [replace(run.questions[0], photo=64 * "a"), *run.questions[1:]]},
        "questions.jsonl: ",
    ),
    "the names of an answer": (
        lambda run: {"questions": [replace(run.questions[0], names=("Nobody",)), *run.questions[1:]]},
        "the question, its photo or its support is another now",
    ),
    "a passage's section": (
        lambda run: {"passages": {name: replace(p, section="Elsewhere") for name, p in run.passages.items()}},
        "passages.jsonl: ",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_replay_finds_what_nothing_else_can(ravlm: Ravlm, run: Path, tmp_path: Path, name: str) -> None:
    change, said = FORGED[name]
    own = Path(shutil.copytree(run, tmp_path / "run"))
    rewritten(own, **change(read_run(own)))
    outcome = ravlm("verify", own, "--replay")
    assert outcome.code == 1
    assert said in outcome.out


@pytest.mark.parametrize("part", ["dataset", "model", "index"])
def test_a_fingerprint_changed_with_all_that_follows_is_found_by_a_replay(
    ravlm: Ravlm, run: Path, tmp_path: Path, part: str
) -> None:
    own = Path(shutil.copytree(run, tmp_path / "run"))
    about = read_run(own).about
    rewritten(own, about={part: {**about[part], "fingerprint": 64 * "a"}})
    assert ravlm("verify", own).code == 0
    outcome = ravlm("verify", own, "--replay")
    assert outcome.code == 1
    assert f"run.json: {part}.fingerprint: 'aaa" in outcome.out
    assert "nothing was answered again" in outcome.err


def test_another_version_is_told_and_no_fault(ravlm: Ravlm, run: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(run, tmp_path / "run"))
    rewritten(own, about={"versions": {**read_run(own).about["versions"], "pint": "0.1"}})
    outcome = ravlm("verify", own, "--replay")
    assert outcome.code == 0
    assert "note: run.json: versions.pint: '0.1' in the run" in outcome.err


def test_another_version_is_told_beside_faults(ravlm: Ravlm, run: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(run, tmp_path / "run"))
    rewritten(own, about={"versions": {**read_run(own).about["versions"], "pint": "0.1", "torch": "0.2"}})
    assert "version" not in ravlm("verify", own).err
    (own / "notes.txt").write_text("mine")
    told = ravlm("verify", own).err
    assert "note: scores may follow otherwise by another version: pint 0.1 in the run, " in told
    assert "torch" not in told


def test_numbers_are_near_within_a_thousandth_wherever_they_stand() -> None:
    line = RunAnswer("q", "x", 0.5, abstained=False, ranked=(("a", 0.5),), weights={"image": 0.5})
    assert near(line, replace(line, confidence=0.5009, ranked=(("a", 0.4991),), weights={"image": 0.5005}))
    for other in ({"confidence": 0.502}, {"ranked": (("b", 0.5),)}, {"ranked": ()}, {"weights": {"words": 0.5}}):
        assert not near(line, replace(line, **other))


def test_a_models_fingerprint_changes_with_a_weight_and_with_what_else_decides() -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 2)
    first = model_fingerprint(model, {"vocabulary": ["a"], "question_words": {"which": 0.1}})
    assert first == model_fingerprint(model, {"question_words": {"which": 0.1}, "vocabulary": ["a"]})
    assert first != model_fingerprint(model, {"vocabulary": ["b"], "question_words": {"which": 0.1}})
    with torch.no_grad():
        model.weight[0, 0] += 1e-6
    assert first != model_fingerprint(model, {"vocabulary": ["a"], "question_words": {"which": 0.1}})


def test_an_indexs_fingerprint_changes_with_a_key_and_with_an_owner(trained: Path) -> None:
    index = Answerer.open(trained).retriever.images
    first = index_fingerprint(index)
    index.keys = index.keys.copy()
    index.keys[0, 0] += 1e-3
    second = index_fingerprint(index)
    index.owners[0], index.owners[1] = index.owners[1], index.owners[0]
    assert len({first, second, index_fingerprint(index)}) == 3


def test_the_run_says_how_its_model_and_index_can_be_told(run: Path, trained: Path) -> None:
    answerer, about = Answerer.open(trained), read_run(run).about
    assert about["index"]["fingerprint"] == index_fingerprint(answerer.retriever.images)
    assert about["encoders"]["visual"] == answerer.model.visual_encoder.fingerprint()  # type: ignore[attr-defined]
    assert about["knowledge"]["fingerprint"] == answerer.knowledge.fingerprint


def test_the_prior_knows_the_training_answers_alone(coloured: Path, run: Path) -> None:
    dataset = Dataset.open(coloured)
    train, test = questions_of(dataset, "train"), questions_of(dataset, "test")
    taught = {answer for example in train for answer in example.answers}
    assert {line.answer for line in read_run(run).answers["prior"]} <= taught
    assert [line.answer for line in prior_answers(train, test)] == [a.answer for a in read_run(run).answers["prior"]]


def test_a_model_that_gives_no_numbers_is_told(trained: Path, coloured: Path) -> None:
    from ravlm.errors import TrainingError

    answerer, dataset = Answerer.open(trained), Dataset.open(coloured)
    with torch.no_grad():
        answerer.model.fusion_module.key.weight.fill_(float("nan"))  # type: ignore[attr-defined]
    with pytest.raises(TrainingError, match="no number"):
        evaluate(answerer, dataset, questions_of(dataset, "test")[:2], ["retrieved"])


def test_questions_without_right_entries_are_told_apart(
    ravlm: Ravlm, trained: Path, coloured: Path, tmp_path: Path
) -> None:
    import json

    data = Path(shutil.copytree(coloured, tmp_path / "data"))
    lines = [json.loads(line) for line in (data / "test.jsonl").read_text().splitlines()]
    (data / "test.jsonl").write_text(
        "".join(
            json.dumps({k: v for k, v in line.items() if k not in ("entries", "evidence")}) + "\n" for line in lines
        )
    )
    assert ravlm("evaluate", trained, "--data", data, "--out", tmp_path / "run").code == 0
    assert ravlm("verify", tmp_path / "run").code == 0
    assert ravlm("evaluate", trained, "--data", data, "--out", tmp_path / "none", "--evidence", "none").code == 0
    assert ravlm("verify", tmp_path / "none").code == 0
    found = read_run(tmp_path / "run").summary["scores"]["groups"]["all"]
    assert found["evidence"]["oracle"]["accuracy"]["value"] is None
    assert found["evidence"]["wrong"]["accuracy"]["value"] is None
    assert found["evidence"]["removed"]["accuracy"]["value"] < 0.1
    assert found["causes"]["entry"] == 0
    assert found["causes"][""] > 40
