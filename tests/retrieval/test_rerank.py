from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from fake_retrievers import Listed, named
from ravlm.errors import ConfigError, IndexStale, QuestionError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Piece, Query, Section
from ravlm.retrieval.hybrid import HybridRetriever
from ravlm.retrieval.rerank import RerankedRetriever

Q = Query("capital city", id="q")
ENTRIES = [
    Entry("a", "Armenia", sections=(Section("Land", "It has hills."), Section("Rule", "Its capital is Yerevan."))),
    Entry("b", "Austria", text="Vienna is the capital, a city of music."),
    Entry("c", "中国", text="首都是北京。", language="zh"),
]
LIST = [("a#0", 5.0), ("b@x", 4.0), ("a#1", 3.0), ("b#0", 2.0), ("b@y", 1.5), ("a", 1.0)]


class Shared:
    """Scores a pair by the words (or characters) that its texts share, and keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[list[tuple[str, str]]] = []

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        self.given.append(list(pairs))
        return [float(sum(word in second for word in first.split())) for first, second in pairs]


@pytest.fixture
def base(tmp_path: Path) -> KnowledgeBase:
    made = KnowledgeBase.create(tmp_path / "kb")
    made.upsert(ENTRIES)
    return made


def test_hits_are_ranked_by_what_reads_both_texts(base: KnowledgeBase):
    reranker = Shared()
    made = RerankedRetriever(Listed("bm25", {"q": LIST}), reranker, base)
    [hits] = made.search([Q])
    assert named(hits) == ["b#0", "a", "a#1", "a#0", "b@x", "b@y"], "ties by id, pictures behind in their order"
    assert [h.scores.get("rerank") for h in hits] == [2.0, 1.0, 1.0, 0.0, None, None]
    assert [h.scores["bm25"] for h in hits] == [2.0, 1.0, 3.0, 5.0, 4.0, 1.5]
    assert [h.rank for h in hits] == [1, 2, 3, 4, 5, 6]
    assert dict(reranker.given[0][::-1])["capital city"] == "Armenia\nLand\nIt has hills."
    assert [second for _, second in reranker.given[0]][-1].startswith("Armenia\nLand\nIt has hills.\nRule\n")


def test_only_so_many_are_read_and_the_rest_follows(base: KnowledgeBase):
    bm25 = Listed("bm25", {"q": LIST})
    made = RerankedRetriever(bm25, Shared(), base, depth=3)
    assert named(made.search([Q])[0]) == ["a#1", "a#0", "b@x", "b#0", "b@y", "a"]
    assert named(made.search([Q], 1)[0]) == ["a#1"]
    assert bm25.asked == [(["q"], 10), (["q"], 3)]


def test_the_words_of_all_pieces_are_read_as_one_text_and_each_pair_once(base: KnowledgeBase):
    reranker = Shared()
    pieces = (Piece("question", 1.0, "the capital"), Piece("title", 0.5, "Austria"), Piece("label", 0.0, "hills"))
    query = replace(Q, pieces=pieces)
    rows = RerankedRetriever(Listed("bm25", {"q": LIST}), reranker, base).search([query, query])
    assert {first for first, _ in reranker.given[0]} == {"the capital Austria"}
    assert len(reranker.given[0]) == 4
    assert rows[0] == rows[1]


def test_chinese_is_read_too(base: KnowledgeBase):
    made = RerankedRetriever(Listed("bm25", {"q": [("b#0", 2.0), ("c#0", 1.0)]}), Shared(), base)
    assert named(made.search([replace(Q, text="首都 北京")])[0]) == ["c#0", "b#0"]


def test_each_piece_has_what_it_added(base: KnowledgeBase):
    pieces = (Piece("question", 1.0, "capital city"), Piece("title", 1.0, "Austria"), Piece("title", 1.0, "Peru"))
    query = replace(Q, pieces=pieces)
    made = RerankedRetriever(Listed("bm25", {"q": LIST}), Shared(), base)
    [hits] = made.search([query])
    told = made.explain(query, hits)
    assert [one.amount for one in told[0]] == [2.0, 1.0, 0.0]
    assert [one.stage for one in told[0]] == ["rerank"] * 3
    assert told[-1] == [], "a picture was not read"
    for hit, row in zip(hits[:4], told[:4], strict=True):
        assert sum(one.amount for one in row) == hit.scores["rerank"]
    assert made.explain(query, []) == []


def test_nothing_is_found_in_nothing(base: KnowledgeBase):
    assert RerankedRetriever(Listed("bm25", {}), Shared(), base).search([Q]) == [[]]
    pictures = RerankedRetriever(Listed("image", {"q": [("a@x", 1.0)]}), Shared(), base)
    assert named(pictures.search([Q])[0]) == ["a@x"]


def test_what_can_not_be_read_is_refused(base: KnowledgeBase):
    with pytest.raises(ConfigError, match="depth is 0"):
        RerankedRetriever(Listed("bm25", {}), Shared(), base, depth=0)
    made = RerankedRetriever(Listed("image", {}, reads="views"), Shared(), base)
    picture = Image.new("RGB", (4, 4))
    with pytest.raises(QuestionError, match="rerank needs words"):
        made.search([Query(images=(picture,))])
    with pytest.raises(QuestionError, match="image needs a picture"):
        made.search([Q])
    assert made.fits(replace(Q, images=(picture,)))
    assert not made.fits(Query(images=(picture,)))


def test_an_index_of_another_version_than_the_base_is_told(base: KnowledgeBase):
    bm25 = Listed("bm25", {"q": [("a#0", 1.0)], "gone": [("z#0", 1.0)], "short": [("a#7", 1.0)]})
    made = RerankedRetriever(bm25, Shared(), base)
    for name, told in (("gone", "'z#0' was found"), ("short", "'a#7' was found")):
        with pytest.raises(IndexStale, match=told):
            made.search([replace(Q, id=name)])


def test_texts_are_those_of_the_base_as_it_is(base: KnowledgeBase):
    reranker, bm25 = Shared(), Listed("bm25", {"q": [("b#0", 1.0)]})
    made = RerankedRetriever(bm25, reranker, base)
    made.search([Q])
    base.upsert([replace(ENTRIES[1], text="A city.")])
    made.search([Q])
    assert [pairs[0][1].partition("\n")[2] for pairs in reranker.given] == [ENTRIES[1].text, "A city."]
    other = KnowledgeBase.create(Path(base.location).parent / "other")
    other.upsert([replace(ENTRIES[1], text="Another.")])
    assert made.refresh(other)
    made.search([Q])
    assert reranker.given[-1][0][1] == "Austria\nAnother."


def test_a_hybrid_can_be_reranked(base: KnowledgeBase):
    hybrid = HybridRetriever([Listed("bm25", {"q": LIST[:1]}), Listed("dense", {"q": [("b#0", 0.5)]})])
    [hits] = RerankedRetriever(hybrid, Shared(), base).search([Q])
    assert named(hits) == ["b#0", "a#0"]
    assert set(hits[0].scores) == {"dense", "hybrid", "rerank"}
