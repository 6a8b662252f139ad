"""Thresholds: the risk that is kept, by counting, by closed forms, and by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from ravlm.evaluation.calibration import risk_coverage
from ravlm.heads.abstention import fit_threshold, upper_risk

ANSWERS = st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), st.booleans()), min_size=1, max_size=40)
RISKS = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])


def risk_at(threshold, answers):
    given_ = [right for confidence, right in answers if confidence >= threshold]
    return 1 - sum(given_) / len(given_) if given_ else 0.0


@given(ANSWERS, RISKS)
def test_it_is_the_smallest_threshold_that_keeps_the_risk(answers, risk):
    confidence, right = zip(*answers, strict=True)
    found = fit_threshold(confidence, right, risk=risk)
    assert risk_at(found, answers) <= risk
    for smaller in {0.0, *confidence}:
        assert smaller >= found or risk_at(smaller, answers) > risk


@given(ANSWERS, RISKS, st.sampled_from([0.01, 0.1, 0.5]))
def test_a_guarantee_never_answers_what_the_risk_alone_declines(answers, risk, delta):
    confidence, right = zip(*answers, strict=True)
    found = fit_threshold(confidence, right, risk=risk, delta=delta)
    assert found == math.inf or risk_at(found, answers) <= risk
    assert found >= fit_threshold(confidence, right, risk=risk)


@given(ANSWERS)
def test_the_coverage_is_that_of_the_risk_coverage_curve(answers):
    confidence, right = zip(*answers, strict=True)
    found = fit_threshold(confidence, right, risk=0.25)
    best = max((c for c, r in risk_coverage(confidence, right) if r <= 0.25), default=0.0)
    assert sum(c >= found for c in confidence) / len(confidence) == pytest.approx(best)


def test_all_right_is_answered_all_wrong_is_not_and_nothing_seen_changes_nothing():
    assert fit_threshold([0.2, 0.9], [True, True], risk=0.0) == 0.0
    assert fit_threshold([0.2, 0.9], [False, False], risk=0.5) == math.inf
    assert fit_threshold([], [], risk=0.1) == 0.0
    assert fit_threshold([], [], risk=0.1, delta=0.1) == math.inf


@pytest.mark.parametrize(("wrong", "n"), [(0, 20), (3, 20), (19, 20)])
def test_the_bound_inverts_the_binomial(wrong, n):
    assert binom.cdf(wrong, n, upper_risk(wrong, n, 0.05)) == pytest.approx(0.05)
    assert upper_risk(n, n, 0.05) == 1.0


def test_a_guarantee_needs_as_many_right_answers_as_its_formula_says():
    confidence = [0.5] * 200  # all alike: one step of search
    least = math.ceil(math.log(0.05) / math.log(1 - 0.1))
    assert fit_threshold(confidence[:least], [True] * least, risk=0.1, delta=0.05) == 0.0
    assert fit_threshold(confidence[: least - 1], [True] * (least - 1), risk=0.1, delta=0.05) == math.inf


def test_every_step_of_the_search_takes_its_share_of_delta():
    confidence, trials = [0.9] * 200 + [0.5] * 200, 2  # two ends, so two steps
    n = 400
    alone = max(w for w in range(n) if upper_risk(w, n, 0.05) <= 0.1)
    shared = max(w for w in range(n) if upper_risk(w, n, 0.05 / trials) <= 0.1)
    assert shared < alone
    for wrong, answered in ((shared, True), (alone, False)):
        right = [True] * (n - wrong) + [False] * wrong
        assert (fit_threshold(confidence, right, risk=0.1, delta=0.05) == 0.0) is answered


def test_a_guarantee_that_can_be_given_to_all_is():
    confidence = [i / 200 for i in range(200)]
    assert fit_threshold(confidence, [True] * 200, risk=0.1, delta=0.05) == 0.0
    found = fit_threshold(confidence, [c > 0.4 for c in confidence], risk=0.1, delta=0.05)
    assert 0.37 < found < 0.5


def test_the_guarantee_holds_as_often_as_it_says_where_the_plain_threshold_does_not():
    rng = np.random.default_rng(0)
    broken = {None: 0, 0.1: 0}
    for _ in range(200):
        confidence = rng.random(150).tolist()
        right = (rng.random(150) < np.array(confidence)).tolist()
        for delta in broken:
            found = fit_threshold(confidence, right, risk=0.2, delta=delta)
            true_risk = 0.0 if found >= 1.0 else (1 - found) / 2  # mean of 1 - c, c uniform above the threshold
            broken[delta] += true_risk > 0.2
    assert broken[0.1] <= 0.1 * 200
    assert broken[None] > 0.3 * 200
