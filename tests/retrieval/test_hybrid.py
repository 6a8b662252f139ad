import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fake_retrievers import Found, Listed, named
from ravlm.errors import ConfigError, QuestionError, UnknownChoice
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Filters, Piece, Query
from ravlm.retrieval.hybrid import HybridRetriever
from ravlm.retrieval.weights import learn_weights

Q = Query("capital of armenia", id="q")
PICTURE = Image.new("RGB", (4, 4))
WORDS: Found = [("a#0", 9.0), ("b#1", 6.0), ("c#0", 3.0)]
VECTORS: Found = [("b#1", 0.9), ("d#2", 0.5)]


def two(**options: object) -> HybridRetriever:
    return HybridRetriever([Listed("bm25", {"q": WORDS}), Listed("dense", {"q": VECTORS})], **options)  # type: ignore[arg-type]


def test_reciprocal_rank_by_hand():
    [hits] = two().search([Q], 10)
    assert named(hits) == ["b#1", "a#0", "d#2", "c#0"]
    assert [h.rank for h in hits] == [1, 2, 3, 4]
    assert hits[0].scores == {"bm25": 6.0, "dense": 0.9, "hybrid": pytest.approx(1 / 62 + 1 / 61)}
    assert hits[1].scores == {"bm25": 9.0, "hybrid": pytest.approx(1 / 61)}
    assert [h.scores["hybrid"] for h in hits[2:]] == pytest.approx([1 / 62, 1 / 63])


def test_weighted_sum_by_hand():
    [hits] = two(method="weighted sum").search([Q], 10)
    assert {n: h.scores["hybrid"] for n, h in zip(named(hits), hits, strict=True)} == pytest.approx(
        {"b#1": 0.5 * 0.5 + 0.5 * 1, "a#0": 0.5, "d#2": 0.0, "c#0": 0.0}
    )
    assert named(hits)[2:] == ["c#0", "d#2"], "ties by id"
    [hits] = two(method="weighted sum", weights={"dense": 3, "bm25": 1}, lowest={"bm25": 0, "dense": -1}).search([Q], 2)
    assert named(hits) == ["b#1", "d#2"]
    assert [h.scores["hybrid"] for h in hits] == pytest.approx([6 / 9 + 3, 3 * 1.5 / 1.9])


def test_z_scores_place_what_is_not_listed_two_deviations_down():
    [hits] = two(method="weighted sum", normalise="z-score").search([Q], 10)
    up = 3 / np.std([9, 6, 3])
    assert {n: h.scores["hybrid"] for n, h in zip(named(hits), hits, strict=True)} == pytest.approx(
        {"b#1": 0.5 * 2 + 0.5 * 3, "a#0": 0.5 * (2 + up), "c#0": 0.5 * (2 - up), "d#2": 0.5}
    )


def test_one_list_keeps_its_order_and_nothing_gives_nothing():
    for options in ({}, {"method": "weighted sum"}, {"method": "weighted sum", "normalise": "z-score"}):
        alone = HybridRetriever([Listed("bm25", {"q": WORDS, "one": WORDS[:1]})], **options)  # type: ignore[arg-type]
        found, one, none = alone.search([Q, replace(Q, id="one"), replace(Q, id="?")], 10)
        assert (named(found), named(one), none) == (["a#0", "b#1", "c#0"], ["a#0"], [])
        assert alone.search([], 10) == []
        assert one[0].scores["hybrid"] > 0


def test_ties_go_by_id_whatever_the_order_of_the_retrievers():
    parts = [
        Listed("one", {"q": [("b", 1.0), ("a", 0.0), ("c", -1.0)]}),
        Listed("two", {"q": [("a", 1.0), ("c", 0.0), ("b", -1.0)]}),
        Listed("three", {"q": [("c", 1.0), ("b", 0.0), ("a", -1.0)]}),
    ]
    rows = [HybridRetriever(order).search([Q], 10)[0] for order in (parts, parts[::-1], parts[1:] + parts[:1])]
    assert [named(row) for row in rows] == [["a", "b", "c"]] * 3
    assert rows[0][0].scores["hybrid"] == rows[2][0].scores["hybrid"]


def test_each_part_is_asked_to_its_depth_or_deeper():
    hybrid = two(depth=2)
    assert len(hybrid.search([Q], 1)[0]) == 1
    assert len(hybrid.search([Q], 50)[0]) == 4
    assert [part.asked for part in hybrid.retrievers] == [[(["q"], 2), (["q"], 50)]] * 2  # type: ignore[attr-defined]


def test_a_query_goes_to_those_that_can_read_it():
    words = Listed("bm25", {"both": [("a#0", 1.0)], "text": [("b#0", 1.0)]})
    views = Listed("image", {"both": [("a@x", 0.9), ("c@y", 0.8)], "view": [("c@z", 0.7)]}, reads="views")
    hybrid = HybridRetriever([words, views])
    both = Query("words", (PICTURE,), id="both")
    rows = hybrid.search([both, Query("words", id="text"), Query(images=(PICTURE,), id="view")])
    assert [[h.entry_id for h in row] for row in rows] == [["a", "c"], ["b"], ["c"]]
    assert (words.asked, views.asked) == ([(["both", "text"], 100)], [(["both", "view"], 100)])


def test_a_query_that_no_part_reads_is_refused():
    hybrid = HybridRetriever([Listed("image", {}, reads="views")])
    with pytest.raises(QuestionError, match="'q' has words, which no part of the hybrid reads: image views"):
        hybrid.search([Q])
    with pytest.raises(QuestionError, match=r"number 2.*neither words nor views"):
        two().search([Q, Query()])
    with pytest.raises(ConfigError, match="0 hits"):
        two().search([Q], 0)


def test_by_entry_each_list_votes_once_for_an_entry():
    words = Listed("bm25", {"q": [("a#3", 9.0), ("a#1", 8.0), ("b#0", 7.0)]})
    views = Listed("image", {"q": [("b@x", 0.9), ("b@y", 0.8), ("a@z", 0.1)]}, reads="views")
    hits = HybridRetriever([words, views]).search([replace(Q, images=(PICTURE,))])[0]
    assert [(h.entry_id, h.passage_id, h.image_id) for h in hits] == [("a", "a#3", "z"), ("b", "b#0", "x")]
    assert hits[0].scores == {"bm25": 9.0, "image": 0.1, "hybrid": pytest.approx(1 / 61 + 1 / 62)}
    assert hits[0].scores["hybrid"] == hits[1].scores["hybrid"], "b is second and first, its second picture no vote"
    apart = HybridRetriever([words, views], join="hit").search([replace(Q, images=(PICTURE,))])[0]
    assert named(apart) == ["a#3", "b@x", "a#1", "b@y", "a@z", "b#0"]


def test_a_joined_hit_comes_with_what_counted_most():
    one, two_ = Listed("one", {"q": [("a#0", 1.0), ("b#0", 0.5)]}), Listed("two", {"q": [("b#7", 1.0), ("a#7", 0.5)]})
    hits = HybridRetriever([one, two_], join="entry").search([Q])[0]
    assert named(hits) == ["a#0", "b#7"]
    hits = HybridRetriever([one, two_], join="entry", weights={"one": 1, "two": 2}).search([Q])[0]
    assert named(hits) == ["b#7", "a#7"]


def test_a_passage_and_an_entry_are_different_things():
    hits = HybridRetriever([Listed("one", {"q": [("a#0", 1.0)]}), Listed("two", {"q": [("a", 1.0)]})]).search([Q])[0]
    assert named(hits) == ["a", "a#0"]
    assert [sorted(h.scores) for h in hits] == [["hybrid", "two"], ["hybrid", "one"]]


def test_filters_reach_every_part():
    [hits] = two().search([replace(Q, filters=Filters(entries=("b", "d")))])
    assert named(hits) == ["b#1", "d#2"]


@pytest.mark.parametrize("join", ["hit", "entry"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"method": "weighted sum"},
        {"method": "weighted sum", "normalise": "z-score", "weights": {"bm25": 1, "dense": 4}},
    ],
)
def test_what_pieces_gave_adds_up_to_the_score(options: dict[str, object], join: str):
    pieces = (Piece("question", 1.0, "capital"), Piece("title", 3.0, "Armenia", origin="a"))
    query, hybrid = replace(Q, pieces=pieces), two(join=join, **options)
    [hits] = hybrid.search([query])
    for hit, told in zip(hits, hybrid.explain(query, hits), strict=True):
        assert sum(one.amount for one in told) == pytest.approx(hit.scores["hybrid"])
        assert {one.stage for one in told} == set(hit.scores) - {"hybrid"}
        for stage in ("bm25", "dense"):
            amounts = [one.amount for one in told if one.stage == stage]
            assert amounts == [] or amounts[1] == pytest.approx(3 * amounts[0])


def test_explaining_some_hits_of_a_deep_search_adds_up_too():
    hybrid = two(method="weighted sum", depth=1)
    [hits] = hybrid.search([Q], 3)
    told = hybrid.explain(Q, hits[:2])
    assert [sum(one.amount for one in row) for row in told] == pytest.approx([h.scores["hybrid"] for h in hits[:2]])
    assert hybrid.explain(Q, []) == []
    assert hybrid.explain(Q, [replace(hits[0], entry_id="z", passage_id="z#0")]) == [[]], "not found, nothing told"


def test_a_part_that_gave_nothing_shares_evenly():
    pieces = (Piece("question", 1.0, "capital"), Piece("title", 1.0, "Armenia"))
    hybrid = HybridRetriever([Listed("bm25", {"q": [("a#0", 0.0)]})])
    query = replace(Q, pieces=pieces)
    [[told]] = [hybrid.explain(query, hybrid.search([query])[0])]
    assert [one.amount for one in told] == [1 / 122, 1 / 122]


def test_all_parts_follow_the_base(tmp_path: Path):
    base, hybrid = KnowledgeBase.create(tmp_path / "kb"), two()
    assert hybrid.refresh(base)
    assert not hybrid.refresh(base)
    assert [part.followed for part in hybrid.retrievers] == [[base, base]] * 2  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": {"bm25": 1}}, "stages bm25, dense"),
        ({"weights": {"bm25": 1, "dense": 1, "image": 1}}, "stages bm25, dense"),
        ({"weights": {"bm25": -1, "dense": 1}}, "0 or more"),
        ({"weights": {"bm25": 0, "dense": 0}}, "not all of them 0"),
        ({"weights": {"bm25": float("nan"), "dense": 1}}, "0 or more"),
        ({"depth": 0}, "above 0"),
        ({"rank_constant": 0}, "above 0"),
    ],
)
def test_numbers_out_of_their_ranges_are_refused(options: dict[str, object], message: str):
    with pytest.raises(ConfigError, match=message):
        two(**options)


def test_names_that_are_none_are_refused():
    for options in ({"method": "reciprocal"}, {"normalise": "minmax"}, {"join": "passage"}):
        with pytest.raises(UnknownChoice, match="Choose one of"):
            two(**options)


def test_stages_must_be_told_apart():
    for parts in ([], [Listed("dense", {}), Listed("dense", {})], [Listed("hybrid", {})]):
        with pytest.raises(ConfigError, match="hybrid retriever was asked for"):
            HybridRetriever(parts)
    renamed = two()
    renamed.stage = "text"
    [hits] = HybridRetriever([renamed, Listed("bm25 of titles", {"q": [("a#0", 1.0)]})]).search([Q])
    assert set(hits[0].scores) == {"bm25", "text", "bm25 of titles", "hybrid"}


def test_learned_weights_leave_a_random_stage_nearly_nothing():
    rng = np.random.default_rng(0)
    right = [np.arange(20) == n % 20 for n in range(200)]
    values = [np.stack([y + rng.normal(0, 0.4, 20), rng.random(20)], axis=1) for y in right]
    weights = learn_weights(values, right)
    assert sum(weights) == pytest.approx(1)
    assert weights[1] < 0.05
    assert weights == learn_weights(values, right), "the same every time"
    scaled = learn_weights([v * [10, 1] for v in values], right)
    assert scaled[0] / scaled[1] == pytest.approx(weights[0] / weights[1] / 10, rel=1e-3)


def test_a_stage_that_misleads_gets_nothing_and_none_that_helps_all_alike():
    right = [np.array([True, False])]
    assert learn_weights([np.array([[1.0, 0.0], [0.0, 1.0]])], right) == [1.0, 0.0]
    assert learn_weights([np.array([[0.0, 0.0], [1.0, 1.0]])], right) == [0.5, 0.5]
    assert learn_weights([np.array([[1.0, 0.0], [0.0, 0.0]])], right) == [1.0, 0.0]


def planted(n: int, seed: int) -> tuple[dict[str, dict[str, Found]], list[Query], list[set[str]]]:
    """Lists of a stage that is mostly right, of one that is less often, and of one that knows nothing."""
    rng = random.Random(seed)
    lists: dict[str, dict[str, Found]] = {"good": {}, "fair": {}, "none": {}}
    queries, relevant = [], []
    for number in range(n):
        query = Query("words", id=f"{seed} {number}")
        right = f"e{rng.randrange(30)}"
        for stage, gain in (("good", 2.5), ("fair", 0.7), ("none", 0.0)):
            scored = {f"e{e}": rng.gauss(0, 1) + gain * (f"e{e}" == right) for e in range(30)}
            lists[stage][query.id] = sorted(scored.items(), key=lambda pair: -pair[1])[:20]
        queries.append(query)
        relevant.append({right})
    return lists, queries, relevant


@pytest.mark.parametrize("method", ["weighted sum", "reciprocal rank"])
def test_learned_weights_find_more_of_what_they_were_not_learned_from(method: str):
    known, seen, seen_right = planted(150, 1)
    more, unseen, unseen_right = planted(150, 2)
    parts = [Listed(stage, known[stage] | more[stage]) for stage in known]
    alike = HybridRetriever(parts, method=method)  # type: ignore[arg-type]
    learned = alike.learn(seen, seen_right)

    def first(retriever: HybridRetriever) -> int:
        rows = retriever.search(unseen, 1)
        return sum(row[0].entry_id in right for row, right in zip(rows, unseen_right, strict=True))

    assert first(learned) > first(alike) + 10
    assert list(learned.weights) == ["good", "fair", "none"]
    assert learned.weights["good"] > learned.weights["fair"] > learned.weights["none"]
    assert learned.weights["none"] < 0.1
    assert sum(learned.weights.values()) == pytest.approx(1)
    again = HybridRetriever(parts, method=method, weights=json.loads(json.dumps(learned.weights)))  # type: ignore[arg-type]
    assert again.search(unseen) == learned.search(unseen), "plain numbers, kept as they are"
    assert alike.weights != learned.weights, "the first one is as it was"


def test_what_tells_nothing_is_refused():
    with pytest.raises(ConfigError, match="Of 1 queries none has both"):
        two().learn([Q], [{"nobody"}])
    with pytest.raises(ConfigError, match="1 queries came with 0"):
        two().learn([Q], [])
    with pytest.raises(QuestionError, match="number 1"):
        two().learn([Query()], [{"a"}])
