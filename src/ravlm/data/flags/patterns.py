"""Patterns that are no flags, out of the same primitives and colours, and what they look like in words."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor

from ravlm.data.flags.draw import draw
from ravlm.data.flags.specs import Shape, Spec
from ravlm.errors import RavlmError

DISTINCT = 0.16  # the least distance between two thumbnails (see `distance`)
_APART = 130  # the least distance, in RGB from 0 to 255, between a thing and what it lies on
_COLOURS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "#ce1126": ("red", "红"),
        "#ffffff": ("white", "白"),
        "#007a3d": ("green", "绿"),
        "#0033a0": ("blue", "蓝"),
        "#fcd116": ("yellow", "黄"),
        "#000000": ("black", "黑"),
        "#f77f00": ("orange", "橙"),
        "#6ab2e7": ("light blue", "浅蓝"),
        "#7b1e3a": ("maroon", "酒红"),
        "#5e3a8c": ("purple", "紫"),
    }
)
_WEIGHTS = np.array([6, 5, 5, 5, 5, 3, 2, 3, 1, 1]) / 36
_RATIOS = (1.5, 1.5, 2.0, 2.0, 5 / 3, 1.6, 1.25, 1.9)
_NUMBERS = (("two", "两"), ("three", "三"), ("four", "四"), ("five", "五"), ("six", "六"), ("seven", "七"))
_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "disc": ("a {} disc", "一个{}色圆盘"),
        "ring": ("a {} ring", "一个{}色圆环"),
        "star": ("a {} star", "一颗{}色星"),
        "starring": ("a circle of {} stars", "一圈{}色星"),
        "crescent": ("a {} crescent", "一弯{}色新月"),
        "rhombus": ("a {} rhombus", "一个{}色菱形"),
        "plus": ("a short {} cross", "一个{}色短十字"),
        "rays": ("a {} sunburst", "一轮{}色光芒"),
        "leaf": ("a {} leaf", "一片{}色叶子"),
        "oval": ("a {} oval", "一个{}色椭圆"),
        "pentagram": ("a {} pentagram", "一个{}色五角线星"),
        "saltire": ("a {} diagonal cross", "一个{}色斜十字"),
        "cross": ("a {} cross", "一个{}色十字"),
        "bend": ("a {} diagonal stripe", "一条{}色斜带"),
        "hoist": ("a {} triangle at the left", "左侧一个{}色三角形"),
        "canton": ("a {} box in the upper left corner", "左上角一个{}色方块"),
        "box": ("a {} box in the middle", "中间一个{}色方块"),
        "teeth": ("a {} serrated edge at the left", "左侧一道{}色锯齿边"),
        "checks": ("{} checks", "{}色方格"),
        "poly": ("a {} half below the diagonal", "对角线下方一片{}色"),
    }
)


class PatternsExhausted(RavlmError):
    """More distinct patterns were asked for than could be found."""

    code = "patterns-exhausted"


def random_spec(rng: np.random.Generator, name: str = "pattern") -> Spec:
    """A random pattern: a ground, mostly something laid over it, mostly a charge in its middle or at its left."""
    ratio = _RATIOS[int(rng.integers(len(_RATIOS)))]
    palette = [str(c) for c in rng.choice(list(_COLOURS), size=5, replace=False, p=_WEIGHTS)]
    shapes = [_ground(palette, rng)]
    free = [colour for colour in palette if all(_apart(colour, other) for other in shapes[0].colours)]
    if free and rng.uniform() < 0.55:
        shapes += _overlay(free.pop(0), free, ratio, rng)
        free = [colour for colour in free if _apart(colour, shapes[-1].colours[0])]
    if free and (len(shapes) == 1 or rng.uniform() < 0.6):
        left = any(shape.kind in ("hoist", "box") for shape in shapes[1:]) or rng.uniform() < 0.2
        shapes.append(_charge(free[0], 0.3 if left else ratio / 2, ratio, rng))
    return Spec(name, ratio, tuple(shapes))


def distinct_specs(count: int, rng: np.random.Generator, avoid: Iterable[Spec]) -> list[Spec]:
    """`count` random patterns, each at least `DISTINCT` away from `avoid` and from one another.

    Raises:
        PatternsExhausted: so many were not found in 40 tries each.
    """
    taken = [thumbnail(spec) for spec in avoid]
    near = np.stack(taken) if taken else np.zeros((0, thumbnail(Spec("", 1.5, ())).size), np.float32)
    found: list[Spec] = []
    for _ in range(40 * count):
        if len(found) == count:
            break
        spec = random_spec(rng, f"pattern-{len(found) + 1:04}")
        mine = thumbnail(spec)
        if not len(near) or distance(mine, near).min() >= DISTINCT:
            found.append(spec)
            near = np.concatenate([near, mine[None]])
    if len(found) < count:
        raise PatternsExhausted(f"Asked for {count} distinct patterns, found {len(found)}. Ask for fewer.")
    return found


def thumbnail(spec: Spec) -> npt.NDArray[np.float32]:
    """The flat drawing stretched to 24 x 24 pixels, as [24 * 24 * 3] values from 0 to 1."""
    small = draw(spec, 48).resize((24, 24), Image.Resampling.BOX)
    return np.asarray(small, np.float32).ravel() / np.float32(255)


def distance(one: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The root mean square difference of a thumbnail from each row of others, from 0 to 1."""
    result: npt.NDArray[np.float32] = np.sqrt(np.square(others - one).mean(axis=1)).astype(np.float32)
    return result


def describe(spec: Spec) -> str:
    """The pattern in an English sentence.

    >>> bands = Shape("cols", ("#007a3d", "#ffffff"), (1, 1))
    >>> describe(Spec("x", 1.5, (bands, Shape("star", ("#fcd116",), (0.75, 0.5, 0.2)))))
    'Two vertical bands in green and white with a yellow star.'
    """
    first, *rest = spec.shapes
    names = [colour_name(colour)[0] for colour in first.colours]
    if first.kind == "fill":
        text = f"a {names[0]} ground"
    else:
        how = "horizontal" if first.kind == "rows" else "vertical"
        text = f"{_count(len(names))[0]} {how} bands in {_listed(names, ', ', ' and ')}"
    things = [_WORDS[_word(shape)][0].format(colour_name(shape.colours[0])[0]) for shape in rest]
    whole = text + (f" with {_listed(things, ', ', ' and ')}" if things else "")
    whole = whole.replace("a orange", "an orange")
    return whole[0].upper() + whole[1:] + "."


def describe_zh(spec: Spec) -> str:
    """The pattern in a Chinese sentence.

    >>> describe_zh(Spec("x", 1.5, (Shape("fill", ("#ce1126",)), Shape("disc", ("#ffffff",), (0.75, 0.5, 0.3)))))
    '红色底，带有一个白色圆盘。'
    """
    first, *rest = spec.shapes
    names = [colour_name(colour)[1] for colour in first.colours]
    if first.kind == "fill":
        text = f"{names[0]}色底"
    else:
        text = f"{_listed(names, '、', '、')}{_count(len(names))[1]}色{'横' if first.kind == 'rows' else '竖'}条"
    things = [_WORDS[_word(shape)][1].format(colour_name(shape.colours[0])[1]) for shape in rest]
    return text + (f"，带有{_listed(things, '、', '和')}" if things else "") + "。"


def colour_name(colour: str) -> tuple[str, str]:
    """The English and the Chinese word for the nearest of the patterns' colours."""
    wanted = np.array(ImageColor.getrgb(colour)[:3])
    return min(
        _COLOURS.items(), key=lambda item: int(((np.array(ImageColor.getrgb(item[0])[:3]) - wanted) ** 2).sum())
    )[1]


def _word(shape: Shape) -> str:
    return "canton" if shape.kind == "box" and shape.numbers[:2] == (0, 0) else shape.kind


def _apart(one: str, other: str) -> bool:
    difference = np.subtract(ImageColor.getrgb(one)[:3], ImageColor.getrgb(other)[:3])
    return bool(np.hypot.reduce(difference) >= _APART)


def _listed(words: Sequence[str], comma: str, last: str) -> str:
    return last.join(filter(None, [comma.join(words[:-1]), words[-1]]))


def _count(number: int) -> tuple[str, str]:
    return _NUMBERS[number - 2] if number - 2 < len(_NUMBERS) else (str(number), str(number))


def _ground(palette: Sequence[str], rng: np.random.Generator) -> Shape:
    if rng.uniform() < 0.25:
        return Shape("fill", (palette[0],))
    count = int(rng.choice([2, 3, 4, 5], p=[0.3, 0.45, 0.13, 0.12]))
    order = [int(i) for i in rng.permutation(min(count, 4))]
    if count == 3 and rng.uniform() < 0.3:
        order = [0, 1, 0]
    if count == 5:
        order = [0, 1, 2, 1, 0] if rng.uniform() < 0.6 else [0, 1, 0, 1, 0]
    weights = rng.choice([1, 1, 1, 2, 3], size=len(order)).astype(float)
    if len(order) == 5 or order[0] == order[-1]:
        weights = (weights + weights[::-1]) / 2
    kind = "rows" if rng.uniform() < 0.55 else "cols"
    return Shape(kind, tuple(palette[i] for i in order), tuple(weights.tolist()))


def _overlay(colour: str, free: list[str], ratio: float, rng: np.random.Generator) -> list[Shape]:
    """One or two shapes over the ground; a colour that is used up leaves `free`."""
    kind = str(rng.choice(["hoist", "bend", "saltire", "cross", "box", "teeth", "poly", "nordic", "hem"]))
    thick = float(rng.uniform(0.14, 0.32))
    if kind == "bend":
        ends = (0, 0, ratio, 1) if rng.uniform() < 0.5 else (0, 1, ratio, 0)
        edged = len(free) > 1 and rng.uniform() < 0.4
        edge = [Shape("bend", (free.pop(0),), (*ends, thick + 0.12))] if edged else []
        return [*edge, Shape("bend", (colour,), (*ends, thick))]
    if kind == "hoist":
        return [Shape("hoist", (colour,), (float(rng.uniform(0.5, 0.95)),))]
    if kind == "box":
        return [Shape("box", (colour,), (0, 0, float(rng.uniform(0.55, 0.75)), float(rng.uniform(0.45, 0.65))))]
    if kind == "teeth":
        return [Shape("teeth", (colour,), (0.3, int(rng.integers(3, 9)), float(rng.uniform(0.12, 0.25))))]
    if kind == "poly":
        corners = (0, 0, ratio, 1, 0, 1) if rng.uniform() < 0.5 else (ratio, 0, ratio, 1, 0, 1)
        return [Shape("poly", (colour,), corners)]
    if kind == "hem":
        return [Shape("box", (colour,), (0.16, 0.16, ratio - 0.32, 0.68))]
    if kind == "nordic":
        return [Shape("cross", (colour,), (thick, ratio * 0.37, 0.5))]
    return [Shape(kind, (colour,), (thick,))]


def _charge(colour: str, x: float, ratio: float, rng: np.random.Generator) -> Shape:
    """A figure with its centre at x, smaller at the left than in the middle."""
    size = 0.17 if x < 0.4 else float(rng.uniform(0.2, 0.34))
    y = 0.5 if rng.uniform() < 0.8 or x < 0.4 else 0.35
    makers: dict[str, tuple[float, ...]] = {
        "disc": (x, y, size),
        "ring": (x, y, size, size * 0.68),
        "star": (x, y, size, int(rng.choice([4, 5, 6, 8, 12])), 0.45),
        "starring": (x, y, size, size * 0.24, int(rng.integers(5, 10))),
        "crescent": (x, y, size, size * 0.33, size * 0.85, int(rng.choice([0, -90, -45]))),
        "rhombus": (x, y, size * 2.2, size * 1.7),
        "plus": (x, y, size * 2, size * 0.6),
        "rays": (x, y, size * 0.45, size * 1.1, int(rng.integers(8, 17)), 0.9),
        "leaf": (x, y, size),
        "oval": (x, y, size * 0.55, size * 1.2),
        "pentagram": (x, y, size, size * 0.16),
        "checks": (x - size, y - size, size * 2, size * 2, 4, 4),
    }
    kind = list(makers)[int(rng.integers(len(makers)))]
    return Shape(kind, (colour,), tuple(float(n) for n in makers[kind]))
