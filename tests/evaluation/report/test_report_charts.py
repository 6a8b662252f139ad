"""Charts: every point is where its value belongs, and inside the plot."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.evaluation.calibration import Bin, reliability, risk_coverage
from ravlm.evaluation.report.charts import (
    HEIGHT,
    WIDTH,
    recall_plot,
    reliability_plot,
    risk_plot,
    short_count,
    span_of,
    stacked,
    ticks,
)
from ravlm.evaluation.report.curve import HEIGHT as TALL
from ravlm.evaluation.report.curve import WIDTH as WIDE
from ravlm.evaluation.report.curve import by_stage, panels

SHARES = st.floats(0, 1)


@given(st.dictionaries(st.text(), st.integers(0, 1000)))
def test_the_parts_of_a_bar_fill_it_without_gaps(counts: dict[str, int]) -> None:
    parts = stacked(counts)
    assert [(part.name, part.n) for part in parts] == [(name, n) for name, n in counts.items() if n]
    ends = [part.start + part.width for part in parts]
    assert [part.start for part in parts] == pytest.approx([0.0, *ends[:-1]] if parts else [])
    assert not parts or ends[-1] == pytest.approx(100)


@given(st.lists(SHARES, max_size=9), st.booleans())
def test_an_axis_holds_its_values_and_ends_on_ticks(values: list[float], from_zero: bool) -> None:
    low, high, step = span_of(values, from_zero=from_zero)
    assert 0 <= low < high <= 1
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in values)
    assert not from_zero or low == 0
    found = ticks(low, high, step, length=100)
    assert 2 <= len(found) <= 7
    assert (found[0].at, found[0].text) == (0, f"{low:g}")
    assert found[-1].at <= 100 + 1e-9


@given(st.lists(SHARES, min_size=1, max_size=12), st.lists(SHARES, max_size=3))
def test_recall_rises_to_the_top_of_its_plot(one: list[float], other: list[float]) -> None:
    plot = recall_plot({"one": sorted(one), "other": sorted(other)})
    assert [line.name for line in plot.lines] == (["one", "other"] if other else ["one"])
    for line in plot.lines:
        assert all(-1e-6 <= x <= WIDTH + 1e-6 and -1e-6 <= y <= HEIGHT + 1e-6 for x, y in line.points)
        assert [y for _, y in line.points] == sorted((y for _, y in line.points), reverse=True)
    assert (plot.lines[0].first, plot.lines[0].last) == (min(one), max(one))
    assert len(plot.across) == max(len(one), len(other))


def test_recall_by_hand() -> None:
    plot = recall_plot({"all": [0.5, 0.75, 1.0]})
    assert plot.lines[0].points == ((0.0, HEIGHT), (WIDTH / 2, HEIGHT / 2), (WIDTH, 0.0))
    assert [tick.text for tick in plot.across] == ["1", "2", "3"]
    assert [tick.text for tick in plot.up] == ["0.5", "0.6", "0.7", "0.8", "0.9", "1"]
    assert recall_plot({}).lines == ()
    assert recall_plot({"none": []}).lines == ()
    assert recall_plot({"one": [1.0]}).lines[0].points == ((0.0, 0.0),)


def test_reliability_by_hand() -> None:
    plot = reliability_plot([Bin(0.0, 0.5, 9, 0.2, 0.25), Bin(0.5, 1.0, 12_345, 0.9, 1.0)])
    few, many = plot.bars
    assert (few.x, few.width, few.y, few.height) == (1.0, WIDTH / 2 - 2, 0.75 * HEIGHT, 0.25 * HEIGHT)
    assert (many.x, many.y, many.height) == (WIDTH / 2 + 1, 0.0, HEIGHT)
    assert (few.count, few.pale, many.count, many.pale) == ("9", True, "12k", False)
    assert plot.diagonal
    assert not reliability_plot([Bin(0.0, 0.5, 10, 0.2, 0.25)]).bars[0].pale
    assert reliability_plot([]).bars == ()


@given(st.lists(st.tuples(SHARES, st.booleans()), max_size=30))
def test_bars_stand_on_the_axis_and_stay_below_the_top(answers: list[tuple[float, bool]]) -> None:
    bins = reliability([p for p, _ in answers], [right for _, right in answers])
    for bar in reliability_plot(bins).bars:
        assert bar.y + bar.height == pytest.approx(HEIGHT)
        assert bar.y >= 0
        assert 0 <= bar.x < bar.x + bar.width <= WIDTH


def test_risk_by_hand() -> None:
    plot = risk_plot([(0.5, 0.0), (1.0, 0.2)], (0.75, 0.1))
    assert plot.lines[0].points == ((WIDTH / 2, HEIGHT), (WIDTH, 0.0))
    assert plot.dots == ((0.75 * WIDTH, HEIGHT / 2),)
    assert plot.up[-1].text == "0.2"
    assert risk_plot([], (None, None)).lines == ()
    assert risk_plot([(1.0, 0.0)], (0.0, None)).dots == ()


@given(st.lists(st.tuples(SHARES, st.booleans()), min_size=1, max_size=900))
def test_a_long_risk_curve_keeps_its_ends(answers: list[tuple[float, bool]]) -> None:
    curve = risk_coverage([p for p, _ in answers], [right for _, right in answers])
    line = risk_plot(curve, (None, None)).lines[0]
    assert len(line.points) <= 402
    assert line.points[0][0] == pytest.approx(WIDTH * curve[0][0])
    assert line.points[-1][0] == pytest.approx(WIDTH)
    assert (line.first, line.last) == (curve[0][1], curve[-1][1])
    assert all(-1e-6 <= y <= HEIGHT + 1e-6 for _, y in line.points)


def test_a_very_long_risk_curve_is_thinned_between_its_ends() -> None:
    curve = [(i / 1001, i / 2002) for i in range(1, 1002)]
    points = risk_plot(curve, (None, None)).lines[0].points
    assert len(points) == 334 + 1
    assert points[0] == (pytest.approx(WIDTH / 1001), pytest.approx(HEIGHT * (1 - 1 / 1001)))
    assert points[-1] == (WIDTH, pytest.approx(0.0))
    assert len(risk_plot(curve[:400], (None, None)).lines[0].points) == 400


def test_a_count_is_never_long() -> None:
    assert [short_count(n) for n in (0, 999, 9_999, 10_000, 123_456)] == ["0", "999", "9,999", "10k", "123k"]


def test_a_learning_curve_by_hand() -> None:
    rows = [{"step": s, "seconds": s / 10, "stage": "read", "loss": 4.0 - s / 100} for s in (0, 100, 200)]
    (panel,) = panels(by_stage([*rows, {"step": 300}], {"loss": "loss, {stage}"}))
    assert (panel.name, panel.low, panel.high, panel.last_step, panel.seconds) == ("loss, read", 2.0, 4.0, 200, 20)
    assert panel.points == ((0.0, 0.0), (WIDE / 2, TALL / 2), (WIDE, TALL))


def test_every_stage_has_panels_in_its_own_measures() -> None:
    rows = [
        {"step": 10, "seconds": 1.0, "stage": "match", "loss": 0.5},
        {"step": 0, "seconds": 0.1, "stage": "read", "validation": 9.0},
        {"step": 10, "seconds": 2.0, "stage": "read", "loss": 700.0},
        {"step": 10, "seconds": 2.1, "stage": "read", "validation": 8.0},
    ]
    found = panels(by_stage(rows, {"loss": "loss, {stage}", "validation": "on validation, {stage}"}))
    assert [(p.name, p.low, p.high, p.first_step, p.last_step) for p in found] == [
        ("loss, match", 0.5, 0.5, 10, 10),
        ("on validation, read", 8.0, 9.0, 0, 10),
        ("loss, read", 700.0, 700.0, 10, 10),
    ]


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ([], []),
        ([{"step": 1}], []),
        ([{"step": 5, "loss": 2.0}], ["loss"]),
        ([{"loss": math.nan}, {"loss": 1.0}, {"loss": "x"}, {"loss": True}], ["loss"]),
    ],
)
def test_degenerate_curves(rows: list[dict[str, object]], names: list[str]) -> None:
    found = panels(rows)
    assert [panel.name for panel in found] == names
    assert all(math.isfinite(x) and math.isfinite(y) for panel in found for x, y in panel.points)
