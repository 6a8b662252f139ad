"""Each output layer learns from the questions it can answer, towards targets of its own."""

import pytest
from pydantic import TypeAdapter

from ravlm.heads.calibration import CalibratedHead
from ravlm.heads.classification import ClassificationHead
from ravlm.heads.multilabel import MultiLabelHead
from ravlm.heads.regression import RegressionHead
from ravlm.heads.units import UnitScale
from ravlm.model.output_config import OutputConfig
from ravlm.records import Example
from ravlm.tasks.classification import LabelFinder
from ravlm.tasks.regression import NumberFinder
from ravlm.tasks.teaching import finder_for, known_answers, teachable
from ravlm.tasks.vqa import TargetFinder

EXAMPLES = [
    Example("a", (), "Where?", "answers", answers=("Rome",)),
    Example("b", (), "Which?", "all_of", answers=("Iran", "Chad")),
    Example("c", (), "How much?", "number", value=3.0, unit="kg"),
    Example("d", (), None, "captions", answers=("A boat.",)),
    Example("e", (), "What is shown?", "captions", answers=("A boat.",)),
]


def output(kind: str, **settings: object) -> OutputConfig:
    return TypeAdapter(OutputConfig).validate_python({"kind": kind, **settings})


@pytest.mark.parametrize(
    ("kind", "ids", "known"),
    [
        ("candidates", "abc", {"Rome", "Iran, Chad", "3 kg"}),
        ("classification", "abc", {"Rome", "Iran, Chad", "3 kg"}),
        ("labels", "abc", {"Rome", "Iran", "Chad", "3 kg"}),
        ("regression", "c", {"kg"}),
        ("generation", "abc", set()),
    ],
)
def test_what_is_learnt_from_and_known_by_heart(kind: str, ids: str, known: set[str]) -> None:
    questions = teachable(output(kind), EXAMPLES)
    assert "".join(e.id for e in questions) == ids
    vocabulary, scales = known_answers(output(kind), questions)
    assert set(vocabulary) == known
    assert [scale.name for scale in scales] == (["kg"] if kind == "regression" else [])


def test_one_that_describes_learns_from_captions_as_from_answers_to_its_prompt() -> None:
    learnt = teachable(output("generation", captions=True), EXAMPLES)
    assert "".join(e.id for e in learnt) == "abcde"
    assert [e.question for e in learnt[3:]] == ["Describe this picture.", "What is shown?"]


@pytest.mark.parametrize(
    ("kind", "setting"), [("classification", "vocabulary"), ("labels", "vocabulary"), ("regression", "units")]
)
def test_no_more_is_kept_than_was_asked_for(kind: str, setting: str) -> None:
    more = [*EXAMPLES, Example("f", (), "How far?", "number", value=3.0, unit="m")]
    config = output(kind, **{setting: 1})
    assert len(known_answers(config, teachable(config, more))[0]) == 1


@pytest.mark.parametrize(
    ("head", "finder"),
    [
        (ClassificationHead(width=4, vocabulary=["a"]), TargetFinder),
        (MultiLabelHead(width=4, vocabulary=["a"]), LabelFinder),
        (RegressionHead(width=4, units=[UnitScale("kg")]), NumberFinder),
    ],
)
def test_every_output_layer_has_its_finder(head: CalibratedHead, finder: type) -> None:
    assert type(finder_for(head)) is finder
