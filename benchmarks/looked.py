"""An encoder that computes nothing: it looks the token vectors of numbered texts up."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

import late_vectors
from ravlm.tensors import Encoded, TextBatch


class Looked(nn.Module):
    """Texts `p7` are the tokens of passage 7, `q7` those of query 7."""

    learns = False
    origin: str | None = None
    revision: str | None = None

    def __init__(self, vectors: late_vectors.TokenVectors) -> None:
        super().__init__()
        self.register_buffer("place", torch.zeros(1))  # a module without any tensor is on no device
        self.vectors = vectors
        self.width = self.pooled_width = vectors.passages.shape[2]

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        place: Tensor = self.place  # type: ignore[assignment]
        return place.device

    def fingerprint(self) -> str:
        """It has no weights that could differ."""
        return late_vectors.FINGERPRINT

    def tokenize(self, texts: Sequence[str]) -> TextBatch:
        """Each token's id is the text's number, those of queries below 0; as many as there are vectors."""
        lengths = [len(self._of(_number(text))) for text in texts]
        there = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
        ids = torch.tensor([_number(text) for text in texts])[:, None].expand(there.shape).contiguous()
        return TextBatch(ids, there, torch.zeros(*there.shape, 2, dtype=torch.long))

    def forward(self, texts: TextBatch) -> Encoded:
        tokens = torch.zeros(*texts.mask.shape, self.width)
        for row, number in enumerate(texts.ids[:, 0].tolist()):
            found = torch.from_numpy(self._of(number).astype(np.float32))
            tokens[row, : len(found)] = found
        return Encoded(tokens, texts.mask, tokens[:, 0])

    def _of(self, number: int) -> late_vectors.Halves:
        return self.vectors.queries[-1 - number] if number < 0 else self.vectors.passages[number]


def _number(text: str) -> int:
    """The number at the end of a text; -1 - n for query n. What a passage is indexed with ends with its own text."""
    kind, number = text[-8:][:1], text[-7:]
    return -1 - int(number) if kind == "q" else int(number) if kind == "p" and number.isdigit() else 0
