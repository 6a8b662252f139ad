"""LanceDB's tables as the base uses them: pinned reads, optimistic commits, and errors in our words."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa
import pyarrow.compute as pc

from ravlm.errors import ConflictError, KnowledgeCorrupt, PathError, RavlmError

ATTEMPTS = 5
_CONFLICT = ("conflict", "contention", "concurrent")
_AT_ONCE = 500  # ids in one condition


class Table:
    """One table of a base, pinned to a version for reading; every write commits to the newest one."""

    def __init__(self, folder: Path, name: str) -> None:
        with _told(folder):
            self._database: Any = lancedb.connect(folder)
            self._pinned: Any = self._database.open_table(name)
        self._folder = folder
        self._name = name
        self.version = self.pin()

    @staticmethod
    def create(folder: Path, name: str, schema: pa.Schema) -> None:
        """Make an empty table whose rows are told apart by `id`: two writers can't both add the same one."""
        with _told(folder):
            database: Any = lancedb.connect(folder)
            database.create_table(name, schema=schema).set_unenforced_primary_key("id")

    def pin(self) -> int:
        """Move to the newest version and stay there; returns its number."""
        with _told(self._folder):
            self._pinned.checkout_latest()
            self.version = int(self._pinned.version)
            self._pinned.checkout(self.version)
        return self.version

    def count(self) -> int:
        """Rows in the pinned version."""
        with _told(self._folder):
            return int(self._pinned.count_rows())

    def columns(self, names: Sequence[str], where: str | None = None) -> pa.Table:
        """These columns of every row, or of the rows that fulfil an SQL condition."""
        with _told(self._folder):
            query = self._pinned.search().select(list(names))
            return (query if where is None else query.where(where)).limit(None).to_arrow()

    def rows(self, ids: Sequence[str], names: Sequence[str]) -> pa.Table:
        """These columns of the rows with these ids, in no particular order."""
        parts = [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)] or [[]]
        return pa.concat_tables(self.columns(names, where=among("id", part)) for part in parts)

    def batches(self, names: Sequence[str], size: int = 1000) -> Iterator[pa.Table]:
        """These columns of every row in the order of ids, `size` rows at a time."""
        ids = self.columns(["id"])["id"]
        order = pc.sort_indices(ids).to_pylist()
        for start in range(0, len(order), size):
            offsets = order[start : start + size]
            with _told(self._folder):
                rows = self._pinned.take_offsets(offsets).select(list(names)).to_arrow()
            yield rows.sort_by("id")

    def merge(self, rows: pa.Table, *, update: bool = True, delete: str | None = None) -> None:
        """Add or replace rows by id in one commit.

        `update=False` leaves rows alone that are there already; `delete` is an SQL condition: rows that fulfil it
        and are not among `rows` are deleted in the same commit.
        """

        def change(table: Any) -> None:
            merge = table.merge_insert("id").when_not_matched_insert_all()
            if update:
                merge = merge.when_matched_update_all(where="target.hash != source.hash")
            if delete is not None:
                merge = merge.when_not_matched_by_source_delete(delete)
            merge.execute(rows)

        self._commit(change)

    def delete(self, ids: Sequence[str]) -> None:
        """Delete the rows with these ids in one commit."""
        self._commit(lambda table: table.delete(among("id", ids)))

    def close(self) -> None:
        """Let go of the files; any use from now on is a programming error (AttributeError)."""
        del self._pinned, self._database

    def _commit(self, change: Callable[[Any], None]) -> None:
        for _ in range(ATTEMPTS):
            with _told(self._folder):
                newest = self._database.open_table(self._name)
                try:
                    change(newest)
                except (RuntimeError, OSError, ValueError) as error:
                    if not any(word in str(error).lower() for word in _CONFLICT):
                        raise
                else:
                    return
        raise ConflictError(
            f"Others kept changing {self._folder}: this change lost {ATTEMPTS} times and was not made. Try it again."
        )


def among(column: str, values: Sequence[str]) -> str:
    """The SQL condition that a column has one of these values."""
    if not values:
        return "false"
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({quoted})"


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Lance's errors in our words: what can't be written is a matter of the path, the rest is damage."""
    try:
        yield
    except RavlmError:
        raise
    except Exception as error:  # damage surfaces as whatever Lance, Arrow or Rust run into
        reason = str(error).strip().split("\n")[0][:300]
        if any(word in reason.lower() for word in ("permission denied", "no space left", "read-only")):
            raise PathError(
                f"The knowledge base {folder} can't be written: {reason}. Check space and rights."
            ) from error
        raise KnowledgeCorrupt(
            f"The knowledge base {folder} can't be read: {reason}. Its files are damaged or gone; restore them."
        ) from error
