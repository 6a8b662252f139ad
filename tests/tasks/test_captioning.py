"""What is asked where nothing is, and whose captions are evidence for one that is to be learned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.records import Example
from ravlm.tasks.captioning import prompt, prompted, similar

CAPTION = Example("c", ("c.png",), None, "captions", answers=("A boat.",), entries=("boat",), language="zh")
IDS = st.sampled_from("abcdef")


@pytest.mark.parametrize(
    ("language", "asked"),
    [
        ("en", "Describe this picture."),
        ("en-GB", "Describe this picture."),
        ("zh", "描述这张图片。"),
        ("zh-Hant", "描述这张图片。"),
        ("sw", "Describe this picture in sw."),
    ],
)
def test_a_prompt_says_in_which_language(language: str, asked: str) -> None:
    assert prompt(language) == asked


def test_a_prompt_stands_where_there_is_no_question_and_nowhere_else() -> None:
    asked = prompted(CAPTION)
    assert (asked.question, asked.answers, asked.id) == (prompt("zh"), CAPTION.answers, CAPTION.id)
    assert prompted(asked) is asked


@given(st.lists(IDS, unique=True), st.sets(IDS), st.sets(IDS))
def test_a_picture_s_own_entries_are_never_evidence(nearest: list[str], named: set[str], showing: set[str]) -> None:
    example = Example("c", ("c.png",), None, "captions", entries=tuple(named))
    kept = similar(example, nearest, showing)
    assert not (named | showing) & set(kept)
    assert kept == [entry for entry in nearest if entry in kept]
    assert set(nearest) - set(kept) <= named | showing
