"""Captions through the whole product: a model is taught to describe, describes, and is evaluated."""

import shutil
from pathlib import Path

import pytest

from coloured_dataset import THINGS, TINY, UNSEEN
from command import Ravlm
from ravlm.evaluation.runs.folder import read_run
from small_dataset import lines_of, write_lines

LEFT = {"red": "红", "green": "绿", "blue": "蓝", "yellow": "黄", "black": "黑", "white": "白"}
CONFIG = TINY.replace("vocabulary = 70", "vocabulary = 120") + (
    '\n[model.output]\nkind = "generation"\ncaptions = true\nlongest = 10\nbeams = 2\n'
)


def captions(thing: str, language: str) -> list[str]:
    left, right = thing.split("-")
    return [f"{left} beside {right}", "two colours"] if language == "en" else [f"{LEFT[left]}和{LEFT[right]}"]


@pytest.fixture(scope="module")
def described(coloured: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The coloured things, with captions in two languages in place of questions; those of a fifth are in no entry."""
    data = Path(shutil.copytree(coloured, tmp_path_factory.mktemp("described") / "data"))
    entries = [line for line in lines_of(data / "knowledge.jsonl") if line["id"] not in UNSEEN]
    for line in entries:
        del line["text"]
        line["sections"] = [{"title": n, "text": f"{captions(line['id'], n)[0]}.", "language": n} for n in ("en", "zh")]
    write_lines(data / "knowledge.jsonl", entries)
    for split in ("train", "test"):
        asked = {line["images"][0]: line for line in lines_of(data / f"{split}.jsonl")}
        lines = []
        for image, line in asked.items():
            thing = line["entries"][0]
            for n in ("en", "zh"):
                lines.append(
                    {
                        "id": f"{image}/{n}",
                        "images": [image],
                        "kind": "captions",
                        "captions": captions(thing, n),
                        "entries": [] if thing in UNSEEN else [thing],
                        "language": n,
                        "groups": ["unseen" if thing in UNSEEN else "seen", n],
                    }
                )
        write_lines(data / f"{split}.jsonl", lines)
    return data


@pytest.fixture(scope="module")
def describer(described: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ravlm.training.config import read_run_config
    from ravlm.training.run import train

    folder = tmp_path_factory.mktemp("describer")
    (folder / "c.toml").write_text(CONFIG)
    train(read_run_config(folder / "c.toml"), described, folder / "model")
    return folder / "model"


def test_without_a_question_a_picture_is_described(ravlm: Ravlm, described: Path, describer: Path) -> None:
    thing = next(thing for thing in THINGS if thing not in UNSEEN)
    picture = described / f"images/test-{thing}-0.png"
    english = ravlm("ask", describer, picture, "--json").json
    assert " beside " in english["text"]
    chinese = ravlm("ask", describer, picture, "--language", "zh", "--json").json
    assert "和" in chinese["text"]
    same = ravlm("ask", describer, picture, "Describe this picture.", "--json").json
    assert {**same, "timings": {}} == {**english, "timings": {}}
    told = ravlm("ask", describer, picture, "--explain")
    assert told.code == 0, told.err
    refused = ravlm("ask", describer, picture, "")
    assert (refused.code, "The question is empty" in refused.err) == (2, True)


def test_captions_are_evaluated_of_a_model_that_describes(
    ravlm: Ravlm, described: Path, describer: Path, tmp_path: Path
) -> None:
    outcome = ravlm("evaluate", describer, "--data", described, "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert ravlm("verify", tmp_path / "run", "--replay", "--data", described).code == 0
    assert ravlm("report", tmp_path / "run", "--out", tmp_path / "report.html").code == 0
    run = read_run(tmp_path / "run")
    assert len(run.questions) == 2 * len(THINGS)
    assert {asked.example.question for asked in run.questions} == {"Describe this picture.", "描述这张图片。"}
    by_id = {asked.example.id: asked for asked in run.questions}
    for answer, outcome in zip(run.answers["retrieved"], run.outcomes, strict=True):
        right = answer.answer.casefold() in by_id[answer.id].example.answers
        assert outcome.right["retrieved"] is right
    known = {n: {captions(thing, n)[0] for thing in THINGS if thing not in UNSEEN} for n in ("en", "zh")}
    assert all(answer.answer in known[by_id[answer.id].example.language] for answer in run.answers["prior"])
    seen = [outcome.right["retrieved"] for outcome in run.outcomes if "seen" in outcome.groups]
    assert sum(seen) > len(seen) / 2


def test_a_model_that_does_not_describe_is_not_asked_for_captions(
    ravlm: Ravlm, described: Path, trained: Path, tmp_path: Path
) -> None:
    outcome = ravlm("evaluate", trained, "--data", described, "--out", tmp_path / "run")
    assert (outcome.code, "Captions are asked for of a model that learnt them" in outcome.err) == (2, True)


def test_captions_alone_teach_no_other_model(ravlm: Ravlm, described: Path, tiny: Path, tmp_path: Path) -> None:
    outcome = ravlm("train", tiny, "--data", described, "--out", tmp_path / "model")
    assert (outcome.code, "there are 0 that ask for an answer" in outcome.err) == (2, True)
    assert "model.output.captions is true" in outcome.err
