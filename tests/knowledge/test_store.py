from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from harm import numbered
from pictures import picture
from ravlm.errors import ConflictError, FormatError, ImageError, KnowledgeCorrupt, KnowledgeError, PathError
from ravlm.knowledge.rows import canonical, content_hash, picture_id
from ravlm.knowledge.stamp import Stamp
from ravlm.knowledge.store import KnowledgeBase
from ravlm.knowledge.tables import ATTEMPTS, MOST_FRAGMENTS, _Lost
from ravlm.records import Entry

Pictures = Callable[[str], bytes]


def test_entries_and_pictures_come_back(base: KnowledgeBase) -> None:
    entry = base.get("e1")
    assert entry == Entry("e1", "Title 1", text="Text 1.", images=(picture_id(picture(1)),), source="s")
    assert base.picture(entry.images[0]) == picture(1)
    assert [e.id for e in base.iterate()] == ["e0", "e1", "e2", "e3", "e4", "o"]
    assert (base.count(), base.count_pictures(), base.sources()) == (6, 3, {"other": 1, "s": 5})
    assert "e1" in base
    assert "e9" not in base
    assert list(base.verify()) == []


def test_an_empty_base_is_a_base(tmp_path: Path) -> None:
    empty = KnowledgeBase.create(tmp_path / "kb")
    assert (empty.count(), list(empty.iterate()), empty.fingerprint) == (0, [], "0" * 64)
    assert list(empty.verify()) == []
    with pytest.raises(KnowledgeError, match="0 entries"):
        empty.get("a")
    version = empty.version
    empty.upsert([])
    assert empty.version == version


def test_an_upsert_replaces_by_id(base: KnowledgeBase) -> None:
    kept = base.get("e1").images
    base.upsert([replace(base.get("e1"), text="New."), Entry("e7", "Seven")])
    assert (base.get("e1").text, base.get("e1").images, base.count()) == ("New.", kept, 7)


def test_equal_pictures_are_kept_once(base: KnowledgeBase, pictures: Pictures) -> None:
    base.upsert([Entry("x", "X", images=("1", "01", "8"))], pictures)
    assert base.get("x").images == (picture_id(picture(1)), picture_id(picture(8)))
    assert base.count_pictures() == 4


def test_ids_are_text_and_nothing_else(base: KnowledgeBase) -> None:
    odd = ["it's", "' OR '1'='1", 'a"b', "图/one", "%", "\\", "a\nb"]
    base.upsert([Entry(name, name) for name in odd])
    assert [base.get(name).title for name in odd] == odd
    base.delete(odd)
    assert base.count() == 6


def test_an_unknown_id_names_the_nearest(base: KnowledgeBase) -> None:
    with pytest.raises(KnowledgeError, match=r"none with the id 'e11'.*nearest: e1"):
        base.get("e11")
    with pytest.raises(KnowledgeError, match="no picture"):
        base.picture("0" * 64)


def test_deleting_is_all_or_nothing(base: KnowledgeBase) -> None:
    with pytest.raises(KnowledgeError, match="'nope'"):
        base.delete(["e1", "nope"])
    assert base.count() == 6
    base.delete(["e1", "o"])
    assert [e.id for e in base.iterate()] == ["e0", "e2", "e3", "e4"]


def test_a_bad_picture_stops_everything(base: KnowledgeBase) -> None:
    before = (base.version, base.fingerprint, base.count_pictures())
    with pytest.raises(ImageError, match="The picture '51' of the entry 'y'"):
        base.upsert(
            [Entry("x", "X", images=("50",)), Entry("y", "Y", images=("51",))],
            lambda name: picture(50) if name == "50" else b"GIF89a",
        )
    with pytest.raises(KnowledgeError, match="does not hold"):
        base.upsert([Entry("x", "X"), Entry("y", "Y", images=("0" * 64,))])
    base.refresh()
    assert (base.version, base.fingerprint, base.count_pictures()) == before


def test_a_picture_that_changes_under_our_hands_is_refused(base: KnowledgeBase) -> None:
    reads = iter([picture(70), picture(71)])
    with pytest.raises(KnowledgeError, match="changed while it was read"):
        base.upsert([Entry("x", "X", images=("p",))], lambda _: next(reads))
    assert "x" not in base


def test_a_reader_stays_until_it_asks(base: KnowledgeBase) -> None:
    reader = KnowledgeBase.open(base.location)
    before = reader.fingerprint
    base.upsert([Entry("e1", "Changed"), Entry("new", "New")])
    base.delete(["e2"])
    assert (reader.count(), reader.get("e1").title, reader.get("e2").title) == (6, "Title 1", "Title 2")
    assert reader.fingerprint == before
    assert "new" not in reader
    assert reader.refresh()
    assert not reader.refresh()
    assert (reader.count(), reader.get("e1").title) == (6, "Changed")
    assert reader.fingerprint == base.fingerprint != before
    assert reader.version == base.version


def test_what_was_read_is_forgotten_with_its_version(base: KnowledgeBase) -> None:
    reader = KnowledgeBase.open(base.location)
    assert reader.get("e1") is reader.get("e1")
    base.upsert([Entry("e1", "Changed")])
    base.delete(["e2"])
    assert base.get("e1").title == "Changed"
    assert (reader.get("e1").title, reader.get("e2").title) == ("Title 1", "Title 2")
    reader.refresh()
    assert reader.get("e1").title == "Changed"
    with pytest.raises(KnowledgeError):
        reader.get("e2")


def test_the_fingerprint_tells_content_not_history(base: KnowledgeBase, tmp_path: Path, pictures: Pictures) -> None:
    before = base.fingerprint
    assert before == Stamp().plus(content_hash(canonical(entry)) for entry in base.iterate()).fingerprint
    base.upsert([Entry("x", "X")])
    assert base.fingerprint != before
    base.delete(["x"])
    assert base.fingerprint == before
    other = KnowledgeBase.create(tmp_path / "other")
    for entry in reversed(list(base.iterate())):
        names = {picture_id(picture(i)): str(i) for i in range(3)}
        other.upsert([replace(entry, images=tuple(names[i] for i in entry.images))], pictures)
    assert other.fingerprint == before


def test_a_models_folder_serves(base: KnowledgeBase, tmp_path: Path) -> None:
    base.close()
    model = tmp_path / "model"
    model.mkdir()
    Path(base.location).rename(model / "knowledge")
    assert KnowledgeBase.open(model).count() == 6


def test_what_is_no_base_is_refused(base: KnowledgeBase, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name, found in [("nowhere", "nothing"), (".", "a folder without one"), ("file", "a file")]:
        with pytest.raises(PathError, match=f"found {found}"):
            KnowledgeBase.open(tmp_path / name)
    with pytest.raises(PathError, match="already holds"):
        KnowledgeBase.create(base.location)
    with pytest.raises(PathError, match="in the way"):
        KnowledgeBase.create(tmp_path / "file")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "kb"]


def test_another_format_says_what_to_do(base: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ravlm.knowledge.tables.FORMAT", "3")
    with pytest.raises(FormatError, match=r"format '2'; this release reads format 3.*upgrade"):
        KnowledgeBase.open(base.location)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "base.json").write_text('{"format": 1}')
    with pytest.raises(FormatError, match=r"earlier release.*Build it"):
        KnowledgeBase.open(tmp_path / "old")


def test_a_writer_that_keeps_losing_says_so(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def lose(*_: object) -> None:
        attempts.append(1)
        raise _Lost

    monkeypatch.setattr("ravlm.knowledge.tables._merge", lose)
    monkeypatch.setattr("ravlm.knowledge.tables.time.sleep", lambda _: None)
    for change in (lambda: base.delete(["e1"]), lambda: base.upsert([Entry("x", "X")])):
        attempts.clear()
        with pytest.raises(ConflictError, match=f"lost {ATTEMPTS} times.*Try it again"):
            change()
        assert len(attempts) == ATTEMPTS
    assert KnowledgeBase.open(base.location).count() == 6


def test_a_writer_that_loses_once_plans_anew(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    other = KnowledgeBase.open(base.location)
    plan = base._entries.commit

    def overtaken(planned):
        def late(newest):
            change = planned(newest)
            if "theirs" not in other:
                other.upsert([Entry("theirs", "Theirs"), Entry("e1", "Theirs")])
            return change

        return plan(late)

    monkeypatch.setattr(base._entries, "commit", overtaken)
    base.upsert([Entry("ours", "Ours"), Entry("e1", "Ours")])
    assert [base.get(name).title for name in ("ours", "theirs", "e1")] == ["Ours", "Theirs", "Ours"]
    assert base.count() == 8
    assert list(base.verify()) == []


def test_adding_is_for_new_ids_alone(base: KnowledgeBase, pictures: Pictures) -> None:
    before = base.fingerprint
    with pytest.raises(KnowledgeError, match="1 of the entries are in the base already, for instance 'e1'"):
        base.add([Entry("new", "New"), Entry("e1", "One")])
    assert base.fingerprint == before
    base.add([Entry("new", "New", images=("7",))], pictures)
    assert base.picture(base.get("new").images[0]) == picture(7)


def test_a_change_that_changes_nothing_is_no_version(base: KnowledgeBase) -> None:
    version = base.version
    base.upsert([base.get("e1"), base.get("o")])
    assert base.version == version


def test_a_source_is_deleted_as_one(base: KnowledgeBase) -> None:
    assert base.delete(source="s") == 5
    assert [entry.id for entry in base.iterate()] == ["o"]
    with pytest.raises(KnowledgeError, match="no entries of the source 's'; it has: 'other'"):
        base.delete(source="s")
    assert base.delete([]) == 0


def test_versions_can_be_gone_back_to(base: KnowledgeBase) -> None:
    before = base.versions(newest=1)[0]
    assert (before.number, before.entries, before.fingerprint) == (base.version, 6, base.fingerprint)
    base.upsert([Entry("e1", "Changed"), Entry("new", "New")])
    base.delete(["o"])
    after = (base.version, base.fingerprint)
    assert KnowledgeBase.open(base.location, version=before.number).get("e1").title == "Title 1"
    base.rollback(before.number)
    assert (base.fingerprint, base.get("e1").title, "new" in base) == (before.fingerprint, "Title 1", False)
    assert base.version > after[0]
    base.rollback(after[0])
    assert base.fingerprint == after[1]
    assert [version.entries for version in base.versions()][-4:] == [7, 6, 6, 6]
    for wrong in (9999, 0):
        with pytest.raises(KnowledgeError, match=f"no version {wrong}.*lists the versions"):
            base.rollback(wrong)
    assert base.fingerprint == after[1]


def test_compacting_keeps_content_and_kept_versions(base: KnowledgeBase, pictures: Pictures) -> None:
    for i in range(10):
        base.upsert([Entry(f"m{i}", "M", images=(str(i),))], pictures)
    first = base.versions()[0].number
    before = (base.fingerprint, base.count(), base.count_pictures())
    reader = KnowledgeBase.open(base.location)
    base.compact()
    assert (base.fingerprint, base.count(), base.count_pictures()) == before
    assert base.versions()[0].number == first
    assert reader.get("m3").title == "M"
    base.delete(["m5"])
    base.compact(keep=timedelta(0))
    assert [version.fingerprint for version in base.versions()] == [base.fingerprint]
    assert base.count_pictures() == 9
    assert list(base.verify()) == []
    assert base.picture(base.get("m9").images[0]) == picture(9)


def test_small_files_are_joined_by_themselves(base: KnowledgeBase) -> None:
    for i in range(MOST_FRAGMENTS + 4):
        base.upsert([Entry(f"m{i % 40}", f"M{i}")])
    assert not base._entries.crowded()
    assert (base.get("m7").title, base.get("m1").title, base.count()) == ("M47", "M41", 46)
    assert list(base.verify()) == []


def test_an_old_index_hides_nothing(base: KnowledgeBase) -> None:
    for path in (Path(base.location) / "entries.lance" / "_indices").rglob("*.lance"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    reader = KnowledgeBase.open(base.location)
    assert reader.get("e1").title == "Title 1"
    reader.compact()
    assert list(reader.verify()) == []


def test_iterating_stays_at_its_version(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ravlm.knowledge.store._TAKEN", 2)
    seen = []
    for entry in base.iterate():
        seen.append((entry.id, entry.title))
        base.upsert([replace(entry, title="Changed"), Entry(f"new-{entry.id}", "New")])
    assert seen == [*((f"e{i}", f"Title {i}") for i in range(5)), ("o", "Other")]
    assert base.count() == 12


def test_compacting_an_old_version_keeps_the_newest_pictures(base: KnowledgeBase, pictures: Pictures) -> None:
    old = KnowledgeBase.open(base.location)
    base.upsert([Entry("new", "New", images=("9",))], pictures)
    KnowledgeBase.open(base.location, version=old.version).compact(keep=timedelta(0))
    old.compact(keep=timedelta(0))
    assert list(KnowledgeBase.open(base.location).verify()) == []
    assert KnowledgeBase.open(base.location).count_pictures() == 4


def test_a_change_stands_where_joining_files_is_beaten(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    def beaten(*_: object, **__: object) -> None:
        raise ConflictError("Others kept changing it.")

    monkeypatch.setattr(base._entries, "crowded", lambda: True)
    monkeypatch.setattr(base._entries, "compact", beaten)
    base.upsert([Entry("e1", "Changed")])
    assert base.get("e1").title == "Changed"


def test_joining_that_is_beaten_is_tried_again(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    from lance.dataset import DatasetOptimizer

    times = []
    real = DatasetOptimizer.compact_files

    def beaten(self: object, **options: object) -> object:
        times.append(1)
        if len(times) == 1:
            raise OSError("Retryable commit conflict for version 7: preempted by concurrent transaction Update")
        return real(self, **options)

    monkeypatch.setattr(DatasetOptimizer, "compact_files", beaten)
    base.compact()
    assert len(times) == 3  # of the entries twice, of the pictures once
    assert list(base.verify()) == []


def test_entries_that_are_there_twice_or_lost_are_told(base: KnowledgeBase) -> None:
    table = base._entries.at()
    table.insert(table.to_table(filter="id = 'e1'"), mode="append")
    with pytest.raises(KnowledgeCorrupt, match="has 7 entries at version"):
        base.refresh()
    table.delete("id = 'e3'")  # now the number is right, and the sum is not
    base.refresh()
    with pytest.raises(KnowledgeCorrupt, match="not the 6 of its stamp"):
        list(base.iterate())
    told = list(base.verify())
    assert any("'e1': it is there 2 times" in line for line in told)
    assert any("are not the 6" in line for line in told)
    with pytest.raises(KnowledgeCorrupt, match="there 2 times"):
        base.get("e1")


def test_a_picture_that_is_gone_is_told(base: KnowledgeBase) -> None:
    image = base.get("e2").images[0]
    base._pictures.delete([image])
    assert list(base.verify()) == [f"entry 'e2': its picture {image} is not in the base"]


def test_two_writers_of_one_picture_keep_one(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    other = KnowledgeBase.open(base.location)
    merge = base._pictures.commit.__func__  # type: ignore[attr-defined]

    def overtaken(planned):
        def late(newest):
            change = planned(newest)
            if "theirs" not in other:
                other.upsert([Entry("theirs", "Theirs", images=("8",))], numbered)
            return change

        return merge(base._pictures, late)

    monkeypatch.setattr(base._pictures, "commit", overtaken)
    base.upsert([Entry("ours", "Ours", images=("8",))], numbered)
    assert base.count_pictures() == 4
    assert list(base.verify()) == []


def test_a_damaged_entry_is_written_again(base: KnowledgeBase) -> None:
    entry = base.get("e3")
    for path in Path(base.location).rglob("*.lance"):
        if path.is_file() and b"Text 3." in path.read_bytes():
            path.write_bytes(path.read_bytes().replace(b"Text 3.", b"Text 4."))
    damaged = KnowledgeBase.open(base.location)
    assert damaged.hashes()["e3"] == b""
    damaged.upsert([entry])
    assert damaged.get("e3") == entry
    assert list(damaged.verify()) == []


def test_what_a_damaged_index_hides_is_found(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    real = base._entries.rows
    monkeypatch.setattr(base._entries, "rows", lambda ids, names: real(ids, names).slice(0, 0))
    assert base.get("e3").title == "Title 3"


def test_an_older_version_is_read_where_the_newest_is_gone(base: KnowledgeBase) -> None:
    before = base.version
    base.upsert([Entry("new", "New")])
    newest = min((Path(base.location) / "entries.lance" / "_versions").glob("*.manifest"))  # they count down
    newest.write_bytes(newest.read_bytes()[:40])
    with pytest.raises(KnowledgeCorrupt):
        KnowledgeBase.open(base.location)
    older = KnowledgeBase.open(base.location, version=before)
    assert (older.count(), older.get("e1").title) == (6, "Title 1")


def test_the_empty_id_is_no_entry(base: KnowledgeBase) -> None:
    base.upsert([Entry("-", "Dash")])
    assert "" not in base
    for action in (base.get, base.picture, lambda _: base.delete([""])):
        with pytest.raises(KnowledgeError, match=r"none with the id ''|no picture ''"):
            action("")
    assert base.count() == 7
