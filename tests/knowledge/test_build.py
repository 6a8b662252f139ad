"""Building: stopped, taken up, refused, limited."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harm import Numbers
from pictures import picture
from ravlm.errors import FormatError, KnowledgeError, PathError
from ravlm.knowledge.build import build, estimate
from ravlm.knowledge.building import Building, building_folder
from ravlm.knowledge.sources.part import Part
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry


class Stopped(Exception):
    """As if Ctrl-C were pressed."""


class Stopping(Numbers):
    """Numbers whose reading is stopped after a hundred."""

    def parts(self, after: int | None = None) -> Iterator[Part]:
        for part in super().parts(after):
            if part.done > 100:
                raise Stopped
            yield part


@pytest.fixture(autouse=True)
def small_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ravlm.knowledge.build._ROWS", 50)


def test_a_stopped_build_is_taken_up(tmp_path: Path) -> None:
    out = tmp_path / "kb"
    with pytest.raises(Stopped):
        build(Stopping(300), out)
    assert building_folder(out).is_dir()
    assert not out.exists()
    with pytest.raises(KnowledgeError, match=r"begun and not finished, .* now it is another source, .*count, size"):
        build(Numbers(400), out)
    report = build(Numbers(300), out)
    assert (report.read, report.kept, report.skipped, report.resumed) == (300, 300, {}, True)
    assert [path.name for path in tmp_path.iterdir()] == ["kb"]
    other = build(Numbers(300), tmp_path / "other")
    assert not other.resumed
    assert KnowledgeBase.open(out).fingerprint == KnowledgeBase.open(tmp_path / "other").fingerprint


def test_a_commit_that_was_not_noted_is_not_made_twice(tmp_path: Path) -> None:
    out = tmp_path / "kb"
    with pytest.raises(Stopped):
        build(Stopping(300), out)
    state = (building_folder(out) / "build.json").read_text()
    with pytest.raises(Stopped):
        build(Stopping(300), out)
    building = Building(out, {**_settings(state)})
    part = next(iter(Numbers(300).parts(building.place)))
    building.tally.count(part, len(part.entries), {})
    building.write([building.prepare(part.entries, Numbers(300))], part.place, building.tally)
    building.close()
    (building_folder(out) / "build.json").write_text(state)
    assert build(Numbers(300), out).kept == 300
    assert list(KnowledgeBase.open(out).verify()) == []


def _settings(state: str) -> dict[str, object]:
    import json

    return dict(json.loads(state)["settings"])


def test_repeated_ids_are_counted_and_the_first_is_kept(tmp_path: Path) -> None:
    report = build(Numbers(1100), tmp_path / "kb")
    assert (report.read, report.kept, report.skipped) == (1100, 990, {"id repeated": 110})
    assert KnowledgeBase.open(tmp_path / "kb").get("n5").title == "Number 5"


def test_a_limit_ends_it(tmp_path: Path) -> None:
    assert build(Numbers(300), tmp_path / "kb", limit=70).kept == 70
    assert KnowledgeBase.open(tmp_path / "kb").count() == 70


def test_two_builds_of_one_base_are_refused(tmp_path: Path) -> None:
    first = Building(tmp_path / "kb", {})
    with pytest.raises(PathError, match="Another process is at work"):
        build(Numbers(300), tmp_path / "kb")
    first.close()
    first.discard()
    assert build(Numbers(300), tmp_path / "kb").kept == 300


class Faulty(Numbers):
    """Numbers that end in a fault of the file."""

    def parts(self, after: int | None = None) -> Iterator[Part]:
        yield from super().parts(after)
        raise FormatError("numbers.txt is cut off. Get it again.")


def test_a_faulty_source_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cut off"):
        build(Faulty(300, strict=False), tmp_path / "kb")
    assert list(tmp_path.iterdir()) == []


class Pictured(Numbers):
    """Three entries, one with a picture that is none, one with one that is missing."""

    def parts(self, after: int | None = None) -> Iterator[Part]:
        yield Part([Entry(name, name, text="x", images=(name, "good")) for name in ("bad", "missing", "good")], 3, 3, 3)

    def picture(self, name: str) -> bytes:
        if name == "missing":
            raise PathError("There is no picture.")
        return picture(1) if name == "good" else b"GIF89a"


def test_pictures_that_can_not_be_read_cost_only_themselves(tmp_path: Path) -> None:
    report = build(Pictured(3, strict=False), tmp_path / "kb")
    assert (report.kept, report.skipped) == (3, {"picture that can't be read": 2})
    base = KnowledgeBase.open(tmp_path / "kb")
    assert [len(entry.images) for entry in base.iterate()] == [1, 1, 1]


def test_an_estimate_refuses_what_has_no_room(tmp_path: Path) -> None:
    source = Numbers(1000)
    told = estimate(source, tmp_path / "deep" / "kb")
    assert (told.disk, told.free > 0, told.memory >= source.memory) == (1000, True, True)
    source.size = 10**18
    with pytest.raises(PathError, match="Make room"):
        estimate(source, tmp_path / "kb")


class Nothing(Numbers):
    """Records of which none becomes an entry."""

    def parts(self, after: int | None = None) -> Iterator[Part]:
        yield Part([], 7, 300, 7, {"no text": 7})


def test_a_source_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        KnowledgeError, match=r"7 records were read; left out: 7 no text\. Is it of the kind 'numbers'\?"
    ):
        build(Nothing(300), tmp_path / "kb")
    assert list(tmp_path.iterdir()) == []


def test_many_commits_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ravlm.knowledge.tables.MOST_FRAGMENTS", 4)
    assert build(Numbers(900), tmp_path / "kb").kept == 900
    base = KnowledgeBase.open(tmp_path / "kb")
    assert len(base._entries.pinned.get_fragments()) < 8
    assert base.get("n777").title == "Number 777"
    assert list(base.verify()) == []


class TwoPasses(Numbers):
    """Numbers whose first pass gives no entries and no place to go on from."""

    stops = True

    def parts(self, after: int | None = None) -> Iterator[Part]:
        if after is None:
            yield Part([], 0, 1, None, {"not a number": 7})
            if self.stops:
                raise Stopped
        yield from super().parts(after)


def test_a_first_pass_that_starts_over_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ravlm.knowledge.build._SECONDS", -1.0)  # a commit after every part
    with pytest.raises(Stopped):
        build(TwoPasses(100), tmp_path / "kb")
    monkeypatch.setattr(TwoPasses, "stops", False)
    report = build(TwoPasses(100), tmp_path / "kb")
    assert (report.kept, report.skipped) == (100, {"not a number": 7})
