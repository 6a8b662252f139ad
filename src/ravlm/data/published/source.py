"""The folder with a benchmark's files, as people have it after unpacking: any file is found wherever it lies below."""

import filecmp
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ravlm.errors import DatasetError, FormatError, PathError
from ravlm.safe.files import read_text
from ravlm.safe.headers import SUFFIXES
from ravlm.safe.jsonl import Fault, faults_of, parse_model, refuse, shown
from ravlm.safe.streams import bounded_lines, chunks, open_stream

Model = TypeVar("Model", bound=BaseModel)
_PIECE = 1 << 22  # bytes of a large JSON object that are read at once
_WIDE = 1 << 24  # characters of a member of a JSON object that are read at most before it counts as damaged
_COMPRESSED = ("", ".gz", ".bz2", ".xz")


class Authors(BaseModel):
    """What is read of a file by others: the declared fields, strictly; fields beside them are theirs."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class SourceFolder:
    """A folder with a benchmark's files, and more folders with its pictures. Each is walked once, when it is opened."""

    def __init__(self, folder: Path, pictures: Sequence[Path] = ()) -> None:
        """Walk the folders.

        Raises:
            PathError: one of them is no folder.
        """
        self.folder = folder
        self.used: list[Path] = []
        self._files: dict[str, list[Path]] = {}
        self._beside: dict[str, list[Path]] = {}
        self._pictures: dict[str, list[Path]] = {}
        self._stems: dict[str, list[Path]] = {}
        for root in (folder, *pictures):
            if not root.is_dir():
                found = "a file" if root.exists() else "nothing"
                raise PathError(f"{root} is no folder: found {found}. Give the folder that holds the unpacked files.")
            for path in _walk(root):
                if path.suffix.lower() in SUFFIXES:
                    self._pictures.setdefault(path.name, []).append(path)
                    self._stems.setdefault(path.stem, []).append(path)
                else:
                    files = self._files if root == folder else self._beside
                    files.setdefault(path.name, []).append(path)

    def has(self, *names: str) -> bool:
        """Whether there is a file of each of these names, compressed or not."""
        return all(any(f"{name}{end}" in self._files for end in _COMPRESSED) for name in names)

    def find(self, *names: str) -> list[Path]:
        """All files of these names, sorted."""
        return sorted(path for name in names for path in self._files.get(name, ()))

    def lists(self, *names: str) -> list[Path]:
        """All files of these names in any of the folders, those of pictures too; each once, sorted."""
        beside = [path for name in names for path in self._beside.get(name, ())]
        found = {path.resolve(): path for path in (*beside, *self.find(*names))}
        return sorted(found.values())

    def need(self, name: str, what: str, columns: Sequence[str] = ()) -> Path:
        """The one file of this name, compressed or not; it is noted as used.

        Args:
            name: as the authors give it.
            what: what it holds, for the error.
            columns: of several tables of this name, those with these columns are looked at alone.

        Raises:
            PathError: there is none.
            DatasetError: there are several, and they differ.
        """
        found = self.find(*(f"{name}{end}" for end in _COMPRESSED))
        if not found:
            there = ", ".join(sorted(n for n in self._files if n.endswith((".json", ".jsonl", ".csv", ".gz", ".txt"))))
            raise PathError(
                f"{self.folder} has no {name} ({what}), in no folder below it either. Files there: "
                f"{there[:300] or 'none of JSON, CSV or text'}. Put it there, unpacked, or give another "
                "folder; where only some splits are wanted (--split), the files of others are not needed."
            )
        if len(found) > 1 and columns:
            found = [path for path in found if _has_columns(path, columns)] or found
        if not all(filecmp.cmp(found[0], other, shallow=False) for other in found[1:]):
            places = ", ".join(str(path.relative_to(self.folder)) for path in found)
            raise DatasetError(
                f"{self.folder} has several different files {name}: {places}. Give the folder of one of them."
            )
        self.used.append(found[0])
        return found[0]

    def picture(self, path: str, others: Iterable[str] = ()) -> Path | None:
        """The file of a picture: one whose path ends with `path`, else one of this or another name.

        Names without a suffix stand for a picture of any format.
        """
        for name in (path, *others):
            last = name.rpartition("/")[2]
            index = self._pictures if last.lower().endswith(SUFFIXES) else self._stems
            found = index.get(last, ())
            if self.folder / name in found:
                return self.folder / name
            ending = [file for file in found if file.as_posix().endswith(f"/{name}")]
            if found:
                return min(ending or found)
        return None

    def pictures(self, folder: Path) -> list[Path]:
        """The pictures below a folder, sorted."""
        return sorted(path for paths in self._pictures.values() for path in paths if path.is_relative_to(folder))


def _has_columns(path: Path, columns: Sequence[str]) -> bool:
    with open_stream(path) as (_, stream):
        first = next(bounded_lines(stream), None) or b""
    return set(columns) <= {name.strip().strip('"') for name in first.decode("utf-8", "replace").split(",")}


def _walk(root: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for folder, below, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link to a folder above
            below.clear()
            continue
        seen.add(real)
        below.sort()
        yield from (Path(folder) / name for name in sorted(names))


def read_whole(path: Path, model: type[Model], faults: list[Fault], wish: str) -> Model | None:
    """A JSON file as a model; faults are appended, with what was expected where it is another file altogether."""
    with open_stream(path) as (_, stream):
        data = b"".join(chunks(stream))
    parsed = parse_model(model, data, path.name)
    if not isinstance(parsed, list):
        return parsed
    if any(fault.field == "" or (fault.found == "no such field" and "." not in fault.field) for fault in parsed):
        parsed = [Fault(path.name, 0, "", f"another file's content ({_first_keys(data)})", wish)]
    faults.extend(parsed)
    return None


def read_list(path: Path, model: type[Model], faults: list[Fault], wish: str) -> list[Model]:
    """A JSON file that holds a list of records."""
    with open_stream(path) as (_, stream):
        data = b"".join(chunks(stream))
    try:
        return TypeAdapter(list[model]).validate_json(data)  # type: ignore[valid-type]
    except ValidationError as error:
        found = faults_of(error, path.name)
        if any(not fault.field for fault in found):
            found = [Fault(path.name, 0, "", f"another file's content ({_first_keys(data)})", wish)]
        faults.extend(_in_list(fault) for fault in found)
        return []


def _in_list(fault: Fault) -> Fault:
    """The same with the record's place in brackets."""
    place, dot, field = fault.field.partition(".")
    return replace(fault, field=f"[{place}]{dot}{field}" if place else "")


def read_json_lines(path: Path, model: type[Model], faults: list[Fault]) -> Iterator[Model]:
    """The records of a JSON Lines file, compressed or not; wrong lines are left out and their faults appended."""
    with open_stream(path) as (_, stream):
        for number, line in enumerate(bounded_lines(stream), start=1):
            if line is None:
                faults.append(Fault(path.name, number, "", "a line of more than 16 MB", "a record a line"))
            elif line.strip():
                parsed = parse_model(model, line, path.name, number)
                if isinstance(parsed, list):
                    faults.extend(parsed)
                else:
                    yield parsed


def read_members(path: Path) -> Iterator[tuple[str, Any]]:
    """The members of a JSON file that is one large object, one after the other, in bounded memory.

    Raises:
        FormatError: it is not such a file.
    """
    decoder = json.JSONDecoder()
    with open_stream(path) as (_, stream):
        pieces = _text(path, stream)
        text, at = next(pieces, ""), 0
        text = text.lstrip("\ufeff \t\r\n")
        if not text.startswith("{"):
            raise FormatError(f"{path}: expected one JSON object, found {shown(text[:40])}. Give the authors' file.")
        at = 1
        while True:
            try:
                at = _past(text, at, " \t\r\n,")
                if text[at] == "}":
                    return
                key, behind = decoder.raw_decode(text, at)
                behind = _past(text, behind, " \t\r\n:")
                value, behind = decoder.raw_decode(text, behind)
                behind = _past(text, behind, " \t\r\n")
                if text[behind] not in ",}":  # a number may go on in the next piece
                    raise ValueError(f"expected `,` or `}}`, found {shown(text[behind : behind + 20])}")
            except (ValueError, IndexError) as error:
                more = next(pieces, None)
                if more is None or len(text) - at > _WIDE:
                    raise FormatError(f"{path} is damaged or cut off: {error}. Get the file again.") from error
                text, at = text[at:] + more, 0
                continue
            at = behind
            yield str(key), value


def _text(path: Path, stream: Any) -> Iterator[str]:
    """A stream's text in pieces; a character is never cut."""
    rest = b""
    for chunk in chunks(stream, _PIECE):
        data = rest + chunk
        try:
            text, rest = data.decode("utf-8"), b""
        except UnicodeDecodeError as error:
            if len(data) - error.start > 3:
                raise FormatError(f"{path} is not text in UTF-8 (byte {error.start:,}). Get the file again.") from error
            text, rest = data[: error.start].decode("utf-8"), data[error.start :]
        yield text


def _past(text: str, at: int, skipped: str) -> int:
    """The place of the first character from `at` on that is not to be skipped; IndexError where there is none."""
    while text[at] in skipped:
        at += 1
    return at


def _first_keys(data: bytes) -> str:
    """What a JSON file begins with, for an error."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return f"no JSON: {shown(data[:40])}"
    if isinstance(values, list):
        inside = sorted(values[0]) if values and isinstance(values[0], dict) else []
        return f"a list of {len(values):,}" + (f" with {', '.join(inside[:8])}" if inside else "")
    return f"an object with {', '.join(sorted(map(str, values))[:8])}" if isinstance(values, dict) else shown(values)


def lines_of(path: Path) -> list[str]:
    """The lines of a text file that hold something, stripped."""
    return [line.strip() for line in read_text(path).split("\n") if line.strip()]


def only_once(ids: Iterable[str], file: str, faults: list[Fault]) -> None:
    """Append a fault for each id that repeats."""
    seen: set[str] = set()
    again: dict[str, None] = {}
    for name in ids:
        if name in seen:
            again.setdefault(name)
        seen.add(name)
    faults.extend(Fault(file, 0, "id", f"{name!r} more than once", "an id of its own") for name in again)


def refuse_source(folder: Path, faults: list[Fault]) -> None:
    """Raise the error that lists the faults of a benchmark's files, where there are any.

    Raises:
        DatasetError: there are.
    """
    refuse(f"What {folder} holds", faults)
