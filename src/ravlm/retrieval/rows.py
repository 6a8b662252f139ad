"""What an index ranks, row by row: which passage, entry or picture each row is, and what filters ask of it."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ravlm.knowledge.passages import is_written_as, passages, texts_of
from ravlm.knowledge.rows import canonical, content_hash
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Filters, Hit

Unit = Literal["passage", "entry", "picture"]
Mask = npt.NDArray[np.bool_]
_ENTRIES = b"entries"
_MANY = 10  # entries are read with all others where they are more than one in so many
_SCHEMA = pa.schema(
    [
        pa.field("entry_id", pa.large_string(), nullable=False),
        pa.field("passage_id", pa.large_string()),
        pa.field("image_id", pa.large_string()),
        pa.field("source", pa.large_string(), nullable=False),
        pa.field("language", pa.large_string(), nullable=False),
        pa.field("meta", pa.large_string(), nullable=False),
        pa.field("hash", pa.binary(32), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that an index ranks. `text` is what is indexed of it, empty for a picture; `hash` is the entry's."""

    entry_id: str
    passage_id: str | None
    image_id: str | None
    source: str
    language: str
    meta: str
    hash: bytes
    text: str


def rows_of(entry: Entry, unit: Unit) -> Iterator[Row]:
    """The rows of an entry: its passages, itself, or its pictures.

    A passage is indexed with the title of its entry and section before it: a passage that says "it" is found by what
    it is about. Where it is written in another script than the title, an alias in its own stands for that.
    """
    meta = json.dumps(dict(entry.meta), sort_keys=True, ensure_ascii=False) if entry.meta else ""
    content = content_hash(canonical(entry))
    if unit == "picture":
        for image_id in entry.images:
            yield Row(entry.id, None, image_id, entry.source, entry.language, meta, content, "")
    elif unit == "entry":
        texts = [entry.title, *(part for title, text, _ in texts_of(entry) for part in (title, text))]
        yield Row(entry.id, None, None, entry.source, entry.language, meta, content, _joined(texts))
    else:
        for passage in passages(entry):
            text = _joined([_title_in(entry, passage.language), passage.section, passage.text])
            yield Row(entry.id, passage.id, None, entry.source, passage.language, meta, content, text)


def entries_of(knowledge: KnowledgeBase, entry_ids: Collection[str]) -> Iterator[Entry]:
    """The entries of a base with these ids, in their order: one by one, or where they are many, out of all.

    Raises:
        KnowledgeError, KnowledgeCorrupt: as for `KnowledgeBase.get`.
    """
    wanted = set(entry_ids)
    if len(wanted) * _MANY > knowledge.count():
        return (entry for entry in knowledge.iterate() if entry.id in wanted)
    return map(knowledge.get, sorted(wanted))


def _title_in(entry: Entry, language: str) -> str:
    """The entry's title, or where that is not in the script of a language, its first alias that is."""
    return next((name for name in (entry.title, *entry.aliases) if is_written_as(name, language)), entry.title)


def _joined(texts: Iterable[str]) -> str:
    return "\n".join(text for text in texts if text)


class Rows:
    """The rows of an index in the order in which they were added. Those of changed entries are dropped, not moved.

    They are kept in three files: the first rows, those that were added later, and which are there. A change writes the
    last two anew.
    """

    CHANGING = ("later", "alive")
    """The roles of the files that `add` and `drop` change."""

    def __init__(self, table: pa.Table | None = None, alive: Mask | None = None, first: int | None = None) -> None:
        self.table: pa.Table = _SCHEMA.empty_table() if table is None else table
        self.alive: Mask = np.ones(len(self.table), dtype=np.bool_) if alive is None else alive
        self._first = len(self.table) if first is None else first
        self._entries: int | None = None
        self._masks = lru_cache(maxsize=16)(self._mask)
        self._columns = lru_cache(maxsize=None)(self._column)
        self._whole = bool(self.alive.all())

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Rows":
        """Rows as they come."""
        columns = {name: [getattr(row, name) for row in rows] for name in _SCHEMA.names}
        return cls(pa.table(columns, schema=_SCHEMA))

    def __len__(self) -> int:
        """Rows, dropped ones too."""
        return len(self.table)

    @property
    def count(self) -> int:
        """Rows that are there."""
        return int(np.count_nonzero(self.alive))

    @property
    def entries(self) -> int:
        """Entries that have rows."""
        if self._entries is None:
            self._entries = _distinct(self.table.filter(pa.array(self.alive)))
        return self._entries

    def add(self, rows: "Rows") -> None:
        """Put rows after the last one, all of an entry at once; it must have none."""
        if self._entries is not None:
            self._entries += rows.entries
        self.table = pa.concat_tables([self.table, rows.table])
        self.alive = np.concatenate([self.alive, rows.alive])
        self._changed()

    def drop(self, entry_ids: Collection[str]) -> int:
        """Drop the rows of entries; returns how many were there."""
        found = pc.is_in(self.table["entry_id"], pa.array(list(entry_ids), pa.large_string()))
        gone = np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_) & self.alive
        if self._entries is not None:
            self._entries -= _distinct(self.table.take(pa.array(np.flatnonzero(gone))))
        self.alive = self.alive & ~gone
        self._changed()
        return int(np.count_nonzero(gone))

    def allowed(self, filters: Filters) -> Mask | None:
        """Which rows may be found [n]; None where all may."""
        if self._whole and filters == Filters():
            return None
        return self._masks(filters)

    def hashes(self) -> dict[str, bytes]:
        """The content hash of every entry that has rows."""
        there = self.table.select(["entry_id", "hash"]).filter(pa.array(self.alive))
        return dict(zip(there["entry_id"].to_pylist(), there["hash"].to_pylist(), strict=True))

    def id(self, row: int) -> str:
        """What ties are broken by: the passage's id, else the entry's, and behind it the picture's."""
        passage, image = self._value("passage_id", row), self._value("image_id", row)
        if passage is not None:
            return passage
        return self.entry(row) if image is None else f"{self.entry(row)}#{image}"

    def entry(self, row: int) -> str:
        """The id of a row's entry."""
        return str(self._value("entry_id", row))

    def ranked(self, rows: Sequence[int], scores: Sequence[float], k: int) -> list[tuple[int, float]]:
        """The k best of some rows with their scores, best first, ties by id."""
        values = [float(score) for score in scores]
        order = sorted(zip(map(float.__neg__, values), map(int, rows), strict=True))
        if len(set(values)) < len(values):  # an id is looked up only where it decides
            often = Counter(values)
            order.sort(key=lambda pair: (pair[0], self.id(pair[1]) if often[-pair[0]] > 1 else ""))
        return [(row, -negative) for negative, row in order[:k]]

    def hits(self, ranked: Sequence[tuple[int, float]], stage: str) -> list[Hit]:
        """Rows with their scores as hits."""
        return self.hits_of_many([ranked], stage)[0]

    def hits_of_many(self, ranked: Sequence[Sequence[tuple[int, float]]], stage: str) -> list[list[Hit]]:
        """As `hits`, for many queries at once."""
        rows = pa.array([row for found in ranked for row, _ in found], pa.int64())
        names = ("entry_id", "passage_id", "image_id")
        ids = iter(zip(*(self._columns(n).take(rows).to_pylist() for n in names), strict=True))
        return [
            [Hit(*next(ids), rank, {stage: score}) for rank, (_, score) in enumerate(found, 1)]  # type: ignore[call-arg]
            for found in ranked
        ]

    def of_hits(self, hits: Sequence[Hit]) -> list[int | None]:
        """The row of each hit; None for one that is not here."""
        wanted = pa.array(sorted({hit.entry_id for hit in hits}), pa.large_string())
        found = pc.indices_nonzero(pc.is_in(self.table["entry_id"], wanted))
        there = self.table.select(["entry_id", "passage_id", "image_id"]).take(found).to_pylist()
        place = {tuple(row.values()): at for row, at in zip(there, found.to_pylist(), strict=True) if self.alive[at]}
        return [place.get((hit.entry_id, hit.passage_id, hit.image_id)) for hit in hits]

    def rows_by_entry(self, entry_ids: Sequence[str]) -> dict[str, list[int]]:
        """The rows that are there of each of some entries."""
        wanted = pa.array(list(entry_ids), pa.large_string())
        found = pc.indices_nonzero(pc.is_in(self.table["entry_id"], wanted)).to_pylist()
        made: dict[str, list[int]] = {entry_id: [] for entry_id in entry_ids}
        for row in found:
            if self.alive[row]:
                made[self.entry(row)].append(row)
        return made

    def compact(self) -> npt.NDArray[np.int64]:
        """Let go of dropped rows; returns the old places of those that stay, in order."""
        kept = np.flatnonzero(self.alive)
        self.table = self.table.take(pa.array(kept)).combine_chunks()
        self.alive = np.ones(len(kept), dtype=np.bool_)
        self._first = len(kept)
        self._changed()
        return kept

    def files(self) -> dict[str, Callable[[Path], None]]:
        """A writer for each file, by its role."""
        return {
            "rows": lambda path: _write(self.table.slice(0, self._first), path),
            "later": lambda path: _write(self.table.slice(self._first), path, self.entries),
            "alive": lambda path: np.packbits(self.alive).tofile(path),
        }

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> "Rows":
        """From their files, by role, mapped into memory.

        Raises:
            ValueError: they are not as `files` writes them.
        """
        first, later = _read(files["rows"]), _read(files["later"])
        count = len(first) + len(later)
        alive = np.unpackbits(np.fromfile(files["alive"], np.uint8), count=count).astype(np.bool_)
        made = cls(pa.concat_tables([first, later.replace_schema_metadata(None)]), alive, len(first))
        made._entries = int((later.schema.metadata or {}).get(_ENTRIES, b"0"))
        return made

    def _value(self, column: str, row: int) -> str | None:
        value: str | None = self._columns(column)[row].as_py()
        return value

    def _column(self, name: str) -> pa.Array:
        """A column in one piece, so that its values are found at once."""
        return self.table[name].combine_chunks()

    def _changed(self) -> None:
        self._masks.cache_clear()
        self._columns.cache_clear()
        self._whole = bool(self.alive.all())

    def _mask(self, filters: Filters) -> Mask:
        mask = self.alive
        named = {"source": filters.sources, "language": filters.languages, "entry_id": filters.entries}
        for column, wanted in named.items():
            if wanted:
                found = pc.is_in(self.table[column], pa.array(list(wanted), pa.large_string()))
                mask = mask & found.to_numpy(zero_copy_only=False)
        if filters.meta:
            distinct = pc.dictionary_encode(self.table["meta"].combine_chunks())
            fits = np.array([_fits(meta, filters.meta) for meta in distinct.dictionary.to_pylist()], dtype=np.bool_)
            mask = mask & fits[distinct.indices.to_numpy()]
        return mask


def _distinct(table: pa.Table) -> int:
    """How many entries rows are of."""
    return int(pc.count_distinct(table["entry_id"]).as_py())


def _write(table: pa.Table, path: Path, entries: int | None = None) -> None:
    """Write rows as an Arrow file, with a count of entries."""
    marked = table.replace_schema_metadata(None if entries is None else {_ENTRIES: str(entries).encode()})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, marked.schema) as writer:
        writer.write_table(marked)


def _read(path: Path) -> pa.Table:
    """What `_write` wrote, mapped into memory."""
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def _fits(meta: str, wanted: Sequence[tuple[str, Any]]) -> bool:
    """Whether an entry's metadata has all of these values; of a list, whether it holds them."""
    values: Mapping[str, Any] = json.loads(meta) if meta else {}
    return all(value == values.get(key) or _holds(values.get(key), value) for key, value in wanted)


def _holds(found: Any, value: Any) -> bool:
    return isinstance(found, list) and value in found
