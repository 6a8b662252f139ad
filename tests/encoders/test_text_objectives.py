"""Every family of readers can be pre-trained on text, each the way that it reads."""

import math
from typing import Any

import pytest
import torch
from families import LANGUAGE, LINES, Folders

from ravlm.training.pretrain.language_config import CausalConfig, MaskedConfig
from ravlm.training.pretrain.language_stages import CausalStage, MaskedStage, text_lengths
from ravlm.training.pretrain.reading import embedding_of, reads_forward, vocabulary_of

FORWARD = {"gpt2", "qwen2", "clip-reader"}
UNTIED: set[str] = set()


@pytest.mark.parametrize("name", LANGUAGE)
def test_a_family_is_seen_to_read_its_way_and_its_words_learn(folders: Folders, name: str) -> None:
    encoder: Any = folders.fresh(name, trainable="all")
    vocabulary = vocabulary_of(encoder)
    forward = reads_forward(encoder, LINES[0], vocabulary)
    assert forward is (name in FORWARD)
    assert forward is getattr(encoder, "causal", False)
    table = embedding_of(encoder)
    assert (table is None) is (name in UNTIED)
    lengths = text_lengths(encoder, vocabulary, LINES, 2)
    assert int(lengths.min()) >= 2
    settings: Any = CausalConfig(batch=3) if forward else MaskedConfig(batch=3, share=0.3)
    made: Any = (CausalStage if forward else MaskedStage)(
        encoder=encoder, texts=LINES, lengths=lengths, settings=settings
    )
    assert math.isfinite(made.perplexity(LINES, 0))
    loss = made.loss(0, torch.Generator().manual_seed(0))
    loss.backward()
    learned = [n for n, p in made.parts.named_parameters() if p.grad is not None and bool(p.grad.any())]
    assert any(n.startswith("language.") for n in learned)
    if table is not None:
        assert table.weight.grad is not None
        assert int(table.weight.grad.any(1).sum()) > vocabulary.size // 2  # of words that stand in no text, too
