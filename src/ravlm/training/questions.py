"""What the language encoder makes of questions: at every step where it learns, else once a question."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ravlm.protocols import LanguageEncoder
from ravlm.tensors import Encoded, TextBatch
from ravlm.training.optim import learning

_KEPT = 20_000  # questions


class QuestionReader:
    """Tokenises and reads questions on a device.

    What an encoder without learning weights made of a question is kept, and given again: of many photos the same is
    asked.
    """

    def __init__(self, encoder: LanguageEncoder, device: torch.device) -> None:
        self._encoder, self._device = encoder, device
        self._stands_still = not learning(encoder)
        self._kept: dict[str, tuple[Tensor, Tensor, Tensor, Tensor]] = {}

    def read(self, questions: Sequence[str]) -> tuple[TextBatch, Encoded]:
        """The questions' tokens [b, t], and what the encoder makes of them [b, t, l]."""
        if not self._stands_still:
            texts = self._encoder.tokenize(questions).to(self._device)
            return texts, self._encoder(texts)
        if len(self._kept) > _KEPT:
            self._kept.clear()
        missing = [question for question in dict.fromkeys(questions) if question not in self._kept]
        if missing:
            self._keep(missing)
        ids, offsets, tokens, pooled = zip(*(self._kept[question] for question in questions), strict=True)
        lengths = torch.tensor([len(row) for row in ids], device=self._device)
        padded = [nn.utils.rnn.pad_sequence(list(rows), batch_first=True) for rows in (ids, offsets, tokens)]
        mask = torch.arange(padded[0].shape[1], device=self._device) < lengths[:, None]
        return TextBatch(padded[0], mask, padded[1]), Encoded(padded[2], mask, torch.stack(pooled))

    @torch.no_grad()
    def _keep(self, questions: Sequence[str]) -> None:
        texts = self._encoder.tokenize(questions).to(self._device)
        read = self._encoder(texts)
        for i, (question, n) in enumerate(zip(questions, texts.mask.sum(1).tolist(), strict=True)):
            ids, offsets, tokens = (rows[i, :n].clone() for rows in (texts.ids, texts.offsets, read.tokens))
            self._kept[question] = (ids, offsets, tokens, read.pooled[i].clone())
