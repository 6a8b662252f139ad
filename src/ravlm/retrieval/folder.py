"""An index's folder: files and, written last, the stamp that says from which base and encoder they were made.

    index.json  and the files that it names, each with its checksum

An index is only what `index.json` says: a file that it does not name is none of it. A change writes new files, then the
stamp, then deletes what is not named any more, so a reader finds the old index or the new one, whole.
"""

import fcntl
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ravlm.errors import ConflictError, FormatError, IndexStale, PathError
from ravlm.safe.files import remove_folder, write_text_atomic

FORMAT = 1
STAMP = "index.json"
_LOCK = "lock"
_WRITTEN = re.compile(r"\w+-[0-9a-f]{8}")  # the name of what a role was written to


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an index was made from; it fits nothing else.

    `knowledge` is the base's fingerprint and `version` its version's number; `encoder` is the fingerprint of the
    encoder that made the keys, empty where words are indexed.
    """

    knowledge: str
    encoder: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class Contents:
    """What an index's folder says: kind, stamp, settings, and by its role the name of each file."""

    kind: str
    stamp: Stamp
    settings: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)


def write_index(
    folder: Path,
    kind: str,
    stamp: Stamp,
    settings: Mapping[str, Any],
    new: Mapping[str, Callable[[Path], None]],
    keep: Contents | None = None,
) -> Contents:
    """Write an index, or change one.

    Args:
        folder: where; made where there is none.
        kind: what reads it: `bm25`, `dense`, ...
        stamp: what it is made from.
        settings: what its reader needs beside its files; JSON.
        new: for each role a function that writes the file, or a folder of files, to the path it is given.
        keep: what the folder held; its files stay whose roles are not in `new`.

    Raises:
        PathError: the folder can't be written.
        ConflictError: another process has changed what should be kept.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            token = secrets.token_hex(4)
            sums = _sums(folder) if keep else {}
            if keep and not sums.keys() >= {name for role, name in keep.files.items() if role not in new}:
                raise ConflictError(
                    f"Another process has changed the index in {folder} since it was read here. Nothing is written. "
                    "Read it again, and let it follow again."
                )
            files = {role: name for role, name in (keep.files.items() if keep else ()) if role not in new}
            for role, write in new.items():
                files[role] = f"{role}-{token}"
                write(folder / files[role])
            about = {
                "format": FORMAT,
                "kind": kind,
                "stamp": asdict(stamp),
                "settings": dict(settings),
                "files": {role: [name, sums.get(name) or _sum(folder / name)] for role, name in files.items()},
            }
            about["checksum"] = _checksum(about)
            write_text_atomic(folder / STAMP, json.dumps(about, ensure_ascii=False, indent=1))
            for path in folder.iterdir():
                if path.name in {STAMP, _LOCK, *files.values()}:
                    continue
                if path.is_file():
                    path.unlink(missing_ok=True)
                elif _WRITTEN.fullmatch(path.name):
                    remove_folder(path)
    except OSError as error:
        raise PathError(
            f"The index in {folder} can't be written: {error.strerror}. Check the folder, its space and rights."
        ) from error
    return Contents(kind, stamp, settings, files)


def read_index(folder: Path, kind: str) -> Contents:
    """What an index's folder says, its files checked.

    Raises:
        PathError: there is no index of this kind.
        FormatError: it is of another format.
        IndexStale: it is damaged.
    """
    about = _about(folder)
    if about["kind"] != kind:
        raise PathError(f"The index in {folder} is of kind {about['kind']!r}, and {kind!r} is needed. Build it.")
    for name, wanted in about["files"].values():
        if _sum(folder / name) != wanted:
            origin = about["settings"].get("encoder", {}).get("origin")
            command = f"ravlm index build KB --retriever {kind}{f' --encoder {origin}' if origin else ''}"
            raise IndexStale(
                f"The index in {folder} is damaged: {name} is not what its stamp says. Build it again: `{command}`."
            )
    files = {role: name for role, (name, _) in about["files"].items()}
    return Contents(kind, Stamp(**about["stamp"]), about["settings"], files)


def look(folder: Path) -> Contents:
    """What an index's folder says, its files not checked. Errors: as `read_index`."""
    about = _about(folder)
    files = {role: name for role, (name, _) in about["files"].items()}
    return Contents(about["kind"], Stamp(**about["stamp"]), about["settings"], files)


def _about(folder: Path) -> dict[str, Any]:
    path = folder / STAMP
    if not path.is_file():
        raise PathError(f"There is no index in {folder}. `ravlm index build` makes one.")
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = about["format"]
        if version == FORMAT and about.pop("checksum") != _checksum(about):
            raise ValueError("its checksum is another one")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexStale(
            f"The stamp of the index in {folder} is damaged. Build it again with `ravlm index build`."
        ) from error
    if version != FORMAT:
        raise FormatError(
            f"The index in {folder} has format {version!r}; this release reads format {FORMAT}. Build it again with "
            "`ravlm index build`, or upgrade ravlm."
        )
    return about


def _checksum(about: Mapping[str, Any]) -> str:
    """SHA-256 over all else that a stamp says."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def stamped(folder: Path) -> bytes:
    """The stamp as it stands in the folder now; empty where there is none."""
    try:
        return (folder / STAMP).read_bytes()
    except OSError:
        return b""


def _sums(folder: Path) -> dict[str, str]:
    """The checksums that the stamp says."""
    return dict(_about(folder)["files"].values())


def _sum(path: Path) -> str:
    """The checksum of a file, or of a folder's files with their names; "none" where there is no such file."""
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if file.is_file())
        listed = "".join(f"{_sum(file)} {file.relative_to(path).as_posix()}\n" for file in inside)
        return hashlib.sha256(listed.encode()).hexdigest()
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "none"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time change a folder."""
    with (folder / _LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
