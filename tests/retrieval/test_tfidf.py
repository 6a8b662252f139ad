import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from builders import passage
from ravlm.records import Passage
from ravlm.retrieval.tfidf import TfidfIndex, words

TEXTS = {
    "armenia": ["The capital of Armenia is Yerevan.", "The calling code is +374."],
    "austria": ["Vienna is the capital.", "Its code is +43."],
}


def index() -> TfidfIndex:
    found = [passage(t, entry_id=e, ordinal=i) for e, texts in TEXTS.items() for i, t in enumerate(texts)]
    found.append(passage("亚美尼亚的首都是埃里温。", entry_id="armenia", ordinal=2, language="zh"))
    return TfidfIndex(found)


def test_texts_without_any_word_are_a_base_in_which_nothing_is_found():
    marks = TfidfIndex([Passage("a#0", "a", "", 0, (0, 3), "...", "en")])
    assert marks.search("capital", 3) == marks.within("a", "capital", 3, "en") == []


def test_parity_with_scikit_learn():
    ours = index()
    texts = [f"{p.section} {p.text}" for p in ours.passages.values()]
    vectorizer = TfidfVectorizer(analyzer=words, sublinear_tf=True)
    expected = cosine_similarity(vectorizer.fit_transform(texts), vectorizer.transform(["capital of what"]))[:, 0]
    found = ours.search("capital of what", k=5)
    assert [score for _, score in found] == pytest.approx(sorted(expected, reverse=True))
    best = list(ours.passages)[int(np.argmax(expected))]
    assert found[0][0].id == best


def test_within_an_entry_and_its_language():
    ours = index()
    assert [p.id for p, _ in ours.within("armenia", "What is the calling code?", 1, "en")] == ["armenia#1"]
    assert [p.id for p, _ in ours.within("armenia", "首都是哪里", 3, "zh")] == ["armenia#2"]
    assert {p.entry_id for p, _ in ours.within("austria", "首都是哪里", 3, "zh")} == {"austria"}, "falls back"
    assert ours.within("nobody", "capital", 3, "en") == []


def test_ties_go_by_id_and_nothing_is_found_in_nothing():
    assert [p.id for p, _ in index().search("zzz", k=2)] == ["armenia#0", "armenia#1"]
    assert TfidfIndex([]).search("capital", k=3) == []
