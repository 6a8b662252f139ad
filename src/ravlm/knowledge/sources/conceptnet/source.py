"""ConceptNet as a source: the assertions file in two passes, edges into buckets and buckets into entries.

The file is sorted by relation, so the edges of one concept lie far apart. The first pass spreads what entries need of
each edge over bucket files (about a third of the file's size decompressed), the second reads bucket after bucket. The
order of entries is by bucket, then by id. How far each pass is counts for half of `size`.
"""

import gc
import math
from collections import Counter
from collections.abc import Collection, Generator, Iterator
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

from ravlm.errors import FormatError, KnowledgeError, PathError
from ravlm.knowledge.sources.conceptnet.buckets import INFLATED, Buckets, Spread, bucket_count
from ravlm.knowledge.sources.conceptnet.edges import TOO_LONG, EdgeReader, line_lists
from ravlm.knowledge.sources.conceptnet.entries import entries_of
from ravlm.knowledge.sources.part import Part, Place, Source
from ravlm.records import Entry
from ravlm.safe.streams import open_stream

_ENTRIES = 500  # in a part; twice as many take a sixth longer, since they no longer fit the processor's cache
_LISTS = 32  # of lines, about a megabyte each, in a part of the first pass
_LISTS_HELD = 96  # before buckets are written
_FIRST_LINES = 1000
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_BEGIN = {"bucket": 0, "entry": 0}  # the place before the first entry
_ON_DISK = 0.82  # bytes of base and bucket files together for a byte of the file decompressed, measured
_ENDS = 65_536  # bytes at each end of the file that it is told by


class ConceptNetSource(Source):
    """ConceptNet's assertions (`conceptnet-assertions-5.7.0.csv.gz`, also decompressed), an entry for each concept.

    Args:
        path: the file.
        name: the `source` of its entries.
        language: only concepts of these languages (`"en"`, or `{"en", "zh"}`). An edge is kept where both of its ends
            are in one of them; a synonym also where only its start is, since that is a translation.
        minimum_weight: edges that weigh less are left out; all of the release's weights are positive. 1 is what one
            source of usual trust gives an edge; games and DBpedia give less, several sources together more.
        most_edges: of a concept with more edges, only so many of the strongest are taken.
        workspace: a folder of one's own for the bucket files. They stay there, so that a build that was killed goes
            on in its second pass; whoever gave the folder removes it. Without one, a temporary folder is used, and
            `parts` begins with the first pass every time.

    Raises:
        PathError: there is no such file.
        KnowledgeError: a setting is out of range.
    """

    kind = "conceptnet"
    memory = 100_000_000  # measured: 60 MB above an idle process, for 1 and for 4 million lines alike

    def __init__(
        self,
        path: Path,
        name: str | None = None,
        *,
        language: str | Collection[str] | None = None,
        minimum_weight: float = 0.0,
        most_edges: int = 10_000,
        workspace: Path | None = None,
    ) -> None:
        self.name = name or self.kind
        self.path = path
        self.workspace = workspace
        self._languages = None if language is None else sorted({language} if isinstance(language, str) else {*language})
        self._minimum, self._most = minimum_weight, most_edges
        if self._languages is not None and not all(self._languages):
            raise KnowledgeError("A language of ConceptNet is a code such as 'en' or 'zh'; found an empty one.")
        if not math.isfinite(minimum_weight) or most_edges < 1:
            raise KnowledgeError(
                f"ConceptNet needs a finite weight and at least 1 edge; found {minimum_weight} and {most_edges}."
            )
        with open_stream(path) as (raw, _):
            self._changed = path.stat().st_mtime_ns
            raw.seek(0)
            start = raw.read(_ENDS)
            self._bytes = raw.seek(0, 2)
            raw.seek(max(0, self._bytes - _ENDS))
            self._checksum = crc32(raw.read(), crc32(start))
        compressed = start.startswith(_COMPRESSED)
        self._count = bucket_count(self._bytes, compressed)
        self.size = 2 * self._bytes
        self.expansion = _ON_DISK / 2 * (INFLATED if compressed else 1)

    def settings(self) -> dict[str, Any]:
        """The file by its size and the checksum of its ends, and the options."""
        return {
            "kind": self.kind,
            "name": self.name,
            "bytes": self._bytes,
            "checksum": self._checksum,
            "language": self._languages,
            "minimum_weight": self._minimum,
            "most_edges": self._most,
        }

    def parts(self, after: Place | None = None) -> Iterator[Part]:
        """First parts without entries while the file is read, then the entries.

        A part of the first pass has no `place`: after it, reading starts over. Where `after` is a place in the second
        pass and the bucket files are gone, they are made anew, in parts that count nothing and keep `after`.

        Raises:
            PathError: the file can't be read, or the bucket files can't be written.
            FormatError: it is damaged, or nothing in its first 1,000 lines is an edge.
        """
        if self.workspace is not None:
            yield from self._parts(self.workspace, after)
            return
        with TemporaryDirectory(prefix="ravlm-conceptnet-", ignore_cleanup_errors=True) as folder:
            yield from self._parts(Path(folder), after)

    def picture(self, name: str) -> bytes:
        """ConceptNet has no pictures.

        Raises:
            PathError: always.
        """
        raise PathError(f"There is no picture {name!r}: ConceptNet has none.")

    def _parts(self, folder: Path, after: Place | None) -> Iterator[Part]:
        buckets = Buckets(folder, self._count, {**self.settings(), "changed": self._changed})
        spread = buckets.finished()
        if spread is None:
            spread = yield from self._spread(buckets, after)
        elif after is None:
            yield Part((), spread.read, self._bytes, _BEGIN, spread.skipped)
        place = _BEGIN if after is None else after
        yield from self._entries(buckets, spread, place["bucket"], place["entry"])

    def _spread(self, buckets: Buckets, after: Place | None) -> Generator[Part, None, Spread]:
        reader, proof = EdgeReader(self._languages, self._minimum), _Proof(self.path)
        read = told_read = 0
        told: Counter[str] = Counter()
        buckets.start()

        def part(done: int, place: Place | None) -> Part:
            nonlocal told, told_read
            if after is not None:  # all of this was counted when it was read first
                return Part((), 0, done, after)
            news = Part((), read - told_read, done, place, dict(reader.skipped - told))
            told, told_read = reader.skipped.copy(), read
            return news

        with open_stream(self.path) as (raw, content):
            for number, lines in enumerate(line_lists(content, reader.skipped), start=1):
                proof.look(lines)
                reader.spread(lines, buckets.waiting)
                read += len(lines)
                if number % _LISTS_HELD == 0:
                    buckets.flush()
                if number % _LISTS == 0:
                    yield part(min(raw.tell(), self._bytes), None)
        proof.finish()
        read += reader.skipped[TOO_LONG]
        spread = buckets.finish(read, reader.skipped)
        yield part(self._bytes, _BEGIN)
        return spread

    def _entries(self, buckets: Buckets, spread: Spread, first: int, begun: int) -> Iterator[Part]:
        """The entries from bucket `first` on, without the `begun` first ones of that bucket."""
        whole, behind = max(1, sum(spread.sizes)), sum(spread.sizes[:first])
        for bucket in range(first, self._count):
            dropped: Counter[str] = Counter()
            lists = buckets.sorted(bucket, self._most, dropped)
            made = chain.from_iterable(entries_of(records, self.name, self._most, dropped) for records in lists)
            done = self._bytes + self._bytes * behind // whole
            _some(made, begun)
            while len(batch := _some(made, _ENTRIES)) == _ENTRIES:
                begun += _ENTRIES
                yield Part(batch, 0, done, {"bucket": bucket, "entry": begun})
            behind += spread.sizes[bucket]
            done = self.size if bucket == self._count - 1 else self._bytes + self._bytes * behind // whole
            yield Part(batch, 0, done, {"bucket": bucket + 1, "entry": 0}, dict(dropped))
            begun = 0


class _Proof:
    """That one of the first lines is an edge."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left = _FIRST_LINES
        self._proven = False
        self._reader = EdgeReader()

    def look(self, lines: list[bytes]) -> None:
        if self._proven or not self._left:
            return
        looked = lines[: self._left]
        self._left -= len(looked)
        self._proven = any(self._reader.record(line) for line in looked)
        if not self._left:
            self.finish()

    def finish(self) -> None:
        """Raises FormatError where no edge was among the lines."""
        if not self._proven:
            found = ", ".join(f"{count:,} x {reason}" for reason, count in self._reader.skipped.most_common(3))
            raise FormatError(
                f"{self._path} is no assertions file of ConceptNet: none of its first {_FIRST_LINES:,} lines is an "
                f"edge ({found or 'it has no lines'}). Give conceptnet-assertions-5.7.0.csv.gz: five columns "
                "parted by tabs, the edge's URI, relation, start, end and JSON."
            )


def _some(entries: Iterator[Entry], most: int) -> list[Entry]:
    """The next entries, without the collector of cyclic garbage: there is none, and it would look 30 times at each."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return list(islice(entries, most))
    finally:
        if collecting:
            gc.enable()
