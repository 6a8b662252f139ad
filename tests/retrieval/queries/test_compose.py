"""Steps one after the other: what is there stays, in order, and an open slot is open."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictures import noise
from ravlm.errors import ConfigError
from ravlm.records import Filters, Piece, Query
from ravlm.retrieval.queries.compose import WEIGHTS, Step, compose, language_of
from ravlm.retrieval.queries.key_terms import KeyTermsStep
from ravlm.retrieval.queries.question import QuestionStep
from ravlm.retrieval.queries.regions import RegionsStep
from ravlm.retrieval.queries.rewriting import RewritingStep

QUERIES = [
    Query("Whose flag is this?", (noise(0, 80, 60),), "en", Filters(languages=("en",)), id="a"),
    Query("这是哪个国家的国旗？", id="b"),
    Query("", (noise(1, 80, 60),)),
    Query(""),
]
STEPS: dict[str, Step] = {
    "question": QuestionStep(),
    "words": KeyTermsStep(method="words"),
    "regions": RegionsStep(("whole", "centre", "grid")),
    "rewriting": RewritingStep(lambda queries: [query.text.upper() for query in queries]),
}


def test_the_question_is_a_piece_and_an_empty_one_is_none() -> None:
    asked = QuestionStep(weight=2.0)([*QUERIES, Query("  \n")])
    assert [[(p.kind, p.weight, p.text) for p in query.pieces] for query in asked] == [
        [("question", 2.0, "Whose flag is this?")],
        [("question", 2.0, "这是哪个国家的国旗？")],
        [],
        [],
        [],
    ]


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=5))
def test_what_is_there_stays_in_order_and_all_else_is_untouched(names: list[str]) -> None:
    composed = QUERIES
    for name in names:
        before, composed = composed, compose(composed, [STEPS[name]])
        for old, new in zip(before, composed, strict=True):
            assert new.pieces[: len(old.pieces)] == old.pieces
            assert replace(new, pieces=()) == replace(old, pieces=())
    assert compose(QUERIES, [STEPS[name] for name in names])[1] == composed[1]


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_no_queries_and_queries_of_nothing(step: Step) -> None:
    assert step([]) == []
    assert step([Query("")]) == [Query("")]


def test_no_steps_leave_queries_as_they_are() -> None:
    assert compose(QUERIES, []) == QUERIES


def test_a_rewriting_sees_what_the_steps_before_added() -> None:
    def rewrite(queries: Sequence[Query]) -> list[str]:
        return [" ".join(piece.text for piece in query.words if piece.kind == "key term") for query in queries]

    steps = [KeyTermsStep(method="words"), RewritingStep(rewrite, weight=0.7, name="reader")]
    english, chinese, *others = compose(QUERIES, steps)
    assert english.pieces[-1] == Piece("rewriting", 0.7, "flag", origin="reader")
    assert chinese.pieces[-1].text == "国家 国旗"
    assert [query.pieces for query in others] == [(), ()]


@pytest.mark.parametrize("found", [[], ["one"], ["a", "b", "c"], "ab"])
def test_a_rewriting_of_another_number_of_queries_is_refused(found: Sequence[str]) -> None:
    with pytest.raises(ConfigError, match="2 queries were to be rewritten"):
        RewritingStep(lambda queries: found)(QUERIES[:2])


@pytest.mark.parametrize("weight", [0, -1.0, float("nan"), float("inf")])
def test_a_weight_of_nothing_is_refused(weight: float) -> None:
    with pytest.raises(ConfigError, match="A step's weight is"):
        QuestionStep(weight)


def test_the_house_says_the_weight_of_every_kind() -> None:
    assert set(WEIGHTS) == {"question", "key term", "title", "label", "caption", "rewriting", "region"}
    assert all(weight > 0 for weight in WEIGHTS.values())


@pytest.mark.parametrize(
    ("query", "language"),
    [(QUERIES[0], "en"), (QUERIES[1], "zh"), (QUERIES[2], None), (Query("Welche Flagge?", language="de"), "de")],
)
def test_the_language_is_told_or_guessed(query: Query, language: str | None) -> None:
    assert language_of(query) == language
