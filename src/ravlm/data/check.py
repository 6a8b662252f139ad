"""Every fault of a dataset's folder, found at once."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ravlm.data.dataset import CARD, KNOWLEDGE, check_folder, read_card
from ravlm.errors import ImageError, PathError
from ravlm.lines import SPLITS, BenchmarkLine, DatasetCard, EntryLine, ExampleLine
from ravlm.safe.files import read_lines
from ravlm.safe.headers import read_header
from ravlm.safe.images import decode_image, read_image_bytes
from ravlm.safe.jsonl import Fault, read_models, shown
from ravlm.safe.paths import inside

Progress = Callable[[str, int, int], None]
"""Called with (what goes on, images done, images in all)."""

TEXT_ALONE = "benchmark.pictures"
"""The field of the one fault of a dataset that was declared to be made without its pictures."""

_THUMBNAIL = 64  # pixels; the whole of a JPEG is read, but not every pixel computed
_BETWEEN = 250  # images between two calls of the progress


@dataclass(slots=True)
class _Found:
    """What the lines of a dataset name: entries with their texts, and where each image is named, by split.

    `doubtful` are ids of entries whose line has a fault of its own, None where there is no file: what names them is
    not at fault for that.
    """

    faults: list[Fault]
    doubtful: set[str] | None = field(default_factory=set)
    sections: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    images: dict[str, dict[str, tuple[str, int, str]]] = field(default_factory=dict)

    def name_images(self, part: str, file: str, line: int, paths: Sequence[str]) -> None:
        for place, path in enumerate(paths):
            self.images.setdefault(path, {}).setdefault(part, (file, line, f"images.{place}"))


def check(folder: Path, decode: bool = True, progress: Progress | None = None) -> list[Fault]:
    """Every fault of the dataset in `folder`, in the order of files and lines; empty for a dataset that is right.

    Without `decode`, images are read and their headers looked at, but no pixel is.

    Raises:
        PathError: there is no such folder.
    """
    check_folder(folder)
    found = _Found([])
    card = read_card(folder)
    if isinstance(card, list):
        found.faults.extend(card)
    about = card.benchmark if isinstance(card, DatasetCard) else None
    _check_entries(folder, found)
    _check_examples(folder, found, about)
    _check_images(folder, found, decode, progress, text_alone=about is not None and about.pictures == "none")
    order = {name: place for place, name in enumerate((CARD, KNOWLEDGE, *(f"{split}.jsonl" for split in SPLITS)))}
    return sorted(found.faults, key=lambda fault: (order.get(fault.file, len(order)), fault.line))


def _check_entries(folder: Path, found: _Found) -> None:
    first: dict[str, int] = {}
    for number, line in read_models(folder / KNOWLEDGE, EntryLine, found.faults):
        if line.id in first:
            found.faults.append(
                Fault(KNOWLEDGE, number, "id", f"{line.id!r}, also in line {first[line.id]}", "an id of its own")
            )
        first.setdefault(line.id, number)
        found.sections[line.id] = [("", line.text or ""), *((s.title, s.text) for s in line.sections or ())]
        found.name_images(KNOWLEDGE, KNOWLEDGE, number, line.images)
    found.doubtful = _ids(folder / KNOWLEDGE) - set(found.sections) if (folder / KNOWLEDGE).is_file() else None


def _ids(path: Path) -> set[str]:
    """The ids that lines give, whatever else is wrong with them."""
    ids = set()
    for _, line in read_lines(path):
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(values, dict) and isinstance(values.get("id"), str):
            ids.add(values["id"])
    return ids


def _check_examples(folder: Path, found: _Found, about: BenchmarkLine | None) -> None:
    declared = about is None or "train" in about.questions  # else a part of a benchmark that says what it leaves out
    if declared and not (folder / "train.jsonl").is_file():
        found.faults.append(Fault("train.jsonl", 0, "", "no such file", "the examples to learn from, one a line"))
    first: dict[str, str] = {}
    for split in SPLITS:
        path = folder / f"{split}.jsonl"
        if not path.is_file():
            continue
        for number, line in read_models(path, ExampleLine, found.faults):
            place = f"{path.name}, line {number}"
            if line.id in first:
                found.faults.append(
                    Fault(path.name, number, "id", f"{line.id!r}, also in {first[line.id]}", "an id of its own")
                )
            first.setdefault(line.id, place)
            found.name_images(split, path.name, number, line.images)
            if found.doubtful is not None:
                found.faults.extend(_wrong_references(path.name, number, line, found.sections, found.doubtful))


def _wrong_references(
    file: str, number: int, line: ExampleLine, sections: Mapping[str, Sequence[tuple[str, str]]], doubtful: set[str]
) -> Iterator[Fault]:
    for place, entry in enumerate(line.entries):
        if entry not in sections and entry not in doubtful:
            yield Fault(file, number, f"entries.{place}", f"the unknown entry {shown(entry)}", f"an id in {KNOWLEDGE}")
    for place, (entry, where) in enumerate(line.evidence):
        if entry in doubtful:
            continue
        if entry not in sections:
            yield Fault(file, number, f"evidence.{place}", f"the unknown entry {shown(entry)}", f"an id in {KNOWLEDGE}")
        elif not any(where == title or where in text for title, text in sections[entry]):
            titles = ", ".join(repr(title) for title, _ in sections[entry] if title) or "none"
            wish = f"a section of {entry!r} ({titles}) or words that stand in its text"
            yield Fault(file, number, f"evidence.{place}", shown(where), wish)


def _check_images(
    folder: Path, found: _Found, decode: bool, progress: Progress | None, *, text_alone: bool = False
) -> None:
    paths = list(found.images)
    if text_alone and (missing := [path for path in paths if not _is_there(folder, path)]):
        lost = f"the text alone: {len(missing):,} of {len(paths):,} pictures are not there"
        found.faults.append(Fault(CARD, 0, TEXT_ALONE, lost, "pictures to train on and ask about: make it with them"))
        paths = sorted(set(paths) - set(missing))
    splits_of: dict[str, dict[str, str]] = {}
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        looked = pool.map(lambda path: _look(folder, path, decode), paths)
        for path, (digest, fault) in zip(_counted(paths, progress), looked, strict=True):
            named = found.images[path]
            if fault is not None:
                file, line, at = next(iter(named.values()))
                found.faults.append(Fault(file, line, at, *fault))
            if digest is not None:
                for part in named:
                    if part in SPLITS:
                        splits_of.setdefault(digest, {}).setdefault(part, path)
    for parts in splits_of.values():
        (one, path), *others = sorted(parts.items(), key=lambda item: SPLITS.index(item[0]))
        for other, again in others:
            file, line, at = found.images[again][other]
            same = f"{again!r}, the same picture as {path!r} in {one}" if again != path else f"{again!r}, also in {one}"
            found.faults.append(Fault(file, line, at, same, "a picture that no other split shows"))


def _is_there(folder: Path, relative: str) -> bool:
    try:
        return inside(folder, relative).is_file()
    except PathError:
        return True  # its fault is told where it is looked at


def _counted(paths: Iterable[str], progress: Progress | None) -> Iterator[str]:
    every = list(paths)
    for done, path in enumerate(every):
        if progress is not None and done % _BETWEEN == 0:
            progress("checking images", done, len(every))
        yield path
    if progress is not None:
        progress("checking images", len(every), len(every))


def _look(folder: Path, relative: str, decode: bool) -> tuple[str | None, tuple[str, str] | None]:
    """A picture's content hash and what is wrong with it, as (found, expected)."""
    try:
        path = inside(folder, relative)
        if not path.is_file():
            return None, (f"no file {relative!r}", "a picture in the dataset's folder")
        data = read_image_bytes(path)
        digest = sha256(data).hexdigest()
        if decode:
            decode_image(data, longest=_THUMBNAIL, name=repr(relative))
        elif read_header(data) is None:
            return digest, (f"{relative!r}, no picture", "a JPEG, PNG, WebP or GIF file")
    except PathError as error:
        return None, (str(error), "a path inside the dataset's folder")
    except ImageError as error:
        return None, (str(error), "a picture that can be decoded")
    except ValueError as error:
        return None, (f"{relative!r}: {error}", "a picture that can be decoded")
    return digest, None
