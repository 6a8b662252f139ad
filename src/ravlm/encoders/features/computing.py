"""Batches through a frozen encoder: the precision, the memory that runs out, and features row by row."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ravlm.device import autocast, device_name, precision_of
from ravlm.encoders.features.cache import Features
from ravlm.encoders.features.inference import ready
from ravlm.encoders.features.plan import memory, tried
from ravlm.encoders.pictures import stack_pictures
from ravlm.tensors import Encoded, TextBatch


class Computing:
    """A copy of an encoder on a device, and how many rows it takes at once.

    In bfloat16 by autocast: as quick as weights in bfloat16, and nearer to float32 (for MiniLM, cosines of .99998
    against .99995).
    """

    def __init__(self, encoder: Any, device: torch.device, precision: str, batch: int) -> None:
        self.encoder = encoder
        self.device = device
        self.precision = precision_of(device, precision)
        self.batch = batch
        self._model: nn.Module = ready(encoder, device, lambda model: tried(encoder, model, device))

    def plan(self) -> str:
        """Where and how this computes, and roughly the memory that it takes."""
        takes = memory(self.encoder, self._model, self.device, self.batch) / 1e9
        return (
            f"{device_name(self.device)} in {self.precision}, {self.batch} at once, "
            f"about {max(0.1, takes):.1f} GB of memory"
        )

    def images(self, pictures: Sequence[Tensor], *, tokens: bool) -> list[Features]:
        """The features of preprocessed pictures, `batch` at once.

        Raises:
            torch.OutOfMemoryError: the memory does not suffice for one.
        """
        made: list[Features] = []
        while len(made) < len(pictures):
            part = pictures[len(made) : len(made) + self.batch]
            encoded = self._run(stack_pictures(part), len(part))
            made.extend(self._rows(encoded, tokens) if encoded else [])
        return made

    def texts(self, texts: TextBatch, *, tokens: bool) -> list[Features]:
        """The features of tokenised texts, `batch` at once; errors as for `images`."""
        made: list[Features] = []
        while len(made) < len(texts.ids):
            rows = slice(len(made), len(made) + self.batch)
            part = _trimmed(TextBatch(texts.ids[rows], texts.mask[rows], texts.offsets[rows]))
            encoded = self._run(part, len(part.ids))
            made.extend(self._rows(encoded, tokens) if encoded else [])
        return made

    def _run(self, batch: Tensor | TextBatch, rows: int) -> Encoded | None:
        """What the model makes of a batch; None when the memory did not suffice, and `batch` is halved then."""
        try:
            with torch.inference_mode(), autocast(self.device, self.precision):
                given = batch.to(self.device)
                if isinstance(given, Tensor):
                    given = given.contiguous(memory_format=torch.channels_last)
                encoded: Encoded = self._model(given)
                return encoded
        except torch.OutOfMemoryError:
            if rows == 1:
                raise
            self.batch = max(1, rows // 2)
            return None

    def _rows(self, encoded: Encoded, tokens: bool) -> list[Features]:
        """Copies, made outside of inference: they may be trained on."""
        kept = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        pooled = [row.clone() for row in encoded.pooled.float().cpu()]
        if not tokens:
            return [Features(row) for row in pooled]
        mask = encoded.mask.cpu()
        rows = encoded.tokens.to(kept).cpu()
        return [Features(one, row[there].clone()) for one, row, there in zip(pooled, rows, mask, strict=True)]


def _trimmed(texts: TextBatch) -> TextBatch:
    """Without the columns at the end where no text has a token: rounded widths pay where shapes must be few."""
    width = max(1, int(texts.mask.any(0).nonzero().max()) + 1) if texts.mask.any() else 1
    return TextBatch(texts.ids[:, :width], texts.mask[:, :width], texts.offsets[:, :width])
