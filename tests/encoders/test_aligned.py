"""A pair of aligned encoders: what it computes, its folder, and where its projections go."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from builders import TEXTS, tokenizer
from pictures import noise
from ravlm.encoders.aligned import AlignedEncoder, similarity
from ravlm.encoders.choose import kind_of, load_encoder
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.encoders.features.extract import Extractor
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.errors import ConfigError, FormatError


def pair(width: int | None = 6, *, words: int = 12, paired: bool = False) -> AlignedEncoder:
    torch.manual_seed(0)
    eye = CompactVisualEncoder(image_size=32, channels=(4, 8), width=10)
    reader = CompactLanguageEncoder(tokenizer=tokenizer(), width=words, layers=1, heads=2, longest=64)
    made = AlignedEncoder(eye, reader, width=width, paired=paired).eval()
    with torch.no_grad():
        made.log_scale.fill_(1.5)
    return made


def seen(made: Any) -> Any:
    return made(torch.stack([made.visual.preprocess(noise(n)) for n in range(3)]), made.language.tokenize(TEXTS))


def test_both_towers_give_their_tokens_and_vectors_of_one_space():
    made = pair()
    visual, language = seen(made)
    assert visual.tokens.shape[-1] == made.visual.width == 10
    assert language.tokens.shape[-1] == made.language.width == 12
    assert visual.pooled.shape == (3, 6)
    assert language.pooled.shape == (4, 6)
    assert made.visual.pooled_width == made.language.pooled_width == made.pooled_width == 6
    own = made.visual.encoder(torch.stack([made.visual.preprocess(noise(n)) for n in range(3)])).pooled
    assert torch.equal(visual.pooled, made.visual.projection(own))


def test_without_a_width_nothing_is_projected_and_widths_must_be_equal():
    made = pair(None, words=10)
    visual, _ = seen(made)
    own = made.visual.encoder(torch.stack([made.visual.preprocess(noise(n)) for n in range(3)])).pooled
    assert torch.equal(visual.pooled, own)
    with pytest.raises(ConfigError, match="have widths 10 and 12"):
        pair(None)


@pytest.mark.parametrize("paired", [False, True])
def test_the_similarity_is_the_scaled_cosine_and_the_bias_of_pairs(paired: bool):
    made = pair(paired=paired)
    visual, language = seen(made)
    scores = made.similarity(visual, language).detach()
    for i in range(3):
        for j in range(4):
            cosine = nn.functional.cosine_similarity(visual.pooled[i], language.pooled[j], dim=0)
            expected = made.log_scale.exp() * cosine + (-10.0 if paired else 0.0)
            assert float(scores[i, j]) == pytest.approx(float(expected.detach()), abs=1e-4)
    same = torch.eye(2)
    assert similarity(3 * same, same, torch.tensor(0.0), None).tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("width", [6, None])
@pytest.mark.parametrize("paired", [False, True])
def test_a_folder_keeps_towers_projections_scale_and_bias(tmp_path: Path, width: int | None, paired: bool):
    made = pair(width, words=12 if width else 10, paired=paired)
    made.save_pretrained(tmp_path / "pair")
    again = load_encoder(tmp_path / "pair")
    assert isinstance(again, AlignedEncoder)
    assert kind_of(tmp_path / "pair") == "aligned"
    assert again.fingerprint() == made.fingerprint()
    assert not any(p.requires_grad for p in again.parameters())
    assert not again.learns
    for before, after in zip(seen(made), seen(again), strict=True):
        assert torch.equal(before.pooled, after.pooled)
    assert torch.equal(made.similarity(*seen(made)), again.similarity(*seen(again)))
    learning = load_encoder(tmp_path / "pair", trainable="all")
    assert learning.log_scale.requires_grad  # type: ignore[union-attr]
    assert learning.visual.encoder.learns  # type: ignore[union-attr]


def test_each_tower_is_an_encoder_of_its_own_in_the_folder(tmp_path: Path):
    made = pair()
    made.save_pretrained(tmp_path / "pair")
    eye, reader = (load_encoder(tmp_path / "pair" / side) for side in ("visual", "language"))
    assert eye.fingerprint() == made.visual.encoder.fingerprint()
    assert reader.fingerprint() == made.language.encoder.fingerprint()
    with pytest.raises(
        ConfigError, match=r"kind 'aligned', and a visual one is asked for.*Give one of the pair: .*/visual"
    ):
        load_encoder(tmp_path / "pair", side="visual")


def test_the_fingerprint_is_of_towers_and_projections():
    made = pair()
    first = (made.fingerprint(), made.visual.fingerprint(), made.language.fingerprint())
    with torch.no_grad():
        made.visual.projection.weight[0, 0] += 1  # type: ignore[index,operator]
    assert made.fingerprint() != first[0]
    assert made.visual.fingerprint() != first[1]
    assert made.language.fingerprint() == first[2]
    first = (made.fingerprint(), made.visual.fingerprint(), made.language.fingerprint())
    made.language.encoder.tokenizer = train_tokenizer([*TEXTS, TEXTS[0]], 190)
    assert made.language.fingerprint() != first[2]
    assert made.fingerprint() != first[0]


def test_towers_go_through_the_extractor():
    made = pair()
    visual, language = seen(made)
    read = list(Extractor(made.language, precision="float32").texts(TEXTS))
    assert torch.allclose(torch.stack([each.pooled for each in read]), language.pooled, atol=1e-5)
    looked = list(Extractor(made.visual, precision="float32").images(_bytes(n) for n in range(3)))
    assert torch.allclose(torch.stack([each.pooled for each in looked]), visual.pooled, atol=1e-5)


def _bytes(n: int) -> bytes:
    from pictures import encoded

    return encoded(noise(n))


def test_a_damaged_pair_says_what_is_wrong(tmp_path: Path):
    pair().save_pretrained(tmp_path / "pair")
    weights = (tmp_path / "pair" / "model.safetensors").read_bytes()
    (tmp_path / "pair" / "model.safetensors").write_bytes(weights[:-8])
    with pytest.raises(FormatError, match=r"The weights in .*/pair/model.safetensors can't be used"):
        load_encoder(tmp_path / "pair")
    config = json.loads((tmp_path / "pair" / "language" / "config.json").read_text())
    (tmp_path / "pair" / "visual" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="'compact-language', and a visual one is asked for"):
        load_encoder(tmp_path / "pair")
