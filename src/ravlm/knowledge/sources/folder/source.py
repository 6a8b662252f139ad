"""One's own folder as a source of knowledge: documents with their pictures, pictures with their captions."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ravlm.errors import PathError
from ravlm.knowledge.sources.folder import html, pdf
from ravlm.knowledge.sources.folder.apart import LARGEST, Apart
from ravlm.knowledge.sources.folder.document import HTML, PDF, LeftOut, suffix_of
from ravlm.knowledge.sources.folder.listing import listings
from ravlm.knowledge.sources.folder.reading import Reading
from ravlm.knowledge.sources.local_pictures import picture_below
from ravlm.knowledge.sources.part import Part, Place, Source
from ravlm.optional import require
from ravlm.records import Entry
from ravlm.safe.paths import inside

_AT_ONCE = 1000  # entries, or records that were looked at, in a part
_BYTES = 16_000_000  # of files in a part


class FolderSource(Source):
    """The entries of a folder: one a document (`.md .markdown .txt .html .htm .pdf`), one a captioned picture.

    A picture (`.jpg .jpeg .png .webp .gif`) belongs to

    1. every document that links it, wherever both lie in the folder;
    2. the document beside it that has its name, with or without a number: `rose.jpg`, `rose-1.jpg` and `rose_2.jpg`
       to `rose.md` (or `.txt`, `.html`, `.pdf`; else to a sidecar `rose.json`);
    3. its caption in `captions.csv` or `captions.jsonl` of its folder or one above: it is then an entry of its own;
    4. the only document of its folder, unless another document links it: a folder for each thing.

    Ids are paths without extension, `plants/rose`, or the `id` of the front matter. An entry without text is left out
    ("no text"), as is a picture without any ("picture without text"): nothing in it could be read or cited. A picture
    that is missing or lies outside costs the entry this picture only. Everything left out is counted
    by reason, and `Part.read` is what was kept and what was left out. Only hidden files are passed over unsaid.
    """

    kind = "folder"
    expansion = 1.5  # measured with short Markdown files; less with longer ones, about 1 with pictures
    memory = 650_000_000  # measured: 460 MB for 4 MB of Markdown, 175 MB for 4 MB of HTML in the process apart

    def __init__(self, path: Path, name: str | None = None, *, language: str | None = None) -> None:
        """Take the folder in; its files are listed, not read.

        Args:
            path: the folder.
            name: the `source` of its entries; without it, the folder's name.
            language: of texts that don't say their own; without it, `zh` or `en`, as each looks.

        Raises:
            PathError: there is no such folder, or it can't be read.
            MissingExtra: there are HTML or PDF files, and what reads them is not installed.
        """
        self.path = path
        if not path.is_dir():
            found = "a file" if path.exists() else "nothing"
            raise PathError(f"There is no folder {path}: found {found} there. Give the folder with your documents.")
        if not os.access(path, os.R_OK | os.X_OK):
            raise PathError(f"The folder {path} can't be read. Check its permissions.")
        self._root = Path(os.path.realpath(path))
        self._apart = Apart()
        self._language = language
        self.name = name or self._root.name or "folder"
        self.size = 0
        kinds: set[str] = set()
        listed = hashlib.sha256()
        for listing in listings(self._root):
            self.size += sum(file.size for file in listing.files)
            for file in listing.files:
                listed.update(
                    f"{file.path}\n{file.size}\n{_changed(self._root / file.path)}\n".encode(errors="replace")
                )
            kinds.update(suffix_of(file.path) for file in listing.files if file.fault is None)
        if kinds & HTML:
            require("selectolax.lexbor", html.EXTRA)
        if kinds & PDF:
            require("pypdfium2", pdf.EXTRA)
        self._listed = listed.hexdigest()
        if kinds & (HTML | PDF):
            self.memory += LARGEST  # what the process apart may take

    def settings(self) -> dict[str, Any]:
        """The language that was given, if any, and a hash of every file's path, size and time of change."""
        return {"language": self._language, "listed": self._listed}

    def parts(self, after: Place | None = None) -> Iterator[Part]:
        """The folder's entries; a place is [path of the last file, bytes of all files up to it].

        A folder's own files come before those of the folders in it, both by name.
        """
        path, done = after if after is not None else (None, 0)
        reading = Reading(self._root, self.name, self._language, self._apart)
        entries: list[Entry] = []
        skipped: Counter[str] = Counter()
        begun = done
        try:
            for listing in listings(self._root, path):
                for outcome in reading.outcomes(listing):
                    path, done = outcome.file.path, done + outcome.file.size
                    skipped.update(outcome.skipped)
                    if outcome.entry is not None:
                        entries.append(outcome.entry)
                    read = len(entries) + skipped.total()
                    if read >= _AT_ONCE or done - begun >= _BYTES:
                        yield Part(entries, read, done, [path, done], dict(skipped))
                        entries, skipped, begun = [], Counter(), done
            if entries or skipped or done > begun:
                yield Part(entries, len(entries) + skipped.total(), done, [path, done], dict(skipped))
        finally:
            self._apart.close()

    def picture(self, name: str) -> bytes:
        """The bytes of a picture: a file's path relative to the folder, or `a.pdf#page=3&image=1`.

        Raises:
            PathError: it is missing, or lies outside the folder.
            ImageError: its file has more than 100 MB.
        """
        try:
            if within := pdf.picture_within(name):
                return self._apart.picture(inside(self._root, within[0]), *within[1:])
            return picture_below(self._root, name)
        except LeftOut as left_out:
            raise PathError(f"The picture {name!r} can't be read: {left_out}. Build from the folder again.") from None
        except (OSError, RuntimeError, ValueError) as error:
            raise PathError(f"The picture {name!r} can't be read: {error}. Check the folder.") from error


def _changed(path: Path) -> int:
    """When a file was changed, in nanoseconds; 0 where that can't be told."""
    try:
        return path.lstat().st_mtime_ns
    except (OSError, ValueError):
        return 0
