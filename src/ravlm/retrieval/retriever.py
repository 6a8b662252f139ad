"""What every retriever is: queries in, ranked hits out, and for each hit what each piece of the query gave to it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from ravlm.errors import ConfigError, QuestionError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Hit, Piece, Query

Reads = Literal["words", "views", "words or views"]
Progress = Callable[[str, int, int], None]
"""Called with (what goes on, steps done, steps in all)."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """How much of a hit's score came from one piece of the query, in one stage."""

    piece: Piece
    stage: str
    amount: float


class Retriever(ABC):
    """Finds knowledge for queries. The base class checks what is asked; a retriever writes `_search`.

    `stage` is the name under which its scores stand in a hit; `reads` says what a query must have for it. Of two
    retrievers of one kind that are used together, one is given another `stage`.
    """

    stage: str
    reads: Reads

    def search(self, queries: Sequence[Query], k: int = 10) -> list[list[Hit]]:
        """The k best hits of each query, best first, ties by id; fewer where there are no more.

        The same queries give the same hits and scores, whatever the number of threads. A retriever may be searched by
        several threads, but not while it is refreshed: who does both must lock.

        Raises:
            ConfigError: k is below 1.
            QuestionError: a query has nothing that this retriever reads, or a piece weighs less than nothing, or no
                number.
        """
        if k < 1:
            raise ConfigError(f"{k} hits were asked for. Ask for 1 or more.")
        for number, query in enumerate(queries):
            name = query.id or f"number {number + 1}"
            self._check(query, name)
            check_weights(query, name)
        return self._search(queries, k) if queries else []

    @abstractmethod
    def _search(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        """As `search`, of queries that are checked; at least one."""

    @abstractmethod
    def explain(self, query: Query, hits: Sequence[Hit]) -> list[list[Contribution]]:
        """For each hit of a query, what its pieces gave to the score; the amounts add up to the stage's score."""

    @abstractmethod
    def refresh(self, knowledge: KnowledgeBase) -> bool:
        """Follow a knowledge base to the version that it reads; True when there was something to do."""

    def fits(self, query: Query) -> bool:
        """Whether a query has what this retriever reads."""
        there = {"words": bool(query.words), "views": bool(query.views)}
        return any(there.values()) if self.reads == "words or views" else there[self.reads]

    def _check(self, query: Query, name: str) -> None:
        if self.fits(query):
            return
        found = " and ".join(what for what, has in (("words", query.words), ("a picture", query.views)) if has)
        wish = {"words": "words", "views": "a picture", "words or views": "words or a picture"}[self.reads]
        raise QuestionError(
            f"The query {name!r} has {found or 'neither words nor a picture'}, and retrieval by {self.stage} needs "
            f"{wish}. Give it, or choose another retriever."
        )


def check_weights(query: Query, name: str) -> None:
    """Refuse weights that can't be.

    Raises:
        QuestionError: a piece of the query weighs less than 0, or what is no number.
    """
    for piece in (*query.words, *query.views):
        if not 0 <= piece.weight < inf:
            raise QuestionError(
                f"A piece of the query {name!r} ({piece.kind} {piece.text[:40]!r}) weighs {piece.weight}. Give 0 or "
                "more."
            )
