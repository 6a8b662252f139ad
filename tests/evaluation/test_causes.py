"""The cause of every error: each one made on purpose, told apart, and the whole outcome of the made run."""

from dataclasses import replace
from itertools import product

import pytest

from made_run import ANSWERS, EXAMPLES, OUTCOMES, PASSAGES, QUESTIONS, answer, example
from ravlm.errors import FormatError
from ravlm.evaluation.attribution.causes import cause_of, outcome_of, passage_rank, same_answer
from ravlm.evaluation.attribution.stating import support
from ravlm.evaluation.runs.records import CAUSES, AskedQuestion, EvidenceKind, Outcome, ReadHit, RunAnswer
from ravlm.records import Example, Passage

OSLO, STOCKHOLM = QUESTIONS[0], QUESTIONS[2]
ELSEWHERE = replace(PASSAGES["norway#0"], id="norway#2", text="Norway is long and narrow.")
TEXTS = {**PASSAGES, ELSEWHERE.id: ELSEWHERE}
INPUTS = ("right", "entry_read", "passage_read", "excused", "stands")
TABLE = {  # right, entry read, passage read, excused, stands; * is either
    "0**1*": "measure",
    "0000*": "entry",
    "0100*": "passage",
    "0*10*": "reader",
    "1*1*1": "",
    "1*0**": "luck",
    "1*1*0": "luck",
}


@pytest.mark.parametrize("given", list(product((False, True), repeat=5)))
def test_every_combination_has_the_cause_of_the_one_row_that_fits(given: tuple[bool, ...]) -> None:
    def fits(row: str) -> bool:
        return all(mark in ("*", str(int(value))) for mark, value in zip(row, given, strict=True))

    causes = [cause for row, cause in TABLE.items() if fits(row)]
    assert [cause_of(**dict(zip(INPUTS, given, strict=True)))] == causes


def outcome(asked: AskedQuestion, retrieved: RunAnswer, **others: RunAnswer) -> Outcome:
    answers: dict[EvidenceKind, RunAnswer] = {"retrieved": retrieved, **others}  # type: ignore[dict-item]
    return outcome_of(asked, answers, TEXTS)


def given(text: str, *hits: str, asked: AskedQuestion = OSLO, abstained: bool = False) -> RunAnswer:
    return replace(answer(asked.example, text, hits), abstained=abstained)


def test_the_made_run_has_the_outcomes_that_it_states() -> None:
    for n, asked in enumerate(QUESTIONS):
        assert outcome_of(asked, {kind: lines[n] for kind, lines in ANSWERS.items()}, PASSAGES) == OUTCOMES[n]


def test_the_made_run_has_the_support_that_it_states() -> None:
    passages = [
        Passage(p.id, p.entry, p.section, n, (0, len(p.text)), p.text, p.language)
        for n, p in enumerate(PASSAGES.values())
    ]
    assert [support(one, passages) for one in EXAMPLES] == [asked.support for asked in QUESTIONS]


FELL = given("Bergen", "norway#2")
MADE = {
    "wrong, the right entry was not read": ("entry", given("Bergen", "sweden#0", "sweden#1"), FELL),
    "wrong, nothing was read": ("entry", given("Bergen"), FELL),
    "wrong, no passage read states it": ("passage", given("Bergen", "norway#2", "sweden#0"), FELL),
    "wrong, it stood there": ("reader", given("Bergen", "sweden#0", "norway#0"), FELL),
    "wrong and unchanged, it stood there": ("reader", given("Bergen", "norway#0"), FELL),
    "another name": ("measure", given("Kristiania", "norway#0"), FELL),
    "another name, read nowhere": ("measure", given("Kristiania"), FELL),
    "other words": ("measure", given("It is Oslo", "norway#2"), FELL),
    "right, no evidence": ("luck", given("Oslo"), FELL),
    "right, nothing read states it": ("luck", given("Oslo", "norway#2", "sweden#0"), FELL),
    "right, the same without evidence": ("luck", given("Oslo", "norway#0"), given("Oslo!", "norway#2")),
    "right, withheld with and without, another guess": (
        "",
        given("Oslo", "norway#0", abstained=True),
        given("Bergen", "norway#2", abstained=True),
    ),
    "right, withheld with and without, the same guess": (
        "luck",
        given("Oslo", "norway#0", abstained=True),
        given("Oslo", "norway#2", abstained=True),
    ),
    "right on its evidence": ("", given("Oslo", "norway#0"), FELL),
    "right, withheld without evidence": ("", given("Oslo", "norway#0"), given("Oslo", "norway#2", abstained=True)),
}


@pytest.mark.parametrize(("cause", "retrieved", "removed"), MADE.values(), ids=MADE)
def test_each_cause_on_purpose(cause: str, retrieved: RunAnswer, removed: RunAnswer) -> None:
    asked = replace(OSLO, names=("Kristiania",))
    assert outcome(asked, retrieved, removed=removed).cause == cause


def test_every_cause_was_made() -> None:
    assert {cause for cause, *_ in MADE.values()} == {"", *CAUSES} == set(TABLE.values())


def test_without_removed_an_answer_stands_where_its_passage_was_read() -> None:
    assert outcome(OSLO, given("Oslo", "norway#0")).cause == ""
    assert outcome(OSLO, given("Oslo", "norway#2")).cause == "luck"
    assert outcome(OSLO, given("Oslo", "norway#0"), none=given("Oslo")).cause == ""


def test_a_picture_of_the_right_entry_is_an_entry_that_was_read() -> None:
    picture = ReadHit("norway", None, "icon", {"image": 0.9})
    seen = replace(given("Bergen", "sweden#0"), hits=(picture,))
    assert outcome(OSLO, seen).cause == "passage"
    assert outcome(OSLO, seen).passage_rank == (0, 0)


def test_the_same_words_in_a_wrong_entry_support_nothing() -> None:
    asked = replace(OSLO, support=("norway#2",))
    assert outcome(asked, given("Oslo", "norway#0")).cause == "luck"
    assert outcome(asked, given("Bergen", "norway#0")).cause == "passage"


def test_where_no_entry_is_named_a_passage_that_states_the_answer_is_the_evidence() -> None:
    asked = AskedQuestion(replace(OSLO.example, entries=()), photo=OSLO.photo, support=("norway#0",))
    found = {text: outcome(asked, given(text, "sweden#0", "norway#0")).cause for text in ("Oslo", "Bergen")}
    lost = {text: outcome(asked, given(text, "norway#2")).cause for text in ("Oslo", "Bergen")}
    assert found == {"Oslo": "", "Bergen": "reader"}
    assert lost == {"Oslo": "luck", "Bergen": "passage"}
    made = outcome(asked, given("Oslo", "norway#0"))
    assert (made.cluster, made.gold, made.gold_ranks) == (asked.example.id, 0, ())


def test_a_run_without_what_was_retrieved_has_no_cause() -> None:
    made = outcome_of(OSLO, {"none": given("Oslo"), "oracle": given("Bergen", "norway#0")}, TEXTS)
    assert made == Outcome(
        id="q0",
        cluster="norway",
        groups=OSLO.example.groups,
        right={"none": True, "oracle": False},
        abstained={"none": False, "oracle": False},
        same={},
        confidence=0,
        gold=1,
        gold_ranks=(),
        passage_rank=(0, 0),
        cause="",
    )


def test_places_count_distinct_entries_and_passages_without_pictures() -> None:
    asked = AskedQuestion(replace(OSLO.example, entries=("sweden", "norway", "norway")), photo="")
    read = given("Oslo", "norway#2", "norway#0", "norway#2")
    ranked = tuple((entry, 0.5) for entry in ("finland", "norway", "norway", "finland", "sweden"))
    picture = ReadHit("norway", None, "icon", {})
    made = outcome(asked, replace(read, ranked=ranked, hits=(picture, read.hits[0], *read.hits), confidence=0.1236))
    assert (made.cluster, made.gold, made.gold_ranks) == ("norway|sweden", 2, (2, 3))
    assert (made.passage_rank, made.confidence) == ((2, 2), 124)


def test_the_first_passage_may_differ_as_substring_and_in_whole_words() -> None:
    fjord = replace(ELSEWHERE, text="The Oslofjord is long.")
    read = given("Oslo", "norway#2", "norway#0")
    assert passage_rank(OSLO.example, read, {**PASSAGES, "norway#2": fjord}) == (1, 2)
    assert passage_rank(STOCKHOLM.example, read, TEXTS) == (0, 0)


def test_a_guess_is_graded_though_it_was_withheld() -> None:
    made = outcome(OSLO, given("Oslo", "norway#0", abstained=True), none=given("Oslo"), prior=given("Oslo"))
    assert made.right == {"retrieved": True, "none": True, "prior": True}
    assert made.abstained == {"retrieved": True, "none": False}
    assert made.same == {"none": False, "prior": False}


HEIGHT = Example("h", ("a.png",), "How high?", "number", value=3.5, unit="m")
BORDERS = Example("b", ("a.png",), "Which?", "all_of", answers=("Iran", "Iraq"))


@pytest.mark.parametrize(
    ("asked", "one", "other", "same"),
    [
        (EXAMPLES[0], "Oslo", "the OSLO.", True),
        (EXAMPLES[0], "Oslo", "Bergen", False),
        (HEIGHT, "3.5 m", "3.5", True),
        (HEIGHT, "3.5", "35", False),
        (HEIGHT, "3,500", "3500 m", True),
        (HEIGHT, "high", "High!", True),
        (HEIGHT, "high", "35", False),
        (BORDERS, "Iran and Iraq", "Iraq, Iran", True),
        (BORDERS, "Iran and Iraq", "Iran", False),
    ],
)
def test_answers_are_the_same_by_the_rule_that_grades_them(asked: Example, one: str, other: str, same: bool) -> None:
    first, second = answer(asked, one), answer(asked, other)
    assert same_answer(asked, first, second) is same
    assert same_answer(asked, second, first) is same
    withheld = [replace(line, abstained=True) for line in (first, second)]
    assert same_answer(asked, *withheld) is same
    assert not same_answer(asked, withheld[0], second)
    assert not same_answer(asked, first, withheld[1])


def test_a_passage_that_was_read_and_not_kept_is_an_error() -> None:
    with pytest.raises(FormatError, match=r"'q0' read the passage 'norway#9'.*evaluate again"):
        outcome(OSLO, given("Oslo", "norway#9"))


def test_a_question_about_two_entries_is_one_cluster_in_either_order() -> None:
    pairs = [replace(example(7, "norway", "?", "Oslo"), entries=pair) for pair in (("a", "b"), ("b", "a"))]
    clusters = {outcome(AskedQuestion(one, photo=""), given("Oslo")).cluster for one in pairs}
    assert clusters == {"a|b"}
