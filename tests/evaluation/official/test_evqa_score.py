"""Encyclopedic-VQA's exact matches, lists, and when BEM is asked: worked by hand."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.errors import DatasetError, FormatError
from ravlm.evaluation.official.evqa import (
    Comparison,
    EvqaQuestion,
    exact_match,
    list_members,
    normalised,
    score_evqa,
    score_evqa_files,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The answer is: a Dog!", "dog"),
        ("two", "2"),
        ("None", "0"),
        ("true", "yes"),
        ("contradiction", "no"),
        ("<extra_id_0> italians", "italians"),
        ("x <extra_id_0> y", "x extraid0 y"),
        ("don't", "don't"),  # loses its apostrophe with the punctuation and gets it back
        ("black-and-white", "blackandwhite"),
        ("‘quoted’ ´x´", "quoted x"),
        ("line\nend\ttab", "line end tab"),
        ("the", ""),
        ("U.S.", "us"),
    ],
)
def test_the_normaliser_by_hand(text: str, expected: str) -> None:
    assert normalised(text) == expected


@pytest.mark.parametrize(
    ("reference", "candidate", "expected"),
    [
        ("red&&blue", "blue, red", True),
        ("red&&blue", "blue and green", False),  # 1 of 3
        ("red&&blue", "blue", True),  # 1 of 2: half is enough
        ("red&&blue&&green", "blue & green", True),
        ("red&&blue&&green", "blue", False),
        ("red&&the red&&", "Red!", True),  # equal and empty members count once or not at all
        ("red", "", False),
        ("black and white&&red", "black and white, red", False),  # the candidate's `and` parts it
    ],
)
def test_lists_match_by_half_of_what_both_name(reference: str, candidate: str, expected: bool) -> None:
    assert exact_match("multi_answer", reference, candidate) is expected


@pytest.mark.parametrize(("kind", "reference"), [("multi_answer", "the"), ("multi_answer", "&&"), ("automatic", "a.")])
def test_a_reference_of_which_nothing_is_left_is_refused(kind: str, reference: str) -> None:
    for candidate in ("", "x"):
        with pytest.raises(ValueError, match="of which nothing is left"):
            exact_match(kind, reference, candidate)


def test_other_questions_compare_whole_texts() -> None:
    assert exact_match("2_hop", "a&&b", "A  & B") is False
    assert exact_match("templated", "The Red, Sea", "red sea")
    assert not exact_match("automatic", "red sea", "sea")


@given(st.lists(st.sampled_from(["red", "blue", "green", "black"]), min_size=1, max_size=4), st.randoms())
def test_the_order_in_a_list_does_not_matter(members: list[str], random: Any) -> None:
    shuffled = random.sample(members, len(members))
    assert list_members(", ".join(members)) == list_members(" & ".join(shuffled)) == set(members)
    assert exact_match("multi_answer", "&&".join(members), " and ".join(shuffled))


class Told:
    """Stands for BEM: what it is asked is kept, and a probability is given by the candidate."""

    def __init__(self, by_candidate: dict[str, float]) -> None:
        self.by_candidate = by_candidate
        self.asked: list[Comparison] = []

    def __call__(self, comparisons: Sequence[Comparison]) -> list[float]:
        self.asked += comparisons
        return [self.by_candidate[one.candidate] for one in comparisons]


QUESTIONS = {
    "a": EvqaQuestion("templated", "Where?", ("Rome", "Roma")),
    "b": EvqaQuestion("multi_answer", "Which?", ("red&&blue",)),
    "c": EvqaQuestion("2_hop", "Who?", ("Anna",)),
    "d": EvqaQuestion("2_hop", "Who?", ("Berta",)),
}


def test_bem_is_asked_where_nothing_matches_and_half_is_enough() -> None:
    bem = Told({"the city of Rome": 0.5, "green": 0.49})
    said = {"a": "the city of Rome", "b": "green", "c": "anna"}
    found = score_evqa(QUESTIONS, said, bem=bem)
    assert found.per_question == {"a": 1.0, "b": 0.0, "c": 1.0, "d": 0.0}
    assert found.overall == {
        "accuracy": 50.0,
        "exact_match_accuracy": 25.0,
        "by_question_type": {"templated": 100.0, "multi_answer": 0.0, "2_hop": 50.0},
    }
    assert bem.asked == [
        Comparison("Where?", "Rome", "the city of Rome"),
        Comparison("Where?", "Roma", "the city of Rome"),
        Comparison("Which?", "red,blue", "green"),
    ]
    exact = score_evqa(QUESTIONS, said)
    assert (exact.overall["accuracy"], exact.by_measure) == (25.0, {})


def _files(folder: Path, candidates: Any, references: str, name: str = "r.jsonl") -> tuple[Path, Path]:
    (folder / "p.jsonl").write_text("\n".join(json.dumps(line) for line in candidates))
    (folder / name).write_text(references)
    return folder / "p.jsonl", folder / name


def _reference(**more: Any) -> str:
    return json.dumps({"id": 1, "question_type": "automatic", "question": "?", "references": ["Rome"]} | more)


def test_lines_are_read(tmp_path: Path) -> None:
    found = score_evqa_files(*_files(tmp_path, [{"id": 1, "candidate": "rome"}], _reference()))
    assert found.per_question == {"1": 1.0}
    assert found.notes == ("exact matches alone count: BEM was not asked",)


def test_the_published_csv_is_read(tmp_path: Path) -> None:
    table = (
        'question,answer,dataset_image_ids,question_type\r\n"What, then?",Rome|Roma,1|2,automatic\r\n'
        "Which\u2028of\x0bthem?,red&&blue|green,3,multi_answer\r\n"  # marks that end no row
    )
    said = [{"id": "0", "candidate": "roma"}, {"id": 1, "candidate": "blue & red"}]
    found = score_evqa_files(*_files(tmp_path, said, table, "test.csv"))
    assert found.per_question == {"0": 1.0, "1": 1.0}
    named = "id,question,answer,question_type\nq7,x,Rome,2_hop\n"
    assert score_evqa_files(*_files(tmp_path, [{"id": "q7", "candidate": "x"}], named, "t.csv")).per_question == {
        "q7": 0
    }
    with pytest.raises(FormatError, match="there is no column 'answer'"):
        score_evqa_files(*_files(tmp_path, said, "question,x\n1,2\n", "u.csv"))


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ({"question_type": "list"}, "found the question type 'list', expected one of templated"),
        ({"references": ["the"]}, "found the reference 'the', of which nothing is left"),
        ({"references": ["&&!"], "question_type": "multi_answer"}, "of which nothing is left"),
        ({"references": []}, "field 'references': found []"),
        ({"question": 5}, "field 'question': found 5"),
    ],
)
def test_references_of_the_wrong_form_are_named(tmp_path: Path, reference: Any, told: str) -> None:
    with pytest.raises(DatasetError, match=re.escape(told)):
        score_evqa_files(*_files(tmp_path, [{"id": 1, "candidate": "x"}], _reference(**reference)))
