import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.knowledge.passages import (
    LONGEST,
    LONGEST_ELSE,
    guess_language,
    passages,
    sentence_around,
    sentences,
    word_spans,
)
from ravlm.records import Entry, Section

TEXTS = st.text(st.sampled_from('abc Mr.!?。！？”"\n的一, ，'), max_size=900) | st.text(max_size=200)


def _texts(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@given(
    st.lists(st.tuples(TEXTS, st.sampled_from([None, "en", "zh", "zh-TW"])), max_size=3),
    st.sampled_from(["en", "zh"]),
)
def test_spans_are_exact_in_order_and_lose_nothing(texts: list[tuple[str, str | None]], language: str) -> None:
    sections = tuple(Section(f"s{i}", text, spoken) for i, (text, spoken) in enumerate(texts))
    made = passages(Entry("e", "E", sections=sections, language=language))
    assert [p.id for p in made] == [f"e#{i}" for i in range(len(made))]
    for section in sections:
        own = [p for p in made if p.section == section.title]
        spoken = section.language or language
        at = 0
        for passage in own:
            assert passage.text == section.text[slice(*passage.span)] == passage.text.strip() != ""
            assert passage.span[0] >= at
            assert section.text[at : passage.span[0]].strip() == ""
            assert len(passage.text) <= LONGEST.get(spoken[:2], LONGEST_ELSE)
            assert passage.language == spoken
            at = passage.span[1]
        assert section.text[at:].strip() == ""


def test_sentences_end_in_english() -> None:
    text = 'Mr. J. Smith has 3.5 km. He left! "Why?" Nobody knows... Volume: 750 g. The end'
    assert _texts(text) == [
        "Mr. J. Smith has 3.5 km.",
        "He left!",
        '"Why?"',
        "Nobody knows...",
        "Volume: 750 g.",
        "The end",
    ]


def test_sentences_end_in_chinese() -> None:
    assert _texts("北京是首都。人口很多！“真的吗？”是的") == ["北京是首都。", "人口很多！", "“真的吗？”", "是的"]


@pytest.mark.parametrize(
    ("text", "language", "first"),
    [
        ("它于1992年加入。1991年独立。", "zh", "它于1992年加入。"),
        ("数字代码为070。BEL是字母代码。", "zh", "数字代码为070。"),
        ("It rises to 2,684 m. The top is Mount Heha.", "en", "It rises to 2,684 m."),
        ("Addresses end in .ca. To phone, dial +1.", "en", "Addresses end in .ca."),
        ("Das sind z. B. Äpfel. Und Birnen.", "de", "Das sind z. B. Äpfel."),
        ("See Dr.\u00a0Smith. He knows.", "en", "See Dr.\u00a0Smith."),
        ("首都は東京です。2番目は大阪です。", "ja", "首都は東京です。"),
    ],
)
def test_sentences_that_are_easily_missed(text: str, language: str, first: str) -> None:
    spans = sentences(text, language)
    assert [text[start:end] for start, end in spans] == [first, text[len(first) :].strip()]


@given(
    st.text(st.sampled_from("aM.!?。！”\n \u00a0\u2028\u3000\x85\ufeff的1)éß😀"), max_size=80),
    st.sampled_from(["en", "zh", "de", "xx", ""]),
)
def test_no_character_is_lost_at_whatever_space(text: str, language: str) -> None:
    at = 0
    for start, end in sentences(text, language):
        assert text[at:start].strip() == ""
        assert text[start:end].strip() == text[start:end] != ""
        at = end
    assert text[at:].strip() == ""


@pytest.mark.parametrize("text", ["A rose.\n\n", "One.\n\n Two.\n\n ", "玫瑰。\n\n", "。", ".\n"])
def test_a_text_may_end_in_blank_lines(text: str) -> None:
    assert [text[a:b] for a, b in sentences(text)] == [part.strip() for part in text.split("\n\n") if part.strip()]


def test_paragraphs_end_sentences_and_passages() -> None:
    assert _texts("No full stop\n\nNext") == ["No full stop", "Next"]
    assert [p.text for p in passages(Entry("e", "E", text="One.\n\nTwo. Three."))] == ["One.", "Two. Three."]


def test_short_sentences_share_a_passage() -> None:
    made = passages(Entry("e", "E", text="A sentence of thirty-two letters. " * 20))
    assert len(made) == 3
    assert all(p.text.endswith("letters.") for p in made)


def test_an_entry_without_text_has_no_passages() -> None:
    assert passages(Entry("e", "E")) == ()
    assert passages(Entry("e", "E", text=" \n ")) == ()


@pytest.mark.parametrize(
    ("word", "sentence"),
    [("Paris", "Its capital is Paris."), ("France", "France is a country."), ("euro", "It pays in euro")],
)
def test_the_sentence_around_a_span(word: str, sentence: str) -> None:
    text = "France is a country. Its capital is Paris. It pays in euro"
    at = text.index(word)
    assert sentence_around(text, (at, at + len(word))) == sentence


def test_a_span_over_two_sentences_has_both() -> None:
    assert sentence_around("An ant. Come due. Every fox.", (3, 12)) == "An ant. Come due."
    assert sentence_around("", (0, 0)) == ""


@pytest.mark.parametrize(
    ("text", "language"),
    [("这面旗是France的国旗，首都在哪里？", "zh"), ("The word 中国 means China", "en"), ("", "en"), ("123", "en")],
)
def test_language_is_guessed(text: str, language: str) -> None:
    assert guess_language(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "Its highest point is Mt. Elbert.",
        "Made by Kettle Foods Ltd. in Norwich.",
        "The national day is Nov. 11 each year.",
        "It is sold in packs of approx. 12 pieces.",
        "The firm, e.g. by post. or by ship, delivers.",
    ],
)
def test_a_full_stop_within_a_sentence_ends_none(text):
    assert [text[a:b] for a, b in sentences(text)] == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from -5 to 10-15 degrees", ["from", "-5", "to", "10", "-", "15", "degrees"]),
        ("温度为-5度", ["温", "度", "为", "-5", "度"]),
        ("Sa\u0303o Tomé", ["Sa\u0303o", "Tomé"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("UYU(1.5kg)", ["UYU", "(", "1.5", "kg", ")"]),
    ],
)
def test_words_are_whole(text, expected):
    assert [text[a:b] for a, b in word_spans(text)] == expected
