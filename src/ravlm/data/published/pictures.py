"""Finding the pictures that lines name, at once and without decoding: which are there, which are missing, for whom."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ravlm.data.published.content import OtherNames
from ravlm.data.published.source import SourceFolder
from ravlm.errors import DatasetError

Pictures = Literal["all", "there", "none"]
"""Which questions are kept: all, and a missing picture is refused; those with pictures; all, and none is looked for."""

PICTURES: tuple[Pictures, ...] = ("all", "there", "none")
FOLDER = "images"
_LISTED = 20  # missing pictures that an error names


class FoundPictures:
    """What is known of the pictures that lines have named so far."""

    def __init__(self, source: SourceFolder, other_names: OtherNames, kept: Pictures) -> None:
        self.links: dict[str, Path] = {}
        self.missing: Counter[str] = Counter()
        self._source = source
        self._other_names = other_names
        self._kept = kept
        self._known: dict[str, str | None] = {}

    def place(self, path: str) -> str | None:
        """Where a picture lies in the dataset, None where its file is missing.

        Where no picture is looked for, it is the place that the picture would have.
        """
        if path not in self._known:
            self._known[path] = self._find(path)
        return self._known[path]

    def question(self, images: Sequence[str]) -> list[str] | None:
        """The places of a question's pictures; None where one is missing, which is counted."""
        places = [(path, self.place(path)) for path in images]
        lost = [path for path, place in places if place is None]
        self.missing.update(lost)
        return None if lost else [place for _, place in places if place is not None]

    def of(self, images: Sequence[str]) -> list[str]:
        """The places of an article's pictures that are there: the others are left out."""
        if self._kept == "none":
            return []
        return [place for place in map(self.place, images) if place is not None]

    def refuse(self, folder: Path, questions: int, of: int, hint: str = "") -> None:
        """Refuse missing pictures.

        Args:
            folder: the source, for the error.
            questions: that show them.
            of: questions in all.
            hint: what else may help.

        Raises:
            DatasetError: some are missing.
        """
        if not self.missing:
            return
        few = [f"{path} ({count:,} questions)" for path, count in self.missing.most_common(_LISTED)]
        more = len(self.missing) - len(few)
        shown = sum(place is not None for place in self._known.values())
        raise DatasetError(
            f"{folder} lacks {len(self.missing):,} of the pictures that are named ({shown:,} are there), which takes "
            f"away {questions:,} of {of:,} questions. {hint}Unpack them below {folder}, or give their folder with "
            "--images; or keep the questions whose pictures are there, as a declared subset (--pictures there), or the "
            "text alone (--pictures none). Missing:",
            [*few, *([f"... and {more:,} more"] if more else [])],
        )

    def _find(self, path: str) -> str | None:
        whole = "." in path.rpartition("/")[2]  # else the name tells no format
        if self._kept == "none":
            return f"{FOLDER}/{path}" if whole else f"{FOLDER}/{path}.jpg"
        found = self._source.picture(path, self._other_names(path))
        if found is None:
            return None
        target = f"{FOLDER}/{path}" if whole else f"{FOLDER}/{path}{found.suffix.lower()}"
        self.links[target] = found
        return target
