"""Everything of a version read and compared: what `ravlm knowledge verify` does."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import pyarrow as pa
import pyarrow.compute as pc

from ravlm.errors import KnowledgeCorrupt
from ravlm.knowledge.pictures import PICTURES_ONLY
from ravlm.knowledge.rows import ROW, checked_entry, picture_id
from ravlm.knowledge.stamp import STAMP_ID, Stamp
from ravlm.knowledge.tables import Table

_LOOKED_UP = 5_000  # ids asked of the index at once


def damage(entries: Table, pictures: Table, stamp: Stamp) -> Iterator[str]:
    """What does not fit, a line each.

    Found are entries whose content is not what their hash says, entries and pictures that are there more than once,
    lost or brought back, pictures that lack or whose bytes do not fit their ids, files that can't be read, and an index
    that does not find what is there.
    """
    found = Stamp()
    named: dict[str, str] = {}
    try:
        for batch in entries.scan(ROW):  # the stamp's row too: a file that it can't be read from is damaged
            rows = [row for row in batch.to_pylist() if row["id"] != STAMP_ID]
            for row in rows:
                try:
                    entry = checked_entry(row)
                except KnowledgeCorrupt as error:
                    yield f"entry {row['id']!r}: {error}"
                else:
                    named.update(dict.fromkeys(entry.images, entry.id))
            found = found.plus([row["hash"] for row in rows])
        yield from _index(entries)
    except KnowledgeCorrupt as error:
        yield f"entries: {error}"
    else:
        if found != stamp:
            yield (
                f"entries: the {found.entries:,} that are there are not the {stamp.entries:,} that the stamp of this "
                "version counts: some are lost, or are there though they were deleted"
            )
    yield from _pictures(pictures, named)


def _pictures(pictures: Table, named: dict[str, str]) -> Iterator[str]:
    """`named` maps the pictures that entries name to such an entry."""
    try:
        for batch in pictures.scan(["id", "bytes"], size=100, where=PICTURES_ONLY):
            for row in batch.to_pylist():
                named.pop(row["id"], None)
                if picture_id(row["bytes"]) != row["id"]:
                    yield f"picture {row['id']}: its bytes do not fit its id"
        yield from _index(pictures)
    except KnowledgeCorrupt as error:
        yield f"pictures: {error}"
    for image_id, entry_id in named.items():
        yield f"entry {entry_id!r}: its picture {image_id} is not in the base"


def _index(table: Table) -> Iterator[str]:
    ids = table.columns(["id"])["id"]
    counts = pc.value_counts(ids)
    repeated = counts.filter(pc.greater(pc.struct_field(counts, "counts"), pa.scalar(1)))
    for pair in repeated.to_pylist():
        yield f"entry or picture {pair['values']!r}: it is there {pair['counts']} times"
    if any(table.lost(ids.slice(at, _LOOKED_UP).to_pylist()) for at in range(0, len(ids), _LOOKED_UP)):
        yield f"index of {table.name}: it does not find what is there; `ravlm knowledge compact` makes it anew"


def damage_apart(place: str) -> list[str]:
    """What `damage` tells of the base at a place, read in a process of its own.

    A flipped bit in a length can make Lance ask for more memory than there is. That ends the process, and is told too.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
        try:
            return apart.submit(_all_damage, place).result()
        except BrokenProcessPool:
            return [
                f"{place}: its files are so damaged that reading them ends the process that reads; go back with "
                "`ravlm knowledge rollback`, or restore them from a copy"
            ]


def _all_damage(place: str) -> list[str]:
    from ravlm.knowledge.store import KnowledgeBase

    try:
        return list(KnowledgeBase.open(place).verify())
    except KnowledgeCorrupt as error:
        return [str(error)]
