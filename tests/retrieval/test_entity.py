import numpy as np
import pytest
import torch

from builders import TEXTS, passage, tokenizer
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.records import Hit
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.retrieval.image import ImageIndex, Stamp
from ravlm.retrieval.tfidf import TfidfIndex


def test_training_reads_passages_as_answering_does_in_whatever_parts():
    texts = [f"The capital of Freedonia is Fredville{' and so on' * (i % 9)}." for i in range(70)]
    found = [passage(text, ordinal=i) for i, text in enumerate(texts)]
    encoder = CompactLanguageEncoder(tokenizer=tokenizer(), width=8, layers=1, heads=2, longest=96, noise=0.0)
    images = ImageIndex(np.eye(1, 3, dtype=np.float32), [("freedonia", "flag")], Stamp("", ""))
    retriever = EntityThenPassageRetriever(
        language_encoder=encoder, images=images, passages=TfidfIndex(found), visual_width=3
    )
    rows = [[Hit("freedonia", p.id, "flag", 1, {}) for p in reversed(found)], [Hit("freedonia", None, "flag", 1, {})]]
    encoder.eval()
    answering = retriever.eval().encode(rows)
    retriever.encode([[Hit("freedonia", found[0].id, "flag", 1, {})]])  # a short one alone, between longer ones
    training = retriever.train().encode(rows)
    assert len(found) > 2 * 32
    n = min(answering.mask.shape[-1], training.mask.shape[-1])
    assert not training.mask[..., n:].any()
    assert torch.equal(answering.mask[..., :n], training.mask[..., :n])
    there = training.mask[..., :n]
    assert torch.allclose(answering.tokens[..., :n, :][there], training.tokens[..., :n, :][there], atol=1e-5)
    assert torch.equal(answering.offsets[..., :n, :][there], training.offsets[..., :n, :][there])
    assert torch.equal(answering.edges[..., :n, :][there], training.edges[..., :n, :][there])


@pytest.mark.parametrize(("trainable", "reads"), [("all", 3), ("none", 1)])
def test_passages_are_read_anew_only_where_the_reader_learns(trainable: str, reads: int) -> None:
    encoder = CompactLanguageEncoder(
        tokenizer=tokenizer(), width=8, layers=1, heads=2, longest=96, noise=0.0, trainable=trainable
    )
    images = ImageIndex(np.eye(1, 3, dtype=np.float32), [("freedonia", "flag")], Stamp("", ""))
    retriever = EntityThenPassageRetriever(
        language_encoder=encoder, images=images, passages=TfidfIndex([passage(TEXTS[0])]), visual_width=3
    ).train()
    read: list[int] = []
    encoder.register_forward_hook(lambda *_: read.append(1))
    rows = [[Hit("freedonia", "freedonia#0", "flag", 1, {})]]
    for _ in range(3):
        retriever.train().encode(rows)
    assert len(read) == reads
    retriever.eval().encode(rows)  # in another precision, perhaps
    assert len(read) == reads + 1
