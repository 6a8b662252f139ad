"""Tables for people: in a terminal and on the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

DASH = "–"
_FIGURES = frozenset("0123456789.,+−… " + DASH)  # what a figure, or a range of figures, is written with


@dataclass(frozen=True, slots=True)
class Noted:
    """A value with something smaller beside it: its interval, its share."""

    value: str | float | int | None
    note: str = ""


Cell = str | float | int | None | Noted


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report. A fraction is shown with three decimals, None as a dash.

    The first column holds the rows' names; rows whose place is in `strong` stand out; a `folded` table is opened by
    its title.
    """

    kind: ClassVar[str] = "table"
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    strong: frozenset[int] = frozenset()
    folded: bool = False

    @property
    def worded(self) -> frozenset[int]:
        """The places of the columns that hold words, not figures alone."""
        return frozenset(i for i in range(len(self.columns)) if any(_is_words(row[i]) for row in self.rows))


def cell(value: Cell) -> str:
    """A cell as people read it: three decimals, thousands apart, a dash for None.

    >>> cell(0.5), cell(1200), cell(None), cell(Noted(0.5, "0.400–0.600"))
    ('0.500', '1,200', '–', '0.500 (0.400–0.600)')
    """
    if value is None:
        return DASH
    if isinstance(value, Noted):
        return f"{cell(value.value)} ({value.note})" if value.note else cell(value.value)
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value


def with_interval(score: Mapping[str, Any]) -> Noted:
    """A score of a summary, `{"value": x, "interval": [low, high]}`, as a cell.

    >>> with_interval({"value": 0.25, "interval": [0.2, 0.3]})
    Noted(value=0.25, note='0.200–0.300')
    """
    found = score["interval"]
    tells = found is not None and found[0] < found[1]  # where all agree, drawing anew says nothing
    return Noted(score["value"], f"{found[0]:.3f}–{found[1]:.3f}" if tells else "")


def _is_words(value: Cell) -> bool:
    found = value.value if isinstance(value, Noted) else value
    return isinstance(found, str) and not set(found) <= _FIGURES


def counted(n: int, of: int) -> Noted:
    r"""A count with its share in percent.

    >>> cell(counted(3, 8)).replace("\N{NO-BREAK SPACE}", " ")
    '3 (37.5 %)'
    """
    return Noted(n, f"{100 * n / of:.1f}\N{NO-BREAK SPACE}%" if of else "")
