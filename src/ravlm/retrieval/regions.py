"""Which part of a photo is compared with the entries' pictures."""

from PIL import Image

MIDDLE = 0.875  # of each side


def middle(photo: Image.Image) -> Image.Image:
    """The middle of a photo: what it shows seldom reaches its edges, as it does in an entry's own picture.

    Training sees photos moved and enlarged, so this is also how large it is used to things (Touvron et al. 2019,
    "Fixing the train-test resolution discrepancy").
    """
    width, height = photo.size
    left, top = int(width * (1 - MIDDLE) / 2), int(height * (1 - MIDDLE) / 2)
    return photo.crop((left, top, max(width - left, left + 1), max(height - top, top + 1)))
