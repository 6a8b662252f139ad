"""The `knowledge.jsonl` of a dataset's folder (see docs/dataset.md) as knowledge, read strictly."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from ravlm.errors import PathError
from ravlm.knowledge.sources.json_lines import go_to, lines
from ravlm.knowledge.sources.part import Part, Place, Source
from ravlm.knowledge.sources.parting import Record, in_parts
from ravlm.lines import EntryLine
from ravlm.records import Entry
from ravlm.safe.images import read_image_bytes
from ravlm.safe.jsonl import Fault, parse_model, refuse
from ravlm.safe.paths import inside
from ravlm.safe.streams import bounded_lines, open_stream

FILE = "knowledge.jsonl"


class DatasetSource(Source):
    """The entries of a dataset. Nothing is left out: a file with a fault gives no entry at all."""

    kind = "dataset"
    strict = True
    expansion = 1.3

    def __init__(self, folder: Path, name: str | None = None) -> None:
        """Take the dataset's folder (or its `knowledge.jsonl`); it is checked when it is read first.

        Args:
            folder: the folder with `knowledge.jsonl`.
            name: the `source` of all entries; where it is left out, each keeps its own.

        Raises:
            PathError: there is no such file.
        """
        self.path = folder if folder.is_file() else folder / FILE
        if not self.path.is_file():
            found = "a folder without one" if folder.is_dir() else "nothing"
            raise PathError(
                f"There is no {FILE} in {folder}: found {found}. Give a dataset's folder (`ravlm dataset make` writes "
                f"one), or the path of its {FILE}."
            )
        self._folder = self.path.parent
        self._given = name
        self._checked = False
        self.name = name or self._folder.absolute().name
        self.size = self.path.stat().st_size

    def settings(self) -> dict[str, Any]:
        """The name that was given, if any."""
        return {"given": self._given}

    def parts(self, after: Place | None = None) -> Iterator[Part]:
        """The entries, as they are in the file; see `Source`.

        Raises:
            DatasetError: every fault of the file, repeated ids among them, before the first entry is given.
        """
        if not self._checked:
            refuse(str(self.path), self._faults())
            self._checked = True
        with open_stream(self.path) as (raw, content):
            go_to(after or 0, raw, content)
            yield from in_parts(self._records(content, after or 0), raw.tell)

    def picture(self, name: str) -> bytes:
        """The bytes of a picture below the dataset's folder; see `Source`."""
        return read_image_bytes(inside(self._folder, name))

    def _records(self, content: IO[bytes], start: int) -> Iterator[Record]:
        for line, end, length in lines(content, start):
            entry = _parsed(line, self.path.name, 0)
            if isinstance(entry, list):  # it was changed since it was checked
                refuse(str(self.path), entry)
            else:
                yield entry if self._given is None else replace(entry, source=self._given), end, length

    def _faults(self) -> list[Fault]:
        """All that is wrong in the file."""
        faults: list[Fault] = []
        ids: set[str] = set()
        with open_stream(self.path) as (_, content):
            for number, line in enumerate(bounded_lines(content), start=1):
                if line is not None and line.isspace():
                    continue
                entry = _parsed(line, self.path.name, number)
                if isinstance(entry, list):
                    faults.extend(entry)
                    continue
                if entry.id in ids:
                    faults.append(Fault(self.path.name, number, "id", f"{entry.id!r} again", "an id of its own"))
                ids.add(entry.id)
        return faults


def _parsed(line: bytes | None, file: str, number: int) -> Entry | list[Fault]:
    if line is None:
        return [Fault(file, number, "", "a line of more than 16 MB", "an entry of at most 16 MB")]
    parsed = parse_model(EntryLine, line, file, number)
    return parsed if isinstance(parsed, list) else parsed.record()
