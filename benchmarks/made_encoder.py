"""An encoder that computes nothing: a text's vector is drawn by its checksum."""

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from made_collection import WIDTH, vector
from ravlm.tensors import Encoded, TextBatch


class MadeEncoder(nn.Module):
    """See `made_collection.vector`."""

    width = pooled_width = WIDTH
    origin: str | None = None
    revision: str | None = None
    learns = False

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("place", torch.zeros(1))  # a module without any tensor is on no device

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        place: Tensor = self.place  # type: ignore[assignment]
        return place.device

    def fingerprint(self) -> str:
        """It has no weights that could differ."""
        return "made" * 16

    def tokenize(self, texts: Sequence[str]) -> TextBatch:
        """One token a text: its checksum, which is all that its vector hangs on."""
        ids = torch.tensor([[zlib.crc32(text.encode())] for text in texts])
        return TextBatch(ids, torch.ones_like(ids, dtype=torch.bool), torch.zeros(*ids.shape, 2, dtype=torch.long))

    def forward(self, texts: TextBatch) -> Encoded:
        pooled = torch.from_numpy(np.stack([vector(checksum) for checksum in texts.ids[:, 0].tolist()]))
        return Encoded(pooled.unsqueeze(1), texts.mask, pooled)
