"""Results: they survive the file, a foreign line is refused, and the summary is what one counts by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from ravlm.errors import FormatError, PathError
from ravlm.evaluation.results import QuestionResult, read_results, summary, write_results

RESULT = QuestionResult(
    id="q1",
    question="这是哪个国家？",
    image="images/a.png",
    language="zh",
    groups=("seen", "relation:capital"),
    gold_answer="Oslo",
    answer="Oslo",
    right=True,
    confidence=0.875,
    abstained=False,
    gold_entries=("norway",),
    ranked=("norway", "iceland"),
    gold_rank=1,
    covered=True,
    citations=({"entry_id": "norway", "span": [3, 7], "probability": 0.5, "image_id": None},),
    weights={"image": 0.25, "question": 0.25, "knowledge": 0.5},
    alternatives=(("Oslo", 0.875), ("Bergen", 0.125)),
)


def test_results_survive_the_file(tmp_path: Path) -> None:
    results = [RESULT, replace(RESULT, id="q2", gold_rank=None, citations=(), weights={}, alternatives=())]
    write_results(tmp_path / "results.jsonl", results)
    assert read_results(tmp_path / "results.jsonl") == results
    assert [p.name for p in tmp_path.iterdir()] == ["results.jsonl"]


@pytest.mark.parametrize("line", ["", "nonsense", "{}", '{"id": 1}'])
def test_a_foreign_line_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "results.jsonl"
    write_results(path, [RESULT])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(FormatError, match="line 2"):
        read_results(path)


def test_an_unknown_field_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    write_results(path, [RESULT])
    path.write_text(path.read_text().replace('{"id"', '{"colour":1,"id"'))
    with pytest.raises(FormatError, match="colour"):
        read_results(path)
    with pytest.raises(PathError):
        read_results(tmp_path / "none.jsonl")


def test_summary_by_hand() -> None:
    results = [
        RESULT,
        replace(RESULT, right=False, confidence=0.5, ranked=("iceland", "norway"), gold_rank=2),
        replace(RESULT, groups=("unseen",), right=False, covered=False, abstained=True, confidence=0.0, ranked=()),
        replace(RESULT, groups=("unseen",), gold_entries=(), gold_rank=None, confidence=1.0),
    ]
    groups = summary(results)["groups"]
    assert list(groups) == ["all", "seen", "relation:capital", "unseen"]
    assert groups["seen"] == groups["relation:capital"]
    assert groups["seen"] | {"calibration_error": 0} == {
        "accuracy": 0.5,
        "recall@1": 0.5,
        "recall@5": 1.0,
        "coverage": 1.0,
        "abstained": 0.0,
        "calibration_error": 0,
        "n": 2,
    }
    assert groups["seen"]["calibration_error"] == pytest.approx((0.125 + 0.5) / 2)
    assert (groups["all"]["n"], groups["all"]["accuracy"], groups["all"]["recall@1"]) == (4, 0.5, 1 / 3)
    assert groups["unseen"]["recall@5"] == 0.0  # the question without gold entries does not count
    assert summary([])["groups"] == {"all": dict.fromkeys(groups["all"]) | {"n": 0}}
