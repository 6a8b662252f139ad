import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pictures import picture
from ravlm.errors import ConflictError, FormatError, ImageError, KnowledgeCorrupt, KnowledgeError, PathError
from ravlm.knowledge.rows import canonical, content_hash, multiset_hash, picture_id
from ravlm.knowledge.store import KnowledgeBase
from ravlm.knowledge.tables import Table
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
    assert list(base.damage()) == []


def test_an_empty_base_is_a_base(tmp_path: Path) -> None:
    empty = KnowledgeBase.create(tmp_path / "kb")
    assert (empty.count(), list(empty.iterate()), empty.fingerprint) == (0, [], "0" * 64)
    assert list(empty.damage()) == []
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
    reader = KnowledgeBase.open(base.folder)
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
    reader = KnowledgeBase.open(base.folder)
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
    assert before == multiset_hash(content_hash(canonical(entry)) for entry in base.iterate())
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
    base.folder.rename(model / "knowledge")
    assert KnowledgeBase.open(model).count() == 6


def test_what_is_no_base_is_refused(base: KnowledgeBase, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name, found in [("nowhere", "nothing"), (".", "a folder without one"), ("file", "a file")]:
        with pytest.raises(PathError, match=f"found {found}"):
            KnowledgeBase.open(tmp_path / name)
    with pytest.raises(PathError, match="already holds"):
        KnowledgeBase.create(base.folder)
    with pytest.raises(PathError, match="in the way"):
        KnowledgeBase.create(tmp_path / "file")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "kb"]


def test_a_newer_format_says_upgrade(base: KnowledgeBase) -> None:
    (base.folder / "base.json").write_text(json.dumps({"format": 2}))
    with pytest.raises(FormatError, match=r"format 2; .*upgrade"):
        KnowledgeBase.open(base.folder)
    (base.folder / "base.json").write_text("{")
    with pytest.raises(KnowledgeCorrupt):
        KnowledgeBase.open(base.folder)


def test_a_writer_that_keeps_losing_says_so(base: KnowledgeBase) -> None:
    class Losing:
        attempts = 0

        def open_table(self, _: str) -> "Losing":
            return self

        def delete(self, _: str) -> None:
            Losing.attempts += 1
            raise RuntimeError("lance error: Retryable commit conflict for version 7")

    table = Table(base.folder, "entries")
    table._database = Losing()
    with pytest.raises(ConflictError, match="was not made"):
        table.delete(["e1"])
    assert Losing.attempts == 5
    assert KnowledgeBase.open(base.folder).count() == 6
