from pathlib import Path

import pytest

from ravlm.data.dataset import Dataset
from ravlm.errors import DatasetError, PathError
from small_dataset import lines_of, write_dataset, write_lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data")


def test_a_dataset_is_read_as_records(folder: Path) -> None:
    dataset = Dataset.open(folder)
    assert (dataset.card.name, dataset.splits) == ("small", ("train", "val", "test"))
    assert [entry.id for entry in dataset.knowledge()] == ["a", "b", "c"]
    first, second = dataset.split("train")
    assert (first.kind, first.value, first.unit, first.entries) == ("number", 6.0, "legs", ("a",))
    assert second.answers == ("six",)
    assert dataset.image_path(first.images[0]) == folder / "images" / "3.png"


def test_every_fault_of_a_file_is_raised_at_once(folder: Path) -> None:
    lines = lines_of(folder / "train.jsonl")
    lines[0]["colour"] = "red"
    del lines[1]["answers"]
    write_lines(folder / "train.jsonl", lines)
    with pytest.raises(DatasetError) as error:
        Dataset.open(folder).split("train")
    assert [fault.split(",")[:2] for fault in error.value.faults] == [
        ["train.jsonl", " line 1"],
        ["train.jsonl", " line 2: found {'id': 'train-1'"],
    ]
    assert Dataset.open(folder).split("val")


def test_what_is_no_dataset_is_refused(folder: Path) -> None:
    with pytest.raises(PathError, match="found nothing"):
        Dataset.open(folder / "nowhere")
    with pytest.raises(PathError, match="found a file"):
        Dataset.open(folder / "dataset.json")
    with pytest.raises(DatasetError, match=r"dataset\.json: found no such file"):
        Dataset.open(folder / "images")
    (folder / "knowledge.jsonl").unlink()
    with pytest.raises(DatasetError, match=r"knowledge\.jsonl: found no such file"):
        Dataset.open(folder)


def test_a_newer_format_says_upgrade(folder: Path) -> None:
    path = folder / "dataset.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(DatasetError, match=r"field format: found 2, expected 1, .*upgrade"):
        Dataset.open(folder)


def test_a_missing_split_names_those_there(folder: Path) -> None:
    (folder / "val.jsonl").unlink()
    with pytest.raises(DatasetError, match="no split 'val'; it has: train, test"):
        Dataset.open(folder).split("val")


def test_an_image_outside_is_refused(folder: Path) -> None:
    with pytest.raises(PathError):
        Dataset.open(folder).image_path("../secret.png")


def test_the_fingerprint_follows_every_file(folder: Path) -> None:
    seen = {Dataset.open(folder).fingerprint()}
    assert Dataset.open(folder).fingerprint() in seen
    for name in ("knowledge.jsonl", "train.jsonl", "val.jsonl", "test.jsonl"):
        lines = lines_of(folder / name)
        lines[0]["meta"] = {"changed": True}
        write_lines(folder / name, lines)
        seen.add(Dataset.open(folder).fingerprint())
    assert len(seen) == 5
