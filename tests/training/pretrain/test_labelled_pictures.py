import json
import shutil
from pathlib import Path

import pytest
import torch

from coloured_dataset import THINGS, UNSEEN
from picture_folders import CLASSES, write_pictures
from ravlm.data.dataset import Dataset
from ravlm.errors import DatasetError, PathError
from ravlm.safe.images import read_image
from ravlm.training.photos import stretch
from ravlm.training.pretrain.pictures import from_dataset, labelled_pictures, read_pixels


def test_each_folder_is_a_class_with_all_that_is_below_it(tmp_path: Path):
    folder = write_pictures(tmp_path / "pictures", each=2)
    (folder / "green" / "deeper").mkdir()
    (folder / "green" / "0.png").rename(folder / "green" / "deeper" / "0.PNG")
    (folder / "green" / ".hidden.png").write_bytes(b"no picture")
    (folder / "green" / "notes.txt").write_text("no picture")
    (folder / ".cache").mkdir()
    found = labelled_pictures(folder)
    assert found.names == CLASSES
    assert [str(file.relative_to(folder)) for file in found.files] == [
        *("blue/0.png", "blue/1.png", "green/1.png", "green/deeper/0.PNG", "red/0.png", "red/1.png")
    ]
    assert found.labels == (0, 0, 1, 1, 2, 2)
    assert not any(found.own)
    assert found.texts == (("blue",), ("green",), ("red",))


def test_pictures_without_folders_are_a_class_each(tmp_path: Path):
    folder = write_pictures(tmp_path / "pictures", each=3) / "red"
    found = labelled_pictures(folder)
    assert (found.names, found.labels) == (("0", "1", "2"), (0, 1, 2))


def test_what_is_no_image_folder_is_refused_with_every_fault(tmp_path: Path):
    with pytest.raises(PathError, match=r"There are no pictures in .*: found nothing"):
        labelled_pictures(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="there is no picture in it"):
        labelled_pictures(tmp_path / "empty")
    folder = write_pictures(tmp_path / "pictures", each=1)
    (folder / "red" / "0.png").rename(folder / "lost.png")
    (folder / "violet").mkdir()
    with pytest.raises(DatasetError) as refused:
        labelled_pictures(folder)
    assert refused.value.faults == [
        "  red: no picture in this class",
        "  violet: no picture in this class",
        "  lost.png: in no class's folder",
    ]


def test_a_dataset_s_classes_are_the_entries_of_its_training_photos(coloured: Path):
    found = labelled_pictures(coloured)
    assert found.names == tuple(sorted(set(THINGS) - set(UNSEEN)))
    files = [str(file.relative_to(coloured)) for file in found.files]
    own = [file for file, is_own in zip(files, found.own, strict=True) if is_own]
    assert own == [f"images/{thing}.png" for thing in found.names]
    examples = Dataset.open(coloured).split("train")
    assert sorted(set(files) - set(own)) == sorted({e.images[0] for e in examples} - set(own))
    about = {e.images[0]: e.entries[0] for e in examples}
    for file, label, is_own in zip(files, found.labels, found.own, strict=True):
        assert found.names[label] == (Path(file).stem if is_own else about[file])
    title, more = found.texts[0]
    assert more.startswith(f"{title}. ")
    assert more.count(".") == 2


def test_a_photo_of_several_entries_is_left_out_and_one_that_an_entry_has_too_is_no_own_picture(
    coloured: Path, tmp_path: Path
):
    before = labelled_pictures(coloured)
    folder = shutil.copytree(coloured, tmp_path / "data")
    lines = [json.loads(line) for line in (coloured / "train.jsonl").read_text().splitlines()]
    both = lines[0]["images"][0]
    for line in lines:
        line["entries"] = [THINGS[0], THINGS[1]] if line["images"][0] == both else line["entries"]
    kept = lines[-1]["images"][0]  # a photo that becomes a picture of its entry, too
    (folder / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    entries = [json.loads(line) for line in (coloured / "knowledge.jsonl").read_text().splitlines()]
    for entry in entries:
        entry["images"] += [kept] if entry["id"] == lines[-1]["entries"][0] else []
    (folder / "knowledge.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    after = from_dataset(Dataset.open(folder))
    files = {str(file.relative_to(folder)): own for file, own in zip(after.files, after.own, strict=True)}
    assert both not in files
    assert files[kept] is False
    assert len(after.files) == len(before.files) - 1
    (folder / kept).unlink()
    with pytest.raises(DatasetError, match=f"  {kept}: no such file"):
        labelled_pictures(folder)


def test_pixels_are_those_of_the_files_and_all_that_cannot_be_decoded_are_named(tmp_path: Path):
    folder = write_pictures(tmp_path / "pictures", each=2)
    found = labelled_pictures(folder)
    pixels = read_pixels(found, 20, tmp_path / "kept", lambda *_: None)
    assert pixels.shape == (6, 3, 20, 20)
    assert (tmp_path / "kept").stat().st_size == pixels.numel()
    for row, file in zip(pixels, found.files, strict=True):
        assert torch.equal(row, stretch(read_image(file), 20))
    for name in ("blue/1.png", "red/0.png"):
        (folder / name).write_bytes((folder / name).read_bytes()[:60])
    with pytest.raises(DatasetError) as refused:
        read_pixels(found, 20, tmp_path / "kept", lambda *_: None)
    assert len(refused.value.faults) == 2
    assert "blue/1.png" in refused.value.faults[0]
    assert "red/0.png" in refused.value.faults[1]


def test_the_fingerprint_tells_another_class_and_other_content(tmp_path: Path):
    folder = write_pictures(tmp_path / "pictures", each=2)
    before = labelled_pictures(folder).fingerprint()
    assert labelled_pictures(folder).fingerprint() == before
    (folder / "red" / "1.png").rename(folder / "blue" / "2.png")
    moved = labelled_pictures(folder).fingerprint()
    (folder / "blue" / "2.png").write_bytes((folder / "blue" / "2.png").read_bytes() + b" ")
    longer = labelled_pictures(folder).fingerprint()
    content = (folder / "blue" / "2.png").read_bytes()
    (folder / "blue" / "2.png").write_bytes(content[::-1])  # as long as before
    assert len({before, moved, longer, labelled_pictures(folder).fingerprint()}) == 4
