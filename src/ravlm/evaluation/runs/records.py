"""The lines of a run: what was observed in `AskedQuestion` and `RunAnswer`, what is worked out of it in `Outcome`.

No torch and no files; `folder.py` reads and writes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from ravlm.records import Example

EvidenceKind = Literal["prior", "none", "retrieved", "oracle", "removed", "wrong"]
EVIDENCE: tuple[EvidenceKind, ...] = ("prior", "none", "retrieved", "oracle", "removed", "wrong")

Cause = Literal["", "entry", "passage", "reader", "measure", "luck"]
CAUSES: tuple[Cause, ...] = ("entry", "passage", "reader", "measure", "luck")
"""Why a question counts as it does; "" is a right answer that stands on its evidence. See `attribution.causes`."""

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question of the run, as the dataset has it, with what the knowledge base says of its answer.

    `photo` is the SHA-256 of the picture file that was looked at; `names` are other names, in the base, of what a right
    answer names; `support` are the passages that support a right answer: see `attribution.stating.support`.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    example: Example
    photo: str
    names: tuple[str, ...] = ()
    support: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadHit:
    """A hit that was read: a passage (`image` is None), or an entry's picture (`passage` is None)."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    entry: str
    passage: str | None
    image: str | None
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class QueryPiece:
    """A piece of a query, without pixels; see `ravlm.records.Piece`."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    kind: str
    weight: float = 1.0
    text: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class CitedPassage:
    """What an answer cites: a passage, and the half-open range of its characters that the answer was read from."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    passage: str
    span: tuple[int, int]
    image: str | None
    probability: float


@dataclass(frozen=True, slots=True)
class RunAnswer:
    """An answer from one kind of evidence, as it was given.

    `hits` is what was read, in its order; `timings` are seconds by step, of a question's share of its batch. The
    query's `pieces` and `ranked`, the entries that it found, best first, with their scores, stand in the answers from
    what was retrieved alone: they are the same under all evidence.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    id: str
    answer: str
    confidence: float
    abstained: bool
    pieces: tuple[QueryPiece, ...] = ()
    ranked: tuple[tuple[str, float], ...] = ()
    hits: tuple[ReadHit, ...] = ()
    citations: tuple[CitedPassage, ...] = ()
    alternatives: tuple[tuple[str, float], ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunPassage:
    """A passage that was read, cited or that supports an answer; `id` is `{entry}#{ordinal}`."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    id: str
    entry: str
    title: str
    section: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a question: worked out of the lines above, and enough for every score of the summary.

    Attributes:
        id: the question's.
        cluster: what stands or falls together: the right entries, or the question itself where none is named.
        groups: names under which it counts.
        right: by evidence, whether the measure calls the answer right.
        abstained: by evidence, whether the model declined.
        same: by evidence other than `retrieved`, whether the answer is the one given from what was retrieved.
        confidence: of the answer from what was retrieved, in thousandths.
        gold: how many entries are right.
        gold_ranks: their places, from 1, among the distinct entries that were found.
        passage_rank: the place, from 1, among the passages that were read from what was retrieved, of the first that
            states a right answer: as a substring, and as whole words; 0 where none does.
        cause: why it counts as it does.
        unit: of the number that is asked for, "" where it has none; None where no number is.
        error: by evidence whose answer is a number in this unit, how far it is from the right one; in three significant
            digits: see `measures.absolute_error`.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    id: str
    cluster: str
    groups: tuple[str, ...]
    right: Mapping[EvidenceKind, bool]
    abstained: Mapping[EvidenceKind, bool]
    same: Mapping[EvidenceKind, bool]
    confidence: int
    gold: int
    gold_ranks: tuple[int, ...]
    passage_rank: tuple[int, int]
    cause: Cause
    unit: str | None = None
    error: Mapping[EvidenceKind, float] = field(default_factory=dict)
