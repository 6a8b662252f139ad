import hashlib
import subprocess
import sys

import pytest

from pictures import noise, picture
from ravlm.encoders.features.views import view_of


def digest(view: int, content: bytes = b"a") -> str:
    seen = view_of(noise(1, 40, 30), content, view)
    return hashlib.sha256(repr(seen.size).encode() + seen.tobytes()).hexdigest()


def test_view_0_is_the_picture() -> None:
    image = noise(1)
    assert view_of(image, picture(1), 0) is image


def test_views_differ_by_number_and_content() -> None:
    assert len({digest(0), digest(1), digest(2), digest(1, b"b")}) == 4


@pytest.mark.parametrize("seed", ["0", "1"])
def test_a_view_is_the_same_in_every_process(seed: str) -> None:
    script = (
        "import sys; sys.path.insert(0, 'tests'); from encoders.features.test_views import digest; print(digest(3))"
    )
    environment = {"PYTHONHASHSEED": seed, "PATH": ""}
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout.strip() == digest(3)


def test_crops_have_half_of_the_area_and_keep_the_sides_ratio() -> None:
    image = noise(1, 400, 100)
    seen = [view_of(image, b"a", view).size for view in range(1, 60)]
    assert all(0.49 < width * height / 40_000 <= 1 for width, height in seen)
    assert all(0.74 < width / height / 4 < 1.35 for width, height in seen)
    assert min(width * height for width, height in seen) < 0.6 * 40_000


def test_half_of_the_crops_are_mirrored() -> None:
    image = noise(1, 2, 2).resize((64, 64))
    image.paste("black", (0, 0, 32, 64))
    image.paste("white", (32, 0, 64, 64))
    turned = [view_of(image, b"a", view).getpixel((0, 32)) > (128, 128, 128) for view in range(1, 41)]
    assert 10 < sum(turned) < 30
