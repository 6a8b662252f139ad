"""The contract of every fusion, and the mission's formula."""

import numpy as np
import pytest
import torch

from builders import TEXTS, encoded, knowledge, passage, scores, tokenizer
from ravlm.encoders.tokenizer import tokenize
from ravlm.fusion.attention import AttentionFusion
from ravlm.fusion.feature import FeatureFusion
from ravlm.protocols import FusionModule
from ravlm.tensors import Kind

FUSIONS = [AttentionFusion, FeatureFusion]


def inputs():
    rows = [[passage(t, ordinal=j) for j, t in enumerate(TEXTS[:2])] for _ in range(2)]
    texts = tokenize(tokenizer(), [p.text for row in rows for p in row], 32)
    return encoded(2, 4, 6), encoded(2, 3, 8, seed=1), knowledge(rows, texts, width=8), scores(2, 2)


@pytest.mark.parametrize("kind", FUSIONS)
def test_contract(kind):
    torch.manual_seed(0)
    fusion = kind(visual_width=6, language_width=8, width=10)
    assert isinstance(fusion, FusionModule)
    visual, language, found, score = inputs()
    score.requires_grad_()
    fused = fusion(visual, language, found, score)
    assert fused.pooled.shape == (2, fusion.width)
    fused.pooled.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in fusion.parameters())
    assert score.grad is not None
    assert score.grad.abs().sum() > 0, "no way back to the query encoder"


@pytest.mark.parametrize("kind", FUSIONS)
def test_nothing_found_is_no_error(kind):
    visual, language, found, score = inputs()
    found.kind.fill_(int(Kind.NOTHING))
    found.mask.fill_(False)
    fused = kind(visual_width=6, language_width=8, width=10)(visual, language, found, score)
    assert fused.pooled.isfinite().all()


def test_attention_fusion_is_the_missions_formula():
    torch.manual_seed(0)
    fusion = AttentionFusion(visual_width=6, language_width=8, width=10).eval()
    visual, language, found, score = inputs()
    fused = fusion(visual, language, found, score)
    vlk = fusion.project(visual, language, found, score).vlk.detach().numpy()
    weights = {name: value.detach().numpy() for name, value in fusion.named_parameters()}
    for b in range(2):
        hidden = weights["feedforward.0.weight"] @ np.concatenate(vlk[b]) + weights["feedforward.0.bias"]
        hidden = torch.nn.functional.gelu(torch.from_numpy(hidden)).numpy()
        q = weights["feedforward.2.weight"] @ hidden + weights["feedforward.2.bias"]
        logits = np.array([q @ (weights["key.weight"] @ x + weights["key.bias"]) for x in vlk[b]]) / np.sqrt(10)
        a = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        o = a[0] * vlk[b, 0] + a[1] * vlk[b, 1] + a[2] * vlk[b, 2]
        np.testing.assert_allclose(fused.weights[b].detach().numpy(), a, atol=1e-6)
        np.testing.assert_allclose(fused.pooled[b].detach().numpy(), o, atol=1e-6)
