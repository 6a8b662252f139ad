"""The values that travel between the rooms. No torch, no files.

Axis letters and tensors live in `ravlm.tensors`; the text formats of a dataset in `ravlm.lines`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

AnswerKind = Literal["answers", "all_of", "number", "choice", "captions"]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of an entry's text, in one language (None: the entry's language)."""

    title: str
    text: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing the knowledge base knows: its article, pictures and facts.

    `text` or `sections` hold the prose that a model reads; `facts` are (relation, value) pairs that a model never
    reads. `images` are relative paths in a dataset, and content hashes (SHA-256, hex) inside a knowledge base.
    """

    id: str
    title: str
    text: str = ""
    sections: tuple[Section, ...] = ()
    images: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()
    source: str = ""
    licence: str = ""
    url: str = ""
    language: str = "en"
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of an entry's text: what text search ranks and a reader reads.

    `id` is `{entry_id}#{ordinal}`; `span` is the half-open range of characters in the section's text.
    """

    id: str
    entry_id: str
    section: str
    ordinal: int
    span: tuple[int, int]
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that retrieval found: a passage, or an entry's picture (then `passage_id` is None).

    `scores` has one value a stage, e.g. {"image": .83, "tfidf": .41}; `rank` counts from 1.
    """

    entry_id: str
    passage_id: str | None
    image_id: str | None
    rank: int
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Example:
    """One line of a dataset split: pictures, a question, its answer by `kind`, and where the answer stands.

    Field by kind: answers -> `answers` (any is right); all_of -> `answers` (all are needed); number -> `value` and
    `unit`; choice -> `choices` and `answers` (the right one); captions -> `answers`. `images` are paths relative to
    the dataset. `groups` are names under which scores are reported apart.
    """

    id: str
    images: tuple[str, ...]
    question: str | None
    kind: AnswerKind
    answers: tuple[str, ...] = ()
    value: float | None = None
    unit: str | None = None
    choices: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    evidence: tuple[tuple[str, str], ...] = ()
    language: str = "en"
    groups: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Support:
    """Where an answer stands: the hit's place in its row, the range of characters in its passage, the probability."""

    hit: int
    span: tuple[int, int]
    probability: float


@dataclass(frozen=True, slots=True)
class Decoded:
    """An output layer's answer to one question, before it is put together with the knowledge base's titles.

    `alternatives` are the best answers with their probabilities, the answer itself first; `support` is empty where
    the answer was not read out of a passage.
    """

    text: str
    confidence: float
    abstained: bool
    support: tuple[Support, ...]
    alternatives: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Citation:
    """What an answer stood on: a passage, the answer's range of characters in it, and the entry's picture."""

    entry_id: str
    title: str
    passage_id: str
    section: str
    text: str
    span: tuple[int, int]
    sentence: str
    image_id: str | None
    probability: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer. `confidence` is a probability in [0, 1]; `abstained` says that nothing found answers it.

    `weights` are the fusion's weights over image, question and knowledge where the mode has them; `alternatives`
    are the next best answers with their probabilities; `timings` are seconds by step.
    """

    text: str
    confidence: float
    abstained: bool = False
    citations: tuple[Citation, ...] = ()
    hits: tuple[Hit, ...] = ()
    alternatives: tuple[tuple[str, float], ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
