"""Which document of a folder a picture belongs to, and which names the files go by."""

import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from mdurl import decode

from ravlm.knowledge.sources.folder.document import DOCUMENTS, PICTURES, suffix_of

SIDECAR = ".json"
_NUMBERED = re.compile(r"(.+)[-_]\d{1,4}")
_AROUND_LINKS = re.compile(r"[\"'()<>=\[\]\n?#]|:(?!//)")
_DIGITS = re.compile(r"(\d{1,15})")


def stem_of(path: str) -> str:
    """A file's name without its extension, in Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", PurePosixPath(path).stem)


def ids_of(paths: Iterable[str]) -> dict[str, str]:
    """The id of each file of one folder: its path without extension (NFC).

    Where files would share one, the first has it, and later ones keep their extension: `rose`, `rose.pdf`.
    """
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for path in paths:
        composed = unicodedata.normalize("NFC", path)
        short = composed[: -len(suffix)] if (suffix := PurePosixPath(composed).suffix) else composed
        ids[path] = composed if short in taken else short
        taken.add(ids[path])
    return ids


def by_name(paths: Iterable[str]) -> dict[str, str]:
    """The documents that pictures of one folder belong to by their names: picture -> document.

    `rose.jpg`, `rose-1.jpg` and `rose_2.jpg` belong to `rose.md` (or another document of that name, the first; a
    sidecar `rose.json` where there is none).
    """
    paths = sorted(paths)
    documents: dict[str, str] = {}
    for kinds in (DOCUMENTS, {SIDECAR}):
        for path in paths:
            if suffix_of(path) in kinds:
                documents.setdefault(stem_of(path), path)
    owners: dict[str, str] = {}
    for path in paths:
        if suffix_of(path) in PICTURES:
            stem = stem_of(path)
            numbered = _NUMBERED.fullmatch(stem)
            owner = documents.get(stem) or (documents.get(numbered[1]) if numbered else None)
            if owner is not None:
                owners[path] = owner
    return owners


def in_counting_order(paths: Iterable[str]) -> list[str]:
    """Paths by name, numbers in them by their value: `rose-2.jpg` before `rose-10.jpg`."""
    return sorted(paths, key=lambda path: (_counted(PurePosixPath(path).stem), path))


def _counted(stem: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(stem)]


def beside(document: str, link: str) -> str | None:
    """A link of a document as a path relative to the folder; None where it leads out of it or is absolute."""
    link = link.strip().replace("\\", "/")
    if not link or link.startswith("/") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", link) or "\0" in link:
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(document), link))
    return None if path == ".." or path.startswith("../") else path


def mentioned(document: str, text: str) -> Iterator[str]:
    """The paths of pictures that a document's text seems to name, found without parsing it."""
    for piece in _AROUND_LINKS.split(text):
        if suffix_of(piece.strip()) in PICTURES:
            for link in {piece.strip(), decode(piece.strip(), exclude="")}:
                if path := beside(document, link):
                    yield unicodedata.normalize("NFC", path)
