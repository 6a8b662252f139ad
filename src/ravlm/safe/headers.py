"""What a picture's first bytes declare: its kind and size, read without decoding a pixel.

Decoders allocate what a header declares, some of them while they open the file. So the size is read here first.
"""

import struct
from dataclasses import dataclass
from typing import Literal

Kind = Literal["JPEG", "PNG", "WEBP", "GIF"]
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif")
"""How the names of such pictures end, in lower case."""

_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # start of frame, all codings
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers that carry no length


@dataclass(frozen=True, slots=True)
class Header:
    """A picture's kind, and the width and height in pixels that it declares."""

    kind: Kind
    width: int
    height: int


def read_header(data: bytes) -> Header | None:
    """The header of a JPEG, PNG, WebP or GIF file.

    Returns:
        None where the data is of no such kind.

    Raises:
        ValueError: it begins like one, but ends before it has told its size.
    """
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return Header("JPEG", *_jpeg_size(data))
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return Header("PNG", *struct.unpack_from(">II", data, 16))
        if data.startswith((b"GIF87a", b"GIF89a")):
            return Header("GIF", *struct.unpack_from("<HH", data, 6))
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return Header("WEBP", *_webp_size(data))
    except (struct.error, IndexError) as short:
        raise ValueError("the header is cut off") from short
    return None


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("a JPEG segment is damaged")
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        elif marker in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        elif marker in {0xD9, 0xDA}:
            raise ValueError("the JPEG declares no size")
        else:
            at += 2 + max(2, struct.unpack_from(">H", data, at + 2)[0])


def _webp_size(data: bytes) -> tuple[int, int]:
    form = data[12:16]
    if form == b"VP8X":
        return int.from_bytes(_exactly(data, 24, 3), "little") + 1, int.from_bytes(_exactly(data, 27, 3), "little") + 1
    if form == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("the WebP declares no size")


def _exactly(data: bytes, at: int, length: int) -> bytes:
    if len(data) < at + length:
        raise IndexError(at)
    return data[at : at + length]
