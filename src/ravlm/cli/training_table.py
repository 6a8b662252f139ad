"""A table on the terminal that follows a training while it runs."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ravlm.cli.console import clean, duration

if TYPE_CHECKING:
    from rich.table import Table

_MEASURES = {"loss": ("loss", ".4f"), "validation": ("validation", ".4f"), "rate": ("rate", ".2g")}
_MEASURES |= {"steps a second": ("steps/s", ".2f")}
_A_SECOND = 4  # drawings


@dataclass
class _Row:
    began: float
    first: int
    done: int = 0
    total: int = 0
    measures: dict[str, float] = field(default_factory=dict)


class TrainingTable:
    """One row for everything that goes on, with what was measured of it last.

    `progress` and `measured` are what `train` takes; the measures of a step come before the step's progress.
    """

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._measures: dict[str, float] = {}

    def progress(self, what: str, done: int, total: int) -> None:
        """So many of all steps of something are done."""
        row = self._rows.setdefault(what, _Row(time.monotonic(), done))
        row.done, row.total = done, total
        row.measures |= self._measures
        self._measures = {}

    def measured(self, stage: str, step: int, measures: Mapping[str, float]) -> None:
        """What was measured of the step that is told next."""
        self._measures |= measures

    def __rich__(self) -> "Table":
        from rich import box
        from rich.table import Table
        from rich.text import Text

        measured = [name for name in _MEASURES if any(name in row.measures for row in self._rows.values())]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("", overflow="fold")
        for header in ("step", *(_MEASURES[name][0] for name in measured), "time left"):
            table.add_column(header, justify="right", no_wrap=True)
        for what, row in self._rows.items():
            numbers = [f"{row.measures[n]:{_MEASURES[n][1]}}" if n in row.measures else "" for n in measured]
            cells = (clean(what), f"{row.done:,} of {row.total:,}", *numbers, _left(row))
            table.add_row(*(Text(cell) for cell in cells))
        return table


def _left(row: _Row) -> str:
    """The time that is left, as far as it can be told."""
    if not row.first < row.done < row.total:
        return ""
    return duration((time.monotonic() - row.began) / (row.done - row.first) * (row.total - row.done))


@contextmanager
def training_table() -> Iterator[TrainingTable]:
    """A table that is drawn on stderr, a terminal, until the block ends."""
    from rich.console import Console
    from rich.live import Live

    table = TrainingTable()
    shown = Console(stderr=True, markup=False, highlight=False)
    with Live(get_renderable=table.__rich__, console=shown, refresh_per_second=_A_SECOND):
        yield table
