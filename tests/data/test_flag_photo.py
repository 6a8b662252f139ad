"""Photos of drawings: seeded, upright, the flag in view, its colours tellable, and neither too easy nor hopeless."""

import io

import numpy as np
import pytest
from PIL import Image

from ravlm.data.flags.clutter import background
from ravlm.data.flags.draw import draw
from ravlm.data.flags.patterns import distinct_specs
from ravlm.data.flags.photo import jpeg_quality, photograph
from ravlm.data.flags.specs import specs
from ravlm.data.flags.styles import STYLES, render
from ravlm.evaluation.floors import floor_recall

MAGENTA = (255, 0, 255, 255)


def halves(first: tuple[int, ...], second: tuple[int, ...], *, upright: bool) -> Image.Image:
    made = Image.new("RGBA", (240, 160), first)
    made.paste(second, (120, 0, 240, 160) if upright else (0, 80, 240, 160))
    return made


def shot(drawing: Image.Image, seed: int, size: int = 112) -> np.ndarray:
    return np.asarray(photograph(drawing, np.random.default_rng(seed), size)).astype(int)


def hues(photo: np.ndarray) -> np.ndarray:
    """The hues (0 to 255, red turned to 60) of the middle of a photo."""
    middle = Image.fromarray(photo[40:72, 40:72].astype(np.uint8)).convert("HSV")
    return (np.asarray(middle)[..., 0].astype(int) + 60) % 256


@pytest.mark.parametrize("size", [64, 112])
def test_a_photo_is_seeded_and_leaves_the_drawing_alone(size: int) -> None:
    drawing = render(specs()["ZA"], "flat", np.random.default_rng(0))
    before = drawing.tobytes()
    one, same, other = shot(drawing, 1, size), shot(drawing, 1, size), shot(drawing, 2, size)
    assert one.shape == (size, size, 3)
    assert np.array_equal(one, same)
    assert np.abs(one - other).mean() > 10
    assert drawing.tobytes() == before


def test_flags_are_never_mirrored_and_stay_upright() -> None:
    def centre(photo: np.ndarray, strong: int, weak: int) -> np.ndarray:
        rows, columns = np.nonzero(photo[..., strong] - photo[..., weak] > 60)
        return np.array([columns.mean(), rows.mean()])

    for seed in range(40):
        photo = shot(halves((255, 0, 60, 255), (60, 0, 255, 255), upright=True), seed)
        x, y = centre(photo, 2, 0) - centre(photo, 0, 2)
        assert x > 10
        assert (
            abs(y) < np.tan(np.radians(40)) * x
        )  # turned by 25 at most, the rest is waves and grounds of these colours
        photo = shot(halves((255, 0, 60, 255), (60, 0, 255, 255), upright=False), seed)
        x, y = centre(photo, 2, 0) - centre(photo, 0, 2)
        assert y > 8


@pytest.mark.parametrize("shape", [(400, 160), (240, 160), (160, 160)])
def test_most_of_the_flag_is_in_view(shape: tuple[int, int]) -> None:
    covered, widths = [], []
    for seed in range(30):
        photo = shot(Image.new("RGBA", shape, MAGENTA), seed)
        flag = np.minimum(photo[..., 0], photo[..., 2]) - photo[..., 1] > 60
        covered.append(flag.mean())
        widths.append(np.ptp(np.nonzero(flag.any(axis=0))[0]))
    assert min(covered) > 0.25
    assert max(covered) < 0.95
    assert min(widths) > 40


@pytest.mark.parametrize(("one", "other"), [("#ce1126", "#f77f00"), ("#007a3d", "#0038a8"), ("#f77f00", "#fcd116")])
def test_colours_stay_tellable(one: str, other: str) -> None:
    found = [
        [np.median(hues(shot(Image.new("RGBA", (160, 160), colour), seed))) for seed in range(40)]
        for colour in (one, other)
    ]
    assert np.percentile(found[0], 95) < np.percentile(found[1], 5)


def test_what_is_transparent_shows_the_ground() -> None:
    photo = shot(Image.new("RGBA", (160, 160), (255, 0, 255, 0)), 3)
    flag = np.minimum(photo[..., 0], photo[..., 2]) - photo[..., 1] > 100
    assert flag.mean() < 0.05


def test_grounds_differ() -> None:
    grounds = {background(np.random.default_rng(seed), 32).tobytes() for seed in range(30)}
    assert len(grounds) == 30


def test_jpeg_qualities_are_middling() -> None:
    rng = np.random.default_rng(0)
    qualities = [jpeg_quality(rng) for _ in range(200)]
    assert 40 <= min(qualities) < 55
    assert 85 < max(qualities) <= 95


def test_plain_features_find_some_flags_but_not_most() -> None:
    """Were a floor higher, photos would be too easy; were it nothing, they would hardly show the flag."""
    flags = specs()
    patterns = distinct_specs(100, np.random.default_rng(0), flags.values())
    base = [(spec.name, draw(spec, 64)) for spec in [*flags.values(), *patterns]]
    codes = sorted(flags)[::4]
    photos = []
    for number, code in enumerate(codes):
        for turn in range(4):
            rng = np.random.default_rng([number, turn])
            picture = photograph(render(flags[code], STYLES[(number + turn) % len(STYLES)], rng), rng)
            picture.save(file := io.BytesIO(), "JPEG", quality=jpeg_quality(rng))
            photos.append(Image.open(file).convert("RGB"))
    gold = [code for code in codes for _ in range(4)]
    for kind in ("pixels", "colours_and_shapes"):
        recall = floor_recall(kind, photos, base, gold)["recall@1"]
        assert recall is not None
        assert 0.15 < recall < 0.6
