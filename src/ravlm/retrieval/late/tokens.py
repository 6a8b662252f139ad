"""What late interaction compares: the token vectors of rows and of queries, each of unit length, in float32."""

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any

from PIL.Image import Image

from ravlm.device import choose_device
from ravlm.encoders.features.cache import FeatureCache, Features
from ravlm.encoders.features.computing import Computing
from ravlm.encoders.features.extract import Extractor
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Piece
from ravlm.retrieval.keys import one_thread, unit
from ravlm.retrieval.late.maxsim import Floats
from ravlm.retrieval.late.pooling import pooled
from ravlm.retrieval.late.sides import Sides
from ravlm.retrieval.rows import Row

_ROWS, _CHARACTERS = 512, 200_000  # rows that are encoded at once, and about how long their texts are together
_REMEMBERED = 256  # texts of queries whose tokens are kept: who searches often explains too


class Tokens:
    """The token vectors of a language encoder, a visual one, or both towers of a joint model.

    Special tokens are kept, as in ColBERT (Khattab & Zaharia 2020, sec. 3.2): they tell of the text as a whole. A query
    goes through alone and on one thread, so that its tokens are the same whatever is asked beside it.
    """

    def __init__(self, sides: Sides, cache: FeatureCache | None = None) -> None:
        self.language, self.visual = sides.language, sides.visual
        self._cache = cache
        self._of_text = lru_cache(maxsize=_REMEMBERED)(self._text)

    def of_rows(self, rows: Sequence[Row], knowledge: KnowledgeBase, pooling: int) -> Iterator[Floats]:
        """The vectors [n, width] of each row, pooled; rows with a picture are that picture, the others their text.

        Raises:
            KnowledgeCorrupt: a picture is damaged.
            ConfigError: the encoder gives what is no number.
        """
        for some in _together(rows):
            texts = [row.text for row in some if row.image_id is None]
            image_ids = [row.image_id for row in some if row.image_id is not None]
            read = self._texts.texts(texts, tokens=True) if texts else iter(())
            seen = self._pictures.images(map(knowledge.picture, image_ids), tokens=True) if image_ids else iter(())
            for row in some:
                yield pooled(_unit(next(read if row.image_id is None else seen)), pooling)

    def of_pieces(self, pieces: Sequence[Piece]) -> list[Floats]:
        """The vectors [t, width] of each piece of a query, not pooled."""
        return [self._of_text(piece.text) if piece.image is None else self._image(piece.image) for piece in pieces]

    @cached_property
    def _texts(self) -> Extractor:
        return Extractor(self.language, precision="float32", cache=self._cache)

    @cached_property
    def _pictures(self) -> Extractor:
        return Extractor(self.visual, precision="float32", cache=self._cache)

    @cached_property
    def _reading(self) -> Computing:
        return Computing(self.language, choose_device(), "float32", 1)

    @cached_property
    def _seeing(self) -> Computing:
        return Computing(self.visual, choose_device(), "float32", 1)

    def _text(self, text: str) -> Floats:
        with one_thread():
            (made,) = self._reading.texts(self.language.tokenize([text]), tokens=True)
        return _unit(made)

    def _image(self, image: Image) -> Floats:
        with one_thread():
            (made,) = self._seeing.images([self.visual.preprocess(image)], tokens=True)
        return _unit(made)


def _unit(features: Features) -> Floats:
    tokens: Any = features.tokens  # there, since they were asked for
    return unit(tokens.float().numpy())


def _together(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Rows as many as are encoded at once: tokens take far more memory than their texts."""
    start = length = 0
    for at, row in enumerate(rows):
        if at > start and (at - start == _ROWS or length + len(row.text) > _CHARACTERS):
            yield rows[start:at]
            start, length = at, 0
        length += len(row.text)
    if start < len(rows):
        yield rows[start:]
