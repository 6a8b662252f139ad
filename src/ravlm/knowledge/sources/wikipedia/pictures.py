"""A folder of Wikipedia's pictures: files by their names there, loose or in the layout of its own servers."""

import hashlib
from pathlib import Path

from ravlm.errors import PathError
from ravlm.safe.headers import SUFFIXES
from ravlm.safe.images import read_image_bytes
from ravlm.safe.paths import inside


class PictureFolder:
    """Finds `Ant worker.jpg` as `Ant worker.jpg`, `Ant_worker.jpg` or `8/8b/Ant_worker.jpg` (by the name's MD5).

    Of drawings and scans that aren't decoded here (SVG, TIFF), the PNG that Wikipedia makes of them is taken: the name
    with `.png` after it.
    """

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is looked at when a picture is asked for."""
        self._folder = folder

    def find(self, name: str) -> Path | None:
        """The file of a picture; None where there is none, or the name leads out of the folder."""
        underscored = name.replace(" ", "_")
        digest = hashlib.md5(underscored.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
        hashed = f"{digest[0]}/{digest[:2]}/{underscored}"
        end = "" if name.lower().endswith(SUFFIXES) else ".png"
        for candidate in (name.replace("_", " "), underscored, hashed):
            try:
                path = inside(self._folder, candidate + end)
                if path.is_file():
                    return path
            except (PathError, OSError, ValueError):
                continue
        return None

    def read(self, name: str) -> bytes:
        """The bytes of a picture.

        Raises:
            PathError: there is none of this name in the folder, or it can't be read.
            ImageError: it has more than 100 MB.
        """
        path = self.find(name)
        if path is None:
            raise PathError(
                f"There is no picture {name!r} in {self._folder}: looked for it with spaces, with underscores and in "
                "the folders of its MD5 (a/ab/). Give the folder that the pictures were downloaded to."
            )
        return read_image_bytes(path)
