"""What a page is made of: sections, and in them tables, charts, sentences and cards. Each part names its template."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ravlm.evaluation.report.cards import Card, Pair
from ravlm.evaluation.report.charts import Plot, Segment
from ravlm.evaluation.report.curve import Panels
from ravlm.evaluation.report.tables import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot with its title, its axes' names, a note below, and what it is called where it can't be seen.

    `counts` says that each bar's count stands below it.
    """

    title: str
    label: str
    across: str
    plot: Plot
    note: str = ""
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """Plots beside one another."""

    kind: ClassVar[str] = "figures"
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """Stacked bars, one a row of (name, n, parts); a part's colour is its place in `names`."""

    kind: ClassVar[str] = "stack"
    title: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, int, tuple[Segment, ...]], ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms with a sentence on each."""

    kind: ClassVar[str] = "terms"
    title: str
    terms: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence between two parts."""

    kind: ClassVar[str] = "sentence"
    text: str


@dataclass(frozen=True, slots=True)
class Cards:
    """Questions with their answers, beside one another."""

    kind: ClassVar[str] = "cards"
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Questions with the answers of two runs."""

    kind: ClassVar[str] = "pairs"
    title: str
    note: str
    pairs: tuple[Pair, ...]


Part = Table | Figures | Stack | Terms | Sentence | Cards | Pairs | Panels


@dataclass(frozen=True, slots=True)
class Section:
    """A headed part of the page; one without parts is left out."""

    title: str
    parts: Sequence[Part]
    lead: str = ""
