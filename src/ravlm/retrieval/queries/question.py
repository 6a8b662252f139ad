"""The question itself, as a piece of the query."""

from collections.abc import Sequence

from ravlm.records import Piece, Query
from ravlm.retrieval.queries.compose import WEIGHTS, checked_weight, extended


class QuestionStep:
    """Adds the question as it was asked; nothing for a query without text.

    >>> [query] = QuestionStep()([Query("Whose flag is this?")])
    >>> query.pieces
    (Piece(kind='question', weight=1.0, text='Whose flag is this?', image=None, origin=''),)

    Raises:
        ConfigError: the weight is not above 0.
    """

    def __init__(self, weight: float = WEIGHTS["question"]) -> None:
        self.weight = checked_weight(weight)

    def __call__(self, queries: Sequence[Query]) -> list[Query]:
        new = [[Piece("question", self.weight, query.text)] if query.text.strip() else [] for query in queries]
        return extended(queries, new)
