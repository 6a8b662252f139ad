"""Pictures as files below a folder. Those that a source names by URL are never fetched, but found if downloaded."""

import re
from collections.abc import Iterable
from pathlib import Path

from ravlm.errors import PathError
from ravlm.safe.images import read_image_bytes
from ravlm.safe.paths import inside

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


def picture_below(folder: Path, name: str) -> bytes:
    """The bytes of a picture's file, whatever the name says.

    Raises:
        PathError: it is missing, or lies outside the folder.
        ImageError: it is too large.
    """
    try:
        return read_image_bytes(inside(folder, name))
    except (OSError, RuntimeError) as error:  # a name too long for the disk, a link to itself
        raise PathError(f"There is no picture {name[:200]!r} in {folder}. Check the name.") from error


class LocalPictures:
    """A folder of downloaded pictures, or none: then nothing is found."""

    def __init__(self, folder: Path | None) -> None:
        if folder is not None and not folder.is_dir():
            raise PathError(f"There is no folder {folder}. Give the folder that holds the downloaded pictures.")
        self.folder = folder.absolute() if folder else None

    def found(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that are files in the folder, each once. Names that lead out of it are none."""
        if self.folder is None:
            return ()
        return tuple(name for name in dict.fromkeys(names) if self._is_there(self.folder, name))

    def read(self, name: str) -> bytes:
        """The bytes of a picture.

        Raises:
            PathError: it is missing, or lies outside the folder, or no folder was given.
            ImageError: it is too large.
        """
        if self.folder is None:
            raise PathError(f"The picture {name!r} was asked for, but no folder of pictures was given.")
        return picture_below(self.folder, name)

    @staticmethod
    def _is_there(folder: Path, name: str) -> bool:
        try:
            return inside(folder, name).is_file()
        except (PathError, OSError, RuntimeError):  # outside; too long for the disk; a link to itself
            return False


def file_names(url: str) -> list[str]:
    """What a file from this URL may be called: the last part of its path, as it is and with `%` escapes undone.

    >>> file_names("https://upload.wikimedia.org/a/ab/Caf%C3%A9.jpg?width=300")
    ['Caf%C3%A9.jpg', 'Café.jpg']
    """
    last = re.split(r"[?#]", url, maxsplit=1)[0].rpartition("/")[2]
    names = dict.fromkeys([last, unescaped(last)])
    return [name for name in names if name and "/" not in name]


def unescaped(text: str) -> str:
    """The text with `%` escapes undone (RFC 3986); bytes that are no UTF-8 become U+FFFD.

    >>> unescaped("Caf%C3%A9_(100%)")
    'Café_(100%)'
    """
    if "%" not in text:
        return text
    return _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode("utf-8", "replace")).decode(
        errors="replace"
    )
