"""The one door through which files are written: a temporary file, flushed to the disk, then renamed. Lines are read."""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ravlm.errors import FormatError, PathError


def write_bytes_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path`: whoever looks finds the old file or the whole new one, also after a crash.

    Raises:
        PathError: the folder is missing or can't be written, or a folder is in the way.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _beside(path)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _flush_folder(path.parent)
    except OSError as error:
        raise PathError(
            f"{path} can't be written: {error.strerror}. Check the folder, its space and rights."
        ) from error


def write_text_atomic(path: Path, text: str) -> None:
    """Write `text` as UTF-8; see `write_bytes_atomic`."""
    write_bytes_atomic(path, text.encode())


def replace_folder_atomic(temporary: Path, destination: Path) -> None:
    """Let a folder that was written beside its place take that place, in one step.

    `destination` may be missing or an empty folder; a folder that holds something is never replaced.

    Raises:
        PathError: something is in the way, or the disk refuses.
    """
    for folder, _, names in os.walk(temporary):
        for name in names:
            _flush_file(Path(folder) / name)
        _flush_folder(Path(folder))
    try:
        if destination.is_dir():
            destination.rmdir()
        temporary.rename(destination)
        _flush_folder(destination.parent)
    except OSError as error:
        raise PathError(f"{destination} can't be written: {error.strerror}. Give a new or an empty folder.") from error


def check_free(destination: Path) -> None:
    """Refuse a destination that holds something.

    Raises:
        PathError: there is a file, or a folder that is not empty.
    """
    if destination.is_symlink() or (destination.exists() and not destination.is_dir()):
        raise PathError(f"{destination} is in the way: it is not a folder. Give the path of a new folder.")
    if destination.is_dir() and any(destination.iterdir()):
        raise PathError(f"The folder {destination} already holds something. Give a new or an empty folder.")


def check_folder(destination: Path) -> None:
    """Refuse a folder's path that holds something or can't be written, before the work whose outcome it is to hold.

    Raises:
        PathError: it does, or can't.
    """
    remove_folder(temporary_folder(destination))


def check_writable(path: Path) -> None:
    """Refuse a file's path that can't be written, before the work whose outcome it is to hold.

    Raises:
        PathError: a folder is in the way, or what should be its folder is a file.
    """
    if path.is_dir():
        raise PathError(f"{path} is in the way: it is a folder. Give the path of a file.")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise PathError(f"{path} can't be written: {above} is not a folder. Give another path.")


def check_new(path: Path) -> None:
    """Refuse a file's path where there is something, or that can't be written.

    Raises:
        PathError: there is.
    """
    check_writable(path)
    if path.exists() or path.is_symlink():
        raise PathError(f"{path} is there already. Give another name, or delete it first.")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """The path of a file beside `path`, to be written; it takes that name when the block ends, and goes if it fails.

    Raises:
        PathError: there is something at `path` already, or the folder can't be written.
    """
    check_new(path)
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise PathError(f"{path} can't be written: {error.strerror}. Give another folder.") from error
    try:
        yield temporary
        _flush_file(temporary)
        check_new(path)
        temporary.replace(path)
        _flush_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_folder(destination: Path) -> Path:
    """A new empty folder beside `destination`, to be filled and renamed by `replace_folder_atomic`.

    Raises:
        PathError: `destination` holds something, or the folder above it can't be written.
    """
    destination = destination.absolute()
    check_free(destination)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        temporary = _beside(destination)
        temporary.mkdir()
    except OSError as error:
        raise PathError(f"{destination} can't be written: {error.strerror}. Give another folder.") from error
    return temporary


class Lock:
    """A file that one process at a time holds; it is let go of when the process ends, however it ends."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self._path = path
        self._file = file

    def release(self) -> None:
        """Remove the file and give it back, in this order: whoever waits for it looks whether it is still there."""
        if not self._file.closed:
            self._path.unlink(missing_ok=True)
            self._file.close()


def lock(path: Path) -> Lock:
    """Take the lock at `path`.

    Raises:
        PathError: another process holds it, or the folder can't be written.
    """
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("w")
        except OSError as error:
            raise PathError(f"{path} can't be written: {error.strerror}. Give another folder.") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise PathError(
                f"Another process is at work here: it holds {path}. Wait until it is done, or stop it."
            ) from error
        if path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino:
            return Lock(path, file)
        file.close()  # another process has given it back and removed it just now


def remove_folder(folder: Path) -> None:
    """Remove a folder with everything in it; one that is not there is fine."""
    shutil.rmtree(folder, ignore_errors=True)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, a byte order mark left out.

    Raises:
        PathError: there is no such file, or it can't be read.
        FormatError: it is not UTF-8.
    """
    _check_file(path)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not text in UTF-8 (byte {error.start:,}). Save it as UTF-8.") from error
    except OSError as error:
        raise PathError(f"{path} can't be read: {error.strerror}. Check its permissions.") from error


def read_jsonl(path: Path) -> Iterator[tuple[int, Any]]:
    """The lines of a JSON Lines file with their numbers from 1; empty lines are passed over.

    Raises:
        PathError: there is no such file.
        FormatError: a line is not JSON, or the file is not UTF-8.
    """
    for number, line in read_lines(path):
        try:
            yield number, json.loads(line)
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise FormatError(
                f"{path}, line {number}: expected a line of JSON, found {line[:80]!r} ({error})."
            ) from error


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file as bytes with their numbers from 1; empty lines are passed over.

    Raises:
        PathError: there is no such file, or it can't be read.
    """
    _check_file(path)
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise PathError(f"{path} can't be read: {error.strerror}. Check its permissions.") from error


def _check_file(path: Path) -> None:
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise PathError(f"There is no file {path}: found {found} there. Check the path.")


def _beside(path: Path) -> Path:
    """A name in the same folder that nobody else uses, hidden and ending in `.part`."""
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.part")


def _flush_file(path: Path) -> None:
    if path.is_symlink():
        return
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
