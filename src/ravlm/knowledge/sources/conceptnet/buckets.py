"""Records grouped by concept in bounded memory: spread over files by the concept's checksum, then sorted file by file.

The folder holds `0000.tsv`, `0001.tsv`, ... and, when all of them are whole, `buckets.json`: what they were made from,
their sizes, and what was counted. Without it, or with other sizes, the files are worth nothing and are made anew.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path
from typing import Any
from zlib import crc32

from ravlm.errors import PathError
from ravlm.safe.files import write_text_atomic

_MARK = "buckets.json"
_BUCKET = 2_000_000  # bytes: what sorts fast, since it stays in the processor's cache
_MOST_BUCKETS = 1024
_KEPT = 0.35  # of a line's bytes are in its record
INFLATED = 14  # how much larger a compressed file is decompressed
_AT_ONCE = 64_000_000  # bytes of a bucket that are held


def bucket_count(size: int, compressed: bool) -> int:
    """How many buckets a file of that many bytes is spread over."""
    return min(_MOST_BUCKETS, max(1, int(size * (INFLATED if compressed else 1) * _KEPT / _BUCKET)))


@dataclass(frozen=True, slots=True)
class Spread:
    """What the finished first pass says of itself."""

    sizes: tuple[int, ...]
    read: int
    skipped: Mapping[str, int]


class Buckets:
    """The bucket files of a folder that nothing else lies in.

    `made_from` is JSON that says of which file and by which settings they are made.
    """

    def __init__(self, folder: Path, count: int, made_from: Mapping[str, Any]) -> None:
        self.count = count
        self._folder = folder
        self._made_from = {**made_from, "buckets": count}
        self.waiting: list[list[bytes]] = [[] for _ in range(count)]

    def finished(self) -> Spread | None:
        """The first pass's outcome, where it is whole and of the same file and settings."""
        try:
            mark = json.loads((self._folder / _MARK).read_bytes())
            spread = Spread(tuple(mark["sizes"]), mark["read"], mark["skipped"])
            sizes = tuple(self._path(i).stat().st_size for i in range(self.count))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return spread if mark.get("made_from") == self._made_from and spread.sizes == sizes else None

    def start(self) -> None:
        """Empty buckets, whatever lay there."""
        with _writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / _MARK).unlink(missing_ok=True)
            for old in self._folder.glob("[0-9][0-9][0-9][0-9].tsv"):
                old.unlink()
            for i in range(self.count):
                self._path(i).touch()

    def flush(self) -> None:
        """Write what waits to its files."""
        with _writing(self._folder):
            for i, records in enumerate(self.waiting):
                if records:
                    with self._path(i).open("ab") as file:
                        file.write(b"\n".join(records) + b"\n")
                    records.clear()

    def finish(self, read: int, skipped: Mapping[str, int]) -> Spread:
        """Write the rest, and then the mark that says so."""
        self.flush()
        sizes = []
        with _writing(self._folder):
            for i in range(self.count):
                with self._path(i).open("rb") as file:
                    os.fsync(file.fileno())
                    sizes.append(file.seek(0, os.SEEK_END))
        spread = Spread(tuple(sizes), read, dict(skipped))
        mark = {"made_from": self._made_from, "sizes": sizes, "read": read, "skipped": spread.skipped}
        write_text_atomic(self._folder / _MARK, json.dumps(mark))
        return spread

    def sorted(self, bucket: int, most: int, dropped: Counter[str]) -> Iterator[list[bytes]]:
        """The records of a bucket, sorted: one list, or several with different concepts where it is very large.

        Of a concept with more than `most` records about the strongest are kept where not all of them can be held;
        `dropped` counts the others.
        """
        path = self._path(bucket)
        try:
            size = path.stat().st_size
            if size <= _AT_ONCE:
                records = path.read_bytes().split(b"\n")
                records.pop()
                records.sort()
                yield records
                return
            rounds = -(-size // _AT_ONCE)
            for turn in range(rounds):
                yield self._round(path, turn, rounds, most, dropped)
        except OSError as error:
            raise PathError(f"{path} can't be read: {error.strerror}. Start the build again.") from error

    def _round(self, path: Path, turn: int, rounds: int, most: int, dropped: Counter[str]) -> list[bytes]:
        held: dict[bytes, list[bytes]] = {}
        with path.open("rb") as file:
            for line in file:
                concept = line.partition(b"\t")[0]
                if crc32(concept) // self.count % rounds != turn:
                    continue
                records = held.setdefault(concept, [])
                records.append(line[:-1])
                if len(records) >= 2 * most:
                    records[:] = strongest(records, most)
                    dropped[beyond(most)] += most
        return sorted(record for records in held.values() for record in records)

    def _path(self, bucket: int) -> Path:
        return self._folder / f"{bucket:04}.tsv"


def strongest(records: list[bytes], most: int) -> list[bytes]:
    """The `most` records with the largest weights; which ones does not depend on their order."""
    return nsmallest(most, records, key=lambda record: (record.split(b"\t", 3)[2], record))


def beyond(most: int) -> str:
    """The reason for which a concept's weakest edges are left out."""
    return f"beyond the {most:,} strongest of a concept"


class _writing:  # noqa: N801  (reads as a verb)
    """Says of an error while writing which folder it was; outside it, it would be taken for one of the source."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise PathError(
                f"{self._folder} can't be written: {error.strerror}. Check its space and rights: "
                "the edges of all of ConceptNet 5.7 take about 4 GB there while a base is built."
            ) from error
