"""What stands behind and before a flag in a photo."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

_SKIN = ((236, 188, 160), (198, 134, 98), (141, 85, 54), (92, 58, 40))


def background(rng: np.random.Generator, size: int) -> Image.Image:
    """A busy ground in RGB, `size` x `size`: sky, wall, foliage, blots, stripes, cloth, a heap of things."""
    return _GROUNDS[int(rng.integers(len(_GROUNDS)))](rng, size)


def occlude(picture: Image.Image, corners: npt.NDArray[np.float32], rng: np.random.Generator) -> Image.Image:
    """Puts a pole, leaves or fingers before the flag with these four corners; most of it stays in view."""
    kind = rng.uniform()
    if kind > 0.55:
        return picture
    brush = ImageDraw.Draw(picture)
    size = picture.width
    if kind < 0.2:
        _pole(brush, corners, rng, size)
    elif kind < 0.4:
        _leaves(brush, corners, rng, size)
    else:
        _fingers(brush, corners, rng, size)
    return picture


def _pole(brush: ImageDraw.ImageDraw, corners: npt.NDArray[np.float32], rng: np.random.Generator, size: int) -> None:
    """At the hoist mostly, else thin and anywhere."""
    tone = int(rng.integers(40, 220))
    if rng.uniform() < 0.7:
        top, bottom, wide = corners[0] - (1, 4), corners[3] + (-1, size), rng.uniform(2, 6)
        bottom[0] = corners[3][0] + (corners[3][0] - corners[0][0]) * 0.5
    else:
        x = rng.uniform(0, size, 2)
        middle = x.mean()
        top, bottom = np.array([middle + (x[0] - middle) * 0.4, 0]), np.array([middle + (x[1] - middle) * 0.4, size])
        wide = rng.uniform(1.5, 4)
    line = [float(v) for v in (*top, *bottom)]
    brush.line(line, fill=(tone, tone, int(tone * 0.95)), width=max(1, round(wide)))
    brush.line([line[0] + 1, line[1], line[2] + 1, line[3]], fill=(min(255, tone + 40),) * 3, width=1)


def _leaves(brush: ImageDraw.ImageDraw, corners: npt.NDArray[np.float32], rng: np.random.Generator, size: int) -> None:
    """Small leaves around a corner of the photo."""
    corner = rng.integers(0, 2, 2) * size
    for _ in range(int(rng.integers(4, 12))):
        x, y = corner + rng.normal(0, 0.16 * size, 2)
        long, wide = rng.uniform(2, 7), rng.uniform(2, 5)
        green = int(rng.integers(60, 150))
        brush.ellipse([x - long, y - wide, x + long, y + wide], fill=(green // 2, green, green // 4))


def _fingers(brush: ImageDraw.ImageDraw, corners: npt.NDArray[np.float32], rng: np.random.Generator, size: int) -> None:
    """A hand that holds an edge of the flag."""
    skin = np.array(_SKIN[int(rng.integers(len(_SKIN)))])
    first = int(rng.integers(4))
    along = rng.uniform(0.1, 0.9)
    at = corners[first] * (1 - along) + corners[(first + 1) % 4] * along
    inward = corners.mean(axis=0) - at
    inward = inward / max(np.hypot(*inward), 1)
    across = np.array([-inward[1], inward[0]])
    for i in range(int(rng.integers(1, 4))):
        root = at + across * (i * 6.5) - inward * 16
        tip = at + across * (i * 6.5) + inward * rng.uniform(3, 9)
        colour = tuple(int(v) for v in np.clip(skin * (0.9 + 0.06 * i), 0, 255))
        brush.line([float(v) for v in (*root, *tip)], fill=colour, width=6)
        brush.ellipse([tip[0] - 3, tip[1] - 3, tip[0] + 3, tip[1] + 3], fill=colour)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    """Any colour, mostly a dull one."""
    grey = rng.uniform(30, 230)
    red, green, blue = np.clip(grey + rng.normal(0, 1, 3) * rng.choice([12, 30, 80]), 0, 255).astype(int).tolist()
    return red, green, blue


def _noise(rng: np.random.Generator, size: int, cells: int, first: npt.ArrayLike, second: npt.ArrayLike) -> Image.Image:
    mix = rng.uniform(0, 1, (cells, cells, 1))
    values = np.asarray(first) * mix + np.asarray(second) * (1 - mix) + rng.normal(0, 10, (cells, cells, 3))
    how = Image.Resampling.BICUBIC if rng.uniform() < 0.8 else Image.Resampling.NEAREST
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).resize((size, size), how)


def _blots(rng: np.random.Generator, size: int) -> Image.Image:
    return _noise(rng, size, int(rng.integers(3, 24)), _colour(rng), _colour(rng))


def _sky(rng: np.random.Generator, size: int) -> Image.Image:
    """Sky above, something dark below."""
    made = _noise(rng, size, int(rng.integers(2, 7)), (120, 165, 220), (225, 230, 238))
    brush = ImageDraw.Draw(made)
    step = int(rng.integers(5, 20))
    tone = int(rng.integers(40, 130))
    for x in range(0, size, step):
        roof = size * rng.uniform(0.55, 1)
        side = tone + int(rng.integers(-20, 20))
        brush.rectangle([x, roof, x + step, size], fill=(side, side, side + 5))
    return made


def _foliage(rng: np.random.Generator, size: int) -> Image.Image:
    return _noise(rng, size, int(rng.integers(18, 40)), (30, 70, 25), (120, 150, 70))


def _wall(rng: np.random.Generator, size: int) -> Image.Image:
    """Bricks or boards."""
    made = Image.new("RGB", (size, size), _colour(rng))
    brush, base = ImageDraw.Draw(made), np.array(_colour(rng))
    high, wide = int(rng.integers(5, 16)), int(rng.integers(10, 60))
    for row, y in enumerate(range(0, size, high)):
        for x in range(-(row % 2) * wide // 2, size, wide):
            tone = tuple(int(v) for v in np.clip(base + rng.normal(0, 14), 0, 255))
            brush.rectangle([x, y, x + wide - 2, y + high - 2], fill=tone)
    return made


def _stripes(rng: np.random.Generator, size: int) -> Image.Image:
    made = Image.new("RGB", (size, size), _colour(rng))
    brush, (x, lean) = ImageDraw.Draw(made), (-size * 1.0, rng.uniform(-1, 1) * size)
    while x < 2 * size:
        wide = rng.uniform(4, 30)
        brush.polygon([(x, 0), (x + wide, 0), (x + wide + lean, size), (x + lean, size)], fill=_colour(rng))
        x += wide
    return made.transpose(Image.Transpose.ROTATE_90) if rng.uniform() < 0.5 else made


def _heap(rng: np.random.Generator, size: int) -> Image.Image:
    """Boxes, balls and shards of all colours."""
    made = _blots(rng, size)
    brush = ImageDraw.Draw(made)
    for _ in range(int(rng.integers(8, 26))):
        x, y = rng.uniform(-0.1, 1.1, 2) * size
        w, h = rng.uniform(4, 30, 2)
        kind = rng.integers(3)
        if kind == 0:
            brush.rectangle([x - w, y - h, x + w, y + h], fill=_colour(rng))
        elif kind == 1:
            brush.ellipse([x - w, y - h, x + w, y + h], fill=_colour(rng))
        else:
            corners = [(x + a, y + b) for a, b in rng.uniform(-30, 30, (3, 2))]
            brush.polygon(corners, fill=_colour(rng))
    return made


_GROUNDS: tuple[Callable[[np.random.Generator, int], Image.Image], ...] = (
    _blots,
    _sky,
    _foliage,
    _wall,
    _stripes,
    _heap,
    _heap,
)
