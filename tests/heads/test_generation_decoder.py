"""The decoders: the cache changes nothing, `generate` is what is written by hand, and GPT-2 stays GPT-2."""

import math
from itertools import product

import pytest
import torch
from safetensors.torch import load, save
from tokenizers import Tokenizer, models

from decoder_inputs import LOWEST, WORDS, given, memory
from ravlm.errors import ConfigError
from ravlm.heads.generation_decoder import GenerationDecoder, Memory, compact_decoder
from ravlm.heads.generation_text import AnswerTokenizer


def tokens():
    return AnswerTokenizer(Tokenizer(models.WordLevel({f"w{i}": i for i in range(WORDS)})))


def compact(longest=6, width=16, seed=0):
    torch.manual_seed(seed)
    return compact_decoder(tokens(), width=width, layers=2, heads=2, longest=longest).eval()


@torch.no_grad()
def test_decoding_with_a_cache_is_decoding_without():
    decoder, read = compact(), memory(16)
    ids = torch.tensor([[WORDS, 1, 2, 3], [WORDS, 3, 3, 0], [WORDS, 5, 1, 2]])
    whole = decoder(ids, **given(read), use_cache=False)
    found, kept = [], {}
    for t in range(4):
        step = decoder(ids[:, t : t + 1], **given(read), use_cache=True, **kept)
        name = next(name for name in ("cache", "past_key_values") if name in step)
        kept = {name: step[name]}
        found.append(step.logits)
    assert torch.allclose(torch.cat(found, 1), whole.logits, atol=1e-5)
    log_p, _ = decoder.read(ids, torch.ones_like(ids, dtype=torch.bool), read)
    assert torch.allclose(log_p, whole.logits, atol=1e-5)
    assert torch.allclose(log_p.exp().sum(-1), torch.ones(3, 4), atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("seed", range(4))
def test_generate_is_the_greedy_loop(seed):
    decoder, read, marks = compact(seed=seed), memory(16, seed=seed), tokens()
    found = decoder.write(read, marks, beams=1, longest=6)[:, 0]
    for b in range(3):
        row = Memory(read.tokens[b : b + 1], read.bias[b : b + 1], read.ids[b : b + 1])
        ids = [marks.start]
        while len(ids) <= 6 and ids[-1] != marks.end:
            log_p = decoder(torch.tensor([ids]), **given(row), use_cache=False).logits[0, -1]
            log_p[[marks.start, marks.pad]] = -math.inf
            ids.append(int(log_p.argmax()))
        expected = [*ids[1:], *[marks.pad] * (found.shape[1] - len(ids) + 1)]
        assert found[b].tolist() == expected


@torch.no_grad()
def test_beam_search_finds_the_likeliest_texts_of_all():
    decoder, read, marks = compact(longest=3), memory(16, b=2), tokens()
    allowed = [*range(WORDS), marks.end]
    texts = [t for n in (1, 2, 3) for t in product(allowed, repeat=n) if marks.end not in t[:-1]]
    texts = [t for t in texts if t[-1] == marks.end or len(t) == 3]
    beams = 3 * len(allowed) ** 2
    found = decoder.write(read, marks, beams=beams, longest=3)
    for b in range(2):
        row = Memory(read.tokens[b : b + 1], read.bias[b : b + 1], read.ids[b : b + 1])
        likely = {}
        for text in texts:
            ids = torch.tensor([[marks.start, *text[:-1]]])
            log_p = decoder(ids, **given(row), use_cache=False).logits[0]
            likely[text] = sum(float(log_p[i, token]) for i, token in enumerate(text))
        best = sorted(likely, key=likely.__getitem__, reverse=True)[:10]
        written = [tuple(token for token in text if token != marks.pad) for text in found[b, :10].tolist()]
        assert written == best


@torch.no_grad()
def test_the_likeliest_text_is_written_once_in_each_beam_and_the_first_is_the_best():
    found = compact().write(memory(16), tokens(), beams=4, longest=6)
    assert found.shape[:2] == (3, 4)
    assert all(len({tuple(t) for t in row}) == 4 for row in found.tolist())


@torch.no_grad()
def test_what_is_not_there_changes_nothing():
    decoder, read = compact(), memory(16)
    ids = torch.tensor([[WORDS, 1]] * 3)
    more = Memory(
        torch.cat([read.tokens, torch.full((3, 2, 16), 9.0)], 1),
        torch.nn.functional.pad(read.bias, (0, 2), value=LOWEST),
        torch.nn.functional.pad(read.ids, (0, 2), value=-1),
    )
    assert torch.allclose(decoder(ids, **given(more)).logits, decoder(ids, **given(read)).logits, atol=1e-5)


@torch.no_grad()
def test_a_bias_turns_the_attention_of_every_layer():
    """A token far above the others is all that is read: the rest may be anything."""
    decoder, read = compact(), memory(16, copyable=False)
    bias = torch.zeros_like(read.bias)
    bias[:, 4] = 1e4
    other = read.tokens + torch.randn_like(read.tokens)
    other[:, 4] = read.tokens[:, 4]
    ids = torch.tensor([[WORDS, 1]] * 3)
    one, two = (decoder(ids, **given(Memory(t, bias, read.ids))).logits for t in (read.tokens, other))
    assert torch.allclose(one, two, atol=1e-5)
    assert not torch.allclose(one, decoder(ids, **given(read)).logits, atol=1e-3)


def test_weights_are_saved_without_being_shared_and_loaded_again():
    decoder = compact()
    state = load(save(decoder.state_dict()))
    again = compact(seed=1)
    again.load_state_dict(state)
    ids = torch.tensor([[WORDS, 1]] * 3)
    assert torch.equal(again(ids, **given(memory(16))).logits, decoder(ids, **given(memory(16))).logits)
    assert isinstance(again, GenerationDecoder)


def test_a_width_that_heads_do_not_part_is_refused():
    with pytest.raises(ConfigError, match="width 10 can't be split into 4 heads"):
        compact_decoder(tokens(), width=10, heads=4)
