import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.retrieval import words as module
from ravlm.retrieval.words import STOP_WORDS, Analyzer, words

PLAIN = Analyzer(stems=False, stop_words=())


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("29,743 people, 1,234,567.5 in all", ["29743", "people", "1234567.5", "in", "all"]),
        ("3.5 or 3,5 or 192.168.0.1.", ["3.5", "or", "3,5", "or", "192.168.0.1"]),
        (
            "-5 −5 (-5) 1990-1995 covid-19 10%-20%",
            ["-5", "-5", "-5", "1990", "1995", "covid", "19", "10", "%", "20", "%"],
        ),
        ("500g, 500 g and 3d", ["500", "g", "500", "g", "and", "3", "d"]),
        ("km² km2 m³ CO₂ B12", ["km2", "km2", "m3", "co2", "b12"]),
        ("5 °C, 5℃, 90°", ["5", "°c", "5", "°c", "90", "°"]),
        ("１０％ ㎏ ﬁne", ["10", "%", "kg", "fine"]),
        ("the country's king’s dogs, it's", ["the", "country", "king", "dogs", "it"]),
        ("Straße ΑΣ", ["strasse", "ας".casefold()]),
        ("हिन्दी café", ["हिन्दी", "café"]),
        ("...!?", []),
        ("", []),
    ],
)
def test_words_numbers_and_units_stay_whole(text: str, terms: list[str]):
    assert PLAIN(text) == terms


@pytest.mark.parametrize(
    ("ideographs", "terms"),
    [
        ("characters and pairs", ["首", "都", "是", "首都", "都是", "h5", "我"]),
        ("characters", ["首", "都", "是", "h5", "我"]),
        ("pairs", ["首都", "都是", "h5", "我"]),
    ],
)
def test_chinese_beside_latin_letters(ideographs: module.Ideographs, terms: list[str]):
    assert Analyzer(ideographs=ideographs)("首都是H5我") == terms


def test_japanese_words_end_at_the_middle_dot():
    assert Analyzer(ideographs="pairs")("アメリカ・人々") == ["アメ", "メリ", "リカ", "人々"]


def test_stems_and_stop_words_are_of_latin_words():
    assert Analyzer()("Which are the capitals of these countries?") == ["capit", "countri"]
    assert Analyzer(stems=False)("Which are the capitals?") == ["capitals"]
    assert Analyzer()("столицы стран") == ["столицы", "стран"]
    assert Analyzer(stop_words=("capitals",))("The capitals") == ["the"]
    assert not {"m", "d", "o", "y", "bill", "fire", "system"} & set(STOP_WORDS)


def test_left_out_are_the_words_that_give_no_term():
    assert Analyzer().left_out("What is the capital of it?") == ["what", "is", "the", "of", "it"]
    assert Analyzer().left_out("capital, 首都 ...") == []


def test_an_analyser_is_made_again_from_its_settings():
    made = Analyzer(stems=False, stop_words=("x",), ideographs="pairs")
    assert Analyzer.of(made.settings()) == made != Analyzer()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"stems": True, "stop_words": [], "ideographs": "words"},
        {"stems": True, "stop_words": [], "ideographs": "pairs", "more": 1},
        {"stems": True, "stop_words": [1.5], "more": 1},
    ],
)
def test_other_settings_are_none(settings: dict[str, object]):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Analyzer.of(settings)


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=60))
def test_text_in_ascii_is_read_as_any_other(text: str):
    assert module._PLAIN.findall(text.lower()) == module._MARKED.findall(text.lower())


@given(st.text(max_size=60))
def test_terms_have_no_space_and_no_case(text: str):
    assert all(term and term == "".join(term.split()) for term in Analyzer()(text))
    if text.isascii():
        assert Analyzer()(text.upper()) == Analyzer()(text.lower())


def test_what_trained_models_read_stays_as_it_is():
    assert words("It's 29,743 km² (-5)!") == ["it", "s", "29,743", "km", "2", "5"]
    assert words("a1 iPhone手机 手机") == ["a", "1", "iphone手机", "手", "机", "手机"]
