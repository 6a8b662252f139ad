"""How COCO names its photos: one photo has one number, and another file name in each release."""

import re
from collections.abc import Sequence

_NUMBER = re.compile(r"(\d{12})\.jpg$")
_RELEASES = ("train2014", "val2014", "test2014", "test2015")


def photo_2014(part: str, number: int) -> str:
    """A photo as the releases of 2014 and 2015 name it.

    >>> photo_2014("val2014", 297147)
    'val2014/COCO_val2014_000000297147.jpg'
    """
    return f"{part}/COCO_{part}_{number:012d}.jpg"


def photo_2017(part: str, number: int) -> str:
    """A photo as the release of 2017 names it.

    >>> photo_2017("train2017", 299207)
    'train2017/000000299207.jpg'
    """
    return f"{part}/{number:012d}.jpg"


def other_names(path: str) -> Sequence[str]:
    """The names that the same photo has in the other releases.

    >>> other_names("val2014/COCO_val2014_000000297147.jpg")[:2]
    ['000000297147.jpg', 'COCO_train2014_000000297147.jpg']
    """
    found = _NUMBER.search(path)
    if found is None:
        return []
    return [f"{found[1]}.jpg", *(f"COCO_{part}_{found[1]}.jpg" for part in _RELEASES)]
