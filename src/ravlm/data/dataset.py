"""A dataset's folder as records: strict, every fault at once."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from ravlm.errors import DatasetError, PathError
from ravlm.lines import SPLITS, DatasetCard, EntryLine, ExampleLine
from ravlm.records import Entry, Example
from ravlm.safe.files import read_lines
from ravlm.safe.jsonl import Fault, parse_model, read_models, refuse
from ravlm.safe.paths import inside

CARD = "dataset.json"
KNOWLEDGE = "knowledge.jsonl"


class Dataset:
    """A dataset's folder, opened with `Dataset.open`. Files are read when they are asked for."""

    def __init__(self, folder: Path, card: DatasetCard) -> None:
        self.folder = folder
        self.card = card

    @classmethod
    def open(cls, folder: Path) -> "Dataset":
        """The dataset in a folder.

        Raises:
            PathError: there is no such folder.
            DatasetError: its `dataset.json` is missing or has faults, or `knowledge.jsonl` is missing.
        """
        check_folder(folder)
        card = read_card(folder)
        if isinstance(card, list):
            refuse(f"The dataset {folder}", card)
        elif not (folder / KNOWLEDGE).is_file():
            refuse(f"The dataset {folder}", [Fault(KNOWLEDGE, 0, "", "no such file", "the entries, one a line")])
        else:
            return cls(folder, card)
        raise DatasetError(f"The dataset {folder} can't be read.")

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that the dataset has, in the order train, val, test."""
        return tuple(name for name in SPLITS if (self.folder / f"{name}.jsonl").is_file())

    def knowledge(self) -> Iterator[Entry]:
        """The entries, their images as paths relative to the folder.

        Raises:
            DatasetError: every fault of `knowledge.jsonl`.
        """
        faults: list[Fault] = []
        entries = [line.record() for _, line in read_models(self.folder / KNOWLEDGE, EntryLine, faults)]
        refuse(f"The dataset {self.folder}", faults)
        return iter(entries)

    def split(self, name: str) -> list[Example]:
        """The examples of `train`, `val` or `test`.

        Raises:
            DatasetError: the dataset has no such split, or every fault of it.
        """
        if name not in self.splits:
            there = ", ".join(self.splits) or "none"
            raise DatasetError(f"The dataset {self.folder} has no split {name!r}; it has: {there}.")
        faults: list[Fault] = []
        examples = [line.record() for _, line in read_models(self.folder / f"{name}.jsonl", ExampleLine, faults)]
        refuse(f"The dataset {self.folder}", faults)
        return examples

    def image_path(self, relative: str) -> Path:
        """The path of an image that a line names.

        Raises:
            PathError: it leads out of the dataset's folder.
        """
        return inside(self.folder, relative)

    def fingerprint(self) -> str:
        """SHA-256 over the card, the entries and every split, as 64 hex digits. Pictures count by their paths."""
        digest = hashlib.sha256()
        for name in (CARD, KNOWLEDGE, *(f"{split}.jsonl" for split in self.splits)):
            content = hashlib.sha256()
            for _, line in read_lines(self.folder / name):
                content.update(line)
            digest.update(f"{name} {content.hexdigest()}\n".encode())
        return digest.hexdigest()


def check_folder(folder: Path) -> None:
    """Raises: PathError, where `folder` is no folder."""
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise PathError(
            f"There is no dataset in {folder}: found {found}, a folder with {CARD} is needed. "
            "`ravlm dataset make` writes one."
        )


def read_card(folder: Path) -> DatasetCard | list[Fault]:
    """The dataset's card, or all of its faults."""
    path = folder / CARD
    if not path.is_file():
        return [Fault(CARD, 0, "", "no such file", f"a file {CARD} in {folder}")]
    parsed = parse_model(DatasetCard, path.read_bytes(), CARD)
    if not isinstance(parsed, list):
        return parsed
    wish = "1, the format that this release reads; a newer one needs a newer ravlm: upgrade it"
    return [Fault(f.file, f.line, f.field, f.found, wish) if f.field == "format" else f for f in parsed]
