"""A learning curve as geometry: panels of one measure each, scaled to a drawing of fixed size."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ravlm.evaluation.report.charts import polyline, thinned

WIDTH, HEIGHT = 320, 150  # of a panel's plot, in the drawing's units
_AXIS = frozenset({"step", "seconds"})


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure over steps. `points` are (x, y) in drawing units, the origin at the top left."""

    name: str
    points: tuple[tuple[float, float], ...]
    low: float
    high: float
    first_step: float
    last_step: float
    last: float
    seconds: float | None

    @property
    def polyline(self) -> str:
        return polyline(self.points)


@dataclass(frozen=True, slots=True)
class Panels:
    """Panels beside one another."""

    kind: ClassVar[str] = "panels"
    panels: tuple[Panel, ...]
    width: ClassVar[int] = WIDTH
    height: ClassVar[int] = HEIGHT


def by_stage(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """A training run's curve, rows of step, seconds, stage and measures, with each stage's as measures of their own.

    `names` are the measures that are shown, each with what it is called of a stage.

    >>> by_stage([{"step": 10, "seconds": 1.5, "stage": "read", "loss": 2.0}], {"loss": "loss, {stage}"})
    [{'step': 10, 'seconds': 1.5, 'loss, read': 2.0}]
    """
    return [
        {"step": row["step"], "seconds": row["seconds"]}
        | {name.format(stage=row["stage"]): row[measure] for measure, name in names.items() if measure in row}
        for row in rows
        if {"step", "seconds", "stage"} <= set(row)
    ]


def panels(rows: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """One panel for every number in the rows but `step` and `seconds`, in order of first appearance.

    Rows without the measure, and values that are not finite, are left out; a row without `step` counts by its place.
    """
    names = dict.fromkeys(name for row in rows for name in row if name not in _AXIS)
    found = []
    for name in names:
        values = [
            (float(row.get("step", place)), float(row[name]), row.get("seconds"))
            for place, row in enumerate(rows)
            if _finite(row.get(name))
        ]
        if values:
            found.append(_panel(name, values))
    return found


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _panel(name: str, values: Sequence[tuple[float, float, Any]]) -> Panel:
    kept = thinned(values)
    steps, heights = [step for step, _, _ in kept], [height for _, height, _ in kept]
    low, high, first, last = min(heights), max(heights), steps[0], steps[-1]
    tall, wide = (high - low) or 1.0, (last - first) or 1.0
    points = tuple((WIDTH * (step - first) / wide, HEIGHT * (1 - (height - low) / tall)) for step, height, _ in kept)
    seconds = values[-1][2]
    return Panel(name, points, low, high, first, last, heights[-1], float(seconds) if _finite(seconds) else None)
