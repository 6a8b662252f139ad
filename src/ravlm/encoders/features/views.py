"""Augmented views of a picture: cropped, mirrored and lit otherwise, the same in every process."""

import hashlib
import math
import random

from PIL import Image, ImageEnhance, ImageOps

VERSION = 1
"""Part of a view's key in the feature cache: it grows when the views that are drawn change."""
LEAST_AREA = 0.5
MOST_RATIO = 4 / 3
LIGHT = 0.2


def view_of(image: Image.Image, content: bytes, view: int) -> Image.Image:
    """A view of a picture: 0 is the picture itself, every other one a random crop of it (Szegedy et al. 2015, sec. 6).

    A crop has half to all of the area, its ratio of sides is the picture's times 3/4 to 4/3 at most, half of the crops
    are mirrored, brightness and contrast change by up to a fifth. All of it is drawn from the content and the view's
    number alone.

    Args:
        image: the decoded picture.
        content: the bytes of its file.
        view: the view's number, from 0.
    """
    if view == 0:
        return image
    seed = hashlib.sha256(content)
    seed.update(f" views {VERSION}, {view}".encode())
    rng = random.Random(int.from_bytes(seed.digest(), "big"))
    area = rng.uniform(LEAST_AREA, 1.0)
    most = math.log(min(MOST_RATIO, 1 / area))  # beyond it, the crop would be wider or higher than the picture
    ratio = math.exp(rng.uniform(-most, most))
    width, height = round(image.width * math.sqrt(area * ratio)), round(image.height * math.sqrt(area / ratio))
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    seen = image.crop((left, top, left + width, top + height))
    if rng.random() < 0.5:
        seen = ImageOps.mirror(seen)
    seen = ImageEnhance.Brightness(seen).enhance(rng.uniform(1 - LIGHT, 1 + LIGHT))
    return ImageEnhance.Contrast(seen).enhance(rng.uniform(1 - LIGHT, 1 + LIGHT))
