"""The heat map: its colours say the sign and the size, its size follows the picture."""

import numpy as np
import pytest
from PIL import Image

from ravlm.answering.explanation import Effect, WithoutRegion
from ravlm.answering.heat_map import AGAINST, FOR, LEAST_SCALE, heat_map
from ravlm.answering.occlusion import cells

WHITE = Image.new("RGB", (70, 70), "white")


def regions(drops, size=(70, 70), exact=True):
    side = round(len(drops) ** 0.5)
    return [
        WithoutRegion(c.row, c.column, c.box, c.covered, Effect(0.5, exact, drop, "x", 0.5, False, "e", False))
        for c, drop in zip(cells(size, side), drops, strict=True)
    ]


def colour(drawn, region, size=(70, 70)):
    """A pixel near a cell's corner, where no number stands."""
    factor = 640 / max(size)
    return np.array(drawn.getpixel((round(region.box[0] * factor) + 6, round(region.box[1] * factor) + 6)), dtype=int)


def test_the_sign_is_the_hue_and_the_size_the_strength():
    some = regions([0.4, 0.2, 0.0, -0.4])
    drawn = heat_map(WHITE, some)
    strong, half, none, against = (colour(drawn, region) for region in some)
    white = np.array((255, 255, 255))
    assert none.tolist() == white.tolist()
    assert np.allclose(strong, white + 0.75 * (np.array(FOR) - white), atol=2)
    assert np.allclose(half, white + 0.375 * (np.array(FOR) - white), atol=2)
    assert np.allclose(against, white + 0.75 * (np.array(AGAINST) - white), atol=2)


def test_small_changes_stay_pale():
    some = regions([LEAST_SCALE / 10, 0.0, 0.0, 0.0])
    assert (colour(heat_map(WHITE, some), some[0]) > 225).all()


def test_what_is_not_looked_at_has_no_colour():
    drawn = heat_map(WHITE, regions([1.0] * 49))
    assert drawn.getpixel((5, 300)) == (255, 255, 255)
    assert drawn.getpixel((100, 300)) != (255, 255, 255)


@pytest.mark.parametrize(("size", "drawn"), [((70, 70), (640, 704)), ((2, 2), (640, 704)), ((1000, 4), (640, 67))])
def test_it_is_as_large_for_every_picture(size, drawn):
    side = min(7, *size)
    found = heat_map(Image.new("RGB", size), regions([0.1] * side**2, size))
    assert found.size == drawn


def test_a_number_says_that_it_is_the_least():
    assert heat_map(WHITE, regions([0.4])) != heat_map(WHITE, regions([0.4], exact=False))


def test_the_two_colours_differ_in_lightness_order_for_colour_blind_eyes():
    """Blue is told from vermilion by the blue channel, which the common kinds of colour blindness see."""
    assert AGAINST[2] - FOR[2] > 150
