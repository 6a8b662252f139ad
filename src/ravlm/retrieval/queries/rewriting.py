"""An open slot: somebody, such as a reader, says the query in other words."""

from collections.abc import Callable, Sequence

from ravlm.errors import ConfigError
from ravlm.records import Piece, Query
from ravlm.retrieval.queries.compose import WEIGHTS, checked_weight, extended

Rewrite = Callable[[Sequence[Query]], Sequence[str]]
"""Gives one text for each query; an empty one where there is nothing better to say."""


class RewritingStep:
    """Adds what `rewrite` makes of a query, which has its pictures and the pieces of the steps before.

    >>> [query] = RewritingStep(lambda queries: [q.text.rstrip("?") for q in queries])([Query("Whose flag?")])
    >>> query.pieces[0].text
    'Whose flag'

    Args:
        rewrite: is called once with all queries.
        weight: of the text.
        name: the origin of the pieces.

    Raises:
        ConfigError: the weight is not above 0; when called, `rewrite` gave more or fewer texts than there are queries.
    """

    def __init__(self, rewrite: Rewrite, *, weight: float = WEIGHTS["rewriting"], name: str = "") -> None:
        self.rewrite = rewrite
        self.weight = checked_weight(weight)
        self.name = name

    def __call__(self, queries: Sequence[Query]) -> list[Query]:
        if not queries:
            return []
        texts = self.rewrite(queries)
        if isinstance(texts, str) or len(texts) != len(queries):
            found = "one text" if isinstance(texts, str) else f"{len(texts)} texts"
            raise ConfigError(
                f"{len(queries)} queries were to be rewritten, and {found} came back. Give one text for each query in "
                "its place, an empty one where there is none."
            )
        new = [[Piece("rewriting", self.weight, text, origin=self.name)] if text.strip() else [] for text in texts]
        return extended(queries, new)
