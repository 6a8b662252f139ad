"""Pictures inside the page: each is decoded at the one door, drawn anew and small, and written as a JPEG."""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from PIL import Image

from ravlm.errors import RavlmError
from ravlm.safe.images import decode_image

Pictures = Callable[[str], bytes | None]
"""Gives the bytes of a picture by its path or id, None where there is none."""
Thumbnails = Callable[[str], str | None]
"""Gives a picture as a data URI by its path or id."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a run's pictures are: bytes of a question's photo by its path, and of an entry's picture by its id."""

    photos: Pictures
    pictures: Pictures


@dataclass(frozen=True, slots=True)
class Shown:
    """The thumbnails of a run's photos and of its entries' pictures."""

    photo: Thumbnails
    picture: Thumbnails

    @classmethod
    def of(cls, source: Source) -> "Shown":
        """Those of a source; each is made once."""
        return cls(thumbnails(source.photos), thumbnails(source.pictures))


_SIDE = 240  # of a thumbnail's longer edge, pixels
_QUALITY = 82  # of its JPEG


def thumbnails(read: Pictures) -> Thumbnails:
    """From a picture's name to a JPEG data URI, each made once; None where it is missing or can't be decoded safely."""

    @cache
    def uri(name: str) -> str | None:
        try:
            content = read(name)
            picture = None if content is None else decode_image(content, longest=_SIDE)
        except RavlmError:
            return None
        return None if picture is None else _data_uri(picture)

    return uri


def _data_uri(picture: Image.Image) -> str:
    small = picture.convert("RGB")
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
