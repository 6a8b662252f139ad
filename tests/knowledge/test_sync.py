from pathlib import Path

import pytest

from pictures import picture
from ravlm.errors import DatasetError, ImageError, KnowledgeError, PathError
from ravlm.knowledge.build import build
from ravlm.knowledge.rows import picture_id
from ravlm.knowledge.sources.dataset import DatasetSource
from ravlm.knowledge.store import KnowledgeBase
from ravlm.knowledge.sync import SyncReport, sync
from ravlm.records import Entry
from small_dataset import Lines, lines_of, write_dataset, write_lines


@pytest.fixture
def world(tmp_path: Path) -> tuple[KnowledgeBase, Path, Lines]:
    """A base built from a dataset of the source `s` and one entry of another; the file; its lines."""
    folder = write_dataset(tmp_path / "data")
    build(DatasetSource(folder), tmp_path / "kb")
    base = KnowledgeBase.open(tmp_path / "kb")
    base.upsert([Entry("mine", "Mine", text="By hand.", source="hand")])
    return base, folder / "knowledge.jsonl", lines_of(folder / "knowledge.jsonl")


def test_a_build_keeps_text_and_pictures(world: tuple[KnowledgeBase, Path, Lines]) -> None:
    base, _, _ = world
    assert [entry.id for entry in base.iterate()] == ["a", "b", "c", "mine"]
    assert base.get("a").images == (picture_id(picture(0)),)
    assert base.get("b").sections[0].text == "Six."


def test_a_second_run_changes_nothing(world: tuple[KnowledgeBase, Path, Lines]) -> None:
    base, file, _ = world
    before = (base.version, base.fingerprint)
    report = sync(base, DatasetSource(file))
    assert report == SyncReport(added=0, replaced=0, unchanged=3, deleted=0, kept=1)
    assert not report.changed
    assert (base.version, base.fingerprint) == before


def test_a_source_becomes_equal_to_the_file(world: tuple[KnowledgeBase, Path, Lines]) -> None:
    base, file, lines = world
    lines[0]["text"] = "An ant has 6 legs and 2 eyes."
    lines[1]["images"] = ["images/8.png"]
    lines[2]["id"] = "d"
    write_lines(file, lines)
    before = base.version
    assert sync(base, DatasetSource(file), yes=True) == SyncReport(added=1, replaced=2, unchanged=0, deleted=1, kept=1)
    assert [entry.id for entry in base.iterate()] == ["a", "b", "d", "mine"]
    assert base.get("a").text.endswith("2 eyes.")
    assert base.picture(base.get("b").images[0]) == picture(8)
    assert base.get("mine").text == "By hand."
    assert base.sources() == {"hand": 1, "s": 3}
    after = base.version
    assert after > before
    assert not sync(base, DatasetSource(file)).changed
    assert base.version == after


def test_deleting_much_wants_a_yes(world: tuple[KnowledgeBase, Path, Lines]) -> None:
    base, file, lines = world
    write_lines(file, lines[:2])
    before = base.fingerprint
    with pytest.raises(KnowledgeError, match=r"lacks 1 of the 3 entries .* 'c'; .*--yes"):
        sync(base, DatasetSource(file))
    base.refresh()
    assert base.fingerprint == before
    assert sync(base, DatasetSource(file), yes=True).deleted == 1


def test_deleting_little_does_not(world: tuple[KnowledgeBase, Path, Lines]) -> None:
    base, file, lines = world
    more: Lines = [{"id": f"x{i}", "title": "X", "text": "x", "source": "s"} for i in range(2)]
    write_lines(file, lines + more)
    assert sync(base, DatasetSource(file)).added == 2
    write_lines(file, lines + more[:1])
    assert sync(base, DatasetSource(file)).deleted == 1


def test_any_fault_stops_the_whole_sync(world: tuple[KnowledgeBase, Path, Lines]) -> None:
    base, file, lines = world
    before = (base.version, base.fingerprint, base.count_pictures())
    new = {"id": "new", "title": "New", "text": "new", "source": "s", "images": ["images/7.png"]}
    (file.parent / "broken.png").write_bytes(picture(90)[:60])
    faulty: list[tuple[dict[str, object], type[Exception], str]] = [
        ({"images": ["broken.png"]}, ImageError, "broken.png"),
        ({"images": ["missing.png"]}, PathError, "missing.png"),
        ({"images": ["../../etc/passwd"]}, PathError, "goes up"),
        ({"id": "a"}, DatasetError, "'a' again"),
        ({"colour": "red"}, DatasetError, "colour"),
        ({"id": "mine"}, KnowledgeError, "belongs to the source 'hand'"),
    ]
    for change, error, said in faulty:
        write_lines(file, [*lines, new, {**new, "id": "bad", "images": []} | change])
        with pytest.raises(error, match=said):
            sync(base, DatasetSource(file))
    write_lines(file, [])
    with pytest.raises(KnowledgeError, match="no entries"):
        sync(base, DatasetSource(file))
    base.refresh()
    assert (base.version, base.fingerprint, base.count_pictures()) == before


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "data")
    (folder / "images" / "2.png").write_bytes(b"nothing of the kind")
    with pytest.raises(ImageError, match=r"images/2\.png"):
        build(DatasetSource(folder), tmp_path / "kb")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_build_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[tuple[int, int, int]] = []
    source = DatasetSource(write_dataset(tmp_path / "data"))
    assert build(source, tmp_path / "kb", progress=lambda *step: told.append(step)).kept == 3
    assert told[-1] == (source.size, source.size, 3)


def test_a_base_that_others_have_changed_is_looked_at_anew(world: tuple[KnowledgeBase, Path, Lines]) -> None:
    base, file, _ = world
    other = KnowledgeBase.open(base.location)
    other.delete(["a"])
    assert sync(base, DatasetSource(file)).added == 1
    assert "a" in base


def test_an_id_may_move_between_sources_that_are_both_synced(world: tuple[KnowledgeBase, Path, Lines]) -> None:
    base, file, lines = world
    lines[2]["source"] = "t"
    write_lines(file, lines)
    assert sync(base, DatasetSource(file), yes=True).replaced + sync(base, DatasetSource(file)).unchanged >= 3
    assert base.sources() == {"hand": 1, "s": 2, "t": 1}
    lines[0]["source"], lines[2]["source"] = "t", "s"
    write_lines(file, lines)
    sync(base, DatasetSource(file), yes=True)
    assert base.sources() == {"hand": 1, "s": 2, "t": 1}


def test_sync_writes_a_damaged_entry_again(world: tuple[KnowledgeBase, Path, Lines]) -> None:
    base, file, _ = world
    for path in Path(base.location).rglob("*.lance"):
        if path.is_file():
            path.write_bytes(path.read_bytes().replace(b"6 legs", b"9 legs"))
    assert len(list(KnowledgeBase.open(base.location).verify())) == 1
    damaged = KnowledgeBase.open(base.location)
    assert sync(damaged, DatasetSource(file)).replaced == 1
    assert list(damaged.verify()) == []
    assert damaged.get("a").text == "An ant has 6 legs."
