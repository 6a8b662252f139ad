"""Floors: a picture is nearest to itself, pixels see no colour-free shift of light, and ranks are by entry."""

import numpy as np
import pytest
from PIL import Image

from ravlm.errors import UnknownChoice
from ravlm.evaluation.floors import KINDS, Kind, floor_recall


def _noise(seed: int, size: tuple[int, int] = (60, 40)) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.NEAREST)


BASE = [(f"entry{seed}", _noise(seed)) for seed in range(12)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_finds_itself_in_any_size(kind: Kind) -> None:
    photos = [_noise(seed, (91, 77)) for seed in range(12)]
    assert floor_recall(kind, photos, BASE, [e for e, _ in BASE]) == {"recall@1": 1.0, "recall@5": 1.0}


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_gold_and_unrelated_photos_score_low(kind: Kind) -> None:
    photos = [picture for _, picture in BASE]
    assert floor_recall(kind, photos, BASE, ["elsewhere"] * 12) == {"recall@1": 0.0, "recall@5": 0.0}
    strangers = floor_recall(kind, [_noise(100 + seed) for seed in range(12)], BASE, [e for e, _ in BASE])
    assert strangers["recall@1"] is not None
    assert strangers["recall@1"] < 0.5


def test_pixels_are_blind_to_brightness_and_contrast() -> None:
    dim = [Image.fromarray((np.asarray(p) * 0.4 + 60).astype(np.uint8)) for _, p in BASE]
    assert floor_recall("pixels", dim, BASE, [e for e, _ in BASE])["recall@1"] == 1.0


def test_an_entry_is_as_near_as_its_nearest_picture_and_counts_once() -> None:
    many = [("crowd", _noise(seed)) for seed in range(200, 230)]
    base = [*many, *BASE, ("entry3", _noise(77))]
    found = floor_recall("pixels", [_noise(77)], base, [{"entry3", "other"}])
    assert found == {"recall@1": 1.0, "recall@5": 1.0}
    blank = Image.new("RGB", (9, 9))  # no correlation with anything: ties, in the base's order, entries once
    assert floor_recall("pixels", [blank], base, ["entry3"]) == {"recall@1": 0.0, "recall@5": 1.0}


def test_the_degenerate_ones() -> None:
    assert floor_recall("pixels", [], BASE, []) == {"recall@1": None, "recall@5": None}
    assert floor_recall("pixels", [_noise(0)], [], ["a"]) == {"recall@1": 0.0, "recall@5": 0.0}
    with pytest.raises(UnknownChoice, match="pixels"):
        floor_recall("pixel", [], BASE, [])  # type: ignore[arg-type]
