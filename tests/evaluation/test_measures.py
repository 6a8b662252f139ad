"""Measures: closed forms, hand-worked cases, invariances, and the degenerate ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.evaluation import measures as m

entries = st.lists(st.sampled_from("abcdef"), max_size=8)
gold = st.sets(st.sampled_from("abcdef"), max_size=3)


def test_nothing_to_judge_is_none_not_zero() -> None:
    assert m.mean([]) is None
    assert m.recall_at_k([], [], 1) is None
    assert m.recall_at_k([["a"]], [set()], 1) is None
    assert m.macro_average([1.0], ["small"], among=[]) is None


def test_wide_relations_need_enough_distinct_answers() -> None:
    relations = ["capital"] * 4 + ["side"] * 4
    answers = ["rome", "oslo", "bern", "rome", "left", "right", "left", "right"]
    assert m.wide_relations(relations, answers, 2) == ["capital", "side"]
    assert m.wide_relations(relations, answers, 3) == ["capital"]
    assert m.wide_relations(relations, answers, 4) == []


def test_macro_average_weighs_relations_alike() -> None:
    assert m.macro_average([1, 1, 1, 0], ["a", "a", "a", "b"]) == 0.5
    assert m.macro_average([1, 1, 1, 0], ["a", "a", "a", "b"], among=["a"]) == 1.0


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from("abc")), min_size=1))
def test_macro_average_lies_between_the_extremes_and_ignores_order(pairs: list[tuple[float, str]]) -> None:
    values, relations = zip(*pairs, strict=True)
    found = m.macro_average(values, relations)
    assert found is not None
    assert min(values) - 1e-9 <= found <= max(values) + 1e-9
    assert found == pytest.approx(m.macro_average(values[::-1], relations[::-1]))


def test_recall_counts_distinct_entries() -> None:
    ranked = [["a", "a", "a", "b"], ["b", "a"], ["c"]]
    wanted = [{"b"}, {"b"}, {"b"}]
    assert [m.recall_at_k(ranked, wanted, k) for k in (1, 2)] == [1 / 3, 2 / 3]
    assert [m.first_rank(r, {"b"}) for r in ranked] == [2, 1, None]


@given(entries, gold, st.integers(1, 6))
def test_recall_grows_with_k_and_ignores_repeats(ranking: list[str], wanted: set[str], k: int) -> None:
    now, later = m.recall_at_k([ranking], [wanted], k), m.recall_at_k([ranking], [wanted], k + 1)
    if not wanted:
        assert now is None
        return
    assert now is not None
    assert later is not None
    assert now <= later
    assert m.recall_at_k([[e for e in ranking for _ in range(3)]], [wanted], k) == now
    assert m.recall_at_k([ranking], [wanted], 6) == float(bool(wanted & set(ranking)))
