"""Retrievers whose hits are written down, for tests of what is made of retrievers."""

from collections.abc import Mapping, Sequence

from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Hit, Query
from ravlm.retrieval.retriever import Contribution, Reads, Retriever

Found = Sequence[tuple[str, float]]
"""What is found, best first, with its score: `entry`, `entry#ordinal` for a passage, `entry@image` for a picture."""


class Listed(Retriever):
    """Finds for each query, by its id, what is listed; entries that the filters leave out are not found.

    It explains a score as its pieces' weights say.
    """

    def __init__(self, stage: str, lists: Mapping[str, Found], reads: Reads = "words") -> None:
        self.stage = stage
        self.reads = reads
        self.lists = lists
        self.asked: list[tuple[list[str], int]] = []
        self.followed: list[KnowledgeBase] = []

    def _search(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        self.asked.append(([query.id for query in queries], k))
        return [self._row(query, k) for query in queries]

    def _row(self, query: Query, k: int) -> list[Hit]:
        found = [(hit(what), score) for what, score in self.lists.get(query.id, ())]
        kept = [pair for pair in found if not query.filters.entries or pair[0].entry_id in query.filters.entries]
        return [
            Hit(one.entry_id, one.passage_id, one.image_id, rank, {self.stage: score})
            for rank, (one, score) in enumerate(kept[:k], 1)
        ]

    def explain(self, query: Query, hits: Sequence[Hit]) -> list[list[Contribution]]:
        pieces = {"words": query.words, "views": query.views}.get(self.reads, (*query.words, *query.views))
        total = sum(piece.weight for piece in pieces)
        return [
            [Contribution(piece, self.stage, one.scores[self.stage] * piece.weight / total) for piece in pieces]
            for one in hits
        ]

    def refresh(self, knowledge: KnowledgeBase) -> bool:
        self.followed.append(knowledge)
        return len(self.followed) == 1


def hit(what: str) -> Hit:
    """A hit without rank and scores."""
    if "@" in what:
        entry_id, _, image_id = what.partition("@")
        return Hit(entry_id, None, image_id, 0, {})
    return Hit(what.partition("#")[0], what if "#" in what else None, None, 0, {})


def named(hits: Sequence[Hit]) -> list[str]:
    """Hits as they are written down."""
    return [h.passage_id or (h.entry_id if h.image_id is None else f"{h.entry_id}@{h.image_id}") for h in hits]
