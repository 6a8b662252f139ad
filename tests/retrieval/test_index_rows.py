from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ravlm.records import Entry, Filters, Hit, Section
from ravlm.retrieval.rows import Row, Rows, rows_of

PARIS = Entry(
    "paris",
    "Paris",
    sections=(Section("Sights", "The tower is tall. It is iron."), Section("景点", "铁塔很高。", "zh")),
    images=("p1", "p2"),
    source="guide",
    language="fr",
    meta={"kind": "city", "stars": 3, "tags": ["old", "big"]},
)
ROME = Entry("rome", "Rome", text="Old walls.", source="atlas", meta={"kind": "city"})


def rows(*entries: Entry, unit: str = "passage") -> Rows:
    return Rows.of([row for entry in entries for row in rows_of(entry, unit)])  # type: ignore[arg-type]


def kept(found: Rows, folder: Path) -> Rows:
    """What the files of rows hold."""
    for role, write in found.files().items():
        write(folder / role)
    return Rows.read({role: folder / role for role in found.files()})


def ids(found: Rows, filters: Filters) -> list[str]:
    mask = found.allowed(filters)
    return [found.id(i) for i in range(len(found)) if mask is None or mask[i]]


def test_passages_are_indexed_with_what_they_are_about() -> None:
    found = list(rows_of(PARIS, "passage"))
    assert [row.text for row in found] == [
        "Paris\nSights\nThe tower is tall. It is iron.",
        "Paris\n景点\n铁塔很高。",
    ]
    assert [(row.passage_id, row.language) for row in found] == [("paris#0", "fr"), ("paris#1", "zh")]


def test_a_passage_in_another_script_has_a_name_in_that_before_it() -> None:
    named = replace(PARIS, aliases=("Lutetia", "巴黎", "巴黎市"))
    assert [row.text.split("\n")[0] for row in rows_of(named, "passage")] == ["Paris", "巴黎"]
    japanese = replace(named, title="パリ", sections=(Section("", "塔です。", "ja"), Section("", "The tower.", "en")))
    assert [row.text.split("\n")[0] for row in rows_of(japanese, "passage")] == ["パリ", "Lutetia"]


def test_an_entry_or_its_pictures_can_be_ranked_too() -> None:
    (whole,) = rows_of(PARIS, "entry")
    assert (whole.passage_id, whole.image_id, whole.language) == (None, None, "fr")
    assert whole.text == "Paris\nSights\nThe tower is tall. It is iron.\n景点\n铁塔很高。"
    assert [(row.image_id, row.text) for row in rows_of(PARIS, "picture")] == [("p1", ""), ("p2", "")]
    assert list(rows_of(ROME, "picture")) == []
    assert list(rows_of(Entry("x", "X"), "passage")) == []


def test_rows_become_hits_in_order_ties_by_id() -> None:
    found = rows(ROME, PARIS)
    ranked = found.ranked([0, 1, 2], [0.5, 0.5, 0.9], 2)
    assert ranked == [(2, 0.9), (1, 0.5)]
    assert found.hits(ranked, "bm25") == [
        Hit("paris", "paris#1", None, 1, {"bm25": 0.9}),
        Hit("paris", "paris#0", None, 2, {"bm25": 0.5}),
    ]
    pictures = rows(PARIS, unit="picture")
    assert pictures.hits([(1, 0.25)], "image") == [Hit("paris", None, "p2", 1, {"image": 0.25})]
    assert pictures.id(1) == "paris#p2"
    assert rows(ROME, unit="entry").id(0) == "rome"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), ["rome#0", "paris#0", "paris#1"]),
        (Filters(sources=("atlas",)), ["rome#0"]),
        (Filters(sources=("atlas", "guide")), ["rome#0", "paris#0", "paris#1"]),
        (Filters(languages=("zh",)), ["paris#1"]),
        (Filters(sources=("atlas",), languages=("zh",)), []),
        (Filters(meta=(("kind", "city"),)), ["rome#0", "paris#0", "paris#1"]),
        (Filters(meta=(("kind", "city"), ("stars", 3))), ["paris#0", "paris#1"]),
        (Filters(meta=(("tags", "big"),)), ["paris#0", "paris#1"]),
        (Filters(meta=(("tags", "new"),)), []),
        (Filters(meta=(("stars", "3"),)), []),
        (Filters(sources=("none",)), []),
    ],
)
def test_filters_say_what_may_be_found(filters: Filters, expected: list[str]) -> None:
    assert ids(rows(ROME, PARIS), filters) == expected


def test_dropped_rows_are_never_allowed_and_new_ones_are() -> None:
    found = rows(ROME, PARIS)
    assert found.allowed(Filters()) is None
    assert found.drop(["paris", "unknown"]) == 2
    assert (ids(found, Filters()), found.count, len(found)) == (["rome#0"], 1, 3)
    found.add(rows(replace(PARIS, sections=PARIS.sections[:1], source="atlas")))
    assert ids(found, Filters(sources=("atlas",))) == ["rome#0", "paris#0"]
    assert found.drop(["paris"]) == 1
    assert found.hashes() == {"rome": next(rows_of(ROME, "passage")).hash}


def test_compacting_keeps_what_is_there_in_order() -> None:
    found = rows(ROME, PARIS)
    found.drop(["rome"])
    assert found.compact().tolist() == [1, 2]
    assert (ids(found, Filters()), len(found)) == (["paris#0", "paris#1"], 2)


def test_hits_lead_back_to_rows() -> None:
    found = rows(ROME, PARIS)
    hits = found.hits([(1, 0.5), (0, 0.25)], "bm25")
    assert found.of_hits([*hits, Hit("rome", None, "picture", 1, {}), Hit("gone", "gone#0", None, 1, {})]) == [
        1,
        0,
        None,
        None,
    ]
    assert found.rows_by_entry(["paris", "gone"]) == {"paris": [1, 2], "gone": []}
    found.drop(["rome"])
    assert found.of_hits(hits) == [1, None]


def test_rows_come_back_from_a_file(tmp_path: Path) -> None:
    found = rows(ROME, PARIS)
    found.drop(["rome"])
    again = kept(found, tmp_path)
    assert again.table.equals(found.table)
    assert np.array_equal(again.alive, found.alive)
    again.add(rows(ROME))
    assert ids(again, Filters(sources=("atlas",))) == ["rome#0"]
    assert again.entries == 2


def test_a_change_of_rows_leaves_the_first_file_as_it_is(tmp_path: Path) -> None:
    found = kept(rows(ROME, PARIS), tmp_path)
    found.drop(["paris"])
    found.add(rows(replace(PARIS, sections=PARIS.sections[:1])))
    changed = {role: write for role, write in found.files().items() if role in Rows.CHANGING}
    for role, write in changed.items():
        write(tmp_path / role)
    again = Rows.read({role: tmp_path / role for role in found.files()})
    assert (again.table.equals(found.table), again.alive.tolist()) == (True, [True, False, False, True])
    assert (again.entries, found.entries) == (2, 2)
    again.compact()
    assert ids(kept(again, tmp_path), Filters()) == ["rome#0", "paris#0"]


def test_entries_are_counted_as_they_come_and_go() -> None:
    found = rows(ROME, PARIS)
    assert found.entries == 2
    found.drop(["paris", "unknown"])
    assert found.entries == 1
    found.add(rows(PARIS, Entry("oslo", "Oslo", text="Cold.")))
    assert found.entries == 3


def test_no_rows_are_rows(tmp_path: Path) -> None:
    again = kept(Rows.of([]), tmp_path)
    assert (len(again), again.drop(["x"]), ids(again, Filters(meta=(("a", 1),)))) == (0, 0, [])
    assert again.of_hits([Hit("a", "a#0", None, 1, {})]) == [None]
    assert isinstance(next(rows_of(ROME, "passage")), Row)
