"""Entries' pictures on their way into a base: read, checked by decoding, named by the hash of their bytes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from ravlm.errors import KnowledgeError
from ravlm.knowledge.rows import PICTURES, entry_table, picture_id
from ravlm.records import Entry
from ravlm.safe.headers import read_header
from ravlm.safe.images import decode_image

Pictures = Callable[[str], bytes]
"""Called with a picture's name in an entry, gives the bytes of its file."""

_BATCH_BYTES = 64_000_000


@dataclass(frozen=True)
class Prepared:
    """A change that has been checked and not been made: rows of entries, and the pictures that the base lacks.

    `new` maps picture ids to the names that `read` knows them by.
    """

    rows: pa.Table
    new: Mapping[str, str]
    read: Pictures | None


def prepare(entries: Iterable[Entry], read: Pictures | None, known: Callable[[], frozenset[str]]) -> Prepared:
    """Check entries and their pictures, and name the pictures by their ids. Nothing is written.

    `known` gives the ids of the base's pictures; it is asked once, where an entry has pictures at all.

    Raises:
        ImageError: a picture can't be decoded.
        KnowledgeError: an entry can't be kept, or names a picture that is not there.
    """
    there: frozenset[str] | None = None
    ids: dict[str, str] = {}
    new: dict[str, str] = {}
    named: list[Entry] = []
    for entry in entries:
        if entry.images and there is None:
            there = known()
        for name in entry.images:
            if name not in ids:
                ids[name] = _checked_id(entry, name, read, there or frozenset())
                if ids[name] not in (there or ()):
                    new.setdefault(ids[name], name)
        named.append(replace(entry, images=tuple(dict.fromkeys(ids[name] for name in entry.images))))
    return Prepared(entry_table(named), new, read)


def picture_batches(prepared: Prepared) -> Iterator[pa.Table]:
    """The new pictures as rows of `PICTURES`, at most about 64 MB at a time.

    Raises:
        KnowledgeError: a file has changed since it was checked.
    """
    rows: list[dict[str, str | bytes]] = []
    size = 0
    for image_id, name in prepared.new.items():
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


def _checked_id(entry: Entry, name: str, read: Pictures | None, there: frozenset[str]) -> str:
    if read is None:
        if name not in there:
            raise KnowledgeError(
                f"The entry {entry.id!r} has the picture {name!r}, which the base does not hold. Give the picture's "
                "bytes along with the entry, or the id of a picture that is there."
            )
        return name
    data = read(name)
    image_id = picture_id(data)
    if image_id not in there:
        decode_image(data, name=f"The picture {name!r} of the entry {entry.id!r}")
    return image_id
