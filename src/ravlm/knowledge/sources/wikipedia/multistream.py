"""A bzip2 file of many streams, read from the middle: how the parts of a dump are read side by side.

Wikimedia's multistream dumps hold a hundred pages a stream; `pbzip2` and `lbzip2` write a stream for every 900 kB,
wherever pages end. Both are read: a range of streams owns the pages that begin in it, and reads on for the end of its
last one. Where streams begin is guessed by their first bytes and known by where the stream before it ends, so the same
bytes by chance within a stream do no harm.
"""

import bz2
import re
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from ravlm.knowledge.sources.wikipedia.dump import PageCutter

RANGE = 1 << 20  # compressed bytes
_PIECE = 1 << 16
_MOST_AT_ONCE = 1 << 22  # decompressed bytes
_MAGIC = re.compile(rb"BZh[1-9]1AY&SY")  # ends with the number pi, 0x314159265359, that begins every block
_MAGIC_SIZE = 10


def is_multistream(path: Path) -> bool:
    """Whether the file's first stream is short and another one follows it."""
    with path.open("rb") as file:
        start = file.read(RANGE + _MAGIC_SIZE)
    decompressor = bz2.BZ2Decompressor()
    try:
        data = start[:RANGE]
        while not decompressor.eof and (data or not decompressor.needs_input):
            decompressor.decompress(data, _MOST_AT_ONCE)
            data = b""
    except OSError:
        return False
    return decompressor.eof and _MAGIC.match(decompressor.unused_data) is not None


def ranges(path: Path, start: int) -> Iterator[tuple[int, int]]:
    """Ranges of about `RANGE` bytes from the stream at `start` to the end of the file.

    Each ends where a stream may begin: the first such place after a multiple of `RANGE`, wherever `start` is.
    """
    size = path.stat().st_size
    while start < size:
        end = _next_stream(path, (start // RANGE + 1) * RANGE, size)
        yield start, end
        start = end


class Streams:
    """The content of a file's streams from one of them on."""

    def __init__(self, path: Path, start: int) -> None:
        self._path = path
        self._start = start
        self.ended = start
        """Where the last whole stream ends, in the file."""
        self.fault: str | None = None
        """Why reading stopped before the end of the file."""

    def pieces(self) -> Iterator[tuple[bytes, bool]]:
        """(decompressed bytes, False) and, after each stream, (b"", True)."""
        decompressor = bz2.BZ2Decompressor()
        with self._path.open("rb") as file:
            file.seek(self._start)
            data = file.read(_PIECE)
            read = self._start + len(data)
            while data or not decompressor.needs_input:
                try:
                    piece = decompressor.decompress(data, _MOST_AT_ONCE)
                except OSError:
                    self.fault = f"it is damaged after byte {self.ended:,}"
                    return
                data = b""
                if piece:
                    yield piece, False
                if decompressor.eof:
                    data = decompressor.unused_data
                    decompressor = bz2.BZ2Decompressor()
                    self.ended = read - len(data)
                    yield b"", True
                if not data and decompressor.needs_input:
                    data = file.read(_PIECE)
                    read += len(data)
            if self.ended != read:
                self.fault = f"it is cut off: the stream at byte {self.ended:,} has no end"


def pages_of_range(path: Path, start: int, end: int, cutter: PageCutter, streams: Streams) -> Iterator[bytes | str]:
    """The pages that begin in the streams from `start` to `end`, the last one whole.

    Where no stream ends at `end`, reading goes on to the first one after it that does: `streams.ended` says where.
    """
    at: int | None = None
    for piece, ended in streams.pieces():
        if piece:
            yield from cutter.feed(piece)
        if ended and at is None and streams.ended >= end:
            at = streams.ended
            cutter.finish()
        if at is not None and not cutter.open:
            break
    if at is not None:
        streams.ended = at


class Stopped(Protocol):
    """What was made of a range, or of the last part of it."""

    stop: int
    """Where its last stream ends, in the file."""


_Made = TypeVar("_Made", bound=Stopped)


def walk(
    path: Path, start: int, give: Callable[[int, int], Callable[[], Iterator[_Made]]], ahead: int
) -> Iterator[tuple[int, _Made]]:
    """(where the range begins, what was made of it), in the order of the file, `ahead` ranges given at a time.

    A range that turns out to begin within a stream is left out, since the range before has read on over it.
    """
    borders = ranges(path, start)
    pending: deque[tuple[int, int, Callable[[], Iterator[_Made]]]] = deque()
    position = start
    while True:
        pending.extend((*border, give(*border)) for border in islice(borders, ahead - len(pending)))
        if not pending:
            return
        begin, end, results = pending.popleft()
        if end <= position:
            continue
        if begin < position:
            begin, results = position, give(position, end)
        for made in results():
            yield begin, made
            position = made.stop


def _next_stream(path: Path, at: int, size: int) -> int:
    """The first place from `at` on where a stream may begin; the size of the file if there is none."""
    with path.open("rb") as file:
        file.seek(at)
        rest = b""
        while data := file.read(_PIECE):
            window = rest + data
            if found := _MAGIC.search(window):
                return at - len(rest) + found.start()
            at += len(data)
            rest = window[-_MAGIC_SIZE + 1 :]
    return size
