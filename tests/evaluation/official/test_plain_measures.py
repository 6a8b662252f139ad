"""Retrieval, classification, regression, calibration of anybody's files: by hand, and as in runs."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ravlm.errors import DatasetError, FormatError
from ravlm.evaluation.official.pairing import Leniency
from ravlm.evaluation.official.plain import (
    score_calibration_files,
    score_classification_files,
    score_regression_files,
    score_retrieval,
    score_retrieval_files,
)
from ravlm.evaluation.official.scored import Scored
from ravlm.evaluation.ranking import MEASURES, per_question


def _files(folder: Path, predictions: Any, references: Any) -> tuple[Path, Path]:
    for name, value in (("p", predictions), ("r", references)):
        text = value if isinstance(value, str) else "\n".join(map(json.dumps, value))
        (folder / name).write_text(text)
    return folder / "p", folder / "r"


RUN = "q1 Q0 a 1 3.0 x\nq1 Q0 b 2 2.0 x\nq2 Q0 c 1 1.0 x\nq3 Q0 a 1 1.0 x\n"
QRELS = "q1 0 b 1\nq1 0 z 2\nq2 0 c 1\nq3 0 a 0\n"


def test_a_run_is_scored_by_judgements(tmp_path: Path) -> None:
    found = score_retrieval_files(*_files(tmp_path, RUN, QRELS))
    assert set(found.overall) == set(MEASURES)
    assert found.overall["RR@10"] == pytest.approx((1 / 2 + 1) / 2)
    assert found.by_measure["R@1"] == {"q1": 0.0, "q2": 1.0}
    assert found.per_question == found.by_measure["nDCG@10"]
    assert found.notes == ("1 queries have no relevant document and are left out",)


def test_scores_are_those_of_runs_where_grades_are_one() -> None:
    ranks = [[1, 3], [2], []]
    found = {str(i): {f"d{n}": -float(n) for n in range(1, 6)} for i in range(3)}
    relevant = {str(i): {**{f"d{n}": 1 for n in some}, f"missed{i}": 1} for i, some in enumerate(ranks)}
    runs = per_question(ranks, [3, 2, 1])
    scored = score_retrieval(relevant, found)
    for name in MEASURES:
        assert list(scored.by_measure[name].values()) == pytest.approx([one[name] for one in runs if one])


def test_a_query_that_found_nothing_scores_nothing(tmp_path: Path) -> None:
    files = _files(tmp_path, "q2 Q0 c 1 1.0 x\n", "q1 0 b 1\nq2 0 c 1\n")
    with pytest.raises(DatasetError, match=r"without a prediction: 1 \(q1\)"):
        score_retrieval_files(*files)
    assert score_retrieval_files(*files, leniency=Leniency(missing="zero")).overall["RR@10"] == 0.5
    assert score_retrieval({"q": {"a": 1}}, {}).per_question == {"q": 0.0}
    assert score_retrieval({"q": {"a": 0}}, {}).overall["RR@10"] is None


def test_documents_that_stand_twice_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="query q1 has the document a more than once"):
        score_retrieval_files(*_files(tmp_path, RUN + "q1 Q0 a 3 1.0 x\n", QRELS))
    with pytest.raises(DatasetError, match="query q1 judges the document b more than once"):
        score_retrieval_files(*_files(tmp_path, RUN, QRELS + "q1 0 b 0\n"))
    with pytest.raises(FormatError, match="expected `query Q0 document rank score tag`"):
        score_retrieval_files(*_files(tmp_path, "q1 a", QRELS))


def test_labels_are_compared_as_they_are(tmp_path: Path) -> None:
    right = [{"id": i, "label": label} for i, label in enumerate(["cat", "cat", "cat", 1, True])]
    said = [{"id": i, "label": label} for i, label in enumerate(["cat", "cat", "Cat", 1, False])]
    found = score_classification_files(*_files(tmp_path, said, right))
    assert found.per_question == {"0": 1.0, "1": 1.0, "2": 0.0, "3": 1.0, "4": 0.0}
    assert found.overall == pytest.approx({"accuracy": 3 / 5, "macro_accuracy": (2 / 3 + 1 + 0) / 3})


@pytest.mark.parametrize(("right", "said"), [("1", 1), (1, "1"), (True, 1), (0, False), ("true", True)])
def test_labels_of_another_type_are_refused(tmp_path: Path, right: Any, said: Any) -> None:
    for scorer in (score_classification_files, score_calibration_files):
        lines = [{"id": "a", "label": said, "confidence": 0.5}, {"id": "b", "label": right, "confidence": 0.5}]
        files = _files(tmp_path, lines, [{"id": name, "label": right} for name in "ab"])
        told = f"wrong form: 1 (id 'a': found the label {said!r}, "
        with pytest.raises(DatasetError, match=re.escape(told)) as error:
            scorer(*files)
        assert len(error.value.faults) == 1, "the same question is not told again as one without a prediction"
        found = scorer(*files, leniency=Leniency(invalid="skip", missing="skip"))
        assert found.per_question == {"b": 1.0}


def test_large_errors_have_a_square_too(tmp_path: Path) -> None:
    files = _files(tmp_path, [{"id": 1, "value": 1e300}], [{"id": 1, "value": -1e300}])
    assert score_regression_files(*files).overall["RMSE"] == pytest.approx(2e300)
    with pytest.raises(DatasetError, match=re.escape("found 1e+308, expected a number of at most 1e+300")):
        score_regression_files(*_files(tmp_path, [{"id": 1, "value": 1e308}], [{"id": 1, "value": 1}]))


def test_errors_of_numbers(tmp_path: Path) -> None:
    right = [{"id": "a", "value": 2}, {"id": "b", "value": 3.5}, {"id": "c", "value": 0}]
    said = [{"id": "a", "value": 2.0}, {"id": "b", "value": 0.5}]
    found = score_regression_files(*_files(tmp_path, said, right), leniency=Leniency(missing="zero"))
    assert found.overall == pytest.approx({"MAE": 1.5, "RMSE": 4.5**0.5, "accuracy": 1 / 3, "n": 2})
    assert found.by_measure["absolute_error"] == {"a": 0.0, "b": 3.0}
    assert found.per_question == {"a": 1.0, "b": 0.0, "c": 0.0}


def test_what_confidence_is_worth(tmp_path: Path) -> None:
    right = [{"id": i, "label": "x"} for i in range(4)]
    said = [
        {"id": 0, "label": "x", "confidence": 1.0},
        {"id": 1, "label": "y", "confidence": 1},
        {"id": 2, "label": "y", "confidence": 0.0, "abstained": True},
        {"id": 3, "label": "y", "confidence": 0.0},
    ]
    found = score_calibration_files(*_files(tmp_path, said, right))
    assert {k: v for k, v in found.overall.items() if k != "reliability"} == pytest.approx(
        {"accuracy": 0.25, "ECE": 0.25, "AURC": (0.5 + 0.5 + 2 / 3 + 0.75) / 4, "answered": 0.75, "risk": 2 / 3}
    )
    assert [(b["n"], b["confidence"], b["right"]) for b in found.overall["reliability"]] == [
        (2, 0.0, 0.0),
        (2, 1.0, 0.5),
    ]


@pytest.mark.parametrize(
    ("scorer", "line", "told"),
    [
        (score_classification_files, {"id": 1, "label": 1.5}, "field 'label': found 1.5"),
        (score_classification_files, {"id": 1}, "field 'label': found None"),
        (score_regression_files, {"id": 1, "value": "3"}, "field 'value': found '3', expected a finite number"),
        (score_regression_files, {"id": 1, "value": True}, "field 'value': found True"),
        (score_calibration_files, {"id": 1, "label": "x"}, "found no such field in"),
        (
            score_calibration_files,
            {"id": 1, "label": "x", "confidence": 1.1},
            "found 1.1, expected a number from 0 to 1",
        ),
        (score_calibration_files, {"id": 1, "label": "x", "confidence": 1, "abstained": 1}, "expected a boolean"),
    ],
)
def test_lines_of_the_wrong_form_are_named(tmp_path: Path, scorer: Callable[..., Scored], line: Any, told: str) -> None:
    with pytest.raises(DatasetError, match=re.escape(told)):
        scorer(*_files(tmp_path, [line], [{"id": 1, "label": "x", "value": 1}]))


def test_a_line_that_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="line 1"):
        score_classification_files(*_files(tmp_path, "{", [{"id": 1, "label": "x"}]))
