import bz2
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravlm.errors import FormatError, PathError, RavlmError
from ravlm.knowledge.sources.part import Part
from ravlm.knowledge.sources.wikipedia import convert, dump, multistream, source
from ravlm.knowledge.sources.wikipedia.dump import PageCutter, head, read_page
from ravlm.knowledge.sources.wikipedia.source import WikipediaSource
from wikipedia_dumps import (
    ENTRIES,
    FOOT,
    FORMS,
    PAGES,
    SKIPPED,
    collect,
    cut_anywhere,
    export,
    in_streams,
    page,
    read,
    streams,
    write,
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few pages, so that a small dump has many."""
    monkeypatch.setattr(multistream, "RANGE", 700)
    monkeypatch.setattr(source, "_BATCH_PAGES", 3)
    monkeypatch.setattr(source, "chunks", lambda stream: iter(lambda: stream.read(1000), b""))


def test_bytes_that_only_look_like_a_stream_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: None
) -> None:
    data = in_streams(PAGES, 2)
    places = [at for at in range(0, len(data), 97) if data[at : at + 3] != b"BZh"]
    monkeypatch.setattr(multistream, "_next_stream", lambda path, at, size: next((p for p in places if p >= at), size))
    monkeypatch.setattr(multistream, "RANGE", 100)
    made = WikipediaSource(write(tmp_path, "a.xml.bz2", data), workers=1)
    assert read(made.parts()) == (ENTRIES, len(PAGES), SKIPPED)


def test_a_range_that_holds_very_much_comes_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "MOST_ENTRIES", 2)
    made = WikipediaSource(write(tmp_path, "a.xml.bz2", in_streams(PAGES, 100)), workers=1)
    parts = [part for part in made.parts() if part.read]
    assert [len(part.entries) for part in parts] == [2, 2, 1]
    assert read(iter(parts)) == (ENTRIES, len(PAGES), SKIPPED)
    for number, part in enumerate(parts):
        assert [later for later in made.parts(part.place) if later.read] == parts[number + 1 :]


@pytest.mark.parametrize("form", FORMS)
def test_a_dump_cut_off_is_an_error_after_what_was_whole(form: str, tmp_path: Path) -> None:
    generator = random.Random(1)
    pages = [page(f"P{at}", at, generator.randbytes(4000).hex()) for at in range(60)]
    data = FORMS[form](pages) if form != "pbzip2.xml.bz2" else cut_anywhere(pages, 100_000)
    made = WikipediaSource(write(tmp_path, form, data[: len(data) * 3 // 4]), workers=1)
    parts: list[Part] = []
    with pytest.raises(FormatError, match="checksum"):
        collect(made.parts(), parts)
    entries, seen, _ = read(iter(parts))
    assert [entry.title for entry in entries] == [f"P{at}" for at in range(len(entries))]
    assert 20 < seen < 50
    with pytest.raises(FormatError):
        list(made.parts(parts[-1].place))


def test_a_dump_without_its_end_is_an_error(tmp_path: Path) -> None:
    for data in (export(PAGES)[: -len(FOOT)], in_streams(PAGES, 3)[: -len(bz2.compress(FOOT.encode()))]):
        made = WikipediaSource(write(tmp_path, "a.xml", data), workers=1)
        parts: list[Part] = []
        with pytest.raises(FormatError, match="</mediawiki>"):
            collect(made.parts(), parts)
        assert read(iter(parts)) == (ENTRIES, len(PAGES), SKIPPED)
        with pytest.raises(FormatError):
            list(made.parts(parts[-1].place))


def test_damage_within_is_an_error_after_what_was_whole(tmp_path: Path, small: None) -> None:
    data = bytearray(in_streams(PAGES, 2))
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    parts: list[Part] = []
    with pytest.raises(FormatError, match="damaged"):
        collect(WikipediaSource(write(tmp_path, "a.xml.bz2", bytes(data)), workers=1).parts(), parts)
    entries, _, _ = read(iter(parts))
    assert entries[:2] == ENTRIES[:2]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not XML",
        b"<html><body/></html>",
        b"\x89PNG\r\n\x1a\n",
        export(PAGES).decode().encode("utf-16"),
        b'<!DOCTYPE mediawiki [<!ENTITY a "b">]>' + export(PAGES),
        b'<!DOCTYPE mediawiki SYSTEM "http://x/y.dtd">' + export(PAGES),
        b"<mediawiki><siteinfo><dbname>a</siteinfo>",
        b"<mediawiki><siteinfo><sitename>" + b"a" * 4_200_000,
    ],
)
def test_what_is_no_export_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        WikipediaSource(write(tmp_path, "a.xml", data))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PathError):
        WikipediaSource(tmp_path / "absent.xml.bz2")


@pytest.mark.parametrize(
    "broken",
    [
        "<page><!DOCTYPE a [<!ENTITY b 'c'>]><title>A</title><ns>0</ns><id>1</id></page>",
        "<page><title>A</title><ns>0</ns><id>1</id><revision><text>&undeclared;</text></revision></page>",
        "<page><title>A</title><ns>0</ns><revision><text>no number</text></revision></page>",
        "<page><title></title><ns>0</ns><id>1</id><revision><text>no title</text></revision></page>",
        "<page><title>A</title><ns>0</ns><id>x1</id><revision><text>a</text></revision></page>",
        "<page><title>A</title><ns>0</ns><id>1</id><revision><text>a</revision></page>",
        "<page>" + "<a>" * 200 + "</a>" * 200 + "</page>",
        "<page>\x01</page>",
        "<page></page>",
    ],
)
def test_a_broken_page_is_counted_and_the_next_is_read(broken: str, tmp_path: Path) -> None:
    made = WikipediaSource(write(tmp_path, "a.xml", export([broken, page("B", 2, "text")])))
    entries, seen, skipped = read(made.parts())
    assert ([entry.title for entry in entries], seen, skipped) == (["B"], 2, {"broken page": 1})


def test_bytes_that_are_not_utf8_are_a_broken_page(tmp_path: Path) -> None:
    data = export([page("A", 1, "caf@"), page("B", 2, "text")]).replace(b"caf@", b"caf\xe9")
    entries, _, skipped = read(WikipediaSource(write(tmp_path, "a.xml", data)).parts())
    assert ([entry.title for entry in entries], skipped) == (["B"], {"broken page": 1})


def test_unusual_but_whole_pages(tmp_path: Path) -> None:
    older = "<page><title>Old</title><id>1</id><restrictions>x</restrictions><revision><id>2</id><text>one</text>"
    pages = [
        older + "</revision></page>",
        "<page><id>3</id><title>Twice</title><ns>0</ns><revision><text>first</text></revision><revision><text>second"
        "</text></revision></page>",
        "<page><title>C</title><ns> 4 </ns><id>4</id><revision><text>x</text></revision></page>",
        "<page><title>D</title><ns>0</ns><id>5</id><restrictions/><redirect title='Old'/><revision><text>x</text>"
        "</revision></page>",
        "<page><title>E</title><ns>0</ns><id>6</id><revision><text><![CDATA[a [[b]] <br> &amp; c]]></text>"
        "</revision></page>",
    ]
    entries, _, skipped = read(WikipediaSource(write(tmp_path, "a.xml", export(pages))).parts())
    texts = {entry.title: [section.text for section in entry.sections] for entry in entries}
    assert texts == {"Old": ["one"], "Twice": ["second"], "E": ["a b\n& c"]}
    assert skipped == {"not an article": 1, "redirect": 1}


@pytest.mark.parametrize("form", FORMS)
def test_a_page_that_is_too_large_is_left_out(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: None
) -> None:
    monkeypatch.setattr(dump, "LARGEST_PAGE", 4000)
    pages = [page("A", 1, "text"), page("Large", 2, "word " * 2000), page("B", 3, "text"), page("C", 4, "text")]
    made = WikipediaSource(write(tmp_path, form, FORMS[form](pages)), workers=1)
    parts = list(made.parts())
    entries, seen, skipped = read(iter(parts))
    assert ([entry.title for entry in entries], seen, skipped) == (["A", "B", "C"], 4, {"page over 64 MB": 1})
    for part in parts:
        rest, _, _ = read(made.parts(part.place))
        assert [entry.title for entry in rest] in (["A", "B", "C"], ["B", "C"], ["C"], [])


@given(
    st.lists(
        st.sampled_from(
            [
                b"<page>",
                b"</page>",
                b"<title>A</title>",
                b"<ns>0</ns>",
                b"<id>1</id>",
                b"<text>",
                b"</text>",
                b"<",
                b">",
            ]
        )
        | st.sampled_from(
            [
                b"<revision>",
                b"</revision>",
                b"</mediawiki>",
                b"&",
                b"&amp;",
                b"\xff",
                b"a",
                b"<!DOCTYPE",
                b'<redirect title="',
            ]
        ),
        max_size=40,
    ).map(b"".join),
    st.integers(1, 20),
)
@settings(deadline=None)
def test_any_bytes_are_cut_the_same_in_whatever_pieces(data: bytes, size: int) -> None:
    one = PageCutter()
    whole = list(one.feed(data))
    cutter = PageCutter()
    pieces = [found for at in range(0, len(data), size) for found in cutter.feed(data[at : at + size])]
    assert pieces == whole
    assert (cutter.ended, cutter.behind) == (one.ended, one.behind)
    for found in whole:
        if isinstance(found, bytes):
            head(found)
            try:
                read_page(found)
            except RavlmError:
                continue


@pytest.mark.parametrize("seed", range(8))
def test_streams_cut_at_random_places_give_the_same(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = random.Random(seed)
    monkeypatch.setattr(multistream, "RANGE", generator.choice([50, 300, 2000]))
    data = export(PAGES)
    cuts = sorted(generator.sample(range(1, len(data)), 30))
    made = streams(*(data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)))
    dumped = WikipediaSource(write(tmp_path, "a.xml.bz2", made), workers=1)
    parts = [part for part in dumped.parts() if part.read]
    assert read(iter(parts)) == (ENTRIES, len(PAGES), SKIPPED)
    chosen = generator.randrange(len(parts))
    assert [part for part in dumped.parts(parts[chosen].place) if part.read] == parts[chosen + 1 :]


def test_results_are_bounded_in_memory(tmp_path: Path) -> None:
    """A small file of a very large export: what is held is a part of it."""
    many: Any = [page(f"P{at}", at, "word") for at in range(2500)]
    parts = list(
        WikipediaSource(write(tmp_path, "a.xml.bz2", in_streams(many, 2500)), workers=1, redirects=False).parts()
    )
    assert max(len(part.entries) for part in parts) <= convert.MOST_ENTRIES
    assert sum(len(part.entries) for part in parts) == 2500
