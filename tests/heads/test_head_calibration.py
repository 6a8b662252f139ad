"""Temperatures: what minimises the likelihood, found by others, by closed forms, and on what was made miscalibrated."""

import math

import numpy as np
import pytest
import torch
from asked_heads import read
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from ravlm.heads.calibration import (
    Answered,
    Observed,
    Validated,
    calibrate,
    fit_temperature,
    fit_widening,
    negative_log_likelihood,
)
from ravlm.heads.classification import ClassificationHead, ClassPrediction
from ravlm.heads.multilabel import MultiLabelHead
from ravlm.heads.targets import LabelTargets, Targets
from ravlm.records import Example


def observed(logits, label):
    right = torch.nn.functional.one_hot(label, logits.shape[1]).bool()
    return Observed(logits, right)


def answered(p, right):
    return Answered(torch.tensor(p, dtype=torch.float64).log(), torch.tensor(right, dtype=torch.bool), torch.zeros(0))


def sampled(temperature, n=4000, c=5, seed=0):
    """Logits that are `temperature` times too large, and labels drawn from what they should have been."""
    generator = torch.Generator().manual_seed(seed)
    honest = 2 * torch.randn(n, c, generator=generator)
    label = torch.multinomial(honest.softmax(1), 1, generator=generator)[:, 0]
    return honest * temperature, label


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_it_undoes_what_made_the_logits_too_large(temperature):
    assert fit_temperature(observed(*sampled(temperature))) == pytest.approx(temperature, rel=0.06)


def test_it_is_the_minimum_that_another_optimiser_finds():
    logits, label = sampled(1.7, n=300)

    def loss(t):
        return -np.mean(
            [log_softmax(row / t)[k] for row, k in zip(logits.double().numpy(), label.numpy(), strict=True)]
        )

    best = minimize_scalar(loss, bracket=(0.5, 1.0, 5.0)).x
    seen = observed(logits, label)
    assert fit_temperature(seen) == pytest.approx(best, rel=1e-4)
    assert negative_log_likelihood(seen, 1.3) == pytest.approx(loss(1.3), rel=1e-6)


@given(st.floats(0.1, 10.0))
@settings(max_examples=20, deadline=None)
def test_logits_that_are_scaled_have_a_temperature_that_is(factor):
    logits, label = sampled(1.0, n=200)
    alone = fit_temperature(observed(logits, label))
    assert fit_temperature(observed(logits * factor, label)) == pytest.approx(alone * factor, rel=1e-3)


def test_two_outcomes_with_one_margin_have_a_closed_form():
    right = torch.tensor([True] * 8 + [False] * 2)
    seen = Observed(torch.tensor([[3.0, 0.0]]).repeat(10, 1), torch.stack([right, ~right], 1))
    assert fit_temperature(seen) == pytest.approx(3.0 / math.log(8 / 2), rel=1e-4)


def test_the_widening_of_numbers_is_the_mean_of_the_residuals_and_before_any_was_seen_1():
    residuals = torch.tensor([0.5, 1.0, 4.5])
    assert fit_widening(residuals) == pytest.approx(2.0, rel=1e-4)
    assert 1.0 < fit_widening(residuals, variance=0.1) < 1.5
    assert fit_widening(torch.zeros(0)) == 1.0


def test_of_whole_answers_with_one_probability_it_has_a_closed_form():
    seen = answered([0.1] * 10, [True] * 8 + [False] * 2)  # c = 0.1^T = 0.8
    assert fit_temperature(seen) == pytest.approx(math.log(0.8) / math.log(0.1), rel=1e-4)
    expected = -(8 * math.log(0.1**2) + 2 * math.log(1 - 0.1**2)) / 10
    assert negative_log_likelihood(seen, 2.0) == pytest.approx(expected)


@given(st.floats(0.2, 5.0))
@settings(max_examples=20, deadline=None)
def test_of_whole_answers_it_undoes_what_made_their_probabilities_too_small_or_large(temperature):
    rng = np.random.default_rng(0)
    honest = rng.uniform(0.05, 0.95, size=3000)
    right = rng.uniform(size=3000) < honest
    assert fit_temperature(answered(honest ** (1 / temperature), right)) == pytest.approx(temperature, rel=0.06)


@pytest.mark.parametrize(("p", "right"), [([1.0, 0.5], [False, True]), ([1e-300, 0.5], [True, False])])
def test_a_whole_answer_that_left_no_doubt_and_was_wrong_or_no_hope_and_was_right_leaves_a_finite_likelihood(p, right):
    assert all(math.isfinite(negative_log_likelihood(answered(p, right), t)) for t in (0.02, 1.0, 50.0))


def test_probabilities_of_several_right_outcomes_are_added():
    seen = Observed(torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([[True, True, False]]))
    p = torch.tensor([2.0, 1.0, 0.0]).div(1.5).softmax(0)
    assert negative_log_likelihood(seen, 1.5) == pytest.approx(-math.log(float(p[0] + p[1])))


def test_a_variance_before_anything_was_seen_leaves_doubt_where_all_is_right() -> None:
    logits = torch.tensor([[2.0, 0.0]] * 10)
    observed = Observed(logits, torch.tensor([[True, False]] * 10))
    assert fit_temperature(observed) < 0.2
    t = fit_temperature(observed, variance=1.0)
    at_the_minimum = 2 / t * torch.sigmoid(torch.tensor(-2 / t)).item() + math.log(t) / 10
    assert at_the_minimum == pytest.approx(0.0, abs=1e-4)


def test_it_stays_within_its_bounds_and_is_1_where_nothing_was_seen():
    sure = observed(torch.tensor([[5.0, 0.0]]), torch.tensor([0]))
    assert 0.02 <= fit_temperature(sure) < 0.03
    never = observed(torch.tensor([[5.0, 0.0]]), torch.tensor([1]))
    assert 40 < fit_temperature(never) <= 50
    assert fit_temperature(answered([], [])) == 1.0


def test_what_was_given_no_probability_is_as_if_it_had_the_least_and_no_right_outcome_is_refused():
    logits, label = sampled(1.0, n=50, c=3)
    impossible = logits.clone()
    impossible[0, label[0]] = -math.inf
    seen = observed(impossible, label)
    known = impossible.clone()
    known[0, label[0]] = float(impossible[0].logsumexp(0)) + math.log(1e-7)
    assert fit_temperature(seen) == pytest.approx(fit_temperature(observed(known, label)), rel=1e-4)
    assert math.isfinite(negative_log_likelihood(seen, 0.1))
    seen.right[1] = False
    with pytest.raises(ValueError, match="question 1 has no right outcome"):
        fit_temperature(seen)


def validation(n=2000, temperature=2.0):
    """A classification head, and validation in two batches of unlike size."""
    logits, label = sampled(temperature, n=n, c=3)
    names = ["a1", "b1", "c1"]
    head = ClassificationHead(width=4, vocabulary=names)
    found = read(["x"])
    asked = 0

    def batches():
        nonlocal asked
        asked += 1
        for part in (slice(0, 300), slice(300, n)):
            examples = [Example("q", (), "?", "answers", answers=(names[i],)) for i in label[part].tolist()]
            targets = Targets(torch.zeros(len(examples), 1, 1, 1, dtype=torch.bool), label[part])
            yield Validated(ClassPrediction(logits[part]), targets, found, examples)

    return head, batches, lambda: asked


def test_calibrating_sets_both_and_says_what_it_gained():
    head, batches, asked = validation()
    head.set_calibration(temperature=9.0, threshold=0.9)  # from before: it does not count
    found = calibrate(head, batches, risk=0.1)
    assert (head.temperature, head.threshold) == (found.temperature, found.threshold)
    assert found.temperature == pytest.approx(2.0, rel=0.1)
    assert found.questions == 2000
    assert found.nll[1] < found.nll[0]
    assert asked() == 2
    given_ = [
        (head.judge(example, answer), answer.confidence)
        for batch in batches()
        for example, answer in zip(batch.examples, head.decode(batch.prediction, batch.knowledge), strict=True)
        if not answer.abstained
    ]
    wrong = [not right for right, _ in given_]
    assert 0.08 < np.mean(wrong) <= 0.1
    assert np.mean([confidence for _, confidence in given_]) == pytest.approx(1 - np.mean(wrong), abs=0.03)


def test_an_answer_outside_the_vocabulary_makes_it_less_sure():
    head, found = ClassificationHead(width=4, vocabulary=["a1", "b1"]), read(["x"])
    logits, labels = torch.tensor([[3.0, 0.0]] * 10), torch.tensor([0] * 5 + [-1] * 5)
    targets = Targets(torch.zeros(10, 1, 1, 1, dtype=torch.bool), labels)
    seen = head.observed(ClassPrediction(logits), targets, found)
    assert seen.right.tolist() == [[True, False]] * 5 + [[False, True]] * 5
    examples = [Example("q", (), "?", "answers", answers=(answer,)) for answer in ["a1"] * 5 + ["z"] * 5]
    calibrate(head, lambda: [Validated(ClassPrediction(logits), targets, found, examples)])
    assert head.decode(ClassPrediction(logits[:1]), found)[0].confidence < 0.7  # it was 0.95


def test_all_right_leaves_some_doubt():
    head, found = ClassificationHead(width=4, vocabulary=["a1", "b1"]), read(["x"])
    logits = torch.tensor([[2.0, 0.0]] * 10)
    targets = Targets(torch.zeros(10, 1, 1, 1, dtype=torch.bool), torch.zeros(10, dtype=torch.long))
    examples = [Example("q", (), "?", "answers", answers=("a1",))] * 10
    batches = [Validated(ClassPrediction(logits), targets, found, examples)]
    assert calibrate(head, lambda: batches).temperature > 2 * calibrate(head, lambda: batches, variance=1e9).temperature


def test_what_is_declined_anyway_does_not_count_for_the_threshold():
    head, found = MultiLabelHead(width=4, vocabulary=["a1", "b1"]), read(["x"])
    logits = torch.tensor([[2.0, -2.0], [-0.1, -2.0]])  # the second says no label
    targets = LabelTargets(torch.tensor([[True, False], [False, True]]))
    examples = [Example("q", (), "?", "answers", answers=(answer,)) for answer in ("a1", "b1")]
    batches = [Validated(ClassPrediction(logits), targets, found, examples)]
    assert calibrate(head, lambda: batches, risk=0.0).threshold == 0.0


def test_without_a_risk_no_answer_is_declined_and_a_guarantee_declines_more():
    head, batches, asked = validation()
    assert calibrate(head, batches).threshold == head.threshold == 0.0
    assert asked() == 1
    assert calibrate(head, batches, risk=0.1, delta=0.05).threshold > calibrate(head, batches, risk=0.1).threshold


def test_on_nothing_it_changes_nothing():
    head, _, _ = validation()
    found = calibrate(head, list, risk=0.1)
    assert (found.temperature, found.threshold, found.questions) == (1.0, 0.0, 0)
