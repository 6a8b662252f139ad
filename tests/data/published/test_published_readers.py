"""Each benchmark, made of a small folder in its authors' layout, is the dataset that it should be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import authors_files as authors
from ravlm.data.check import check
from ravlm.data.dataset import Dataset
from ravlm.data.published.write import write_published
from ravlm.errors import DatasetError
from ravlm.records import Example
from small_dataset import lines_of

Make = Callable[..., Dataset]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A dataset made of a benchmark's folder; it has no fault, decoded pictures included, and is whole."""

    def made(name: str, source: Path, **options: Any) -> Dataset:
        out = tmp_path / "out"
        about = write_published(name, source, out, **options)
        assert check(out) == []
        assert (about.subset, about.questions) == ([], about.of)
        return Dataset.open(out)

    return made


def only(dataset: Dataset, split: str) -> Example:
    [example] = dataset.split(split)
    return example


@pytest.mark.parametrize(
    ("name", "prefix", "said", "splits"),
    [("vqa2", "v2_", "VQA", ("train", "val")), ("okvqa", "", "OK-VQA", ("train", "test"))],
)
def test_questions_with_ten_annotators(
    make: Make, tmp_path: Path, name: str, prefix: str, said: str, splits: tuple[str, ...]
) -> None:
    dataset = make(name, authors.vqa(tmp_path / "in" / "deep", prefix=prefix, said=said))
    assert dataset.splits == splits
    lines = lines_of(dataset.folder / "train.jsonl")
    kind = "one" if prefix else "Vehicles and Transportation"
    assert lines[0] == {
        "id": "10005",
        "images": ["images/train2014/COCO_train2014_000000001000.jpg"],
        "question": "What is number 0?",
        "kind": "answers",
        "answers": ["bus", "a bus", "truck"],
        "annotators": [6, 3, 1],
        "groups": [f"question_type:{kind}", "answer_type:other"],
    }
    assert [line["annotators"] for line in lines] == [[6, 3, 1], [10], [5, 4]]  # an empty answer is none
    assert [line.get("meta") for line in lines] == [None, None, {"blank_answers": 1}]
    assert [len(dataset.split(split)) for split in splits] == [3, 3]
    assert list(dataset.knowledge()) == []
    assert dataset.card.name == name


def test_okvqa_of_soft_scores(make: Make, tmp_path: Path) -> None:
    source = authors.vqa(tmp_path / "in")
    for split, part, file in (("train", "train2014", "train.json"), ("test", "val2014", "testdev.json")):
        (source / f"mscoco_{part}_annotations.json").unlink()
        questions = authors.read_json(source / f"OpenEnded_mscoco_{part}_questions.json")["questions"]
        soft = [
            {
                "sent": q["question"],
                "question_id": q["question_id"],
                "label": {"a bus": 0.667, "bus": 1, "": 0.333},
                "class": 1,
                "img_id": f"COCO_{part}_{q['image_id']:012d}",
            }
            for q in questions
        ]
        authors.write_json(source / file, soft)
        assert split
    example = make("okvqa", source).split("test")[0]
    assert example.answers == ("bus", "a bus")
    assert example.meta == {"soft_scores": {"bus": 1.0, "a bus": 0.667}}


def test_photos_of_another_release_and_another_folder(make: Make, tmp_path: Path) -> None:
    """COCO 2017 holds the photos of 2014 under other names."""
    source, photos = authors.vqa(tmp_path / "in"), tmp_path / "coco" / "train2017"
    photos.mkdir(parents=True)
    for path in sorted(source.rglob("*.jpg")):
        path.rename(photos / path.name.rpartition("_")[2])
    dataset = make("okvqa", source, images=[tmp_path / "coco"])
    assert dataset.split("test")[0].images == ("images/val2014/COCO_val2014_000000002000.jpg",)


@pytest.mark.parametrize("ask", ["answers", "choices"])
def test_aokvqa(make: Make, tmp_path: Path, ask: str) -> None:
    dataset = make("aokvqa", authors.aokvqa(tmp_path / "in"), ask=ask)
    assert dataset.splits == ("train", "val")
    plain, difficult = dataset.split("val")
    assert (plain.groups, difficult.groups) == ((), ("difficult_direct_answer",))
    assert plain.images == ("images/val2017/000000000101.jpg",)
    assert len(plain.meta["rationales"]) == 3
    if ask == "choices":
        assert (plain.kind, plain.choices[3], plain.answers) == ("choice", "cab", ("cab",))
        assert plain.meta["direct_answers"] == ["cab"] * 6 + ["taxi"] * 3 + ["ride"]
    else:
        assert (plain.kind, plain.answers) == ("answers", ("cab", "taxi", "ride"))
        assert plain.meta["choices"][plain.meta["correct_choice_idx"]] == "cab"
    assert dataset.card.name == ("aokvqa" if ask == "answers" else "aokvqa-choices")


@pytest.mark.parametrize("compressed", [True, False])
def test_infoseek(make: Make, tmp_path: Path, compressed: bool) -> None:
    dataset = make("infoseek", authors.infoseek(tmp_path / "in", compressed=compressed))
    assert [(e.id, e.title, e.text, e.images) for e in dataset.knowledge()] == [
        ("Q1", "One", "It lies in Spain. Since 1990 in Iberia.", ("images/Q1.jpg",)),
        ("Q2", "Two", "Two is a town.", ()),
        ("Q3", "Three", "Nobody asks.", ()),
    ]
    first, second = dataset.split("train")
    assert (first.answers, first.entries, first.images) == (
        ("Spain", "the Spain"),
        ("Q1",),
        ("images/oven_00000000.jpg",),
    )
    assert (second.answers, second.images) == (("1990",), ("images/oven_00000001.jpeg",))
    assert second.meta["answer_eval"] == [{"range": [1989, 1991]}]
    groups = [e.groups for e in dataset.split("val")]
    assert groups == [("unseen_entity", "question_type:String"), ("unseen_question", "question_type:String")]


def test_evqa(make: Make, tmp_path: Path) -> None:
    one, two = "https://en.wikipedia.org/wiki/One", "https://en.wikipedia.org/wiki/Two"
    dataset = make("evqa", authors.evqa(tmp_path / "in"))
    first, second = dataset.knowledge()
    assert [(s.title, s.text) for s in first.sections] == [
        ("One", "One is a thing."),
        ("Parts", "It is of old stone, red and blue."),
    ]
    assert (second.id, [s.title for s in second.sections]) == (two, ["Two"])  # an empty section is none
    twice = dataset.split("train")
    assert [e.id for e in twice] == ["evqa_train_0_0", "evqa_train_0_1"]
    assert twice[1].images == ("images/2.jpg",)
    assert twice[0].answers == ("old stone", "stone")
    assert (twice[0].entries, twice[0].evidence, twice[0].groups) == (
        (one,),
        ((one, "Parts"),),
        ("question_type:automatic",),
    )
    multi = only(dataset, "val")
    assert (multi.kind, multi.answers, multi.meta["answer"]) == (
        "all_of",
        ("red", "blue"),
        "red&&blue|red&&blue&&green",
    )
    unseen, hops = dataset.split("test")
    assert (unseen.groups, unseen.images) == (
        ("question_type:templated", "unseen"),
        ("images/0a1b2c3d4e5f6789.jpg",),
    )
    assert (hops.entries, hops.evidence) == ((one, two), ((one, "Parts"), (two, "Two")))
    assert unseen.question == 'What is this, "really"?'


def test_evqa_that_does_not_say_what_was_trained(make: Make, tmp_path: Path) -> None:
    """Then a question is seen where all of its articles are in train."""
    source = authors.evqa(tmp_path / "in")
    for split in ("val", "test"):
        path = source / f"{split}.csv"
        path.write_text(path.read_text().replace(",True", ",").replace(",False", ","))
    dataset = make("evqa", source)
    assert [e.groups[-1] for e in (*dataset.split("val"), *dataset.split("test"))] == ["seen", "unseen", "unseen"]


def test_what_a_row_says_of_itself_counts_before_the_rows_of_train(make: Make, tmp_path: Path) -> None:
    source = authors.evqa(tmp_path / "in")
    for name in (
        "val.csv",
        "test.csv",
    ):  # val is about an article of train and says no, test's first is not and says yes
        text = (source / name).read_text()
        turned = {"True": "False", "False": "TRUE"}
        lines = [
            ",".join([*line.split(",")[:-1], turned.get(line.split(",")[-1], line.split(",")[-1])])
            for line in text.splitlines()
        ]
        (source / name).write_text("\n".join(lines) + "\n")
    dataset = make("evqa", source)
    assert [e.groups[-1] for e in (*dataset.split("val"), *dataset.split("test"))] == ["unseen", "seen", "seen"]


def test_lists_of_inaturalist_are_found_beside_its_photos(make: Make, tmp_path: Path) -> None:
    source = authors.evqa(tmp_path / "in")
    photos = (source / "inat").rename(tmp_path / "photos")
    write_published("evqa", source, tmp_path / "out", images=[photos])
    assert len(list(Dataset.open(tmp_path / "out").split("train"))) == 2
    for name in ("train.json", "val.json"):
        (photos / name).unlink()
    with pytest.raises(DatasetError, match=r"iNaturalist's train.json and val.json.*must lie below the folder of"):
        write_published("evqa", source, tmp_path / "again", images=[photos])


def test_of_tables_of_one_name_that_of_the_benchmark_is_read(make: Make, tmp_path: Path) -> None:
    source = authors.evqa(tmp_path / "in")
    (source / "landmarks" / "train.csv").write_text("id,url,landmark_id\n1,x,2\n")
    assert len(list(make("evqa", source).split("train"))) == 2


@pytest.mark.parametrize(("variant", "trained"), [("", "270"), ("split-1", "999"), ("split-4", "270")])
def test_fvqa(make: Make, tmp_path: Path, variant: str, trained: str) -> None:
    dataset = make("fvqa", authors.fvqa(tmp_path / "in"), variant=variant)
    assert only(dataset, "train").id == trained
    examples = {split: only(dataset, split) for split in ("train", "test")}
    trumpet = next(e for e in examples.values() if e.id == "270")
    assert trumpet.entries == ("conceptnet/e/1",)
    assert trumpet.images == ("images/ILSVRC2012_test_00050748.JPEG",)
    assert trumpet.groups == ("ans_source:image", "kb_source:conceptnet", "visual_concept:obj:trumpet")
    fact, _ = dataset.knowledge()
    assert (fact.id, fact.title, fact.text) == (
        "conceptnet/e/1",
        "a trumpet",
        "You are likely to find a trumpet in a jazz club",
    )
    assert fact.facts == (("/r/AtLocation", "a jazz club"),)
    assert dataset.card.name == f"fvqa-{variant or 'split-0'}"


def test_viquae(make: Make, tmp_path: Path) -> None:
    dataset = make("viquae", authors.viquae(tmp_path / "in"))
    assert dataset.splits == ("train", "val", "test")
    example = only(dataset, "val")
    assert (example.answers, example.entries) == (("Levi's", "Levi Strauss"), ("Q2",))
    entries = list(dataset.knowledge())
    assert [e.id for e in entries] == ["Q1", "Q2", "Q3"]
    assert [(s.title, s.text) for s in entries[0].sections] == [("", "He sang for Levi's."), ("Life", "- Born.")]
    assert entries[0].source == "ViQuAE, humans_with_faces"


@pytest.mark.parametrize("year", ["2017", "2014"])
def test_coco_captions(make: Make, tmp_path: Path, year: str) -> None:
    dataset = make("coco-captions", authors.coco_captions(tmp_path / "in", year), variant=year)
    first, _ = dataset.split("val")
    name = "000000000011.jpg" if year == "2017" else "COCO_val2014_000000000011.jpg"
    assert (first.id, first.images, first.kind) == ("11", (f"images/val{year}/{name}",), "captions")
    assert first.answers == tuple(f"Caption {i} of 11." for i in range(5))


def test_karpathy_of_coco_trains_on_restval_too(make: Make, tmp_path: Path) -> None:
    dataset = make("coco-captions", authors.karpathy(tmp_path / "in"), variant="karpathy")
    assert {s: len(dataset.split(s)) for s in dataset.splits} == {"train": 2, "val": 1, "test": 1}
    assert dataset.split("train")[1].images == ("images/val2014/COCO_val2014_000000000002.jpg",)
    assert only(dataset, "test").answers[2] == "Raw words 2 of 3."


@pytest.mark.parametrize("variant", ["karpathy", "entities"])
def test_flickr30k(make: Make, tmp_path: Path, variant: str) -> None:
    folder = tmp_path / "in"
    source = authors.karpathy(folder, "flickr30k") if variant == "karpathy" else authors.flickr_entities(folder)
    dataset = make("flickr30k", source, variant=variant)
    sizes = {s: len(dataset.split(s)) for s in dataset.splits}
    assert sizes == {"train": 1, "val": 1, "test": 1}
    example = only(dataset, "train")
    assert (example.id, example.images, len(example.answers)) == ("1000", ("images/1000.jpg",), 5)


def test_folders_of_pictures_in_splits(make: Make, tmp_path: Path) -> None:
    dataset = make("image-folder", authors.image_folder(tmp_path / "in", ("train", "valid", "testing")))
    assert {s: len(dataset.split(s)) for s in dataset.splits} == {"train": 4, "val": 4, "test": 4}
    fox, panda = dataset.knowledge()
    assert fox.images == ("images/train/fox/0.jpg", "images/train/fox/1.jpg")
    assert (panda.id, panda.title) == ("red_panda", "red panda")
    example = dataset.split("test")[-1]
    assert (example.answers, example.entries) == (("red panda", "red_panda"), ("red_panda",))


def test_folders_of_pictures_without_splits_are_drawn_by_their_bytes(tmp_path: Path) -> None:
    source = authors.image_folder(tmp_path / "in", (), each=60)
    again = source / "fox" / "again.jpg"
    again.write_bytes((source / "fox" / "3.jpg").read_bytes())
    parts = {}
    for seed in (0, 0, 1):
        out = tmp_path / f"out{len(parts)}"
        write_published("image-folder", source, out, seed=seed)
        dataset = Dataset.open(out)
        parts[out.name] = {s: {e.id for e in dataset.split(s)} for s in dataset.splits}
        assert check(out) == []
        assert next(s for s, ids in parts[out.name].items() if "fox/again.jpg" in ids) == next(
            s for s, ids in parts[out.name].items() if "fox/3.jpg" in ids
        )
    first, same, other = parts.values()
    assert first == same != other
    assert sum(map(len, first.values())) == 121
    assert 5 <= len(first["test"]) <= 25
    assert 5 <= len(first["val"]) <= 25
