"""The vectors of an index: float32, row by row, in one memory-mapped file for each time that some were added."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ravlm.errors import PathError

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]
MOST_PARTS = 8
"""Files beside the first; when there are more, they become one."""
_BLOCK = 65_536  # rows that are read at once


class Vectors:
    """Vectors [n, d] in parts, each an array [rows, d] that lies in a file, or in memory until it is saved."""

    def __init__(self, width: int, parts: Sequence[Floats] = ()) -> None:
        self.width = width
        self.parts = list(parts) or [np.zeros((0, width), np.float32)]

    @classmethod
    def of(cls, chunks: Iterable[Floats], width: int) -> "Vectors":
        """Vectors that come in chunks, as one part in a temporary file: they need not fit into memory.

        Raises:
            PathError: the folder for temporary files has no room for them.
        """
        try:
            with tempfile.TemporaryFile() as file:
                for chunk in chunks:
                    file.write(np.ascontiguousarray(chunk, dtype="<f4").data)
                file.flush()
                return cls(width, [_mapped(file, width)])
        except OSError as error:
            raise PathError(
                f"Vectors can't be kept in {tempfile.gettempdir()} while an index is made: {error.strerror}. Make room "
                "there, or name another folder in TMPDIR."
            ) from error

    @classmethod
    def open(cls, paths: Iterable[Path], width: int) -> "Vectors":
        """Vectors in files that `writer` wrote."""
        parts = []
        for path in paths:
            with path.open("rb") as file:
                parts.append(_mapped(file, width))
        return cls(width, parts)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def append(self, vectors: Floats) -> set[int]:
        """Put vectors after the last; returns the numbers of the parts that are new or others by that."""
        self.parts.append(np.ascontiguousarray(vectors, dtype=np.float32))
        if len(self.parts) > 1 + MOST_PARTS:
            self.parts[1:] = [np.concatenate(self.parts[1:])]
        return {len(self.parts) - 1}

    def starts(self, first: int = 0) -> Iterator[tuple[int, Floats]]:
        """Each part from the one with the number `first`, with the place of its first row; no empty one."""
        start = 0
        for number, part in enumerate(self.parts):
            if number >= first and len(part):
                yield start, part
            start += len(part)

    def take(self, rows: Places) -> Floats:
        """The vectors [m, d] of some rows."""
        if len(self.parts) == 1:
            return self.parts[0][rows]
        taken = np.empty((len(rows), self.width), np.float32)
        for start, part in self.starts():
            here = (rows >= start) & (rows < start + len(part))
            taken[here] = part[rows[here] - start]
        return taken

    def blocks(self, rows: Places) -> Iterator[Floats]:
        """The vectors of some rows, some thousand at once."""
        for at in range(0, len(rows), _BLOCK):
            yield self.take(rows[at : at + _BLOCK])

    def writer(self, number: int) -> Callable[[Path], None]:
        """Writes a part to a path, and from then on reads it there."""

        def write(path: Path) -> None:
            with path.open("wb") as file:
                self.parts[number].astype("<f4", copy=False).tofile(file)
            with path.open("rb") as file:
                self.parts[number] = _mapped(file, self.width)

        return write


def _mapped(file: BinaryIO, width: int) -> Floats:
    rows = file.seek(0, 2) // (4 * width)
    if not rows:
        return np.zeros((0, width), np.float32)
    return np.asarray(np.memmap(file, dtype="<f4", mode="r", shape=(rows, width)))
