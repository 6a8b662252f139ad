"""Measures: closed forms, hand-worked cases, invariances, the degenerate ones, and the interval's coverage."""

import numpy as np
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
    assert m.clustered_interval([], []) is None
    assert m.expected_calibration_error([], []) is None
    assert m.accuracy_by_group([], []) == {}


def test_accuracy_by_group_counts_a_repeated_name_once() -> None:
    assert m.accuracy_by_group([True, False], [["x", "x"], ["x", "y"]]) == {"x": 0.5, "y": 0.0}


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


def test_calibration_error_by_hand() -> None:
    # bin [.8, .9): three of confidence .8, two right: |2/3 - .8| * 3/4; bin [.2, .3): |0 - .2| * 1/4
    assert m.expected_calibration_error([0.8, 0.8, 0.8, 0.2], [True, True, False, False]) == pytest.approx(
        abs(2 / 3 - 0.8) * 3 / 4 + 0.2 / 4
    )


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1))
def test_calibration_error_is_at_least_the_gap_of_the_means(pairs: list[tuple[float, bool]]) -> None:
    confidence, right = zip(*pairs, strict=True)
    found = m.expected_calibration_error(confidence, right)
    assert found is not None
    assert abs(np.mean(confidence) - np.mean(right)) - 1e-9 <= found <= 1.0
    assert found == pytest.approx(m.expected_calibration_error(confidence[::-1], right[::-1]))


def test_interval_is_a_point_where_clusters_agree_or_there_is_one() -> None:
    assert m.clustered_interval([1, 0, 1, 0], ["a", "a", "b", "b"]) == (0.5, 0.5)
    assert m.clustered_interval([1, 0, 1], ["a", "a", "a"]) == pytest.approx((2 / 3, 2 / 3))


def test_interval_is_seeded_ignores_order_and_shares_clusters_honestly() -> None:
    rng = np.random.default_rng(3)
    values, clusters = rng.random(200).round(), np.repeat(np.arange(20), 10)
    assert m.clustered_interval(values, clusters) == m.clustered_interval(values, clusters)
    assert m.clustered_interval(values, clusters) != m.clustered_interval(values, clusters, seed=1)
    whole = np.repeat([0.0, 1.0], 10).repeat(10)  # clusters that stand or fall together: wider
    apart, together = m.clustered_interval(whole, range(200)), m.clustered_interval(whole, clusters)
    assert apart is not None
    assert together is not None
    assert together[1] - together[0] > 2.5 * (apart[1] - apart[0])  # sqrt(10) in theory


def test_interval_of_the_macro_average_holds_it() -> None:
    rng = np.random.default_rng(5)
    relations = rng.choice(["a", "b", "c"], 300, p=[0.8, 0.15, 0.05])
    values = (rng.random(300) < np.where(relations == "a", 0.9, 0.3)).astype(float)
    clusters = rng.integers(0, 40, 300)
    interval, micro = m.clustered_interval(values, clusters, relations), m.clustered_interval(values, clusters)
    average = m.macro_average(values, relations)
    assert interval is not None
    assert micro is not None
    assert average is not None
    assert interval[0] <= average <= interval[1] < micro[0]


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """200 made-up studies of 40 clusters with rates of their own, mean .6: 95 % intervals should hold .6 in about 95 %.

    The binomial standard error of the count is 1.5 points, and the percentile bootstrap is a little short at 40
    clusters; drawing single questions instead would hold it in about two thirds.
    """
    rng = np.random.default_rng(11)
    clusters = np.repeat(np.arange(40), 12)
    held = {True: 0, False: 0}
    for study in range(200):
        rates = rng.beta(1.2, 0.8, 40)
        values = (rng.random(480) < rates[clusters]).astype(float)
        for clustered in held:
            interval = m.clustered_interval(values, clusters if clustered else range(480), seed=study, draws=200)
            assert interval is not None
            held[clustered] += interval[0] <= 0.6 <= interval[1]
    assert 0.89 <= held[True] / 200 <= 0.99
    assert held[False] / 200 < 0.8
