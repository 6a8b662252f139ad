import random
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pictures import declared_jpeg, declared_png, encoded, noise, picture
from ravlm.errors import ImageError, PathError
from ravlm.safe.headers import Header, read_header
from ravlm.safe.images import decode_image, read_image


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "JPEG"])
def test_every_kind_is_decoded(kind: str) -> None:
    data = picture(kind=kind)
    assert read_header(data) == Header(kind, 24, 16)
    decoded = decode_image(data)
    assert (decoded.mode, decoded.size) == ("RGB", (24, 16))
    error = np.abs(np.asarray(decoded, int) - np.asarray(noise(), int)).mean()
    assert error < (1 if kind == "PNG" else 60)


@pytest.mark.parametrize(
    "options", [{"lossless": True}, {"quality": 50}, {"lossless": True, "exif": b"Exif\0\0II*\0\0\0\0\0"}]
)
def test_every_form_of_webp_tells_its_size(options: dict[str, object]) -> None:
    assert read_header(encoded(noise(), "WEBP", **options)) == Header("WEBP", 24, 16)


def test_a_gif_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_image(data).getpixel((3, 3)) == (255, 0, 0)


def test_transparency_becomes_white() -> None:
    assert decode_image(encoded(Image.new("RGBA", (4, 4), (200, 0, 0, 0)))).getpixel((0, 0)) == (255, 255, 255)
    assert decode_image(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 51)))).getpixel((0, 0)) == (204, 204, 204)
    assert decode_image(encoded(Image.new("L", (4, 4), 7), transparency=7)).getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bits_keep_their_brightness() -> None:
    data = encoded(Image.fromarray(np.full((4, 4), 100 * 256 + 3, np.uint16)))
    assert decode_image(data).getpixel((0, 0)) == (100, 100, 100)


def test_exif_turns_the_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    assert decode_image(encoded(noise(), "JPEG", exif=exif)).size == (16, 24)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_turns_nothing() -> None:
    assert decode_image(encoded(noise(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")).size == (24, 16)


def test_a_large_jpeg_is_decoded_no_larger_than_needed() -> None:
    data = encoded(noise(width=800, height=400), "JPEG")
    assert decode_image(data, longest=150).size == (200, 100)
    assert decode_image(data, longest=5000).size == (800, 400)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty: 0 bytes"),
        (b"not an image at all", "is not a JPEG, PNG, WebP or GIF file"),
        (encoded(noise(), "BMP"), "begins with the bytes 42 4d"),
        (declared_png(60_000, 60_000), "PNG that declares 60,000 x 60,000 pixels (3,600.0 megapixels); at most 25"),
        (declared_png(6_000, 5_000), "30.0 megapixels"),
        (declared_jpeg(60_000, 60_000), "JPEG that declares 60,000 x 60,000"),
        (encoded(Image.new("RGB", (1, 1))), "declares 1 x 1 pixels; a picture has at least 2 x 2"),
        (declared_png(0, 50), "declares 0 x 50"),
        (declared_png(50, 50), "damaged or cut off"),
    ],
)
def test_bad_pictures_are_refused(data: bytes, said: str) -> None:
    with pytest.raises(ImageError) as error:
        decode_image(data)
    assert said in str(error.value)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "JPEG"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.97])
def test_a_cut_off_picture_is_refused(kind: str, share: float) -> None:
    data = encoded(noise(width=80, height=60), kind)
    with pytest.raises(ImageError):
        decode_image(data[: int(len(data) * share)])


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "JPEG"])
def test_damage_anywhere_gives_a_picture_or_our_error(kind: str) -> None:
    rng = random.Random(3)
    data = picture(kind=kind)
    for _ in range(150):
        damaged = bytearray(data)
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            assert decode_image(bytes(damaged)).mode == "RGB"
        except ImageError:
            continue


@given(
    st.binary(max_size=64), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF0000WEBP"])
)
def test_any_bytes_have_a_header_or_none(data: bytes, start: bytes) -> None:
    try:
        header = read_header(start + data)
    except ValueError:
        return
    assert header is None or start.startswith((b"\xff\xd8", b"\x89PNG", b"GIF", b"RIFF")) or not start


def test_reading_names_the_file(tmp_path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture()[:40])
    with pytest.raises(ImageError, match=r"a\.png"):
        read_image(path)
    with pytest.raises(PathError, match="found nothing"):
        read_image(tmp_path / "b.png")
    with pytest.raises(PathError, match="found a folder"):
        read_image(tmp_path)
    path.write_bytes(picture())
    assert read_image(path).size == (24, 16)


def test_the_bomb_of_a_webp_is_seen_before_a_decoder_allocates() -> None:
    data = bytearray(encoded(noise(), "WEBP", lossless=True, exif=b"Exif\0\0II*\0\0\0\0\0"))
    data[24:30] = struct.pack("<I", 16_000)[:3] + struct.pack("<I", 16_000)[:3]
    with pytest.raises(ImageError, match="16,001 x 16,001"):
        decode_image(bytes(data))
