"""A bounded file is opened once in each process, also after a fork."""

import os
import threading
from functools import cache
from pathlib import Path
from weakref import WeakValueDictionary

from ravlm.encoders.features.bounded import FILE, LOCK, BoundedFile
from ravlm.errors import ConfigError, PathError

SMALLEST = 10**6  # bytes: below it, the file's own pages are most of what there is
_opened: WeakValueDictionary[str, BoundedFile] = WeakValueDictionary()
_opening = threading.Lock()


def opened(folder: Path, limit: int) -> BoundedFile:
    """The file in a folder, made where there is none. A process opens it once: the last limit given holds.

    Raises:
        ConfigError: the limit is below the smallest.
        PathError: the folder holds something else, or can't be written.
        FormatError: its file is damaged, or of another format.
    """
    if limit < SMALLEST:
        raise ConfigError(f"The limit of the cache is {limit:,} bytes. Give at least {SMALLEST:,}.")
    _watch_forks()
    with _opening:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            others = sorted({path.name for path in folder.iterdir()} - {FILE, LOCK})
        except OSError as error:
            raise PathError(f"The cache {folder} can't be made: {error.strerror}. Give another folder.") from error
        if others:
            raise PathError(
                f"{folder} holds something else ({others[0]}). Give a new folder for the cache, or its own."
            )
        place = str(folder.resolve())
        file = _opened.get(place)
        if file is None:
            file = _opened[place] = BoundedFile(folder, limit)
        else:
            file.bound(limit)
        return file


@cache
def _watch_forks() -> None:
    """LMDB's files must not be used across a fork: none happens amid a transaction, and the child opens them anew."""
    held: list[BoundedFile] = []

    def before() -> None:
        _opening.acquire()
        held.extend(_opened.values())
        for file in held:
            file.lock.acquire()

    def after() -> None:
        for file in held:
            file.lock.release()
        held.clear()
        _opening.release()

    def in_child() -> None:
        for file in held:
            file.forget()
        _opened.clear()
        after()

    os.register_at_fork(before=before, after_in_parent=after, after_in_child=in_child)
