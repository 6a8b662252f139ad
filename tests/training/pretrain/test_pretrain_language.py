import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from reading_texts import BERT, CHINESE, ENGLISH, GPT, READER, settings
from safetensors.torch import load_file
from torch import nn
from transformers import BertConfig, BertForMaskedLM, GPT2LMHeadModel

from ravlm.encoders.choose import load_encoder
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.encoders.transformers_language import TransformersLanguageEncoder
from ravlm.errors import ConfigError, PathError, TrainingError
from ravlm.training.pretrain.language import _split, pretrain_language
from ravlm.training.pretrain.language_config import CausalConfig, MaskedConfig
from ravlm.training.pretrain.language_stages import CausalStage, MaskedStage, TextStage, draw, text_lengths
from ravlm.training.pretrain.reading import embedding_of, reads_forward, vocabulary_of


def words(folder: Path, texts: list[str]) -> Path:
    file = folder / f"{len(texts)}.txt"
    file.write_text("\n\n".join(texts), encoding="utf-8")
    return file


@pytest.fixture
def both(tmp_path: Path) -> Path:
    return words(tmp_path, ENGLISH + CHINESE)


def compact() -> CompactLanguageEncoder:
    torch.manual_seed(0)
    return CompactLanguageEncoder(
        tokenizer=train_tokenizer(ENGLISH + CHINESE, 120), width=16, layers=1, heads=2, longest=64, noise=0.0
    )


def library(about: dict[str, Any]) -> TransformersLanguageEncoder:
    torch.manual_seed(0)
    tokenizer = train_tokenizer(ENGLISH + CHINESE, 120)
    return TransformersLanguageEncoder.from_architecture(about["architecture"], tokenizer=tokenizer, **about["options"])


def stage(encoder: Any, texts: list[str], *, masked: bool, batch: int = 4) -> TextStage:
    lengths = text_lengths(encoder, vocabulary_of(encoder), texts, 4)
    if masked:
        return MaskedStage(encoder=encoder, texts=texts, lengths=lengths, settings=MaskedConfig(batch=batch))
    return CausalStage(encoder=encoder, texts=texts, lengths=lengths, settings=CausalConfig(batch=batch))


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("objective", ["masked", "causal"])
def test_an_encoder_comes_out_that_finds_more_of_held_out_text_and_nothing_of_the_run_is_left(
    both: Path, tmp_path: Path, objective: str
):
    out = tmp_path / "reader"
    wanted = settings(objective, steps=60, batch=16, learning_rate=0.02, average=0.9, held_out=0.2)
    report = pretrain_language(wanted, both, out)
    assert report.after["perplexity"] < 0.7 * report.before["perplexity"]
    assert report.before["perplexity"] == pytest.approx(120, rel=0.5)  # before, no word is likelier than another
    about = json.loads((out / "pretraining.json").read_text())
    assert about["data"]["texts"] == len(ENGLISH + CHINESE)
    assert about["after"] == report.after
    assert about["before"] == report.before
    assert not (out / "run.json").exists()
    assert not (out / "checkpoints").exists()
    reader = load_encoder(out, side="language", trainable="all")
    assert reader.kind == ("compact-language" if objective == "masked" else "transformers-language")
    assert reader.origin == str(out)


@pytest.mark.parametrize("objective", ["masked", "causal"])
@pytest.mark.parametrize("stop", [2, 4])
def test_a_resumed_run_ends_with_the_same_weights_and_the_same_measures(
    both: Path, tmp_path: Path, objective: str, stop: int
):
    wanted = settings(objective)
    whole = pretrain_language(wanted, both, tmp_path / "whole")

    def interrupt(title: str, done: int, of: int) -> None:
        if done == stop + 1 and of == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain_language(wanted, both, tmp_path / "parts", progress=interrupt)
    assert (tmp_path / "parts" / "checkpoints").is_dir()
    parts = pretrain_language(wanted, both, tmp_path / "parts", resume=True)
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert (parts.before, parts.after) == (whole.before, whole.after)


def test_one_goes_on_from_a_folder_with_its_own_words(both: Path, tmp_path: Path):
    made = pretrain_language(settings("masked", steps=20, held_out=0.2), both, tmp_path / "first")
    on = {"kind": "pretrained", "source": str(tmp_path / "first"), "trainable": "all"}
    more = settings("masked", encoder=on, steps=20, pretrained_learning_rate=0.01, held_out=0.2)
    report = pretrain_language(more, words(tmp_path, ENGLISH), tmp_path / "second")
    assert made.after["perplexity"]
    assert report.after["perplexity"] < report.before["perplexity"]
    first, second = (load_encoder(tmp_path / name, side="language") for name in ("first", "second"))
    assert first.tokenizer.to_str() == second.tokenizer.to_str()  # type: ignore[union-attr,operator]
    with pytest.raises(ConfigError, match=r"begun otherwise: not the same now is its data"):
        pretrain_language(more, both, _begun(more, words(tmp_path, ENGLISH), tmp_path / "third"), resume=True)


def _begun(wanted: Any, data: Path, out: Path) -> Path:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain_language(wanted, data, out, progress=interrupt)
    return out


@pytest.mark.parametrize(
    ("objective", "encoder", "told"),
    [
        ("masked", GPT, 'the encoder reads forward.* Allowed is "causal"'),
        ("causal", BERT, 'the encoder reads both ways.* Allowed is "masked"'),
        ("causal", READER, 'the encoder reads both ways.* Allowed is "masked"'),
    ],
)
def test_what_an_encoder_can_t_learn_is_refused_before_anything_is_written(
    both: Path, tmp_path: Path, objective: str, encoder: dict[str, Any], told: str
):
    with pytest.raises(ConfigError, match=told):
        pretrain_language(settings(objective, encoder=encoder), both, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["One text alone is here."], "of the one text in it, 1 has 2 tokens or more"),
        (["a", "b"], "of the 2 texts in it, none has 2 tokens or more"),
        (["a", "Two words", "b"], "of the 3 texts in it, 1 has 2 tokens or more"),
    ],
)
def test_too_little_text_is_refused(tmp_path: Path, texts: list[str], told: str):
    with pytest.raises(TrainingError, match=told):
        pretrain_language(settings("masked"), words(tmp_path, texts), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_two_texts_are_enough(tmp_path: Path):
    data = words(tmp_path, ["The red house stands.", "蓝色的小桥在城里。"])
    report = pretrain_language(settings("masked", held_out=0.9), data, tmp_path / "out")
    assert math.isfinite(report.after["perplexity"])


def test_nothing_is_written_over_and_nothing_resumed_that_was_not_begun(both: Path, tmp_path: Path):
    pretrain_language(settings("masked", steps=1), both, tmp_path / "out")
    with pytest.raises(PathError, match="is not empty"):
        pretrain_language(settings("masked", steps=1), both, tmp_path / "out")
    with pytest.raises(PathError, match="It holds a finished encoder"):
        pretrain_language(settings("masked", steps=1), both, tmp_path / "out", resume=True)


def test_an_encoder_that_stands_still_is_refused():
    with pytest.raises(ValueError, match=r'encoder\.trainable is "none", so nothing would learn'):
        settings("masked", encoder={**BERT, "trainable": "none"})


@pytest.mark.parametrize("encoder", [compact(), library(BERT)], ids=["compact", "bert"])
def test_a_hidden_token_is_no_longer_read_and_no_special_one_is_ever_hidden(encoder: Any):
    made = stage(encoder, ENGLISH + CHINESE, masked=True)
    texts = encoder.tokenize(ENGLISH + CHINESE)
    hidden = []
    for seed in range(20):
        found = made.hidden(texts, drawn(seed))
        hidden.append((found.shown.ids[found.places] == made.vocabulary.mask).float().mean())
        assert torch.equal(found.ids, texts.ids[found.places])
        assert not (found.places & ~made.vocabulary.readable(texts)).any()
        assert torch.equal(found.shown.ids[~found.places], texts.ids[~found.places])
    assert float(torch.stack(hidden).mean()) == pytest.approx(0.8, abs=0.05)
    assert not made.vocabulary.readable(texts)[:, 0].any()  # the class token


def test_the_next_token_is_told_from_those_before_it():
    encoder = library(GPT)
    made = stage(encoder, ENGLISH, masked=False)
    texts = encoder.tokenize(ENGLISH[:3])
    found = made.hidden(texts, drawn())
    for row in range(3):
        readable = made.vocabulary.readable(texts)[row].nonzero()[:, 0]
        assert found.places[row].nonzero()[:, 0].tolist() == (readable - 1).tolist()
    rows = [texts.ids[row, 1:][made.vocabulary.readable(texts)[row, 1:]] for row in range(3)]
    assert torch.equal(found.ids, torch.cat(rows))


def test_gpt2_loses_what_transformers_says():
    encoder = library(GPT)
    made = stage(encoder, ENGLISH, masked=False)
    texts = encoder.tokenize([ENGLISH[0]])
    whole = GPT2LMHeadModel(encoder.model.config).eval()
    whole.transformer.load_state_dict(encoder.model.state_dict())
    whole.tie_weights()
    n = int(texts.mask.sum()) - 1  # without the end, which is no word
    with torch.no_grad():
        expected = whole(input_ids=texts.ids[:, :n], labels=texts.ids[:, :n]).loss
    assert made.perplexity([ENGLISH[0]], 0) == pytest.approx(float(expected.exp()), rel=1e-4)


def test_bert_s_head_is_the_library_s():
    encoder = library(BERT)
    made = stage(encoder, ENGLISH, masked=True)
    config = BertConfig(**{**encoder.model.config.to_dict(), "layer_norm_eps": 1e-5})
    theirs = BertForMaskedLM(config).eval().cls.predictions
    dense, _, norm = made.parts["words"].change  # type: ignore[union-attr,misc]
    theirs.transform.dense.load_state_dict(dense.state_dict())
    theirs.transform.LayerNorm.load_state_dict(norm.state_dict())
    table = embedding_of(encoder)
    assert table is not None
    theirs.decoder.weight = table.weight
    nn.init.normal_(theirs.bias)
    made.parts["words"].bias.data.copy_(theirs.bias.data)  # type: ignore[union-attr,operator]
    theirs.decoder.bias = theirs.bias
    tokens = torch.randn(1, 4, 16)
    assert torch.allclose(theirs(tokens)[0], made.parts["words"](tokens[0], table.weight), atol=1e-5)


def test_which_way_an_encoder_reads_is_seen():
    for encoder, forward in ((compact(), False), (library(BERT), False), (library(GPT), True)):
        assert reads_forward(encoder, ENGLISH[0], vocabulary_of(encoder)) is forward


def test_a_character_that_the_encoder_does_not_know_is_never_to_be_found():
    encoder = compact()
    texts = encoder.tokenize(["The 鼎 house"])
    vocabulary = vocabulary_of(encoder)
    assert vocabulary.unknown in texts.ids[0].tolist()
    assert not vocabulary.readable(texts)[texts.ids == vocabulary.unknown].any()
    assert vocabulary.mask == vocabulary.unknown  # it has no mask of its own
    assert not {0, 1, 2} & set(vocabulary.words.tolist())


@pytest.mark.parametrize(("n", "share", "apart"), [(100, 0.05, 5), (3, 0.01, 1), (3, 0.9, 2), (50_000, 0.5, 1000)])
def test_what_is_held_out_is_not_learned_from(n: int, share: float, apart: int):
    held_out, learned = _split(n, share, 0)
    assert len(held_out) == apart
    assert torch.cat([held_out, learned]).sort().values.tolist() == list(range(n))
    assert torch.equal(held_out, _split(n, share, 0)[0])
    assert n < 4 or not torch.equal(held_out, _split(n, share, 1)[0])


def test_perplexity_is_over_words_not_over_batches():
    encoder = library(GPT)
    texts = [ENGLISH[0], CHINESE[0], "The red house stands. " * 3]
    made = stage(encoder, texts, masked=False, batch=2)
    counts = [int(n) for n in text_lengths(encoder, made.vocabulary, texts, 2)]
    logs = [n * math.log(made.perplexity([text], 0)) for n, text in zip(counts, texts, strict=True)]
    assert made.perplexity(texts, 0) == pytest.approx(math.exp(sum(logs) / sum(counts)), rel=1e-4)


def test_a_batch_is_of_texts_alike_in_length_and_each_is_as_likely():
    lengths = torch.arange(40) % 20 + 2
    counts = torch.zeros(40)
    spread = []
    for seed in range(800):
        places = draw(lengths, 5, drawn(seed))
        assert len(set(places.tolist())) == 5
        counts[places] += 1
        spread.append(float(lengths[places].max() - lengths[places].min()))
    assert sum(spread) / len(spread) < 8  # of 19; by lot alone it were 13
    assert float(counts.min()) > 60
    assert float(counts.max()) < 145
    assert sorted(draw(lengths[:3], 5, drawn()).tolist()) == [0, 1, 2]
