import gzip
import io
import json
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pictures import picture
from ravlm.errors import DatasetError, FormatError, PathError, RavlmError
from ravlm.knowledge.build import build
from ravlm.knowledge.rows import canonical
from ravlm.knowledge.sources import json_object, parting
from ravlm.knowledge.sources.beir import BeirSource
from ravlm.knowledge.sources.dataset import DatasetSource
from ravlm.knowledge.sources.evqa import EncyclopedicVqaSource, article_id
from ravlm.knowledge.sources.infoseek import InfoSeekSource
from ravlm.knowledge.sources.json_object import Member, members
from ravlm.knowledge.sources.part import Source
from ravlm.knowledge.store import KnowledgeBase
from ravlm.lines import EntryLine
from ravlm.records import Entry, Section
from ravlm.safe.jsonl import Fault, read_models

COMMONS = "https://upload.wikimedia.org/wikipedia/commons/a/ab"


def read(source: Source) -> tuple[list[Entry], dict[str, int]]:
    entries: list[Entry] = []
    skipped: Counter[str] = Counter()
    for part in source.parts():
        entries += part.entries
        skipped.update(part.skipped)
        assert part.read == len(part.entries) + sum(part.skipped.values())
    for entry in entries:
        canonical(entry)
    return entries, dict(skipped)


def check_resume(source: Source, least: int) -> None:
    parts = list(source.parts())
    assert len(parts) >= least
    for number, part in enumerate(parts):
        assert list(source.parts(json.loads(json.dumps(part.place)))) == parts[number + 1 :]
    assert parts[-1].done == source.size
    assert json.loads(json.dumps(source.settings())) == source.settings()


def jsonl(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def article(number: int, **fields: Any) -> dict[str, Any]:
    """An article as Encyclopedic-VQA has them."""
    return {
        "title": f"Bird {number}",
        "section_titles": [f"Bird {number}", "Habitat", "See also"],
        "section_texts": [f"Bird {number} sings.", "It lives in\nforests.", ""],
        "image_urls": [f"{COMMONS}/Caf%C3%A9_{number}.jpg", f"{COMMONS}/b.png?width=3"],
        "image_reference_descriptions": ["A bird", ""],
        "image_section_indices": [0, 1],
        "url": f"https://en.wikipedia.org/wiki/Bird_{number}",
    } | fields


def evqa(path: Path, articles: dict[str, Any], **how: Any) -> Path:
    path.write_text(json.dumps(articles, **how), encoding="utf-8")
    return path


def numbered(count: int) -> dict[str, Any]:
    return {f"https://en.wikipedia.org/wiki/Bird_{number}": article(number) for number in range(count)}


# Encyclopedic-VQA


def test_an_article_becomes_an_entry_with_sections(tmp_path: Path) -> None:
    ((entry,), skipped) = read(EncyclopedicVqaSource(evqa(tmp_path / "kb.json", numbered(1))))
    assert entry == Entry(
        "evqa:Bird_0",
        "Bird 0",
        sections=(Section("Bird 0", "Bird 0 sings."), Section("Habitat", "It lives in\nforests.")),
        source="evqa",
        licence="CC-BY-SA-3.0",
        url="https://en.wikipedia.org/wiki/Bird_0",
        meta={
            "image_urls": [f"{COMMONS}/Caf%C3%A9_0.jpg", f"{COMMONS}/b.png?width=3"],
            "image_captions": ["A bird", ""],
        },
    )
    assert article_id(entry.url) == entry.id
    assert not skipped


def test_downloaded_pictures_are_used(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    (images / "Café_0.jpg").write_bytes(picture(1))
    (images / "b.png").write_bytes(picture(2))
    (tmp_path / "secret.png").write_bytes(picture(3))
    (images / "link.png").symlink_to(tmp_path / "secret.png")
    (images / "loop.png").symlink_to("loop.png")
    urls = [
        "https://x/..%2Fsecret.png",
        "https://x/..",
        "https://x/link.png",
        "https://x/loop.png",
        "https://x/" + "n" * 5000,
    ]
    articles = numbered(1) | {"https://en.wikipedia.org/wiki/Bad": article(9, image_urls=urls)}
    source = EncyclopedicVqaSource(evqa(tmp_path / "kb.json", articles), images=images)
    (good, bad), _ = read(source)
    assert good.images == ("Café_0.jpg", "b.png")
    assert bad.images == ()
    assert bad.meta["image_urls"] == urls
    assert source.picture("b.png") == picture(2)
    for name in ("../secret.png", "link.png", "none.png"):
        with pytest.raises(PathError):
            source.picture(name)
    with pytest.raises(PathError, match="no folder of pictures"):
        EncyclopedicVqaSource(tmp_path / "kb.json").picture("b.png")
    with pytest.raises(PathError, match="no folder"):
        EncyclopedicVqaSource(tmp_path / "kb.json", images=tmp_path / "none")


def test_a_zip_is_read_without_unpacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parting, "MOST_ENTRIES", 3)
    plain = EncyclopedicVqaSource(evqa(tmp_path / "kb.json", numbered(20), indent=1))
    check_resume(plain, 6)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        with zipfile.ZipFile(tmp_path / "kb.zip", "w", method) as archive:
            archive.write(tmp_path / "kb.json", "../kb.json")
            archive.writestr("__MACOSX/kb.json", "")
        packed = EncyclopedicVqaSource(tmp_path / "kb.zip")
        assert [part.entries for part in packed.parts()] == [part.entries for part in plain.parts()]
        places = [part.place for part in packed.parts()]
        assert places == [part.place for part in plain.parts()]
        for number, place in enumerate(places):
            assert len(list(packed.parts(place))) == len(places) - number - 1
    (tmp_path / "kb.json.gz").write_bytes(gzip.compress((tmp_path / "kb.json").read_bytes()))
    check_resume(EncyclopedicVqaSource(tmp_path / "kb.json.gz"), 6)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"Bird 7 sings", b"Bird 7 s1ngs"),  # the checksum tells
        lambda data: data[: len(data) // 2],
        lambda data: data[:-30],
        lambda data: data.replace(b"PK\x01\x02", b"PK\x01\x03"),
    ],
)
def test_a_damaged_zip_is_told(tmp_path: Path, change: Any) -> None:
    with zipfile.ZipFile(tmp_path / "kb.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("kb.json", json.dumps(numbered(20)))
    data = (tmp_path / "kb.zip").read_bytes()
    (tmp_path / "kb.zip").write_bytes(change(data))
    assert change(data) != data
    with pytest.raises(FormatError):
        read(EncyclopedicVqaSource(tmp_path / "kb.zip"))


@pytest.mark.parametrize("by", [-100, -1, 1, 100])
def test_a_zip_whose_declared_size_is_wrong_is_told(tmp_path: Path, by: int) -> None:
    content = json.dumps(numbered(20)).encode()
    with zipfile.ZipFile(tmp_path / "kb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("kb.json", content)
    data = (tmp_path / "kb.zip").read_bytes()
    declared = len(content).to_bytes(4, "little")
    assert data.count(declared) == 2
    (tmp_path / "kb.zip").write_bytes(data.replace(declared, (len(content) + by).to_bytes(4, "little")))
    with pytest.raises(FormatError):
        read(EncyclopedicVqaSource(tmp_path / "kb.zip"))


def test_a_zip_bomb_is_read_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_object, "LONGEST", 100_000)
    monkeypatch.setattr(json_object, "CHUNK", 50_000)
    with (
        zipfile.ZipFile(tmp_path / "kb.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("kb.json", "w") as file,
    ):
        file.write(b'{"a": ' + json.dumps(article(0)).encode() + b', "b": {"section_texts": ["')
        for _ in range(30):
            file.write(b"x" * 1_000_000)
        file.write(b'"]}}')
    assert (tmp_path / "kb.zip").stat().st_size < 50_000
    tracemalloc.start()
    entries, skipped = read(EncyclopedicVqaSource(tmp_path / "kb.zip"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(entries) == 1
    assert skipped == {"member over 16 MB": 1}
    assert peak < 4_000_000


def test_bad_articles_are_counted(tmp_path: Path) -> None:
    good = json.dumps(article(1)).encode()
    content = b", ".join(
        [
            b'{"https://en.wikipedia.org/wiki/A": ' + good,
            b'"broken utf-8": {"section_texts": ["\xff"]}',
            b'"no list": {"section_texts": "text"}',
            b'"no object": [1, "}", {"a": "\\"]"}]',
            b'"no text": {"title": "A", "section_texts": ["", null, "\\u0000"]}',
            b'"no number": {"section_texts": [NaN]}',
            b'"no value": {"section_texts": [tru]}',
            b'"too deep": ' + b"[" * 100_000 + b"]" * 100_000,
            b'"long": 1' + b"0" * 5000,
            b'"' + b"k" * 600 + b'": ' + good,
            b'"https://en.wikipedia.org/wiki/A": ' + good + b"}",
        ]
    )
    (tmp_path / "kb.json").write_bytes(content)
    entries, skipped = read(EncyclopedicVqaSource(tmp_path / "kb.json"))
    assert [entry.id for entry in entries] == ["evqa:A", "evqa:A"]
    assert skipped == {
        "not UTF-8": 1,
        "not an article": 2,
        "no text": 1,
        "not JSON": 4,
        "id over 512 characters": 1,
    }


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "begins with '{'"),
        (b"[1]", "begins with '{'"),
        (b"{}", "found no members"),
        (b'{"a": 1}', "the member 'a'"),
        (b'{"wikidata_id": "Q1"}\n{"wikidata_id": "Q2"}', "the kind `infoseek`"),
        (b"PK\x03\x04 no zip", "no zip"),
    ],
)
def test_what_is_not_encyclopedic_vqa_is_refused(tmp_path: Path, content: bytes, match: str) -> None:
    (tmp_path / "kb").write_bytes(content)
    with pytest.raises(FormatError, match=match):
        EncyclopedicVqaSource(tmp_path / "kb")


def test_a_zip_with_two_files_or_none_is_refused(tmp_path: Path) -> None:
    for names in ((), ("a.json", "b.json"), ("a.txt",)):
        with zipfile.ZipFile(tmp_path / "kb.zip", "w") as archive:
            archive.writestr("readme", "")
            for name in names:
                archive.writestr(name, "{}")
        with pytest.raises(FormatError, match=r"\.json files; expected one"):
            EncyclopedicVqaSource(tmp_path / "kb.zip")


# The reader of one huge object


def all_of(data: bytes, start: int = 0) -> list[Member]:
    return list(members(io.BytesIO(data[start:]), start, name="it"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4), st.booleans(), st.sampled_from([None, 1]))
def test_an_object_is_read_whatever_the_chunks(value: dict[str, Any], escaped: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=escaped, indent=indent)
    if any("\ud800" <= c <= "\udfff" for c in text):
        return
    data = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        for chunk in (1, 2, 5, 1 << 20):  # every character and every escape is cut somewhere
            patch.setattr(json_object, "CHUNK", chunk)
            found = all_of(data)
            assert {member.name: member.value for member in found} == value
            assert not any(member.fault for member in found)
            for number, member in enumerate(found):
                assert all_of(data, member.end) == found[number + 1 :]


PIECES = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b'"',
    b"\\",
    b'"a":',
    b"1",
    b" ",
    b"\xff",
    "鸟".encode(),
    b"\\u12",
    b"nul",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12), st.sampled_from([1, 3, 1 << 20]), st.sampled_from([4, 10_000]))
def test_any_bytes_are_read_or_refused(pieces: list[bytes], chunk: int, longest: int) -> None:
    data = b'{"a":' + b"".join(pieces) + b',"z":{"end":[1]}}'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_object, "CHUNK", chunk)
        patch.setattr(json_object, "LONGEST", longest)
        try:
            found = all_of(data)
        except RavlmError:
            return
        for number, member in enumerate(found):
            assert all_of(data, member.end) == found[number + 1 :]
        patch.setattr(json_object, "CHUNK", 1 << 20)
        assert all_of(data) == found


@pytest.mark.parametrize("chunk", [1, 2, 5, 1 << 20])
def test_what_is_too_long_is_passed_over(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(json_object, "CHUNK", chunk)
    monkeypatch.setattr(json_object, "LONGEST", 20)
    long = {"x": ['a"}]\\', {"y": "{["}, "é" * 30]}
    data = json.dumps({"a": long, "b": "s" * 50, "c": 10**50, "d": {"ok": 1}}, ensure_ascii=False).encode()
    assert [(m.name, m.value, m.fault) for m in all_of(data)] == [
        ("a", None, "member over 16 MB"),
        ("b", None, "member over 16 MB"),
        ("c", None, "member over 16 MB"),
        ("d", {"ok": 1}, None),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"a"',
        b'{"a":',
        b'{"a": 1',
        b'{"a": 1,',
        b'{"a": 1]',
        b'{"a": 1} x',
        b"{1: 2}",
        b'{"a" 1}',
        b'{"a": "\\',
    ],
)
def test_a_broken_object_is_told_with_its_place(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"it, byte \d+: expected .*, found "):
        all_of(data)


# BEIR


def test_a_beir_corpus_keeps_its_ids_and_metadata(tmp_path: Path) -> None:
    rows = [
        {"_id": "4983", "title": "Robins", "text": "Robins sing.", "metadata": {"url": "https://x.org", "year": 2001}},
        {"_id": "5", "title": "", "text": "鸟会飞。"},
        {"_id": "6", "title": "A title alone", "text": ""},
        {"_id": "7", "title": "", "text": " \u0000"},
        {"_id": "", "text": "x"},
        {"_id": "8" * 600, "text": "x"},
        {"_id": "9", "text": "x", "metadata": [[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]},
        {"_id": "10", "text": "x", "metadata": ["a\ud800"]},
        {"_id": "10", "text": "again"},
    ]
    (tmp_path / "scifact").mkdir()
    data = "\n".join([*map(json.dumps, rows), "no json"]).encode()
    (tmp_path / "scifact" / "corpus.jsonl").write_bytes(data)
    source = BeirSource(tmp_path / "scifact")
    entries, skipped = read(source)
    assert entries[0] == Entry(
        "scifact:4983",
        "Robins",
        "Robins sing.",
        source="scifact",
        url="https://x.org",
        meta={"url": "https://x.org", "year": 2001},
    )
    assert (entries[1].title, entries[1].language) == ("鸟会飞。", "zh")
    assert entries[2].text == "A title alone"
    assert entries[3].meta == {"metadata": ["a\ufffd"]}
    assert [entry.id for entry in entries[3:]] == ["scifact:10", "scifact:10"]
    assert skipped == {"no text": 1, "no id": 1, "id over 512 characters": 1, "nested too deep": 1, "not JSON": 1}
    with pytest.raises(PathError, match="no pictures"):
        source.picture("a.png")


@pytest.mark.parametrize("name", ["corpus.jsonl", "corpus.jsonl.gz"])
def test_reading_a_corpus_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(parting, "MOST_ENTRIES", 4)
    jsonl(tmp_path / "nq" / name, [{"_id": str(i), "title": "鸟", "text": f"Text {i}."} for i in range(30)])
    check_resume(BeirSource(tmp_path / "nq"), 8)
    check_resume(BeirSource(tmp_path / "nq" / name, "mine"), 8)


def test_what_is_no_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PathError, match=r"holds no corpus\.jsonl"):
        BeirSource(tmp_path)
    with pytest.raises(FormatError, match="no BEIR corpus"):
        BeirSource(jsonl(tmp_path / "a.jsonl", [{"id": 1, "text": "x"}]))


# InfoSeek


def infoseek(number: int, **fields: Any) -> dict[str, Any]:
    """An article as InfoSeek has them."""
    return {
        "wikidata_id": f"Q80656{number}",
        "wikipedia_title": f"Bird {number}",
        "wikipedia_summary": "It sings.",
        "wikipedia_content": "It sings. It flies.",
        "wikipedia_image_url": f"{COMMONS}/Bird_{number}.jpg",
    } | fields


def test_an_infoseek_article_becomes_an_entry(tmp_path: Path) -> None:
    content = "It sings.\n\n== History ==\nOld.\n\n=== Names ===\n\n== Use ==\nNone = 0.\n"
    rows = [
        infoseek(1),
        infoseek(2, wikipedia_content="", wikipedia_image_url=None),
        infoseek(3, wikipedia_content=content),
        infoseek(4, wikipedia_content=None, wikipedia_summary=3),
        {"wikipedia_title": "Nobody", "wikipedia_content": "x"},
    ]
    source = InfoSeekSource(jsonl(tmp_path / "Wiki6M_ver_1_0.jsonl.gz", rows))
    entries, skipped = read(source)
    assert entries[0] == Entry(
        "infoseek:Q806561",
        "Bird 1",
        "It sings. It flies.",
        source="infoseek",
        licence="CC-BY-SA-3.0",
        url="https://www.wikidata.org/wiki/Q806561",
        meta={"wikidata": "Q806561", "image_urls": [f"{COMMONS}/Bird_1.jpg"]},
    )
    assert entries[1].text == "It sings."
    assert entries[1].meta == {"wikidata": "Q806562"}
    assert entries[2].text == ""
    assert entries[2].sections == (Section("", "It sings."), Section("History", "Old."), Section("Use", "None = 0."))
    assert skipped == {"no text": 1, "no id": 1}


def test_infoseek_pictures_are_found_by_id_or_url(tmp_path: Path) -> None:
    images = tmp_path / "images"
    (images / "Q806").mkdir(parents=True)
    for number, name in enumerate(["Q806/Q806561.jpg", "Q806562.jpg", "Bird_3.jpg", "Q42.jpg"]):
        (images / name).write_bytes(picture(number))
    rows = [infoseek(number) for number in (1, 2, 3, 4)] + [infoseek(5, wikidata_id="../Q42")]
    source = InfoSeekSource(jsonl(tmp_path / "a.jsonl", rows), images=images)
    entries, _ = read(source)
    assert [entry.images for entry in entries] == [("Q806/Q806561.jpg",), ("Q806562.jpg",), ("Bird_3.jpg",), (), ()]
    assert source.picture("Q806/Q806561.jpg") == picture(0)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_reading_infoseek_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(parting, "MOST_ENTRIES", 4)
    rows = [infoseek(number, wikipedia_content="鸟" * (number % 3), wikipedia_summary="") for number in range(31)]
    check_resume(InfoSeekSource(jsonl(tmp_path / name, rows)), 5)


def test_what_is_not_infoseek_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="by the kind `evqa`"):
        InfoSeekSource(evqa(tmp_path / "kb.json", numbered(1)))
    with pytest.raises(FormatError, match="not JSON Lines"):
        InfoSeekSource(evqa(tmp_path / "kb.json", numbered(1), indent=1))
    with pytest.raises(PathError, match="no file"):
        InfoSeekSource(tmp_path / "none.jsonl")


# The project's own datasets


def entry_line(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"e{number}", "title": f"T{number}", "text": "鸟 sings.\u0007", "source": "old"} | fields


def test_a_dataset_gives_the_entries_that_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parting, "MOST_ENTRIES", 3)
    sections = [{"title": "A", "text": "B", "language": "zh"}]
    rows = [entry_line(i) for i in range(10)] + [
        {"id": "s", "title": "S", "sections": sections, "images": ["a.png"], "facts": [["x", "y"]], "meta": {"n": 1.5}}
    ]
    path = jsonl(tmp_path / "knowledge.jsonl", rows)
    path.write_bytes(b"\n" + path.read_bytes().rstrip())
    (tmp_path / "a.png").write_bytes(picture(1))
    source = DatasetSource(tmp_path)
    entries, skipped = read(source)
    faults: list[Fault] = []
    assert entries == [line.record() for _, line in read_models(path, EntryLine, faults)]
    assert not skipped
    assert source.picture("a.png") == picture(1)
    with pytest.raises(PathError):
        source.picture("../a.png")
    check_resume(source, 4)
    check_resume(DatasetSource(path), 4)
    assert {entry.source for entry in read(DatasetSource(tmp_path, "mine"))[0]} == {"mine"}


def test_a_dataset_with_faults_gives_nothing_but_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [json.dumps(entry_line(i)).encode() for i in (1, 2, 1)]
    lines += [
        b'{"id": "x"}',
        b"no json",
        b'{"id": "y", "title": "\xff", "text": ""}',
        json.dumps(entry_line(4, a=1)).encode(),
    ]
    path = tmp_path / "knowledge.jsonl"
    path.write_bytes(b"\n".join(lines))
    faults: list[Fault] = []
    list(read_models(path, EntryLine, faults))
    expected = {str(fault) for fault in faults} | {
        "knowledge.jsonl, line 3, field id: found 'e1' again, expected an id of its own"
    }
    with pytest.raises(DatasetError) as told:
        next(iter(DatasetSource(tmp_path).parts()))
    assert set(told.value.faults) == expected
    assert len(expected) == 5


def test_a_line_of_many_megabytes_is_a_fault(tmp_path: Path) -> None:
    lines = [json.dumps(entry_line(1)), json.dumps(entry_line(2, text="x" * 16_000_000)), json.dumps(entry_line(1))]
    (tmp_path / "knowledge.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DatasetError, match=r"line 2: found a line of more than 16 MB") as told:
        next(iter(DatasetSource(tmp_path).parts()))
    assert len(told.value.faults) == 2


def test_a_dataset_without_its_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PathError, match=r"no knowledge\.jsonl in .*found nothing"):
        DatasetSource(tmp_path / "none")


def test_a_dataset_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parting, "MOST_ENTRIES", 1)
    path = jsonl(tmp_path / "knowledge.jsonl", [entry_line(1), entry_line(2)])
    source = DatasetSource(tmp_path)
    place = next(iter(source.parts())).place
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DatasetError):
        list(source.parts(place))


@pytest.mark.parametrize("kind", ["beir", "infoseek", "evqa"])
def test_a_base_is_built_from_it(tmp_path: Path, kind: str) -> None:
    """Ids that repeat are the driver's to drop; pictures that are there become the base's."""
    (tmp_path / "Bird_1.jpg").write_bytes(picture(1))
    if kind == "beir":
        rows = [{"_id": "1", "title": "鸟", "text": "鸟会飞。"}, {"_id": "1", "text": "again"}]
        source: Source = BeirSource(jsonl(tmp_path / "nq" / "corpus.jsonl", rows))
    elif kind == "infoseek":
        rows = [infoseek(1), infoseek(1, wikipedia_content="again")]
        source = InfoSeekSource(jsonl(tmp_path / "a.jsonl", rows), images=tmp_path)
    else:
        one, again = json.dumps(article(1, image_urls=["https://x/Bird_1.jpg"])), json.dumps(article(2))
        (tmp_path / "kb.json").write_text(
            f'{{"https://x/wiki/A": {one}, "https://x/wiki/A": {again}}}', encoding="utf-8"
        )
        source = EncyclopedicVqaSource(tmp_path / "kb.json", images=tmp_path)
    report = build(source, tmp_path / "kb")
    assert (report.read, report.kept, report.skipped) == (2, 1, {"id repeated": 1})
    base = KnowledgeBase.open(tmp_path / "kb")
    (entry,) = base.iterate()
    assert (entry.source, len(entry.images)) == (source.name, kind != "beir")
    base.close()
