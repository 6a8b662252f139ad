"""The rows of entries with their token vectors, and an index of all rows of a base."""

import random
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ravlm.knowledge.store import KnowledgeBase
from ravlm.retrieval.late.index import LateIndex
from ravlm.retrieval.late.maxsim import Floats
from ravlm.retrieval.late.sides import Sides, TextUnit
from ravlm.retrieval.retriever import Progress
from ravlm.retrieval.rows import Rows

if TYPE_CHECKING:
    from ravlm.retrieval.late.tokens import Tokens

_TOLD = 500  # rows between two notes of progress


def filled(
    knowledge: KnowledgeBase,
    sides: Sides,
    tokens: "Tokens",
    *,
    unit: TextUnit,
    pooling: int,
    bits: int,
    progress: Progress | None,
) -> tuple[Rows, LateIndex]:
    """All rows of a base, in no order, and their index; the arguments are those of the retriever.

    Errors: as for `Tokens.of_rows`, and those of `KnowledgeBase.iterate`.
    """
    rows = [row for entry in knowledge.iterate() for row in sides.rows(entry, unit)]
    random.Random(0).shuffle(rows)  # the codebook is learned from the first of them
    passages = _told(tokens.of_rows(rows, knowledge, pooling), len(rows), progress)
    index = LateIndex.build(passages, len(rows), sides.width, bits=bits)
    return Rows.of(rows), index


def _told(passages: Iterable[Floats], count: int, progress: Progress | None) -> Iterator[Floats]:
    """The same passages; progress is told of them as they come."""
    for done, tokens in enumerate(passages, 1):
        yield tokens
        if progress and (done % _TOLD == 0 or done == count):
            progress("encode", done, count)
