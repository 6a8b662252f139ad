"""A language encoder's stages: hidden tokens are found, or next ones foretold; and what held-out texts show of it."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from ravlm.encoders.base import Encoder
from ravlm.tensors import TextBatch
from ravlm.training.loop import Stage
from ravlm.training.optim import hash_seed
from ravlm.training.pretrain.language_config import CausalConfig, LanguagePretraining, MaskedConfig
from ravlm.training.pretrain.reading import Vocabulary, embedding_of, vocabulary_of
from ravlm.training.pretrain.tokens import WordHead, followed, hide, words_loss

_POOLS = 4  # batches that are drawn at once, so that texts of like length go together


@dataclass(frozen=True)
class Found:
    """What is to be found in a batch: `shown` is what the encoder reads; it tells the words `ids` at `places`."""

    shown: TextBatch
    places: Bool[Tensor, "b t"]
    ids: Int[Tensor, " n"]


class TextStage(Stage):
    """Train a language encoder on texts; `lengths` [n] are theirs, in tokens."""

    name, title, table = "language", "pre-training the language encoder", "pretrain.language"
    settings: LanguagePretraining

    def __init__(
        self, *, encoder: Encoder, texts: Sequence[str], lengths: Int[Tensor, " n"], settings: LanguagePretraining
    ) -> None:
        self.settings = settings
        self._encoder, self._texts, self._lengths = encoder, texts, lengths
        self.vocabulary = vocabulary_of(encoder)
        self._table = embedding_of(encoder)
        tied = None if self._table is None else self._table.weight
        self._head = WordHead(width=encoder.width, vocabulary=self.vocabulary.size, tied=tied, masked=self.masked)
        self.parts = nn.ModuleDict({"language": encoder, "words": self._head.to(encoder.device)})

    masked: bool

    @abstractmethod
    def hidden(self, texts: TextBatch, generator: Generator) -> Found:
        """What of these texts, on the CPU, is to be found."""

    def loss(self, step: int, generator: Generator) -> Tensor:
        """The mean of -log p of the words to be found in a batch."""
        drawn = draw(self._lengths, self.settings.batch, generator)
        found = self.hidden(self._tokenize([self._texts[i] for i in drawn.tolist()]), generator)
        return words_loss(self._logits(found), found.ids.to(self._encoder.device))

    @torch.no_grad()
    def perplexity(self, texts: Sequence[str], seed: int) -> float:
        """Exp of the mean of -log p over all words to be found in the texts, the same for the same seed."""
        self.parts.eval()
        generator = torch.Generator().manual_seed(hash_seed(seed, "held out"))
        total, count = 0.0, 0
        for some in _batches(sorted(texts, key=len), self.settings.batch):
            found = self.hidden(self._tokenize(some), generator)
            total += float(words_loss(self._logits(found), found.ids.to(self._encoder.device))) * len(found.ids)
            count += len(found.ids)
        return math.exp(min(total / count, 700.0))

    def _tokenize(self, texts: Sequence[str]) -> TextBatch:
        encoder: Any = self._encoder
        found: TextBatch = encoder.tokenize(texts)
        return found

    def _logits(self, found: Found) -> Float[Tensor, "n w"]:
        device = self._encoder.device
        tokens = self._encoder(found.shown.to(device)).tokens  # [b, t, l]
        return self._head(tokens[found.places.to(device)], None if self._table is None else self._table.weight)  # type: ignore[no-any-return]


class MaskedStage(TextStage):
    """Hidden tokens are found by what stands before and behind them (Devlin et al. 2019, BERT, sec. 3.1)."""

    settings: MaskedConfig
    masked = True

    def hidden(self, texts: TextBatch, generator: Generator) -> Found:
        vocabulary = self.vocabulary
        shown, chosen = hide(
            texts.ids,
            vocabulary.readable(texts),
            generator,
            share=self.settings.share,
            mask_id=vocabulary.mask_id(),
            words=vocabulary.words,
        )
        return Found(TextBatch(shown, texts.mask, texts.offsets), chosen, texts.ids[chosen])


class CausalStage(TextStage):
    """The next token is foretold from those before it (Radford et al. 2018, GPT, eq. 1)."""

    settings: CausalConfig
    masked = False

    def hidden(self, texts: TextBatch, generator: Generator) -> Found:
        places = followed(self.vocabulary.readable(texts))
        return Found(texts, places, texts.ids[places.roll(1, dims=1)])


def draw(lengths: Int[Tensor, " n"], batch: int, generator: Generator) -> Int[Tensor, " b"]:
    """The places of a batch, none twice, every text equally likely: a part of a larger draw that is alike in length."""
    n = len(lengths)
    pools = max(1, min(_POOLS, n // batch))
    drawn = torch.randperm(n, generator=generator)[: pools * batch]
    alike = drawn[lengths[drawn].argsort(stable=True)]
    return alike.chunk(pools)[int(torch.randint(pools, (), generator=generator))]


def text_lengths(encoder: Encoder, vocabulary: Vocabulary, texts: Sequence[str], at_once: int) -> Int[Tensor, " n"]:
    """How many readable tokens each text has."""
    tokenizer: Any = encoder
    return torch.cat([vocabulary.readable(tokenizer.tokenize(some)).sum(1) for some in _batches(texts, at_once)])


def _batches(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (texts[start : start + size] for start in range(0, len(texts), size))
