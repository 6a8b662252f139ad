"""The prior: what one would answer from the question alone, without picture and without knowledge."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion

from ravlm.errors import DatasetError
from ravlm.grading import normalise, reference_answer
from ravlm.records import Example

_WORD = re.compile(r"\w+")
_NEIGHBOURS = 5  # distinct questions that vote


class Prior:
    """Answers with the commonest answer of the most similar training questions of the same language.

    Questions are compared by TF-IDF over words and over characters (1 to 4 in a row, so Chinese works). Each of the
    nearest distinct questions votes for its training answers by their share, weighted by its similarity squared; the
    further ones mend a question that was asked once or twice only.
    """

    def __init__(
        self,
        vectors: FeatureUnion,
        questions: csr_matrix,
        languages: list[str],
        answers: list[Counter[str]],
        spelling: dict[str, str],
    ) -> None:
        self._vectors = vectors
        self._questions = questions  # [distinct questions, features], rows of length 1
        self._languages = np.array(languages)
        self._answers = answers
        self._spelling = spelling
        self._known: dict[tuple[str, str], str] = {}

    @classmethod
    def fit(cls, examples: Iterable[Example]) -> Self:
        """Learn from the training examples that have a question and an answer.

        Raises:
            DatasetError: there is none.
        """
        counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        spellings: dict[str, Counter[str]] = defaultdict(Counter)
        for example in examples:
            answer = reference_answer(example)
            if example.question and answer:
                counts[example.question, example.language][normalise(answer)] += 1
                spellings[normalise(answer)][answer] += 1
        if not counts:
            raise DatasetError("The training split has no example with a question and an answer; the prior needs one.")
        vectors = FeatureUnion(
            [
                ("words", TfidfVectorizer(analyzer=_words, sublinear_tf=True)),
                ("characters", TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True)),
            ]
        )
        questions = vectors.fit_transform([question for question, _ in counts])
        return cls(
            vectors,
            questions,
            [language for _, language in counts],
            list(counts.values()),
            {plain: _commonest(found) for plain, found in spellings.items()},
        )

    def answer(self, question: str, language: str) -> str:
        """The answer; a language that training lacks is answered from all questions."""
        if (question, language) not in self._known:
            self._known[question, language] = self._vote(question, language)
        return self._known[question, language]

    def _vote(self, question: str, language: str) -> str:
        similar = (self._questions @ self._vectors.transform([question]).T).toarray()[:, 0]
        same = self._languages == language
        candidates = np.flatnonzero(same) if same.any() else np.arange(len(similar))
        nearest = candidates[np.argsort(-similar[candidates], kind="stable")[:_NEIGHBOURS]]
        votes: Counter[str] = Counter()
        for index in nearest:
            answers = self._answers[index]
            for answer, count in answers.items():
                votes[answer] += similar[index] ** 2 * count / answers.total()
        return self._spelling[_commonest(votes)]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _commonest(counts: Counter[str]) -> str:
    """The one with the highest count; of equal ones the first in the alphabet."""
    return min(counts, key=lambda name: (-counts[name], name))
