"""The pictures that a visual encoder is pre-trained on: an image folder's, or those of a dataset."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from ravlm.data.dataset import CARD, Dataset
from ravlm.errors import DatasetError, ImageError, PathError
from ravlm.knowledge.passages import sentences
from ravlm.records import Entry
from ravlm.safe.headers import SUFFIXES
from ravlm.safe.images import decode_image, read_image_bytes
from ravlm.training.loop import Progress
from ravlm.training.photos import stretch

_SHOWN = 20  # faults


@dataclass(frozen=True)
class LabelledPictures:
    """Files of pictures, and what each shows.

    `labels` [n] are the places of their classes in `names`, `own` [n] tells which are an entry's own pictures and no
    photo of it. `texts` are what may be said of a picture of each class.
    """

    folder: Path
    files: tuple[Path, ...]
    labels: tuple[int, ...]
    own: tuple[bool, ...]
    names: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]

    def fingerprint(self) -> str:
        """SHA-256 over the files' places below the folder, what is in them, classes and texts."""
        digest = hashlib.sha256(repr((self.names, self.texts)).encode())
        for file, label, own in zip(self.files, self.labels, self.own, strict=True):
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.relative_to(self.folder)} {content} {label} {own}\n".encode())
        return digest.hexdigest()


def labelled_pictures(folder: Path) -> LabelledPictures:
    """The pictures in a folder: of a dataset of this project where it has a `dataset.json`, else of an image folder.

    Raises:
        PathError: there is no such folder.
        DatasetError: faults, all of them: no pictures, a class without any, pictures that stand in no class's folder.
    """
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise PathError(
            f"There are no pictures in {folder}: found {found}. Give a folder of pictures, DIR/class/picture.jpg, or a "
            "dataset's."
        )
    return from_dataset(Dataset.open(folder)) if (folder / CARD).is_file() else from_folder(folder)


def from_folder(folder: Path) -> LabelledPictures:
    """An image folder: each folder in it is a class, and all pictures anywhere below that are of this class.

    Pictures without any such folder are a class each. A class's text is its folder's name.
    """
    names = tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")))
    loose = sorted(path for path in folder.iterdir() if _is_picture(path))
    if not names:
        files, labels = tuple(loose), tuple(range(len(loose)))
        names = tuple(path.stem for path in loose)
    else:
        found = [(file, label) for label, name in enumerate(names) for file in sorted(_below(folder / name))]
        files, labels = tuple(file for file, _ in found), tuple(label for _, label in found)
    faults = [] if files else [f"  there is no picture in it: found no {', '.join(SUFFIXES)}"]
    if files and len(files) != len(loose):
        faults = [f"  {name}: no picture in this class" for n, name in enumerate(names) if n not in set(labels)]
        faults += [f"  {path.name}: in no class's folder" for path in loose]
    _refuse(
        f"The image folder {folder} can't be learned from",
        faults,
        "Put pictures at DIR/class/picture.jpg, and take empty folders away.",
    )
    texts = tuple((name.replace("_", " ").replace("-", " "),) for name in names)
    return LabelledPictures(folder, files, labels, (False,) * len(files), names, texts)


def from_dataset(dataset: Dataset) -> LabelledPictures:
    """The photos of a dataset's training examples and the pictures of the entries that these are about.

    The entries are the classes. A photo that is about several entries is of no class, and left out. An entry's texts
    are its title, and its title with its first sentence.
    """
    about: dict[str, set[str]] = {}
    for example in dataset.split("train"):
        for image in example.images:
            about.setdefault(image, set()).update(example.entries)
    entries = {entry.id: entry for entry in dataset.knowledge()}
    shown = {image: next(iter(ids)) for image, ids in about.items() if len(ids) == 1}
    names = tuple(sorted(set(shown.values()) & entries.keys()))
    place = {name: n for n, name in enumerate(names)}
    found = [(image, place[entry_id], False) for image, entry_id in sorted(shown.items()) if entry_id in place]
    found += [(image, place[name], True) for name in names for image in entries[name].images if image not in about]
    missing = sorted(image for image, _, _ in found if not dataset.image_path(image).is_file())
    faults = [f"  {image}: no such file" for image in missing]
    faults += [] if names else ["  no photo of its train.jsonl is about exactly one of its entries"]
    _refuse(f"The pictures of the dataset {dataset.folder} can't be learned from", faults, "Mend it.")
    return LabelledPictures(
        dataset.folder,
        tuple(dataset.image_path(image) for image, _, _ in found),
        tuple(label for _, label, _ in found),
        tuple(own for _, _, own in found),
        names,
        tuple(tuple(_texts(entries[name])) for name in names),
    )


def read_pixels(pictures: LabelledPictures, size: int, place: Path, progress: Progress) -> UInt8[Tensor, "n c y x"]:
    """Every picture made a square of `size` pixels, in a file at `place` that is mapped: it need not fit into memory.

    Raises:
        DatasetError: pictures can't be decoded; all of them are named.
        PathError: there is no room for the file.
    """
    n = len(pictures.files)
    try:
        with place.open("wb") as file:
            file.truncate(n * 3 * size * size)
        pixels = torch.from_file(str(place), shared=True, size=n * 3 * size * size, dtype=torch.uint8)
    except (OSError, RuntimeError) as error:
        raise PathError(f"{place} can't be written ({error}). Give an --out with more room.") from error
    pixels = pixels.view(n, 3, size, size)

    def load(i: int) -> str | None:
        path = pictures.files[i]
        try:
            pixels[i] = stretch(decode_image(read_image_bytes(path), longest=2 * size, name=str(path)), size)
        except (ImageError, PathError) as error:
            return f"  {error}"
        return None

    faults = []
    with ThreadPoolExecutor() as pool:
        for done, fault in enumerate(pool.map(load, range(n)), start=1):
            faults += [] if fault is None else [fault]
            progress("reading pictures", done, n)
    _refuse(f"The pictures of {pictures.folder} can't be learned from", faults, "Mend these, or take them out.")
    return pixels


def _refuse(what: str, faults: Sequence[str], hint: str) -> None:
    """Tell all faults; of many, the first."""
    if faults:
        more = [f"  ... and {len(faults) - _SHOWN:,} more"] if len(faults) > _SHOWN else []
        raise DatasetError(f"{what}. {hint}", [*faults[:_SHOWN], *more])


def _below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if _is_picture(path))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _texts(entry: Entry) -> Iterator[str]:
    yield entry.title
    text = entry.text or " ".join(section.text for section in entry.sections[:1])
    found = sentences(text, entry.language)
    if found:
        yield f"{entry.title}. {text[slice(*found[0])]}"
