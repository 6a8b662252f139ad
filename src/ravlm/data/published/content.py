"""What the reader of a benchmark hands on: examples and articles in the format, still without their pictures."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import ValidationError

from ravlm.lines import EntryLine, ExampleLine, Line
from ravlm.safe.jsonl import Fault, faults_of

Made = TypeVar("Made", bound=Line)

BLANK = "blank_answers"
"""The field of `meta` with the number of annotators who gave no answer: the authors' files count them."""

OtherNames = Callable[[str], Sequence[str]]
"""From a picture's path, as the authors give it, to other names that its file goes by."""


def no_other_names(path: str) -> Sequence[str]:
    """A picture that goes by no other name."""
    return ()


@dataclass(frozen=True)
class Content:
    """A benchmark's files, read.

    The lines name pictures by the paths that the authors give; `write_published` finds them and says where they lie
    in the dataset. `splits` are gone through once, and `entries` before them: evidence then names sections that there
    are.

    Attributes:
        splits: the examples by split, under their names here.
        entries: the articles of the benchmark's own knowledge base; None where it has none.
        asked: ids of the articles that examples name.
        other_names: what else a picture's file may be called.
        faults: where the lines' faults are told as they are made; to be looked at when a split is through.
        unanswered: by split, the ids of questions to which annotators gave blanks alone: they are no examples. Told as
            the lines are made.
        hint: what else may help where pictures are missing.
    """

    splits: Mapping[str, Iterable[ExampleLine]]
    faults: list[Fault]
    entries: Iterable[EntryLine] | None = None
    asked: frozenset[str] = frozenset()
    other_names: OtherNames = no_other_names
    unanswered: Mapping[str, list[str]] = field(default_factory=dict)
    hint: str = ""


@dataclass(frozen=True)
class Wanted:
    """What is asked of a reader: which of the benchmark's variants and splits, how, and with which articles."""

    variant: str = ""
    splits: tuple[str, ...] = ()
    ask: str = ""
    articles: bool = True
    seed: int = 0


def annotated(answers: Iterable[str]) -> tuple[list[str], list[int]]:
    """Answers by several annotators: each once, the commonest first, and how many gave it. Empty ones are left out.

    >>> annotated(["cat", "a cat", "cat"])
    (['cat', 'a cat'], [2, 1])
    """
    counts = Counter(answer for answer in answers if answer.strip())
    ranked = sorted(counts.items(), key=lambda item: -item[1])  # stable: as they were given, within a number
    return [answer for answer, _ in ranked], [number for _, number in ranked]


def blanks(answers: Iterable[str]) -> dict[str, int]:
    """How many annotators left their answer empty, as examples hold it in `meta`; nothing where none did.

    >>> blanks(["cat", "", " "]), blanks(["cat"])
    ({'blank_answers': 2}, {})
    """
    number = sum(not answer.strip() for answer in answers)
    return {BLANK: number} if number else {}


def once(values: Iterable[str]) -> list[str]:
    """The values that hold something, each once, in order.

    >>> once(["b", "", "a", "b"])
    ['b', 'a']
    """
    return [value for value in dict.fromkeys(values) if value.strip()]


def made(model: type[Made], faults: list[Fault], file: str, **values: Any) -> Iterator[Made]:
    """A line of the dataset, or none where authors' values don't fit the format: the faults then say which."""
    try:
        yield model(**values)
    except ValidationError as error:
        found = faults_of(error, file)
        faults.extend(replace(fault, field=f"{values.get('id')} {fault.field}".strip()) for fault in found)
