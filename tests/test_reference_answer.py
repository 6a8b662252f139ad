"""The right answer in words: as people write it, and right by the rule that grades answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.grading import is_right, reference_answer
from ravlm.records import Example


def number(value: float, unit: str | None = None) -> Example:
    return Example("n", ("a.png",), "How many?", "number", value=value, unit=unit)


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        (number(1816), "1816"),
        (number(-1816), "-1816"),
        (number(9999.5), "9999.5"),
        (number(10_000), "10,000"),
        (number(2022, "m"), "2,022 m"),
        (number(0.5, "g"), "0.5 g"),
        (number(45_800_000, "people"), "45,800,000 people"),
        (Example("a", ("a.png",), "Which?", "all_of", answers=("Iran", "Iraq")), "Iran, Iraq"),
        (Example("a", ("a.png",), "Which?", "answers", answers=("The Hague", "Hague")), "The Hague"),
    ],
)
def test_it_is_written_as_people_write_it(asked: Example, written: str) -> None:
    assert reference_answer(asked) == written


@given(st.integers(-(10**9), 10**9) | st.floats(0, 1e6).map(lambda x: round(x, 2)), st.sampled_from([None, "g", "m"]))
def test_it_is_right(value: float, unit: str | None) -> None:
    assert is_right(number(value, unit), reference_answer(number(value, unit)))
