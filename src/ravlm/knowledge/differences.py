"""What changed between two versions of a base, found from the files in which they differ."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from lance.dataset import LanceDataset

from ravlm.knowledge.stamp import STAMP_ID
from ravlm.knowledge.tables import told


@dataclass(frozen=True, slots=True)
class Differences:
    """The ids of entries that are new, of those whose content is another, and of those that are gone; each sorted."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.added) + len(self.changed) + len(self.gone)


def between(old: LanceDataset, new: LanceDataset, location: str) -> Differences:
    """What differs between two versions of the entries.

    Files that both versions have are passed over; of one whose deletions alone differ, the rows that only one of them
    has are read. So the cost is that of the change, and of what was joined since.
    """
    with told(location):
        before, after = _fragments(old), _fragments(new)
        shared = before.keys() & after.keys()
        rows_before = _rows(old, [before[key] for key in before.keys() - shared])
        rows_after = _rows(new, [after[key] for key in after.keys() - shared])
        for key in shared:
            if before[key].deletion_file() != after[key].deletion_file():
                here, there = _addresses(before[key]), _addresses(after[key])
                rows_before |= _taken(before[key], here, np.setdiff1d(here, there, assume_unique=True))
                rows_after |= _taken(after[key], there, np.setdiff1d(there, here, assume_unique=True))
    return of_hashes(rows_before, rows_after)


def of_hashes(before: dict[str, bytes], after: dict[str, bytes]) -> Differences:
    """What differs between two sets of entries, told by their content hashes."""
    shared = before.keys() & after.keys()
    return Differences(
        added=tuple(sorted(after.keys() - shared)),
        changed=tuple(sorted(entry_id for entry_id in shared if before[entry_id] != after[entry_id])),
        gone=tuple(sorted(before.keys() - shared)),
    )


def _fragments(table: LanceDataset) -> dict[Any, Any]:
    """The table's files by what tells them apart."""
    return {(f.fragment_id, *(file.path for file in f.data_files())): f for f in table.get_fragments()}


def _rows(table: LanceDataset, fragments: list[Any]) -> dict[str, bytes]:
    if not fragments:
        return {}
    return _hashes(table.scanner(columns=["id", "hash"], fragments=fragments, use_scalar_index=False).to_table())


def _addresses(fragment: Any) -> npt.NDArray[np.uint64]:
    """Where the rows of a file lie, in order."""
    found = fragment.scanner(columns=[], with_row_address=True).to_table()["_rowaddr"]
    return np.asarray(found.to_numpy(), dtype=np.uint64)


def _taken(fragment: Any, there: npt.NDArray[np.uint64], addresses: npt.NDArray[np.uint64]) -> dict[str, bytes]:
    """The rows of a file at some of the addresses that are there."""
    if not len(addresses):
        return {}
    places = np.searchsorted(there, addresses)
    return _hashes(fragment.take(places.tolist(), columns=["id", "hash"]))


def _hashes(rows: pa.Table) -> dict[str, bytes]:
    found = dict(zip(rows["id"].to_pylist(), rows["hash"].to_pylist(), strict=True))
    found.pop(STAMP_ID, None)
    return found
