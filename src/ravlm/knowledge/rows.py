"""How an entry lies in the base: its canonical JSON, the hash of that, and the columns of the two tables."""

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import pyarrow as pa

from ravlm.errors import KnowledgeCorrupt, KnowledgeError
from ravlm.records import Entry, Section

HASH_BYTES = 32
LONGEST_ID = 512  # characters
ROW = ("id", "hash", "source", "language", "title", "record")

ENTRIES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("hash", pa.binary(HASH_BYTES), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("record", pa.string(), nullable=False),
    ]
)
PICTURES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("format", pa.string(), nullable=False),
        pa.field("bytes", pa.large_binary(), nullable=False),
    ]
)


def canonical(entry: Entry) -> str:
    """The entry as JSON: sorted keys, no spaces. The same entry always gives the same text.

    Raises:
        KnowledgeError: the id is empty or too long, or something in the entry is no JSON.
    """
    if not 0 < len(entry.id) <= LONGEST_ID:
        raise KnowledgeError(f"An entry's id has 1 to {LONGEST_ID} characters; found {entry.id[:40]!r}.")
    try:
        if entry.meta and not _plain(entry.meta):
            raise TypeError("its meta holds a number that is no number")
        return orjson.dumps(entry, option=orjson.OPT_SORT_KEYS).decode()
    except (TypeError, RecursionError) as error:
        raise KnowledgeError(
            f"The entry {entry.id!r} can't be kept: {error}. Its text and meta hold only what JSON can say, and whole "
            "numbers of at most 64 bits."
        ) from error


def _plain(meta: Any) -> bool:
    """Whether JSON can say all of it: orjson writes NaN and infinity as null."""
    if b"null" not in orjson.dumps(meta):
        return True
    if isinstance(meta, Mapping):
        return all(map(_plain, meta.values()))
    if isinstance(meta, list | tuple):
        return all(map(_plain, meta))
    return not isinstance(meta, float) or math.isfinite(meta)


def content_hash(record: str) -> bytes:
    """SHA-256 of an entry's canonical JSON [32 bytes]."""
    return hashlib.sha256(record.encode()).digest()


def picture_id(data: bytes) -> str:
    """The id of a picture: SHA-256 of its bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def entry_table(entries: Iterable[Entry]) -> pa.Table:
    """The entries as rows of `ENTRIES`; the last one wins where an id repeats."""
    last = {entry.id: entry for entry in entries}
    records = [canonical(entry) for entry in last.values()]
    columns = {
        "id": list(last),
        "hash": [content_hash(record) for record in records],
        "source": [entry.source for entry in last.values()],
        "language": [entry.language for entry in last.values()],
        "title": [entry.title for entry in last.values()],
        "record": records,
    }
    return pa.table(columns, schema=ENTRIES)


def row(row_id: str, record: str, source: str = "", language: str = "", title: str = "") -> dict[str, Any]:
    """A row of `ENTRIES` with its hash."""
    return {
        "id": row_id,
        "hash": content_hash(record),
        "source": source,
        "language": language,
        "title": title,
        "record": record,
    }


def checked_entry(row: dict[str, Any]) -> Entry:
    """The entry of a row that has the columns of `ROW`.

    Raises:
        KnowledgeCorrupt: the row's hash does not fit its content, or another column says other than the content.
    """
    entry_id = row["id"]
    if content_hash(row["record"]) != row["hash"]:
        raise KnowledgeCorrupt(
            f"The entry {entry_id!r} is damaged: its content does not fit its stored hash. Nothing of it is used. "
            "`ravlm knowledge sync` with its source writes it again; else remove it, go back with `ravlm knowledge "
            "rollback`, or restore the base from a copy."
        )
    try:
        entry = parse(row["record"])
    except (ValueError, KeyError, TypeError) as error:
        raise KnowledgeCorrupt(
            f"The row {entry_id!r} holds no entry: it is damaged. Remove it, or restore the base from a copy."
        ) from error
    for column in ("id", "source", "language", "title"):
        if row[column] != getattr(entry, column):
            raise KnowledgeCorrupt(
                f"The entry {entry.id!r} is damaged: its column {column!r} says {row[column][:80]!r}, its content "
                f"{getattr(entry, column)[:80]!r}. Write it again, or restore the base from a copy."
            )
    return entry


def whole_hashes(rows: pa.Table | pa.RecordBatch) -> dict[str, bytes]:
    """The hash of each row that has `id`, `hash` and `record`, by id; empty where the content does not fit it."""
    ids, hashes, records = (rows[column].to_pylist() for column in ("id", "hash", "record"))
    return {
        row_id: stored if content_hash(record) == stored else b""
        for row_id, stored, record in zip(ids, hashes, records, strict=True)
    }


def parse(record: str) -> Entry:
    """The entry that canonical JSON says."""
    values = orjson.loads(record)
    values["sections"] = tuple(Section(**section) for section in values["sections"])
    values["images"] = tuple(values["images"])
    values["aliases"] = tuple(values["aliases"])
    values["facts"] = tuple((relation, value) for relation, value in values["facts"])
    return Entry(**values)
