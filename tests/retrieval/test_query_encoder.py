import pytest
import torch

from builders import encoded
from ravlm.retrieval.query_encoder import AttentionQuery, ResidualQuery

VISUAL, LANGUAGE = encoded(3, 5, 6), encoded(3, 4, 7, seed=1)


def made():
    torch.manual_seed(0)
    return [ResidualQuery(visual_width=6), AttentionQuery(visual_width=6, token_width=6, question_width=7)]


@pytest.mark.parametrize("query", made(), ids=["residual", "attention"])
def test_a_fresh_query_encoder_finds_what_the_eye_finds_and_learns(query):
    assert torch.equal(query(VISUAL, LANGUAGE), VISUAL.pooled)
    query(VISUAL, LANGUAGE).square().sum().backward()
    assert query.out.weight.grad.abs().sum() > 0
    with torch.no_grad():
        query.out.weight.add_(0.1)
    query(VISUAL, LANGUAGE).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in query.parameters())


def test_attention_looks_for_what_is_asked_among_what_is_there():
    query = made()[1]
    with torch.no_grad():
        query.out.weight.copy_(torch.eye(6))
    found = query(VISUAL, LANGUAGE) - VISUAL.pooled
    scores = torch.einsum("bid,bd->bi", query.keys(VISUAL.tokens), query.asked(LANGUAGE.pooled)) / 6**0.5
    expected = torch.einsum("bi,bid->bd", scores.softmax(1), VISUAL.tokens)
    assert torch.allclose(found, expected, atol=1e-6)
    hidden = encoded(3, 5, 6)
    hidden.mask[:, 3:] = False
    hidden.tokens[:, 3:] = 99.0
    shorter = encoded(3, 5, 6)
    short = type(shorter)(shorter.tokens[:, :3], shorter.mask[:, :3], shorter.pooled)
    assert torch.allclose(query(hidden, LANGUAGE), query(short, LANGUAGE), atol=1e-6)


def test_attention_needs_the_question():
    with pytest.raises(ValueError, match="reads the question"):
        made()[1](VISUAL, None)
