"""Outcomes in columns: they come back, and a damaged column is refused."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_run import OUTCOMES
from ravlm.errors import FormatError
from ravlm.evaluation.runs.columns import from_columns, ids_fingerprint, to_columns
from ravlm.evaluation.runs.records import CAUSES, EVIDENCE, Outcome

KINDS = st.lists(st.sampled_from(EVIDENCE), unique=True, min_size=1)


def flags(kinds: list[str]) -> st.SearchStrategy[dict[str, bool]]:
    return st.fixed_dictionaries({kind: st.booleans() for kind in kinds})


@st.composite
def errors(draw: st.DrawFn, kinds: list[str]) -> dict[str, Any]:
    """A unit and errors as runs keep them, or no number at all."""
    unit = draw(st.sampled_from([None, "", "km²", "square mile"]))
    size = st.floats(0, 1e12).map(lambda value: float(f"{value:.3g}"))
    given_by = draw(st.lists(st.sampled_from(kinds), unique=True)) if unit is not None else []
    return {"unit": unit, "error": {kind: draw(size) for kind in given_by}}


@st.composite
def outcomes(draw: st.DrawFn) -> list[Outcome]:
    kinds = draw(KINDS)
    made = st.builds(
        Outcome,
        id=st.just(""),
        cluster=st.text(max_size=3),
        groups=st.lists(st.sampled_from(["a", "relation:b", "ü c"]), unique=True).map(tuple),
        right=flags(kinds),
        abstained=flags([kind for kind in kinds if kind != "prior"]),
        same=flags([kind for kind in kinds if kind != "retrieved"]),
        confidence=st.integers(0, 1000),
        gold=st.integers(0, 3),
        gold_ranks=st.lists(st.integers(1, 10), unique=True, max_size=3).map(sorted).map(tuple),
        passage_rank=st.tuples(st.integers(0, 20), st.integers(0, 20)),
        cause=st.sampled_from(["", *CAUSES]),
    )
    found = draw(st.lists(made, max_size=6))
    return [replace(one, id=str(i), **draw(errors(kinds))) for i, one in enumerate(found)]


@given(outcomes())
def test_outcomes_come_back_from_their_columns(found: list[Outcome]) -> None:
    assert from_columns(to_columns(found)) == found


def test_a_column_can_be_read() -> None:
    columns = to_columns(OUTCOMES)
    assert columns["right"]["retrieved"] == "1101"
    assert (columns["cluster"], columns["clusters"]) == ("0 0 1 1", ["norway", "sweden"])
    assert (columns["gold_ranks"], columns["cause"], columns["confidence"]) == ("1 1 - 1", "..el", "900 800 600 550")
    assert columns["questions"] == ids_fingerprint(["q0", "q1", "q2", "q3"])


def test_errors_stand_in_the_columns_of_those_that_ask_for_a_number_alone() -> None:
    numbers = [
        replace(OUTCOMES[0], unit="km²", error={"none": 1230.0, "retrieved": 0.0}),
        OUTCOMES[1],
        replace(OUTCOMES[2], unit="", error={"retrieved": 0.5}),
    ]
    columns = to_columns(numbers)
    assert (columns["units"], columns["unit"]) == (["km²", ""], "0 - 1")
    assert {kind: columns["error"][kind] for kind in ("prior", "none", "retrieved")} == {
        "prior": "- -",
        "none": "1.23e+03 -",
        "retrieved": "0 0.5",
    }
    without = to_columns(OUTCOMES)
    assert (without["units"], without["unit"], without["error"]) == ([], "", {})


@pytest.mark.parametrize(
    "damage",
    [
        {"error": {"none": "1"}},
        {"error": {"none": "1 2 3"}},
        {"error": {"none": "1 nan"}},
        {"error": {"none": "1 -2"}},
        {"error": {"none": "1 inf"}},
        {"unit": "0 - 2 -"},
        {"unit": "0 0"},
        {"units": None, "unit": None},
    ],
)
def test_a_damaged_column_of_errors_is_refused(damage: dict[str, Any]) -> None:
    numbers = [replace(o, unit="m", error={"none": 2.0}) if o.id in ("q0", "q2") else o for o in OUTCOMES]
    assert to_columns(numbers)["unit"] == "0 - 0 -"
    with pytest.raises(FormatError, match="columns of the summary are damaged"):
        from_columns(to_columns(numbers) | damage)


def test_each_cause_has_a_letter_of_its_own() -> None:
    every = [replace(OUTCOMES[0], id=str(i), cause=cause) for i, cause in enumerate(["", *CAUSES])]
    assert len(set(to_columns(every)["cause"])) == 1 + len(CAUSES)


@pytest.mark.parametrize(
    "damage",
    [
        {"n": 5},
        {"n": "four"},
        {"cause": "..ex"},
        {"cluster": "0 0 1 7"},
        {"confidence": "900 800 600"},
        {"right": {"retrieved": "1102"}},
        {"gold_ranks": "1 1 x 1"},
        {"passage_rank": ["1 1 0 1"]},
        {"groups": None},
    ],
)
def test_a_damaged_column_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(FormatError, match="columns of the summary are damaged"):
        from_columns(to_columns(OUTCOMES) | damage)


def test_a_missing_column_is_refused() -> None:
    with pytest.raises(FormatError, match="confidence"):
        from_columns({name: value for name, value in to_columns(OUTCOMES).items() if name != "confidence"})
