"""The pictures of a folder, as its documents name them, found without leaving the folder.

Whether a picture can be decoded is checked when it is put into a base.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ravlm.errors import PathError
from ravlm.knowledge.sources.folder.belonging import beside, mentioned
from ravlm.knowledge.sources.folder.document import HTML, LARGEST_TEXT, MARKDOWN, LeftOut, decode_text, read_bytes
from ravlm.knowledge.sources.folder.document import suffix_of as suffix
from ravlm.knowledge.sources.folder.listing import listings
from ravlm.safe.images import MOST_BYTES
from ravlm.safe.paths import inside

MISSING = "picture missing"
OUTSIDE = "picture outside the folder"
TOO_LARGE = f"picture over {MOST_BYTES // 1_000_000} MB"


class Pictures:
    """The pictures below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._mentioned: frozenset[str] | None = None

    def linked(self, document: str, links: Iterable[str], skipped: Counter[str]) -> list[str]:
        """The paths of the files that a document links; links that name none are counted in `skipped`."""
        return self._there((self._path(document, link) for link in links), skipped)

    def _there(self, paths: Iterable[str], skipped: Counter[str]) -> list[str]:
        kept: list[str] = []
        for path in dict.fromkeys(paths):
            if (reason := _fault(self._root, path)) is None:
                kept.append(path)
            else:
                skipped[reason] += 1
        return kept

    def path_of(self, document: str, link: str) -> str | None:
        """The path of the file that a document's link names; None where there is none within the folder."""
        path = self._path(document, link)
        return path if path and _is_file(self._root, path) else None

    def is_mentioned(self, path: str) -> bool:
        """Whether a Markdown or HTML file somewhere in the folder names the picture: then it belongs there.

        The first call looks through all these files for names of pictures, without parsing them.
        """
        if self._mentioned is None:
            self._mentioned = frozenset(
                name
                for listing in listings(self._root)
                for file in listing.files
                if file.fault is None and suffix(file.path) in MARKDOWN | HTML
                for name in mentioned(file.path, _loosely(self._root / file.path))
            )
        return unicodedata.normalize("NFC", path) in self._mentioned

    def _path(self, document: str, link: str) -> str:
        """The path that a link names: as it stands, else without what follows `?` or `#`, in either Unicode form."""
        bare = link.split("?")[0].split("#")[0]
        forms = (link, bare, *(unicodedata.normalize(form, bare) for form in ("NFC", "NFD")))
        paths = [path for form in dict.fromkeys(forms) if (path := beside(document, form)) is not None]
        return next((path for path in paths if _is_file(self._root, path)), paths[0] if paths else "")


def _fault(root: Path, path: str) -> str | None:
    """Why a picture is not kept."""
    try:
        file = inside(root, path)
        size = file.stat().st_size if file.is_file() else None
    except PathError:
        return OUTSIDE
    except (OSError, RuntimeError, ValueError):  # a name that is too long; a link to itself, before Python 3.13
        return MISSING
    if size is None:
        return MISSING
    return TOO_LARGE if size > MOST_BYTES else None


def _is_file(root: Path, path: str) -> bool:
    try:
        return inside(root, path).is_file()
    except (PathError, OSError, RuntimeError, ValueError):
        return False


def _loosely(path: Path) -> str:
    try:
        data = read_bytes(path, LARGEST_TEXT)
        return decode_text(data) if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else data.decode("utf-8", "replace")
    except LeftOut:
        return ""
