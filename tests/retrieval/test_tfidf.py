from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from builders import passage
from ravlm.errors import IndexStale
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Passage, Piece, Query
from ravlm.retrieval.tfidf import TfidfIndex, TfidfRetriever
from ravlm.retrieval.words import Analyzer, words

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


FRUIT = (
    Entry("apple", "Apple", text="A red fruit that grows on trees."),
    Entry("banana", "Banana", text="A yellow fruit, about 18 cm long."),
    Entry("pear", "梨", text="梨是一种水果。", language="zh"),
)


@pytest.fixture
def base(tmp_path: Path) -> KnowledgeBase:
    made = KnowledgeBase.create(tmp_path / "kb")
    made.add(FRUIT)
    return made


def found(retriever: TfidfRetriever, text: str, k: int = 10) -> list[str]:
    return [hit.entry_id for hit in retriever.search([Query(text)], k)[0]]


def test_the_whole_base_is_ranked_and_rows_without_a_shared_term_are_left_out(base: KnowledgeBase):
    retriever = TfidfRetriever.build(base)
    assert found(retriever, "red fruits") == ["apple", "banana"]
    assert found(retriever, "哪种水果") == ["pear"]
    assert found(retriever, "the of") == found(retriever, "?") == found(retriever, "zebra") == []
    assert found(retriever, "red fruits", k=1) == ["apple"]


def test_amounts_of_pieces_add_up_to_the_cosine(base: KnowledgeBase):
    retriever = TfidfRetriever.build(base)
    query = Query(pieces=(Piece("question", 1.0, "red fruit"), Piece("title", 3.0, "banana fruit")))
    hits = retriever.search([query], 10)[0]
    for hit, parts in zip(hits, retriever.explain(query, hits), strict=True):
        assert [part.piece for part in parts] == list(query.words)
        assert sum(part.amount for part in parts) == pytest.approx(hit.scores["tfidf"])
    alone = TfidfRetriever.build(base, unit="entry").explain(query, hits)
    assert alone == [[]] * len(hits), "passages are no rows of an index of entries"


def test_kept_and_refreshed_it_is_as_one_built_anew(base: KnowledgeBase, tmp_path: Path):
    queries = [Query(text) for text in ("red fruit", "水果", "18 cm", "a plum on a tree")]
    TfidfRetriever.build(base, analyzer=Analyzer(stems=False)).save(tmp_path / "index")
    base.delete(["apple"])
    base.add([Entry("plum", "Plum", text="Plums are red or yellow and grow on trees.")])
    followed = TfidfRetriever.load(tmp_path / "index")
    with pytest.raises(IndexStale, match="refresh"):
        followed.check(base)
    assert followed.refresh(base)
    assert not followed.refresh(base)
    followed.save(tmp_path / "index")
    anew = TfidfRetriever.build(base, analyzer=Analyzer(stems=False))
    assert TfidfRetriever.load(tmp_path / "index").search(queries) == followed.search(queries) == anew.search(queries)
    assert "apple" not in found(followed, "red fruit")


@pytest.mark.parametrize("entries", [(), (Entry("x", "?!", text="..."),)])
def test_a_base_without_words_is_one_in_which_nothing_is_found(tmp_path: Path, entries: tuple[Entry, ...]):
    base = KnowledgeBase.create(tmp_path / "kb")
    base.upsert(entries)
    made = TfidfRetriever.build(base)
    made.save(tmp_path / "index")
    assert found(made, "fruit") == found(TfidfRetriever.load(tmp_path / "index"), "fruit") == []


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


@pytest.mark.parametrize("harm", [_cut, Path.unlink])
@pytest.mark.parametrize("role", ["rows", "idf", "terms", "term_rows"])
def test_a_damaged_index_is_refused(base: KnowledgeBase, tmp_path: Path, role: str, harm: Callable[[Path], None]):
    TfidfRetriever.build(base).save(tmp_path / "index")
    harm(next((tmp_path / "index").glob(f"{role}-*")))
    with pytest.raises(IndexStale, match="damaged"):
        TfidfRetriever.load(tmp_path / "index")
