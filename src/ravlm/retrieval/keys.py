"""What an encoder makes of rows and of queries: vectors of unit length, in float32.

Rows go through the encoder as quickly as it takes them. A query goes through alone and on one thread, so that its
vector is the same whatever is asked beside it and however many threads there are.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL.Image import Image

from ravlm.device import choose_device
from ravlm.encoders.features.cache import FeatureCache, Features
from ravlm.encoders.features.computing import Computing
from ravlm.encoders.features.extract import Extractor
from ravlm.errors import ConfigError
from ravlm.records import Piece

Floats = npt.NDArray[np.float32]
_REMEMBERED = 256  # texts of queries whose vectors are kept: who searches often explains too
_alone = threading.RLock()


class Keys:
    """The vectors [width] of one encoder. Which of texts and pictures it takes, the encoder decides.

    The encoder is used as it is when it is first needed; it must not learn after that.
    """

    def __init__(self, encoder: Any, cache: FeatureCache | None = None) -> None:
        self.encoder = encoder
        self.width = int(encoder.pooled_width)
        self._cache = cache
        self._word = lru_cache(maxsize=_REMEMBERED)(self._of_text)

    def texts(self, texts: Sequence[str]) -> Floats:
        """The vectors [n, width] of rows that are texts."""
        return self._stacked(self._extractor.texts(texts))

    def pictures(self, contents: Iterable[bytes]) -> Floats:
        """The vectors [n, width] of rows that are pictures, given the bytes of their files.

        Raises:
            ImageError: one can't be decoded.
        """
        return self._stacked(self._extractor.images(contents))

    def words(self, pieces: Sequence[Piece]) -> tuple[Floats, npt.NDArray[np.float64]]:
        """The vector [width] of a query's pieces of words, and what each of them gives to it [pieces, width].

        The sum of weight times unit vector, made of unit length; zero where the pieces take each other away.
        """
        parts = np.array([piece.weight * self._word(piece.text).astype(np.float64) for piece in pieces])
        whole = parts.sum(axis=0)
        length = float(np.sqrt(np.add.reduce(whole**2)))
        parts = parts / length if length else parts
        return (whole / length if length else whole).astype(np.float32), parts

    def views(self, pieces: Sequence[Piece]) -> Floats:
        """Weight times the unit vector of each of a query's views [views, width]."""
        return np.stack([np.float32(piece.weight) * self._of_view(piece.image) for piece in pieces if piece.image])

    @cached_property
    def _extractor(self) -> Extractor:
        return Extractor(self.encoder, precision="float32", cache=self._cache)

    @cached_property
    def _computing(self) -> Computing:
        return Computing(self.encoder, choose_device(), "float32", 1)

    def _of_text(self, text: str) -> Floats:
        with one_thread():
            made = self._computing.texts(self.encoder.tokenize([text]), tokens=False)
        return self._first(made)

    def _of_view(self, image: Image) -> Floats:
        with one_thread():
            made = self._computing.images([self.encoder.preprocess(image)], tokens=False)
        return self._first(made)

    def _first(self, features: Sequence[Features]) -> Floats:
        vector: Floats = self._stacked(features)[0]
        return vector

    def _stacked(self, features: Iterable[Features]) -> Floats:
        rows = [each.pooled.numpy() for each in features]
        return unit(np.stack(rows)) if rows else np.zeros((0, self.width), np.float32)


def unit(vectors: Floats) -> Floats:
    """Vectors [n, d] made of unit length; one of zeros stays.

    Raises:
        ConfigError: one holds what is no number.
    """
    lengths = np.sqrt(np.add.reduce(vectors.astype(np.float64) ** 2, axis=1, keepdims=True))
    if not np.isfinite(lengths).all():
        raise ConfigError(
            "The encoder gives vectors that hold no numbers (NaN or infinity). Check its weights, or choose another."
        )
    return (vectors / np.where(lengths == 0, 1.0, lengths)).astype(np.float32)


def needs(encoder: Any, method: str, role: str) -> None:
    """Refuse an encoder that can't read what a retriever gives it.

    Raises:
        ConfigError: it has no such method.
    """
    if not hasattr(encoder, method):
        reads = {"tokenize": "texts", "preprocess": "pictures"}[method]
        raise ConfigError(
            f"{role} needs an encoder of {reads}, and {type(encoder).__name__} is none. Give one; of a joint model, "
            "the tower: its `language` or `visual`."
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of torch inside, and as many as before outside; one that computes so at a time."""
    with _alone:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)
