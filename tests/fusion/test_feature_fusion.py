"""The three ways of feature-level fusion against their formulas."""

import numpy as np
from fusion_inputs import WIDTH, batch, make


def parts(name):
    fusion, inputs = make(name).eval(), batch()
    weights = {name: value.detach().numpy() for name, value in fusion.mix.named_parameters()}
    return fusion(*inputs), fusion.project(*inputs).vlk.detach().numpy(), weights


def softmax(x, axis):
    exponents = np.exp(x - x.max(axis=axis, keepdims=True))
    return exponents / exponents.sum(axis=axis, keepdims=True)


def test_concatenation():
    fused, vlk, weights = parts("concatenation")
    expected = vlk.reshape(5, 3 * WIDTH) @ weights["weight"].T + weights["bias"]
    np.testing.assert_allclose(fused.pooled.detach().numpy(), expected, atol=1e-6)


def test_weighted_sum():
    fused, vlk, weights = parts("weighted sum")
    a = softmax(weights["logits"], 0)
    assert a.std() > 0.1, "a test of equal weights shows little"
    np.testing.assert_allclose(fused.pooled.detach().numpy(), (a[:, None] * vlk).sum(1), atol=1e-6)
    np.testing.assert_allclose(fused.weights.detach().numpy(), np.tile(a, (5, 1)), atol=1e-6)


def test_gates():
    fused, vlk, weights = parts("gated")
    logits = vlk.reshape(5, 3 * WIDTH) @ weights["gate.weight"].T + weights["gate.bias"]
    g = softmax(logits.reshape(5, 3, WIDTH), 1)
    np.testing.assert_allclose(fused.pooled.detach().numpy(), (g * vlk).sum(1), atol=1e-6)
    np.testing.assert_allclose(fused.weights.detach().numpy(), g.mean(-1), atol=1e-6)
