"""Steps that add pieces to queries, one after the other, and what each kind of piece weighs unless told otherwise."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from ravlm.errors import ConfigError
from ravlm.knowledge.passages import guess_language
from ravlm.records import Piece, PieceKind, Query

WEIGHTS: Mapping[PieceKind, float] = {
    "question": 1.0,
    "key term": 2.0,
    "title": 3.0,
    "label": 0.5,
    "caption": 0.5,
    "rewriting": 1.0,
    "region": 1.0,
}
"""The weight of a step's pieces beside the question's 1.

The terms, titles with aliases, labels and captions of a query share their step's weight, so that more of them weigh no
more; each rewriting has it whole, and so has each region, since a picture counts by its best view.
"""


class Step(Protocol):
    """Adds pieces to queries. It reads a query as the steps before it left it, and changes nothing that is there."""

    def __call__(self, queries: Sequence[Query]) -> list[Query]:
        """The queries in their order, each with this step's pieces behind those that it has."""
        ...


def compose(queries: Sequence[Query], steps: Sequence[Step]) -> list[Query]:
    """The queries after all steps, in the order of the steps.

    The order matters: what looks at pictures (titles, labels, captions) looks at the regions that are there by then,
    and without any at the whole pictures. Where a step adds words, the question counts only as a piece of its own.
    """
    composed = list(queries)
    for step in steps:
        composed = step(composed)
    return composed


def extended(queries: Sequence[Query], pieces: Sequence[Sequence[Piece]]) -> list[Query]:
    """Queries with new pieces behind their own."""
    return [replace(query, pieces=(*query.pieces, *new)) for query, new in zip(queries, pieces, strict=True)]


def checked_weight(weight: float) -> float:
    """A step's weight.

    Raises:
        ConfigError: it is not above 0, or no number.
    """
    if not (math.isfinite(weight) and weight > 0):
        raise ConfigError(f"A step's weight is {weight}. Give a number above 0, or leave the step out.")
    return weight


def checked_count(what: str, count: int) -> int:
    """How many of something are asked for.

    Raises:
        ConfigError: it is below 1.
    """
    if count < 1:
        raise ConfigError(f"{count} {what} were asked for. Ask for 1 or more.")
    return count


def language_of(query: Query) -> str | None:
    """The language of a query: as it says, else as its text looks; None without text."""
    return query.language or (guess_language(query.text) if query.text.strip() else None)
