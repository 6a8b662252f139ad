"""An answerer whose every part is known: what decides its answers can be said beforehand."""

from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image
from torch import nn

from builders import passage, tokenizer
from ravlm.answering.answerer import Answerer
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.records import Decoded, Support
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.retrieval.image import ImageIndex, Stamp
from ravlm.retrieval.regions import middle_box
from ravlm.retrieval.tfidf import TfidfIndex
from ravlm.tensors import Encoded, Fused

SIDE = 64
RED, BLUE = (200, 0, 0), (0, 0, 200)
TEXTS = {
    "red": ["The capital is Redville.", "It has 12 rivers.", "Its coast is long."],
    "blue": ["The capital is Bluetown.", "It has 7 rivers."],
}


class Corner(nn.Module):
    """Sees the mean colour of the top left quarter of what is looked at, and nothing else."""

    width = pooled_width = 3

    def __init__(self):
        super().__init__()
        self.looks = 0  # pictures

    def preprocess(self, image):
        left, top, right, bottom = middle_box((SIDE, SIDE))
        assert image.size == (right - left, bottom - top)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)

    def forward(self, images):
        self.looks += len(images)
        seen = images[:, :, : images.shape[2] // 2, : images.shape[3] // 2].float().mean((2, 3))  # [b, 3]
        return Encoded(seen.unsqueeze(1), torch.ones(len(images), 1, dtype=torch.bool), seen)


class Told(nn.Module):
    """A fusion that passes on what came in; its weights are a third each, those of the hits even."""

    width = 8

    def forward(self, visual, language, knowledge, scores):
        b = len(scores)
        there = (knowledge.mask.any(-1)).float()
        return Fused(
            pooled=torch.zeros(b, 8),
            tokens=language.tokens,
            mask=visual.mask.any(1, keepdim=True).expand(b, language.tokens.shape[1]),
            evidence=knowledge.tokens,
            scores=scores,
            weights=torch.full((b, 3), 1 / 3),
            passage_weights=there / there.sum(1, keepdim=True).clamp(min=1),
        )


class Reader(nn.Module):
    """p(Redville) is 0.9 where the passage red#0 is read, else 0.2; halved without the word "capital", and halved again
    without a picture. "Bluetown" has the rest.
    """

    def __init__(self, names=2):
        super().__init__()
        self.names = names  # alternatives that are named
        self.rows = []  # what was read, in all that was asked

    def forward(self, fused, knowledge, batch):
        p = []
        for row, question, seen in zip(knowledge.hits, batch.questions, fused.mask.any(1).tolist(), strict=True):
            ids = [hit.passage_id for hit in row]
            self.rows.append(ids)
            found = 0.9 if "red#0" in ids else 0.2
            place = ids.index("red#0") if "red#0" in ids else None
            p.append((found * (1 if "capital" in question else 0.5) * (1 if seen else 0.5), place))
        return p

    def loss(self, prediction, targets):
        raise AssertionError("nothing is learned here")

    def decode(self, prediction, knowledge):
        decoded = []
        for p, place in prediction:
            ranked = tuple(sorted([("Redville", p), ("Bluetown", 1 - p)], key=lambda one: -one[1]))[: self.names]
            support = () if place is None or ranked[0][0] != "Redville" else (Support(place, (15, 23), p),)
            decoded.append(Decoded(ranked[0][0], ranked[0][1], ranked[0][1] < 0.6, support, ranked))
        return decoded


def made_answerer(*, entries=2, passages=8, names=2, texts=TEXTS):
    """The answerer, and the picture that shows red in the corner that is seen."""
    language = CompactLanguageEncoder(tokenizer=tokenizer(), width=8, layers=1, heads=2, longest=96, noise=0.0)
    owners = [(name, f"picture-{name}") for name in sorted(texts)]
    keys = np.stack([np.array({"red": (1, 0, 0), "blue": (0, 0, 1)}.get(n, (0, 1, 0)), np.float32) for n, _ in owners])
    found = [passage(text, name, i) for name, rows in texts.items() for i, text in enumerate(rows)]
    retriever = EntityThenPassageRetriever(
        language_encoder=language,
        images=ImageIndex(keys, owners, Stamp("base", "eye")),
        passages=TfidfIndex(found),
        visual_width=3,
        entries=entries,
        passages_per_entry=passages,
    )
    model = RetrievalAugmentedVLM(Corner(), language, retriever, Told(), Reader(names))
    base = SimpleNamespace(
        fingerprint="base",
        version=1,
        refresh=lambda: None,
        latest=lambda: 1,
        get=lambda name: SimpleNamespace(title=name.title()),
    )
    return Answerer(model, base, retriever.images)


def picture(corner=RED, rest=(30, 30, 30)):
    image = Image.new("RGB", (SIDE, SIDE), rest)
    image.paste(corner, (0, 0, SIDE // 2, SIDE // 2))
    return image
