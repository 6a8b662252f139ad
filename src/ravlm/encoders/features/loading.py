"""A picture's file becomes the pixels that an encoder wants, of each of its views; what threads do meanwhile."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from ravlm.encoders.features.views import view_of
from ravlm.errors import ImageError
from ravlm.safe.headers import read_header
from ravlm.safe.images import decode_image, read_image_bytes

_SPARE = 2.0  # times the pixels a side that are needed: no JPEG is decoded smaller


def content_of(source: Path | bytes) -> bytes | ImageError:
    """The bytes of a picture's file, or why it is too large.

    Raises:
        PathError: there is no such file, or it can't be read.
    """
    if isinstance(source, bytes):
        return source
    try:
        return read_image_bytes(source)
    except ImageError as error:
        return error


@dataclass(frozen=True)
class Region:
    """A part of a picture: its name, by which the feature cache knows it, and how it is cut out."""

    name: str
    cut: Callable[[Image.Image], Image.Image]


def pixels_of(
    encoder: Any, content: bytes | ImageError, views: Sequence[int], name: str, region: Region | None = None
) -> list[Tensor] | ImageError:
    """The views of a picture, preprocessed for a visual encoder, or why there are none.

    Args:
        encoder: has `preprocess`, and may say its `image_size`, by which large JPEGs are decoded smaller.
        content: the bytes of the picture's file.
        views: the numbers of the views.
        name: what an error calls the picture.
        region: the part that is looked at, else the whole.
    """
    if isinstance(content, ImageError):
        return content
    try:
        image = decode_image(content, longest=longest_of(content, getattr(encoder, "image_size", None)), name=name)
    except ImageError as error:
        return error
    image = image if region is None else region.cut(image)
    return [encoder.preprocess(view_of(image, content, view)) for view in views]


def longest_of(content: bytes, image_size: int | Sequence[int] | None) -> int | None:
    """The pixels that a picture's longer side needs so that the shorter one has twice those that an encoder sees.

    Shrinking by two at least, after the decoder's own, gives what shrinking at once gives. None where the sizes are
    not known.
    """
    try:
        header = read_header(content)
    except ValueError:
        return None
    if image_size is None or header is None or min(header.width, header.height) < 1:
        return None
    needed = _SPARE * (image_size if isinstance(image_size, int) else max(image_size))
    return int(needed * max(header.width, header.height) / min(header.width, header.height)) + 1
