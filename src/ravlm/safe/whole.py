"""A large file that is written as its content comes, and appears when it is whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ravlm.errors import PathError
from ravlm.safe.files import _beside, _flush_file, _flush_folder, check_writable


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


def check_new(path: Path) -> None:
    """Refuse a file's path where there is something, or that can't be written.

    Raises:
        PathError: there is.
    """
    check_writable(path)
    if path.exists() or path.is_symlink():
        raise PathError(f"{path} is there already. Give another name, or delete it first.")
