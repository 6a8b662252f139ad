from collections.abc import Callable
from pathlib import Path

import pytest

from pictures import declared_png, encoded, noise, picture
from ravlm.data.check import check
from ravlm.errors import PathError
from small_dataset import lines_of, write_dataset, write_lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data")


def _edit(file: str, line: int, **changes: object) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        lines = lines_of(folder / file)
        lines[line - 1] |= changes
        write_lines(folder / file, lines)

    return edit


def _write(file: str, data: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_bytes(data) and None


def _append(file: str, data: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_text((folder / file).read_text() + data) and None


def _remove(file: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).unlink()


FAULTS = [
    (_remove("dataset.json"), "dataset.json", 0, "", "no such file"),
    (_write("dataset.json", b"{"), "dataset.json", 0, "", "'{'"),
    (_write("dataset.json", b'{"format": 9}'), "dataset.json", 0, "format", "9"),
    (_remove("knowledge.jsonl"), "knowledge.jsonl", 0, "", "no readable file"),
    (_remove("train.jsonl"), "train.jsonl", 0, "", "no such file"),
    (_append("test.jsonl", "{nonsense\n"), "test.jsonl", 3, "", "{nonsense"),
    (_append("test.jsonl", "\n\n[]\n"), "test.jsonl", 5, "", "[]"),
    (_edit("knowledge.jsonl", 2, colour="red"), "knowledge.jsonl", 2, "colour", "unknown field"),
    (_edit("knowledge.jsonl", 3, id="a"), "knowledge.jsonl", 3, "id", "'a', also in line 1"),
    (_edit("knowledge.jsonl", 1, sections=[]), "knowledge.jsonl", 1, "", "An ant"),
    (_edit("knowledge.jsonl", 1, facts=[["legs"]]), "knowledge.jsonl", 1, "facts.0.1", "no such field"),
    (_edit("knowledge.jsonl", 2, images=["images/x.png"]), "knowledge.jsonl", 2, "images.0", "no file 'images/x.png'"),
    (_edit("train.jsonl", 1, value="6"), "train.jsonl", 1, "value", "'6'"),
    (_edit("train.jsonl", 1, value=float("nan")), "train.jsonl", 1, "value", "nan"),
    (_edit("train.jsonl", 2, kind="guess"), "train.jsonl", 2, "kind", "'guess'"),
    (_edit("val.jsonl", 1, id="train-0"), "val.jsonl", 1, "id", "also in train.jsonl, line 1"),
    (_edit("test.jsonl", 2, entries=["b", "zz"]), "test.jsonl", 2, "entries.1", "the unknown entry 'zz'"),
    (_edit("test.jsonl", 2, evidence=[["zz", "Legs"]]), "test.jsonl", 2, "evidence.0", "the unknown entry 'zz'"),
    (_edit("test.jsonl", 2, evidence=[["b", "Wings"]]), "test.jsonl", 2, "evidence.0", "'Wings'"),
    (_edit("test.jsonl", 2, images=["images/3.png"]), "test.jsonl", 2, "images.0", "also in train"),
    (_write("images/5.png", picture(3)), "val.jsonl", 1, "images.0", "the same picture as 'images/3.png' in train"),
    (_edit("test.jsonl", 1, images=["../x.png"]), "test.jsonl", 1, "images.0", "goes up"),
    (_edit("test.jsonl", 1, images=["/x.png"]), "test.jsonl", 1, "images.0", "is absolute"),
    (_edit("test.jsonl", 1, images=["images"]), "test.jsonl", 1, "images.0", "no file 'images'"),
    (_write("images/3.png", b"no picture"), "train.jsonl", 1, "images.0", "is not a JPEG"),
    (_write("images/3.png", picture(3)[:70]), "train.jsonl", 1, "images.0", "cut off"),
    (_write("images/3.png", b""), "train.jsonl", 1, "images.0", "is empty"),
    (_write("images/3.png", encoded(noise(3, 1, 1))), "train.jsonl", 1, "images.0", "1 x 1 pixels"),
    (_write("images/3.png", declared_png(60_000, 60_000)), "train.jsonl", 1, "images.0", "60,000 x 60,000"),
]


def test_a_dataset_that_is_right_has_no_fault(folder: Path) -> None:
    assert check(folder) == []
    assert check(folder, decode=False) == []
    (folder / "val.jsonl").unlink()
    (folder / "test.jsonl").unlink()
    assert check(folder) == []


@pytest.mark.parametrize(("break_it", "file", "line", "field", "found"), FAULTS)
def test_each_fault_is_found_where_it_is(
    folder: Path, break_it: Callable[[Path], None], file: str, line: int, field: str, found: str
) -> None:
    break_it(folder)
    faults = check(folder)
    assert [(f.file, f.line, f.field) for f in faults if found in f.found] == [(file, line, field)]
    assert all(f.expected for f in faults)


def test_all_faults_are_told_at_once_in_order(folder: Path) -> None:
    _edit("test.jsonl", 2, entries=["zz"])(folder)
    _edit("train.jsonl", 1, value="6")(folder)
    _edit("val.jsonl", 1, id="train-1", images=["images/0.jpg"])(folder)
    _edit("knowledge.jsonl", 2, colour="red")(folder)
    assert [(f.file, f.line, f.field) for f in check(folder)] == [
        ("knowledge.jsonl", 2, "colour"),
        ("train.jsonl", 1, "value"),
        ("val.jsonl", 1, "id"),
        ("val.jsonl", 1, "images.0"),
        ("test.jsonl", 2, "entries.0"),
    ]


def test_a_faulty_entry_does_not_make_its_questions_faulty(folder: Path) -> None:
    _edit("knowledge.jsonl", 2, colour="red")(folder)
    assert len(check(folder)) == 1
    _remove("knowledge.jsonl")(folder)
    assert len(check(folder)) == 1


def test_an_image_asked_about_twice_is_told_once(folder: Path) -> None:
    _edit("train.jsonl", 2, images=["images/3.png"])(folder)
    _write("images/3.png", b"no picture")(folder)
    assert [(f.line, f.field) for f in check(folder)] == [(1, "images.0")]


def test_without_decoding_headers_are_looked_at(folder: Path) -> None:
    _write("images/3.png", picture(3)[:70])(folder)
    assert check(folder, decode=False) == []
    _write("images/3.png", b"no picture")(folder)
    assert [f.line for f in check(folder, decode=False)] == [1]


def test_progress_counts_every_image(folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    check(folder, progress=lambda *step: told.append(step))
    assert (told[0], told[-1]) == (("checking images", 0, 9), ("checking images", 9, 9))


def test_a_missing_folder_is_refused(folder: Path) -> None:
    with pytest.raises(PathError, match="found nothing"):
        check(folder / "nowhere")
