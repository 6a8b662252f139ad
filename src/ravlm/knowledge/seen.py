"""Which ids a build has met, in 8 bytes an id."""

import hashlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np

_PARTS = 8  # sorted arrays looked through before they are merged


class Seen:
    """A set of ids, of which 64 bits of a hash are kept. What looks met is looked up, so no id is ever mistaken."""

    def __init__(self, there: Callable[[Sequence[str]], Iterable[str]]) -> None:
        """An empty set; `there` tells which of some ids really are in the base."""
        self._there = there
        self._parts: list[np.ndarray] = []

    def add(self, ids: Sequence[str]) -> set[str]:
        """Meet ids; returns those that were met before."""
        if not ids:
            return set()
        keys = np.fromiter((_key(entry_id) for entry_id in ids), np.uint64, len(ids))
        met = np.zeros(len(ids), bool)
        for part in self._parts:
            place = np.minimum(np.searchsorted(part, keys), len(part) - 1)
            met |= part[place] == keys
        self._parts.append(np.sort(keys))
        if len(self._parts) > _PARTS:
            self._parts.sort(key=len)
            self._parts = [np.sort(np.concatenate(self._parts[:_PARTS])), *self._parts[_PARTS:]]
        doubtful = [entry_id for entry_id, again in zip(ids, met, strict=True) if again]
        return set(self._there(doubtful)) & set(doubtful) if doubtful else set()


def _key(entry_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(entry_id.encode(), digest_size=8).digest(), "little")
