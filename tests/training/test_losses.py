"""What teaches a retriever, by closed forms."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ravlm.training.losses import (
    attention_distillation,
    likelihood_distillation,
    marginal_likelihood,
    relevance_contrast,
)

LOWEST = torch.finfo(torch.float32).min
ROWS = st.lists(st.lists(st.floats(-8, 8), min_size=4, max_size=4), min_size=1, max_size=5)


def there(*shape: int) -> Tensor:
    return torch.ones(shape, dtype=torch.bool)


def test_uniform_scores_and_one_entry_that_answers_for_certain_cost_log_k():
    likelihood = torch.tensor([[0.0, LOWEST, LOWEST, LOWEST]])
    assert float(marginal_likelihood(torch.zeros(1, 4), likelihood, there(1, 4))) == pytest.approx(math.log(4))
    relevant = likelihood == 0
    assert float(relevance_contrast(torch.zeros(1, 4), relevant, there(1, 4))) == pytest.approx(math.log(4))
    sure = torch.tensor([[50.0, 0.0, 0.0, 0.0]])
    assert float(relevance_contrast(sure, relevant, there(1, 4))) == pytest.approx(0.0, abs=1e-6)


def test_one_certain_entry_gives_the_plain_loss():
    likelihood = torch.log(torch.tensor([[0.3, 0.9]]))
    loss = marginal_likelihood(torch.tensor([[80.0, 0.0]]), likelihood, there(1, 2))
    assert float(loss) == pytest.approx(-math.log(0.3), abs=1e-5)
    alone = marginal_likelihood(torch.tensor([[-3.0, 5.0]]), likelihood, torch.tensor([[True, False]]))
    assert float(alone) == pytest.approx(-math.log(0.3), abs=1e-5)


@given(ROWS, ROWS)
def test_the_marginal_and_its_gradient_agree_with_numpy_and_finite_differences(scores, likelihoods):
    n = min(len(scores), len(likelihoods))
    s, log_l = np.array(scores[:n]), np.array(likelihoods[:n]) - 8.0

    def expected(s: np.ndarray) -> float:
        prior = np.exp(s) / np.exp(s).sum(1, keepdims=True)
        return float(-np.log((prior * np.exp(log_l)).sum(1)).mean())

    tensor = torch.tensor(s, requires_grad=True)
    loss = marginal_likelihood(tensor, torch.tensor(log_l), there(*s.shape))
    assert float(loss) == pytest.approx(expected(s), rel=1e-9, abs=1e-9)
    loss.backward()
    step = 1e-5
    for place in np.ndindex(*s.shape):
        moved = [s.copy(), s.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        slope = (expected(moved[0]) - expected(moved[1])) / (2 * step)
        assert float(tensor.grad[place]) == pytest.approx(slope, abs=1e-6)


def test_what_no_entry_can_say_teaches_nothing():
    scores = torch.tensor([[2.0, 0.0], [1.0, 3.0]], requires_grad=True)
    likelihood = torch.tensor([[LOWEST, LOWEST], [-1.0, LOWEST]])
    alone = marginal_likelihood(scores[1:], likelihood[1:], there(1, 2))
    both = marginal_likelihood(scores, likelihood, there(2, 2))
    assert float(both) == pytest.approx(float(alone))
    both.backward()
    assert scores.grad[0].tolist() == [0.0, 0.0]
    for loss in (marginal_likelihood, likelihood_distillation):
        nothing = loss(scores[:1], likelihood[:1], there(1, 2))
        assert float(nothing) == 0.0
    assert float(relevance_contrast(scores[:1], ~there(1, 2), there(1, 2))) == 0.0
    assert float(relevance_contrast(scores[:1], there(1, 2), there(1, 2))) == 0.0


def test_distillation_is_a_divergence_from_the_readers_distribution():
    likelihood = torch.log(torch.tensor([[0.5, 0.25, 0.25]]))
    assert float(likelihood_distillation(likelihood, likelihood, there(1, 3))) == pytest.approx(0.0, abs=1e-6)
    uniform = float(likelihood_distillation(torch.zeros(1, 3), likelihood, there(1, 3)))
    assert uniform == pytest.approx(math.log(3) - 1.5 * math.log(2), abs=1e-6)
    softer = float(likelihood_distillation(torch.zeros(1, 3), likelihood, there(1, 3), temperature=100.0))
    assert softer == pytest.approx(0.0, abs=1e-4)
    weights = torch.tensor([[1.0, 0.5, 0.5]])  # normalised first
    assert float(attention_distillation(torch.zeros(1, 3), weights, there(1, 3))) == pytest.approx(uniform, abs=1e-6)


def test_the_reader_gets_no_gradient_from_distillation():
    scores, reader = torch.zeros(1, 3, requires_grad=True), torch.tensor([[0.2, 0.5, 0.3]], requires_grad=True)
    for loss in (likelihood_distillation, attention_distillation):
        loss(scores, reader, there(1, 3)).backward()
    assert scores.grad.abs().sum() > 0
    assert reader.grad is None


@given(ROWS)
def test_what_is_not_there_changes_nothing(rows):
    scores = torch.tensor(rows, dtype=torch.float64)
    few = torch.tensor([True, True, True, False]).expand_as(scores)
    likelihood, relevant = scores.flip(1) - 8.0, torch.tensor([True, False, False, True]).expand_as(scores)
    other = scores.clone()
    other[:, 3] += 5.0
    for loss, second in ((marginal_likelihood, likelihood), (likelihood_distillation, likelihood)):
        assert float(loss(scores, second, few)) == pytest.approx(float(loss(other, second, few)), abs=1e-12)
        three = loss(scores[:, :3], second[:, :3], few[:, :3])
        assert float(loss(scores, second, few)) == pytest.approx(float(three), abs=1e-12)
    three = relevance_contrast(scores[:, :3], relevant[:, :3], few[:, :3])
    assert float(relevance_contrast(scores, relevant, few)) == pytest.approx(float(three), abs=1e-12)


def test_several_relevant_entries_are_alternatives():
    scores = torch.log(torch.tensor([[0.2, 0.3, 0.5]]))
    relevant = torch.tensor([[True, True, False]])
    assert float(relevance_contrast(scores, relevant, there(1, 3))) == pytest.approx(math.log(2), abs=1e-6)
