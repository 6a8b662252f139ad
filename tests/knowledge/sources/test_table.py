import bz2
import csv
import gzip
import io
import json
import lzma
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pictures import picture
from ravlm.errors import ConfigError, FormatError, PathError, RavlmError
from ravlm.knowledge.build import build
from ravlm.knowledge.rows import canonical
from ravlm.knowledge.sources import csv_rows, json_lines, parquet_rows, parting
from ravlm.knowledge.sources.part import Part, Source
from ravlm.knowledge.sources.table import TableSource
from ravlm.records import Entry

BIRDS = 'id,title,text,colour\n007,Robin,"Sings early, and ""loudly"".",red\n08,"Blue\n tit",Hangs.,"blue, yellow"\n'


def read(source: Source, after: Any = None) -> tuple[list[Entry], Counter[str], int]:
    """All entries after a place, what was left out, and how many records were looked at."""
    entries: list[Entry] = []
    skipped: Counter[str] = Counter()
    looked = 0
    for part in source.parts(after):
        entries += part.entries
        skipped.update(part.skipped)
        looked += part.read
    for entry in entries:
        canonical(entry)  # the store takes it
    assert looked == len(entries) + skipped.total()
    return entries, skipped, looked


def check_resume(source: Source) -> int:
    """Reading goes on after every part just as it would have; how many parts there are."""
    parts: list[Part] = list(source.parts())
    for number, part in enumerate(parts):
        place = json.loads(json.dumps(part.place))
        assert list(source.parts(place)) == parts[number + 1 :]
    done = [part.done for part in parts]
    assert done == sorted(done)
    assert not done or done[-1] == source.size
    return len(parts)


def table(folder: Path, content: str | bytes, file: str = "birds.csv", **columns: Any) -> TableSource:
    path = folder / file
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return TableSource(path, **columns)


def written(rows: Iterable[Sequence[str]], **how: Any) -> str:
    text = io.StringIO()
    csv.writer(text, **how).writerows(rows)
    return text.getvalue()


def test_a_csv_keeps_quotes_lines_and_the_form_of_numbers(tmp_path: Path) -> None:
    source = table(tmp_path, BIRDS)
    (robin, tit), skipped, _ = read(source)
    assert (robin.id, robin.title, robin.text) == ("007", "Robin", 'Sings early, and "loudly".')
    assert robin.facts == (("colour", "red"),)
    assert (tit.id, tit.title, tit.facts) == ("08", "Blue tit", (("colour", "blue, yellow"),))
    assert {robin.source, tit.source} == {source.name} == {"birds"}
    assert not skipped


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (BIRDS.replace("\n", "\r\n").encode(), "a.csv"),
        (b"\xef\xbb\xbf" + BIRDS.encode(), "a.csv"),
        (b"\xef\xbb\xbf" + BIRDS.replace("id,", '"id",').encode(), "a"),
        (gzip.compress(BIRDS.encode(), mtime=0), "a.csv.gz"),
        (bz2.compress(BIRDS.encode()), "a.csv.bz2"),
        (lzma.compress(BIRDS.encode()), "a.xz"),
        (written(csv.reader(io.StringIO(BIRDS)), delimiter="\t").encode(), "a.tsv"),
        (written(csv.reader(io.StringIO(BIRDS)), delimiter="\t").encode(), "a.txt"),
        (written(csv.reader(io.StringIO(BIRDS)), delimiter=";").encode(), "a.csv"),
        (BIRDS.rstrip("\n").encode(), "a.csv"),
    ],
)
def test_a_csv_in_other_clothes_is_the_same(tmp_path: Path, content: bytes, name: str) -> None:
    same = read(table(tmp_path, BIRDS))
    source = table(tmp_path, content, name)
    found = read(TableSource(source.path, "birds"))
    assert found[1:] == same[1:]
    assert [(e.id, e.title, e.text, e.facts) for e in found[0]] == [(e.id, e.title, e.text, e.facts) for e in same[0]]
    check_resume(source)


def test_columns_are_guessed_and_it_is_told(tmp_path: Path) -> None:
    source = table(tmp_path, "编号,名称,正文,颜色\n1,知更鸟,知更鸟早晨唱歌。,红色\n")
    settings = source.settings()
    assert settings["guessed"] == ["id", "title", "text"]
    assert settings["columns"]["title"] == "名称"
    assert settings["facts"] == ["颜色"]
    assert json.loads(json.dumps(settings)) == settings
    ((entry,), _, _) = read(source)
    assert (entry.id, entry.title, entry.text, entry.language) == ("1", "知更鸟", "知更鸟早晨唱歌。", "zh")


def test_a_mapping_is_obeyed(tmp_path: Path) -> None:
    content = "sku,label,lead,body,lang,www,id\n9,Lamp,Bright.,Made of tin.,de,https://x.org/9,1\n"
    source = table(
        tmp_path,
        content,
        "c.csv",
        name="shop",
        id="sku",
        title="label",
        text=["lead", "body"],
        language="lang",
        url="www",
    )
    ((entry,), _, _) = read(source)
    assert entry == Entry(
        "9",
        "Lamp",
        "Bright.\n\nMade of tin.",
        facts=(("id", "1"),),
        source="shop",
        url="https://x.org/9",
        language="de",
    )
    assert source.guessed == []


def test_an_empty_mapping_turns_a_guess_off(tmp_path: Path) -> None:
    ((entry, _), _, _) = read(table(tmp_path, BIRDS, id="", title=""))
    assert entry.title == 'Sings early, and "loudly".'
    assert ("id", "007") in entry.facts
    assert entry.id.startswith("row-")


def test_a_column_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no column 'titel'.*`title`.*'id', 'title', 'text', 'colour'.*mean 'title'"):
        table(tmp_path, BIRDS, title="titel")


def test_without_an_id_column_the_title_is_the_id(tmp_path: Path) -> None:
    entries, _, _ = read(table(tmp_path, "name,text\nRobin,Sings.\n,Hangs.\n"))
    assert entries[0].id == "Robin"
    assert entries[1].title == "Hangs."
    moved, _, _ = read(table(tmp_path, "text,name\nHangs.,\nSings.,Robin\n"))
    assert {entry.id for entry in moved} == {entry.id for entry in entries}


def test_facts_are_said_where_there_is_no_text(tmp_path: Path) -> None:
    entries, skipped, _ = read(table(tmp_path, "id,颜色,size\n1,红色,10 cm\n2,,\n3,,!\n"))
    assert entries[0].text == "颜色：红色。\nsize: 10 cm."
    assert entries[1].text == "size: !"
    assert entries[0].facts == (("颜色", "红色"), ("size", "10 cm"))
    assert entries[0].title == "1"
    assert skipped == {"no text": 1}


def test_bad_rows_are_counted_and_reading_goes_on(tmp_path: Path) -> None:
    rows = [
        b"id,text",
        b"1,good",
        b"2,\xff\xfe",
        b"3,nul\0",
        b"4",
        b"5,a,b",
        b",nobody",
        b"6,",
        b'7,"broken" quotes',
        b"8," + b"x" * 2000,
        b"",
        b"i" * 600 + b",long",
        b"9,good",
        b"9,again",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_rows, "LONGEST", 1000)
        source = table(tmp_path, b"\n".join(rows))
        entries, skipped, looked = read(source)
    assert [(entry.id, entry.text) for entry in entries] == [("1", "good"), ("9", "good"), ("9", "again")]
    assert skipped == {
        "not UTF-8": 1,
        "NUL bytes": 1,
        "wrong number of columns": 2,
        "no id": 1,
        "no text": 1,
        "broken quotes": 1,
        "row over 16 MB": 1,
        "id over 512 characters": 1,
    }
    assert looked == 12


def test_a_quote_that_is_never_closed_costs_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"{number},text {number}\n" for number in range(100))
    entries, skipped, _ = read(table(tmp_path, f'id,text\na,"open\n{rows}'))
    assert [entry.id for entry in entries] == [str(number) for number in range(100)]
    assert skipped == {"broken quotes": 1}
    monkeypatch.setattr(csv_rows, "LONGEST", 500)
    assert read(table(tmp_path, f'id,text\na,"open\n{rows}'))[1] == {"row over 16 MB": 1}
    assert len(read(table(tmp_path, f'id,text\na,"open\n{rows}'))[0]) == 100


def test_a_long_row_with_quoted_lines_is_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "LONGEST", 100)
    content = f'id,text\n1,"{"x" * 300}\nsecond, line\n"\n2,good\n'
    entries, skipped, _ = read(table(tmp_path, content))
    assert [entry.id for entry in entries] == ["2"]
    assert skipped == {"row over 16 MB": 1}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_a_line_of_many_megabytes_is_passed_over_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes], name: str
) -> None:
    monkeypatch.setattr(csv_rows, "LONGEST", 10_000)
    monkeypatch.setattr(json_lines, "LONGEST", 10_000)
    long = b"x" * 20_000_000
    rows = {
        "t.csv": b'id,text\n1,"' + long + b'"\n2,good\n',
        "t.jsonl": b'{"id": "0", "text": "a"}\n{"id": "1", "text": "' + long + b'"}\n{"id": "2", "text": "good"}\n',
    }
    source = table(tmp_path, pack(rows[name]), name)
    del long, rows
    tracemalloc.start()
    entries, skipped, _ = read(source)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert entries[-1].id == "2"
    assert skipped == {"row over 16 MB": 1}
    assert peak < 8_000_000


def test_json_lines_keep_the_form_of_numbers_and_join_lists(tmp_path: Path) -> None:
    rows = [
        {"pageid": 7, "title": "Robin", "content": "Sings.", "weight": 1.10, "tags": ["a", "b"], "old": None},
        {"pageid": 8, "content": "H\x00i\ud800", "size": {"w": 1, "h": True}, "new": False},
    ]
    text = "\n".join(json.dumps(row).replace("1.1", "1.10") for row in rows)
    (robin, other), _, _ = read(table(tmp_path, text, "a.jsonl"))
    assert robin.id == "7"
    assert robin.facts == (("weight", "1.10"), ("tags", "a, b"))
    assert other.text == "H i\ufffd"
    assert other.facts == (("size", "w: 1; h: true"), ("new", "false"))


def test_bad_json_lines_are_counted(tmp_path: Path) -> None:
    lines = [
        b'\xef\xbb\xbf{"id": "1", "text": "good"}',
        b'{"id": "2", "text": "\xff"}',
        b'{"id": "3", "text": "nul \0"}',
        b'{"id": "4", "text": NaN}',
        b'{"id": "5", "text"',
        b"[1]",
        b'{"id": "6", "text": ' + b"[" * 30 + b"]" * 30 + b"}",
        b'{"id": "7", "text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"",
        b'{"id": ' + b"9" * 5000 + b', "text": "long number"}',
        b'{"id": "8", "text": "good"}',
    ]
    entries, skipped, _ = read(table(tmp_path, b"\n".join(lines), "a.jsonl.gz"))
    assert [entry.id for entry in entries] == ["1", "8"]
    assert skipped == {
        "not UTF-8": 1,
        "not JSON": 4,
        "not a JSON object": 1,
        "nested too deep": 1,
        "id over 512 characters": 1,
    }


def parquet(path: Path, columns: dict[str, Any], **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, **how)
    return path


def test_a_wikipedia_dump_in_parquet_needs_no_mapping(tmp_path: Path) -> None:
    for number in range(2):
        parquet(
            tmp_path / "20231101.zh" / f"train-{number}.parquet",
            {"id": [str(number)], "url": [f"https://w/{number}"], "title": ["鸟"], "text": ["鸟会飞。"]},
        )
    source = TableSource(tmp_path / "20231101.zh")
    entries, _, _ = read(source)
    assert entries[1] == Entry("1", "鸟", "鸟会飞。", source="20231101.zh", url="https://w/1", language="zh")
    assert source.settings()["guessed"] == ["id", "title", "text", "url"]
    assert check_resume(source) == 1


def test_parquet_values_become_texts(tmp_path: Path) -> None:
    columns = {
        "id": pa.array([1, 2]),
        "text": pa.array(["a", None], pa.large_string()),
        "real": pa.array([0.1, 2.0], pa.float32()),
        "day": [date(2020, 1, 2), None],
        "time": [datetime(2020, 1, 2, 3, 4, 5), None],
        "yes": [True, None],
        "tags": [["p", "q"], []],
        "size": [{"w": 1, "h": "x"}, None],
        "kind": pa.array(["u", "v"]).dictionary_encode(),
        "vector": [[0.5, 0.25], None],
        "image": [{"bytes": b"x", "path": "p"}, None],
        "nothing": pa.nulls(2),
    }
    path = parquet(tmp_path / "t.parquet", columns)
    entries, _, _ = read(TableSource(path))
    assert entries[0].id == "1"
    assert entries[0].facts == (
        ("real", "0.1"),
        ("day", "2020-01-02"),
        ("time", "2020-01-02 03:04:05"),
        ("yes", "true"),
        ("tags", "p, q"),
        ("size", "w: 1; h: x"),
        ("kind", "u"),
    )
    assert entries[1].text == "real: 2.\nkind: v."
    with pytest.raises(ConfigError, match="'image', which was given for `image`, holds bytes"):
        TableSource(path, image="image")


def test_parquet_that_is_not_utf8_or_too_long_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = pa.array([b"good", b"\xff\xfe", b"x" * 300, b"fine"]).view(pa.string())
    path = parquet(tmp_path / "t.parquet", {"id": pa.array(range(4)), "text": broken})
    monkeypatch.setattr(parquet_rows, "LONGEST", 200)
    entries, skipped, _ = read(TableSource(path))
    assert [entry.id for entry in entries] == ["0", "3"]
    assert skipped == {"not UTF-8": 1, "row over 16 MB": 1}


def test_a_parquet_bomb_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """One value of 4 MB, written once, stands in 2,000 rows: 8 GB of text in a file of some kilobytes."""
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), pa.array(["x" * 4_000_000]))
    path = parquet(tmp_path / "t.parquet", {"id": pa.array(range(2000)), "text": repeated}, store_schema=False)
    assert path.stat().st_size < 500_000
    source = TableSource(path)
    before = pa.total_allocated_bytes()
    parts = source.parts()
    assert sum(len(next(parts).entries) for _ in range(3)) == 3
    assert pa.total_allocated_bytes() - before < 150_000_000


def damaged_parquet(data: bytes) -> Iterable[bytes]:
    yield data[: len(data) // 2]
    yield b"PAR1" + b"\0" * 100
    for at in range(4, len(data), 7):
        yield data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]


def test_damaged_parquet_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = parquet(tmp_path / "t.parquet", {"id": ["1", "2"], "text": ["a" * 50, "b" * 50]})
    told = 0
    for data in damaged_parquet(path.read_bytes()):
        (tmp_path / "d.parquet").write_bytes(data)
        try:
            read(TableSource(tmp_path / "d.parquet"))
        except FormatError:
            told += 1
        except RavlmError:
            pass
    assert told > 20


def many(number: int) -> dict[str, list[str]]:
    return {
        "id": [str(i) for i in range(number)],
        "title": [f"T{i}" for i in range(number)],
        "text": ["" if i % 7 == 3 else f'An "x", {i}\nand more' for i in range(number)],
    }


def as_file(folder: Path, kind: str, columns: dict[str, list[str]]) -> Path:
    rows = list(zip(*columns.values(), strict=True))
    lines = "\n".join(json.dumps(dict(zip(columns, row, strict=True))) for row in rows)
    path = folder / kind
    if kind.endswith(".parquet"):
        return parquet(path, columns, row_group_size=17)
    if kind == "parts":
        parquet(path / "b.parquet", {name: v[20:] for name, v in columns.items()}, row_group_size=13)
        parquet(path / "sub" / "a.parquet", {name: v[:20] for name, v in columns.items()})
        return path
    content = (lines if ".jsonl" in kind else written([list(columns), *rows])).encode()
    path.write_bytes(gzip.compress(content) if kind.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("kind", ["a.csv", "a.csv.gz", "a.jsonl", "a.jsonl.gz", "a.parquet", "parts"])
def test_reading_goes_on_after_every_part(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parting, "MOST_ENTRIES", 5)
    source = TableSource(as_file(tmp_path, kind, many(60)))
    assert check_resume(source) == 11
    entries, skipped, _ = read(source)
    assert skipped == {"no text": 9}
    assert len(entries) == 51


@pytest.mark.parametrize("kind", ["a.csv", "a.jsonl.gz", "a.parquet"])
def test_parts_end_early_where_nothing_is_kept(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parting, "MOST_RECORDS", 10)
    columns = many(50) | {"id": [""] * 50, "text": ["x"] * 50}
    parts = list(TableSource(as_file(tmp_path, kind, columns)).parts())
    assert [part.read for part in parts] == [10] * 5
    assert all(part.skipped == {"no id": 10} and not part.entries for part in parts)
    monkeypatch.setattr(parting, "MOST_RECORDS", 1000)
    monkeypatch.setattr(parting, "MOST_BYTES", 30)
    assert len(list(TableSource(as_file(tmp_path, kind, columns)).parts())) > 5


def test_pictures_are_read_beside_the_table(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    for name in ("a.png", "p/b.png", "[1].png"):
        (tmp_path / name).write_bytes(picture(1))
    cells = [
        "a.png",
        "a.png | p/b.png|a.png",
        '["p/b.png", "https://x.org/c.png"]',
        "[1].png",
        "HTTPS://x.org/d.png",
        "",
    ]
    source = table(tmp_path, written([["id", "text", "image"], *([str(i), "x", cell] for i, cell in enumerate(cells))]))
    entries, _, _ = read(source)
    found = [("a.png",), ("a.png", "p/b.png"), ("p/b.png",), ("[1].png",), (), ()]
    assert [entry.images for entry in entries] == found
    assert entries[2].meta == {"image_urls": ["https://x.org/c.png"]}
    assert entries[4].meta == {"image_urls": ["HTTPS://x.org/d.png"]}
    assert source.picture("p/b.png") == picture(1)


def test_pictures_that_lead_out_or_are_missing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "out.png").symlink_to("/etc/passwd")
    hostile = ["none.png", "../../etc/passwd", "/etc/passwd", "out.png", "loop.png", "n" * 5000, ".", "C:\\a.png"]
    source = table(
        tmp_path, written([["id", "text", "image"], *([str(i), "x", name] for i, name in enumerate(hostile))])
    )
    entries, _, _ = read(source)
    for entry in entries:
        with pytest.raises(PathError):
            source.picture(entry.images[0])
    report = build(source, tmp_path / "kb")
    assert (report.kept, report.skipped) == (len(hostile), {"picture that can't be read": len(hostile)})


def test_a_picture_alone_is_an_entry(tmp_path: Path) -> None:
    (tmp_path / "robin.png").write_bytes(picture(1))
    ((entry,), _, _) = read(table(tmp_path, "photo\nrobin.png\n"))
    assert (entry.title, entry.text, entry.images) == ("robin", "", ("robin.png",))


def test_a_nested_list_in_a_picture_cell_is_counted(tmp_path: Path) -> None:
    _, skipped, _ = read(table(tmp_path, f"id,image\n1,{'[' * 40}{']' * 40}\n"))
    assert skipped == {"nested too deep": 1}


@pytest.mark.parametrize(
    ("content", "name", "match"),
    [
        (b"", "a.csv", "found nothing"),
        (b"", "a.jsonl", "found no lines"),
        (b"\xff\xfei\0d\0", "a.csv", "UTF-16"),
        ("编号,名称\n1,鸟\n".encode("gbk"), "a.csv", "'not UTF-8'"),
        (b'"id,text\n1,2\n', "a.csv", "'broken quotes'"),
        (b'[{"id": 1}]', "a.json", "a JSON array"),
        (b"no json", "a.jsonl", "'not JSON'"),
        (b"id,text\n", "a.parquet", "something else"),
        (gzip.compress(b"id,text\n" * 1000, mtime=0)[:-20], "a.csv.gz", "cut off"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, name: str, match: str) -> None:
    with pytest.raises(FormatError, match=match):
        read(table(tmp_path, content, name))


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PathError, match="no file"):
        TableSource(tmp_path / "none.csv")
    with pytest.raises(PathError, match=r"no \.parquet files"):
        TableSource(tmp_path)
    (tmp_path / "in").mkdir()
    parquet(tmp_path / "out.parquet", {"id": ["1"]})
    (tmp_path / "in" / "a.parquet").symlink_to(tmp_path / "out.parquet")
    with pytest.raises(PathError, match="leads out"):
        TableSource(tmp_path / "in")
    with pytest.raises(ConfigError, match="one character"):
        table(tmp_path, BIRDS, delimiter=", ")


def test_names_that_repeat_or_are_missing_are_told_apart(tmp_path: Path) -> None:
    ((entry,), _, _) = read(table(tmp_path, "id,tag,tag,\n1,a,b,c\n"))
    assert entry.facts == (("tag", "a"), ("tag 2", "b"), ("column 4", "c"))


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4)
)
JSON = LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(st.text(max_size=2), LEAVES, max_size=2)
CELLS = st.text(st.sampled_from('ab",\n\r\té 鸟'), max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELLS, CELLS), max_size=8), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_whatever_the_csv_module_writes_is_read_back(tmp_path: Path, rows: list[tuple[str, str]], quoting: int) -> None:
    text = written([("first", "second"), *rows], quoting=quoting).encode()
    header = len(written([("first", "second")], quoting=quoting))
    found = list(csv_rows.csv_rows(io.BytesIO(text[header:]), header, ","))
    assert [tuple(fields) for fields, _, _ in found] == rows
    assert [end for _, end, _ in found][-1:] == [len(text)] * bool(rows)
    for number, (_, end, _) in enumerate(found):
        assert list(csv_rows.csv_rows(io.BytesIO(text[end:]), end, ",")) == found[number + 1 :]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([b'"', b",", b"\n", b"\r\n", b"\r", b"a", b"\0", b"\xff", "鸟".encode(), b"x" * 30])),
    st.sampled_from(["t.csv", "t.jsonl", "t"]),
)
def test_any_bytes_give_entries_or_an_error_that_says_so(tmp_path: Path, pieces: list[bytes], name: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_rows, "LONGEST", 50)
        patch.setattr(parting, "MOST_ENTRIES", 2)
        try:
            source = table(tmp_path, b"".join([b"a,text\n" * (name != "t"), *pieces]), name)
        except RavlmError:
            return
        read(source)
        check_resume(source)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.dictionaries(st.sampled_from(["id", "text", "image", "x"]), JSON, max_size=3), min_size=1, max_size=4)
)
def test_any_json_gives_entries(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    source = table(tmp_path, "\n".join(json.dumps(row) for row in rows), "t.jsonl")
    assert read(source)[2] == len(rows)
