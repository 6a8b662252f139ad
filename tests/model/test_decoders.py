"""Pre-trained decoders: GPT-2 stays GPT-2, other folders are refused."""

import json

import pytest
import torch
from safetensors.torch import load, save
from tokenizers import Tokenizer, models
from transformers import BertConfig, GPT2Config, GPT2LMHeadModel

from decoder_inputs import LOWEST, given, memory
from ravlm.errors import FormatError
from ravlm.heads.generation_decoder import Memory
from ravlm.heads.generation_text import AnswerTokenizer
from ravlm.model.decoders import pretrained_decoder


def gpt2(folder, seed=0, words=20, **options):
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=words, n_positions=12, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0,
        initializer_range=0.5, **options,
    )  # fmt: skip
    model = GPT2LMHeadModel(config).eval()
    model.save_pretrained(folder)
    return model


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
    ours = pretrained_decoder(tmp_path)
    state = ours.state_dict()
    assert all(torch.equal(state[name], value) for name, value in theirs.state_dict().items() if name in state)
    assert any("crossattention" in name for name in state)
    assert ours.copying is None
    assert ours.origin == str(tmp_path)
    ids = torch.tensor([[0, 3, 7]] * 3)
    assert ours(ids, **given(memory(16))).logits.isfinite().all()


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
    with pytest.raises(
        FormatError, match=r"lacks 1 weights that its configuration asks for, transformer\.ln_f\.weight"
    ):
        pretrained_decoder(tmp_path / "gpt2")
    weights.write_bytes(b"\x00" * 20)
    with pytest.raises(FormatError, match="can't be loaded"):
        pretrained_decoder(tmp_path / "gpt2")
    config = json.loads((tmp_path / "gpt2" / "config.json").read_text())
    (tmp_path / "gpt2" / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    with pytest.raises(FormatError, match="not tied"):
        pretrained_decoder(tmp_path / "gpt2")
