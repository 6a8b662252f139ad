"""The levels against their formulas, in NumPy."""

import numpy as np
import pytest
import torch
from fusion_inputs import LANGUAGE, NO_HITS, NOTHING, VISUAL, WIDTH, batch, make

from ravlm.errors import ConfigError
from ravlm.fusion.hierarchical import ContextGate, HierarchicalFusion, check_levels

HEADS = 2


def softmax(x, axis=0):
    exponents = np.exp(x - x.max(axis=axis, keepdims=True))
    return exponents / exponents.sum(axis=axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normed(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


class InNumPy:
    """All three levels of one row."""

    def __init__(self, fusion):
        self.weights = {name: value.detach().numpy() for name, value in fusion.named_parameters()}

    def linear(self, x, name):
        return x @ self.weights[f"{name}.weight"].T + self.weights.get(f"{name}.bias", 0.0)

    def gate(self, x, context, m):
        gate, value = np.split(self.linear(np.concatenate(context), f"feature.contexts.{m}.context"), 2)
        return x + sigmoid(self.linear(x, f"feature.contexts.{m}.own") + gate) * np.tanh(value)

    def feature(self, vlk, evidence):
        others = [[vlk[n] for n in range(3) if n != m] for m in range(3)]
        fused = normed(np.stack([self.gate(vlk[m], others[m], m) for m in range(3)]))
        g = softmax(self.linear(fused.reshape(-1), "feature.gates.gate").reshape(3, WIDTH))
        return fused, [self.gate(tokens, others[2], 2) for tokens in evidence], (g * fused).sum(0), g.mean(-1)

    def attention(self, vlk, evidence, scores, below):
        vlk = vlk.copy()
        means = np.stack([tokens.mean(0) for tokens in evidence])
        fit = means @ self.linear(vlk[1], "attention.question") / np.sqrt(WIDTH)
        s = sigmoid(self.weights["attention.retrieved"])
        w = s * softmax(scores) + (1 - s) * softmax(scores + fit)
        vlk[2] = normed(w @ means)
        q = self.linear(self.gelu(self.linear(vlk.reshape(-1), "attention.feedforward.0")), "attention.feedforward.2")
        products = (self.linear(vlk, "attention.key") * q).reshape(3, HEADS, -1).sum(-1) / np.sqrt(WIDTH / HEADS)
        r = sigmoid(self.weights["attention.attended"])
        a = r * softmax(products) + (1 - r) * below[:, None]
        return w, (a[..., None] * vlk.reshape(3, HEADS, -1)).sum(0).reshape(-1), a.mean(-1)

    def decision(self, vlk, lower):
        b = softmax(self.weights["decision.logits"])
        alone = [(self.linear(vlk[m], f"decision.alone.{m}"), np.eye(3)[m]) for m in range(3)]
        members = list(zip(b, alone + lower, strict=True))
        return sum(share * o for share, (o, _) in members), sum(share * a for share, (_, a) in members)

    def gelu(self, x):
        return torch.nn.functional.gelu(torch.from_numpy(x)).numpy()


@pytest.mark.parametrize("row", [0, 1, 2])
def test_three_levels_are_their_formulas(row):
    fusion, inputs = make("hierarchical").eval(), batch()
    fused, projected = fusion(*inputs), fusion.project(*inputs)
    numpy = InNumPy(fusion)
    there = projected.there[row]
    hits = there.any(-1)
    evidence = [projected.evidence[row, j][there[j]].detach().numpy() for j in hits.nonzero()[:, 0]]
    vlk = projected.vlk[row].detach().numpy()
    mixed, tokens, o_f, a_f = numpy.feature(vlk, evidence)
    asked = projected.mask[row]
    words = numpy.gate(projected.tokens[row][asked].detach().numpy(), vlk[[0, 2]], 1)
    np.testing.assert_allclose(fused.tokens[row][asked].detach().numpy(), words, atol=1e-6)
    w, o_a, a = numpy.attention(mixed, tokens, inputs[3][row][hits].numpy(), a_f)
    o, weights = numpy.decision(vlk, [(o_f, a_f), (o_a, a)])
    np.testing.assert_allclose(fused.evidence[row][there].detach().numpy(), np.concatenate(tokens), atol=1e-6)
    np.testing.assert_allclose(fused.passage_weights[row][hits].detach().numpy(), w, atol=1e-6)
    np.testing.assert_allclose(fused.pooled[row].detach().numpy(), o, atol=1e-6)
    np.testing.assert_allclose(fused.weights[row].detach().numpy(), weights, atol=1e-6)


def test_the_highest_level_speaks():
    """Without the decision level, that of attention; with features alone, the gates."""
    inputs = batch()
    for name, part in (("feature level", "feature"), ("feature and attention levels", "attention")):
        fusion, kept = make(name).eval(), []
        getattr(fusion, part).register_forward_hook(lambda module, given, result, kept=kept: kept.append(result[-1]))
        fused = fusion(*inputs)
        assert torch.equal(fused.pooled, kept[0][0])
        assert torch.equal(fused.weights, kept[0][1].float())


def test_late_fusion_leaves_the_tokens_alone():
    fusion, inputs = make("decision level").eval(), batch()
    fused, projected = fusion(*inputs), fusion.project(*inputs)
    assert torch.equal(fused.tokens, projected.tokens)
    assert torch.equal(fused.evidence, projected.evidence)
    assert torch.equal(fused.passage_weights, projected.passage_weights)


def test_what_was_not_found_stays_the_learned_vector_at_the_attention_level():
    fusion, (visual, language, found, scores) = make("attention level").eval(), batch()
    kept = []
    fusion.attention.key.register_forward_hook(lambda module, given, result: kept.append(given[0]))
    fusion(visual, language, found, scores)
    expected = fusion.project.absent[2].expand(2, WIDTH)
    assert torch.equal(kept[0][[NO_HITS, NOTHING], 2], expected)


def test_a_gate_that_is_closed_lets_nothing_in():
    gate = ContextGate(width=WIDTH).double()
    gate.own.bias.data.fill_(-1e3)
    x, c = torch.randn(2, 4, WIDTH).double(), torch.randn(2, 2, WIDTH).double()
    assert torch.equal(gate(x, c), x)


@pytest.mark.parametrize("levels", [[], ["late"], ["attention", "feature"], ["feature", "feature"]])
def test_levels_that_make_no_hierarchy_are_refused(levels):
    with pytest.raises(ConfigError, match="from low to high"):
        check_levels(levels)


def test_a_hierarchy_checks_its_levels():
    with pytest.raises(ConfigError, match="from low to high"):
        HierarchicalFusion(visual_width=VISUAL, language_width=LANGUAGE, width=WIDTH, levels=[])
