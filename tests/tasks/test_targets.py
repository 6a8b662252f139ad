"""What an example means for heads of labels and of numbers."""

from builders import knowledge, passage, tokenizer
from ravlm.encoders.tokenizer import tokenize
from ravlm.heads.multilabel import MultiLabelHead
from ravlm.heads.regression import RegressionHead
from ravlm.records import Example
from ravlm.tasks.classification import LabelFinder, label_vocabulary
from ravlm.tasks.regression import NumberFinder, unit_scales

FOUND = knowledge([[passage("x")]], tokenize(tokenizer(), ["x"], 8), width=8)


def example(**kwargs) -> Example:
    return Example(**{"id": "q", "images": ("a.jpg",), "question": "?", "kind": "answers", **kwargs})


SET = example(kind="all_of", answers=("Iran", "the Gambia"))
ONE = example(answers=("Gambia", "The Gambia"))
CAPTION = example(kind="captions", answers=("a picture",))
GRAMS, MORE, YEAR = (example(kind="number", value=v, unit=u) for v, u in ((3.2, "g"), (10.0, "g"), (1962.0, None)))


def test_the_labels_are_the_members_of_sets_and_single_answers():
    assert label_vocabulary([SET, ONE, CAPTION, YEAR, example(question=None, answers=("x",))], 9) == [
        "the Gambia",
        "1962",
        "Iran",
    ]
    assert label_vocabulary([SET, ONE], 1) == ["the Gambia"]


def test_every_label_of_an_example_is_marked_and_unknown_ones_are_left_out():
    head = MultiLabelHead(width=4, vocabulary=["Gambia", "Iran", "1962"])
    labels = LabelFinder(head).targets([SET, ONE, CAPTION, YEAR, example(answers=("Oslo",))], FOUND).labels
    assert labels.int().tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_units_are_ranked_and_their_numbers_measured():
    units = unit_scales([YEAR, GRAMS, MORE, SET, example(kind="number", value=1.0, unit="kg", question=None)], 9)
    assert [unit.name for unit in units] == ["g", ""]
    assert (units[0].size, units[0].decimals) == (6.6, 1)
    assert [unit.name for unit in unit_scales([YEAR, GRAMS, MORE], 1)] == ["g"]


def test_a_number_has_its_unit_and_what_is_none_teaches_nothing():
    head = RegressionHead(width=4, units=unit_scales([GRAMS, YEAR], 9))
    found = NumberFinder(head).targets([YEAR, GRAMS, SET, example(kind="number", value=2.0, unit="kg")], FOUND)
    assert found.unit.tolist() == [0, 1, -1, -1]
    assert found.value[:2].tolist() == [1962.0, 3.200000047683716]
