"""How the command line talks: text and tables to stdout, progress to stderr, JSON for programs.

What comes from data is text, never markup: control characters are left out, brackets mean nothing.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

Progress = Callable[[str, int, int], None]
"""Called with (what goes on, steps done, steps in all)."""

_QUIET = 2.0  # seconds between two plain lines of a stage
_SILENCE = 30.0  # seconds without a line while a source is read
_WIDTH = 120  # characters, where there is no terminal
_CONTROLS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


@cache
def console() -> "Console":
    """The one console that draws on stdout."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDTH
    return Console(highlight=False, markup=False, emoji=False, width=width)


def clean(text: str) -> str:
    """The text without control characters, so that no entry can move the cursor or colour the screen."""
    return text.translate(_CONTROLS)


def say(text: str = "") -> None:
    """Write a line (or several) to stdout as it is."""
    sys.stdout.write(f"{clean(text)}\n")


def warn(text: str) -> None:
    """Write a line (or several) to stderr as it is."""
    sys.stderr.write(f"{clean(text)}\n")
    sys.stderr.flush()


def emit_json(value: Any) -> None:
    """Write a value to stdout as JSON."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """Draw a table on stdout; the columns after the first are set flush right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.MARKDOWN, title=None if title is None else Text(clean(title)), title_justify="left")
    for place, header in enumerate(headers):
        drawn.add_column(Text(clean(header)), justify="right" if place else "left", overflow="fold", no_wrap=place > 0)
    for row in rows:
        drawn.add_row(*(Text(clean(cell)) for cell in row))
    console().print(drawn)


def columns(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """Write columns to stdout, as wide as they need to be; those named in `right` are set flush right."""
    lines = [[clean(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(headers, line, widths, strict=True)
        say("  ".join(f"{cell:{'>' if name in right else '<'}{width}}" for name, cell, width in cells).rstrip())


@contextmanager
def progress(description: str = "") -> Iterator[Progress]:
    """A function that is told (what goes on, steps done, steps in all) and shows it on stderr.

    A terminal sees a bar and the time that is left; without one, there are plain lines: the first, the last, and every
    10 % of a stage that takes its time. `description` stands before what goes on.
    """
    if sys.stderr.isatty():
        with _bars(description) as report:
            yield report
    else:
        yield _lines(description)


@contextmanager
def _bars(description: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    shown = Console(stderr=True, markup=False, highlight=False)
    text = TextColumn("{task.description}", markup=False)
    with Bars(text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=shown) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(_named(description, stage), total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def _lines(description: str) -> Progress:
    began: dict[str, tuple[float, int]] = {}
    told: dict[str, tuple[int, float]] = {}

    def report(stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        started, first = began.setdefault(stage, (now, done))
        tenth = 10 * done // total if total else 10
        before, when = told.get(stage, (-1, -_QUIET))
        if tenth <= before or (now - when < _QUIET and done < total):
            return
        told[stage] = tenth, now
        left = ""
        if done > first and done < total:
            left = f", about {duration((now - started) / (done - first) * (total - done))} left"
        warn(f"{_named(description, stage)}: {done:,} of {total:,}{left}")

    return report


def _named(description: str, stage: str) -> str:
    return clean(f"{description}: {stage}" if description and stage else description or stage)


@contextmanager
def filling(what: str) -> Iterator[Callable[[int, int, int], None]]:
    """A function that is told (how much of a source is read, how much there is, entries so far) and shows it.

    On stderr: a bar with entries, rate and the time that is left, or without a terminal a line every 10 % or 30 s.
    """
    pace = _Pace()
    last = (-1, time.monotonic())

    def line(done: int, size: int, entries: int) -> None:
        nonlocal last
        share, told = pace.told(done, size, entries)
        tenth, now = int(10 * share), time.monotonic()
        if tenth == last[0] and now - last[1] < _SILENCE:
            return
        last = tenth, now
        warn(f"{what}: {share:.0%}, {told}")

    if not sys.stderr.isatty():
        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bars

    shown = Console(stderr=True, markup=False, highlight=False)
    text = TextColumn("{task.description}", markup=False)
    beside = TextColumn("{task.fields[pace]}", markup=False)
    with Bars(text, BarColumn(), TaskProgressColumn(markup=False), beside, console=shown) as bars:
        task = bars.add_task(what, total=None, pace="")

        def report(done: int, size: int, entries: int) -> None:
            bars.update(task, completed=done, total=size, pace=pace.told(done, size, entries)[1])

        yield report


class _Pace:
    """How fast entries come, and how long the rest will take, counted from the first time it is told."""

    def __init__(self) -> None:
        self._first: tuple[float, float, int] | None = None  # when, the share that was done, entries

    def told(self, done: int, size: int, entries: int) -> tuple[float, str]:
        """The share that is done, and the entries with their rate and the time that is left."""
        share = min(1.0, done / size) if size else 1.0
        now = time.monotonic()
        if self._first is None:
            self._first = now, share, entries
        since, before, there = self._first
        seconds, gained = now - since, share - before
        text = counted(entries, "entry", "entries")
        if seconds > 1 and entries > there:
            text += f", {(entries - there) / seconds:,.0f} a second"
        if seconds > 1 and gained > 0 and share < 1:
            text += f", about {duration(seconds / gained * (1 - share))} left"
        return share, text


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(192.4)
    '3 min 12 s'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def counted(number: int, one: str, many: str) -> str:
    """A number of things as people say it.

    >>> counted(1, "entry", "entries"), counted(2000, "entry", "entries")
    ('1 entry', '2,000 entries')
    """
    return f"{number:,} {one if number == 1 else many}"


def examples(*commands: str) -> str:
    """The end of a command's help: commands to copy."""
    return "\n".join(["\b", "Examples:", *(f"  {command}" for command in commands)])
