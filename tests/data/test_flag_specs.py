"""The flags' specifications: how many, well formed, and right where a colour or a place tells flags apart."""

import numpy as np
import pytest

from ravlm.data.flags.draw import draw, flat
from ravlm.data.flags.facts import countries
from ravlm.data.flags.shapes import arc, clipped, crescent, points, star
from ravlm.data.flags.specs import colours, parse, polygons, specs
from ravlm.errors import FormatError

# (code, x and y as shares of the flag, colour): one place each that a mistaken flag would fail.
PLACES = [
    ("AE", 0.1, 0.5, "red"),
    ("AE", 0.6, 0.1, "green"),
    ("AR", 0.2, 0.5, "white"),
    ("AT", 0.5, 0.5, "white"),
    ("AU", 0.25, 0.25, "red"),
    ("BD", 0.45, 0.5, "red"),
    ("BE", 0.1, 0.5, "black"),
    ("BG", 0.5, 0.5, "green"),
    ("BJ", 0.8, 0.2, "yellow"),
    ("BO", 0.5, 0.1, "red"),
    ("CF", 0.5, 0.9, "red"),
    ("CG", 0.1, 0.1, "green"),
    ("CI", 0.9, 0.5, "green"),
    ("CL", 0.1, 0.1, "blue"),
    ("CN", 0.1667, 0.25, "yellow"),
    ("CO", 0.5, 0.4, "yellow"),
    ("CZ", 0.5, 0.1, "white"),
    ("DE", 0.5, 0.9, "yellow"),
    ("EE", 0.5, 0.5, "black"),
    ("ET", 0.5, 0.1, "green"),
    ("FR", 0.1, 0.5, "blue"),
    ("GB", 0.5, 0.5, "red"),
    ("GH", 0.5, 0.5, "black"),
    ("GM", 0.5, 0.5, "blue"),
    ("GN", 0.1, 0.5, "red"),
    ("GR", 0.1852, 0.5, "white"),
    ("HU", 0.5, 0.1, "red"),
    ("ID", 0.5, 0.2, "red"),
    ("IE", 0.1, 0.5, "green"),
    ("IT", 0.9, 0.5, "red"),
    ("KW", 0.05, 0.5, "black"),
    ("LT", 0.5, 0.5, "green"),
    ("ML", 0.1, 0.5, "green"),
    ("MG", 0.1, 0.9, "white"),
    ("MU", 0.5, 0.4, "blue"),
    ("NL", 0.5, 0.9, "blue"),
    ("PA", 0.9, 0.1, "red"),
    ("PL", 0.5, 0.2, "white"),
    ("QA", 0.1, 0.5, "white"),
    ("RO", 0.5, 0.5, "yellow"),
    ("RU", 0.5, 0.5, "blue"),
    ("SC", 0.9, 0.95, "green"),
    ("SD", 0.1, 0.5, "green"),
    ("SL", 0.5, 0.9, "blue"),
    ("SY", 0.5, 0.1, "green"),
    ("TO", 0.2, 0.25, "red"),
    ("TZ", 0.9, 0.9, "blue"),
    ("UA", 0.5, 0.9, "yellow"),
    ("US", 0.9, 0.98, "red"),
    ("YE", 0.5, 0.9, "black"),
    ("ZA", 0.9, 0.1, "red"),
]
NAMED = {
    "red": (215, 25, 40),
    "green": (0, 140, 65),
    "blue": (10, 60, 165),
    "yellow": (250, 210, 10),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}


def test_there_are_enough_flags_and_each_has_facts() -> None:
    assert len(specs()) >= 135
    assert specs().keys() <= countries().keys()


@pytest.mark.parametrize("code", sorted(specs()))
def test_every_flag_is_whole(code: str) -> None:
    spec = specs()[code]
    drawn = np.asarray(flat(spec, 40))
    assert drawn.shape[:2] == (40, round(40 * spec.ratio))
    assert 0.8 < spec.ratio < 2.6
    assert 2 <= len(colours(spec)) <= 8
    gaps = (drawn[..., 3] < 255).mean()
    assert gaps > 0.2 if code == "NP" else gaps == 0
    for _, polygon in polygons(spec):
        assert polygon.min() >= -1e-9
        assert polygon[:, 0].max() <= spec.ratio + 1e-9
        assert polygon[:, 1].max() <= 1 + 1e-9


@pytest.mark.parametrize(("code", "x", "y", "name"), PLACES)
def test_colours_stand_where_they_belong(code: str, x: float, y: float, name: str) -> None:
    drawn = np.asarray(draw(specs()[code], 180)).astype(int)
    found = drawn[int(y * drawn.shape[0]), int(x * drawn.shape[1])]
    assert min(NAMED, key=lambda word: int(((found - NAMED[word]) ** 2).sum())) == name


def test_a_palette_replaces_colours() -> None:
    other = draw(specs()["JP"], 20, palette={"#bc002d": "#00ff00"})
    assert other.getpixel((15, 10)) == (0, 255, 0)


def test_shapes_have_their_areas() -> None:
    def area(polygon: np.ndarray) -> float:
        following = np.roll(polygon, -1, axis=0)
        return abs(float((polygon[:, 0] * following[:, 1] - polygon[:, 1] * following[:, 0]).sum())) / 2

    assert area(arc(0.5, 0.5, 0.3, 0)) == pytest.approx(np.pi * 0.09, rel=0.01)
    assert area(arc(0.5, 0.5, 0.3, 0.2)) == pytest.approx(np.pi * 0.05, rel=0.01)
    # Two circles that cross: the disc less the lens that both share.
    radius, shift, bite = 0.3, 0.1, 0.26
    x = (shift**2 + radius**2 - bite**2) / (2 * shift)
    lens = (
        radius**2 * np.arccos(x / radius) + bite**2 * np.arccos((shift - x) / bite) - shift * np.sqrt(radius**2 - x**2)
    )
    assert area(crescent(0.5, 0.5, radius, shift, bite, 30)) == pytest.approx(np.pi * radius**2 - lens, rel=0.01)
    assert len(star(0, 0, 1, 7)) == 14
    assert star(0, 0, 1)[0] == pytest.approx([0, -1])


def test_clipping_keeps_what_is_inside() -> None:
    assert len(clipped(points(2, 2, 3, 2, 3, 3), 1.5)) == 0
    inside = points(0.1, 0.1, 0.5, 0.1, 0.1, 0.6)
    assert np.array_equal(clipped(inside, 1.5), inside)
    corners = clipped(points(-1, -1, 3, -1, 3, 3, -1, 3), 1.5)
    assert sorted(map(tuple, corners.tolist())) == [(0, 0), (0, 1), (1.5, 0), (1.5, 1)]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("XX 2:3 blob #fff 1", "blob"),
        ("XX 2:3 disc #ff 1 .5 .2", "#ff"),
        ("XX 2:3 disc #fff one .5 .2", "one"),
        ("XX two rows #fff", "two"),
        ("XX 2:3 rows #fff*a", "a"),
        ("XX 2:3 in 0 0 1 1 YY", "in"),
    ],
)
def test_a_mistaken_specification_is_named(text: str, word: str) -> None:
    with pytest.raises(FormatError, match="XX") as raised:
        parse(text)
    assert word in str(raised.value)
