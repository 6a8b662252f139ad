"""Retrieval floors without learning: how far plain picture features get at finding the right entry."""

from collections.abc import Callable, Collection, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from ravlm.data.dataset import Dataset
from ravlm.errors import UnknownChoice
from ravlm.evaluation.measures import recall_at_k
from ravlm.knowledge.store import KnowledgeBase
from ravlm.optional import require
from ravlm.records import Example
from ravlm.retrieval.regions import middle
from ravlm.safe.images import decode_image, read_image

Kind = Literal["pixels", "colours_and_shapes"]
KINDS: tuple[Kind, ...] = ("pixels", "colours_and_shapes")
Progress = Callable[[str, int, int], None]
Features = npt.NDArray[np.float32]

_PIXELS, _SHAPES = 32, 64  # picture sides, pixels
_BINS = (16, 4, 4)  # of hue, saturation, value


def floor_recall(
    kind: Kind,
    photos: Sequence[Image.Image],
    base: Sequence[tuple[str, Image.Image]],
    gold: Sequence[str | Collection[str]],
) -> dict[str, float | None]:
    """Recall@1 and @5 of the right entry when photos are compared with the base's pictures by plain features.

    An entry is as near as its nearest picture.

    Args:
        kind: `pixels`: correlation of 32 x 32 RGB pixels; `colours_and_shapes`: HSV histogram and histograms of
            oriented gradients.
        photos: one a question.
        base: (entry id, picture); an entry may have several.
        gold: per photo its right entry, or entries.

    Raises:
        UnknownChoice: no such kind.
        MissingExtra: `colours_and_shapes` without scikit-image.
    """
    if kind not in KINDS:
        raise UnknownChoice("floor", kind, KINDS)
    features = _pixels if kind == "pixels" else _colours_and_shapes
    entries = list(dict.fromkeys(entry for entry, _ in base))
    row = {entry: index for index, entry in enumerate(entries)}
    owner = np.array([row[entry] for entry, _ in base], dtype=np.int64)
    keys = np.stack([features(picture) for _, picture in base]) if base else np.zeros((0, 1), np.float32)
    ranked = []
    for photo in photos:
        best = np.full(len(entries), -np.inf, dtype=np.float32)
        if base:
            np.maximum.at(best, owner, keys @ features(photo))
        ranked.append([entries[index] for index in np.argsort(-best, kind="stable")])
    wanted = [[right] if isinstance(right, str) else list(right) for right in gold]
    return {f"recall@{k}": recall_at_k(ranked, wanted, k) for k in (1, 5)}


def dataset_floors(
    dataset: Dataset, knowledge: KnowledgeBase, examples: Sequence[Example], progress: Progress = lambda *_: None
) -> dict[str, dict[str, float | None]]:
    """The floors of every kind: the middles of the examples' photos against every picture in the base."""
    base = [(e.id, decode_image(knowledge.picture(image_id))) for e in knowledge.iterate() for image_id in e.images]
    photos = [middle(read_image(dataset.image_path(e.images[0]))) for e in examples]  # as a model looks at them
    gold = [e.entries for e in examples]
    floors: dict[str, dict[str, float | None]] = {}
    for done, kind in enumerate(KINDS):
        progress("finding entries without learning", done, len(KINDS))
        floors[kind] = floor_recall(kind, photos, base, gold)
    progress("finding entries without learning", len(KINDS), len(KINDS))
    return floors


def _unit(values: npt.NDArray[np.floating]) -> Features:
    length = float(np.linalg.norm(values))
    return np.asarray(values / length if length > 0 else values, dtype=np.float32)


def _pixels(picture: Image.Image) -> Features:
    """[32 * 32 * 3], zero mean, length 1: a dot product of two is their correlation."""
    small = picture.convert("RGB").resize((_PIXELS, _PIXELS), Image.Resampling.BOX)
    values = np.asarray(small, dtype=np.float64).ravel()
    return _unit(values - values.mean())


def _colours_and_shapes(picture: Image.Image) -> Features:
    """A joint HSV histogram and gradients of the grey picture, each of length 1, side by side."""
    skimage = require("skimage.feature", "world")
    small = picture.convert("RGB").resize((_SHAPES, _SHAPES), Image.Resampling.BOX)
    hsv = np.asarray(small.convert("HSV"), dtype=np.float64).reshape(-1, 3)
    colours, _ = np.histogramdd(hsv, bins=_BINS, range=[(0, 256)] * 3)
    shapes = skimage.hog(np.asarray(small.convert("L")), orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2))
    return _unit(np.concatenate([_unit(np.sqrt(colours.ravel())), _unit(shapes)]))
