"""Small parts and small inputs for tests of the model's rooms."""

import torch
from tokenizers import Tokenizer
from torch import Tensor

from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.records import Hit, Passage
from ravlm.retrieval.edges import edges
from ravlm.tensors import Encoded, Kind, Knowledge, TextBatch

TEXTS = [
    "The capital of Freedonia is Fredville, a city of 29,743 people.",
    "What is the capital of this country?",
    "弗里多尼亚的首都是弗雷德维尔。",
    "这个国家的首都是哪里？",
]


def tokenizer() -> Tokenizer:
    return train_tokenizer(TEXTS, 200)


def encoded(b: int, n: int, width: int, seed: int = 0) -> Encoded:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(b, n, width, generator=generator)
    return Encoded(tokens, torch.ones(b, n, dtype=torch.bool), tokens.mean(1))


def passage(text: str, entry_id: str = "freedonia", ordinal: int = 0, language: str = "en") -> Passage:
    return Passage(f"{entry_id}#{ordinal}", entry_id, "Overview", ordinal, (0, len(text)), text, language)


def knowledge(rows: list[list[Passage]], texts: TextBatch, width: int, visual_width: int = 6) -> Knowledge:
    """Knowledge whose passages are `rows`, all of equal length, with random tokens; `texts` tokenises them in order."""
    b, k, p = len(rows), len(rows[0]), texts.ids.shape[1]
    generator = torch.Generator().manual_seed(7)
    entries = [[sorted({x.entry_id for x in row}).index(x.entry_id) for x in row] for row in rows]
    flat = [x for row in rows for x in row]
    at_edges = [edges(x.text, o) for x, o in zip(flat, texts.offsets.tolist(), strict=True)]
    return Knowledge(
        tokens=torch.randn(b, k, p, width, generator=generator),
        mask=texts.mask.view(b, k, p),
        kind=torch.full((b, k), int(Kind.TEXT)),
        entry=torch.tensor(entries),
        keys=torch.randn(b, k, visual_width, generator=generator),
        offsets=texts.offsets.view(b, k, p, 2),
        edges=torch.tensor(at_edges).view(b, k, p, 2),
        hits=[[Hit(x.entry_id, x.id, None, i + 1, {}) for i, x in enumerate(row)] for row in rows],
        passages=rows,
    )


def scores(b: int, k: int) -> Tensor:
    return torch.randn(b, k, generator=torch.Generator().manual_seed(3))
