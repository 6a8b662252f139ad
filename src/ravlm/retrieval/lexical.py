"""What TF-IDF and BM25 share: the base's rows are read once, and queries become weighted terms."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_matrix

from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Hit, Query
from ravlm.retrieval.indexed import IndexedRetriever
from ravlm.retrieval.lexical_matrix import Found
from ravlm.retrieval.retriever import Contribution, Progress
from ravlm.retrieval.rows import Mask, Row, Rows, Unit, rows_of
from ravlm.retrieval.words import Analyzer

Terms = list[tuple[float, list[str]]]
"""A query's pieces of words: the weight and the terms of each."""

_TOGETHER = 10_000  # rows that are put into columns at once


class LexicalRetriever(IndexedRetriever):
    """Ranks rows by the terms that they share with a query; a row without any is never found.

    A score is the sum over the query's pieces of words, each piece's terms times its weight.
    """

    reads = "words"
    unit: Unit
    analyzer: Analyzer
    names: ClassVar[dict[Unit, str]] = {"passage": "passages", "entry": "entries", "picture": "pictures"}

    def unread(self, query: Query) -> list[str]:
        """The words of a query that are left out of the search: stop words."""
        return [word for piece in query.words for word in self.analyzer.left_out(piece.text)]

    def explain(self, query: Query, hits: Sequence[Hit]) -> list[list[Contribution]]:
        """For each hit of a query, what its pieces of words gave to the score; nothing for a hit that is not here."""
        rows = self.rows.of_hits(hits)
        there = sorted({row for row in rows if row is not None})
        amounts = self._amounts(self._terms(query), there)  # [pieces, rows]
        place = {row: at for at, row in enumerate(there)}
        return [
            []
            if row is None
            else [
                Contribution(piece, self.stage, float(amounts[number, place[row]]))
                for number, piece in enumerate(query.words)
            ]
            for row in rows
        ]

    def _search(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        masks = [self.rows.allowed(query.filters) for query in queries]
        found = self._best([self._terms(query) for query in queries], masks, min(k, max(len(self.rows), 1)))
        ranked = [self.rows.ranked(rows.tolist(), scores.tolist(), k) for rows, scores in found]
        return self.rows.hits_of_many(ranked, self.stage)

    def _terms(self, query: Query) -> Terms:
        return [(piece.weight, self.analyzer(piece.text)) for piece in query.words]

    @abstractmethod
    def _best(self, queries: Sequence[Terms], masks: Sequence[Mask | None], k: int) -> list[Found]:
        """The best rows of each query, among those that its mask lets through."""

    @abstractmethod
    def _amounts(self, query: Terms, rows: Sequence[int]) -> npt.NDArray[np.float64]:
        """What each piece gives to the scores of some rows [pieces, rows]."""


class Reading:
    """The texts of a base's rows, one after another; once they are read, `rows` has the rows."""

    def __init__(self, knowledge: KnowledgeBase, unit: Unit, progress: Progress | None = None) -> None:
        self._knowledge, self._unit, self._progress = knowledge, unit, progress
        self.rows = Rows()

    def __iter__(self) -> Iterator[str]:
        parts: list[pa.Table] = []
        waiting: list[Row] = []
        for done, entry in enumerate(self._knowledge.iterate(), 1):
            for row in rows_of(entry, self._unit):
                waiting.append(row)
                yield row.text
            if len(waiting) >= _TOGETHER:
                parts.append(Rows.of(waiting).table)
                waiting = []
            if self._progress and (done % 1000 == 0 or done == self._knowledge.count()):
                self._progress("words", done, self._knowledge.count())
        parts.append(Rows.of(waiting).table)
        self.rows = Rows(pa.concat_tables(parts).combine_chunks())


def fitted(vectorizer: Any, texts: Reading) -> tuple[Any, list[str]]:
    """The matrix [rows, terms] that a vectorizer of scikit-learn makes of texts, and its terms; there may be none."""
    try:
        matrix = vectorizer.fit_transform(texts)
    except ValueError as error:
        if "empty vocabulary" not in str(error):
            raise
        return csr_matrix((len(texts.rows), 0), dtype=vectorizer.dtype), []
    return matrix, list(vectorizer.get_feature_names_out())
