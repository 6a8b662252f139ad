import hashlib
import json
import operator
from pathlib import Path

import pytest

from pictures import picture
from ravlm.errors import PathError
from ravlm.knowledge.rows import canonical
from ravlm.knowledge.sources.wikipedia import crew, multistream, source
from ravlm.knowledge.sources.wikipedia.dump import read_site
from ravlm.knowledge.sources.wikipedia.redirects import Redirects, RedirectWriter
from ravlm.knowledge.sources.wikipedia.source import WikipediaSource
from ravlm.records import Section
from wikipedia_dumps import ENTRIES, FOOT, FORMS, PAGES, SKIPPED, export, in_streams, page, read, write


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few pages, so that a small dump has many."""
    monkeypatch.setattr(multistream, "RANGE", 700)
    monkeypatch.setattr(source, "_BATCH_PAGES", 3)
    monkeypatch.setattr(source, "chunks", lambda stream: iter(lambda: stream.read(1000), b""))


@pytest.mark.parametrize("form", FORMS)
def test_a_dump_in_every_form(form: str, tmp_path: Path) -> None:
    made = WikipediaSource(write(tmp_path, form, FORMS[form](PAGES)), workers=1)
    entries, seen, skipped = read(made.parts())
    assert entries == ENTRIES
    assert (seen, skipped) == (len(PAGES), SKIPPED)
    assert made.name == "enwiki"
    for entry in entries:
        canonical(entry)


@pytest.mark.parametrize("form", FORMS)
def test_many_parts_give_the_same_and_each_can_be_taken_up(form: str, tmp_path: Path, small: None) -> None:
    made = WikipediaSource(write(tmp_path, form, FORMS[form](PAGES)), workers=1)
    parts = list(made.parts())
    assert read(iter(parts)) == (ENTRIES, len(PAGES), SKIPPED)
    with_pages = [part for part in parts if part.read]
    assert len(with_pages) > 3
    assert [part.done for part in parts] == sorted(part.done for part in parts)
    assert parts[-1].done <= made.size
    for number, part in enumerate(with_pages):
        place = json.loads(json.dumps(part.place))
        assert read(made.parts(place)) == read(iter(with_pages[number + 1 :]))


def test_a_pass_for_redirects_comes_first_and_moves_on(tmp_path: Path, small: None) -> None:
    path = write(tmp_path, "a.xml.bz2", in_streams(PAGES, 2))
    first = [part for part in WikipediaSource(path, workers=1).parts() if not part.read]
    assert len(first) > 1
    assert all(part.place is None and not part.entries for part in first)
    without = WikipediaSource(path, workers=1, redirects=False)
    assert without.size == path.stat().st_size
    entries, _, skipped = read(without.parts())
    assert not any(entry.aliases for entry in entries)
    assert skipped == SKIPPED


@pytest.mark.parametrize("form", ["x.xml.bz2", "multi.xml.bz2"])
def test_processes_side_by_side_give_the_same(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: None
) -> None:
    monkeypatch.setattr(source, "_LEAST_TO_SHARE", 0)
    path = write(tmp_path, form, FORMS[form](PAGES))
    alone, shared = (list(WikipediaSource(path, workers=workers).parts()) for workers in (1, 2))
    assert shared == alone


def test_where_processes_fail_the_work_is_done_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: None
) -> None:
    monkeypatch.setattr(source, "_LEAST_TO_SHARE", 0)
    monkeypatch.setattr(crew, "_start", operator.index)  # every process fails as it starts
    made = WikipediaSource(write(tmp_path, "a.xml.bz2", in_streams(PAGES, 2)), workers=2)
    assert read(made.parts()) == (ENTRIES, len(PAGES), SKIPPED)


def test_options_and_settings(tmp_path: Path) -> None:
    path = write(tmp_path, "a.xml", export(PAGES, "zh"))
    made = WikipediaSource(path, "mine", language="zh-hant", least=20)
    entries, _, skipped = read(made.parts())
    assert {(entry.source, entry.language, entry.id.split(":")[0]) for entry in entries} == {
        ("mine", "zh-hant", "zhwiki")
    }
    assert skipped["no text"] == SKIPPED["no text"] + 2
    assert json.loads(json.dumps(made.settings())) == made.settings()
    assert made.settings() != WikipediaSource(path, "mine", language="zh-hant").settings()
    assert made.settings() == WikipediaSource(path, "mine", language="zh-hant", least=20, workers=3).settings()
    with pytest.raises(PathError, match="no folder"):
        made.picture("a.jpg")


@pytest.mark.parametrize(
    ("name", "wiki"),
    [("dewiki-20240101-pages.xml", "dewiki"), ("zh_yuewiki-x.xml", "zh_yuewiki"), ("a.xml", "wikipedia")],
)
def test_a_dump_without_a_name_is_called_after_its_file(name: str, wiki: str, tmp_path: Path) -> None:
    data = b'<mediawiki xml:lang="de">' + page("A", 1, "text").encode() + FOOT.encode()
    (entry,), _, _ = read(WikipediaSource(write(tmp_path, name, data)).parts())
    assert (entry.id, entry.source, entry.language, entry.url) == (f"{wiki}:1", wiki, "de", "")


def test_pictures_out_of_a_folder(tmp_path: Path) -> None:
    digest = hashlib.md5(b"D_e.png", usedforsecurity=False).hexdigest()
    folder = tmp_path / "images"
    (folder / digest[0] / digest[:2]).mkdir(parents=True)
    for name in ("A b.jpg", "B_c.jpg", f"{digest[0]}/{digest[:2]}/D_e.png", "F.svg.png", "G.svg"):
        (folder / name).write_bytes(picture(1) + name.encode())
    write(tmp_path, "Secret.jpg", b"secret")
    (folder / "Link.jpg").symlink_to(tmp_path / "Secret.jpg")
    names = ["a b.jpg", "B_c.jpg", "D e.png", "F.svg", "G.svg", "Absent.jpg", "../Secret.jpg", "Link.jpg", "/etc/x.png"]
    pages = [page(f"P{at}", at, f"{{{{x|image={name}}}}} text") for at, name in enumerate(names)]
    made = WikipediaSource(write(tmp_path, "a.xml", export(pages)), images=folder)
    entries, _, _ = read(made.parts())
    assert [entry.images for entry in entries] == [("A b.jpg",), ("B c.jpg",), ("D e.png",), ("F.svg",), *[()] * 5]
    lead = [entry.meta.get("lead_image") for entry in entries]
    assert lead == ["A b.jpg", "B c.jpg", "D e.png", "F.svg", "G.svg", "Absent.jpg", None, "Link.jpg", None]
    for entry in entries[:4]:
        assert made.picture(entry.images[0]).startswith(picture(1))
    for name in ("Absent.jpg", "../Secret.jpg", "Link.jpg", "/etc/passwd", "../../etc/passwd", "", "\0", "a" * 5000):
        with pytest.raises(PathError):
            made.picture(name)
    with pytest.raises(PathError, match="no folder"):
        WikipediaSource(tmp_path / "a.xml", images=tmp_path / "absent")


def test_redirects_are_followed_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = RedirectWriter(tmp_path / "a.sqlite")
    writer.add([("A", "b"), ("A", "a"), ("A", "a"), ("b", "c"), ("c", "A"), ("c", "d"), ("d", "too far"), ("X", "A")])
    writer.add([("Many", f"{at:04}") for at in range(1500)])
    writer.close()
    redirects = Redirects(tmp_path / "a.sqlite")
    assert redirects.aliases("A") == ("a", "b", "c", "d")
    assert redirects.aliases("absent") == ()
    assert redirects.aliases("Many") == tuple(f"{at:04}" for at in range(1000))
    redirects.close()


def test_the_redirects_file_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    made = WikipediaSource(write(tmp_path, "a.xml", export(PAGES)))
    parts = made.parts()
    next(parts)
    assert list((tmp_path / "temporary").iterdir())
    parts.close()  # type: ignore[attr-defined]
    assert not list((tmp_path / "temporary").iterdir())
    list(made.parts())
    assert not list((tmp_path / "temporary").iterdir())


def test_the_header(tmp_path: Path) -> None:
    site = read_site(write(tmp_path, "a.xml", export([])))
    assert (site.wiki, site.language, site.articles) == ("enwiki", "en", "https://en.wikipedia.org/wiki/")
    assert site.namespaces[6] == "Bestand X"
    (entry,), _, _ = read(
        WikipediaSource(write(tmp_path, "b.xml", export([page("Ä/b c?", 1, "[[Bestand_X:d.png|e]] text")]))).parts()
    )
    assert entry.url == "https://en.wikipedia.org/wiki/%C3%84/b_c%3F"
    assert entry.meta == {"lead_image": "D.png"}
    assert entry.sections == (Section("", "text"),)
