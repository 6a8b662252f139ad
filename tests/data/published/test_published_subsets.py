"""Parts of a benchmark: kept as asked, declared in the card and in the name, never passed for the whole."""

from pathlib import Path
from typing import Any

import pytest

import authors_files as authors
from ravlm.data.check import TEXT_ALONE, check
from ravlm.data.dataset import Dataset
from ravlm.data.published.source import SourceFolder
from ravlm.data.published.write import Kept, write_published
from ravlm.errors import DatasetError
from ravlm.lines import BenchmarkLine


def made(name: str, source: Path, out: Path, **options: Any) -> tuple[Dataset, BenchmarkLine]:
    about = write_published(name, source, out, **options)
    dataset = Dataset.open(out)
    assert dataset.card.benchmark == about
    return dataset, about


def ids(dataset: Dataset, split: str) -> list[str]:
    return [example.id for example in dataset.split(split)]


@pytest.fixture
def okvqa(tmp_path: Path) -> Path:
    source = authors.vqa(tmp_path / "in")
    (source / "train2014" / "COCO_train2014_000000001000.jpg").unlink()  # two of the three questions of train
    return source


def test_the_whole_declares_nothing(tmp_path: Path) -> None:
    dataset, about = made("okvqa", authors.vqa(tmp_path / "in"), tmp_path / "out")
    assert (about.subset, about.pictures, about.articles) == ([], "all", "all")
    assert (about.questions, about.of) == ({"train": 3, "test": 3}, {"train": 3, "test": 3})
    assert (dataset.card.name, "subset" in dataset.card.description) == ("okvqa", False)
    assert [file.name for file in about.files] == [
        "OpenEnded_mscoco_train2014_questions.json",
        "mscoco_train2014_annotations.json",
        "OpenEnded_mscoco_val2014_questions.json",
        "mscoco_val2014_annotations.json",
    ]


def test_a_missing_picture_is_told_with_what_it_takes_away(okvqa: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as error:
        made("okvqa", okvqa, tmp_path / "out")
    lines = str(error.value).splitlines()
    assert "lacks 1 of the pictures that are named (3 are there), which takes away 2 of 6 questions" in lines[0]
    assert all(option in lines[0] for option in ("--images", "--pictures there", "--pictures none"))
    assert lines[1:] == ["train2014/COCO_train2014_000000001000.jpg (2 questions)"]
    assert not (tmp_path / "out").exists()


def test_only_questions_whose_pictures_are_there(okvqa: Path, tmp_path: Path) -> None:
    dataset, about = made("okvqa", okvqa, tmp_path / "out", kept=Kept(pictures="there"))
    assert (ids(dataset, "train"), len(ids(dataset, "test"))) == (["10015"], 3)
    assert (about.questions, about.of) == ({"train": 1, "test": 3}, {"train": 3, "test": 3})
    assert about.subset == ["pictures that are there: 1 are missing"]
    assert dataset.card.name == "okvqa (subset: 4 of 6 questions)"
    assert dataset.card.description.endswith("A subset: pictures that are there: 1 are missing.")
    assert check(dataset.folder) == []


def test_all_pictures_there_is_the_whole(tmp_path: Path) -> None:
    dataset, about = made("okvqa", authors.vqa(tmp_path / "in"), tmp_path / "out", kept=Kept(pictures="there"))
    assert (about.subset, dataset.card.name) == ([], "okvqa")


def test_the_text_alone(okvqa: Path, tmp_path: Path) -> None:
    dataset, about = made("okvqa", okvqa, tmp_path / "out", kept=Kept(pictures="none"))
    assert about.questions == about.of
    assert dataset.card.name == "okvqa (subset: text alone)"
    assert not (dataset.folder / "images").exists()
    [fault] = check(dataset.folder)
    assert (fault.field, fault.found) == (TEXT_ALONE, "the text alone: 4 of 4 pictures are not there")
    first = dataset.split("train")[0].images[0]
    authors.write_photo(dataset.image_path(first), 1)
    [fault] = check(dataset.folder)
    assert fault.found == "the text alone: 3 of 4 pictures are not there"


def test_missing_pictures_of_what_is_not_the_text_alone_are_told_one_by_one(tmp_path: Path) -> None:
    dataset, _ = made("okvqa", authors.vqa(tmp_path / "in"), tmp_path / "out")
    for path in (dataset.folder / "images" / "train2014").iterdir():
        path.unlink()
    assert [(f.file, f.line, f.field) for f in check(dataset.folder)] == [
        ("train.jsonl", 1, "images.0"),
        ("train.jsonl", 3, "images.0"),
    ]


def test_the_text_alone_of_names_without_a_format(tmp_path: Path) -> None:
    source = authors.infoseek(tmp_path / "in")
    dataset, _ = made("infoseek", source, tmp_path / "out", kept=Kept(pictures="none"))
    assert dataset.split("train")[0].images == ("images/oven_00000000.jpg",)
    assert [entry.images for entry in dataset.knowledge()] == [(), (), ()]


def test_one_split_needs_no_file_of_another(tmp_path: Path) -> None:
    source = authors.vqa(tmp_path / "in")
    (source / "OpenEnded_mscoco_train2014_questions.json").unlink()
    dataset, about = made("okvqa", source, tmp_path / "out", kept=Kept(splits=("test",)))
    assert dataset.splits == ("test",)
    assert about.subset == ["splits: test, without train"]
    assert dataset.card.name == "okvqa (subset: test alone)"
    assert check(dataset.folder) == []  # no train.jsonl, as declared


def test_all_splits_by_name_are_the_whole(tmp_path: Path) -> None:
    source = authors.vqa(tmp_path / "in")
    _, about = made("okvqa", source, tmp_path / "out", kept=Kept(splits=("train", "test")))
    assert about.subset == []


def test_ids_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("10006\n\n 20015 \n10006\n")
    dataset, about = made("okvqa", authors.vqa(tmp_path / "in"), tmp_path / "out", kept=Kept(ids=tmp_path / "ids.txt"))
    assert (ids(dataset, "train"), ids(dataset, "test")) == (["10006"], ["20015"])
    assert about.subset == ["2 ids named in ids.txt"]
    assert dataset.card.name == "okvqa (subset: 2 of 6 questions)"


def test_a_missing_picture_of_a_question_that_is_not_asked_for_matters_not(okvqa: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("10015\n20015\n")
    dataset, _ = made("okvqa", okvqa, tmp_path / "out", kept=Kept(ids=tmp_path / "ids.txt"))
    assert ids(dataset, "train") == ["10015"]


def test_articles_that_are_asked_about_and_none(tmp_path: Path) -> None:
    source = authors.infoseek(tmp_path / "in")
    asked, about = made("infoseek", source, tmp_path / "asked", kept=Kept(articles="asked"))
    assert [entry.id for entry in asked.knowledge()] == ["Q1", "Q2"]
    assert about.subset == ["articles: asked"]
    assert asked.card.name == "infoseek (subset: articles: asked)"
    for path in source.rglob("*withkb*"):
        path.unlink()
    none, about = made("infoseek", source, tmp_path / "none", kept=Kept(articles="none"))
    assert (list(none.knowledge()), none.split("train")[0].entries) == ([], ())
    assert about.subset == ["articles: none"]
    assert check(tmp_path / "none") == check(tmp_path / "asked") == []


def test_an_article_that_the_authors_lack_is_no_right_entry(tmp_path: Path) -> None:
    source = authors.infoseek(tmp_path / "in", compressed=False)
    path = source / "Wiki6M_ver_1_0.jsonl"
    first, *_, last = path.read_text().splitlines()
    path.write_text(f"{first}\n{last}\n{first.replace('One', 'Other')}\n")
    dataset, _ = made("infoseek", source, tmp_path / "out")
    unseen, seen = dataset.split("val")
    assert (unseen.entries, unseen.meta["entity"]) == ((), "Q2")
    assert seen.entries == ("Q1",)
    assert [entry.title for entry in dataset.knowledge()] == ["One", "Three"]  # of two with one id the first
    assert check(dataset.folder) == []


def test_evidence_in_an_article_that_lacks_it_is_left_out(tmp_path: Path) -> None:
    source = authors.evqa(tmp_path / "in")
    path = source / "encyclopedic_kb_wiki.json"
    path.write_text(path.read_text().replace('"Parts"', '"Materials"'))
    dataset, _ = made("evqa", source, tmp_path / "out")
    assert dataset.split("train")[0].evidence == ()
    assert dataset.split("test")[1].evidence == (("https://en.wikipedia.org/wiki/Two", "Two"),)
    assert check(dataset.folder) == []


def test_pictures_are_links_to_one_file_each(tmp_path: Path) -> None:
    source = authors.vqa(tmp_path / "in")
    dataset, _ = made("okvqa", source, tmp_path / "out")
    [first] = dataset.split("train")[0].images
    assert dataset.image_path(first).samefile(source / "train2014" / "COCO_train2014_000000001000.jpg")


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    source = authors.vqa(tmp_path / "in")
    (source / "train2014").rename(tmp_path / "photos")
    (source / "train2014").symlink_to(tmp_path / "photos")
    (source / "round").symlink_to(source)
    assert len(SourceFolder(source).pictures(source)) == 4
    dataset, about = made("okvqa", source, tmp_path / "out")
    assert (len(dataset.split("train")), about.subset) == (3, [])
    assert not dataset.image_path(dataset.split("train")[0].images[0]).is_symlink()


def test_a_picture_that_is_a_link_becomes_the_file(tmp_path: Path) -> None:
    """A relative link would lead nowhere from the dataset's folder."""
    source = authors.vqa(tmp_path / "in")
    path = source / "train2014" / "COCO_train2014_000000001000.jpg"
    path.rename(path.with_name("real.jpg"))
    path.symlink_to("real.jpg")
    dataset, _ = made("okvqa", source, tmp_path / "out")
    assert not dataset.image_path(dataset.split("train")[0].images[0]).is_symlink()
    assert check(dataset.folder) == []


@pytest.mark.parametrize("name", ["okvqa", "aokvqa"])
def test_a_question_with_blanks_alone_is_left_out_and_said_so(tmp_path: Path, name: str) -> None:
    source = getattr(authors, {"okvqa": "vqa"}.get(name, name))(tmp_path / "in")
    file = "mscoco_train2014_annotations.json" if name == "okvqa" else "aokvqa_v1p0_train.json"
    value = authors.read_json(source / file)
    if name == "okvqa":
        value["annotations"][0]["answers"] = authors.ten({"": 9, " ": 1})
    else:
        value[0]["direct_answers"] = ["", " "]
    authors.write_json(source / file, value)
    left = {"okvqa": "10005", "aokvqa": "train0"}[name]
    dataset, about = made(name, source, tmp_path / "out")
    assert left not in ids(dataset, "train")
    assert about.of["train"] == about.questions["train"] + 1
    assert about.subset == [f"questions with an answer: 1 have blanks alone ({left})"]
    assert "(subset: " in dataset.card.name
    (tmp_path / "ids").write_text(f"{left}\n{ids(dataset, 'train')[0]}\n")
    _, about = made(name, source, tmp_path / "part", kept=Kept(ids=tmp_path / "ids"))
    assert sum(about.questions.values()) == 1


def test_choices_need_no_direct_answers(tmp_path: Path) -> None:
    source = authors.aokvqa(tmp_path / "in")
    value = authors.read_json(source / "aokvqa_v1p0_train.json")
    value[0]["direct_answers"] = [""]
    authors.write_json(source / "aokvqa_v1p0_train.json", value)
    _, about = made("aokvqa", source, tmp_path / "out", ask="choices")
    assert about.subset == []
