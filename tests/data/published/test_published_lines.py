"""The fields that benchmarks add to the format: annotators of answers, and what a card says of its benchmark."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from ravlm.lines import BenchmarkLine, DatasetCard, ExampleLine

CARD = {"format": 1, "name": "n", "licence": "l", "languages": ["en"], "sources": []}
BENCHMARK: dict[str, Any] = {"name": "okvqa", "files": [], "questions": {"train": 1}, "of": {"train": 2}}


def example(**fields: Any) -> ExampleLine:
    return ExampleLine(**{"id": "1", "images": ["p.jpg"], "question": "?", "kind": "answers"} | fields)


def test_annotators_are_one_number_an_answer() -> None:
    assert example(answers=["a", "b"], annotators=[7, 3]).record().answers == ("a", "b")
    for wrong, said in (([7], "found 1 numbers of annotators for 2 answers"), ([7, 0], "greater than or equal to 1")):
        with pytest.raises(ValidationError, match=said):
            example(answers=["a", "b"], annotators=wrong)
    with pytest.raises(ValidationError, match="kind 'number' does not take the field 'annotators'"):
        example(kind="number", value=1.0, annotators=[1])


def test_a_card_of_no_benchmark_has_the_bytes_that_it_had() -> None:
    card = DatasetCard.model_validate(CARD)
    assert json.loads(card.text()) == CARD | {"description": ""}
    assert card.text().endswith('"description": ""\n}\n')


def test_a_card_of_a_benchmark_comes_back() -> None:
    card = DatasetCard.model_validate(CARD | {"benchmark": BENCHMARK})
    assert DatasetCard.model_validate_json(card.text()) == card


@pytest.mark.parametrize(
    "wrong",
    [{"pictures": "some"}, {"articles": "few"}, {"files": [{"name": "f", "bytes": 1, "sha256": "x"}]}, {"more": 1}],
)
def test_what_a_card_says_is_strict(wrong: dict[str, Any]) -> None:
    BenchmarkLine.model_validate(BENCHMARK)
    with pytest.raises(ValidationError):
        BenchmarkLine.model_validate(BENCHMARK | wrong)
