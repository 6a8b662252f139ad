"""The ways in which one specification is drawn."""

import colorsys
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from ravlm.data.flags.draw import flat, paint
from ravlm.data.flags.shapes import Polygon
from ravlm.data.flags.specs import Spec, colours, polygons
from ravlm.errors import UnknownChoice

STYLES = ("flat", "icon", "disc", "wave", "sketch", "shades")
BASE_STYLE = "flat"  # the knowledge base holds it
TEST_STYLES = ("disc", "sketch")  # only photos of the test set show them
TRAIN_STYLES = tuple(style for style in STYLES if style not in TEST_STYLES)


def render(spec: Spec, style: str, rng: np.random.Generator, height: int = 160) -> Image.Image:
    """The flag in RGBA, `height` pixels high, transparent outside its outline.

    Flat and shades keep the true ratio; icon and disc squeeze the flag into a square; wave and sketch have an uneven
    outline inside their picture.

    Raises:
        UnknownChoice: `style` is not one of `STYLES`.
    """
    if style not in _RENDERERS:
        raise UnknownChoice("style", style, STYLES)
    return _RENDERERS[style](spec, rng, height)


def _flat(spec: Spec, rng: np.random.Generator, height: int) -> Image.Image:
    return flat(spec, height).copy()


def _icon(spec: Spec, rng: np.random.Generator, height: int) -> Image.Image:
    return _cut(_square(spec, height), lambda brush, box: brush.rounded_rectangle(box, box[2] * 0.12, 255))


def _disc(spec: Spec, rng: np.random.Generator, height: int) -> Image.Image:
    return _cut(_square(spec, height), lambda brush, box: brush.ellipse(box, 255))


def _square(spec: Spec, height: int) -> Image.Image:
    return paint(((colour, polygon / (spec.ratio, 1)) for colour, polygon in polygons(spec)), 1.0, height)


def _cut(drawing: Image.Image, shape: Callable[[ImageDraw.ImageDraw, tuple[int, int, int, int]], None]) -> Image.Image:
    side = 2 * drawing.height
    mask = Image.new("L", (side, side))
    shape(ImageDraw.Draw(mask), (0, 0, side - 1, side - 1))
    both = np.minimum(np.asarray(mask.reduce(2)), np.asarray(drawing.getchannel("A")))
    drawing.putalpha(Image.fromarray(both))
    return drawing


def _wave(spec: Spec, rng: np.random.Generator, height: int) -> Image.Image:
    """Every column moves up and down by a wave that grows towards the fly; slopes are dark or light."""
    inner = round(height / 1.2)
    cloth = np.asarray(flat(spec, inner)).astype(np.float32)
    width = cloth.shape[1]
    across = np.linspace(0, spec.ratio, width, dtype=np.float32)
    phase = 2 * np.pi * (across / rng.uniform(0.9, 1.4) + rng.uniform())
    swing = (height - inner) / 2 * np.minimum(1, 0.35 + across) * rng.uniform(0.6, 1)
    top = (height - inner) / 2 + swing * np.sin(phase)
    shade = 1 + rng.uniform(0.12, 0.25) * np.cos(phase) * np.minimum(1, 0.35 + across)
    rows = np.arange(height, dtype=np.float32)[:, None] - top
    upper = np.floor(rows).astype(np.int32)
    part = (rows - upper).astype(np.float32)[..., None]
    padded = np.pad(cloth, ((1, 1), (0, 0), (0, 0)), mode="edge")
    padded[[0, -1], :, 3] = 0
    columns = np.arange(width)
    made = padded[np.clip(upper + 1, 0, inner + 1), columns] * (1 - part)
    made += padded[np.clip(upper + 2, 0, inner + 1), columns] * part
    made[..., :3] *= shade[:, None]
    return Image.fromarray(np.clip(made, 0, 255).astype(np.uint8))


def _sketch(spec: Spec, rng: np.random.Generator, height: int) -> Image.Image:
    """Edges wobble, neighbours do not meet exactly, and strokes of the brush show."""
    fields = rng.uniform(-1, 1, (2, 4, 4))
    shapes = [(colour, _wobbled(polygon, fields, rng)) for colour, polygon in polygons(spec)]
    made = np.asarray(paint(shapes, spec.ratio, height, margin=0.04)).astype(np.float32)
    rows, columns = np.mgrid[: made.shape[0], : made.shape[1]].astype(np.float32)
    angle = rng.uniform(-0.9, 0.9)
    along = columns * math.cos(angle) + rows * math.sin(angle)
    across = rows * math.cos(angle) - columns * math.sin(angle) + 2 * np.sin(along / rng.uniform(9, 20))
    strokes = rng.uniform(0, 1, 512).astype(np.float32)
    tone = strokes[(across / rng.uniform(1.5, 3)).astype(np.intp) % 512][..., None]
    paper = tone**3 * rng.uniform(0.1, 0.35)
    made[..., :3] = made[..., :3] * (1 - paper) * (0.86 + 0.14 * tone) + 245 * paper
    return Image.fromarray(np.clip(made, 0, 255).astype(np.uint8))


def _wobbled(polygon: Polygon, fields: np.ndarray, rng: np.random.Generator) -> Polygon:
    """The polygon with extra points, moved by waves that all shapes share and a little by waves of its own."""
    following = np.roll(polygon, -1, axis=0)
    steps = np.maximum(1, np.ceil(np.hypot(*(following - polygon).T) / 0.06)).astype(int)
    places = np.concatenate(
        [
            start + (end - start) * (np.arange(count) / count)[:, None]
            for start, end, count in zip(polygon, following, steps, strict=True)
        ]
    )
    size = min(1.0, np.ptp(polygon, axis=0).max() * 2)  # a small star stays a star
    moved = places.copy()
    for waves, strength in ((fields, 0.006), (rng.uniform(-1, 1, (2, 4, 4)), 0.006 * size)):
        for axis in (0, 1):
            x, y, phase, gain = waves[axis]
            angles = places @ np.stack([x * 14, y * 14]) + phase * np.pi
            moved[:, axis] += strength * (np.sin(angles) @ (0.6 + 0.4 * gain))
    return moved


def _shades(spec: Spec, rng: np.random.Generator, height: int) -> Image.Image:
    return paint(polygons(spec), spec.ratio, height, palette=shades(spec, rng))


def shades(spec: Spec, rng: np.random.Generator) -> dict[str, str]:
    """Other shades of the specification's colours: hues stay, and so do black, grey and white."""
    softer, darker = rng.uniform(0.75, 1.1), rng.uniform(0.8, 1.08)
    return {colour: _shade(colour, softer, darker, rng) for colour in colours(spec)}


def _shade(colour: str, softer: float, darker: float, rng: np.random.Generator) -> str:
    red, green, blue = (value / 255 for value in ImageColor.getrgb(colour)[:3])
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    turn, own, light = rng.uniform(-0.014, 0.014), rng.uniform(0.9, 1.1), rng.uniform(0.92, 1.08)
    if saturation < 0.15 or value < 0.15:
        saturation, value = rng.uniform(0, 0.08), np.clip(value * light, 0.12, 0.98)
        hue = 0.12
    else:
        hue, saturation = hue + turn, np.clip(saturation * softer * own, 0.3, 1)
        value = np.clip(value * darker * light, 0.25, 1)
    return "#" + "".join(f"{round(255 * part):02x}" for part in colorsys.hsv_to_rgb(hue % 1, saturation, value))


_RENDERERS: Mapping[str, Callable[[Spec, np.random.Generator, int], Image.Image]] = MappingProxyType(
    {"flat": _flat, "icon": _icon, "disc": _disc, "wave": _wave, "sketch": _sketch, "shades": _shades}
)
