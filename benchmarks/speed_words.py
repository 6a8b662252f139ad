"""Retrieval by words to be measured: BM25 by both engines, and TF-IDF, beside the bare library on the same terms."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bm25s
import lance
import numpy as np
from lance.query import MatchQuery
from sklearn.feature_extraction.text import TfidfVectorizer

from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Query
from ravlm.retrieval.bm25 import Bm25Retriever
from ravlm.retrieval.folder import look
from ravlm.retrieval.rows import rows_of
from ravlm.retrieval.tfidf import TfidfRetriever
from ravlm.retrieval.words import Analyzer
from speed import Asking, Case, K


def cases() -> dict[str, Case]:
    """By name."""
    bm25, tfidf = Bm25Retriever, TfidfRetriever
    return {
        "bm25": Case(
            lambda base: bm25.build(base, engine="bm25s"), bm25.load, bare_bm25, lambda found: found.documents
        ),
        "bm25, Lance": Case(lambda base: bm25.build(base, engine="lance"), bm25.load, bare_lance),
        "tfidf": Case(tfidf.build, tfidf.load, bare_tfidf, at_once=200, alone=200),
    }


def terms(base: KnowledgeBase) -> Iterator[list[str]]:
    """The terms of every passage; equal ones are one object, as they would be in an index."""
    analyse = Analyzer()
    for entry in base.iterate():
        for row in rows_of(entry, "passage"):
            yield [sys.intern(term) for term in analyse(row.text)]


def bare_bm25(base: KnowledgeBase, folder: Path, queries: Sequence[Query]) -> Asking:
    """bm25s with numba: given the terms, it gives rows and scores."""
    index = bm25s.BM25(k1=0.9, b=0.4, method="lucene", backend="numba")
    index.index(list(terms(base)), show_progress=False)
    asked = [Analyzer()(query.text) for query in queries]
    return lambda some: index.retrieve(asked[some], k=K, show_progress=False, n_threads=0)


def bare_lance(base: KnowledgeBase, folder: Path, queries: Sequence[Query]) -> Asking:
    """Lance's full text search over our table: the terms joined by spaces, one query after the other."""
    session = lance.Session(index_cache_size_bytes=1 << 30)
    table = lance.dataset(str(folder / look(folder).files["table"]), session=session)
    asked = [MatchQuery(" ".join(Analyzer()(query.text)), "terms") for query in queries]
    wanted = {"columns": ["row", "_score"], "limit": K}
    return lambda some: [table.to_table(full_text_query=one, **wanted)["row"].to_numpy() for one in asked[some]]


def bare_tfidf(base: KnowledgeBase, folder: Path, queries: Sequence[Query]) -> Asking:
    """scikit-learn: a sparse product, then the K highest of each row."""
    vectorizer = TfidfVectorizer(analyzer=list, sublinear_tf=True)
    columns = vectorizer.fit_transform(terms(base)).T.tocsr()
    asked = [Analyzer()(query.text) for query in queries]

    def search(some: slice) -> list[Any]:
        scores = (vectorizer.transform(asked[some]) @ columns).tocsr()
        found = []
        for row in range(scores.shape[0]):
            values = scores.data[scores.indptr[row] : scores.indptr[row + 1]]
            best = np.argpartition(-values, min(K, len(values) - 1))[:K] if len(values) else np.zeros(0, dtype=int)
            found.append(scores.indices[scores.indptr[row] + best])
        return found

    return search
