"""How an entry lies in the base: its canonical JSON, the hash of that, and the columns of the two tables."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from ravlm.errors import KnowledgeCorrupt, KnowledgeError
from ravlm.records import Entry, Section

HASH_BYTES = 32
LONGEST_ID = 512  # characters

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
        text = json.dumps(asdict(entry), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise KnowledgeError(
            f"The entry {entry.id!r} can't be kept: {error}. Its text and meta hold only what JSON can say."
        ) from error
    return text


def content_hash(record: str) -> bytes:
    """SHA-256 of an entry's canonical JSON [32 bytes]."""
    return hashlib.sha256(record.encode()).digest()


def picture_id(data: bytes) -> str:
    """The id of a picture: SHA-256 of its bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def entry_table(entries: Iterable[Entry]) -> pa.Table:
    """The entries as rows of `ENTRIES`; the last one wins where an id repeats."""
    rows: dict[str, dict[str, Any]] = {}
    for entry in entries:
        record = canonical(entry)
        rows[entry.id] = {
            "id": entry.id,
            "hash": content_hash(record),
            "source": entry.source,
            "language": entry.language,
            "title": entry.title,
            "record": record,
        }
    return pa.Table.from_pylist(list(rows.values()), schema=ENTRIES)


def checked_entry(row_id: str, stored_hash: bytes, record: str) -> Entry:
    """The entry of a row.

    Raises:
        KnowledgeCorrupt: the row's hash does not fit its content, or its id is another entry's.
    """
    if content_hash(record) != stored_hash:
        raise KnowledgeCorrupt(
            f"The entry {row_id!r} is damaged: its content does not fit its stored hash. Nothing of it is used. "
            "Remove it with `ravlm knowledge remove` and write it again, or restore the base from a copy."
        )
    entry = parse(record)
    if entry.id != row_id:
        raise KnowledgeCorrupt(f"The row {row_id!r} is damaged: it holds the entry {entry.id!r}. Restore the base.")
    return entry


def parse(record: str) -> Entry:
    """The entry that canonical JSON says."""
    values = json.loads(record)
    values["sections"] = tuple(Section(**section) for section in values["sections"])
    values["images"] = tuple(values["images"])
    values["aliases"] = tuple(values["aliases"])
    values["facts"] = tuple((relation, value) for relation, value in values["facts"])
    return Entry(**values)


def multiset_hash(hashes: Iterable[bytes]) -> str:
    """The sum modulo 2**256 of 32-byte hashes, as 64 hex digits: the same in whatever order they come."""
    joined = np.frombuffer(b"".join(hashes), dtype=">u4").reshape(-1, HASH_BYTES // 4)
    words = [int(word) for word in joined.astype(np.uint64).sum(axis=0)]
    total = sum(word << 32 * place for place, word in enumerate(reversed(words)))
    return f"{total % 2 ** (8 * HASH_BYTES):064x}"
