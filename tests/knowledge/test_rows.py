import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.errors import KnowledgeCorrupt, KnowledgeError
from ravlm.knowledge.rows import canonical, checked_entry, entry_table, parse, row
from ravlm.records import Entry, Section

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    st.builds(
        Entry,
        id=WORDS.filter(bool),
        title=WORDS,
        text=WORDS,
        sections=st.lists(st.builds(Section, WORDS, WORDS, st.none() | WORDS), max_size=2).map(tuple),
        images=st.lists(WORDS, max_size=2).map(tuple),
        facts=st.lists(st.tuples(WORDS, WORDS), max_size=2).map(tuple),
        aliases=st.lists(WORDS, max_size=2).map(tuple),
        meta=st.dictionaries(
            WORDS, st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
        ),
    )
)
def test_an_entry_survives(entry: Entry) -> None:
    record = canonical(entry)
    assert parse(record) == entry
    assert canonical(parse(record)) == record
    stored = row(entry.id, record, entry.source, entry.language, entry.title)
    assert stored["hash"] == hashlib.sha256(record.encode()).digest()
    assert checked_entry(stored) == entry


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("record", canonical(Entry("a", "A", text="trve")), "does not fit its stored hash"),
        ("hash", b"0" * 32, "does not fit its stored hash"),
        ("stamp", None, "holds no entry"),
        ("id", "b", "its column 'id' says 'b'"),
        ("title", "B", "its column 'title' says 'B'"),
        ("source", "other", "its column 'source' says 'other'"),
        ("language", "de", "its column 'language' says 'de'"),
    ],
)
def test_damage_is_never_read(column: str, value: object, said: str) -> None:
    stored = row("a", canonical(Entry("a", "A", text="true")), "", "en", "A")
    assert checked_entry(stored).text == "true"
    damaged = stored | (row("a", '{"entries":3}') if column == "stamp" else {column: value})
    with pytest.raises(KnowledgeCorrupt, match=said):
        checked_entry(damaged)


@pytest.mark.parametrize(
    "entry",
    [
        Entry("", "A"),
        Entry("x" * 513, "A"),
        Entry("a", "A", text="\ud800"),
        Entry("a", "A", meta={"x": float("nan")}),
        Entry("a", "A", meta={"x": {1, 2}}),
    ],
)
def test_what_can_not_be_kept_is_refused(entry: Entry) -> None:
    with pytest.raises(KnowledgeError):
        canonical(entry)


def test_the_last_of_a_repeated_id_counts() -> None:
    rows = entry_table([Entry("a", "old"), Entry("b", "B"), Entry("a", "new")])
    assert rows["title"].to_pylist() == ["new", "B"]
