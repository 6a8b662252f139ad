import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, nn

from ravlm.training.pretrain.tokens import HIDDEN, REPLACED, WordHead, followed, hide, words_loss

MASK, WORDS = 3, torch.arange(4, 50)


def drawn(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def texts(b: int, t: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(4, 50, (b, t), generator=drawn(seed))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.05, 0.15, 0.5, 1.0]))
def test_only_readable_tokens_are_chosen_their_share_of_each_text_and_always_one(seed: int, share: float):
    ids = texts(6, 30, seed)
    readable = torch.rand(6, 30, generator=drawn(seed)) < 0.6
    readable[0], readable[1] = False, False
    readable[1, 7] = True
    shown, chosen = hide(ids, readable, drawn(seed), share=share, mask_id=MASK, words=WORDS)
    assert not (chosen & ~readable).any()
    assert torch.equal(shown[~chosen], ids[~chosen])
    counts = [0 if not n else max(1, round(n * share)) for n in readable.sum(1).tolist()]
    assert chosen.sum(1).tolist() == counts
    assert counts[:2] == [0, 1]


def test_of_the_chosen_eight_in_ten_are_hidden_one_is_another_word_and_one_stays():
    ids = texts(400, 100)
    shown, chosen = hide(ids, torch.ones_like(ids, dtype=torch.bool), drawn(), share=0.5, mask_id=MASK, words=WORDS)
    hidden, same = float((shown[chosen] == MASK).float().mean()), float((shown[chosen] == ids[chosen]).float().mean())
    assert hidden == pytest.approx(HIDDEN, abs=0.01)
    left = 1 - HIDDEN - REPLACED + REPLACED / len(WORDS)  # one in 46 of those replaced is the word itself
    assert same == pytest.approx(left, abs=0.01)
    assert set(shown[chosen & (shown != ids) & (shown != MASK)].tolist()) == set(WORDS.tolist())


def test_the_same_generator_hides_the_same_and_every_token_has_its_turn():
    ids, all_of_it = texts(2, 12), torch.ones(2, 12, dtype=torch.bool)
    rounds = [hide(ids, all_of_it, drawn(s), share=0.15, mask_id=MASK, words=WORDS)[1] for s in (1, 1, *range(99))]
    assert torch.equal(rounds[0], rounds[1])
    assert torch.stack(rounds).any(0).all()


def test_a_place_foretells_where_a_readable_token_follows_it():
    readable = torch.tensor([[False, True, True, False, False], [False, True, False, True, False]])
    assert followed(readable).tolist() == [
        [True, True, False, False, False],
        [True, False, True, False, False],
    ]


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("tied", [True, False])
def test_a_head_multiplies_with_the_words_that_are_the_encoders_or_its_own(masked: bool, tied: bool):
    torch.manual_seed(0)
    table = nn.Embedding(20, 8)
    head = WordHead(width=8, vocabulary=20, tied=table.weight if tied else None, masked=masked)
    tokens = torch.randn(5, 8)
    logits = head(tokens, table.weight if tied else None)
    words = table.weight if tied else head.words
    assert words is not None
    assert torch.allclose(logits, head.change(tokens) @ words.T)
    assert tied is (head.words is None)
    assert len(list(head.parameters())) == (0 if tied else 1) + (5 if masked else 0)
    (gradient,) = torch.autograd.grad(logits.sum(), [words])
    assert gradient.abs().sum() > 0


def test_no_word_is_likely_before_a_masked_head_has_learned():
    torch.manual_seed(0)
    table = nn.Embedding(500, 96)
    nn.init.normal_(table.weight, std=0.5)  # the compact reader's: their product with a norm's output is large
    head = WordHead(width=96, vocabulary=500, tied=table.weight, masked=True)
    logits = head(torch.randn(200, 96), table.weight).detach()
    assert 0.3 < float(logits.std()) < 0.7
    assert float(words_loss(logits, torch.randint(500, (200,)))) == pytest.approx(math.log(500), abs=0.3)


def test_uniform_logits_cost_log_v_and_certain_ones_nothing():
    ids = torch.tensor([3, 0, 6])
    assert float(words_loss(torch.full((3, 7), 2.5), ids)) == pytest.approx(math.log(7))
    assert float(words_loss(50.0 * nn.functional.one_hot(ids, 7).float(), ids)) == pytest.approx(0.0, abs=1e-6)
