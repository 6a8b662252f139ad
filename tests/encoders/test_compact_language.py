from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from builders import TEXTS, tokenizer
from ravlm.encoders.compact_language import CompactLanguageEncoder, SelfAttention
from ravlm.encoders.tokenizer import tokenize, train_tokenizer


def encoder() -> CompactLanguageEncoder:
    torch.manual_seed(0)
    return CompactLanguageEncoder(tokenizer=tokenizer(), width=20, layers=2, heads=4, longest=32).eval()


def test_self_attention_equals_torchs():
    torch.manual_seed(0)
    ours, theirs = SelfAttention(width=12, heads=3), nn.MultiheadAttention(12, 3, batch_first=True)
    theirs.in_proj_weight.data = ours.query_key_value.weight.data
    theirs.in_proj_bias.data = ours.query_key_value.bias.data
    theirs.out_proj.load_state_dict(ours.out.state_dict())
    x = torch.randn(2, 5, 12)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    expected, _ = theirs(x, x, x, key_padding_mask=~mask)
    torch.testing.assert_close(ours(x, mask)[mask], expected[mask])


def test_padding_and_batching_change_nothing():
    model = encoder()
    together = model(model.tokenize(TEXTS))
    for i, text in enumerate(TEXTS):
        alone = model(model.tokenize([text]))
        n = alone.tokens.shape[1]
        torch.testing.assert_close(together.tokens[i, :n], alone.tokens[0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(together.pooled[i], alone.pooled[0], atol=1e-5, rtol=1e-5)


def test_noise_is_for_training_alone():
    model = encoder()
    texts = model.tokenize(TEXTS)
    first, second = model(texts).pooled, model(texts).pooled
    torch.testing.assert_close(first, second)
    model.train()
    assert not torch.equal(model(texts).pooled, model(texts).pooled)


@settings(max_examples=50, deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_offsets_lead_back_to_the_text(text):
    batch = tokenize(tokenizer(), [text], 64)
    ranges = [tuple(o) for o in batch.offsets[0][batch.mask[0]].tolist()]
    assert ranges[0] == (0, 0)
    assert all(0 <= a <= b <= len(text) for a, b in ranges)
    assert all(before[1] <= after[0] or before == after for before, after in pairwise(ranges[1:]))


def test_groups_of_digits_and_chinese_characters_stand_alone():
    text = "29,743km 首都"
    batch = tokenize(train_tokenizer([*TEXTS, *["29,743km"] * 9], 300), [text], 16)
    ranges = batch.offsets[0][batch.mask[0]].tolist()
    assert [text[a:b] for a, b in ranges[1:]] == ["29", ",", "743", "km", "首", "都"]


def test_long_texts_are_cut_and_nothing_is_a_text_too():
    batch = tokenize(tokenizer(), ["capital " * 100, ""], 16)
    assert batch.ids.shape == (2, 16)
    assert batch.mask.sum(1).tolist() == [16, 1]
