"""The first hits of a retriever, ranked anew by what reads query and passage together."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Protocol

from ravlm.errors import ConfigError, IndexStale, KnowledgeCorrupt, KnowledgeError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Hit, Piece, Query
from ravlm.retrieval.retriever import Contribution, Retriever
from ravlm.retrieval.rows import Unit, rows_of
from ravlm.retrieval.sharing import hit_id

_REMEMBERED = 4096  # entries whose texts are kept


class Reranker(Protocol):
    """Scores pairs of texts. `ravlm.encoders.cross_encoder.CrossEncoder` is one."""

    def score(self, pairs: Sequence[tuple[str, str]]) -> Sequence[float]:
        """How well the second text of each pair answers the first; higher is better."""


class RerankedRetriever(Retriever):
    """Ranks the first `depth` hits of a retriever anew, by a reranker's score; earlier scores are kept.

    It reads the query's words, the pieces joined to one text, and the hit's text as indexes have it: a passage with the
    titles of its entry and section before it, an entry whole. Hits of pictures have no text; they and what is found
    beyond `depth` keep their order behind the others, without a score of this stage.

    Args:
        retriever: finds the hits.
        reranker: scores them.
        knowledge: the base that the texts are read from.
        depth: how many hits are read.

    Raises:
        ConfigError: depth is below 1.
    """

    stage = "rerank"
    reads = "words"

    def __init__(self, retriever: Retriever, reranker: Reranker, knowledge: KnowledgeBase, *, depth: int = 50) -> None:
        if depth < 1:
            raise ConfigError(f"depth is {depth}. Let 1 hit or more be read.")
        self.retriever = retriever
        self.reranker = reranker
        self.knowledge = knowledge
        self.depth = depth
        self._texts: dict[str, dict[str | None, str]] = {}
        self._version = knowledge.version

    def _search(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        rows = self.retriever.search(queries, max(k, self.depth))
        texts = [[self._text(hit) for hit in row[: self.depth]] for row in rows]
        asked = [_joined(query.words) for query in queries]
        pairs = list(dict.fromkeys((q, text) for q, row in zip(asked, texts, strict=True) for text in row if text))
        scores = dict(zip(pairs, self.reranker.score(pairs), strict=True))
        return [
            self._ranked(row, [scores.get((q, text or "")) for text in read])[:k]
            for q, row, read in zip(asked, rows, texts, strict=True)
        ]

    def explain(self, query: Query, hits: Sequence[Hit]) -> list[list[Contribution]]:
        """For each hit how the score rose or fell with each piece, the pieces joined on one after another.

        The first piece has the score that it gets alone, so the amounts add up to the score. A hit without a score of
        this stage has no contributions.
        """
        texts = [self._text(hit) if self.stage in hit.scores else None for hit in hits]
        steps = [_joined(query.words[: n + 1]) for n in range(len(query.words))]
        pairs = [(step, text) for text in texts if text is not None for step in steps]
        scores = iter(self.reranker.score(pairs))
        told: list[list[Contribution]] = []
        for text in texts:
            row = [] if text is None else [float(next(scores)) for _ in steps]
            rises = [after - before for before, after in zip([0.0, *row], row, strict=False)]
            told.append([Contribution(p, self.stage, rise) for p, rise in zip(query.words, rises, strict=False)])
        return told

    def refresh(self, knowledge: KnowledgeBase) -> bool:
        """Let the retriever follow a knowledge base, and read texts from it; True when there was something to do."""
        self.knowledge = knowledge
        self._texts.clear()
        return self.retriever.refresh(knowledge)

    def fits(self, query: Query) -> bool:
        """Whether the retriever can read a query, and it has words."""
        return bool(query.words) and self.retriever.fits(query)

    def _check(self, query: Query, name: str) -> None:
        if query.words:
            self.retriever._check(query, name)
        else:
            super()._check(query, name)

    def _ranked(self, hits: Sequence[Hit], scores: Sequence[float | None]) -> list[Hit]:
        """Hits with a score first, by it; then those without and those beyond the scores."""
        read, unread = [], []
        for hit, score in zip_longest(hits, scores):
            if score is None:
                unread.append(hit)
            else:
                read.append(replace(hit, scores={**hit.scores, self.stage: float(score)}))
        read.sort(key=lambda hit: (-hit.scores[self.stage], hit_id(hit)))
        return [replace(hit, rank=rank) for rank, hit in enumerate([*read, *unread], 1)]

    def _text(self, hit: Hit) -> str | None:
        """A hit's text; None for a picture's."""
        if hit.passage_id is None and hit.image_id is not None:
            return None
        if self._version != self.knowledge.version or len(self._texts) >= _REMEMBERED:
            self._texts.clear()
            self._version = self.knowledge.version
        try:
            if hit.entry_id not in self._texts:
                entry = self.knowledge.get(hit.entry_id)
                units: tuple[Unit, ...] = ("entry", "passage")
                self._texts[hit.entry_id] = {row.passage_id: row.text for unit in units for row in rows_of(entry, unit)}
            return self._texts[hit.entry_id][hit.passage_id]
        except KnowledgeCorrupt:
            raise
        except (KnowledgeError, KeyError) as error:
            raise IndexStale(
                f"{hit_id(hit)!r} was found, and {self.knowledge.location} at version {self._version} does not have "
                "it. The index and the base are of different versions: refresh both."
            ) from error


def _joined(pieces: Sequence[Piece]) -> str:
    """The texts of pieces that count."""
    return " ".join(piece.text for piece in pieces if piece.weight > 0)
