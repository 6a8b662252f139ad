"""Passages that were added together, as the codes of their tokens: in memory, or in files that are mapped into it."""

import mmap
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from safetensors.numpy import load_file, save_file

from ravlm.retrieval.late.codes import Codebook
from ravlm.retrieval.late.maxsim import Codes, Floats, Marks, Places

Role = Literal["marks", "lead", "rest"]
ROLES: tuple[Role, ...] = ("marks", "lead", "rest")
"""The files of a segment: `marks` holds all that is no code."""
_BLOCK = 8_192  # vectors that are coded at once


@dataclass
class Segment:
    """Passages by their tokens: those of passage i are from starts[i] up to starts[i + 1], `starts` [r + 1].

    The other arrays are as in `Coded`. None may be written to.
    """

    starts: Places
    nearest: Marks
    scales: Floats
    lead: Codes
    rest: Codes

    def __post_init__(self) -> None:
        for field in fields(self):
            getattr(self, field.name).flags.writeable = False  # one type of array: the loops are compiled once

    @classmethod
    def of(cls, passages: Iterable[Floats], codebook: Codebook) -> "Segment":
        """The codes of passages [n, d] each, taken as they come; they lie in temporary files, not in memory."""
        lengths: list[int] = []
        nearest: list[Marks] = []
        scales: list[Floats] = []
        none = codebook.encode(np.zeros((0, codebook.width), np.float32))
        with tempfile.TemporaryFile() as lead, tempfile.TemporaryFile() as rest:
            for block in _blocks(passages):
                lengths += map(len, block)
                coded = codebook.encode(np.concatenate(block))
                nearest.append(coded.nearest)
                scales.append(coded.scales)
                lead.write(coded.lead.tobytes())
                rest.write(coded.rest.tobytes())
            return cls(
                np.cumsum([0, *lengths]),
                np.concatenate([none.nearest, *nearest]),
                np.concatenate([none.scales, *scales]),
                _mapped(lead, none.lead.shape[1]),
                _mapped(rest, none.rest.shape[1]),
            )

    @classmethod
    def joined(cls, segments: Sequence["Segment"]) -> "Segment":
        """The passages of several, one after the other, in memory."""
        lengths = np.concatenate([np.diff(segment.starts) for segment in segments])
        others = (np.concatenate([getattr(s, field.name) for s in segments]) for field in fields(cls)[1:])
        return cls(np.cumsum(np.append(0, lengths)), *others)

    @classmethod
    def read(cls, paths: dict[Role, Path], codebook: Codebook) -> "Segment":
        """What `writer` wrote, the codes mapped into memory."""
        none = codebook.encode(np.zeros((0, codebook.width), np.float32))
        with paths["lead"].open("rb") as lead, paths["rest"].open("rb") as rest:
            codes = _mapped(lead, none.lead.shape[1]), _mapped(rest, none.rest.shape[1])
        marks = load_file(paths["marks"])
        return cls(marks["starts"], marks["nearest"], marks["scales"], *codes)

    @property
    def passages(self) -> int:
        """How many there are."""
        return len(self.starts) - 1

    @property
    def tokens(self) -> int:
        """How many vectors there are."""
        return len(self.nearest)

    def let_go(self) -> None:
        """Give back the memory that reading the codes of other numbers took; the system's cache may keep them.

        A query reads few of them, so as many would come to lie in memory as there are, and none be read often.
        """
        base: Any = self.rest
        while isinstance(base, np.ndarray):
            base = base.base
        if isinstance(base, mmap.mmap):
            base.madvise(mmap.MADV_DONTNEED)

    def writer(self, role: Role) -> Callable[[Path], None]:
        """Writes one of the files to a path; codes are mapped from there from then on."""

        def write(path: Path) -> None:
            if role == "marks":
                save_file({"starts": self.starts, "nearest": self.nearest, "scales": self.scales}, path)
                return
            codes: Codes = getattr(self, role)
            with path.open("wb") as file:
                codes.tofile(file)
            with path.open("rb") as file:
                setattr(self, role, _mapped(file, codes.shape[1]))

        return write


def _blocks(passages: Iterable[Floats]) -> Iterator[list[Floats]]:
    """Passages by some thousand vectors; never an empty list."""
    block: list[Floats] = []
    vectors = 0
    for tokens in passages:
        block.append(tokens)
        vectors += len(tokens)
        if vectors >= _BLOCK:
            yield block
            block, vectors = [], 0
    if block:
        yield block


def _mapped(file: BinaryIO, width: int) -> Codes:
    """The bytes of a file [n, width]."""
    file.flush()
    size = file.seek(0, 2)
    if not size:
        return np.zeros((0, width), np.uint8)
    return np.asarray(np.memmap(file, np.uint8, mode="r", shape=(size // width, width)))
