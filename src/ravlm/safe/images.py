"""The one door through which pictures are decoded: JPEG, PNG, WebP and the first frame of a GIF become RGB."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageOps

from ravlm.errors import ImageError, PathError
from ravlm.safe.headers import Header, read_header

MOST_PIXELS = 25_000_000
LEAST_SIDE = 2  # pixels
MOST_BYTES = 100_000_000
_KINDS = "JPEG, PNG, WebP or GIF"
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def decode_image(data: bytes, *, longest: int | None = None, name: str = "The picture") -> Image.Image:
    """A file's bytes as an upright RGB picture; transparent parts become white.

    Args:
        data: the file's bytes.
        longest: pixels that the longer side needs at least; a larger JPEG is then decoded at a half, a quarter or an
            eighth of its size. Without it, every pixel is decoded.
        name: what an error calls the picture.

    Raises:
        ImageError: it is of no kind that is read, is damaged or cut off, declares more than 25 megapixels, or has a
            side under 2 pixels.
    """
    header = _checked_header(data, name)
    try:
        if header.kind == "PNG" and b"IEND" not in data:
            raise EOFError("a PNG ends with IEND")
        with Image.open(io.BytesIO(data), formats=[header.kind]) as image:
            _check_size(header.kind, *image.size, name)
            if longest is not None and header.kind == "JPEG":
                share = min(1.0, longest / max(image.size))
                image.draft(None, (max(1, round(image.width * share)), max(1, round(image.height * share))))
            image.load()
            return _rgb(_upright(image))
    except _DAMAGE as error:
        raise ImageError(
            f"{name} can't be decoded: it begins as a {header.kind} of {header.width:,} x {header.height:,} pixels, "
            f"but its {len(data):,} bytes are damaged or cut off. Get the file again, or save it anew as {_KINDS}."
        ) from error


def read_image(path: Path, *, longest: int | None = None) -> Image.Image:
    """A file as an upright RGB picture; see `decode_image`.

    Raises:
        PathError: there is no such file, or it can't be read.
        ImageError: see `decode_image`; also a file of more than 100 MB.
    """
    return decode_image(read_image_bytes(path), longest=longest, name=str(path))


def read_image_bytes(path: Path) -> bytes:
    """The bytes of a picture's file, not decoded yet.

    Raises:
        PathError: there is no such file, or it can't be read.
        ImageError: it has more than 100 MB.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise PathError(f"There is no picture {path}: found {found} there. Give the path of a {_KINDS} file.")
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ImageError(
                f"{path} has {size / 1e6:,.0f} MB; a picture has at most {MOST_BYTES / 1e6:,.0f}. Make it smaller."
            )
        return path.read_bytes()
    except OSError as error:
        raise PathError(f"{path} can't be read: {error.strerror}. Check its permissions.") from error


def _checked_header(data: bytes, name: str) -> Header:
    if not data:
        raise ImageError(f"{name} is empty: 0 bytes. Give a {_KINDS} file.")
    try:
        header = read_header(data)
    except ValueError as error:
        raise ImageError(
            f"{name} can't be decoded: {error} ({len(data):,} bytes). Get the file again; {_KINDS} are read."
        ) from error
    if header is None:
        start = data[:8].hex(" ")
        raise ImageError(f"{name} is not a {_KINDS} file: it begins with the bytes {start}. Save it as one of these.")
    _check_size(header.kind, header.width, header.height, name)
    return header


def _check_size(kind: str, width: int, height: int, name: str) -> None:
    found = f"{name} is a {kind} that declares {width:,} x {height:,} pixels"
    if width * height > MOST_PIXELS:
        raise ImageError(
            f"{found} ({width * height / 1e6:,.1f} megapixels); at most {MOST_PIXELS / 1e6:.0f} megapixels are "
            "decoded. Make it smaller."
        )
    if min(width, height) < LEAST_SIDE:
        raise ImageError(f"{found}; a picture has at least {LEAST_SIDE} x {LEAST_SIDE}. Give one that shows something.")


def _upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF data says; EXIF data that can't be read turns nothing."""
    try:
        return ImageOps.exif_transpose(image)
    except _DAMAGE:
        return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel: the upper 8 are kept
        return image.convert("I").point([value // 256 for value in range(65536)], "L").convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        layered = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered).convert("RGB")
    return image.convert("RGB")
