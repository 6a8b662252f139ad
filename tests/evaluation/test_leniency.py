"""Answers that the measure calls wrong though they are right in substance, and the many that are just wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravlm.evaluation.attribution import quantities as q
from ravlm.evaluation.attribution.leniency import excuse
from ravlm.grading import is_right, reference_answer
from ravlm.records import Example


def example(*answers: str, question: str = "What is the capital of this country?", **kwargs: object) -> Example:
    fields = {"id": "q", "images": ("a.jpg",), "question": question, "kind": "answers", "answers": answers, **kwargs}
    return Example(**fields)  # type: ignore[arg-type]


def number(value: float | None, unit: str | None = "") -> Example:
    return example(kind="number", value=value, unit=unit, question="How much is it?")


NEIGHBOURS = example("Iran", "Iraq", kind="all_of", question="Which are the neighbours?")
CHOICE = example("Oslo", kind="choice", choices=("Bergen", "Oslo", "Moss"))
MALI, PEOPLE, HEIGHT = number(2780400, "km²"), number(124400000, "人"), number(2022, "m")
EXCUSED = {
    "unit": [
        (
            HEIGHT,
            "6,634 feet; 6633.9ft; 2.022 km; 2,022 metres; 2022米; 2,022公尺; 2.02 km; 2,022 m (6,634 feet)",
        ),
        (
            MALI,
            "2.78 million km²; 2.78 million; 278万平方公里; 278万; 1,073,518 square miles; 2,780,400平方公里",
        ),
        (MALI, "1,073,500 sq mi; 2.7804 trillion m²; It is 2.78 million km²."),
        (PEOPLE, "1亿2440万; 1.244亿人; 124,400,000 people; 124.4 million; 124,400 thousand inhabitants; 约1.244亿"),
        (number(0.5, "l"), "500 ml; 50 cl; 5dl; 0.5 litres; 500毫升"),
        (number(1, "kg"), "1,000 g; 2斤; 1公斤; 1千克; 1000 grams; 1 Kilogram"),
        (number(5, "°C"), "41 °F"),
        (number(0, "gram"), "0 mg; 0公斤"),
        (example("2,469 m"), "8,100 feet; 2.469 km"),
    ],
    "wording": [
        (HEIGHT, "about 2,022 m; it is 2,022 m.; approx. 2,022; 约2022 m; 2,022 or so"),
        (number(1945), "in 1945; 1945年; The year 1945"),
        (number(5, "people"), "five people; Five.; 五"),
        (
            example("Oslo"),
            "The capital of Norway is Oslo.; Oslo is the capital; the city of Oslo; It's Oslo!; in Oslo; oslo (Oslo)",
        ),
        (example("奥斯陆", question="这个国家的首都是哪里？"), "首都是奥斯陆。; 这是奥斯陆; 名为奥斯陆"),
        (example("left", "左"), "left side; on the left; the left-hand side of the road; 左边; 靠左; 左手边"),
        (example("25 May"), "May 25; 25th of May; the 25th of May; May 25th; 5月25日; on May 25"),
        (example("5月25日"), "25 May; 5月25号"),
        (example("São Tomé"), "Sao Tome"),
        (example("Galdhøpiggen"), "Galdhopiggen"),
        (example("Mount Fuji"), "Mt. Fuji; mt fuji"),
        (example("Trinidad & Tobago"), "Trinidad and Tobago"),
        (
            NEIGHBOURS,
            "both Iran and Iraq; Iraq as well as Iran; Iran & Iraq; The neighbours are Iran, Iraq",
        ),
        (CHOICE, "B) Oslo; (b) oslo; B. Oslo"),
    ],
}
NEVER = [
    (
        HEIGHT,
        "2,023 m; 2,022 feet; 2,022 km; 6,600 feet; 2 km; 2,022 m (6,700 feet); 2,023 m (6,634 feet); 2022-2023 m",
    ),
    (HEIGHT, "not 2,022 m; 2,022 or 2,023 m; over 2,022 m; 2,022 km²; 2,022 million; two thousand; -2,022 m; 2.022"),
    (MALI, "2.8 million km²; 3 million; 2.79 million km²; 2.78 billion; 2.78 million km; 2.78 million people; 2.78"),
    (PEOPLE, "1亿2440; 1240 million; 2440万1亿"),
    (number(10580000, "人"), "1060万人; 10.6 thousand"),
    (number(1, "l"), "33 oz; 1300 ml; 1 kg; 1 million ml"),
    (number(1945), "1946年; 1945 km; 1,945 m; 1945 or 1946; 19 45"),
    (number(31, "percent"), "0.31; 310 ‰"),
    (number(5, "people"), "5 km; six; 5 million; fifty; five thousand"),
    (number(0, "gram"), "0.001 mg; 1 mg; 0 km"),
    (number(None), "5; five"),
    (
        example("Oslo"),
        "not Oslo; Oslo or Bergen; Oslo, Bergen; New Oslo; Oslofjord; The capital is not Oslo; Oslo is not it",
    ),
    (
        example("Oslo"),
        "Bergen is the capital and Oslo; Oslo is smaller than the capital; The former capital is Oslo; Oslo is old",
    ),
    (
        example("Oslo"),
        "the capital once is Oslo; Oslo is a word of four letters that nobody ever calls a capital of this one",
    ),
    (example("奥斯陆", question="这个国家的首都是哪里？"), "首都不是奥斯陆; 奥斯陆或卑尔根; 非奥斯陆; 奥斯陆大学"),
    (example("Guinea"), "Equatorial Guinea; Guinea-Bissau; New Guinea"),
    (example("left"), "right; left or right; left and right; right side; 右边"),
    (example("25 May"), "26 May; May 2; 25 June; 25 May 1963; 5月26日; 25"),
    (example("Kenya"), "Mount Kenya"),
    (example("Mount Kenya"), "Kenya"),
    (example("070"), "70; seventy"),
    (
        NEIGHBOURS,
        "Iran; both Iran; Iran, Iraq, Syria; both Iran and Iraq and Syria; not Iran and Iraq; Iran or Iraq; neither",
    ),
    (example("Guinea", "Mali", kind="all_of"), "both Guinea-Bissau and Mali; Mali and Equatorial Guinea"),
    (CHOICE, "A) Oslo; B) Bergen; B; Bergen"),
    (example("a dog", kind="captions"), "a dog; a dog."),
]


def each(cases: list[tuple[Example, str]]) -> list[tuple[Example, str]]:
    return [(asked, answer) for asked, answers in cases for answer in answers.split("; ")]


@pytest.mark.parametrize(("asked", "answer"), each(EXCUSED["unit"]))
def test_the_same_quantity_in_another_unit(asked: Example, answer: str) -> None:
    assert not is_right(asked, answer)
    assert excuse(asked, answer) == "unit"


@pytest.mark.parametrize(("asked", "answer"), each(EXCUSED["wording"]))
def test_a_right_answer_in_other_words(asked: Example, answer: str) -> None:
    assert not is_right(asked, answer)
    assert excuse(asked, answer) == "wording"


@pytest.mark.parametrize(("asked", "answer"), [*each(NEVER), (example("Oslo"), ""), (example("Oslo"), " .")])
def test_a_wrong_answer_is_not_excused(asked: Example, answer: str) -> None:
    assert excuse(asked, answer, ("Kristiania",)) is None


def test_other_names_are_aliases() -> None:
    norway = example("Norway")
    assert excuse(norway, "挪威", ("挪威", "")) == "alias"
    assert excuse(norway, "It is 挪威.", ("挪威",)) == "alias"
    assert excuse(norway, "Norway (挪威)", ("挪威",)) == "alias"
    assert excuse(norway, "Norway, Sweden", ("挪威",)) is None
    assert excuse(norway, "挪威") is None
    assert excuse(norway, "瑞典", ("挪威",)) is None
    assert excuse(norway, "", ("",)) is None
    assert excuse(CHOICE, "Moss", ("Moss",)) is None  # another choice, whatever else it names
    assert excuse(HEIGHT, "tall", ("tall",)) is None


def test_where_all_are_needed_there_must_be_one_other_name_for_each() -> None:
    assert excuse(NEIGHBOURS, "伊拉克、伊朗", ("伊朗", "伊拉克")) == "alias"
    assert excuse(NEIGHBOURS, "伊朗", ("伊朗", "伊拉克")) is None
    assert excuse(NEIGHBOURS, "伊朗", ("伊朗",)) is None
    assert excuse(NEIGHBOURS, "伊朗、波斯", ("伊朗", "波斯", "伊拉克")) is None  # twice the same country
    assert excuse(NEIGHBOURS, "Iran and 伊朗", ("伊朗", "伊拉克")) is None
    assert excuse(example("Iran", kind="all_of"), "伊朗", ("伊朗", "波斯")) == "alias"


CASES = [case for kind in EXCUSED.values() for case in each(kind)] + each(NEVER)


@settings(deadline=None)
@given(st.sampled_from(CASES), st.sampled_from([str.upper, str.lower, str.title]), st.sampled_from(["", " ", " \t"]))
def test_case_and_space_make_no_difference(case: tuple[Example, str], change: object, space: str) -> None:
    asked, answer = case
    changed = space + change(answer).replace(" ", space + " ") + space  # type: ignore[operator]
    assert excuse(asked, changed) == excuse(asked, answer)


UNITS = ("", "m", "km²", "人", "people", "平方公里", "gram", "year", "goals", "°C")


@settings(deadline=None)
@given(st.integers(-(10**7), 10**7), st.integers(-(10**7), 10**7), st.sampled_from(UNITS), st.sampled_from(UNITS))
def test_a_different_number_is_never_excused(value: int, other: int, unit: str, written: str) -> None:
    asked = number(float(value), unit)
    for answer in (f"{other} {written}", f"{other:,}{written}", f"about {other} {written}", f"It is {other}."):
        if other != value:
            assert excuse(asked, answer) is None
        if is_right(asked, answer):
            assert excuse(asked, answer) is None


@settings(deadline=None)
@given(st.integers(100, 10**9), st.sampled_from([("m", "feet", 0.3048), ("km²", "square miles", 2.589988110336)]))
def test_a_quantity_converted_is_excused_and_one_a_hundredth_off_is_not(
    value: int, units: tuple[str, str, float]
) -> None:
    unit, other, worth = units
    asked = number(float(value), unit)
    assert excuse(asked, f"{value / worth:,.2f} {other}") == "unit"
    assert excuse(asked, f"{value * 1.01 / worth:,.2f} {other}") is None
    assert excuse(asked, f"{value / worth:,.2f} {unit}") is None


@settings(deadline=None)
@given(st.sampled_from([case[0] for case in CASES if case[0].kind != "captions"]))
def test_a_right_answer_needs_no_excuse(asked: Example) -> None:
    answer = reference_answer(asked)
    assert excuse(asked, answer, (answer, *asked.answers)) is None


@settings(deadline=None)
@given(st.text(max_size=30), st.sampled_from(CASES), st.lists(st.text(max_size=5), max_size=3))
def test_any_text_gets_an_answer(text: str, case: tuple[Example, str], names: list[str]) -> None:
    found = excuse(case[0], text, names)
    assert found in {"alias", "unit", "wording", None}
    assert found is None or not is_right(case[0], text)


def test_a_quantity_says_how_precise_it_is() -> None:
    assert q.parse_quantity("193,000 square miles") == q.Quantity(193000.0, "square miles", 3, 1000.0, False)
    assert q.parse_quantity("1060万人") == q.Quantity(10600000.0, "人", 4, 1e4, True)
    assert q.parse_quantity("−0.50 °C") == q.Quantity(-0.5, "°c", 2, 0.01, False)
    assert q.parse_quantity("1亿2440万") == q.Quantity(124400000.0, "", 5, 1e4, True)
    for text in ("", "km", "5 or 6 km", "5,6", "1.2.3", "2,022,5 m", "2440万1亿"):
        found = q.parse_quantity(text)
        assert found is None or q.unit_of(found.unit) is None, text


@pytest.mark.parametrize(
    "word", ["as", "has", "at", "in", "a", "are", "and", "the", "is", "pa", "us", "goals", "", "ton"]
)
def test_words_that_pint_would_take_for_units_are_none(word: str) -> None:
    assert q.unit_of(word) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [("平方公里", "km²"), ("千米", "km"), ("公顷", "ha"), ("毫升", "ml"), ("square metres", "m2"), ("per cent", "%")],
)
def test_units_have_many_names(one: str, other: str) -> None:
    assert q.same_quantity(q.Quantity(7.0, one, 1, 1.0, False), 7.0, other)
    assert not q.other_unit_follows(f" {one}.", other)
    assert q.other_unit_follows(f" {one}.", "day")
