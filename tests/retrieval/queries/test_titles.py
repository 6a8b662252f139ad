"""Names of the entries whose pictures are nearest: which, in which language, with what weight."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pictures import noise
from ravlm.errors import ConfigError, KnowledgeError, UnknownChoice
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Filters, Hit, Piece, Query
from ravlm.retrieval.queries.compose import compose
from ravlm.retrieval.queries.regions import RegionsStep
from ravlm.retrieval.queries.titles import TitlesStep, Weighting, reference_query
from ravlm.retrieval.retriever import Contribution, Retriever

ENTRIES = [
    Entry("no", "Norway", aliases=("Kingdom of Norway", "挪威", "挪威王国", "Norway")),
    Entry("is", "Iceland"),
    Entry("jp", "日本", aliases=("Japan", ""), language="zh"),
]
SCORES = {"no": 0.8, "is": 0.75, "jp": 0.5}
PHOTO = noise(0, 60, 60)


class Nearest(Retriever):
    """Finds the same entries for every picture, and remembers what it was asked."""

    stage = "image"
    reads = "views"

    def __init__(self, scores: dict[str, float] = SCORES) -> None:
        self.scores = scores
        self.asked: list[Query] = []

    def _search(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        self.asked += queries
        best = sorted(self.scores.items(), key=lambda pair: (-pair[1], pair[0]))[:k]
        return [[Hit(e, None, "p", rank, {"image": s}) for rank, (e, s) in enumerate(best, 1)] for _ in queries]

    def explain(self, query: Query, hits: Sequence[Hit]) -> list[list[Contribution]]:
        raise NotImplementedError

    def refresh(self, knowledge: KnowledgeBase) -> bool:
        raise NotImplementedError


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    made = KnowledgeBase.create(tmp_path_factory.mktemp("titles") / "kb")
    made.upsert(ENTRIES)
    return made


def told(query: Query) -> list[tuple[str, str, str]]:
    return [(piece.kind, piece.text, piece.origin) for piece in query.pieces]


def test_an_english_question_gets_the_names_that_are_not_chinese(base: KnowledgeBase) -> None:
    [query] = TitlesStep(Nearest(), base)([Query("Whose flag?", (PHOTO,))])
    assert told(query) == [
        ("title", "Norway", "no"),
        ("alias", "Kingdom of Norway", "no"),
        ("title", "Iceland", "is"),
        ("alias", "Japan", "jp"),
    ]


def test_a_chinese_question_gets_the_chinese_names_and_others_where_there_are_none(base: KnowledgeBase) -> None:
    expected = [
        ("alias", "挪威", "no"),
        ("alias", "挪威王国", "no"),
        ("title", "Iceland", "is"),
        ("title", "日本", "jp"),
    ]
    for query in (Query("这是哪个国家的国旗？", (PHOTO,)), Query("Whose?", (PHOTO,), language="zh-Hans")):
        assert told(TitlesStep(Nearest(), base)([query])[0]) == expected


def test_without_a_question_all_names_are_taken(base: KnowledgeBase) -> None:
    [query] = TitlesStep(Nearest(), base, entries=1)([Query("", (PHOTO,))])
    assert [piece.text for piece in query.pieces] == ["Norway", "Kingdom of Norway", "挪威", "挪威王国"]


def test_without_aliases_one_name_an_entry_in_the_language_asked_in(base: KnowledgeBase) -> None:
    step = TitlesStep(Nearest(), base, aliases=False)
    english, chinese = step([Query("Whose flag?", (PHOTO,)), Query("这是哪国的国旗？", (PHOTO,))])
    assert told(english) == [("title", "Norway", "no"), ("title", "Iceland", "is"), ("alias", "Japan", "jp")]
    assert told(chinese) == [("alias", "挪威", "no"), ("title", "Iceland", "is"), ("title", "日本", "jp")]


SOFTMAX = [math.exp(SCORES[e] / 0.1) for e in ("no", "is", "jp")]


@pytest.mark.parametrize(
    ("weighting", "parts"), [("softmax", SOFTMAX), ("rank", [1, 1 / 2, 1 / 3]), ("equal", [1, 1, 1])]
)
def test_entries_share_the_weight(base: KnowledgeBase, weighting: Weighting, parts: list[float]) -> None:
    step = TitlesStep(Nearest(), base, weight=3.0, weighting=weighting, temperature=0.1)
    [query] = step([Query("Whose flag?", (PHOTO,))])
    by_entry = {e: sum(p.weight for p in query.pieces if p.origin == e) for e in SCORES}
    assert list(by_entry.values()) == pytest.approx([3 * part / sum(parts) for part in parts])
    title, alias = query.pieces[:2]
    assert title.weight == pytest.approx(2 * alias.weight), "a third goes to the aliases"


def test_far_scores_do_not_overflow(base: KnowledgeBase) -> None:
    step = TitlesStep(Nearest({"no": 5000.0, "is": -5000.0}), base, aliases=False, weight=1.0)
    [query] = step([Query("Whose flag?", (PHOTO,))])
    assert [piece.weight for piece in query.pieces] == [1.0, 0.0]


def test_the_retriever_sees_views_and_filters_and_no_words(base: KnowledgeBase) -> None:
    retriever = Nearest()
    filters = Filters(sources=("x",))
    query = Query("Whose flag?", (PHOTO,), filters=filters, pieces=(Piece("question", text="Whose flag?"),))
    compose([query], [RegionsStep(("whole", "centre")), TitlesStep(retriever, base)])
    TitlesStep(retriever, base)([query])
    assert [[piece.origin.split()[0] for piece in asked.pieces] for asked in retriever.asked] == [
        ["whole", "centre"],
        ["whole"],
    ]
    assert all(asked.text == "" and asked.filters == filters for asked in retriever.asked)


def test_an_entry_that_is_found_by_two_pictures_counts_once(base: KnowledgeBase) -> None:
    class Pictures(Nearest):
        def _search(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
            twice = [
                Hit(e, None, p, 1, {"image": s}) for e, p, s in (("no", "a", 0.8), ("no", "b", 0.7), ("is", "c", 0.6))
            ]
            return [twice for _ in queries]

    [query] = TitlesStep(Pictures(), base, aliases=False, weighting="rank", weight=1.5)([Query("Whose?", (PHOTO,))])
    assert [(piece.text, piece.weight) for piece in query.pieces] == [("Norway", 1.0), ("Iceland", 0.5)]


def test_queries_without_pictures_get_nothing_and_keep_their_places(base: KnowledgeBase) -> None:
    blind, seeing = Query("Whose flag?"), Query("Whose flag?", (PHOTO,))
    found = TitlesStep(Nearest(), base, entries=1, aliases=False)([blind, seeing, blind])
    assert [len(query.pieces) for query in found] == [0, 1, 0]
    assert TitlesStep(Nearest(), base)([blind]) == [blind]
    assert TitlesStep(Nearest({}), base)([seeing]) == [seeing], "nothing is near"


def test_the_reference_query_is_the_question_and_the_titles(base: KnowledgeBase) -> None:
    [query] = compose([Query("Whose flag?", (PHOTO,))], reference_query(Nearest(), base, entries=2))
    assert told(query) == [("question", "Whose flag?", ""), ("title", "Norway", "no"), ("title", "Iceland", "is")]
    assert sum(piece.weight for piece in query.pieces if piece.kind == "title") == pytest.approx(3.0)
    assert replace(query, pieces=()) == Query("Whose flag?", (PHOTO,))


def test_what_can_t_be_done_is_refused(base: KnowledgeBase, tmp_path: Path) -> None:
    words = Nearest()
    words.stage, words.reads = "bm25", "words"
    with pytest.raises(ConfigError, match="bm25, which reads words alone"):
        TitlesStep(words, base)
    with pytest.raises(UnknownChoice, match="'softmx'"):
        TitlesStep(Nearest(), base, weighting="softmx")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="temperature is 0"):
        TitlesStep(Nearest(), base, temperature=0)
    with pytest.raises(ConfigError, match="0 entries"):
        TitlesStep(Nearest(), base, entries=0)
    other = TitlesStep(Nearest({"gone": 1.0}), base)
    with pytest.raises(KnowledgeError, match="'gone'"):
        other([Query("Whose?", (PHOTO,))])
