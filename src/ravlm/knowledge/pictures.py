"""Entries' pictures on their way into a base: read, checked by decoding, named by the hash of their bytes."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from lance.dataset import LanceDataset

from ravlm.errors import ImageError, KnowledgeError, PathError
from ravlm.knowledge.rows import PICTURES, entry_table, picture_id
from ravlm.knowledge.tables import Change, Table, rows_of
from ravlm.records import Entry
from ravlm.safe.headers import read_header
from ravlm.safe.images import decode_image

Pictures = Callable[[str], bytes]
"""Called with a picture's name in an entry, gives the bytes of its file."""

Known = Callable[[Set[str]], Set[str]]
"""Called with ids of pictures, gives those that the base holds."""

TURN_ID = ""
PICTURES_ONLY = f"id != '{TURN_ID}'"
UNREADABLE = "picture that can't be read"
_BATCH_BYTES = 64_000_000
_AT_ONCE = 32  # pictures held while they are checked


@dataclass(frozen=True)
class Prepared:
    """A change that has been checked and not been made: rows of entries, and the pictures that the base may lack.

    `pictures` maps picture ids to the names that `read` knows them by; `left_out` counts pictures that can't be read.
    """

    rows: pa.Table
    pictures: Mapping[str, str]
    read: Pictures | None
    left_out: Mapping[str, int] = field(default_factory=dict)


def prepare(entries: Iterable[Entry], read: Pictures | None, known: Known, *, strict: bool = True) -> Prepared:
    """Check entries and their pictures, and name the pictures by their ids. Nothing is written.

    Args:
        entries: where an id repeats, the last one counts.
        read: gives a picture's bytes; without it, entries name pictures of the base by their ids.
        known: tells which pictures the base holds.
        strict: an entry whose picture can't be read is refused; else it is kept without that picture.

    Raises:
        ImageError: a picture can't be decoded.
        PathError: a picture's file is missing or may not be read.
        KnowledgeError: an entry can't be kept, or names a picture that is not there.
    """
    entries = list(entries)
    owner = {name: entry.id for entry in entries for name in entry.images}
    names = list(owner)
    if read is None:
        _check_there(entries, known(owner.keys()) if owner else frozenset())
        return Prepared(entry_table(entries), {}, None)
    ids: dict[str, str] = {}
    new: dict[str, str] = {}
    for part in (names[at : at + _AT_ONCE] for at in range(0, len(names), _AT_ONCE)):
        files = {name: data for name in part if (data := _bytes(name, read, strict)) is not None}
        found = {name: picture_id(data) for name, data in files.items()}
        there = known(set(found.values())) | new.keys()
        for name, image_id in found.items():
            if image_id in there or _decodes(files[name], name, owner[name], strict):
                ids[name] = image_id
                if image_id not in there:
                    new.setdefault(image_id, name)
    if not names:
        return Prepared(entry_table(entries), {}, read)
    named = [replace(e, images=tuple(dict.fromkeys(ids[n] for n in e.images if n in ids))) for e in entries]
    left_out = {UNREADABLE: len(names) - len(ids)} if len(names) > len(ids) else {}
    return Prepared(entry_table(named), new, read, left_out)


def _bytes(name: str, read: Pictures, strict: bool) -> bytes | None:
    try:
        return read(name)
    except (ImageError, PathError):
        if strict:
            raise
        return None


def _decodes(data: bytes, name: str, owner: str, strict: bool) -> bool:
    try:
        decode_image(data, name=f"The picture {name!r} of the entry {owner!r}")
    except ImageError:
        if strict:
            raise
        return False
    return True


def added_pictures(table: LanceDataset, location: str, rows: pa.Table) -> Change | None:
    """The change that adds pictures which are not there yet; None where all of them are.

    Each such change also writes the row whose id is empty, so that of two writers one notices the other, and no
    picture is added twice.
    """
    there = rows_of(table, rows["id"].to_pylist(), ["id"], location)["id"]
    fresh = rows.filter(pc.invert(pc.is_in(rows["id"], there.combine_chunks())))
    return Change(pa.concat_tables([fresh, turn()])) if fresh.num_rows else None


def known_in(pictures: Table) -> Known:
    """What tells which pictures the newest version of the table holds."""

    def known(ids: Set[str]) -> Set[str]:
        pictures.pin()
        return set(pictures.rows(sorted(ids), ["id"])["id"].to_pylist())

    return known


def write_pictures(pictures: Table, prepared: Prepared) -> None:
    """Write the pictures that a prepared change brings; they go before the entries that name them."""
    for batch in picture_batches(prepared):
        pictures.commit(partial(added_pictures, location=pictures.location, rows=batch))


def turn() -> pa.Table:
    """The row of `PICTURES` that is no picture: a number that nobody else draws."""
    return pa.Table.from_pylist([{"id": TURN_ID, "format": "", "bytes": secrets.token_bytes(16)}], schema=PICTURES)


def picture_batches(prepared: Prepared) -> Iterator[pa.Table]:
    """The new pictures as rows of `PICTURES`, at most about 64 MB at a time.

    Raises:
        KnowledgeError: a file has changed since it was checked.
    """
    rows: list[dict[str, str | bytes]] = []
    size = 0
    for image_id, name in prepared.pictures.items():
        data = prepared.read(name) if prepared.read else b""
        header = read_header(data)
        if header is None or picture_id(data) != image_id:
            raise KnowledgeError(f"The picture {name!r} changed while it was read. Run the command again.")
        rows.append({"id": image_id, "format": header.kind, "bytes": data})
        size += len(data)
        if size > _BATCH_BYTES:
            yield pa.Table.from_pylist(rows, schema=PICTURES)
            rows, size = [], 0
    if rows:
        yield pa.Table.from_pylist(rows, schema=PICTURES)


def _check_there(entries: Iterable[Entry], there: Set[str]) -> None:
    for entry in entries:
        for name in entry.images:
            if name not in there:
                raise KnowledgeError(
                    f"The entry {entry.id!r} has the picture {name!r}, which the base does not hold. Give the "
                    "picture's bytes along with the entry, or the id of a picture that is there."
                )
