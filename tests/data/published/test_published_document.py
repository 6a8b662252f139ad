"""What docs/benchmarks.md says is so: its commands run on small folders in the authors' layouts."""

import re
import shutil
from pathlib import Path

import pytest

import authors_files as authors
from coloured_dataset import TINY
from command import ran
from documents import ROOT, blocks, commands
from ravlm.data.dataset import Dataset
from ravlm.data.published.write import write_published
from ravlm.errors import DatasetError
from ravlm.lines import BenchmarkLine
from small_dataset import write_dataset

TEXT = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
COMMANDS = [command.words for command in commands(TEXT, "docs/benchmarks.md")]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folders that the document names; OK-VQA's photos are in COCO, but for those of two that are beside it."""
    monkeypatch.chdir(tmp_path)
    authors.vqa(Path("VQA"), prefix="v2_", said="VQA")
    authors.aokvqa(Path("A-OKVQA"))
    for name, layout in {"INFOSEEK": authors.infoseek, "EVQA": authors.evqa, "FVQA": authors.fvqa}.items():
        layout(Path(name))
    authors.viquae(Path("VIQUAE"))
    authors.coco_captions(Path("COCO-2017"))
    authors.karpathy(Path("COCO-KARPATHY"))
    authors.karpathy(Path("FLICKR"), "flickr30k")
    authors.image_folder(Path("PICTURES"))
    authors.vqa(Path("OK-VQA"))
    shutil.copytree("OK-VQA", "COCO", ignore=shutil.ignore_patterns("*.json"))
    for name in ("train2014/COCO_train2014_000000001000.jpg", "val2014/COCO_val2014_000000002001.jpg"):
        (Path("OK-VQA") / name).unlink()
    for part in Path("A-OKVQA").glob("*2017"):
        shutil.move(part, "COCO")
    Path("ids.txt").write_text("10005\n20015\n")
    write_dataset(Path("data"))
    return tmp_path


def test_every_command_runs(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ran(["ravlm", "knowledge", "build", "dataset", "data", "--out", "my-kb"], monkeypatch) == 0
    [shown] = blocks(TEXT, "toml")
    assert shown == "[training.match]\nsteps = 0\n"
    (work / "no-match.toml").write_text(TINY.replace("steps = 40", "steps = 0").replace("steps = 150", "steps = 1"))
    for words in COMMANDS:
        assert ran(words, monkeypatch) == (1 if "--published" in words else 0), words
    made = {out.name for out in work.iterdir() if (out / "dataset.json").is_file()} - {"data"}
    assert made == {words[words.index("--out") + 1] for words in COMMANDS if words[1:3] == ["dataset", "make"]}
    for name in made:
        assert Dataset.open(work / name).card.benchmark is not None
    parts = {name: Dataset.open(work / name).card.name for name in made if name.startswith("okvqa-")}
    assert parts == {
        "okvqa-part": "okvqa (subset: 3 of 6 questions)",
        "okvqa-texts": "okvqa (subset: text alone)",
        "okvqa-test": "okvqa (subset: test alone)",
        "okvqa-ids": "okvqa (subset: 2 of 6 questions)",
    }
    assert f"`{parts['okvqa-part']}`" in TEXT


def test_the_refusal_is_the_one_that_is_shown(work: Path) -> None:
    [shown] = blocks(TEXT, "text")
    with pytest.raises(DatasetError) as error:
        write_published("okvqa", Path("OK-VQA"), Path("out"))
    assert str(error.value).startswith(shown.removesuffix(" [...]\n"))


def test_every_field_of_the_card_is_described() -> None:
    described = set(re.findall(r"`([a-z0-9_]+)`", (ROOT / "docs" / "dataset.md").read_text(encoding="utf-8")))
    assert set(BenchmarkLine.model_fields) <= described


def test_a_group_and_a_field_that_are_named_are_there(work: Path) -> None:
    write_published("infoseek", Path("INFOSEEK"), Path("out"))
    groups = {group for e in Dataset.open(Path("out")).split("val") for group in e.groups}
    assert {"unseen_entity", "unseen_question"} <= groups
    assert {f"`{name}`" for name in ("unseen_entity", "unseen_question", "meta.entity", "meta.answer")} <= set(
        re.findall(r"`[a-z_.]+`", TEXT)
    )
