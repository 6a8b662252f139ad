"""Inputs for tests of output layers: two passages about a capital, fused."""

import torch

from builders import encoded, knowledge, passage, scores, tokenizer
from ravlm.encoders.tokenizer import tokenize
from ravlm.fusion.attention import AttentionFusion
from ravlm.heads.candidates import CandidatePrediction
from ravlm.heads.classification import ClassPrediction
from ravlm.tensors import Batch, Kind

MAX_SPAN = 6


def read(texts, b=1):
    """Knowledge of b equal rows with these passages."""
    rows = [[passage(text, ordinal=i) for i, text in enumerate(texts)]] * b
    return knowledge(rows, tokenize(tokenizer(), [p.text for row in rows for p in row], 40), width=8)


def asked(found):
    """What is fused with the knowledge, and the batch that asked."""
    b, k, _ = found.mask.shape
    torch.manual_seed(0)
    fusion = AttentionFusion(visual_width=6, language_width=8, width=10).eval()
    fused = fusion(encoded(b, 4, 6), encoded(b, 3, 8), found, scores(b, k))
    return fused, Batch(torch.zeros(b, 3, 4, 4), tokenize(tokenizer(), ["?"] * b, 4), ["?"] * b, ["en"] * b)


def forget(found, row):
    """Nothing was found for this row."""
    found.kind[row], found.entry[row], found.edges[row] = int(Kind.NOTHING), -1, -1
    found.mask[row] = False


def places_of(found, text, row=0):
    """Every (k, start, width - 1) at which the passages of a row have the text."""
    places = []
    for k, whole in enumerate(found.passages[row]):
        offsets = found.offsets[row, k].tolist()
        low = whole.text.find(text)
        while low >= 0:
            first = next(i for i, o in enumerate(offsets) if o[0] == low and o[1] > low)
            last = next(i for i, o in enumerate(offsets) if o[1] == low + len(text))
            places.append((k, first, last - first))
            low = whole.text.find(text, low + 1)
    return places


def says(found, weights, none=0.0, vocabulary=None):
    """A candidate prediction in which each text, shared by its spans, and "none of these" have these weights."""
    spans = torch.full((*found.mask.shape, MAX_SPAN), torch.finfo(torch.float32).min)
    for text, weight in weights.items():
        at = places_of(found, text)
        assert at, text
        for k, start, width in at:
            spans[:, k, start, width] = torch.tensor(weight / len(at)).log()
    logits = torch.tensor([none]).log().clamp(min=-1e4).expand(len(spans))
    closed = torch.zeros(len(spans), 1) if vocabulary is None else vocabulary
    return CandidatePrediction(spans, logits, ClassPrediction(closed))
