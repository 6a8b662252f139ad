"""Calibration: worked by hand, against brute force, and the degenerate cases."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravlm.evaluation import calibration as c

answers = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1)
tied = st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.booleans()), min_size=1, max_size=6)


def test_nothing_to_judge_is_none_or_no_point() -> None:
    assert c.expected_calibration_error([], []) is None
    assert c.reliability([], []) == []
    assert c.risk_coverage([], []) == []
    assert c.area_under_risk_coverage([], []) is None
    assert c.selective([], []) == (None, None)


def test_calibration_error_by_hand() -> None:
    # bin [.8, .9): three of confidence .8, two right: |2/3 - .8| * 3/4; bin [.2, .3): |0 - .2| * 1/4
    assert c.expected_calibration_error([0.8, 0.8, 0.8, 0.2], [True, True, False, False]) == pytest.approx(
        abs(2 / 3 - 0.8) * 3 / 4 + 0.2 / 4
    )


@given(answers)
def test_calibration_error_is_at_least_the_gap_of_the_means(pairs: list[tuple[float, bool]]) -> None:
    confidence, right = zip(*pairs, strict=True)
    found = c.expected_calibration_error(confidence, right)
    assert found is not None
    assert abs(np.mean(confidence) - np.mean(right)) - 1e-9 <= found <= 1.0 + 1e-9
    assert found == pytest.approx(c.expected_calibration_error(confidence[::-1], right[::-1]))


def test_bins_by_hand() -> None:
    found = c.reliability([0.05, 0.1, 0.1, 0.95, 1.0], [False, True, False, True, True])
    assert [(b.low, b.high) for b in found] == [(0.0, 0.1), (0.1, 0.2), (0.9, 1.0)]
    assert [(b.n, b.right) for b in found] == [(1, 0.0), (2, 0.5), (2, 1.0)]
    assert [b.confidence for b in found] == pytest.approx([0.05, 0.1, 0.975])


@given(answers, st.integers(1, 12))
def test_bins_hold_every_answer_once_and_its_confidence(pairs: list[tuple[float, bool]], bins: int) -> None:
    confidence, right = zip(*pairs, strict=True)
    found = c.reliability(confidence, right, bins)
    assert sum(b.n for b in found) == len(pairs)
    assert sum(b.n * b.right for b in found) == pytest.approx(sum(right))
    assert sum(b.n * b.confidence for b in found) == pytest.approx(sum(confidence))
    assert all(b.n > 0 and b.low - 1e-9 <= b.confidence <= b.high + 1e-9 for b in found)
    assert [b.low for b in found] == sorted({b.low for b in found})


@given(tied)
def test_the_risk_coverage_curve_is_that_of_every_threshold(pairs: list[tuple[float, bool]]) -> None:
    confidence, right = zip(*pairs, strict=True)
    expected = []
    for threshold in sorted(set(confidence), reverse=True):
        kept = [was_right for p, was_right in pairs if p >= threshold]
        expected.append((len(kept) / len(pairs), kept.count(False) / len(kept)))
    assert c.risk_coverage(confidence, right) == expected


@settings(max_examples=60)
@given(tied)
def test_the_area_is_the_mean_over_all_orders_of_ties(pairs: list[tuple[float, bool]]) -> None:
    areas = []
    for order in permutations(pairs):
        falling = sorted(order, key=lambda pair: -pair[0])  # stable: ties stay as the order has them
        prefixes = [[r for _, r in falling[:n]] for n in range(1, len(pairs) + 1)]
        areas.append(np.mean([prefix.count(False) / len(prefix) for prefix in prefixes]))
    confidence, right = zip(*pairs, strict=True)
    assert c.area_under_risk_coverage(confidence, right) == pytest.approx(np.mean(areas))


def test_the_area_rewards_knowing_what_one_does_not_know() -> None:
    right = [True] * 5 + [False] * 5
    best, worst = (c.area_under_risk_coverage(np.linspace(a, b, 10), right) for a, b in ((1, 0), (0, 1)))
    assert best == pytest.approx(sum((i - 5) / i for i in range(6, 11)) / 10)
    assert c.area_under_risk_coverage([0.3] * 10, right) == 0.5
    assert best < 0.5 < worst


@given(answers)
def test_the_area_depends_on_the_order_of_confidence_alone(pairs: list[tuple[float, bool]]) -> None:
    confidence, right = zip(*pairs, strict=True)
    places = np.searchsorted(sorted(set(confidence)), confidence)
    found = c.area_under_risk_coverage(confidence, right)
    assert found == pytest.approx(c.area_under_risk_coverage(places, right))
    assert found == pytest.approx(c.area_under_risk_coverage(confidence[::-1], right[::-1]))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_selective_counts_what_was_answered(pairs: list[tuple[bool, bool]]) -> None:
    declined, right = zip(*pairs, strict=True)
    answered = [was_right for gone, was_right in pairs if not gone]
    share, risk = c.selective(declined, right)
    assert share == pytest.approx(len(answered) / len(pairs))
    assert risk == (pytest.approx(answered.count(False) / len(answered)) if answered else None)
