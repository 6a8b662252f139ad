"""The prior: the commonest answer of the nearest training questions, in English and Chinese."""

import pytest

from ravlm.errors import DatasetError
from ravlm.evaluation.prior import Prior
from ravlm.records import Example


def _asked(question: str, answers: list[str], language: str = "en") -> list[Example]:
    return [
        Example(f"{question}/{i}", ("a.png",), question, "answers", (answer,), language=language)
        for i, answer in enumerate(answers)
    ]


TRAIN = [
    *_asked("What is the capital of this country?", ["Oslo", "Rome", "Rome", "Bern"]),
    *_asked("Name the capital city of this country.", ["Paris", "paris", "Paris!", "Rome"]),
    *_asked("What currency does this country use?", ["euro", "krone", "euro"]),
    *_asked("Which currency is used here?", ["euro", "dollar"]),
    *_asked("这个国家的首都是哪里？", ["罗马", "罗马", "奥斯陆"], "zh"),
    *_asked("这个国家使用什么货币？", ["欧元", "欧元", "克朗"], "zh"),
]


@pytest.mark.parametrize(
    ("question", "language", "answer"),
    [
        ("What is the capital of this country?", "en", "Rome"),
        ("Which city is the capital of it?", "en", "Paris"),  # nearer to "the capital city"
        ("Tell me the currency that is used.", "en", "euro"),
        ("它的首都叫什么？", "zh", "罗马"),
        ("那里用哪种货币？", "zh", "欧元"),
        ("它的首都叫什么？", "ja", "罗马"),  # a language that training lacks is answered from all
    ],
)
def test_the_nearest_questions_vote(question: str, language: str, answer: str) -> None:
    assert Prior.fit(TRAIN).answer(question, language) == answer


def test_order_of_training_does_not_matter() -> None:
    one, other = Prior.fit(TRAIN), Prior.fit(TRAIN[::-1])
    for question in ("What is it?", "capital?", "currency", "首都"):
        assert one.answer(question, "en") == other.answer(question, "en")


def test_equal_answers_are_counted_together_and_spelt_as_most() -> None:
    train = _asked("Who?", ["The Hague", "hague", "The Hague", "Oslo", "Oslo"])
    assert Prior.fit(train).answer("Who?", "en") == "The Hague"


def test_numbers_are_answered_with_their_unit() -> None:
    train = [Example(str(i), ("a.png",), "How much?", "number", value=v, unit="gram") for i, v in enumerate((2, 2, 3))]
    assert Prior.fit(train).answer("How much fat?", "en") == "2 gram"


def test_a_question_like_none_is_still_answered() -> None:
    assert Prior.fit(TRAIN).answer("zzz", "en")


def test_nothing_to_learn_from_is_an_error() -> None:
    with pytest.raises(DatasetError, match="training split"):
        Prior.fit([Example("c", ("a.png",), None, "captions", ("a cat",))])
