from hypothesis import given
from hypothesis import strategies as st

from ravlm.knowledge.seen import Seen


@given(st.lists(st.lists(st.text(max_size=4), unique=True, max_size=30), max_size=25))
def test_it_is_a_set(batches: list[list[str]]) -> None:
    there: set[str] = set()
    seen = Seen(lambda ids: there & set(ids))
    for ids in batches:
        assert seen.add(ids) == there & set(ids)
        there |= set(ids)


def test_what_only_looks_met_is_not_met() -> None:
    seen = Seen(lambda ids: [])
    seen.add(["a"])
    assert seen.add(["a"]) == set()
