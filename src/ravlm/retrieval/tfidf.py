"""TF-IDF: over a whole base as a retriever, and within one entry as a trained model's reader uses it. No torch."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer

from ravlm.errors import IndexStale
from ravlm.knowledge.differences import Differences
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Passage
from ravlm.retrieval.folder import Contents, Stamp
from ravlm.retrieval.lexical import LexicalRetriever, Reading, Terms, fitted
from ravlm.retrieval.lexical_matrix import Found, TermMatrix, best, mapped
from ravlm.retrieval.retriever import Progress
from ravlm.retrieval.rows import Mask, Rows, Unit
from ravlm.retrieval.words import Analyzer, words


def question_weights(questions: Sequence[str]) -> dict[str, float]:
    """How much each word tells one question from another: its inverse document frequency among the questions, from 0.

    The words that all questions of a task share ("which", "picture", "shown") say nothing about the passage sought; a
    word that no question had is worth the most.
    """
    counts = Counter(word for question in questions for word in set(words(question)))
    return {word: math.log((1 + len(questions)) / (1 + n)) for word, n in sorted(counts.items())}


class TfidfIndex:
    """Passages by cosine of their TF-IDF vectors with the question's (scikit-learn; logarithmic term counts).

    `weights` (see `question_weights`) multiply the question's terms; a word that is not in it weighs as the heaviest.
    """

    def __init__(self, passages: Iterable[Passage], weights: Mapping[str, float] | None = None) -> None:
        self.passages = {p.id: p for p in sorted(passages, key=lambda p: p.id)}
        self._ids = list(self.passages)
        self._rows: dict[str, list[int]] = defaultdict(list)
        for row, passage in enumerate(self.passages.values()):
            self._rows[passage.entry_id].append(row)
        self._vectorizer = TfidfVectorizer(analyzer=words, sublinear_tf=True)
        texts = [f"{p.section} {p.text}" for p in self.passages.values()]
        readable = any(map(words, texts))  # not so where all texts are punctuation
        self._matrix: Any = self._vectorizer.fit_transform(texts) if readable else None
        self._within: dict[tuple[str, str | None], tuple[list[str], Any]] = {}
        self.weights = dict(weights or {}) if any((weights or {}).values()) else {}  # one wording: all words alike
        self._terms: dict[str, int] = self._vectorizer.vocabulary_ if readable else {}
        heaviest = max(self.weights.values(), default=1.0)
        self._term_weights: Any = (
            self._vectorizer.idf_ * [self.weights.get(t, heaviest) for t in sorted(self._terms)] if readable else None
        )
        self._query = lru_cache(maxsize=512)(self._question_vector)

    def search(self, question: str, k: int, language: str | None = None) -> list[tuple[Passage, float]]:
        """The k best passages of the whole base, ties by id."""
        return self._best(question, *self._rows_of(range(len(self._ids)), language), k)

    def within(self, entry_id: str, question: str, k: int, language: str | None = None) -> list[tuple[Passage, float]]:
        """The k best passages of one entry in the question's language; of any language where it has none in that."""
        key = entry_id, language
        if key not in self._within:
            self._within[key] = self._rows_of(self._rows.get(entry_id, []), language)
        return self._best(question, *self._within[key], k)

    def _question_vector(self, question: str) -> npt.NDArray[np.float64]:
        """The question's weighted terms as a dense vector of unit length: what the vectorizer does, less its checks."""
        vector = np.zeros(len(self._terms))
        for word, count in Counter(words(question)).items():
            if (term := self._terms.get(word)) is not None:
                vector[term] = (1 + math.log(count)) * self._term_weights[term]
        length = float(np.linalg.norm(vector))
        return vector / length if length else vector

    def _rows_of(self, rows: Sequence[int], language: str | None) -> tuple[list[str], Any]:
        """The ids and vectors of the rows in this language, or of all where none is."""
        same = [row for row in rows if self.passages[self._ids[row]].language == language] or list(rows)
        return [self._ids[row] for row in same], self._matrix[same] if same and self._matrix is not None else None

    def _best(self, question: str, ids: Sequence[str], vectors: Any, k: int) -> list[tuple[Passage, float]]:
        if vectors is None:
            return []
        scores = vectors @ self._query(question)
        order = np.argsort(-scores, kind="stable")[:k]  # ids are sorted
        return [(self.passages[ids[i]], float(scores[i])) for i in order]


class TfidfRetriever(LexicalRetriever):
    """Rows by the cosine of their TF-IDF vectors with the query's: scikit-learn's `TfidfVectorizer`.

    A term's count weighs by its logarithm (`sublinear_tf`), within each piece of a query too. A refresh makes the index
    anew: every weight hangs on all rows.
    """

    kind = stage = "tfidf"

    def __init__(
        self, rows: Rows, stamp: Stamp, matrix: TermMatrix, idf: npt.NDArray[np.float32], unit: Unit, analyzer: Analyzer
    ) -> None:
        super().__init__()
        self.rows, self.stamp, self.unit, self.analyzer = rows, stamp, unit, analyzer
        self._matrix, self._idf = matrix, idf

    @classmethod
    def build(
        cls,
        knowledge: KnowledgeBase,
        *,
        unit: Unit = "passage",
        analyzer: Analyzer | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Index a base's passages or entries.

        Args:
            knowledge: the base, at the version that it reads.
            unit: what is ranked.
            analyzer: what makes terms of texts.
            progress: is told how far it is.
        """
        analyzer = analyzer or Analyzer()
        texts = Reading(knowledge, unit, progress)
        vectorizer = TfidfVectorizer(analyzer=analyzer, sublinear_tf=True, dtype=np.float32)
        matrix, terms = fitted(vectorizer, texts)
        idf = vectorizer.idf_ if terms else np.zeros(0, dtype=np.float32)
        stamp = Stamp(knowledge.fingerprint, version=knowledge.version)
        return cls(texts.rows, stamp, TermMatrix.of(matrix, terms), idf, unit, analyzer)

    def settings(self) -> dict[str, Any]:
        """The unit, the analyser, and what searches."""
        return {
            "engine": "scikit-learn",
            "why": f"the weights of {len(self._matrix.terms):,} terms in {self.rows.count:,} {self.names[self.unit]}; "
            "a change makes the index anew",
            "unit": self.unit,
            "analyzer": self.analyzer.settings(),
        }

    def _best(self, queries: Sequence[Terms], masks: Sequence[Mask | None], k: int) -> list[Found]:
        return [
            best(self._matrix.scores(term for piece in self._vector(query) for term in piece), k, mask)
            for query, mask in zip(queries, masks, strict=True)
        ]

    def _amounts(self, query: Terms, rows: Sequence[int]) -> npt.NDArray[np.float64]:
        return np.array([self._matrix.amounts(piece, rows) for piece in self._vector(query)]).reshape(
            len(query), len(rows)
        )

    def _vector(self, query: Terms) -> list[list[tuple[int, float]]]:
        """The parts that the pieces have in the query's vector of unit length: (term, weight) pairs."""
        parts = []
        whole: Counter[int] = Counter()
        for weight, terms in query:
            counts = Counter(self._matrix.known(terms))
            part = {t: weight * (1 + math.log(n)) * float(self._idf[t]) for t, n in counts.items()} if weight else {}
            whole.update(part)
            parts.append(part)
        length = math.sqrt(math.fsum(value * value for value in whole.values())) or 1.0
        return [[(term, value / length) for term, value in part.items()] for part in parts]

    def _follow(self, knowledge: KnowledgeBase, differences: Differences) -> None:
        made = self.build(knowledge, unit=self.unit, analyzer=self.analyzer)
        self.rows, self._matrix, self._idf = made.rows, made._matrix, made._idf
        self._unsaved = set(self._files())

    def _files(self) -> dict[str, Callable[[Path], None]]:
        return {**self.rows.files(), "idf": lambda path: self._idf.tofile(path), **self._matrix.files()}

    @classmethod
    def _read(cls, folder: Path, contents: Contents, **parts: Any) -> Self:
        try:
            rows = Rows.read({role: folder / name for role, name in contents.files.items()})
            matrix = TermMatrix.read(folder, contents.files, len(rows))
            idf = mapped(folder / contents.files["idf"], np.float32)
            analyzer = Analyzer.of(contents.settings["analyzer"])
            return cls(rows, contents.stamp, matrix, idf, contents.settings["unit"], analyzer)
        except (KeyError, TypeError, ValueError) as error:
            raise IndexStale(f"The index in {folder} is damaged: {error}. Build it again.") from error
