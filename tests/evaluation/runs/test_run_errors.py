"""How far numbers are off: from the lines to the scores, verified, and shown; nothing where no number is asked."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from made_run import ABOUT, EXAMPLES, OUTCOMES, PASSAGES, answer, retrieved, write_made_run
from ravlm.cli.run_tables import tell_run
from ravlm.evaluation.attribution.causes import outcome_of
from ravlm.evaluation.report.measured import confidence_section
from ravlm.evaluation.report.parts import Sentence
from ravlm.evaluation.report.sections import error_table, evidence_section
from ravlm.evaluation.report.tables import Noted
from ravlm.evaluation.report.words import words_in
from ravlm.evaluation.runs.folder import SUMMARY, Run
from ravlm.evaluation.runs.records import AskedQuestion, EvidenceKind, Outcome
from ravlm.evaluation.runs.scores import scores_of
from ravlm.evaluation.runs.verify import verify, verify_summary
from ravlm.evaluation.runs.write import write

HIGH = replace(
    EXAMPLES[0],
    question="How high does it rise?",
    kind="number",
    answers=(),
    value=2469.0,
    unit="m",
    groups=("seen", "field:height"),
)
WIDE = replace(
    HIGH, id="q1", entries=("sweden",), images=("sweden.png",), value=447430.0, unit="km²", groups=("field:area",)
)
ASKED = [AskedQuestion(HIGH, 64 * "a", (), ("norway#0",)), AskedQuestion(WIDE, 64 * "b", (), ("sweden#1",))]


def off(unit: str | None, cluster: str = "norway", **error: float) -> Outcome:
    return replace(OUTCOMES[0], unit=unit, cluster=cluster, error=error)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of two questions for numbers, each of another unit: `none` misses one and answers the other in words."""
    ranked = ["norway", "sweden"]
    answers = {
        "none": [answer(HIGH, "2,000 m", confidence=0.1), answer(WIDE, "Oslo", confidence=0.1)],
        "retrieved": [
            retrieved(HIGH, "2,469 m", ["norway#0"], "norway#0", 0.9, ranked),
            retrieved(WIDE, "447,430 km²", ["sweden#1"], "sweden#1", 0.8, ranked[::-1]),
        ],
    }
    about = ABOUT | {"evidence": list(answers), "dataset": ABOUT["dataset"] | {"questions": 2}}
    read = {name: PASSAGES[name] for name in ("norway#0", "sweden#1")}
    return write(tmp_path / "run", about, ASKED, read, answers, {})  # type: ignore[arg-type]


def test_an_outcome_says_how_far_each_answer_is_off(run: Run) -> None:
    assert [(o.unit, dict(o.error)) for o in run.outcomes] == [
        ("m", {"none": 469.0, "retrieved": 0.0}),
        ("km²", {"retrieved": 0.0}),
    ]
    assert all(o.unit is None and not o.error for o in OUTCOMES)
    bare = replace(ASKED[0], example=replace(HIGH, unit=None))
    given: dict[EvidenceKind, object] = {"none": answer(HIGH, "2,470")}
    assert outcome_of(bare, given, PASSAGES).unit == ""  # type: ignore[arg-type]


def test_the_mean_absolute_error_by_hand() -> None:
    found = scores_of([off("m", none=1.0), off("m", "sweden", none=4.0), off("m", "sweden"), OUTCOMES[1]], [])
    error = found["groups"]["all"]["evidence"]["none"]["error"]
    assert (error["unit"], error["MAE"]["value"], error["n"], error["asked"]) == ("m", 2.5, 2, 3)
    low, high = error["MAE"]["interval"]
    assert 1.0 <= low < 2.5 < high <= 4.0
    nothing = found["groups"]["all"]["evidence"]["oracle"]["error"]
    assert (nothing["MAE"], nothing["n"], nothing["asked"]) == ({"value": None, "interval": None}, 0, 3)


def test_the_interval_draws_whole_entries() -> None:
    def interval(*clusters: str) -> list[float] | None:
        some = [off("m", cluster, none=float(i)) for i, cluster in enumerate(clusters)]
        return scores_of(some, [])["groups"]["all"]["evidence"]["none"]["error"]["MAE"]["interval"]  # type: ignore[no-any-return]

    assert interval("a", "a", "a") is None
    assert interval("a", "b", "a", "b") != interval("a", "b", "c", "d")


def test_units_are_not_mixed_and_no_number_has_no_error() -> None:
    mixed = [off("m", none=1.0), replace(off("km²", none=2.0), groups=("area",))]
    found = scores_of(mixed, [])["groups"]
    assert "error" not in found["all"]["evidence"]["none"]
    assert found["area"]["evidence"]["none"]["error"]["MAE"]["value"] == 2.0
    assert found["seen"]["evidence"]["none"]["error"]["unit"] == "m"
    without = scores_of(OUTCOMES, [])["groups"]
    assert not any("error" in kind for group in without.values() for kind in group["evidence"].values())


def test_oracle_errors_are_of_the_questions_that_oracle_is_judged_by() -> None:
    some = [off("m", oracle=1.0, none=1.0), replace(off("m", oracle=9.0, none=9.0), gold=0, gold_ranks=())]
    found = scores_of(some, [])["groups"]["all"]["evidence"]
    assert (found["oracle"]["error"]["MAE"]["value"], found["none"]["error"]["MAE"]["value"]) == (1.0, 5.0)


def test_a_run_with_numbers_verifies(run: Run, tmp_path: Path) -> None:
    assert verify(tmp_path / "run") == []
    assert verify_summary(tmp_path / "run" / SUMMARY) == []


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_an_error_that_does_not_follow_is_found(run: Run, tmp_path: Path) -> None:
    change(tmp_path / "run" / "outcomes.jsonl", '"none":469.0', '"none":46.9')
    assert any("q0: error {'none': 46.9" in fault for fault in verify(tmp_path / "run"))


def test_another_unit_of_an_outcome_is_found(run: Run, tmp_path: Path) -> None:
    change(tmp_path / "run" / "outcomes.jsonl", '"unit":"km²"', '"unit":"m"')
    assert any("q1: unit 'm' is stated, 'km²' follows" in fault for fault in verify(tmp_path / "run"))


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ({"none": "46.9 -", "retrieved": "0 0"}, "MAE.value: 469.0 is stated, 46.9 follows"),
        ({"none": "0 -", "retrieved": "0 0"}, "its number from 'none' is off by 0.0, and it is wrong"),
        ({"none": "469 -", "retrieved": "7 0"}, "its number from 'retrieved' is off by 7.0, and it is right"),
        ({"none": "469 -", "retrieved": "- 0"}, "its number from 'retrieved' is off by None, and it is right"),
        ({"none": "469 3", "retrieved": "0 0"}, "n: 0 is stated, 1 follows"),
    ],
)
def test_a_summary_whose_errors_were_changed_is_found(
    run: Run, tmp_path: Path, column: dict[str, str], said: str
) -> None:
    path = tmp_path / "run" / SUMMARY
    summary = json.loads(path.read_text(encoding="utf-8"))
    assert summary["columns"]["error"] == {"none": "469 -", "retrieved": "0 0"}
    summary["columns"]["error"] = column
    path.write_text(json.dumps(summary), encoding="utf-8")
    assert any(said in fault for fault in verify_summary(path))


def test_a_bare_number_is_held_to_its_error_too(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "run" / SUMMARY
    summary = json.loads(path.read_text(encoding="utf-8"))
    summary["columns"] |= {"units": ["", "km²"], "error": {"none": "0 -", "retrieved": "0 0"}}
    path.write_text(json.dumps(summary), encoding="utf-8")
    assert any("its number from 'none' is off by 0.0" in fault for fault in verify_summary(path))


def test_a_table_shows_them_with_how_many_are_numbers(run: Run) -> None:
    found = error_table(run, words_in("en"))
    assert found.columns == ("group", "unit", "no evidence", "what was retrieved")
    assert found.rows == (
        ("seen", "m", Noted("469"), Noted("0")),
        ("field:height", "m", Noted("469"), Noted("0")),
        ("field:area", "km²", Noted(None, "0.0\N{NO-BREAK SPACE}%"), Noted("0")),
    )
    assert evidence_section(run, words_in("zh")).parts[-1].title == "数值的平均绝对误差"  # type: ignore[union-attr]


def test_a_large_error_is_written_for_people(run: Run) -> None:
    outcomes = [replace(o, error={"none": 1_230_000.0}) for o in run.outcomes]
    changed = replace(run, outcomes=outcomes, summary={**run.summary, "scores": scores_of(outcomes, [])})
    assert error_table(changed, words_in("en")).rows[0][2] == Noted("1,230,000")


def test_a_run_without_numbers_shows_none(tmp_path: Path) -> None:
    made = write_made_run(tmp_path / "run")
    assert error_table(made, words_in("en")).rows == ()
    told = [getattr(part, "title", "") for part in evidence_section(made, words_in("en")).parts]
    assert "Mean absolute error of numbers" not in told


def test_the_terminal_tells_them_where_half_of_the_questions_ask_for_one(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_run(run)
    shown = " ".join(capsys.readouterr().out.split())
    assert "| group | unit | none | retrieved |" in shown
    assert "| field:height | m | 469 | 0 |" in shown
    fewer = [*run.outcomes[:1], *OUTCOMES[2:]]
    tell_run(replace(run, outcomes=fewer))
    assert "Mean absolute error" not in capsys.readouterr().out
    tell_run(replace(run, outcomes=fewer[:2]))
    assert "Mean absolute error" in capsys.readouterr().out


def by_regression(run: Run, tolerance: float) -> Run:
    settings = {"output": {"kind": "regression", "tolerance": tolerance}}
    return replace(run, about={**run.about, "model": {**run.about["model"], "settings": settings}})


@pytest.mark.parametrize(("tolerance", "share"), [(0.1, "50.0"), (0.2, "100.0")])
def test_of_regression_right_is_not_held_against_confidence_and_the_share_within_tolerance_is_told(
    run: Run, capsys: pytest.CaptureFixture[str], tolerance: float, share: str
) -> None:
    outcomes = [run.outcomes[0], replace(run.outcomes[1], error={"retrieved": 0.15 * 447430.0})]
    changed = by_regression(replace(run, outcomes=outcomes), tolerance)
    (told,) = confidence_section(changed, words_in("en")).parts
    assert isinstance(told, Sentence)
    assert "exactly equal" in told.text
    assert f"Of 2 numbers that were asked for, {share}\N{NO-BREAK SPACE}% were answered within" in told.text
    tell_run(changed)
    assert "exactly equal" in " ".join(capsys.readouterr().out.split())
    words = by_regression(replace(run, outcomes=[replace(o, error={}) for o in outcomes]), tolerance)
    assert "0.0\N{NO-BREAK SPACE}% were" in confidence_section(words, words_in("en")).parts[0].text  # type: ignore[union-attr]
    assert "完全相等" in confidence_section(changed, words_in("zh")).parts[0].text  # type: ignore[union-attr]
    tell_run(run)
    assert "exactly equal" not in capsys.readouterr().out
    assert not any(isinstance(part, Sentence) for part in confidence_section(run, words_in("en")).parts)


def test_the_terminal_tells_how_many_were_answered_where_any_was_declined(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    right = [replace(o, right={**o.right, "retrieved": True}, abstained={"retrieved": False}) for o in run.outcomes]
    tell_run(replace(run, outcomes=right))
    assert "declined" not in capsys.readouterr().out
    wrong = replace(right[1], right={**right[1].right, "retrieved": False})
    declined = replace(wrong, abstained={"retrieved": True})
    tell_run(replace(run, outcomes=[right[0], wrong, declined]))
    assert "Answered 2 of 3 from what was retrieved, of these wrong 1" in " ".join(capsys.readouterr().out.split())
