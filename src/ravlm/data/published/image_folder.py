"""Folders of pictures, one a class, as `torchvision.datasets.ImageFolder` and many others read them:

    train/CLASS/*.jpg, val/CLASS/*.jpg, test/CLASS/*.jpg    or    CLASS/*.jpg

Without folders of splits, one picture in ten is drawn for val and one in ten for test, within each class; pictures with
the same bytes stay together.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from ravlm.data.published.content import Content, Wanted, made, once
from ravlm.data.published.source import SourceFolder
from ravlm.errors import DatasetError
from ravlm.lines import SPLITS, EntryLine, ExampleLine
from ravlm.safe.jsonl import Fault

QUESTION = "What is this?"
_NAMES = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}
_TEST, _VAL = 0.1, 0.2  # of a draw in [0, 1): below the first test, then val, else train

Photo = tuple[str, str]
"""A class, and a picture's path relative to the source."""


def read_image_folder(source: SourceFolder, wanted: Wanted) -> Content:
    """Classes as entries that own their training pictures, and every picture asked for its class.

    Raises:
        DatasetError: there are no pictures in folders of classes.
    """
    faults: list[Fault] = []
    root = source.folder
    below = {folder.name.lower(): folder for folder in sorted(root.iterdir()) if folder.is_dir()}
    there = {split: below[n] for split in SPLITS for n in _NAMES[split] if n in below}
    if there:
        photos = {split: list(_photos(source, folder)) for split, folder in there.items()}
    else:
        photos = _drawn(source, list(_photos(source, root)), wanted.seed)
    photos = {split: some for split, some in photos.items() if split in wanted.splits}
    if not any(photos.values()):
        raise DatasetError(
            f"{root} has no pictures in folders of classes. Expected CLASS/picture.jpg, or train/CLASS/picture.jpg "
            "with val and test beside it; the formats are JPEG, PNG, WebP and GIF."
        )
    owned: dict[str, list[str]] = {}
    for split in SPLITS:
        for name, path in photos.get(split, ()):
            owned.setdefault(name, []).extend([path] if split == "train" else [])
    entries = _entries(owned, faults) if wanted.articles else None
    splits = {split: _split(some, split, wanted.articles, faults) for split, some in photos.items()}
    return Content(splits, faults, entries, frozenset(owned))


def _photos(source: SourceFolder, folder: Path) -> Iterator[Photo]:
    for path in source.pictures(folder):
        parts = path.relative_to(folder).parts
        if len(parts) > 1:
            yield parts[0], path.relative_to(source.folder).as_posix()


def _drawn(source: SourceFolder, photos: Sequence[Photo], seed: int) -> dict[str, list[Photo]]:
    """The splits by lot. What is drawn follows from the seed and the bytes, not from names or order."""
    splits: dict[str, list[Photo]] = {split: [] for split in SPLITS}
    for name, path in photos:
        digest = sha256((source.folder / path).read_bytes()).digest()
        draw = np.random.default_rng([seed, int.from_bytes(digest[:8], "big")]).random()
        splits["test" if draw < _TEST else "val" if draw < _VAL else "train"].append((name, path))
    return splits


def _title(name: str) -> str:
    return " ".join(name.replace("_", " ").split()) or name


def _entries(owned: dict[str, list[str]], faults: list[Fault]) -> Iterator[EntryLine]:
    for name, paths in sorted(owned.items()):
        yield from made(
            EntryLine, faults, name, id=name, title=_title(name), text=f"This is {_title(name)}.", images=paths
        )


def _split(photos: Sequence[Photo], split: str, articles: bool, faults: list[Fault]) -> Iterator[ExampleLine]:
    for name, path in photos:
        yield from made(
            ExampleLine,
            faults,
            path,
            id=path,
            images=[path],
            question=QUESTION,
            kind="answers",
            answers=once([_title(name), name]),
            entries=[name] if articles else [],
        )
