from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fake_retrievers import Listed, named
from ravlm.errors import ConfigError, QuestionError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Filters, Piece, Query
from ravlm.retrieval.entity_first import EntityFirstRetriever
from ravlm.retrieval.hybrid import HybridRetriever
from ravlm.retrieval.rows import Rows, rows_of

PICTURE = Image.new("RGB", (4, 4))
Q = Query("what is its capital", (PICTURE,), id="q")
PICTURES = Listed("image", {"q": [("a@x", 0.9), ("a@y", 0.8), ("b@z", 0.7), ("c@w", 0.5)]}, reads="views")
TEXTS = Listed("bm25", {"q": [("d#0", 9.0), ("b#1", 8.0), ("a#0", 6.0), ("a#2", 4.0)]})


def both(**options: object) -> EntityFirstRetriever:
    return EntityFirstRetriever(PICTURES, TEXTS, **options)  # type: ignore[arg-type]


def test_the_sum_of_both_steps_by_hand():
    [hits] = both().search([Q])
    assert named(hits) == ["a#0", "b#1", "a#2", "c@w"], "d is no entry of the first step, c has no passage"
    assert [h.scores["entity"] for h in hits] == pytest.approx(
        [0.5 * 1 + 0.5 * 0.5, 0.5 * 0.5 + 0.5 * 1, 0.5 * 1 + 0.5 * 0, 0.0]
    )
    assert (hits[0].image_id, hits[0].scores["image"], hits[0].scores["bm25"]) == ("x", 0.9, 6.0)
    assert hits[3].scores == {"image": 0.5, "entity": 0.0}
    assert [h.rank for h in hits] == [1, 2, 3, 4]


def test_the_weight_of_the_text_leads_from_the_entries_order_to_the_passages():
    assert named(both(text_weight=0.01).search([Q])[0]) == ["a#0", "a#2", "b#1", "c@w"]
    assert named(both(text_weight=0.99).search([Q])[0]) == ["b#1", "a#0", "a#2", "c@w"]
    assert named(both(text_weight=0).search([Q])[0])[:2] == ["a#0", "a#2"], "ties by id"


def test_so_many_entries_are_looked_into():
    assert named(both(n_entries=1).search([Q])[0]) == ["a#0", "a#2"]
    assert named(both(n_entries=1).search([Q], 1)[0]) == ["a#0"]


def test_no_entry_found_means_no_passages_not_all_of_them():
    texts = Listed("bm25", {"?": [("d#0", 9.0)]})
    unknown = replace(Q, id="?")
    [none, some] = EntityFirstRetriever(PICTURES, texts).search([unknown, Q])
    assert none == []
    assert named(some) == ["a@x", "b@z", "c@w"], "entries alone, as none of their passages is found"
    assert texts.asked[-1] == (["q"], 100), "the passages of nothing are not asked for"


def test_a_filter_of_the_query_holds_in_both_steps():
    [hits] = both().search([replace(Q, filters=Filters(entries=("b", "d")))])
    assert named(hits) == ["b#1"]


def test_both_steps_must_read_the_query():
    with pytest.raises(QuestionError, match="retrieval by image needs a picture"):
        both().search([replace(Q, images=())])
    with pytest.raises(QuestionError, match="retrieval by bm25 needs words"):
        both().search([replace(Q, text="")])
    assert not both().fits(replace(Q, images=()))
    hybrid = HybridRetriever([both(), Listed("dense", {"q": [("e#0", 1.0)]})])
    assert named(hybrid.search([replace(Q, images=())])[0]) == ["e#0"], "skipped where it can't read"
    assert named(hybrid.search([Q])[0])[:2] == ["a#0", "e#0"]


def test_what_pieces_gave_adds_up_to_the_score():
    pieces = (Piece("question", 1.0, "capital"), Piece("title", 3.0, "Armenia"), Piece("region", 1.0, image=PICTURE))
    query = replace(Q, pieces=pieces)
    [hits] = both().search([query])
    told = both().explain(query, hits)
    assert [sum(one.amount for one in row) for row in told] == pytest.approx([h.scores["entity"] for h in hits])
    assert {one.stage: one.amount for one in told[0] if one.piece.image} == {"image": pytest.approx(0.5)}
    assert [one.amount for one in told[0] if one.stage == "bm25"] == pytest.approx([0.25 / 4, 0.75 / 4])
    assert both().explain(query, [replace(hits[0], passage_id="z#0")]) == [[]]


def test_both_steps_follow_the_base(tmp_path: Path):
    base = KnowledgeBase.create(tmp_path / "kb")
    made = EntityFirstRetriever(Listed("image", {}), Listed("bm25", {}))
    assert made.refresh(base)
    assert not made.refresh(base)
    assert made.entries.followed == made.passages.followed == [base, base]  # type: ignore[attr-defined]


def test_what_does_not_fit_is_refused():
    for options in (
        {"n_entries": 0},
        {"n_entries": 5, "depth": 4},
        {"text_weight": 1.5},
        {"text_weight": float("nan")},
    ):
        with pytest.raises(ConfigError, match="Look into 1 entry or more"):
            both(**options)
    with pytest.raises(ConfigError, match="a stage of its own"):
        EntityFirstRetriever(TEXTS, TEXTS)


def test_rows_of_some_entries_alone():
    entries = [Entry(f"e{i}", f"Title {i}", text="One. Two.", language="zh" if i == 2 else "en") for i in range(4)]
    rows = Rows.of([row for entry in entries for row in rows_of(entry, "passage")])

    def allowed(filters: Filters) -> list[str]:
        mask = rows.allowed(filters)
        assert mask is not None
        return [rows.entry(int(row)) for row in np.flatnonzero(mask)]

    assert allowed(Filters(entries=("e2", "e1", "unknown"))) == ["e1", "e2"]
    assert allowed(Filters(entries=("e2", "e1"), languages=("en",))) == ["e1"]
    assert allowed(Filters(entries=("unknown",))) == []
    rows.drop(["e1"])
    assert allowed(Filters(entries=("e2", "e1"))) == ["e2"]
