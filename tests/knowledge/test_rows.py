import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.errors import KnowledgeCorrupt, KnowledgeError
from ravlm.knowledge.rows import canonical, checked_entry, content_hash, entry_table, multiset_hash, parse
from ravlm.records import Entry, Section

HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=12)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(HASHES, st.randoms())
def test_the_fingerprint_does_not_depend_on_order(hashes: list[bytes], random) -> None:
    shuffled = list(hashes)
    random.shuffle(shuffled)
    total = sum(int.from_bytes(h, "big") for h in hashes) % 2**256
    assert multiset_hash(shuffled) == f"{total:064x}"


def test_the_fingerprint_wraps_and_counts_repetitions() -> None:
    most = b"\xff" * 32
    assert multiset_hash([]) == "0" * 64
    assert multiset_hash([most, most]) == f"{2**256 - 2:064x}"


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
        meta=st.dictionaries(WORDS, st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)),
    )
)
def test_an_entry_survives(entry: Entry) -> None:
    record = canonical(entry)
    assert parse(record) == entry
    assert canonical(parse(record)) == record
    assert checked_entry(entry.id, hashlib.sha256(record.encode()).digest(), record) == entry


def test_damage_is_never_read() -> None:
    record = canonical(Entry("a", "A", text="true"))
    with pytest.raises(KnowledgeCorrupt, match="'a' is damaged"):
        checked_entry("a", content_hash(record), record.replace("true", "trve"))
    with pytest.raises(KnowledgeCorrupt, match="holds the entry 'a'"):
        checked_entry("b", content_hash(record), record)


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
