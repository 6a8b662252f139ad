"""Which of texts and pictures an encoder gives tokens of, and what of entries and queries goes to it. No torch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ravlm.errors import ConfigError
from ravlm.records import Entry, Piece, Query
from ravlm.retrieval.retriever import Reads
from ravlm.retrieval.rows import Row, rows_of

TextUnit = Literal["passage", "entry"]


@dataclass(frozen=True, slots=True)
class Sides:
    """What reads texts and what sees pictures; one of them may be None."""

    language: Any
    visual: Any

    @classmethod
    def of(cls, encoder: Any) -> "Sides":
        """The side of an encoder, or both towers of a joint one.

        Raises:
            ConfigError: it has neither, or its towers give tokens that can't be compared.
        """
        if not (hasattr(encoder, "language") and hasattr(encoder, "visual")):
            made = cls(*(encoder if hasattr(encoder, method) else None for method in ("tokenize", "preprocess")))
            if made == cls(None, None):
                raise ConfigError(
                    f"Late interaction needs an encoder of texts or of pictures, and {type(encoder).__name__} is none."
                )
            return made
        if encoder.language.width != encoder.visual.width:
            raise ConfigError(
                f"The towers of {type(encoder).__name__} give tokens of {encoder.language.width} and "
                f"{encoder.visual.width} numbers, which late interaction can't compare. Give one of them: its "
                "`language` or `visual`."
            )
        return cls(encoder.language, encoder.visual)

    @property
    def width(self) -> int:
        """Numbers of a token vector."""
        return int((self.visual if self.language is None else self.language).width)

    @property
    def reads(self) -> Reads:
        """What a query must have."""
        if self.language is not None and self.visual is not None:
            return "words or views"
        return "words" if self.visual is None else "views"

    def rows(self, entry: Entry, unit: TextUnit) -> Iterator[Row]:
        """The rows of an entry: its texts, by this unit, and its pictures."""
        if self.language is not None:
            yield from rows_of(entry, unit)
        if self.visual is not None:
            yield from rows_of(entry, "picture")

    def pieces(self, query: Query) -> list[Piece]:
        """The pieces of a query that are compared."""
        return [*(query.words if self.language is not None else ()), *(query.views if self.visual is not None else ())]
