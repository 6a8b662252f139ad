"""What an explanation holds: the answer, and what becomes of it when something is taken away. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass

from ravlm.records import Answer

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels of the picture; half-open."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes of an answer when something is taken away.

    `probability` is what the answer that was given has now: at most that, where it is not `exact`, since output layers
    name their likeliest answers alone. `drop` is what it lost (at least, then); below zero it gained. `text`,
    `confidence` and `abstained` are what is answered now; `entry` is the entry found first, None where nothing was.
    `changed` says whether it is another answer than the one given: a number within the output layer's tolerance is not.
    """

    probability: float
    exact: bool
    drop: float
    text: str
    confidence: float
    abstained: bool
    entry: str | None
    changed: bool


@dataclass(frozen=True, slots=True)
class WithoutModality:
    """Without image, question or knowledge, beside the weight that the fusion gives it, where the mode has weights."""

    name: str
    weight: float | None
    effect: Effect


@dataclass(frozen=True, slots=True)
class WithoutEntry:
    """Without one of the entries that were read: its picture and all of its passages."""

    entry_id: str
    title: str
    effect: Effect


@dataclass(frozen=True, slots=True)
class WithoutPassage:
    """Without one of the passages that were read; `hit` is its place in `Answer.hits`, `cited` whether it is cited."""

    passage_id: str
    hit: int
    cited: bool
    effect: Effect


@dataclass(frozen=True, slots=True)
class WithoutRegion:
    """With a part of the picture covered by grey: the cell `box` of a grid, counted from the top left, and around it.

    `covered` is all of what was: up to twice as wide and high as the cell.
    """

    row: int
    column: int
    box: Box
    covered: Box
    effect: Effect


@dataclass(frozen=True, slots=True)
class WithoutWord:
    """Without a word of the question; `span` are its characters there, `asked` is what was asked without it."""

    word: str
    span: tuple[int, int]
    asked: str
    effect: Effect


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer and what it stands on: one thing at a time is taken away, and the answer asked for again.

    `probability` is what the given answer had; `passage_weights`, one for each of `answer.hits`, are the fusion's, and
    empty where the mode has none: they say how inputs are mixed, not why an answer was given. `nothing_found` is
    without the picture and so without anything that it finds. `key_term` is the content word with the largest drop,
    None where no drop is one in two decimals. `skipped` says how many entries, passages and words were not tried, being
    too many.
    """

    answer: Answer
    probability: float
    passage_weights: tuple[float, ...]
    modalities: tuple[WithoutModality, ...]
    nothing_found: Effect
    entries: tuple[WithoutEntry, ...]
    passages: tuple[WithoutPassage, ...]
    regions: tuple[WithoutRegion, ...]
    words: tuple[WithoutWord, ...]
    key_term: WithoutWord | None
    skipped: Mapping[str, int]
