"""TF-IDF over passages, for English and Chinese words alike. No torch."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from ravlm.records import Passage

_PIECES = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+|[^\W\d_]+|\d[\d,.]*\d|\d")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


def words(text: str) -> list[str]:
    """Case-folded words, numbers whole, and Chinese or Japanese characters with their bigrams.

    >>> words("Area: 29,743 km²")
    ['area', '29,743', 'km2']
    >>> words("首都是")
    ['首', '都', '是', '首都', '都是']
    """
    found: list[str] = []
    for piece in _PIECES.findall(unicodedata.normalize("NFKC", text).casefold()):
        if _CJK.match(piece):
            found += [*piece, *(a + b for a, b in zip(piece, piece[1:], strict=False))]
        else:
            found.append(piece)
    return found


class TfidfIndex:
    """Passages by cosine of their TF-IDF vectors with the question's (scikit-learn; logarithmic term counts)."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        self.passages = {p.id: p for p in sorted(passages, key=lambda p: p.id)}
        self._ids = list(self.passages)
        self._rows: dict[str, list[int]] = defaultdict(list)
        for row, passage in enumerate(self.passages.values()):
            self._rows[passage.entry_id].append(row)
        self._vectorizer = TfidfVectorizer(analyzer=words, sublinear_tf=True)
        texts = [f"{p.section} {p.text}" for p in self.passages.values()]
        self._matrix = self._vectorizer.fit_transform(texts) if texts else None
        self._query = lru_cache(maxsize=4096)(lambda question: self._vectorizer.transform([question]))

    def search(self, question: str, k: int, language: str | None = None) -> list[tuple[Passage, float]]:
        """The k best passages of the whole base, ties by id."""
        return self._best(question, range(len(self._ids)), k, language)

    def within(self, entry_id: str, question: str, k: int, language: str | None = None) -> list[tuple[Passage, float]]:
        """The k best passages of one entry in the question's language; of any language where it has none in that."""
        return self._best(question, self._rows.get(entry_id, []), k, language)

    def _best(
        self, question: str, rows: Sequence[int], k: int, language: str | None
    ) -> list[tuple[Passage, float]]:
        same = [row for row in rows if self.passages[self._ids[row]].language == language]
        chosen = np.array(same or rows, dtype=np.int64)
        if self._matrix is None or not len(chosen):
            return []
        scores = (self._matrix[chosen] @ self._query(question).T).toarray()[:, 0]
        order = np.lexsort((chosen, -scores))[:k]
        return [(self.passages[self._ids[chosen[i]]], float(scores[i])) for i in order]
