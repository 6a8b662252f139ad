"""Measures: closed forms, hand-worked cases, invariances, and the degenerate ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.evaluation import measures as m
from ravlm.grading import is_right
from ravlm.records import Example

entries = st.lists(st.sampled_from("abcdef"), max_size=8)
gold = st.sets(st.sampled_from("abcdef"), max_size=3)


def test_nothing_to_judge_is_none_not_zero() -> None:
    assert m.mean([]) is None
    assert m.recall_at_k([], [], 1) is None
    assert m.recall_at_k([["a"]], [set()], 1) is None
    assert m.macro_average([1.0], ["small"], among=[]) is None


def number(value: float | None, unit: str | None = "gram") -> Example:
    return Example("", (), None, "number", value=value, unit=unit)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("3.5 gram", 0.0),
        ("3.5", 0.0),
        ("1 gram", 2.5),
        ("-1 gram", 4.5),
        ("1,234,567 gram", 1_230_000.0),
        ("3.50001 gram", 0.00001),
        ("3.5 kilojoule", None),
        ("about 3.5 gram", None),
        ("Sweden", None),
        ("", None),
        ("9" * 400, None),
    ],
)
def test_a_number_in_the_unit_is_off_by_so_much(answer: str, error: float | None) -> None:
    assert m.absolute_error(number(3.5), answer) == error


def test_what_asks_for_no_number_has_no_error() -> None:
    assert m.absolute_error(Example("", (), None, "answers", answers=("3",), value=3.0), "3") is None
    assert m.absolute_error(number(None), "3") is None
    assert m.absolute_error(number(3.0, None), "5") == 2.0


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_no_error_is_right_and_right_is_no_error(value: float, answered: float) -> None:
    for other in (value, answered):
        said = f"{other:.12f}"
        right = is_right(number(value), said)
        assert (m.absolute_error(number(value), said) == 0) == right


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
