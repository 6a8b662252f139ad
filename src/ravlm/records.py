"""The values that travel between the rooms. No torch, no files.

Axis letters and tensors live in `ravlm.tensors`; the text formats of a dataset in `ravlm.lines`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from PIL.Image import Image

AnswerKind = Literal["answers", "all_of", "number", "choice", "captions"]
PieceKind = Literal["question", "key term", "title", "alias", "label", "caption", "rewriting", "region"]


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
class Filters:
    """What may be found at all: entries of one of these sources, in one of these languages, with all of these values.

    An empty field lets everything through. The language is the passage's, or where an entry or its picture is ranked,
    the entry's; `meta` are (key, value) pairs of the entry's own `meta`; `entries` are the ids of the only ones.
    """

    sources: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    meta: tuple[tuple[str, str | int | float | bool], ...] = ()
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """What one step added to a query: words, or a view of a picture, and how much it weighs beside the others.

    `origin` says where it comes from: the id of an entry, the name of a region or of a model.
    """

    kind: PieceKind
    weight: float = 1.0
    text: str = ""
    image: Image | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of a retriever.

    `pieces` are what retrieval compares with the knowledge; without pieces of words the text stands alone with weight
    1, and without views so do the pictures, whole. `language` is that of the text, None where it is not known.
    """

    text: str = ""
    images: tuple[Image, ...] = ()
    language: str | None = None
    filters: Filters = Filters()
    pieces: tuple[Piece, ...] = ()
    id: str = ""

    @property
    def words(self) -> tuple[Piece, ...]:
        """The pieces of words."""
        found = tuple(piece for piece in self.pieces if piece.image is None)
        return found or ((Piece("question", text=self.text),) if self.text else ())

    @property
    def views(self) -> tuple[Piece, ...]:
        """The pieces that are views of pictures."""
        found = tuple(piece for piece in self.pieces if piece.image is not None)
        return found or tuple(Piece("region", image=image, origin="whole") for image in self.images)


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that retrieval found: a passage, an entry's picture (`passage_id` is None), or an entry (both are).

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
class Wanted:
    """The type of an answer: any text, a number (in `unit`, where it is given), or one of `choices`.

    It is the asker's to say. An evaluation that takes it from the right answer tells the model what it should find.
    """

    number: bool = False
    unit: str | None = None
    choices: tuple[str, ...] = ()


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
    the answer was not read out of a passage. `interval` is where a number is nine times in ten, in its unit.
    """

    text: str
    confidence: float
    abstained: bool
    support: tuple[Support, ...]
    alternatives: tuple[tuple[str, float], ...]
    interval: tuple[float, float] | None = None


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
    are the next best answers with their probabilities; `interval` is where a number that was estimated, not read, is
    nine times in ten, in its unit; `timings` are seconds by step. `version` is that of the
    knowledge base that was answered from, `behind` how many versions newer the base was when the answer was given.
    """

    text: str
    confidence: float
    abstained: bool = False
    citations: tuple[Citation, ...] = ()
    hits: tuple[Hit, ...] = ()
    alternatives: tuple[tuple[str, float], ...] = ()
    interval: tuple[float, float] | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    version: int = 0
    behind: int = 0
