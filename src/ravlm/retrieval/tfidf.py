"""TF-IDF over passages, for English and Chinese words alike. No torch."""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer

from ravlm.records import Passage

_PIECES = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+|[^\W\d_]+|\d[\d,.]*\d|\d")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


def words(text: str) -> list[str]:
    """Case-folded words, numbers whole, and Chinese or Japanese characters with their bigrams.

    >>> words("Area: 29,743 km²")
    ['area', '29,743', 'km', '2']
    >>> words("首都是")
    ['首', '都', '是', '首都', '都是']
    """
    found: list[str] = []
    for piece in _PIECES.findall(unicodedata.normalize("NFKC", text).casefold()):
        if _CJK.match(piece):
            found += [*piece, *(a + b for a, b in pairwise(piece))]
        else:
            found.append(piece)
    return found


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
