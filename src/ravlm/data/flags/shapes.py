"""The primitives that flags and patterns are drawn with: each becomes polygons.

A frame is `width` x 1: lengths are in frame heights, x from 0 (hoist) to `width`, y from 0 (top) to 1. Angles are in
degrees, clockwise from the right; a star's `turn` is clockwise from upright. A polygon is a float array [points, 2].
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Polygon = npt.NDArray[np.float64]
Numbers = Sequence[float]
_ROUND = 48  # points of a full circle


def points(*numbers: float) -> Polygon:
    """The polygon x y, x y, ..."""
    return np.array(numbers, float).reshape(-1, 2)


def box(x: float, y: float, width: float, height: float) -> Polygon:
    """A rectangle by its upper left corner and its size."""
    return points(x, y, x + width, y, x + width, y + height, x, y + height)


def arc(x: float, y: float, radius: float, inner: float, start: float = 0.0, end: float = 360.0) -> Polygon:
    """A sector of a ring, or of a disc where `inner` is 0."""
    count = max(6, round(_ROUND * abs(end - start) / 360)) + 1
    angles = np.radians(np.linspace(start, end, count))
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rim = radius * unit
    back = inner * unit[::-1] if inner else np.zeros((1, 2))
    whole_disc = not inner and abs(end - start) >= 360
    return (rim if whole_disc else np.concatenate([rim, back])) + (x, y)


def star(x: float, y: float, radius: float, tips: float = 5, inner: float = 0.382, turn: float = 0.0) -> Polygon:
    """A star with `tips` points; its notches lie at `inner` x `radius`."""
    count = int(tips)
    angles = np.radians(turn - 90) + np.pi / count * np.arange(2 * count)
    radii = np.where(np.arange(2 * count) % 2, radius * inner, radius)
    return np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)


def bend(x1: float, y1: float, x2: float, y2: float, thickness: float) -> Polygon:
    """A thick line; an end on the frame's upper or lower edge is lengthened, so that a corner is filled."""
    start, end = np.array([x1, y1]), np.array([x2, y2])
    along = (end - start) / np.hypot(*(end - start)) * (thickness / 2)
    across = np.array([-along[1], along[0]])
    first = start - along * 2 * (y1 in (0.0, 1.0))
    last = end + along * 2 * (y2 in (0.0, 1.0))
    return np.stack([first + across, last + across, last - across, first - across])


def crescent(x: float, y: float, radius: float, shift: float, bite_radius: float, turn: float = 0.0) -> Polygon:
    """A disc without another whose centre is `shift` away in the direction `turn`; the two rims must cross."""
    # Half the angle that the horns span, seen from each centre.
    cosine = (radius**2 + shift**2 - bite_radius**2) / (2 * radius * shift)
    horn = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    horn_y = radius * np.sin(np.radians(horn))
    horn_x = radius * np.cos(np.radians(horn)) - shift
    bite = np.degrees(np.arctan2(horn_y, horn_x))
    outer = np.radians(np.linspace(horn, 360 - horn, _ROUND))
    inner = np.radians(np.linspace(360 - bite, bite, _ROUND))
    shape = np.concatenate(
        [
            radius * np.stack([np.cos(outer), np.sin(outer)], axis=1),
            bite_radius * np.stack([np.cos(inner), np.sin(inner)], axis=1) + (shift, 0),
        ]
    )
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned: Polygon = shape @ rotation + (x, y)
    return turned


def _oval(x: float, y: float, radius_x: float, radius_y: float) -> Polygon:
    return (arc(0, 0, 1, 0) * (radius_x, radius_y)) + (x, y)


def _frame(x: float, y: float, radius: float, corners: float, thickness: float, turn: float = 0.0) -> Polygon:
    """The outline of a regular polygon."""
    count = int(corners)
    angles = np.radians(turn - 90) + 2 * np.pi / count * np.arange(count + 1)
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    inner = radius - thickness / np.cos(np.pi / count)
    outline: Polygon = np.concatenate([radius * unit, inner * unit[::-1]]) + np.array([x, y])
    return outline


def _pentagram(x: float, y: float, radius: float, thickness: float) -> list[Polygon]:
    tips = star(x, y, radius)[::2]
    lines = [(tips[i], tips[(i + 2) % 5]) for i in range(5)]
    return [bend(a[0], a[1], b[0], b[1], thickness) for a, b in lines]


def _rays(
    x: float, y: float, inner: float, outer: float, count: float, share: float = 0.6, turn: float = 0.0
) -> list[Polygon]:
    """Pointed rays of a sun; their feet cover `share` of the circle of radius `inner`."""
    step = 2 * np.pi / int(count)
    made = []
    for middle in np.radians(turn - 90) + step * np.arange(int(count)):
        angles = np.array([-step * share / 2, 0, step * share / 2]) + middle
        radii = np.array([inner, outer, inner])
        made.append(np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1))
    return made


def _around(
    x: float, y: float, radius: float, size: float, count: float, start: float = -90.0, span: float = 360.0
) -> list[Polygon]:
    """Stars on a circle, or on a part of it, from the angle `start` on."""
    steps = int(count) - (span < 360)
    angles = np.radians(start + span / steps * np.arange(int(count)))
    return [star(x + radius * np.cos(a), y + radius * np.sin(a), size) for a in angles]


def _starfield(
    size: float, x: float, y: float, width: float, height: float, across: float, down: float
) -> list[Polygon]:
    """Staggered rows of stars, in turn `across` and one fewer."""
    made = []
    for row in range(int(down)):
        count = int(across) - row % 2
        first = x + width / (across - 1) / 2 * (row % 2)
        made += [star(first + width / (across - 1) * i, y + height / (down - 1) * row, size) for i in range(count)]
    return made


def _checks(x: float, y: float, width: float, height: float, across: float, down: float) -> list[Polygon]:
    """The squares of a chequered box that differ from its upper left one."""
    w, h = width / across, height / down
    return [box(x + w * i, y + h * j, w, h) for j in range(int(down)) for i in range(int(across)) if (i + j) % 2]


def _trigram(x: float, y: float, turn: float, *kinds: float) -> list[Polygon]:
    """Three bars, each whole (1) or broken (2), from the outside in where x, y lies left of the middle."""
    made = []
    for row, kind in enumerate(kinds):
        bars = [(-0.125, 0.25)] if kind == 1 else [(-0.125, 0.115), (0.01, 0.115)]
        made += [box(left, 0.0625 * (row - 1) - 0.0208, width, 0.0417) for left, width in bars]
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return [bar @ rotation + (x, y) for bar in made]


def _leaf(x: float, y: float, size: float) -> Polygon:
    """A maple leaf, `size` from its middle to its tip."""
    half = points(
        0, -1, 0.17, -0.68, 0.34, -0.77, 0.26, -0.3, 0.45, -0.5, 0.51, -0.38, 0.77, -0.43, 0.69, -0.15,
        0.8, -0.09, 0.38, 0.27, 0.43, 0.42, 0.04, 0.36, 0.05, 0.95,
    )  # fmt: skip
    return np.concatenate([half, half[::-1] * (-1, 1)]) * size + (x, y)


def _teeth(width: float, depth_from: float, count: float, depth: float) -> Polygon:
    """The hoist side up to `depth_from`, with teeth that point to the fly."""
    notches = np.linspace(0, 1, int(count) + 1)
    rim = [(0.0, 0.0)]
    for top, bottom in pairwise(notches):
        rim += [(depth_from, top), (depth_from + depth, (top + bottom) / 2)]
    return np.array([*rim, (depth_from, 1.0), (0.0, 1.0)])


def _cross(width: float, thickness: float, x: float | None = None, y: float = 0.5) -> list[Polygon]:
    middle = width / 2 if x is None else x
    return [box(0, y - thickness / 2, width, thickness), box(middle - thickness / 2, 0, thickness, 1)]


def _plus(x: float, y: float, size: float, thickness: float) -> list[Polygon]:
    half, edge = size / 2, thickness / 2
    return [box(x - half, y - edge, size, thickness), box(x - edge, y - half, thickness, size)]


def _stars(size: float, *places: float) -> list[Polygon]:
    return [star(x, y, size) for x, y in points(*places)]


def _dashes(x: float, y: float, width: float, height: float, count: float) -> list[Polygon]:
    step = width / count
    return [box(x + step * (i + 0.25), y, step / 2, height) for i in range(int(count))]


_Maker = Callable[..., Polygon | list[Polygon]]
# A shape's numbers in the specification follow the frame's width; those with a value may be left out.
SHAPES: Mapping[str, _Maker] = MappingProxyType(
    {
        "fill": lambda width: box(0, 0, width, 1),
        "box": lambda width, *n: box(*n),  # x y width height
        "cross": _cross,  # thickness x=middle y=.5
        "plus": lambda width, *n: _plus(*n),  # x y size thickness
        "saltire": lambda width, t: [bend(0, 0, width, 1, t), bend(0, 1, width, 0, t)],
        "bend": lambda width, *n: bend(*n),  # x1 y1 x2 y2 thickness
        "disc": lambda width, x, y, radius: arc(x, y, radius, 0),
        "ring": lambda width, x, y, radius, inner: arc(x, y, radius, inner),
        "arc": lambda width, *n: arc(*n),  # x y radius inner start=0 end=360
        "oval": lambda width, *n: _oval(*n),  # x y radius_x radius_y
        "star": lambda width, *n: star(*n),  # x y radius tips=5 inner=.382 turn=0
        "stars": lambda width, *n: _stars(*n),  # radius x y x y ...
        "starring": lambda width, *n: _around(*n),  # x y radius size count start=-90 span=360
        "starfield": lambda width, *n: _starfield(*n),  # size x y width height across down
        "pentagram": lambda width, *n: _pentagram(*n),  # x y radius thickness
        "crescent": lambda width, *n: crescent(*n),  # x y radius shift bite_radius turn=0
        "rays": lambda width, *n: _rays(*n),  # x y inner outer count share=.6 turn=0
        "poly": lambda width, *n: points(*n),  # x y x y ...
        "hoist": lambda width, depth: points(0, 0, depth, 0.5, 0, 1),
        "rhombus": lambda width, x, y, w, h: points(x, y - h / 2, x + w / 2, y, x, y + h / 2, x - w / 2, y),
        "teeth": _teeth,  # from count depth
        "frame": lambda width, *n: _frame(*n),  # x y radius corners thickness turn=0
        "checks": lambda width, *n: _checks(*n),  # x y width height across down
        "trigram": lambda width, *n: _trigram(*n),  # x y turn kind kind kind
        "leaf": lambda width, *n: _leaf(*n),  # x y size
        "dashes": lambda width, *n: _dashes(*n),  # x y width height count
    }
)


def bands(width: float, weights: Numbers, *, upright: bool) -> list[Polygon]:
    """Bands that fill the frame: from the top down, or from the hoist where `upright`."""
    edges = np.concatenate([[0.0], np.cumsum(weights)]) / sum(weights)
    if upright:
        return [box(a * width, 0, (b - a) * width, 1) for a, b in pairwise(edges)]
    return [box(0, a, width, b - a) for a, b in pairwise(edges)]


def clipped(polygon: Polygon, width: float) -> Polygon:
    """The part of the polygon inside the frame (Sutherland and Hodgman); empty where nothing is."""
    for axis, limit, sign in ((0, 0.0, 1), (0, width, -1), (1, 0.0, 1), (1, 1.0, -1)):
        if not len(polygon):
            break
        inside = sign * (polygon[:, axis] - limit)
        if inside.min() >= 0:
            continue
        kept = []
        for a, b, da, db in zip(polygon, np.roll(polygon, -1, axis=0), inside, np.roll(inside, -1), strict=True):
            if da >= 0:
                kept.append(a)
            if (da >= 0) != (db >= 0):
                kept.append(a + (b - a) * da / (da - db))
        polygon = np.array(kept).reshape(-1, 2)
    return polygon
