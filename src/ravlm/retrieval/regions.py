"""Which parts of a picture are compared with the entries' pictures: boxes of pixels, half-open."""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

MIDDLE = 0.875  # of each side
Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""


def middle(photo: Image.Image) -> Image.Image:
    """The middle of a photo: what it shows seldom reaches its edges, as it does in an entry's own picture.

    Training sees photos moved and enlarged, so this is also how large it is used to things (Touvron et al. 2019,
    "Fixing the train-test resolution discrepancy").
    """
    return photo.crop(middle_box(photo.size))


def middle_box(size: tuple[int, int]) -> Box:
    """The middle of a picture of (width, height), at least one pixel.

    >>> middle_box((80, 40))
    (5, 2, 75, 38)
    """
    width, height = size
    left, top = int(width * (1 - MIDDLE) / 2), int(height * (1 - MIDDLE) / 2)
    return left, top, max(width - left, left + 1), max(height - top, top + 1)


def grid_boxes(size: tuple[int, int], n: int, overlap: float) -> list[Box]:
    """Boxes that cover a picture, n a side, row by row; two neighbours share `overlap` of their width or height.

    A side is cut at multiples of (1 - overlap) / (1 + (n - 1)(1 - overlap)).

    >>> grid_boxes((100, 60), 2, 0.0)
    [(0, 0, 50, 30), (50, 0, 100, 30), (0, 30, 50, 60), (50, 30, 100, 60)]
    """
    rows, columns = _cuts(size[1], n, overlap), _cuts(size[0], n, overlap)
    return [(left, top, right, bottom) for top, bottom in rows for left, right in columns]


def _cuts(length: int, n: int, overlap: float) -> list[tuple[int, int]]:
    step = 1 - overlap
    part = length / (1 + (n - 1) * step)
    return [(round(i * step * part), round(i * step * part + part)) for i in range(n)]


def salient_box(saliency: npt.NDArray[np.floating], share: float, least: tuple[int, int] = (1, 1)) -> Box:
    """The smallest box of cells that holds this share of a saliency [rows, columns], at least `least` (rows, columns).

    Of boxes as small, the one that holds most; then the topmost, the leftmost. Of a saliency that is nowhere above 0,
    every cell is taken for alike.

    >>> salient_box(np.array([[0.0, 0.1, 0.1], [0.0, 0.5, 0.3]]), 0.75)
    (1, 1, 3, 2)
    """
    total = float(saliency.sum())
    shares = saliency / total if total > 0 else np.full(saliency.shape, 1 / saliency.size)
    summed = np.zeros((shares.shape[0] + 1, shares.shape[1] + 1))
    summed[1:, 1:] = shares.cumsum(0).cumsum(1)  # [rows + 1, columns + 1] all above and to the left
    tops, bottoms = _pairs(shares.shape[0], least[0])
    lefts, rights = _pairs(shares.shape[1], least[1])
    bands = summed[bottoms] - summed[tops]
    held = (bands[:, rights] - bands[:, lefts]).round(6)  # [pairs of rows, pairs of columns]
    areas = np.outer(bottoms - tops, rights - lefts).astype(np.float64)
    areas[held < min(share, float(held.max()))] = np.inf
    best = np.argmax(np.where(areas == areas.min(), held, -1.0))  # the first of them
    row, column = np.unravel_index(best, held.shape)
    return int(lefts[column]), int(tops[row]), int(rights[column]), int(bottoms[row])


def _pairs(n: int, least: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Every (begin, end) of at least so many out of n cells, all of them where n is fewer."""
    begins, ends = np.nonzero(np.triu(np.ones((n + 1, n + 1), dtype=np.bool_), min(least, n)))
    return begins, ends


def least_cells(cells: int, part: float, least: float) -> int:
    """How many of the cells that cover a `part` of a side are needed to cover `least` of the whole side.

    >>> least_cells(12, 0.5, 1 / 3), least_cells(12, 0.25, 1 / 3)
    (8, 12)
    """
    return min(cells, max(1, math.ceil(cells * least / part - 1e-9)))
