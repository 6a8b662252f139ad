"""A-OKVQA's two accuracies: worked by hand, by the rules of its authors' code."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.errors import DatasetError, FormatError
from ravlm.evaluation.official.aokvqa import direct_answer_score, score_aokvqa_files
from ravlm.evaluation.official.pairing import Leniency


def _question(name: str, difficult: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "question_id": name,
        "direct_answers": ["dog", "dog", "Dog", "cat", "a dog", *["x"] * 5],
        "choices": ["dog", "cat", "cow", "pig"],
        "correct_choice_idx": 1,
        "difficult_direct_answer": difficult,
    } | more


def _files(folder: Path, predictions: Any, questions: Any) -> tuple[Path, Path]:
    (folder / "p.json").write_text(predictions if isinstance(predictions, str) else json.dumps(predictions))
    (folder / "r.json").write_text(json.dumps(questions))
    return folder / "p.json", folder / "r.json"


@pytest.mark.parametrize(
    ("prediction", "expected"), [("dog", 2 / 3), ("Dog", 1 / 3), ("dog ", 0.0), ("x", 1.0), ("", 0.0)]
)
def test_direct_answers_are_compared_as_they_are(prediction: str, expected: float) -> None:
    assert direct_answer_score(prediction, _question("")["direct_answers"]) == pytest.approx(expected)


@given(st.text(max_size=3), st.lists(st.text(max_size=3), max_size=10), st.randoms())
def test_shares_in_any_order(prediction: str, answers: list[str], random: Any) -> None:
    score = direct_answer_score(prediction, answers)
    assert 0 <= score <= 1
    assert direct_answer_score(prediction, random.sample(answers, len(answers))) == score


def test_difficult_questions_count_in_the_choices_alone(tmp_path: Path) -> None:
    both = {"direct_answer": "x", "multiple_choice": "cat"}
    predictions = {
        "a": both,
        "b": {"direct_answer": "dog", "multiple_choice": "dog"},
        "c": both | {"direct_answer": "?"},
    }
    files = _files(tmp_path, predictions, [_question("a"), _question("b"), _question("c", difficult=True)])
    found = score_aokvqa_files(*files)
    assert found.overall == pytest.approx(
        {"direct_answer_accuracy": 100 * (1 + 2 / 3) / 2, "multiple_choice_accuracy": 200 / 3}
    )
    assert found.per_question == pytest.approx({"a": 1.0, "b": 2 / 3})
    assert found.by_measure["multiple_choice"] == {"a": 1.0, "b": 0.0, "c": 1.0}


def test_one_kind_alone_is_scored_alone(tmp_path: Path) -> None:
    found = score_aokvqa_files(*_files(tmp_path, {"a": {"multiple_choice": "cat"}}, [_question("a")]))
    assert found.overall == {"multiple_choice_accuracy": 100.0}
    assert (found.per_question, found.notes) == ({"a": 1.0}, ())


def test_what_lacks_one_kind_is_wrong_in_it_and_told(tmp_path: Path) -> None:
    predictions = {"a": {"multiple_choice": "cat", "direct_answer": "x"}, "b": {"multiple_choice": "bird"}}
    found = score_aokvqa_files(*_files(tmp_path, predictions, [_question("a"), _question("b")]))
    assert found.overall == {"direct_answer_accuracy": 50.0, "multiple_choice_accuracy": 50.0}
    assert found.notes == (
        "questions without direct_answer: 1 (b); scored as wrong",
        "multiple choices that are none of the question's: 1 (b); wrong",
    )


def test_null_is_no_prediction_and_wrong_where_others_have_one(tmp_path: Path) -> None:
    predictions = {"a": {"multiple_choice": None, "direct_answer": "dog"}, "b": {"multiple_choice": "cat"}}
    found = score_aokvqa_files(*_files(tmp_path, predictions, [_question("a"), _question("b")]))
    assert found.by_measure["multiple_choice"] == {"a": 0.0, "b": 1.0}
    assert "questions without multiple_choice: 1 (a); scored as wrong" in found.notes
    alone = {"a": {"multiple_choice": None, "direct_answer": "dog"}}
    found = score_aokvqa_files(*_files(tmp_path, alone, [_question("a")]))
    assert list(found.overall) == ["direct_answer_accuracy"]


def test_missing_duplicate_and_unknown_ones_are_refused(tmp_path: Path) -> None:
    twice = '{"a": {"direct_answer": "x"}, "a": {"direct_answer": "y"}, "z": {"direct_answer": "x"}}'
    files = _files(tmp_path, twice, [_question("a"), _question("b")])
    with pytest.raises(DatasetError) as told:
        score_aokvqa_files(*files)
    assert [re.findall(r"\((.*?)\)", line)[0] for line in told.value.faults] == ["z", "a", "b"]
    found = score_aokvqa_files(*files, leniency=Leniency("zero", "skip", "first"))
    assert found.overall == {"direct_answer_accuracy": 50.0}


@pytest.mark.parametrize(
    ("predictions", "question", "told"),
    [
        ({"a": "dog"}, {}, "found 'dog', expected an object"),
        ({"a": {"direct_answer": 5}}, {}, "expected texts under"),
        ({"a": {"direct_answer": "x"}}, {"correct_choice_idx": 4}, "field 'correct_choice_idx': found 4"),
        ({"a": {"direct_answer": "x"}}, {"difficult_direct_answer": "no"}, "found 'no', expected a boolean"),
        ({"a": {"direct_answer": "x"}}, {"direct_answers": None}, "field 'direct_answers': found None"),
    ],
)
def test_records_of_the_wrong_form_are_named(tmp_path: Path, predictions: Any, question: Any, told: str) -> None:
    with pytest.raises(DatasetError, match=re.escape(told)):
        score_aokvqa_files(*_files(tmp_path, predictions, [_question("a", **question)]))


def test_a_list_of_predictions_is_another_format(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="expected a JSON object"):
        score_aokvqa_files(*_files(tmp_path, [], [_question("a")]))
