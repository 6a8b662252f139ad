"""Changes of the entries, planned from the newest version: which rows differ, which go, and the stamp after them.

A plan is made anew when another writer was faster, so what it says always follows from the version it is made on.
"""

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from lance.dataset import LanceDataset

from ravlm.errors import KnowledgeError
from ravlm.knowledge.rows import ENTRIES, whole_hashes
from ravlm.knowledge.stamp import ENTRIES_ONLY, STAMP_ID, Stamp
from ravlm.knowledge.tables import Change, among, rows_of, told

Plan = Callable[[LanceDataset], Change | None]


def stamp_of(table: LanceDataset, location: str) -> Stamp:
    """The stamp of a version. Raises: KnowledgeCorrupt."""
    return Stamp.read(rows_of(table, [STAMP_ID], ["hash", "record"], location).to_pylist())


def planned(table: LanceDataset, location: str, rows: pa.Table, delete: Sequence[str]) -> Change | None:
    """The change that adds or replaces `rows` and deletes entries by id; None where it would change nothing."""
    ids = rows["id"].to_pylist()
    old = rows_of(table, [*ids, *delete], ["id", "hash", "record"], location)
    before = dict(zip(old["id"].to_pylist(), old["hash"].to_pylist(), strict=True))
    whole = whole_hashes(old)  # a damaged entry is replaced also where its stored hash is that of the new one
    wanted = dict(zip(ids, rows["hash"].to_pylist(), strict=True))
    gone = [entry_id for entry_id in delete if entry_id in before and entry_id not in wanted]
    differ = [entry_id for entry_id, content in wanted.items() if whole.get(entry_id) != content]
    if not gone and not differ:
        return None
    taken = [before[entry_id] for entry_id in (*gone, *differ) if entry_id in before]
    stamp = stamp_of(table, location).minus(taken).plus(wanted[entry_id] for entry_id in differ)
    changed = rows.filter(pc.is_in(rows["id"], pa.array(differ, pa.string())))
    return Change(pa.concat_tables([changed, stamp.row()]), among("id", gone) if gone else None)


def added(table: LanceDataset, location: str, rows: pa.Table) -> Change | None:
    """The change that adds new entries. Raises: KnowledgeError, where one is there already."""
    there = rows_of(table, rows["id"].to_pylist(), ["id"], location)["id"].to_pylist()
    if there:
        raise KnowledgeError(
            f"{len(there):,} of the entries are in the base already, for instance {there[0]!r}. Give new ones ids of "
            "their own; `upsert` replaces."
        )
    return planned(table, location, rows, [])


def without(table: LanceDataset, location: str, ids: Sequence[str]) -> Change | None:
    """The change that deletes entries; ids that are not there are passed over."""
    return planned(table, location, ENTRIES.empty_table(), ids)


def of_source(source: str) -> str:
    """The SQL condition that a row is an entry of a source."""
    return f"{ENTRIES_ONLY} AND {among('source', [source])}"


def ids_of(table: LanceDataset, location: str, source: str) -> list[str]:
    """The ids of a source's entries."""
    with told(location):
        ids: list[str] = table.to_table(columns=["id"], filter=of_source(source))["id"].to_pylist()
    return ids
