"""The styles: what each promises, and that no drawing can be taken for another flag's."""

import numpy as np
import pytest
from PIL import Image

from ravlm.data.flags.draw import flat
from ravlm.data.flags.patterns import DISTINCT, describe, describe_zh, distance, distinct_specs, thumbnail
from ravlm.data.flags.specs import specs
from ravlm.data.flags.styles import BASE_STYLE, STYLES, TEST_STYLES, TRAIN_STYLES, render
from ravlm.errors import RavlmError, UnknownChoice

HEIGHT, SIDE = 48, 24


def straightened(drawing: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Every column's cloth stretched to the same height: colours [24, 24, 3] from 0 to 1, and where there is cloth."""
    box = drawing.getchannel("A").point(lambda a: 255 * (a > 127)).getbbox()
    cloth = np.asarray(drawing.crop(box).resize((SIDE, HEIGHT), Image.Resampling.BOX)).astype(float)
    made = np.zeros((SIDE, SIDE, 4))
    for x in range(SIDE):
        rows = np.flatnonzero(cloth[:, x, 3] > 127)
        places = np.linspace(rows[0], rows[-1], SIDE) if len(rows) else np.zeros(SIDE)
        for band in range(4):
            made[:, x, band] = np.interp(places, np.arange(HEIGHT), cloth[:, x, band])
    return made[..., :3] / 255, made[..., 3] > 127


def squared(drawing: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """The drawing stretched to a square."""
    made = np.asarray(drawing.resize((SIDE, SIDE), Image.Resampling.BOX)).astype(float)
    return made[..., :3] / 255, made[..., 3] > 127


# A style's own outline is undone before its drawing is compared with the flat ones: the squeezed and cut ones are only
# compared where they show cloth; in the wave and the sketch, which move the cloth, each column is stretched back.
MEASURES = {"wave": straightened, "sketch": straightened}


def nearest(style: str, seed: int) -> list[tuple[str, str]]:
    measure = MEASURES.get(style, squared)
    codes = sorted(specs())
    base = np.stack([measure(flat(specs()[code], HEIGHT))[0] for code in codes])
    found = []
    for number, code in enumerate(codes):
        colours, cloth = measure(render(specs()[code], style, np.random.default_rng([seed, number]), HEIGHT))
        apart = ((base - colours) ** 2 * cloth[..., None]).sum(axis=(1, 2, 3))
        found.append((code, codes[int(apart.argmin())]))
    return found


@pytest.mark.parametrize("style", STYLES)
def test_the_nearest_clean_drawing_is_always_the_right_one(style: str) -> None:
    assert [pair for pair in nearest(style, 3) if pair[0] != pair[1]] == []


def test_flat_drawings_keep_their_distance() -> None:
    thumbnails = np.stack([thumbnail(spec) for spec in specs().values()])
    apart = np.stack([distance(one, thumbnails) for one in thumbnails])
    np.fill_diagonal(apart, 1)
    assert apart.min() > 0.1


def test_the_test_styles_are_never_trained_on() -> None:
    assert set(TEST_STYLES) | set(TRAIN_STYLES) == set(STYLES)
    assert not set(TEST_STYLES) & set(TRAIN_STYLES)
    assert len(TEST_STYLES) == 2
    assert BASE_STYLE in TRAIN_STYLES


@pytest.mark.parametrize("style", STYLES)
def test_a_style_is_seeded_and_keeps_its_shape(style: str) -> None:
    spec = specs()["KE"]
    one, same, other = (render(spec, style, np.random.default_rng(seed), 80) for seed in (1, 1, 2))
    assert one.mode == "RGBA"
    assert one.height == 80
    assert one.tobytes() == same.tobytes()
    assert (one.tobytes() != other.tobytes()) == (style in ("wave", "sketch", "shades"))
    if style in ("icon", "disc"):
        assert one.width == 80
    corner = one.getpixel((0, 0))[3]
    assert corner == (255 if style in ("flat", "shades") else 0)
    assert one.getpixel((one.width // 2, 40))[3] == 255


def test_shades_keep_hues_and_greys() -> None:
    for code in ("IT", "IE", "UA", "DE"):
        plain = flat(specs()[code], 30)
        for seed in range(8):
            other = render(specs()[code], "shades", np.random.default_rng(seed), 30)
            hue, saturation, _ = (np.asarray(band).astype(int) for band in plain.convert("RGB").convert("HSV").split())
            new_hue, new_saturation, _ = (
                np.asarray(b).astype(int) for b in other.convert("RGB").convert("HSV").split()
            )
            coloured = saturation > 100
            turned = np.abs((new_hue - hue + 128) % 256 - 128)[coloured]
            assert turned.max() <= 6
            assert new_saturation[coloured].min() > 70
            assert new_saturation[saturation < 20].max(initial=0) < 30


def test_a_flat_drawing_may_be_changed_without_harm() -> None:
    first = render(specs()["PL"], "flat", np.random.default_rng(0))
    first.paste((0, 0, 0, 255), (0, 0, *first.size))
    assert render(specs()["PL"], "flat", np.random.default_rng(0)).getpixel((5, 5)) == (255, 255, 255, 255)


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(UnknownChoice, match="sketch"):
        render(specs()["PL"], "skech", np.random.default_rng(0))


def test_patterns_keep_their_distance_and_can_be_told() -> None:
    flags = list(specs().values())
    found = distinct_specs(60, np.random.default_rng(0), flags)
    assert found == distinct_specs(60, np.random.default_rng(0), flags)
    everything = np.stack([thumbnail(spec) for spec in [*flags, *found]])
    for place, spec in enumerate(found, len(flags)):
        apart = distance(everything[place], np.delete(everything, place, axis=0))
        assert apart.min() >= DISTINCT
        assert describe(spec).endswith(".")
        assert describe_zh(spec).endswith("。")
        assert "a orange" not in describe(spec)
    assert len({describe(spec) for spec in found}) > 50


def test_more_patterns_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ravlm.data.flags.patterns.DISTINCT", 2)
    with pytest.raises(RavlmError, match="Asked for 2 distinct patterns, found 0"):
        distinct_specs(2, np.random.default_rng(0), specs().values())
