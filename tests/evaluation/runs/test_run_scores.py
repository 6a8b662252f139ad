"""The scores of the made run are what one counts by hand."""

from dataclasses import replace

import pytest

from made_run import EXAMPLES, OUTCOMES, QUESTIONS
from ravlm.evaluation.runs.records import AskedQuestion
from ravlm.evaluation.runs.scores import relation_of, relations_of, scores_of


def test_accuracy_and_what_changes_by_evidence() -> None:
    scores = scores_of(OUTCOMES, ["capital"])
    assert list(scores["groups"]) == ["all", "seen", "relation:capital", "unseen"]
    found = scores["groups"]["all"]["evidence"]
    assert {kind: told["accuracy"]["value"] for kind, told in found.items()} == {
        "prior": 0.25,
        "none": 0.25,
        "retrieved": 0.75,
        "oracle": 1.0,
        "removed": 0.25,
        "wrong": 0.0,
    }
    assert (found["removed"]["same"], found["retrieved"]["same"]) == (0.5, None)
    assert (found["prior"]["abstained"], found["none"]["abstained"]) == (None, 0.0)
    assert scores["groups"]["seen"]["evidence"]["retrieved"]["accuracy"] == {"value": 1.0, "interval": None}
    low, high = found["retrieved"]["accuracy"]["interval"]
    assert low <= 0.75 <= high


def test_retrieval_passages_grounding_and_causes() -> None:
    found = scores_of(OUTCOMES, [])["groups"]
    assert found["all"]["retrieval"]["R@1"]["value"] == found["all"]["retrieval"]["RR@10"]["value"] == 0.75
    assert found["all"]["passages"]["words"] == {"PRR@1": 0.75, "PRR@5": 0.75, "PRR@10": 0.75, "PRR": 0.75}
    assert found["all"]["grounded"]["n"] == 3
    assert found["all"]["grounded"]["share"]["value"] == pytest.approx(2 / 3)
    assert found["seen"]["grounded"]["share"]["value"] == 1.0
    assert found["seen"]["grounded"]["right_without"] == 0.5
    assert found["all"]["causes"] == {"": 2, "entry": 1, "passage": 0, "reader": 0, "measure": 0, "luck": 1}
    assert found["all"]["calibration"]["answered"] == 1.0
    assert found["all"]["calibration"]["risk"] == 0.25


def test_a_question_without_right_entries_is_not_judged_by_retrieval() -> None:
    outcomes = [replace(OUTCOMES[0], gold=0, gold_ranks=()), OUTCOMES[2]]
    found = scores_of(outcomes, [])["groups"]
    assert found["all"]["retrieval"]["R@1"]["value"] == 0.0
    assert found["seen"]["retrieval"]["R@1"]["value"] is None


def test_oracle_and_wrong_say_nothing_of_a_question_without_right_entries() -> None:
    found = scores_of([replace(OUTCOMES[0], gold=0, gold_ranks=()), OUTCOMES[2]], [])["groups"]["all"]["evidence"]
    assert (found["oracle"]["accuracy"]["value"], found["wrong"]["same"]) == (1.0, 1.0)
    assert found["retrieved"]["accuracy"]["value"] == 0.5


def test_a_group_of_the_dataset_that_is_called_all_counts_nothing_twice() -> None:
    found = scores_of([replace(o, groups=("all", *o.groups)) for o in OUTCOMES], [])["groups"]
    assert found["all"]["n"] == sum(found["all"]["causes"].values()) == 4


def test_a_run_without_what_was_retrieved_has_accuracies_alone() -> None:
    only = [replace(o, right={"none": o.right["none"]}, abstained={"none": False}, same={}) for o in OUTCOMES]
    assert set(scores_of(only, [])["groups"]["all"]) == {"n", "evidence"}
    assert scores_of([], ["capital"])["groups"]["all"]["evidence"] == {}


def test_the_macro_average_weighs_relations_alike() -> None:
    other = replace(OUTCOMES[2], groups=("unseen", "relation:side"))
    scores = scores_of([*OUTCOMES[:2], other], ["capital", "side"])
    assert scores["macro"]["groups"]["all"]["retrieved"]["value"] == 0.5  # capital 1, side 0
    assert scores["groups"]["all"]["evidence"]["retrieved"]["accuracy"]["value"] == pytest.approx(2 / 3)
    assert list(scores["macro"]["groups"]) == ["all", "seen", "unseen"]
    assert scores_of(OUTCOMES, ["side"])["macro"]["groups"] == {}
    assert scores_of(OUTCOMES, [])["macro"] == {}


def test_the_relations_of_the_macro_average() -> None:
    def asked(n: int, relation: str, answer: str) -> AskedQuestion:
        groups = (f"relation:{relation}",) if relation else ()
        return replace(QUESTIONS[0], example=replace(EXAMPLES[0], id=str(n), answers=(answer,), groups=groups))

    questions = [asked(n, "name", f"n{n}") for n in range(3)] + [asked(3, "side", "left"), asked(4, "", "x")]
    assert relations_of(questions, least_answers=3) == ["name"]
    assert relations_of(questions, least_answers=9) == ["name", "side"]
    assert relations_of(questions[4:]) == []
    assert relation_of(("unseen", "relation:side", "relation:b")) == "side"
