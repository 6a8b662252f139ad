"""How probable a given answer is: the same number as its confidence, and never less than is known."""

import pytest
import torch
from asked_heads import MAX_SPAN, forget, read, says
from hypothesis import given
from hypothesis import strategies as st
from test_multilabel import NAMES, all_sets
from test_regression import GRAMS, YEARS
from test_regression import says as number_says

from ravlm.heads.candidates import CandidateHead
from ravlm.heads.classification import ClassificationHead, ClassPrediction
from ravlm.heads.likelihood import Likelihood, among, likelihoods, same_answer
from ravlm.heads.multilabel import MultiLabelHead
from ravlm.heads.regression import RegressionHead
from ravlm.records import Decoded, Wanted

TEXTS = ["The capital is Oslo, a city of Norway.", "Rome and Oslo are far apart."]
UNREAD = read(["x"])


def one(likely, *, exact=True):
    """The one row's probability."""
    (row,) = likely
    assert row.exact == exact
    return row.probability


def candidates(vocabulary=("Bern",)):
    return CandidateHead(width=10, vocabulary=ClassificationHead(width=10, vocabulary=vocabulary), max_span=MAX_SPAN)


@pytest.mark.parametrize("temperature", [1.0, 2.5, 0.4])
def test_of_spans_it_is_the_confidence_of_each_alternative(temperature):
    head, found = candidates(), read(TEXTS)
    head.set_calibration(temperature=temperature)
    prediction = says(found, {"Oslo": 0.6, "Rome": 0.3, "city": 0.05}, none=0.05)
    (decoded,) = head.decode(prediction, found)
    assert decoded.text == "Oslo"
    for text, probability in decoded.alternatives:
        assert one(head.likelihoods(prediction, found, text)) == pytest.approx(probability)
    assert head.likelihoods(prediction, found, "the OSLO!") == head.likelihoods(prediction, found, "Oslo")


def test_an_answer_that_no_span_says_has_at_most_the_rest():
    head, found = candidates(), read(TEXTS)
    prediction = says(found, {"Oslo": 0.6, "Rome": 0.4})
    assert one(head.likelihoods(prediction, found, "Bern")) == pytest.approx(0.0, abs=1e-6)
    even = says(found, {"Oslo": 1.0})
    even = type(even)(torch.zeros_like(even.spans), even.none, even.vocabulary)  # each span alike: more than are kept
    (left,) = head.likelihoods(even, found, "Bern")
    assert not left.exact
    spans = even.spans.numel()
    assert left.probability == pytest.approx((spans - 64) / spans, abs=0.1)


def test_where_nothing_is_read_the_vocabulary_speaks():
    head, found = candidates(("Oslo", "Bern")), read(TEXTS)
    forget(found, 0)
    prediction = says(read(TEXTS), {"Oslo": 1.0}, vocabulary=torch.tensor([[2.0, 1.0]]))
    p = torch.tensor([2.0, 1.0]).softmax(0)
    assert one(head.likelihoods(prediction, found, "bern")) == pytest.approx(float(p[1]))
    assert head.likelihoods(prediction, found, "Rome") == [Likelihood(0.0)]


def test_among_choices_it_is_the_choices_share():
    head, found = candidates(), read(TEXTS)
    prediction = says(found, {"Oslo": 0.6, "Rome": 0.3, "city": 0.1})
    asked = type(prediction)(
        prediction.spans, prediction.none, prediction.vocabulary, wanted=[Wanted(choices=("Oslo", "Rome"))]
    )
    assert one(head.likelihoods(asked, found, "Rome")) == pytest.approx(1 / 3)


@given(st.lists(st.floats(-6, 6), min_size=4, max_size=4), st.floats(0.3, 3))
def test_of_a_set_of_labels_it_is_the_sets_own(logits, temperature):
    head = MultiLabelHead(width=4, vocabulary=NAMES)
    head.set_calibration(temperature=temperature)
    prediction = ClassPrediction(torch.tensor([logits]))
    every = all_sets(logits)
    for members, p in every.items():
        if members:
            likely = head.likelihoods(prediction, UNREAD, ", ".join(NAMES[i] for i in members))
            assert one(likely) == pytest.approx(p**temperature, rel=1e-3, abs=1e-7)
    assert head.likelihoods(prediction, UNREAD, "Oslo, Iran") == [Likelihood(0.0)]  # never in this order
    assert head.likelihoods(prediction, UNREAD, "Atlantis") == [Likelihood(0.0)]


@given(st.floats(-2, 2), st.floats(0.05, 2), st.floats(0.3, 3))
def test_of_a_number_it_is_the_mass_within_tolerance(location, scale, temperature):
    head = RegressionHead(width=10, units=(GRAMS, YEARS))
    head.set_calibration(temperature=temperature)
    prediction = number_says(location, scale, units=(0.5, 0.0))
    (decoded,) = head.decode(prediction, UNREAD)
    assert one(head.likelihoods(prediction, UNREAD, decoded.text)) == pytest.approx(decoded.confidence, abs=1e-4)
    for quantity in head.quantities(prediction)[0]:
        likely = one(head.likelihoods(prediction, UNREAD, quantity.text))
        assert likely == pytest.approx(quantity.probability**temperature, abs=1e-4)
    far = number_says(location + 40 * scale, scale, units=(0.5, 0.0))
    assert head.likelihoods(far, UNREAD, decoded.text)[0].probability <= decoded.confidence
    assert head.likelihoods(prediction, UNREAD, "3 miles") == [Likelihood(0.0)]


def test_answers_are_the_same_in_other_words_or_within_tolerance():
    numbers = RegressionHead(width=10, units=(GRAMS, YEARS), tolerance=0.1)
    for first, second, same in [
        ("9.91 g", "9.89 g", True),
        ("3.0 g", "3.29 g", True),
        ("3.0 g", "3.31 g", False),
        ("9.91 g", "9.91", False),  # a year
        ("9.91 g", "much", False),
    ]:
        assert same_answer(numbers, first, second) == same
    for first, second, same in [("Oslo", "the OSLO!", True), ("9.91 g", "9.89 g", False), ("?", "!", False)]:
        assert same_answer(candidates(), first, second) == same


def test_a_head_that_says_no_more_is_taken_by_its_alternatives():
    class Bare:
        def __call__(self, fused, knowledge, batch):
            return None

        def loss(self, prediction, targets):
            return torch.zeros(())

        def decode(self, prediction, knowledge):
            return [Decoded("Oslo", 0.7, False, (), (("Oslo", 0.7), ("Rome", 0.2)))]

    found = read(TEXTS)
    assert likelihoods(Bare(), None, found, "rome") == [Likelihood(0.2)]
    assert one(likelihoods(Bare(), None, found, "Bern"), exact=False) == pytest.approx(0.1)
    head = candidates()
    prediction = says(found, {"Oslo": 1.0})
    assert likelihoods(head, prediction, found, "Oslo") == head.likelihoods(prediction, found, "Oslo")


def test_marks_alone_are_compared_as_they_are():
    assert among([("!", 0.75)], "?") == Likelihood(0.25, exact=False)
    assert among([("Oslo", 1.0)], "Rome") == Likelihood(0.0, exact=True)
