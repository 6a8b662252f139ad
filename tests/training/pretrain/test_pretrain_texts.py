import json
import shutil
from pathlib import Path

import pytest

from ravlm.errors import DatasetError, PathError, TrainingError
from ravlm.knowledge.build import build
from ravlm.knowledge.sources.dataset import DatasetSource
from ravlm.training.pretrain.texts import read_texts
from small_dataset import lines_of, write_dataset, write_lines


def test_a_paragraph_is_a_text_and_a_long_one_is_cut_between_sentences(tmp_path: Path):
    file = tmp_path / "notes.txt"
    long = " ".join(f"Sentence number {n} says a little about something." for n in range(20))
    file.write_bytes(
        f"First line,\r\nsame paragraph.\r\n\r\n  \n\nSecond.\n\n首都是城市。\n\nSecond.\n\n{long}".encode()
    )
    found = read_texts(file).texts
    assert found[:3] == ("First line,\nsame paragraph.", "Second.", "首都是城市。")
    assert " ".join(found[3:]) == long
    assert len(found) > 5
    assert max(map(len, found)) <= 320


def test_a_folder_gives_the_text_files_below_it_in_the_order_of_their_names(tmp_path: Path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "one.TXT".lower()).write_text("Below.")
    (tmp_path / "a.txt").write_text("Above.", encoding="utf-8-sig")
    (tmp_path / ".hidden.txt").write_text("Hidden.")
    (tmp_path / "a.md").write_text("Another kind.")
    assert read_texts(tmp_path).texts == ("Above.", "Below.")


def test_a_dataset_gives_training_questions_captions_and_what_entries_say_and_nothing_of_other_splits(tmp_path: Path):
    data = write_dataset(tmp_path / "data")
    lines = lines_of(data / "train.jsonl")
    shown = {"images": ["images/3.png"], "entries": ["a"]}
    caption = {"id": "said", "kind": "captions", "captions": ["An ant on a leaf."], "question": None, **shown}
    write_lines(data / "train.jsonl", [*lines, caption])
    write_lines(
        data / "val.jsonl", [line | {"question": "Asked in val alone?"} for line in lines_of(data / "val.jsonl")]
    )
    assert read_texts(data).texts == (
        *("How many legs?", "Which legs?", "An ant on a leaf."),
        *("An ant has 6 legs.", "Six.", "猫有四条腿。"),
    )


def test_a_knowledge_base_gives_its_passages_also_within_a_model(tmp_path: Path):
    data = write_dataset(tmp_path / "data")
    build(DatasetSource(data), tmp_path / "model" / "knowledge")
    found = read_texts(tmp_path / "model")
    assert sorted(found.texts) == sorted(("An ant has 6 legs.", "Six.", "猫有四条腿。"))
    assert read_texts(tmp_path / "model" / "knowledge").texts == found.texts


def test_the_fingerprint_is_that_of_the_texts(tmp_path: Path):
    (tmp_path / "a.txt").write_text("One.\n\nTwo.")
    (tmp_path / "b.txt").write_text("One.\n\n\n\nTwo.")
    (tmp_path / "c.txt").write_text("One.\n\nThree.")
    first, same, other = (read_texts(tmp_path / f"{name}.txt").fingerprint() for name in "abc")
    assert first == same != other


def test_where_there_is_no_text_it_is_said_what_is_allowed(tmp_path: Path):
    with pytest.raises(PathError, match=r"found nothing\. Give a \.txt file or a folder of them, a dataset"):
        read_texts(tmp_path / "none")
    with pytest.raises(PathError, match="found a folder with none of these"):
        read_texts(tmp_path)
    (tmp_path / "notes.md").write_text("Words.")
    with pytest.raises(PathError, match=r"is a file, and no \.txt"):
        read_texts(tmp_path / "notes.md")
    (tmp_path / "empty.txt").write_text(" \n\n \t\n")
    with pytest.raises(TrainingError, match="There is no text in"):
        read_texts(tmp_path / "empty.txt")


def test_files_that_can_t_be_read_are_all_named(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_bytes(b"\xff\xfe\x00bad")
    (tmp_path / "c.txt").write_text("Good.")
    with pytest.raises(DatasetError) as refused:
        read_texts(tmp_path)
    assert [Path(fault.split()[0]).name for fault in refused.value.faults] == ["a.txt", "b.txt"]


def test_a_dataset_with_faults_is_refused_whole(tmp_path: Path):
    data = shutil.copytree(write_dataset(tmp_path / "data"), tmp_path / "broken")
    lines = lines_of(data / "knowledge.jsonl")
    (data / "knowledge.jsonl").write_text("\n".join(json.dumps({**line, "nonsense": 1}) for line in lines))
    with pytest.raises(DatasetError) as refused:
        read_texts(data)
    assert len(refused.value.faults) == 3
