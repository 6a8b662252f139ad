"""What a decoder should write: a passage's own words where the answer stands in one of the right entry."""

from dataclasses import replace

import pytest
import torch

from builders import TEXTS, knowledge, passage
from ravlm.encoders.tokenizer import tokenize, train_tokenizer
from ravlm.heads.generation import GenerationHead
from ravlm.heads.generation_decoder import compact_decoder
from ravlm.heads.generation_text import AnswerTokenizer
from ravlm.records import Example
from ravlm.tasks.generation import AnswerWriter
from ravlm.tensors import Kind

RIGHT = passage("Freedonia has 29,743 people. Its capital is The Fredville.")
WRONG = passage("Sylvania has 29743 people. Its capital is Fredville.", entry_id="sylvania")
CHINESE = passage("弗里多尼亚的首都是弗雷德维尔，人口29743。", ordinal=1)
TOKENIZER = train_tokenizer([*TEXTS, RIGHT.text, WRONG.text, CHINESE.text], 300)
TOKENS = AnswerTokenizer(TOKENIZER)


def writer(longest=12):
    decoder = compact_decoder(TOKENS, width=8, layers=1, heads=2, longest=longest)
    return AnswerWriter(GenerationHead(width=8, decoder=decoder, tokens=TOKENS, longest=longest))


def example(*answers, entries=("freedonia",), **fields):
    return Example("x", (), "?", fields.pop("kind", "answers"), answers=answers, entries=entries, **fields)


def words(ids):
    return [TOKENIZER.id_to_token(i) for i in ids]


PEOPLE = example(kind="number", value=29743.0)


@pytest.mark.parametrize(
    ("asked", "passages", "expected"),
    [
        (PEOPLE, [RIGHT], "29,743"),
        (PEOPLE, [CHINESE, RIGHT], "29743"),  # the first passage's way of writing
        (PEOPLE, [WRONG, RIGHT], "29,743"),  # never another entry's
        (example("Fredville"), [RIGHT], "Fredville"),  # without the article
        (example("弗雷德维尔"), [CHINESE], "弗雷德维尔"),
        (example("Fredville", entries=()), [WRONG, RIGHT], "Fredville"),
        (PEOPLE, [passage("It had 29743 people, or 29,743.")], "29743"),
        (example("green"), [RIGHT], "green"),  # it stands nowhere: by heart
        (PEOPLE, [], "29,743"),
        (example("Fredville"), [WRONG], ""),  # none of these
    ],
)
def test_the_answer_as_it_stands_in_the_right_passage(asked, passages, expected):
    assert words(writer().answer(asked, passages)) == words(TOKENS.encode(expected))


@pytest.mark.parametrize("passages", [[], [WRONG], [RIGHT, WRONG]])
def test_a_caption_is_its_first_reference_whatever_was_found(passages):
    caption = example("a green man", "man, green", kind="captions")
    assert words(writer().answer(caption, passages)) == words(TOKENS.encode("a green man"))


def test_rows_are_padded_behind_the_end_mark_and_pictures_are_not_read():
    rows = [[RIGHT, WRONG], [WRONG, RIGHT]]
    texts = tokenize(TOKENIZER, [p.text for row in rows for p in row], 40)
    found = knowledge(rows, texts, width=8)
    found = replace(found, kind=torch.tensor([[0, 0], [int(Kind.TEXT), int(Kind.NOTHING)]]))
    made = writer().targets([PEOPLE, PEOPLE], found)
    n = len(TOKENS.encode("29,743"))
    assert made.ids[0].tolist() == [*TOKENS.encode("29,743"), TOKENS.end]
    assert made.ids[1].tolist() == [TOKENS.end, *[TOKENS.pad] * n]
    assert made.mask.tolist() == [[True] * (n + 1), [True] + [False] * n]


def test_answers_longer_than_the_head_writes_are_cut_without_an_end():
    rows = [[RIGHT]]
    found = knowledge(rows, tokenize(TOKENIZER, [RIGHT.text], 40), width=8)
    long = example("a man a plan a canal")
    made = writer(longest=4).targets([long], found)
    assert made.ids[0].tolist() == TOKENS.encode("a man a plan a canal")[:4]
    assert made.mask.all()


def test_an_answer_that_is_found_once_is_kept():
    made = writer()
    first = made.answer(PEOPLE, [RIGHT])
    assert made.answer(PEOPLE, [RIGHT]) == first
    other = example(kind="number", value=3.0)
    assert made.answer(other, [RIGHT]) == TOKENS.encode("3")
