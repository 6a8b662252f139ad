import json
from pathlib import Path

import pytest

from ravlm.errors import ConflictError, FormatError, IndexStale, PathError
from ravlm.retrieval.folder import STAMP, Contents, Stamp, look, read_index, write_index

STAMPED = Stamp("base", "encoder", 3)


def text(content: str):
    return lambda path: path.write_text(content)


def made(folder: Path) -> Contents:
    return write_index(folder, "dense", STAMPED, {"unit": "entry"}, {"rows": text("r"), "vectors": text("v")})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = made(tmp_path / "index")
    assert read_index(tmp_path / "index", "dense") == written == look(tmp_path / "index")
    assert (written.stamp, written.settings) == (STAMPED, {"unit": "entry"})
    assert (tmp_path / "index" / written.files["vectors"]).read_text() == "v"


def test_a_change_writes_only_what_is_new_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = made(tmp_path)
    kept = (tmp_path / before.files["vectors"]).stat()
    after = write_index(tmp_path, "dense", Stamp("later"), {}, {"rows": text("r2")}, before)
    assert after.files["vectors"] == before.files["vectors"]
    assert (tmp_path / after.files["vectors"]).stat().st_mtime_ns == kept.st_mtime_ns
    assert (tmp_path / after.files["rows"]).read_text() == "r2"
    assert not (tmp_path / before.files["rows"]).exists()
    assert read_index(tmp_path, "dense") == after


def test_what_another_process_has_changed_is_not_kept(tmp_path: Path) -> None:
    before = made(tmp_path)
    other = write_index(tmp_path, "dense", Stamp("other"), {}, {"vectors": text("v2")}, before)
    with pytest.raises(ConflictError, match="Another process has changed the index"):
        write_index(tmp_path, "dense", Stamp("later"), {}, {"rows": text("r2")}, before)
    assert read_index(tmp_path, "dense") == other


def test_a_change_that_breaks_off_leaves_the_old_index(tmp_path: Path) -> None:
    before = made(tmp_path)

    def broken(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(PathError, match="No space left"):
        write_index(tmp_path, "dense", Stamp("later"), {}, {"rows": broken}, before)
    assert read_index(tmp_path, "dense") == before


@pytest.mark.parametrize("harm", [lambda p: p.write_text("other"), lambda p: p.unlink()])
def test_a_damaged_file_is_told(tmp_path: Path, harm) -> None:
    contents = made(tmp_path)
    harm(tmp_path / contents.files["vectors"])
    with pytest.raises(IndexStale, match=r"vectors-.* is not what its stamp says"):
        read_index(tmp_path, "dense")


@pytest.mark.parametrize("stamp", ["", "[]", "{", '{"format": 1}', '{"format": 1, "kind": "a", "stamp": 3}'])
def test_a_damaged_stamp_is_told(tmp_path: Path, stamp: str) -> None:
    made(tmp_path)
    (tmp_path / STAMP).write_text(stamp)
    with pytest.raises(IndexStale, match=r"stamp of the index .* is damaged"):
        read_index(tmp_path, "dense")


def test_any_flipped_bit_of_the_stamp_is_told(tmp_path: Path) -> None:
    made(tmp_path)
    whole = (tmp_path / STAMP).read_bytes()
    for place in range(len(whole)):
        (tmp_path / STAMP).write_bytes(whole[:place] + bytes([whole[place] ^ 2]) + whole[place + 1 :])
        with pytest.raises((IndexStale, FormatError)):
            read_index(tmp_path, "dense")


def test_no_index_another_kind_and_another_format_are_told(tmp_path: Path) -> None:
    with pytest.raises(PathError, match="There is no index"):
        read_index(tmp_path, "dense")
    made(tmp_path)
    with pytest.raises(PathError, match="kind 'dense', and 'late' is needed"):
        read_index(tmp_path, "late")
    about = json.loads((tmp_path / STAMP).read_text())
    (tmp_path / STAMP).write_text(json.dumps(about | {"format": 9}))
    with pytest.raises(FormatError, match="format 9; this release reads format 1"):
        look(tmp_path)
