"""The mission's formula, in NumPy."""

import numpy as np
import pytest
import torch
from fusion_inputs import FUSIONS, LANGUAGE, QUESTION, VISUAL, WIDTH, batch, make

from ravlm.errors import ConfigError
from ravlm.fusion.attention import AttentionFusion


def softmax(x):
    exponents = np.exp(x - x.max())
    return exponents / exponents.sum()


@pytest.mark.parametrize(("name", "heads"), [("attention", 1), ("attention, 3 heads", 3)])
def test_attention_fusion_is_the_missions_formula(name, heads):
    fusion, inputs = make(name).eval(), batch()
    fused = fusion(*inputs)
    vlk = fusion.project(*inputs).vlk.detach().numpy()
    weights = {name: value.detach().numpy() for name, value in fusion.named_parameters()}
    for b in range(5):
        hidden = weights["feedforward.0.weight"] @ np.concatenate(vlk[b]) + weights["feedforward.0.bias"]
        hidden = torch.nn.functional.gelu(torch.from_numpy(hidden)).numpy()
        q = weights["feedforward.2.weight"] @ hidden + weights["feedforward.2.bias"]
        keys = [weights["key.weight"] @ x + weights["key.bias"] for x in vlk[b]]
        o, all_a = [], []
        for part in np.split(np.arange(WIDTH), heads):
            a = softmax(np.array([q[part] @ key[part] for key in keys]) / np.sqrt(len(part)))
            o.append(a[0] * vlk[b, 0, part] + a[1] * vlk[b, 1, part] + a[2] * vlk[b, 2, part])
            all_a.append(a)
        np.testing.assert_allclose(fused.weights[b].detach().numpy(), np.mean(all_a, axis=0), atol=1e-6)
        np.testing.assert_allclose(fused.pooled[b].detach().numpy(), np.concatenate(o), atol=1e-6)


def test_the_hits_weights_are_the_softmax_of_their_scores_and_make_the_knowledge_vector():
    fusion, inputs = make("attention").eval(), batch()
    _, _, found, scores = inputs
    token = {name: value.detach().numpy() for name, value in fusion.project.token.named_parameters()}
    for b in (0, 1, 2):
        hits = found.mask[b].any(-1).numpy()
        w = np.zeros(3)
        w[hits] = softmax(scores[b].numpy()[hits])
        np.testing.assert_allclose(fusion(*inputs).passage_weights[b].detach().numpy(), w, atol=1e-6)
        means = [
            (found.tokens[b, j][found.mask[b, j]].numpy() @ token["weight"].T + token["bias"]).mean(0) if hit else 0.0
            for j, hit in enumerate(hits)
        ]
        k = sum(weight * mean for weight, mean in zip(w, means, strict=True))
        k = (k - k.mean()) / np.sqrt(k.var() + 1e-5)
        np.testing.assert_allclose(fusion.project(*inputs).vlk[b, 2].detach().numpy(), k, atol=1e-6)


def test_heads_must_share_the_width():
    for kind in ("attention", "interaction", "hierarchical"):
        with pytest.raises(ConfigError, match=r"width 12 can't be split into 5 heads.*1, 2, 3, 4, 6, 12"):
            FUSIONS[kind](visual_width=VISUAL, language_width=LANGUAGE, question_width=QUESTION, width=WIDTH, heads=5)


def test_weights_of_a_model_without_absence_vectors_are_read():
    """What was not found counted as zeros there; so it does when they are read."""
    state = {name: value for name, value in make("attention").state_dict().items() if name != "project.absent"}
    fusion = AttentionFusion(visual_width=VISUAL, language_width=LANGUAGE, question_width=QUESTION, width=WIDTH)
    torch.nn.init.ones_(fusion.project.absent)
    fusion.load_state_dict(state)
    assert not fusion.project.absent.any()
    assert torch.equal(fusion.key.weight, state["key.weight"].float())
