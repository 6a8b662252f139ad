"""TF-IDF and BM25 beside independent implementations: plain transcriptions, scikit-learn, bm25s."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Piece, Query
from ravlm.retrieval import bm25_engines
from ravlm.retrieval.bm25 import Bm25Retriever
from ravlm.retrieval.bm25_engines import AtRest, score_matrix
from ravlm.retrieval.lexical_matrix import TermMatrix, best
from ravlm.retrieval.tfidf import TfidfRetriever
from ravlm.retrieval.words import Analyzer

VOCABULARY = [f"{a}{b}o" for a in "bdfgkl" for b in "aeiou"]


def texts(count: int, seed: int = 0) -> list[str]:
    """Texts of words with a long tail; some are alike, so that scores tie."""
    rng = np.random.default_rng(seed)
    picks = [np.minimum(rng.zipf(1.4, rng.integers(1, 12)), len(VOCABULARY)) - 1 for _ in range(count)]
    return [" ".join(VOCABULARY[i] for i in pick) for pick in picks]


def plain_bm25(documents: Sequence[Sequence[str]], query: Sequence[str], k1: float, b: float) -> list[float]:
    """Robertson's BM25 with Lucene's idf, word for word."""
    N = len(documents)
    average = sum(map(len, documents)) / N
    scores = [0.0] * N
    for word in query:
        n = sum(word in document for document in documents)
        idf = math.log(1 + (N - n + 0.5) / (n + 0.5))
        for d, document in enumerate(documents):
            tf = document.count(word)
            scores[d] += idf * tf / (tf + k1 * (1 - b + b * len(document) / average))
    return scores


@pytest.fixture(scope="module")
def documents() -> list[str]:
    return texts(300)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, documents: list[str]) -> KnowledgeBase:
    made = KnowledgeBase.create(tmp_path_factory.mktemp("parity") / "kb")
    made.add(Entry(f"e{number:03}", "", text=text) for number, text in enumerate(documents))
    return made


def scores_of(retriever: Bm25Retriever | TfidfRetriever, query: Query, count: int) -> list[float]:
    """The score of every entry; 0 for one that is not found."""
    found = {hit.entry_id: hit.scores[retriever.stage] for hit in retriever.search([query], count)[0]}
    return [found.get(f"e{number:03}", 0.0) for number in range(count)]


@pytest.mark.parametrize(("engine", "k1", "b"), [("bm25s", 0.9, 0.4), ("bm25s", 1.5, 1.0), ("lance", 1.2, 0.75)])
def test_bm25_is_its_formula(base: KnowledgeBase, documents: list[str], engine: str, k1: float, b: float):
    retriever = Bm25Retriever.build(base, unit="entry", engine=engine, k1=k1, b=b)
    analyzed = [Analyzer()(text) for text in documents]
    assert all(analyzed), "Lance leaves rows without terms out of N"
    for text in texts(20, seed=1):
        expected = plain_bm25(analyzed, Analyzer()(text), k1, b)
        assert scores_of(retriever, Query(text), len(documents)) == pytest.approx(expected, rel=1e-5)


def test_bm25_with_weights_is_the_weighted_sum_of_its_pieces(base: KnowledgeBase, documents: list[str]):
    analyzed = [Analyzer()(text) for text in documents]
    first, second = texts(2, seed=2)
    query = Query(pieces=(Piece("question", 0.5, first), Piece("title", 2.0, second), Piece("alias", 0.0, "dado")))
    for engine, k1, b in (("bm25s", 0.9, 0.4), ("lance", 1.2, 0.75)):
        retriever = Bm25Retriever.build(base, unit="entry", engine=engine)
        parts = [plain_bm25(analyzed, Analyzer()(text), k1, b) for text in (first, second)]
        expected = [0.5 * x + 2 * y for x, y in zip(*parts, strict=True)]
        assert scores_of(retriever, query, len(documents)) == pytest.approx(expected, rel=1e-5)


def test_the_matrix_is_that_of_bm25s(documents: list[str]):
    analyzer = Analyzer()
    vectorizer = CountVectorizer(analyzer=analyzer, dtype=np.int32)
    ours = score_matrix(vectorizer.fit_transform(documents), 0.9, 0.4).toarray()
    theirs = bm25s.BM25(k1=0.9, b=0.4, method="lucene")
    theirs.index([analyzer(text) for text in documents], show_progress=False)
    for number, term in enumerate(vectorizer.get_feature_names_out()):
        np.testing.assert_allclose(ours[:, number], theirs.get_scores([term]), rtol=1e-6)


def test_tfidf_is_that_of_scikit_learn(base: KnowledgeBase, documents: list[str]):
    retriever = TfidfRetriever.build(base, unit="entry")
    vectorizer = TfidfVectorizer(analyzer=Analyzer(), sublinear_tf=True)
    matrix = vectorizer.fit_transform(documents)
    for text in texts(20, seed=3):
        expected = cosine_similarity(matrix, vectorizer.transform([text]))[:, 0]
        assert scores_of(retriever, Query(text), len(documents)) == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_tfidf_with_weights_is_the_cosine_with_the_weighted_sum(base: KnowledgeBase, documents: list[str]):
    retriever = TfidfRetriever.build(base, unit="entry")
    vectorizer = TfidfVectorizer(analyzer=Analyzer(), sublinear_tf=True, norm=None)
    matrix = vectorizer.fit_transform(documents)
    first, second = texts(2, seed=4)
    vector = 0.5 * vectorizer.transform([first]) + 3 * vectorizer.transform([second])
    query = Query(pieces=(Piece("question", 0.5, first), Piece("title", 3.0, second)))
    expected = cosine_similarity(matrix, vector)[:, 0]
    assert scores_of(retriever, query, len(documents)) == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_numba_and_numpy_give_the_same_bytes(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("numba")
    retriever = Bm25Retriever.build(base, unit="entry")
    queries = [Query(text) for text in texts(40, seed=5)]
    queries += [Query(pieces=(Piece("question", 2.5, text),)) for text in texts(5, seed=6)] + [Query("unheard of")]
    monkeypatch.setattr(bm25_engines, "_BEFORE_COMPILING", 10_000)
    by_numpy = retriever.search(queries, 7)
    monkeypatch.setattr(bm25_engines, "_BEFORE_COMPILING", 0)
    assert retriever.search(queries, 7) == by_numpy
    assert isinstance(retriever._engine, AtRest)
    assert retriever._engine._compiled is not None
    assert [retriever.search([query], 7)[0] for query in queries] == by_numpy


@pytest.mark.parametrize("engine", ["bm25s", "lance"])
def test_every_k_cuts_one_order_with_ties_by_id(base: KnowledgeBase, documents: list[str], engine: str):
    retriever = Bm25Retriever.build(base, unit="entry", engine=engine)
    for text in texts(5, seed=7):
        whole = retriever.search([Query(text)], len(documents))[0]
        assert [hit.entry_id for hit in whole] == [
            hit.entry_id for hit in sorted(whole, key=lambda hit: (-hit.scores["bm25"], hit.entry_id))
        ]
        assert len({hit.scores["bm25"] for hit in whole}) < len(whole), "some tie"
        for k in (1, 2, 3, 10, 50, 10_000):
            assert retriever.search([Query(text)], k)[0] == whole[:k]


@given(
    st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=300),
    st.integers(1, 20),
    st.integers(0, 3),
)
def test_the_best_are_the_best(values: list[float], k: int, seed: int):
    scores = np.array(values, dtype=np.float32)
    mask = np.random.default_rng(seed).random(len(scores)) < 0.7 if seed else None
    allowed = scores if mask is None else scores * mask
    rows, found = best(scores.copy(), k, mask)
    positive = Counter(allowed[allowed > 0].tolist())
    assert (allowed[rows] == found).all()
    assert len(set(rows.tolist())) == len(rows)
    edge = sorted(positive.elements(), reverse=True)[:k][-1:] or [math.inf]
    assert Counter(found[found >= edge[0]].tolist()) == Counter(v for v in positive.elements() if v >= edge[0])


def test_a_matrix_is_read_as_it_was_written(tmp_path: Path, documents: list[str]):
    vectorizer = CountVectorizer(analyzer=Analyzer(), dtype=np.int32)
    made = TermMatrix.of(
        score_matrix(vectorizer.fit_transform(documents), 0.9, 0.4), vectorizer.get_feature_names_out()
    )
    for role, write in made.files().items():
        write(tmp_path / role)
    read = TermMatrix.read(tmp_path, {role: role for role in made.files()}, made.count)
    assert read.terms == made.terms
    for name in ("values", "rows", "starts"):
        np.testing.assert_array_equal(getattr(read, name), getattr(made, name))
    (tmp_path / "term_rows").write_bytes(b"\0\0\0\0")
    with pytest.raises(ValueError, match="1 rows"):
        TermMatrix.read(tmp_path, {role: role for role in made.files()}, made.count)


def test_few_allowed_rows_of_many_are_found_before_the_best_of_all() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(40_000, dtype=np.float32)
    mask = np.zeros(len(scores), dtype=np.bool_)
    mask[np.argsort(scores)[:40]] = True  # the worst of all
    rows, values = best(scores.copy(), 10, mask)
    wanted = sorted(np.flatnonzero(mask), key=lambda row: -scores[row])[:10]
    assert sorted(rows[np.argsort(-values)][:10].tolist()) == sorted(map(int, wanted))
