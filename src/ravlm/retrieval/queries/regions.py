"""Several views of a picture as several picture queries: whole, centre, a grid, and where an encoder looks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from ravlm.errors import ConfigError, UnknownChoice
from ravlm.records import Piece, Query
from ravlm.retrieval.queries.compose import WEIGHTS, checked_count, checked_weight, extended
from ravlm.retrieval.regions import Box, grid_boxes, least_cells, middle_box, salient_box

if TYPE_CHECKING:
    from ravlm.encoders.base import Encoder

Kind = Literal["whole", "centre", "grid", "attention"]
KINDS: tuple[Kind, ...] = ("whole", "centre", "grid", "attention")
_SMALLEST = 16  # pixels a side of a region
_LEAST = 1 / 3  # of each of a picture's sides, that attention is followed to
_EDGE = 0.01  # of a side; what is told less exactly than this is its end
_RAMP = 512  # pixels of the longer side of the picture that shows what an encoder sees


class RegionsStep:
    """Adds views of each picture of a query: an entry's score is that of the view which it is nearest to.

    - "whole": the picture as it is.
    - "centre": its middle, `ravlm.retrieval.regions.MIDDLE` of each side.
    - "grid": `grid` x `grid` parts that share `overlap` of their sides with their neighbours.
    - "attention": the smallest box that holds `share` of the encoder's saliency, at least a third of each side; see
      `ravlm.encoders.saliency` for what that is.

    A region below 16 pixels a side, or with the box of one before it, is left out. The origin of a piece is the name of
    the region and its box of pixels, e.g. `centre [5, 2, 75, 38]`; that of attention says by which means it was found.
    A query without pictures gets none.

    Args:
        kinds: the regions, in this order.
        encoder: a visual encoder, which "attention" needs.
        grid: parts of each side.
        overlap: of two neighbouring parts, in [0, 1).
        share: of the saliency, in (0, 1].
        weight: of each view.

    Raises:
        ConfigError: there are no kinds, attention has no visual encoder, or a number is out of its range; when called,
            the encoder's tokens are no grid of the picture.
        UnknownChoice: there is no such kind.
    """

    def __init__(
        self,
        kinds: Sequence[Kind] = ("whole", "centre"),
        *,
        encoder: "Encoder | None" = None,
        grid: int = 2,
        overlap: float = 0.25,
        share: float = 0.6,
        weight: float = WEIGHTS["region"],
    ) -> None:
        for kind in kinds:
            if kind not in KINDS:
                raise UnknownChoice("region", kind, KINDS)
        if not kinds:
            raise ConfigError(f"No regions were asked for. Choose from: {', '.join(KINDS)}.")
        if "attention" in kinds and not hasattr(encoder, "preprocess"):
            found = "no encoder" if encoder is None else f"{type(encoder).__name__}, which sees no pictures,"
            raise ConfigError(f"The region 'attention' was asked for with {found} given. Give a visual encoder.")
        if not (0 <= overlap < 1 and 0 < share <= 1):
            raise ConfigError(
                f"overlap is {overlap} and share is {share}. Give an overlap of 0 to below 1, and a share above 0 and "
                "up to 1."
            )
        self.kinds = tuple(kinds)
        self.encoder: Any = encoder
        self.grid = checked_count("parts of a side", grid)
        self.overlap = overlap
        self.share = share
        self.weight = checked_weight(weight)

    def __call__(self, queries: Sequence[Query]) -> list[Query]:
        return extended(queries, [self._pieces(query.images) for query in queries])

    def _pieces(self, images: Sequence[Image.Image]) -> list[Piece]:
        pieces = []
        for number, image in enumerate(images, 1):
            before = f"picture {number}, " if len(images) > 1 else ""
            whole = (0, 0, *image.size)
            for box, name in self._boxes(image).items():
                view = image if box == whole else image.crop(box)
                pieces.append(Piece("region", self.weight, image=view, origin=f"{before}{name} {list(box)}"))
        return pieces

    def _boxes(self, image: Image.Image) -> dict[Box, str]:
        """The boxes with the names of their regions, without those that are too small."""
        whole: Box = (0, 0, *image.size)
        boxes: dict[Box, str] = {}
        for kind in self.kinds:
            if kind == "whole":
                found = {whole: "whole"}
            elif kind == "centre":
                found = {middle_box(image.size): "centre"}
            elif kind == "grid":
                parts = grid_boxes(image.size, self.grid, self.overlap)
                found = {part: f"grid {number} of {len(parts)}" for number, part in enumerate(parts, 1)}
            else:
                box, means = attended_box(self.encoder, image, self.share)
                found = {box: f"attention ({means})"}
            for box, name in found.items():
                large = min(box[2] - box[0], box[3] - box[1]) >= _SMALLEST
                if large or box == whole:
                    boxes.setdefault(box, name)
        return boxes


def attended_box(encoder: Any, image: Image.Image, share: float) -> tuple[Box, str]:
    """The smallest box that holds a share of an encoder's saliency, and the means by which that was told.

    Raises:
        ConfigError: the encoder's tokens are no grid of the picture.
    """
    from ravlm.encoders.saliency import place_saliency

    try:
        saliency, means = place_saliency(encoder, encoder.preprocess(image))
    except ValueError as error:
        raise ConfigError(
            f"Where {encoder.kind} looks can't be told: {error}. Choose another visual encoder."
        ) from error
    rows, columns = saliency.shape
    left, top, right, bottom = seen_part(encoder, image.size)
    width, height = right - left, bottom - top  # in parts of the picture's sides
    least = least_cells(rows, height, _LEAST), least_cells(columns, width, _LEAST)
    cells = salient_box(saliency.numpy(), share, least)
    across, down = width * image.size[0] / columns, height * image.size[1] / rows  # pixels of a cell
    begin = left * image.size[0], top * image.size[1]
    box = (
        round(begin[0] + across * cells[0]),
        round(begin[1] + down * cells[1]),
        round(begin[0] + across * cells[2]),
        round(begin[1] + down * cells[3]),
    )
    return box, means


def seen_part(encoder: Any, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """What an encoder's `preprocess` leaves of a picture of this size: left, top, right, bottom in parts of its sides.

    It is read off a picture in which red grows from the left to the right edge and green from the top to the bottom.
    """
    shrunk = min(1.0, _RAMP / max(size))
    x, y = (max(1, round(side * shrunk)) for side in size)
    ramp = np.zeros((y, x, 3), dtype=np.uint8)
    ramp[..., 0] = np.round((np.arange(x) + 0.5) / x * 255)
    ramp[..., 1] = np.round((np.arange(y) + 0.5) / y * 255)[:, None]
    seen = encoder.preprocess(Image.fromarray(ramp)).numpy().astype(np.float64) / 255
    (left, right), (top, bottom) = _ends(seen[0].mean(0)), _ends(seen[1].mean(1))
    return left, top, right, bottom


def _ends(profile: np.ndarray) -> tuple[float, float]:
    """Where a line through values at the middles of pixels begins and ends, within [0, 1]."""
    n = len(profile)
    if n < 2:
        return 0.0, 1.0
    slope, start = np.polyfit(np.arange(n) + 0.5, profile, 1)
    begin, end = float(start), float(start + slope * n)
    return (begin if begin > _EDGE else 0.0), (end if end < 1 - _EDGE else 1.0)
