"""Reading of large and foreign files: streams of JSON members, answers counted, words that stand in articles."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravlm.data.published import source as module
from ravlm.data.published.content import annotated, once
from ravlm.data.published.held import Holding, words_of
from ravlm.data.published.source import SourceFolder, read_members
from ravlm.errors import FormatError
from ravlm.lines import EntryLine, ExampleLine

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), VALUES, max_size=5), st.integers(1, 40), st.booleans(), st.sampled_from([None, 1]))
def test_members_of_an_object_in_pieces(
    tmp_path_factory: pytest.TempPathFactory, value: dict[str, Any], size: int, ascii_only: bool, indent: int | None
) -> None:
    path = tmp_path_factory.mktemp("json") / "large.json"
    path.write_text(json.dumps(value, ensure_ascii=ascii_only, indent=indent), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PIECE", size)
        assert dict(read_members(path)) == value


@pytest.mark.parametrize("size", [1, 2, 7])
def test_numbers_at_the_end_of_a_piece_go_on_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    (tmp_path / "file.json").write_text('{"a": 0.25, "b": 12, "c": -1.5e3 }')
    monkeypatch.setattr(module, "_PIECE", size)
    assert dict(read_members(tmp_path / "file.json")) == {"a": 0.25, "b": 12, "c": -1500.0}


def test_a_question_needs_its_own_article() -> None:
    holding = Holding()
    for name, answer in (("1", "red"), ("2", "blue")):
        line = {"id": name, "images": ["p"], "question": "?", "kind": "answers", "answers": [answer]}
        holding.ask("test", ExampleLine(**line, entries=[name]))
    for name, text in (("1", "It is blue."), ("2", "It is blue, seldom red."), ("3", "Red.")):
        holding.look(EntryLine(id=name, title="Thing", text=text))
    assert holding.unheld() == {"test": ["1"]}


@pytest.mark.parametrize(
    "data", [b"", b"[1]", b'{"a": 1', b'{"a": 1, "b', b'{"a": x}', b'{"a": 12', b'{"a": "\xff"}', b'{"a" 1 2}']
)
def test_what_is_no_whole_object_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file.json").write_bytes(data)
    with pytest.raises(FormatError):
        list(read_members(tmp_path / "file.json"))


ANSWERS = st.lists(st.sampled_from(["a", "b", "c d", "", " "]), max_size=10)


@given(ANSWERS)
def test_annotators_are_counted(answers: list[str]) -> None:
    found, numbers = annotated(answers)
    assert dict(zip(found, numbers, strict=True)) == Counter(a for a in answers if a.strip())
    assert numbers == sorted(numbers, reverse=True)
    assert set(once(answers)) == set(found)


WORDS = st.lists(st.sampled_from(["red", "blue", "Green", "1990"]), max_size=6).map(" ".join)


@settings(max_examples=80)
@given(
    st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4), st.lists(WORDS, min_size=1, max_size=3), st.booleans()
)
def test_words_are_held_as_a_search_by_hand_finds_them(
    articles: list[tuple[str, str]], answers: list[str], named: bool
) -> None:
    entries = [
        EntryLine(id=str(i), title=title or "x", text=text, source="s") for i, (title, text) in enumerate(articles)
    ]
    texts = [answer for answer in answers if answer] or ["red"]
    line = ExampleLine(
        id="q", images=["p.jpg"], question="?", kind="answers", answers=texts, entries=["0"] if named else []
    )
    holding = Holding()
    holding.ask("test", line)
    for entry in entries:
        holding.look(entry)

    def stands(answer: str, entry: EntryLine) -> bool:
        return any(
            f" {' '.join(words_of(answer))} " in f" {' '.join(words_of(text))} "
            for text in (entry.title, entry.text or "")
        )

    held = any(stands(answer, entry) for answer in texts for entry in (entries[:1] if named else entries))
    assert holding.unheld() == {"test": [] if held else ["q"]}
    assert holding.asked == {"test": 1}


def test_what_is_not_looked_for(tmp_path: Path) -> None:
    holding = Holding()
    long = " ".join(map(str, range(9)))
    holding.ask("train", ExampleLine(id="1", images=["p"], question="?", kind="answers", answers=[long, "..."]))
    holding.ask("train", ExampleLine(id="2", images=["p"], kind="captions", captions=["red"]))
    assert holding.unheld() == {}


def test_the_picture_at_the_very_path_comes_first(tmp_path: Path) -> None:
    for place in ("aaa/cat/1.jpg", "cat/1.jpg", "zzz/1.jpg"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    folder = SourceFolder(tmp_path)
    assert folder.picture("cat/1.jpg") == tmp_path / "cat" / "1.jpg"
    assert folder.picture("zzz/1.jpg") == tmp_path / "zzz" / "1.jpg"
    (tmp_path / "mmm" / "dog").mkdir(parents=True)
    (tmp_path / "mmm" / "dog" / "1.jpg").touch()
    assert SourceFolder(tmp_path).picture("dog/1.jpg") == tmp_path / "mmm" / "dog" / "1.jpg"
    assert folder.picture("elsewhere/1.jpg") == tmp_path / "aaa" / "cat" / "1.jpg"
    assert folder.picture("1") == tmp_path / "aaa" / "cat" / "1.jpg"
    assert folder.picture("2", ["3.jpg"]) is None
    assert folder.picture("2", ["1.jpg"]) is not None
