"""Which questions are shown, and what a card holds."""

from collections import Counter
from dataclasses import replace

import pytest
from report_page import made_run

from made_run import ANSWERS, OUTCOMES, QUESTIONS
from ravlm.evaluation.report.cards import Given, card, choose_examples, main_kind
from ravlm.evaluation.report.marking import mark
from ravlm.evaluation.report.pictures import Shown
from ravlm.evaluation.runs.folder import Run

CAUSES = ("entry", "passage", "reader", "measure")

BLANK = Shown(lambda _: None, lambda _: None)
NAMED = Shown(lambda name: f"photo {name}", lambda name: f"picture {name}")


def _many(rights: int, wrongs: int, photos: int = 1000, causes: int = 1) -> Run:
    """A run of so many questions, the right ones first; every 50th wrong one has another cause."""
    n = rights + wrongs
    outcomes = [
        replace(
            OUTCOMES[0],
            id=str(i),
            right={**OUTCOMES[0].right, "retrieved": i < rights},
            cause="" if i < rights else CAUSES[(i // 50) % causes if i % 50 == 0 else 0],
        )
        for i in range(n)
    ]
    questions = [replace(QUESTIONS[0], photo=str(i % photos)) for i in range(n)]
    return Run({}, questions, {}, {"retrieved": [ANSWERS["retrieved"][0]] * n}, outcomes, {})


@pytest.mark.parametrize(("rights", "wrongs", "expected"), [(50, 50, (15, 15)), (50, 3, (27, 3)), (2, 50, (2, 28))])
def test_half_are_right_and_half_wrong_where_they_can_be(rights: int, wrongs: int, expected: tuple[int, int]) -> None:
    run = _many(rights, wrongs)
    chosen = choose_examples(run, "retrieved", 30, seed=1)
    assert (sum(i < rights for i in chosen), sum(i >= rights for i in chosen)) == expected
    assert len(set(chosen)) == 30
    assert chosen == choose_examples(run, "retrieved", 30, seed=1) != choose_examples(run, "retrieved", 30, seed=2)


def test_few_questions_are_all_shown_and_none_is_none() -> None:
    assert set(choose_examples(_many(3, 1), "retrieved", 30)) == {0, 1, 2, 3}
    assert choose_examples(_many(0, 0), "retrieved", 30) == []
    assert choose_examples(_many(3, 1), "retrieved", 0) == []


def test_wrong_answers_come_from_every_cause_in_turn() -> None:
    run = _many(400, 400, causes=4)
    shown = [run.outcomes[i].cause for i in choose_examples(run, "retrieved", 16) if i >= 400]
    assert Counter(shown) == {"entry": 2, "passage": 2, "reader": 2, "measure": 2}
    assert len(set(shown[:4])) == 4


def test_different_photos_come_first() -> None:
    run = _many(60, 0, photos=6)
    assert len({run.questions[i].photo for i in choose_examples(run, "retrieved", 6)}) == 6


def test_a_card_of_a_wrong_answer() -> None:
    found = card(made_run(), 2, "retrieved", NAMED)
    assert (found.question, found.right_answer, found.photo) == (
        "What is the capital?",
        "Stockholm",
        "photo sweden.png",
    )
    assert found.given == Given("Oslo", "wrong", 0.6)
    assert found.without is None  # the answer stays the same
    assert (found.cause, found.place) == ("entry", 0)
    assert found.others == (("Bergen", 0.1),)
    (evidence,) = found.evidence
    assert evidence.sentence == ("The capital of Norway is ", "Oslo", ".")
    assert (evidence.title, evidence.section, evidence.picture) == ("Norway", "Overview", "picture icon")
    assert [(name, start, part) for name, start, part in found.weights] == [
        ("image", 0.0, pytest.approx(0.1)),
        ("question", pytest.approx(0.1), pytest.approx(0.2)),
        ("knowledge", pytest.approx(0.3), pytest.approx(0.7)),
    ]


def test_a_card_says_what_is_answered_without_the_evidence() -> None:
    found = card(made_run(), 0, "retrieved", BLANK)
    assert found.without == Given("奥斯陆", "wrong", 0.3)
    assert (found.cause, found.place, found.photo) == ("", 1, None)
    assert card(made_run(kinds=["retrieved"]), 0, "retrieved", BLANK).without is None


def test_the_place_is_that_of_the_first_right_entry() -> None:
    run = made_run([replace(OUTCOMES[0], gold=2, gold_ranks=(3, 5)), *OUTCOMES[1:]])
    assert card(run, 0, "retrieved", BLANK).place == 3
    nothing = made_run([replace(OUTCOMES[0], gold=0, gold_ranks=()), *OUTCOMES[1:]])
    assert card(nothing, 0, "retrieved", BLANK).place is None


def test_a_card_of_another_kind_of_evidence_has_no_cause_or_place() -> None:
    found = card(made_run(), 2, "none", BLANK)
    assert (found.cause, found.place, found.without) == ("", None, None)
    assert found.given.text == "Oslo"


def test_a_model_that_declined_gave_no_answer() -> None:
    declined = [replace(answer, abstained=True, weights={}, citations=()) for answer in ANSWERS["retrieved"]]
    run = made_run(answers={**ANSWERS, "retrieved": declined})
    found = [card(run, i, "retrieved", BLANK) for i in range(4)]
    assert [one.given.verdict for one in found] == ["right", "right", "none", "right"]
    assert all(one.weights == () and one.evidence == () for one in found)


def test_next_best_answers_are_others_that_are_likely_enough_and_few() -> None:
    alternatives = (("oslo!", 0.9), ("A", 0.05), ("B", 0.004), ("C", 0.01), ("D", 0.005), ("E", 0.005))
    answers = [replace(ANSWERS["retrieved"][0], alternatives=alternatives), *ANSWERS["retrieved"][1:]]
    found = card(made_run(answers={**ANSWERS, "retrieved": answers}), 0, "retrieved", BLANK)
    assert found.others == (("A", 0.05), ("C", 0.01), ("D", 0.005))


def test_the_answers_shown_are_those_from_what_was_retrieved() -> None:
    assert main_kind(made_run()) == "retrieved"
    assert main_kind(made_run(kinds=["none", "oracle"])) == "none"
    assert main_kind(made_run(kinds=[])) is None


def test_the_answer_is_marked_at_its_own_place() -> None:
    text = "Oslo is Oslo. Bergen is not Oslo."
    assert mark(text, (28, 32), "Bergen is not Oslo.") == ("Bergen is not ", "Oslo", ".")
    assert mark("Yes. Yes.", (5, 8), "Yes.") == ("", "Yes", ".")  # the second of two equal sentences
    assert mark(text, (0, 4), "Bergen is not Oslo.") == ("Bergen is not Oslo.", "", "")
    assert mark(text, (), "Oslo is Oslo.") == ("Oslo is Oslo.", "", "")
    assert mark("", (0, 0), "") == ("", "", "")
