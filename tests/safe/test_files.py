import json
import os
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from ravlm.errors import DatasetError, FormatError, PathError
from ravlm.safe.files import (
    check_free,
    check_writable,
    read_jsonl,
    read_text,
    remove_folder,
    replace_folder_atomic,
    temporary_folder,
    write_bytes_atomic,
    write_text_atomic,
)
from ravlm.safe.jsonl import Fault, read_models, refuse


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    write_text_atomic(path, "old")
    write_bytes_atomic(path, "neu ü".encode())
    assert path.read_text(encoding="utf-8") == "neu ü"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    write_text_atomic(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PathError, match="No space left"):
        write_text_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_takes_an_empty_place_only(tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = temporary_folder(out)
    assert made.parent == tmp_path
    (made / "a").write_text("a")
    out.mkdir()
    replace_folder_atomic(made, out)
    assert (out / "a").read_text() == "a"
    assert not made.exists()
    with pytest.raises(PathError, match="already holds something"):
        temporary_folder(out)
    second = tmp_path / "second"
    second.mkdir()
    with pytest.raises(PathError, match="can't be written"):
        replace_folder_atomic(second, out)
    assert (out / "a").read_text() == "a"


def test_a_file_or_a_link_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(PathError, match="in the way"):
            check_free(tmp_path / name)
    check_free(tmp_path / "new")
    remove_folder(tmp_path / "new")


def test_lines_of_json_are_numbered_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n\n[2]\n')
    assert list(read_jsonl(path)) == [(1, {"a": 1}), (3, [2])]
    path.write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(FormatError, match="line 2"):
        list(read_jsonl(path))
    with pytest.raises(PathError, match="found nothing"):
        list(read_jsonl(tmp_path / "b"))


def test_text_is_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes("\ufeff# Ü".encode())
    assert read_text(path) == "# Ü"
    path.write_bytes(b"abc\xff")
    with pytest.raises(FormatError, match="byte 3"):
        read_text(path)


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    a: int


def test_every_fault_of_a_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": "1", "b": 2}\n{"b": \xff}\n{}\n[]\n{"a": 5}')
    faults: list[Fault] = []
    assert [(n, line.a) for n, line in read_models(path, _Line, faults)] == [(1, 1), (6, 5)]
    assert [(f.line, f.field) for f in faults] == [(2, "a"), (2, "b"), (3, ""), (4, "a"), (5, "")]
    assert "found '1', expected a valid integer" in str(faults[0])
    assert "unknown field" in str(faults[1])
    with pytest.raises(DatasetError) as error:
        refuse("a.jsonl", faults)
    assert len(error.value.faults) == 5
    refuse("a.jsonl", [])


def test_an_error_lists_a_hundred_faults_at_most() -> None:
    faults = [Fault("a", line, "", "x", "y") for line in range(250)]
    with pytest.raises(DatasetError, match="250 faults") as error:
        refuse("a", faults)
    assert error.value.faults[-1] == "... and 150 more"
    assert json.dumps(faults[0].as_dict())


def test_a_path_that_no_file_can_take_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    check_writable(tmp_path / "new" / "deep" / "a.json")
    check_writable(tmp_path / "file")
    for path in (tmp_path, tmp_path / "file" / "a.json"):
        with pytest.raises(PathError):
            check_writable(path)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
