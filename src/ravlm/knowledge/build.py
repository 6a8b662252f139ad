"""A knowledge base from a dataset's knowledge."""

from collections.abc import Callable
from pathlib import Path

from ravlm.knowledge.store import KnowledgeBase
from ravlm.lines import EntryLine
from ravlm.records import Entry
from ravlm.safe.files import remove_folder, replace_folder_atomic, temporary_folder
from ravlm.safe.images import read_image_bytes
from ravlm.safe.jsonl import Fault, read_models, refuse
from ravlm.safe.paths import inside

Progress = Callable[[str, int, int], None]
"""Called with (what goes on, steps done, steps in all)."""

_AT_ONCE = 5000  # entries in one commit


def build_from_dataset(dataset: Path, out: Path, progress: Progress | None = None) -> None:
    """Build a base from the `knowledge.jsonl` of a dataset's folder. It appears at `out` when it is whole.

    Raises:
        DatasetError: every fault of `knowledge.jsonl`.
        PathError: something is in the way at `out`, or a picture is missing.
        ImageError: a picture can't be decoded.
    """
    entries = read_entries(dataset / "knowledge.jsonl")
    temporary = temporary_folder(out)
    try:
        base = temporary / "base"
        fill(KnowledgeBase.create(base), entries, dataset, progress)
        replace_folder_atomic(base, out)
    finally:
        remove_folder(temporary)


def fill(base: KnowledgeBase, entries: list[Entry], folder: Path, progress: Progress | None = None) -> None:
    """Put entries into a base, with pictures whose paths are relative to `folder`, and close it."""
    for start in range(0, len(entries), _AT_ONCE):
        if progress is not None:
            progress("building the knowledge base", start, len(entries))
        base.upsert(entries[start : start + _AT_ONCE], pictures_below(folder))
    if progress is not None:
        progress("building the knowledge base", len(entries), len(entries))
    base.close()


def read_entries(path: Path) -> list[Entry]:
    """The entries of a `knowledge.jsonl`.

    Raises:
        DatasetError: every fault of the file, repeated ids among them.
    """
    faults: list[Fault] = []
    entries: dict[str, Entry] = {}
    for number, line in read_models(path, EntryLine, faults):
        if line.id in entries:
            faults.append(Fault(path.name, number, "id", f"{line.id!r} again", "an id of its own"))
        entries[line.id] = line.record()
    refuse(str(path), faults)
    return list(entries.values())


def pictures_below(folder: Path) -> Callable[[str], bytes]:
    """A function from paths relative to `folder` to the bytes of the pictures there."""
    return lambda relative: read_image_bytes(inside(folder, relative))
