"""The files of a folder, folder by folder, in an order that stays; nothing is read and no memory grows with them."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ravlm.knowledge.sources.folder.document import UNREADABLE

LONGEST_PATH = 512  # characters, as an entry's id
_OF_THE_SYSTEM = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin"})


@dataclass(frozen=True, slots=True)
class File:
    """A file: its path relative to the folder with `/`, its bytes, and why it is left out whatever its kind."""

    path: str
    size: int
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder below the folder (empty: itself), its files in order, and how many of them lie behind a place."""

    folder: str
    files: tuple[File, ...]
    behind: int = 0


def listings(root: Path, after: str | None = None) -> Iterator[Listing]:
    """The folders from the top, a folder's own files before those of the folders in it; both by name.

    Hidden files and folders, and those that systems leave (`Thumbs.db`, `__MACOSX`), are passed over. Links to files
    within the folder are followed; links to folders are not, so that nothing is read twice and nothing goes round.

    Args:
        root: the folder, resolved.
        after: the path of the last file that lies behind; folders that lie behind wholly are not opened.
    """
    ways: list[tuple[str, list[str] | None]] = [("", after.split("/") if after is not None else None)]
    while ways:
        folder, tail = ways.pop()
        files, folders = _listed(root, folder)
        if tail is None:
            yield Listing(folder, files)
        elif len(tail) == 1:
            yield Listing(folder, files, sum(_name(file.path) <= tail[0] for file in files))
            tail = None
        else:
            yield Listing(folder, files, len(files))
            folders = [name for name in folders if name >= tail[0]]
        for name in reversed(folders):
            within = tail[1:] if tail is not None and name == tail[0] else None
            ways.append((f"{folder}/{name}" if folder else name, within))


def leads_out(root: Path, path: Path) -> bool:
    """Whether a path lies outside `root` when links are followed."""
    return not Path(os.path.realpath(path)).is_relative_to(root)


def _listed(root: Path, folder: str) -> tuple[tuple[File, ...], list[str]]:
    files: list[File] = []
    folders: list[str] = []
    try:
        with os.scandir(root / folder) as found:
            for item in found:
                if item.name.startswith((".", "~$")) or item.name.lower() in _OF_THE_SYSTEM:
                    continue
                name = os.fsencode(item.name).decode("utf-8", "backslashreplace")
                path = f"{folder}/{name}" if folder else name
                if item.is_dir(follow_symlinks=False) and name == item.name:
                    folders.append(name)
                else:
                    files.append(_file(root, path, item, readable=name == item.name))
    except OSError:
        files.append(File(f"{folder}/" if folder else "./", 0, UNREADABLE))
    return tuple(sorted(files, key=lambda file: _name(file.path))), sorted(folders)


def _file(root: Path, path: str, item: "os.DirEntry[str]", *, readable: bool) -> File:
    if not readable:
        return File(path, 0, "name is not UTF-8")
    if len(path) > LONGEST_PATH:
        return File(path, 0, f"path over {LONGEST_PATH} characters")
    if item.is_symlink() and leads_out(root, Path(item.path)):
        return File(path, 0, "link leads out of the folder")
    try:
        found = item.stat()
    except OSError:
        return File(path, 0, "link leads nowhere" if item.is_symlink() else UNREADABLE)
    if stat.S_ISDIR(found.st_mode):
        return File(path, 0, "link to a folder")
    return File(path, found.st_size, None if stat.S_ISREG(found.st_mode) else "not a file")


def _name(path: str) -> str:
    return path.rpartition("/")[2]
