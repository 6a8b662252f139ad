"""Answers as text: round trips in two languages, and copied words as they stand in their passage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from builders import TEXTS
from ravlm.encoders.tokenizer import train_tokenizer
from ravlm.heads.generation_text import AnswerTokenizer, Source

TEXT = (
    "Birnin Zana (the “Golden City”), 29,743 people; 12.5 km, since 1990 a well-known place, isn't it? "
    "首都是罗马城，在南方。"
)


@pytest.fixture(scope="module")
def tokens():
    return AnswerTokenizer(train_tokenizer([*TEXTS, TEXT], 300))


def byte_level():
    """As GPT-2's: a letter of another script is several tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate([*alphabet, "<|endoftext|>"])}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return AnswerTokenizer(tokenizer, mark=256)


@pytest.mark.parametrize(
    "text",
    [
        "Birnin Zana",
        "29,743 people",
        "12.5 km",
        "首都是罗马城",
        "首都是罗马城。",
        "弗里多尼亚，罗马",
        "well-known",
        "isn't it?",
        "a place (since 1990)",
        "罗马 1990",
    ],
)
def test_what_is_spoken_comes_back_without_spaces_that_nobody_wrote(tokens, text):
    ids = tokens.encode(text)
    expected = "罗马1990" if text == "罗马 1990" else text.lower()
    assert tokens.text(ids, [None] * len(ids)) == expected


def test_a_byte_level_tokeniser_gives_back_the_very_text():
    tokens = byte_level()
    text = "Roma, 首都是罗马城。 29,743"
    ids = tokens.encode(text)
    assert len(ids) == len(text.encode())
    assert (tokens.start, tokens.end, tokens.pad, tokens.size) == (256, 256, 256, 257)
    assert tokens.text(ids, [None] * len(ids)) == text
    passage = "of 罗马 (Roma)."
    copied = [Source(0, passage, 7, 11), None, None, None, None]
    assert tokens.text([65, *tokens.encode(" 城")], copied) == "Roma 城"


@given(st.data())
def test_what_is_copied_side_by_side_is_cut_out_of_the_passage(data):
    tokens = AnswerTokenizer(train_tokenizer([*TEXTS, TEXT], 300))
    ids, places = tokens.places(TEXT)
    first = data.draw(st.integers(0, len(ids) - 1))
    last = data.draw(st.integers(first, len(ids) - 1))
    sources = [Source(0, TEXT, a, b) for a, b in places[first : last + 1]]
    assert tokens.text(ids[first : last + 1], sources) == TEXT[places[first][0] : places[last][1]]


def test_words_copied_from_apart_and_words_spoken_are_put_together(tokens):
    ids, places = tokens.places(TEXT)
    at = {TEXT[a:b]: n for n, (a, b) in enumerate(places)}

    def copied(word, hit=0):
        a, b = places[at[word]]
        return ids[at[word]], Source(hit, TEXT, a, b)

    spoken = (tokens.encode("people")[0], None)
    for pieces, expected in [
        ([copied("City"), copied("Zana")], "City Zana"),
        ([copied("罗"), copied("是")], "罗是"),
        ([spoken, copied("Zana")], "people Zana"),
        ([copied("Zana"), spoken], "Zana people"),
        ([copied("Zana"), copied("Zana", 1)], "Zana Zana"),
        ([copied("City"), copied("?")], "City?"),
    ]:
        assert tokens.text(*map(list, zip(*pieces, strict=True))) == expected


def test_a_word_outside_the_vocabulary_can_be_copied_and_not_said(tokens):
    passage = "Its name is Ωmega, 鑫城."
    ids, places = tokens.places(passage)
    unknown = tokens.tokenizer.token_to_id("[UNK]")
    assert unknown in ids
    assert unknown not in tokens.encode(passage)
    n = next(n for n, (a, b) in enumerate(places) if passage[a:b] == "鑫")
    assert ids[n] == unknown
    sources = [Source(0, passage, *place) for place in places[n : n + 2]]
    assert tokens.text(ids[n : n + 2], sources) == "鑫城"
    assert tokens.text([*tokens.encode("the"), unknown], [None, sources[0]]) == "the鑫"
    assert tokens.text([*tokens.encode("the"), unknown], [None, None]) == "the"
    omega = Source(0, passage, passage.index("Ω"), passage.index("Ω") + 1)
    assert tokens.text([*tokens.encode("the"), unknown], [None, omega]) == "the Ω"


def test_places_of_two_passages_are_not_side_by_side(tokens):
    ids = tokens.encode("the city")
    assert tokens.text(ids, [Source(0, "The city", 0, 3), Source(1, "Big City", 4, 8)]) == "The City"
    assert tokens.text(ids, [Source(0, "the-----", 0, 3), Source(1, "big City", 4, 8)]) == "the City"
    assert tokens.text(ids, [Source(0, "ofthe", 2, 5), Source(1, "a bigCity", 5, 9)]) == "the City"
    assert tokens.text(ids, [Source(0, "ofthe", 2, 5), Source(0, "oftheCity", 5, 9)]) == "theCity"


def test_marks_are_new_ids_behind_the_tokenisers_own(tokens):
    own = tokens.tokenizer.get_vocab_size()
    assert (tokens.start, tokens.end, tokens.pad, tokens.size) == (own, own + 1, own + 2, own + 3)


def test_white_space_at_a_tokens_ends_is_not_counted():
    tokens = byte_level()
    assert tokens.places("a b")[1] == [(0, 1), (2, 2), (2, 3)]


def test_nothing_is_an_empty_text(tokens):
    assert tokens.text([], []) == ""
    assert tokens.encode("") == []


def test_what_others_set_in_a_tokeniser_cuts_and_fills_no_text(tokens):
    shared = Tokenizer.from_str(tokens.tokenizer.to_str())
    shared.enable_truncation(3)
    shared.enable_padding(length=40)
    assert AnswerTokenizer(shared).places(TEXT) == tokens.places(TEXT)
    assert len(shared.encode(TEXT).ids) == 40  # it is left as it was
