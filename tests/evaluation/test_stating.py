"""Whether a text states an answer: word boundaries, whole numbers, units, marks; which passages support it."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravlm.evaluation.attribution.stating import states, support
from ravlm.grading import is_right, reference_answer
from ravlm.records import Example, Passage


def example(*answers: str, **kwargs: object) -> Example:
    fields = {"id": "q", "images": ("a.jpg",), "question": "?", "kind": "answers", "answers": answers, **kwargs}
    return Example(**fields)  # type: ignore[arg-type]


def number(value: float | None, unit: str | None = None, **kwargs: object) -> Example:
    return example(kind="number", value=value, unit=unit, **kwargs)


def passage(entry: str, ordinal: int, text: str, section: str = "", language: str = "en") -> Passage:
    return Passage(f"{entry}#{ordinal}", entry, section, ordinal, (0, len(text)), text, language)


STATED = [
    (example("Oslo"), "The capital is OSLO."),
    (example("The Hague"), "It sits in The Hague."),
    (example("left", "左"), "车辆靠左行驶。"),
    (example("奥斯陆"), "挪威的首都是奥斯陆。"),
    (example("+47", "47"), "Dial +47 first."),
    (example(".no"), "Pages end in .no, as a rule."),
    (number(29743, "km²"), "An area of 29,743 km² in all."),
    (number(29743, "km²"), "An area of 29 743 square kilometres."),
    (number(29743, "km²"), "面积为29,743平方公里。"),
    (number(9520000, "people"), "It has a population of 9,520,000, and Dubai is large."),
    (number(9520000, "people"), "Some 9520000 inhabitants."),
    (number(5, "goals"), "It scored 5 last year."),
    (number(3.5, "g"), "Fat: ca 3.5 g."),
    (number(-5), "It falls to −5 in winter."),
    (number(0, "gram"), "Fat: ca 0 gram."),
    (number(1945), "In 1945."),
    (example("Iran", "Iraq", kind="all_of"), "Iraq, Syria and Iran are near."),
    (example("right", kind="choice", choices=("left", "right")), "One keeps to the right."),
    (example("a dog", "a puppy", kind="captions"), "A puppy, asleep."),
]
AS_SUBSTRING_ALONE = [
    (example("Oslo"), "The Oslofjord is long."),
    (example("Niger"), "Nigeria is large."),
    (example("47"), "It covers 1,475 of them."),
    (example(".no"), "There is no such page."),
    (example(".at"), "They met at noon."),
    (number(5), "There are 15."),
    (number(5), "There are 1,500."),
    (number(3), "There are 3.5 of them."),
    (number(5), "It falls to -5."),
    (number(2022, "m"), "It rises to 2,022 feet."),
    (number(2022, "m"), "It measures 2,022 km²."),
    (number(2022, "米"), "面积为2,022平方公里。"),
    (number(5, "people"), "It has 5 million inhabitants."),
    (number(552, "人"), "人口为552万人。"),
    (number(12, "gram"), "Fat content 12%."),
    (number(5, "goals"), "It ran 5 km."),
    (example("Guinea", "Mali", kind="all_of"), "Near: Mali and Guineas."),
]
NOT_AT_ALL = [
    (example("Oslo"), "The capital is Bergen."),
    (example("Oslo"), ""),
    (example("!?"), "What!? No."),
    (number(3.5), "There are 35."),
    (number(None), "There are 35."),
    (example("Iran", "Iraq", kind="all_of"), "Iran alone."),
    (example(kind="all_of"), "Iran alone."),
    (example("left", kind="choice", choices=("left", "right")), "One keeps to the right."),
]


@pytest.mark.parametrize(("asked", "text"), STATED)
def test_an_answer_that_stands_in_whole_words_is_stated(asked: Example, text: str) -> None:
    assert states(asked, text, whole_words=True)
    assert states(asked, text, whole_words=False)


@pytest.mark.parametrize(("asked", "text"), AS_SUBSTRING_ALONE)
def test_a_substring_alone_is_what_the_literature_counts(asked: Example, text: str) -> None:
    assert states(asked, text, whole_words=False)
    assert not states(asked, text, whole_words=True)


@pytest.mark.parametrize(("asked", "text"), NOT_AT_ALL)
def test_what_does_not_stand_there_is_not_stated(asked: Example, text: str) -> None:
    assert not states(asked, text, whole_words=False)
    assert not states(asked, text, whole_words=True)


words = st.lists(
    st.sampled_from(["Rome", "Romes", "is", ".", ",", "15", "1,500", "5", "2.5", "首", "都", "m"]), max_size=9
)


@settings(deadline=None)
@given(words, st.sampled_from(["Rome", "首都", "5", "m"]), st.sampled_from(["", " ", "\n"]))
def test_whole_words_are_substrings_and_a_longer_text_states_no_less(found: list[str], answer: str, gap: str) -> None:
    text = gap.join(found)
    for asked in (example(answer), number(5), number(5, "m")):
        whole, part = (states(asked, text, whole_words=how) for how in (True, False))
        assert part or not whole
        assert states(asked, f"Rome. {text} .", whole_words=True) or not whole


@settings(deadline=None)
@given(st.integers(-(10**9), 10**9) | st.integers(0, 10**6).map(lambda n: n / 100), st.sampled_from(["", "m", "人"]))
def test_a_reference_answer_states_itself_and_no_other_number(value: float, unit: str) -> None:
    asked = number(float(value), unit)
    written = reference_answer(asked)
    assert is_right(asked, written)
    for text in (written, f"So it is {written}, they say.", f"共{written}。"):
        assert states(asked, text, whole_words=True)
        assert states(asked, text, whole_words=False)
        assert not states(number(float(value) + 1, unit), text, whole_words=True)


ARTICLE = [
    passage("za", 0, "South Africa has 27 peaks.", "Geography"),
    passage("za", 1, "The calling code is +27. Heights of 27 m are rare.", "Codes"),
    passage("za", 2, "The day is 27 April. Pretoria is far.", "History"),
    passage("za", 3, "电话区号是+27。", "通信", "zh"),
    passage("za", 4, "The capital is Pretoria.", "Cities"),
    passage("no", 0, "Here 27 is the code of Pretoria.", "Codes"),
]
IDS = {
    "no evidence is named": (example("+27", "27", entries=("za",)), "za#0 za#1 za#2 za#3"),
    "a code counts in the evidence and in the other language": (
        example("+27", "27", entries=("za",), evidence=(("za", "Codes"),)),
        "za#1 za#3",
    ),
    "a number too": (number(27, "", entries=("za",), evidence=(("za", "Geography"),)), "za#0 za#3"),
    "words of the text are evidence": (
        example("27", entries=("za",), evidence=(("za", "calling code is +27"),)),
        "za#1 za#3",
    ),
    "words around a passage are evidence": (
        example("27", entries=("za",), evidence=(("za", "Long ago: South Africa has 27 peaks. That is a lot."),)),
        "za#0 za#3",
    ),
    "a name counts wherever it stands": (
        example("Pretoria", entries=("za",), evidence=(("za", "Cities"),)),
        "za#2 za#4",
    ),
    "evidence that does not state it is passed over": (
        example("27", entries=("za",), evidence=(("za", "Cities"),)),
        "za#0 za#1 za#2 za#3",
    ),
    "evidence of another entry is none here": (
        example("27", entries=("za", "no"), evidence=(("no", "Codes"),)),
        "za#0 za#1 za#2 za#3 no#0",
    ),
    "all are needed": (example("Pretoria", "27", entries=("za",), kind="all_of"), "za#2"),
    "nothing states it": (example("Cape Town", entries=("za",), evidence=(("za", "Cities"),)), ""),
    "only right entries count": (example("Pretoria", entries=("no",)), "no#0"),
}


@pytest.mark.parametrize(("asked", "ids"), IDS.values(), ids=IDS)
def test_support(asked: Example, ids: str) -> None:
    assert support(asked, ARTICLE) == tuple(ids.split())


@pytest.mark.parametrize(("asked", "ids"), IDS.values(), ids=IDS)
@settings(deadline=None)
@given(kept=st.sets(st.sampled_from(range(len(ARTICLE)))))
def test_support_follows_from_any_passages_that_hold_it(asked: Example, ids: str, kept: set[int]) -> None:
    there = [p for n, p in enumerate(ARTICLE) if n in kept or p.id in ids.split()]
    assert support(asked, there) == tuple(ids.split())


def test_without_a_named_entry_every_passage_that_states_an_answer_supports_it() -> None:
    found = support(example("27"), ARTICLE)
    assert found == tuple(p.id for p in ARTICLE if states(example("27"), p.text, whole_words=True))
    assert len({name.partition("#")[0] for name in found}) > 1


def test_attribution_is_worked_out_without_torch() -> None:
    code = "import sys; import ravlm.evaluation.attribution.causes; assert not {'torch', 'pint'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
