import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.errors import KnowledgeCorrupt
from ravlm.knowledge.rows import ENTRIES
from ravlm.knowledge.stamp import Stamp

HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=12)


@given(HASHES, st.randoms())
def test_the_fingerprint_does_not_depend_on_order(hashes: list[bytes], random) -> None:
    shuffled = list(hashes)
    random.shuffle(shuffled)
    total = sum(int.from_bytes(h, "big") for h in hashes) % 2**256
    assert Stamp().plus(shuffled) == Stamp(len(hashes), total)
    assert Stamp().plus(hashes).fingerprint == f"{total:064x}"


@given(HASHES, HASHES)
def test_what_is_taken_away_is_as_if_it_had_never_been(kept: list[bytes], gone: list[bytes]) -> None:
    assert Stamp().plus(kept).plus(gone).minus(gone) == Stamp().plus(kept)


def test_the_fingerprint_wraps_and_counts_repetitions() -> None:
    most = b"\xff" * 32
    assert Stamp().fingerprint == "0" * 64
    assert Stamp().plus([most, most]).fingerprint == f"{2**256 - 2:064x}"


def test_a_stamp_survives_and_damage_does_not_pass() -> None:
    stamp = Stamp().plus([b"a" * 32, b"b" * 32])
    rows = stamp.row()
    assert rows.schema == ENTRIES
    assert Stamp.read(rows.to_pylist()) == stamp
    damaged = [row | {"record": row["record"].replace("2", "3", 1)} for row in rows.to_pylist()]
    for wrong in (damaged, [], rows.to_pylist() * 2):
        with pytest.raises(KnowledgeCorrupt, match="how many entries"):
            Stamp.read(wrong)
