"""One kind of rows of a knowledge base with their vectors: encoded, searched, refreshed and kept together."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ravlm.knowledge.differences import Differences
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Filters
from ravlm.retrieval.keys import Keys
from ravlm.retrieval.retriever import Progress
from ravlm.retrieval.rows import Row, Rows, Unit, entries_of, rows_of
from ravlm.retrieval.vectors.exact import NONE, Scores, inner
from ravlm.retrieval.vectors.index import Found, VectorIndex
from ravlm.retrieval.vectors.store import Floats, Places, Vectors

_TEXTS, _PICTURES = 4_096, 512  # rows that are encoded at once


class Side:
    """Rows of one unit and the index of their vectors, row by row; `keys` makes the vectors of new ones."""

    def __init__(self, keys: Keys, unit: Unit, rows: Rows, index: VectorIndex, without: int) -> None:
        self.keys = keys
        self.unit: Unit = unit
        self.rows = rows
        self.index = index
        self.without = without

    @classmethod
    def build(
        cls,
        knowledge: KnowledgeBase,
        keys: Keys,
        unit: Unit,
        *,
        structure: str = "auto",
        memory: int | None = None,
        progress: Progress | None = None,
    ) -> "Side":
        """Encode every row of a base, in the order of the entries' ids.

        Raises:
            UnknownChoice, ConfigError: as for `VectorIndex`.
            KnowledgeCorrupt: as for `KnowledgeBase.iterate` and `picture`.
        """
        VectorIndex(Vectors(keys.width), structure=structure, memory=memory)  # what is wrong is told before the work
        rows = Rows()
        count = knowledge.count()

        def chunks() -> Iterator[Floats]:
            for some, vectors in encoded(knowledge, knowledge.iterate(), keys, unit, count, progress):
                rows.add(Rows.of(some))
                yield vectors

        vectors = Vectors.of(chunks(), keys.width)
        rows.compact()
        made = VectorIndex(vectors, structure=structure, memory=memory)
        return cls(keys, unit, rows, made, count - rows.entries)

    def follow(self, knowledge: KnowledgeBase, differences: Differences) -> set[str]:
        """Drop what is gone, encode what is new; returns the roles of the files that change by it.

        A picture whose vector is known, because its entry changed otherwise or another entry has it, is not encoded.
        """
        new = sorted({*differences.added, *differences.changed})
        known = self._known if self.unit == "picture" else None
        made = list(encoded(knowledge, entries_of(knowledge, new), self.keys, self.unit, len(new), None, known))
        changed = set(Rows.CHANGING)
        self.rows.drop([*new, *differences.gone])
        for some, _ in made:
            self.rows.add(Rows.of(some))
        if made:
            changed |= self.index.append(np.concatenate([vectors for _, vectors in made]))
        if self.index.crowded(self.rows.count):
            self.index = self.index.kept(self.rows.compact())
            changed |= self.files().keys()
        self.without = knowledge.count() - self.rows.entries
        return changed

    def search(self, vectors: Floats, k: int, filters: Sequence[Filters]) -> Found:
        """The k best rows of each query's vector [b, width], each with its own filters."""
        groups: dict[Filters, list[int]] = {}
        for number, each in enumerate(filters):
            groups.setdefault(each, []).append(number)
        parts = [
            (numbers, self.index.search(vectors[numbers], k, self.rows.ranked, self.rows.allowed(each)))
            for each, numbers in groups.items()
        ]
        if len(parts) == 1:
            return parts[0][1]
        most = max((part.rows.shape[1] for _, part in parts), default=0)
        whole = Found(np.full((len(vectors), most), NONE), np.full((len(vectors), most), -np.inf))
        for numbers, part in parts:
            whole.rows[numbers, : part.rows.shape[1]] = part.rows
            whole.scores[numbers, : part.rows.shape[1]] = part.scores
        return whole

    def scores(self, vectors: Floats, rows: Sequence[int]) -> Scores:
        """The score of each vector [v, width] with each of some rows, [v, rows], as a search gives it."""
        taken = self.index.vectors.take(np.array(rows, dtype=np.int64))
        return inner(vectors, np.broadcast_to(taken, (len(vectors), *taken.shape)))

    def settings(self) -> dict[str, Any]:
        """What `read` needs beside the files."""
        return {"unit": self.unit, "without": self.without, **self.index.settings()}

    def files(self) -> dict[str, Callable[[Path], None]]:
        """A writer for each file, by its role."""
        return {**self.rows.files(), **self.index.files()}

    @classmethod
    def read(cls, files: Mapping[str, Path], settings: Mapping[str, Any], keys: Keys) -> "Side":
        """From its files, by role."""
        rows = Rows.read(files)
        index = VectorIndex.read({role: path for role, path in files.items() if role not in rows.files()}, settings)
        return cls(keys, settings["unit"], rows, index, settings["without"])

    def _known(self, image_ids: Sequence[str]) -> dict[str, Floats]:
        """The vectors of those of these pictures that have rows, dropped ones too."""
        column = self.rows.table["image_id"]
        there = pc.indices_nonzero(pc.is_in(column, pa.array(list(image_ids), pa.large_string())))
        places: Places = np.asarray(there.to_numpy(), dtype=np.int64)
        vectors = self.index.vectors.take(places)
        return dict(zip(column.take(there).to_pylist(), vectors, strict=True))


def encoded(
    knowledge: KnowledgeBase,
    entries: Iterable[Entry],
    keys: Keys,
    unit: Unit,
    count: int,
    progress: Progress | None,
    known: Callable[[Sequence[str]], dict[str, Floats]] | None = None,
) -> Iterator[tuple[list[Row], Floats]]:
    """The rows of some entries with their vectors, some thousand at once.

    Args:
        knowledge: where the pictures are.
        entries: taken as they are needed.
        keys: makes the vectors.
        unit: what a row is.
        count: how many entries come.
        progress: is told of the entries that are done.
        known: gives the vectors of those of some pictures, by their ids, that need not be encoded.
    """

    def vectors_of(rows: Sequence[Row]) -> Floats:
        if unit != "picture":
            return keys.texts([row.text for row in rows])
        image_ids = list(dict.fromkeys(row.image_id or "" for row in rows))
        found = known(image_ids) if known else {}
        missing = [image_id for image_id in image_ids if image_id not in found]
        found |= dict(zip(missing, keys.pictures(map(knowledge.picture, missing)), strict=True))
        return np.stack([found[row.image_id or ""] for row in rows])

    rows: list[Row] = []
    done = 0
    for done, entry in enumerate(entries, 1):
        rows.extend(rows_of(entry, unit))
        if len(rows) >= (_PICTURES if unit == "picture" else _TEXTS):
            yield rows, vectors_of(rows)
            rows = []
            if progress:
                progress("encode", done, count)
    if rows:
        yield rows, vectors_of(rows)
    if progress:
        progress("encode", done, count)
