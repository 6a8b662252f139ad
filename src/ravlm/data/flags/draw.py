"""Paints a specification: flat colours, smooth edges."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from ravlm.data.flags.shapes import Polygon
from ravlm.data.flags.specs import Spec, polygons

_FINER = 3  # painted so many times as large, then reduced


def draw(spec: Spec, height: int, palette: Mapping[str, str] | None = None) -> Image.Image:
    """The flag in RGB, `height` pixels high and `height` x ratio wide, on white where it has no cloth.

    `palette` gives other colours for colours of the specification.
    """
    cloth = paint(polygons(spec), spec.ratio, height, palette)
    ground = Image.new("RGB", cloth.size, "white")
    ground.paste(cloth, mask=cloth.getchannel("A"))
    return ground


@lru_cache(maxsize=64)
def flat(spec: Spec, height: int) -> Image.Image:
    """The flag in RGBA, transparent where it has no cloth; kept for the next call, so it must not be changed."""
    return paint(polygons(spec), spec.ratio, height)


def paint(
    shapes: Iterable[tuple[str, Polygon]],
    ratio: float,
    height: int,
    palette: Mapping[str, str] | None = None,
    margin: float = 0.0,
) -> Image.Image:
    """(colour, polygon) pairs in RGBA, with a transparent `margin` (in flag heights) on all sides.

    The picture is `height` pixels high with its margin.
    """
    width = max(1, round(height * (ratio + 2 * margin) / (1 + 2 * margin)))
    # RGBX: reducing RGBA would weigh every pixel by its alpha, at twice the time.
    canvas = Image.new("RGBX", (width * _FINER, height * _FINER), (255, 255, 255, 0))
    brush = ImageDraw.Draw(canvas)
    unit = np.array([canvas.width / (ratio + 2 * margin), canvas.height / (1 + 2 * margin)])
    palette = palette or {}
    for colour, polygon in shapes:
        # A pixel's place is its centre.
        corners = ((polygon + margin) * unit - 0.5).ravel().tolist()
        brush.polygon(corners, fill=(*ImageColor.getrgb(palette.get(colour, colour))[:3], 255))
    return Image.frombytes("RGBA", (width, height), canvas.reduce(_FINER).tobytes())
