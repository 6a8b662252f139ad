"""The texts that a language encoder is pre-trained on: text files', a dataset's, or a knowledge base's."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ravlm.data.dataset import CARD, Dataset
from ravlm.errors import DatasetError, FormatError, PathError, TrainingError
from ravlm.knowledge.passages import guess_language, passages
from ravlm.knowledge.places import find_base
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry
from ravlm.safe.files import read_text

SUFFIX = ".txt"
_ALLOWED = f"a {SUFFIX} file or a folder of them, a dataset's folder, or a knowledge base"
_SHOWN = 20  # faults


@dataclass(frozen=True)
class Texts:
    """Texts, each once: whole sentences, a few at a time, as a knowledge base has its passages."""

    place: Path
    texts: tuple[str, ...]

    def fingerprint(self) -> str:
        """SHA-256 over the texts in their order."""
        digest = hashlib.sha256()
        for text in self.texts:
            digest.update(f"{len(text)} {text}".encode())
        return digest.hexdigest()


def read_texts(place: Path) -> Texts:
    """The texts in a place.

    Of a dataset: the questions and captions of its training examples, and what its entries say; of a knowledge base:
    what its entries say. Of text files: their paragraphs (an empty line is between two), long ones cut into passages.

    Raises:
        PathError: there is nothing that texts could be read from.
        DatasetError: files can't be read, or the dataset has faults: all of them.
        TrainingError: there is no text in it.
    """
    texts = tuple(dict.fromkeys(text for text in map(str.strip, _texts(place)) if text))
    if not texts:
        raise TrainingError(f"There is no text in {place}. Give {_ALLOWED} with some.")
    return Texts(place, texts)


def _texts(place: Path) -> Iterator[str]:
    if place.is_file():
        if place.suffix.lower() != SUFFIX:
            raise PathError(f"{place} is a file, and no {SUFFIX}. Give {_ALLOWED}.")
        return _of_files([place])
    if (place / CARD).is_file():
        return _of_dataset(Dataset.open(place))
    files = sorted(p for p in place.rglob(f"*{SUFFIX}") if p.is_file() and not p.name.startswith("."))
    if _holds_a_base(place):
        return _of_entries(KnowledgeBase.open(place).iterate())
    if files:
        return _of_files(files)
    found = "a folder with none of these" if place.is_dir() else "nothing"
    raise PathError(f"There is no text in {place}: found {found}. Give {_ALLOWED}.")


def _holds_a_base(place: Path) -> bool:
    try:
        find_base(place)
    except PathError:
        return False
    return True


def _of_files(files: Sequence[Path]) -> Iterator[str]:
    contents, faults = [], []
    for file in files:
        try:
            contents.append(read_text(file))
        except (PathError, FormatError) as error:
            faults.append(f"  {error}")
    if faults:
        more = [f"  ... and {len(faults) - _SHOWN:,} more"] if len(faults) > _SHOWN else []
        raise DatasetError("These text files can't be read:", [*faults[:_SHOWN], *more])
    paragraphs = (part for content in contents for part in content.replace("\r\n", "\n").split("\n\n") if part.strip())
    return _of_entries(Entry("", "", text=part, language=guess_language(part)) for part in paragraphs)


def _of_dataset(dataset: Dataset) -> Iterator[str]:
    for example in dataset.split("train"):
        yield example.question or ""
        if example.kind == "captions":
            yield from example.answers
    yield from _of_entries(dataset.knowledge())


def _of_entries(entries: Iterator[Entry]) -> Iterator[str]:
    return (passage.text for entry in entries for passage in passages(entry))
