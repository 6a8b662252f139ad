"""Numbers wanted, choices given, and the distribution over answers that temperature works on."""

import math
from dataclasses import replace

import pytest
import torch
from asked_heads import MAX_SPAN, read, says
from hypothesis import given
from hypothesis import strategies as st

from ravlm.heads.calibration import Validated, calibrate
from ravlm.heads.candidates import CandidateHead
from ravlm.heads.classification import ClassificationHead
from ravlm.heads.read_answers import ReadAnswer, ReadAnswers
from ravlm.heads.targets import Targets
from ravlm.heads.wanted import key_of, quantity
from ravlm.records import Example, Support, Wanted
from ravlm.tensors import Kind

TEXT = ["Roma has 2.5 km2 and 25 parks.", "The seat: roma, on 2.5 hills."]
NUMBER = Wanted(number=True)


def head(*vocabulary):
    return CandidateHead(
        width=10, vocabulary=ClassificationHead(width=10, vocabulary=vocabulary or ["Oslo"]), max_span=MAX_SPAN
    )


def known(*probabilities):
    return torch.tensor([probabilities]).log()


def decode(one, prediction, found, *wanted):
    (answer,) = one.decode(replace(prediction, wanted=wanted or None), found)
    return answer


@pytest.mark.parametrize(
    ("wanted", "text", "key"),
    [
        (Wanted(), "The Hague!", "hague"),
        (Wanted(), "?!", None),
        (NUMBER, "29,743", (29743.0, "")),
        (NUMBER, "29,743 km²", (29743.0, "")),
        (NUMBER, "-3.5 °C", (-3.5, "")),
        (NUMBER, "1962年", (1962.0, "")),
        (NUMBER, "45 %", (45.0, "")),
        (NUMBER, "Boeing 747", None),
        (NUMBER, "3 or so", None),
        (NUMBER, "2 and 3", None),
        (NUMBER, "Rome", None),
        (Wanted(number=True, unit="square km"), "2.5 square km", (2.5, "")),
        (Wanted(number=True, unit="g"), "2.5", (2.5, "")),
        (Wanted(number=True, unit="g"), "2.5 kg", None),
        (Wanted(choices=("2.5 g", "25 g")), "25 g", "25 g"),
        (Wanted(choices=("2.5 g", "25 g")), "2.5g", "2.5 g"),
        (Wanted(choices=("10,000", "Rome")), "10000", "10,000"),
        (Wanted(choices=("10,000", "Rome")), "the rome.", "Rome"),
        (Wanted(choices=("10,000", "Rome")), "Oslo", None),
    ],
)
def test_which_texts_are_the_same_answer_and_which_are_none(wanted, text, key):
    assert key_of(wanted, text) == key


def test_a_quantity_keeps_its_unit():
    assert quantity("2.5 kJ") == (2.5, "kJ")
    assert quantity("2.5") == (2.5, "")


def test_where_a_number_is_wanted_equal_numbers_are_one_answer_and_words_are_none():
    found = read(TEXT)
    prediction = says(found, {"Roma": 6.0, "2.5 km2": 1.0, "2.5": 1.5, "25": 2.0}, none=0.5)
    assert decode(head(), prediction, found).text == "Roma"
    answer = decode(head(), prediction, found, NUMBER)
    assert answer.text == "2.5 km2"  # the likeliest wording: 2.5 stands twice
    assert answer.confidence == pytest.approx(2.5 / 5)
    assert not answer.abstained
    assert [text for text, _ in answer.alternatives] == ["2.5 km2", "25"]
    assert {s.hit for s in answer.support} == {0, 1}
    assert sum(s.probability for s in answer.support) <= answer.confidence + 1e-6
    bare = decode(head(), prediction, found, Wanted(number=True, unit="g"))
    assert bare.alternatives == (("25", pytest.approx(2 / 4)), ("2.5", pytest.approx(1.5 / 4)))


def test_a_number_far_down_the_ranking_is_found():
    found = read(["Roma has some old parks.", "And 25 hills lie on it."])
    words = ["Roma", "has", "some", "old", "parks", "And", "hills", "lie", "on", "it"]
    prediction = says(found, dict.fromkeys(words, 1.0) | {"25": 0.1})
    assert not decode(head(), prediction, found).text.isdigit()
    answer = decode(head(), prediction, found, NUMBER)
    assert (answer.text, answer.confidence) == ("25", pytest.approx(1.0))


def test_without_a_number_in_the_passages_one_known_by_heart_stands_for_what_was_declined():
    found = read(["Roma is old."])
    one = head("Oslo", "25")
    prediction = says(found, {"Roma": 1.0}, vocabulary=known(0.9, 0.1))
    answer = decode(one, prediction, found, NUMBER)
    assert (answer.text, answer.abstained) == ("25", True)
    assert answer.confidence == pytest.approx(1.0)
    words = decode(head("Oslo", "Bern"), says(found, {"Roma": 1.0}, vocabulary=known(0.9, 0.1)), found, NUMBER)
    assert (words.text, words.abstained, words.confidence) == ("Oslo", True, pytest.approx(0.9))


def test_a_choice_has_its_spans_and_its_share_of_what_is_left_for_none_of_these():
    found = read(TEXT)
    one = head("Oslo", "Roma", "Bern")
    prediction = says(found, {"Roma": 3.0, "roma": 1.0, "25": 2.0}, none=4.0, vocabulary=known(0.5, 0.2, 0.3))
    wanted = Wanted(choices=("Oslo", "Roma", "25"))
    answer = decode(one, prediction, found, wanted)
    mass = {"Roma": 0.4 + 0.4 * 0.2, "Oslo": 0.4 * 0.5, "25": 0.2}
    assert answer.text == "Roma"
    assert dict(answer.alternatives) == pytest.approx({c: m / sum(mass.values()) for c, m in mass.items()})
    assert [s.hit for s in answer.support] == [0, 1]
    assert answer.support[0].probability == pytest.approx(0.3 / sum(mass.values()))
    assert not answer.abstained


def test_the_temperature_is_for_choices_as_well():
    found, one = read(TEXT), head()
    prediction = says(found, {"Roma": 3.0, "25": 1.0})
    wanted = Wanted(choices=("Roma", "25"))
    one.set_calibration(temperature=2.0)
    answer = decode(one, prediction, found, wanted)
    assert answer.confidence == pytest.approx(3**0.5 / (3**0.5 + 1))


def test_answers_that_are_rare_in_the_passages_share_what_is_theirs():
    rare = ReadAnswers((ReadAnswer("a", 1.2e-16), ReadAnswer("b", 1e-18)), none=1e-18, rest=1.0)
    only = rare.only()
    assert sum(only.outcomes()) == pytest.approx(1.0)
    assert only.answers[0].probability == pytest.approx(120 / 122)


def test_a_choice_that_is_known_by_heart_alone_is_not_said_for_sure():
    found = read(TEXT)
    prediction = says(found, {"Roma": 1.0}, none=9.0, vocabulary=known(0.9, 0.1))
    answer = decode(head("Oslo", "Roma"), prediction, found, Wanted(choices=("Roma", "Oslo")))
    assert (answer.text, answer.abstained, answer.support) == ("Oslo", True, ())


def test_choices_that_nothing_speaks_for_are_equally_likely_and_the_first_is_declined():
    found = read(TEXT)
    answer = decode(head(), says(found, {"Roma": 1.0}, none=1.0), found, Wanted(choices=("Bern", "Kiel")))
    assert (answer.text, answer.abstained) == ("Bern", True)
    assert answer.alternatives == (("Bern", 0.5), ("Kiel", 0.5))


def test_without_a_passage_choices_are_answered_by_heart_as_any_question_is():
    found = read(TEXT)
    found.kind.fill_(int(Kind.PICTURE))
    found.edges.fill_(-1)
    one = head("Oslo", "Roma", "Bern")
    lowest = torch.full((*found.mask.shape, MAX_SPAN), torch.finfo(torch.float32).min)
    prediction = replace(says(read(TEXT), {"Roma": 1.0}, vocabulary=known(0.5, 0.2, 0.3)), spans=lowest)
    assert decode(one, prediction, found).abstained is False
    one.set_calibration(threshold=0.6)
    assert decode(one, prediction, found).abstained is True  # the threshold is for what is known by heart as well
    one.set_calibration()
    answer = decode(one, prediction, found, Wanted(choices=("Roma", "Bern")))
    assert dict(answer.alternatives) == pytest.approx({"Bern": 0.6, "Roma": 0.4})
    assert not answer.abstained
    assert decode(one, prediction, found, Wanted(choices=("Kiel", "Bonn"))).abstained


def test_rows_may_want_different_things():
    found = read(TEXT, b=3)
    prediction = says(found, {"Roma": 3.0, "25": 1.0, "km2": 2.0})
    wanted = [Wanted(), NUMBER, Wanted(choices=("km2", "25"))]
    rows = head().decode(replace(prediction, wanted=wanted), found)
    assert [row.text for row in rows] == ["Roma", "25", "km2"]
    assert [row.confidence for row in rows] == pytest.approx([0.5, 1.0, 2 / 3])


def of(*probabilities, none=0.0, rest=0.0):
    answers = tuple(ReadAnswer(str(i), p, (Support(0, (0, 1), p),)) for i, p in enumerate(probabilities))
    return ReadAnswers(answers, none, rest)


@given(st.lists(st.floats(0.0, 1.0), min_size=3, max_size=8), st.floats(0.2, 5.0))
def test_tempered_is_the_softmax_of_the_logits_over_the_temperature(weights, temperature):
    weights[0] += 0.01
    whole = sum(weights)
    *answers, none = (weight / whole for weight in weights)
    found = of(*answers, none=none).tempered(temperature)
    expected = (torch.tensor([*answers, none], dtype=torch.float64).log() / temperature).softmax(0)
    assert [*(a.probability for a in found.answers), found.none] == pytest.approx(expected.tolist(), abs=1e-6)
    for answer in found.answers:
        assert answer.support[0].probability == pytest.approx(answer.probability)


def test_at_temperature_1_nothing_is_touched():
    found = of(0.5, 0.2, none=0.1)
    assert found.tempered(1.0) is found


def test_the_temperature_is_of_answers_since_of_spans_it_would_change_the_answer():
    found = read(TEXT)
    prediction = says(found, {"Roma": 0.6, "roma": 0.6, "parks": 1.0})
    sharp = replace(prediction, spans=prediction.spans.where(prediction.spans < -1e30, prediction.spans / 0.1))
    assert decode(head(), sharp, found).text == "parks"
    one = head()
    one.set_calibration(temperature=0.1)
    assert decode(one, prediction, found).text == "Roma"
    assert decode(one, prediction, found).confidence == pytest.approx(1.2**10 / (1.2**10 + 1), abs=1e-5)


def observed(found, prediction, answer):
    example = Example("q", (), "?", "answers", answers=(answer,))
    targets = Targets(torch.zeros(prediction.spans.shape, dtype=torch.bool), torch.tensor([-1]))
    return head().observe(Validated(prediction, targets, found, [example]))


def test_what_is_observed_is_whether_the_answer_that_was_given_is_right():
    found = read(TEXT)
    prediction = says(found, {"Roma": 3.0, "25": 1.0}, none=4.0)
    seen = observed(found, prediction, "roma")
    assert seen.logits.exp()[0].tolist() == pytest.approx([3 / 8, 1 / 8, 4 / 8, 0.0], abs=1e-6)
    assert seen.right.tolist() == [[True, False, False, False]], "wherever it stands"
    assert observed(found, prediction, "25").right.tolist() == [[False, True, True, True]]
    assert math.isclose(float(seen.logits.logsumexp(1)), 0.0, abs_tol=1e-6)


def test_marks_alone_are_part_of_the_rest():
    found = read(["Roma, at last?!"])
    seen = observed(found, says(found, {"Roma": 3.0, "?!": 1.0}), "Roma")
    assert seen.logits.exp()[0].tolist() == pytest.approx([3 / 4, 0.0, 1 / 4], abs=1e-6)


def test_the_temperature_makes_confidence_the_share_of_right_answers():
    found, one = read(TEXT), head()
    prediction = says(found, {"Roma": 3.0, "25": 1.0})
    nobody = Targets(torch.zeros(prediction.spans.shape, dtype=torch.bool), torch.tensor([-1]))
    batches = [
        Validated(prediction, nobody, found, [Example("q", (), "?", "answers", answers=(answer,))])
        for answer in ["Roma"] * 9 + ["25"]
    ]
    found_temperature = calibrate(one, lambda: batches, variance=math.inf).temperature
    assert found_temperature == pytest.approx(math.log(3) / math.log(9), rel=1e-3)
    assert decode(one, prediction, found).confidence == pytest.approx(0.9, abs=1e-3)


def test_rows_that_can_not_be_read_say_nothing_of_the_temperature():
    found = read(TEXT)
    prediction = says(found, {"Roma": 3.0})
    lowest = torch.full_like(prediction.spans, torch.finfo(torch.float32).min)
    assert len(observed(found, replace(prediction, spans=lowest), "Roma").logits) == 0
