"""The decoders: the cache changes nothing, `generate` is what is written by hand, and GPT-2 stays GPT-2."""

import json
import math
from itertools import product

import pytest
import torch
from safetensors.torch import load, save
from tokenizers import Tokenizer, models
from transformers import BertConfig, GPT2Config, GPT2LMHeadModel

from ravlm.errors import ConfigError, FormatError
from ravlm.heads.generation_decoder import GenerationDecoder, Memory, compact_decoder, pretrained_decoder
from ravlm.heads.generation_text import AnswerTokenizer

WORDS = 6
LOWEST = torch.finfo(torch.float32).min


def tokens():
    return AnswerTokenizer(Tokenizer(models.WordLevel({f"w{i}": i for i in range(WORDS)})))


def memory(width, b=3, n=9, seed=0, copyable=True):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, WORDS, (b, n), generator=generator)
    ids[:, :3] = -1
    ids = ids if copyable else ids.fill_(-1)
    bias = torch.randn(b, n, generator=generator)
    bias[1, 6:], ids[1, 6:] = LOWEST, -1
    return Memory(torch.randn(b, n, width, generator=generator), bias, ids)


def compact(longest=6, width=16, seed=0):
    torch.manual_seed(seed)
    return compact_decoder(tokens(), width=width, layers=2, heads=2, longest=longest).eval()


def gpt2(folder, seed=0, words=20, **options):
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=words, n_positions=12, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0,
        initializer_range=0.5, **options,
    )  # fmt: skip
    model = GPT2LMHeadModel(config).eval()
    model.save_pretrained(folder)
    return model


def given(memory):
    return {
        "encoder_hidden_states": memory.tokens,
        "encoder_attention_mask": memory.bias[:, None, None],
        "copied_ids": memory.ids,
    }


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


@torch.no_grad()
def test_a_pretrained_decoder_is_transformers_own_on_the_same_weights(tmp_path):
    theirs = gpt2(tmp_path, add_cross_attention=True)
    ours, read = pretrained_decoder(tmp_path).eval(), memory(16, copyable=False)
    read = Memory(read.tokens, read.bias.clamp(max=0.0).where(read.bias == LOWEST, 0.0), read.ids)
    ids = torch.tensor([[0, 3, 7], [0, 1, 2], [0, 9, 9]])
    own = {"encoder_hidden_states": read.tokens, "encoder_attention_mask": (read.bias == 0.0).long()}
    assert torch.allclose(ours(ids, **given(read)).logits, theirs(ids, **own).logits, atol=1e-5)
    marks = AnswerTokenizer(Tokenizer(models.WordLevel({f"w{i}": i for i in range(20)})), mark=0)
    for beams in (1, 3):
        expected = theirs.generate(
            ids[:, :1],
            attention_mask=torch.ones(3, 1, dtype=torch.long),
            **own,
            max_new_tokens=8,
            do_sample=False,
            num_beams=beams,
            num_return_sequences=beams,
            length_penalty=0.0,
            pad_token_id=0,
        )
        found = ours.write(read, marks, beams=beams, longest=8).flatten(0, 1)
        assert found.tolist() == expected[:, 1:].tolist()


@torch.no_grad()
def test_a_gpt2_without_cross_attention_gets_it_and_keeps_all_else(tmp_path):
    theirs = gpt2(tmp_path)
    ours = pretrained_decoder(tmp_path, copies=True)
    state = ours.state_dict()
    assert all(torch.equal(state[name], value) for name, value in theirs.state_dict().items() if name in state)
    assert any("crossattention" in name for name in state)
    assert ours.copying is not None
    assert ours.origin == str(tmp_path)
    ids = torch.tensor([[0, 3, 7]] * 3)
    assert ours(ids, **given(memory(16))).logits.isfinite().all()


def test_weights_are_saved_without_being_shared_and_loaded_again():
    decoder = compact()
    state = load(save(decoder.state_dict()))
    again = compact(seed=1)
    again.load_state_dict(state)
    ids = torch.tensor([[WORDS, 1]] * 3)
    assert torch.equal(again(ids, **given(memory(16))).logits, decoder(ids, **given(memory(16))).logits)
    assert isinstance(again, GenerationDecoder)


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(FormatError, match="can't be used"):
        pretrained_decoder(tmp_path)
    BertConfig(vocab_size=9).save_pretrained(tmp_path / "bert")
    with pytest.raises(FormatError, match="'bert'"):
        pretrained_decoder(tmp_path / "bert")
    gpt2(tmp_path / "gpt2")
    weights = tmp_path / "gpt2" / "model.safetensors"
    state = load(weights.read_bytes())
    del state["transformer.ln_f.weight"]
    weights.write_bytes(save(state, metadata={"format": "pt"}))
    with pytest.raises(FormatError, match=r"lacks 1 weights, transformer\.ln_f\.weight"):
        pretrained_decoder(tmp_path / "gpt2")
    weights.write_bytes(b"\x00" * 20)
    with pytest.raises(FormatError, match="can't be loaded"):
        pretrained_decoder(tmp_path / "gpt2")
    config = json.loads((tmp_path / "gpt2" / "config.json").read_text())
    (tmp_path / "gpt2" / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    with pytest.raises(FormatError, match="not tied"):
        pretrained_decoder(tmp_path / "gpt2")


def test_a_width_that_heads_do_not_part_is_refused():
    with pytest.raises(ConfigError, match="width 10 can't be split into 4 heads"):
        compact_decoder(tokens(), width=10, heads=4)
