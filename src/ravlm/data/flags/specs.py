"""The flags' specifications: what is painted, in which order, in which colours."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

from ravlm.data.flags.shapes import SHAPES, Polygon, bands, clipped
from ravlm.errors import FormatError

_FLAG = re.compile(r"\n(?=\S)")
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)$")
_COLOUR = re.compile(r"#(?:[0-9a-f]{3}){1,2}$")


@dataclass(frozen=True, slots=True)
class Shape:
    """One thing painted. `kind` is a name of `shapes.SHAPES`, or rows, cols (bands: a number is a weight) or in.

    `in` paints `inside` into the box x, y, width, height of `numbers`. Colours are #RGB or #RRGGBB.
    """

    kind: str
    colours: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()
    inside: tuple["Shape", ...] = ()


@dataclass(frozen=True, slots=True)
class Spec:
    """A flag or a pattern: its name, its width in heights, and its shapes in the order in which they are painted."""

    name: str
    ratio: float
    shapes: tuple[Shape, ...]


@lru_cache(maxsize=1)
def specs() -> Mapping[str, Spec]:
    """All flags by ISO 3166 alpha-2 code, upper case."""
    return parse(resources.files(__package__).joinpath("flags.txt").read_text(encoding="utf-8"))


def parse(text: str) -> Mapping[str, Spec]:
    """The specifications in a text in the format of `flags.txt`, by name.

    Raises:
        FormatError: something that can't be read; the message names the flag and the words.
    """
    lines = "\n".join(line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    entries = [entry.split(maxsplit=2) for entry in _FLAG.split(lines)]
    ratios = {name: _ratio(name, ratio) for name, ratio, _ in entries}
    bodies = {name: body for name, _, body in entries}

    def shapes(name: str) -> tuple[Shape, ...]:
        return tuple(shape(name, words.split()) for words in re.split("[;\n]", bodies[name]) if words.strip())

    def shape(name: str, words: list[str]) -> Shape:
        kind, *rest = words
        inside: tuple[Shape, ...] = ()
        if kind == "in" and rest and rest[-1] in bodies:
            inside = shapes(rest.pop())
        bands_ = kind in ("rows", "cols")
        if not bands_ and not inside and kind not in SHAPES:
            raise FormatError(f"The flag {name} has a shape {kind!r}. Known are in, rows, cols, {', '.join(SHAPES)}.")
        split = [word.split("*") if bands_ else [word] for word in rest]
        colours_ = tuple(part[0] for part in split if part[0].startswith("#"))
        numbers = [part[-1] if len(part) > 1 else "1" for part in split] if bands_ else rest[len(colours_) :]
        count = len(numbers) if bands_ else int(not inside)
        readable = all(map(_COLOUR.match, colours_)) and all(map(_NUMBER.match, numbers))
        if len(colours_) != count or not readable:
            raise FormatError(
                f"The flag {name} has {' '.join(words)!r}. Expected a shape, a colour (#RGB or #RRGGBB), then numbers."
            )
        return Shape(kind, colours_, tuple(float(number) for number in numbers), inside)

    return MappingProxyType({name: Spec(name, ratios[name], shapes(name)) for name in bodies})


def _ratio(name: str, words: str) -> float:
    """Width by height, of "height:width"."""
    try:
        height, width = (float(part) for part in words.split(":"))
        return width / height
    except (ValueError, ZeroDivisionError) as fault:
        raise FormatError(f"The flag {name} has the size {words!r}. Expected height:width, such as 2:3.") from fault


def colours(spec: Spec) -> tuple[str, ...]:
    """Every colour of the specification once, in the order of painting."""
    return tuple(dict.fromkeys(colour for colour, _ in polygons(spec)))


def polygons(spec: Spec) -> list[tuple[str, Polygon]]:
    """(colour, polygon) in the order of painting; polygons are clipped to the frame of `ratio` x 1."""
    return list(_polygons(spec.shapes, spec.ratio))


def _polygons(shapes: tuple[Shape, ...], width: float) -> Iterator[tuple[str, Polygon]]:
    for shape in shapes:
        if shape.kind == "in":
            x, y, w, h = shape.numbers
            for colour, polygon in _polygons(shape.inside, w / h):
                yield colour, polygon * h + (x, y)
            continue
        if shape.kind in ("rows", "cols"):
            made = bands(width, shape.numbers, upright=shape.kind == "cols")
            yield from zip(shape.colours, made, strict=True)
            continue
        drawn = SHAPES[shape.kind](width, *shape.numbers)
        for polygon in drawn if isinstance(drawn, list) else [drawn]:
            inside = clipped(polygon, width)
            if len(inside) > 2:
                yield shape.colours[0], inside
