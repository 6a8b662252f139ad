"""Predictions that don't fit their questions are counted, named, refused, and let pass where that is asked for."""

from pathlib import Path
from typing import Any

import pytest

from ravlm.errors import DatasetError
from ravlm.evaluation.official.pairing import Leniency, pair
from ravlm.evaluation.official.reading import Records

ASKED = Records(Path("r.json"), [(i, f"right {i}") for i in range(1, 9)])
ALL = [(i, f"said {i}") for i in range(1, 9)]


def _pair(items: list[tuple[Any, str]], faults: tuple[str, ...] = (), keyed: bool = False, **leniency: Any) -> Any:
    return pair(Records(Path("p.json"), items, faults, keyed), ASKED, Leniency(**leniency))


def test_what_fits_is_paired_in_the_order_of_the_questions() -> None:
    found = _pair(ALL[::-1])
    assert list(found.predictions.items()) == [(str(i), f"said {i}") for i in range(1, 9)]
    assert list(found.references) == [str(i) for i in range(1, 9)]
    assert found.notes == ()


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(DatasetError) as told:
        _pair([*ALL[:1], ALL[0], (77, "x"), (78, "y")], faults=("record 9: found 3",))
    assert str(told.value).startswith("p.json does not fit r.json; nothing was scored:")
    assert told.value.faults == [
        "- predictions of the wrong form: 1 (record 9: found 3). --invalid skip leaves them out.",
        "- predictions for questions that the references lack: 2 (77, 78). --unknown skip leaves them out.",
        "- questions with more than one prediction: 1 (1). --duplicates first or last keeps one.",
        "- questions without a prediction: 7 (2, 3, 4, 5, 6 and 2 more). --missing zero scores them as wrong, "
        "--missing skip leaves them out.",
    ]


def test_missing_ones_count_as_wrong_or_are_left_out() -> None:
    zero = _pair(ALL[:2], missing="zero")
    assert (list(zero.predictions), len(zero.references)) == (["1", "2"], 8)
    assert zero.notes == ("questions without a prediction: 6 (3, 4, 5, 6, 7 and 1 more); scored as wrong",)
    skipped = _pair(ALL[:2], missing="skip")
    assert (list(skipped.predictions), list(skipped.references)) == (["1", "2"], ["1", "2"])


def test_of_two_predictions_the_first_or_the_last_is_kept() -> None:
    twice = [*ALL, (3, "again")]
    assert _pair(twice, duplicates="first").predictions["3"] == "said 3"
    assert _pair(twice, duplicates="last").predictions["3"] == "again"


def test_unknown_and_invalid_ones_are_left_out() -> None:
    found = _pair([*ALL, (99, "x")], faults=("record 4: bad",), unknown="skip", invalid="skip")
    assert len(found.predictions) == 8
    assert [note.split(";")[-1] for note in found.notes] == [" left out", " left out"]


@pytest.mark.parametrize("items", [[], [(100, "x"), (101, "y")]])
def test_references_of_another_split_are_refused_whatever_is_let_pass(items: list[tuple[int, str]]) -> None:
    with pytest.raises(DatasetError, match="They may be another split's"):
        _pair(items, missing="zero", unknown="skip", duplicates="last", invalid="skip")


def test_ids_of_another_type_are_faults_but_keys_are_always_text() -> None:
    with pytest.raises(DatasetError) as told:
        _pair([ALL[0], ("2", "x"), *ALL[2:]])
    assert told.value.faults == [
        "- predictions of the wrong form: 1 (id '2': the references have it as a number; write the ids as numbers). "
        "--invalid skip leaves them out."
    ]
    as_keys = [(str(name), value) for name, value in ALL]
    assert len(_pair(as_keys, keyed=True).predictions) == 8


def test_a_question_whose_reference_is_left_out_is_not_unknown() -> None:
    asked = Records(Path("r.json"), ASKED.items[1:], ["record 1: bad"], unfit=[1])
    with pytest.raises(DatasetError) as told:
        pair(Records(Path("p.json"), ALL), asked)
    assert told.value.faults == ["- references of the wrong form: 1 (record 1: bad). --invalid skip leaves them out."]
    found = pair(Records(Path("p.json"), ALL), asked, Leniency(invalid="skip"))
    assert list(found.predictions) == [str(i) for i in range(2, 9)]
    assert found.notes == ("references of the wrong form: 1 (record 1: bad); left out",)


def test_a_prediction_of_the_wrong_form_is_told_once_and_missing_when_left_out() -> None:
    said = Records(Path("p.json"), ALL[1:], ["record 1: bad"], unfit=[1])
    with pytest.raises(DatasetError) as told:
        pair(said, ASKED)
    assert len(told.value.faults) == 1
    with pytest.raises(DatasetError, match=r"without a prediction: 1 \(1\)"):
        pair(said, ASKED, Leniency(invalid="skip"))


def test_questions_that_stand_twice_in_the_references_are_refused() -> None:
    twice = Records(Path("r.json"), [*ASKED.items, (1, "again")])
    with pytest.raises(DatasetError, match=r"in the references more than once: 1 \(1\)\. Mend the references"):
        pair(Records(Path("p.json"), ALL), twice, Leniency("zero", "skip", "last", "skip"))
