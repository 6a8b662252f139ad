"""InfoSeek's relaxed accuracy: worked by hand, by the rules of its authors' code."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.errors import DatasetError, FormatError
from ravlm.evaluation.official.infoseek import harmonic_mean, score_infoseek_files
from ravlm.evaluation.official.infoseek_matching import (
    normalised,
    overlap,
    parse_quantity,
    quantity_is_right,
    text_is_right,
)
from ravlm.evaluation.official.pairing import Leniency

FINITE = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("The  Dog!", "dog"), ("a an the", ""), ("U.S.A.", "usa"), ("the-end", "theend"), ("Cañón “x”", "cañón “x”")],
)
def test_texts_lose_ascii_punctuation_and_articles(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", 12.0),
        ("about 1,614 m", 1614.0),
        ("1,8", (1.0, 8.0)),  # no group of three
        ("between 7.15 and 7.52 metres", (7.15, 7.52)),
        ("1135.5.1", 1135.5),  # the second is .1, read as 1: smaller, so the first stands alone
        ("4749 3 7", 4749.0),
        ("3 7 9", (3.0, 7.0)),
        ("7 7", (7.0, 7.0)),
        ("731.5-808.5", (731.5, 808.5)),
        ("1165-777", 1165.0),
        ("-3.13", -3.13),
        ("x-5", -5.0),
        ("6.00e+00", 6.0),
        ("$ 1,873.00.", 1873.0),
        (".5", 5.0),  # the point goes
        ("unknown", (0.0, 0.0)),
        ("", (0.0, 0.0)),
        ("+4", 4.0),
        ("-.5.5", (0.0, 0.0)),  # the official code stops here
    ],
)
def test_quantities_are_read_so(text: str, expected: Any) -> None:
    assert parse_quantity(text) == expected


@pytest.mark.parametrize(
    ("prediction", "answer", "expected"),
    [
        (9.0, (9.0, 11.0), True),
        (11.0, (9.0, 11.0), True),
        (11.001, (9.0, 11.0), False),
        ((9.5, 10.5), (9.0, 11.0), True),
        ((9.0, 13.0), (9.0, 11.0), True),  # 2 of 4: half is enough
        ((9.0, 13.1), (9.0, 11.0), False),
        ((0.0, 0.0), (-1.0, 1.0), True),  # no number at all is zero
        ((5.0, 5.0), (5.0, 5.0), True),
        ((20.0, 30.0), (9.0, 11.0), False),
    ],
)
def test_numbers_lie_in_the_range_or_overlap_it(prediction: Any, answer: Any, expected: bool) -> None:
    assert quantity_is_right(prediction, answer) is expected


@given(st.tuples(FINITE, FINITE), st.tuples(FINITE, FINITE))
def test_overlap_is_a_share_and_symmetric(a: tuple[float, float], b: tuple[float, float]) -> None:
    a, b = (min(a), max(a)), (min(b), max(b))
    assert -1e-9 <= overlap(a, b) <= 1 + 1e-9
    assert overlap(a, b) == pytest.approx(overlap(b, a))
    assert overlap(a, a) == pytest.approx(1.0 if a[1] - a[0] > 1e-6 else overlap(a, a))


@given(st.text(alphabet="0123456789.,-+eE ab", max_size=15))
def test_no_text_breaks_the_reading_of_quantities(text: str) -> None:
    found = parse_quantity(text)
    assert isinstance(found, float) or found[0] <= found[1]


@given(st.text(max_size=8), st.lists(st.text(max_size=8), min_size=1, max_size=4), st.randoms())
def test_the_order_of_answers_does_not_matter(prediction: str, answers: list[str], random: Any) -> None:
    assert text_is_right(prediction, answers) == text_is_right(prediction, random.sample(answers, len(answers)))
    assert text_is_right(answers[0], answers)


def test_the_harmonic_mean() -> None:
    assert harmonic_mean(50.0, 50.0) == pytest.approx(50)
    assert harmonic_mean(0.0, 50.0) == pytest.approx(0, abs=1e-9)


def _files(folder: Path, predictions: Any, references: Any = None, types: Any = None) -> list[Path]:
    references = references or [
        {"data_id": "s", "answer_eval": ["Rome", "Roma"], "data_split": "val_unseen_question"},
        {"data_id": "t", "answer_eval": ["1738", "1738 AD"], "data_split": "val_unseen_question"},
        {"data_id": "n", "answer_eval": [{"wikidata": 10, "range": [9.0, 11.0]}], "data_split": "val_unseen_entity"},
        {"data_id": "m", "answer_eval": {"range": ["9.0", "11.0"]}, "data_split": "val_unseen_entity"},
        {"data_id": "e", "answer_eval": ["oak"], "data_split": "val_unseen_entity"},
    ]
    kinds = types or {"s": "String", "t": "Time", "n": "Numerical", "m": "Numerical", "e": "String"}
    rows = {
        "p.jsonl": predictions,
        "r.jsonl": references,
        "q.jsonl": [{"data_id": name, "question_type": kind} for name, kind in kinds.items()],
    }
    for name, lines in rows.items():
        (folder / name).write_text("\n".join(json.dumps(line) for line in lines))
    return [folder / name for name in rows]


SAID = {"s": "the roma.", "t": "1738 ad", "n": "9 to 10", "m": "12", "e": "an elm"}


def _lines(said: dict[str, str]) -> list[dict[str, str]]:
    return [{"data_id": name, "prediction": text} for name, text in said.items()]


def test_scores_by_split_and_type(tmp_path: Path) -> None:
    found = score_infoseek_files(*_files(tmp_path, _lines(SAID)))
    assert found.per_question == {"s": 1.0, "t": 1.0, "n": 1.0, "m": 0.0, "e": 0.0}
    assert found.overall == {
        "final_score": 50.0,  # 2 / (1 / 100 + 1 / 33.33)
        "unseen_question_score": {"score": 100.0, "score_time": 100.0, "score_num": 0.0, "score_string": 100.0},
        "unseen_entity_score": {"score": 33.33, "score_time": 0.0, "score_num": 50.0, "score_string": 0.0},
    }


def test_missing_ones_are_left_out_by_the_official_code_or_counted(tmp_path: Path) -> None:
    files = _files(tmp_path, _lines({k: v for k, v in SAID.items() if k != "e"}))
    with pytest.raises(DatasetError, match=r"without a prediction: 1 \(e\)"):
        score_infoseek_files(*files)
    skipped = score_infoseek_files(*files, leniency=Leniency(missing="skip"))
    assert skipped.overall["unseen_entity_score"]["score"] == 50.0
    zero = score_infoseek_files(*files, leniency=Leniency(missing="zero"))
    assert zero.overall["unseen_entity_score"]["score"] == 33.33


def test_one_split_alone_has_almost_no_final_score_and_says_so(tmp_path: Path) -> None:
    files = _files(tmp_path, _lines({"s": "rome", "t": "x"}))
    found = score_infoseek_files(*files, leniency=Leniency(missing="skip"))
    assert (found.overall["final_score"], found.overall["unseen_question_score"]["score"]) == (0.0, 50.0)
    assert "no question is scored for unseen_entity_score" in found.notes[-1]


def test_types_may_stand_in_the_references(tmp_path: Path) -> None:
    references = [
        {"data_id": "s", "answer_eval": ["a"], "data_split": "x_unseen_question", "question_type": "String"},
        {"data_id": "n", "answer_eval": ["b"], "data_split": "x_unseen_entity", "question_type": "Time"},
    ]
    predictions, asked, _ = _files(tmp_path, _lines({"s": "a", "n": "b"}), references)
    assert score_infoseek_files(predictions, asked).overall["final_score"] == 100.0
    predictions, asked, _ = _files(tmp_path, _lines(SAID))
    with pytest.raises(FormatError, match="Give the file with them as --question-types"):
        score_infoseek_files(predictions, asked)


@pytest.mark.parametrize(
    ("reference", "kind", "told"),
    [
        ({"answer_eval": [5]}, "Numerical", "expected a range of two numbers"),
        ({"answer_eval": {"range": ["a", "b"]}}, "Numerical", "expected two numbers"),
        ({"answer_eval": []}, "String", "field 'answer_eval': found []"),
        ({"answer_eval": ["x"], "data_split": 3}, "String", "field 'data_split': found 3"),
    ],
)
def test_references_of_the_wrong_form_are_named(tmp_path: Path, reference: Any, kind: str, told: str) -> None:
    line = {"data_id": "s", "data_split": "val_unseen_entity"} | reference
    with pytest.raises(DatasetError, match=re.escape(told)):
        score_infoseek_files(*_files(tmp_path, _lines({"s": "x"}), [line], {"s": kind}))


def test_a_question_without_a_type_and_a_line_without_one(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="question s has no question type"):
        score_infoseek_files(*_files(tmp_path, _lines(SAID), types={"x": "Time"}))
    files = _files(tmp_path, _lines(SAID))
    files[2].write_text('{"data_id": "s"}')
    with pytest.raises(DatasetError, match=r"q\.jsonl has 1 lines of the wrong form"):
        score_infoseek_files(*files)
