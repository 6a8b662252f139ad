"""Charts as geometry: what is drawn, in the drawing's own units. Pure functions; the markup is in the templates.

The origin of a plot is at its top left; a plot is `WIDTH` by `HEIGHT` units.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from ravlm.evaluation.calibration import Bin

WIDTH, HEIGHT = 320, 200  # of a plot, in the drawing's units
_MOST_POINTS = 400  # of a line; more than the eye can tell apart
_FEW = 10  # questions in a bin; a share of fewer says little
_MANY = 10_000  # from here a count is written in thousands
_GAP = 2.0  # between two bars
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis and what is written there."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A named line; `first` and `last` are the values at its ends."""

    name: str
    points: tuple[tuple[float, float], ...]
    first: float
    last: float

    @property
    def polyline(self) -> str:
        return polyline(self.points)


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle; `pale` where it stands on few questions."""

    x: float
    y: float
    width: float
    height: float
    count: str
    pale: bool


@dataclass(frozen=True, slots=True)
class Plot:
    """Axes with what is drawn between them. `dots` are single points."""

    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    lines: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()
    dots: tuple[tuple[float, float], ...] = ()
    diagonal: bool = False
    width: ClassVar[int] = WIDTH
    height: ClassVar[int] = HEIGHT


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a stacked bar that is 100 units long."""

    name: str
    start: float
    width: float
    n: int


def polyline(points: Iterable[tuple[float, float]]) -> str:
    """Points as SVG writes them."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def thinned(values: Sequence[Value]) -> list[Value]:
    """At most about 400 of them, evenly taken, the last one among them."""
    every = max(1, math.ceil(len(values) / _MOST_POINTS))
    return [*values[:-1:every], *values[-1:]]


def stacked(counts: Mapping[str, int]) -> tuple[Segment, ...]:
    """The parts of a bar in their order, those that count nothing left out.

    >>> [(part.name, part.start, part.width) for part in stacked({"a": 1, "b": 0, "c": 3})]
    [('a', 0.0, 25.0), ('c', 25.0, 75.0)]
    """
    total = sum(counts.values())
    parts: list[Segment] = []
    before = 0
    for name, n in counts.items():
        if n:
            parts.append(Segment(name, 100 * before / total, 100 * n / total, n))
        before += n
    return tuple(parts)


def span_of(values: Iterable[float], *, from_zero: bool = False) -> tuple[float, float, float]:
    """The (low, high, step) of an axis for shares: whole tenths, or twentieths of a narrow range, round the values.

    >>> span_of([0.62, 0.97]), span_of([0.01, 0.07], from_zero=True), span_of([])
    ((0.6, 1.0, 0.1), (0.0, 0.1, 0.05), (0.0, 1.0, 0.25))
    """
    found = list(values)
    if not found:
        return 0.0, 1.0, 0.25
    low = 0.0 if from_zero else min(math.floor(10 * min(found) + 1e-9), 9) / 10
    high = max(math.ceil(10 * max(found) - 1e-9), round(10 * low) + 1) / 10
    wide = round(10 * (high - low))
    return low, high, 0.05 if wide <= 2 else 0.1 if wide <= 5 else 0.2 if wide <= 9 else 0.25


def ticks(low: float, high: float, step: float, *, length: float, upward: bool = False) -> tuple[Tick, ...]:
    """The places from `low` to `high`, `step` apart, on an axis of this length; `upward` where it grows to the top.

    >>> [(tick.at, tick.text) for tick in ticks(0, 1, 0.5, length=200, upward=True)]
    [(200.0, '0'), (100.0, '0.5'), (0.0, '1')]
    """
    values = [low + step * i for i in range(math.floor((high - low) / step + 1e-9) + 1)]
    shares = [(value - low) / (high - low) for value in values]
    return tuple(
        Tick(length * (1 - share if upward else share), f"{value:.4g}")
        for value, share in zip(values, shares, strict=True)
    )


def recall_plot(curves: Mapping[str, Sequence[float]]) -> Plot:
    """Recall@1, @2, ... as lines, one a name; a name without values has no line."""
    low, high, step = span_of(value for values in curves.values() for value in values)
    deepest = max((len(values) for values in curves.values()), default=0)
    wide = max(deepest - 1, 1)
    lines = tuple(
        Line(
            name,
            tuple((WIDTH * i / wide, HEIGHT * (high - value) / (high - low)) for i, value in enumerate(values)),
            values[0],
            values[-1],
        )
        for name, values in curves.items()
        if values
    )
    across = tuple(Tick(WIDTH * i / wide, str(i + 1)) for i in range(deepest))
    return Plot(across, ticks(low, high, step, length=HEIGHT, upward=True), lines)


def reliability_plot(bins: Sequence[Bin]) -> Plot:
    """The share of right answers by confidence, a bar a bin with its count; on the diagonal confidence is true."""
    bars = tuple(
        Bar(
            x=WIDTH * one.low + _GAP / 2,
            y=HEIGHT * (1 - one.right),
            width=WIDTH * (one.high - one.low) - _GAP,
            height=HEIGHT * one.right,
            count=short_count(one.n),
            pale=one.n < _FEW,
        )
        for one in bins
    )
    across, up = ticks(0, 1, 0.2, length=WIDTH), ticks(0, 1, 0.25, length=HEIGHT, upward=True)
    return Plot(across, up, bars=bars, diagonal=True)


def risk_plot(
    curve: Sequence[tuple[float, float]], declines: tuple[float | None, float | None], name: str = ""
) -> Plot:
    """The share of wrong answers (risk) among those answered, by the share that is answered (coverage).

    Args:
        curve: points (coverage, risk), coverage rising.
        declines: (coverage, risk) where the model itself declines; a dot.
        name: of the line.
    """
    kept = thinned(curve)
    coverage, risk = declines
    marked = [] if coverage is None or risk is None else [(coverage, risk)]
    low, high, step = span_of([r for _, r in [*kept, *marked]], from_zero=True)

    def place(point: tuple[float, float]) -> tuple[float, float]:
        return WIDTH * point[0], HEIGHT * (high - point[1]) / (high - low)

    lines = (Line(name, tuple(map(place, kept)), kept[0][1], kept[-1][1]),) if kept else ()
    return Plot(
        ticks(0, 1, 0.2, length=WIDTH),
        ticks(low, high, step, length=HEIGHT, upward=True),
        lines,
        dots=tuple(map(place, marked)),
    )


def short_count(n: int) -> str:
    """A count that fits over a bar.

    >>> short_count(9_500), short_count(12_345)
    ('9,500', '12k')
    """
    return f"{n:,}" if n < _MANY else f"{n / 1000:.0f}k"
