"""Entries that are made by number, as a source that a knowledge base is built from."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ravlm.knowledge.sources.part import Part, Source
from ravlm.records import Entry


class MadeSource(Source):
    """So many entries, `block` a part; `made(first, last)` makes those with the numbers from `first` up to `last`."""

    kind = name = "made"
    path = Path()

    def __init__(self, count: int, made: Callable[[int, int], list[Entry]], block: int = 1000) -> None:
        self.size = count
        self._made, self._block = made, block

    def settings(self) -> dict[str, Any]:
        """Nothing more than its size."""
        return {}

    def parts(self, after: Any = None) -> Iterator[Part]:
        """A block each."""
        for first in range(after or 0, self.size, self._block):
            last = min(first + self._block, self.size)
            yield Part(self._made(first, last), last - first, last, last)

    def picture(self, name: str) -> bytes:
        """There are none."""
        raise KeyError(name)
