"""Records become parts of bounded size."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from ravlm.knowledge.sources.part import Part, Place
from ravlm.records import Entry

MOST_ENTRIES = 1_000
MOST_RECORDS = 20_000
MOST_BYTES = 4_000_000  # of content, decompressed

Record = tuple[Entry | str, Place, int]
"""An entry, or the reason why a record was left out; where reading goes on after it; its bytes."""


def in_parts(records: Iterable[Record], done: Callable[[], int]) -> Iterator[Part]:
    """Parts of up to `MOST_ENTRIES` entries, ended early when `MOST_BYTES` or `MOST_RECORDS` were read."""
    entries: list[Entry] = []
    skipped: Counter[str] = Counter()
    read = size = 0
    place: Place = None
    for outcome, place, length in records:
        read += 1
        size += length
        if isinstance(outcome, str):
            skipped[outcome] += 1
        else:
            entries.append(outcome)
        if len(entries) >= MOST_ENTRIES or size >= MOST_BYTES or read >= MOST_RECORDS:
            yield Part(entries, read, done(), place, dict(skipped))
            entries, skipped, read, size = [], Counter(), 0, 0
    if read:
        yield Part(entries, read, done(), place, dict(skipped))
