"""The copy gate: parity with the formula in NumPy, its two ends, and which tokens of a passage can be copied."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import knowledge, passage, tokenizer
from ravlm.encoders.tokenizer import tokenize
from ravlm.heads.generation_copy import CopyGate, Copying, PassageIds, ids_at, mix
from ravlm.heads.generation_text import AnswerTokenizer
from ravlm.tensors import Kind


def mixed(seed=0, b=2, s=3, n=7, w=11, d=8):
    torch.manual_seed(seed)
    gate = CopyGate(width=d)
    states, inputs, memory = torch.randn(b, s, d), torch.randn(b, s, d), torch.randn(b, n, d)
    bias, ids = torch.randn(b, n), torch.randint(-1, w, (b, n))
    ids[:, 0], ids[0, 1], ids[0, 2] = -1, 4, 4
    vocabulary = torch.randn(b, s, w).log_softmax(-1)
    return gate, (states, inputs, memory, bias, ids), vocabulary


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_mixture_is_the_formula(seed):
    gate, (states, inputs, memory, bias, ids), vocabulary = mixed(seed)
    with torch.no_grad():
        found = mix(vocabulary, gate(states, inputs, memory, bias, ids), ids).numpy()
    wq, bq, wg, bg = (x.detach().double().numpy() for part in (gate.query, gate.gate) for x in (part.weight, part.bias))
    for b in range(2):
        h = memory[b].double().numpy()
        for t in range(3):
            s, x = states[b, t].double().numpy(), inputs[b, t].double().numpy()
            e = np.array([(wq @ s + bq) @ row / math.sqrt(8) + float(bias[b, j]) for j, row in enumerate(h)])
            e = np.where(ids[b].numpy() >= 0, np.exp(e - e.max()), 0.0)
            a = e / e.sum()
            g = 1 / (1 + math.exp(-(wg[0] @ np.concatenate([a @ h, s, x]) + bg[0])))
            p = g * np.exp(vocabulary[b, t].double().numpy())
            for j, i in enumerate(ids[b].tolist()):
                if i >= 0:
                    p[i] += (1 - g) * a[j]
            assert p.sum() == pytest.approx(1.0)
            assert np.allclose(np.exp(found[b, t]), p, atol=1e-5)


def test_an_open_gate_leaves_the_vocabulary_and_a_shut_one_the_passages():
    gate, (states, inputs, memory, bias, ids), vocabulary = mixed()
    torch.nn.init.zeros_(gate.gate.weight)
    with torch.no_grad():
        gate.gate.bias.fill_(60.0)
        spoken = mix(vocabulary, gate(states, inputs, memory, bias, ids), ids)
        assert torch.allclose(spoken, vocabulary, atol=1e-6)
        gate.gate.bias.fill_(-60.0)
        copying = gate(states, inputs, memory, bias, ids)
        copied = mix(vocabulary, copying, ids).exp()
    both = copying.attention[0, :, 1] + copying.attention[0, :, 2] + copying.attention[0][:, ids[0] == 4][:, 2:].sum(-1)
    assert torch.allclose(copied[0, :, 4], both, atol=1e-6)
    absent = [i for i in range(11) if i not in ids[0].tolist()]
    assert absent
    assert float(copied[0][:, absent].max()) < 1e-20


def test_where_nothing_can_be_copied_everything_is_spoken_and_gradients_are_numbers():
    gate, (states, inputs, memory, bias, ids), vocabulary = mixed()
    ids[1] = -1
    copying = gate(states, inputs, memory, bias, ids)
    found = mix(vocabulary, copying, ids)
    assert torch.equal(found[1], vocabulary[1])
    assert float(copying.attention.detach()[1].abs().max()) == 0.0
    found.sum().backward()
    assert all(p.grad.isfinite().all() for p in gate.parameters())


def test_the_bias_is_that_of_retrieval():
    gate, (states, inputs, memory, bias, ids), _ = mixed()
    torch.nn.init.zeros_(gate.query.weight)
    torch.nn.init.zeros_(gate.query.bias)
    attention = gate(states, inputs, memory, bias, ids).attention.detach()
    expected = bias.masked_fill(ids < 0, -math.inf).softmax(-1)
    assert torch.allclose(attention, expected.unsqueeze(1).expand(attention.shape), atol=1e-6)


def test_copied_values_are_logarithms():
    copying = Copying(torch.tensor([[math.log(0.25)]]), torch.tensor([[math.log(0.75)]]), torch.tensor([[[0.4, 0.6]]]))
    p = mix(torch.full((1, 1, 5), 0.2).log(), copying, torch.tensor([[3, 4]])).exp()
    assert p[0, 0].tolist() == pytest.approx([0.05, 0.05, 0.05, 0.05 + 0.75 * 0.4, 0.05 + 0.75 * 0.6])


def test_the_ids_of_passages_stand_beside_the_knowledges_tokens():
    rows = [[passage("The capital is Roma."), passage("弗里多尼亚的首都是罗马。", ordinal=1)]]
    tok = tokenizer()
    texts = tokenize(tok, [p.text for p in rows[0]], 40)
    found = PassageIds(AnswerTokenizer(tok))(knowledge(rows, texts, width=8))
    own = texts.ids.masked_fill(~texts.mask, -1).view(found.shape)
    assert torch.equal(found[..., 1:], own[..., 1:])
    assert (found[..., 0] == -1).all()  # the class token has no characters


def test_pictures_and_nothing_have_no_ids_and_texts_cut_short_keep_theirs():
    rows = [[passage("The capital is Roma."), passage("Roma.", ordinal=1), passage("Roma?", ordinal=2)]]
    tok = tokenizer()
    base = knowledge(rows, tokenize(tok, [p.text for p in rows[0]], 40), width=8)
    kind = torch.tensor([[int(Kind.TEXT), int(Kind.PICTURE), int(Kind.NOTHING)]])
    ids = PassageIds(AnswerTokenizer(tok))
    whole = ids(base)
    found = ids(replace(base, kind=kind))
    assert (found[0, 1:] == -1).all()
    cut = replace(base, mask=base.mask & (torch.arange(base.mask.shape[2]) < 4))
    assert torch.equal(ids(cut)[..., :4], whole[..., :4])
    assert (ids(cut)[..., 4:] == -1).all()


def test_characters_that_are_several_tokens_or_none_can_not_be_copied():
    assert ids_at([7, 8, 9, 5], [(0, 1), (1, 2), (1, 2), (3, 3)]) == {(0, 1): 7, (1, 2): -1, (3, 3): -1}
