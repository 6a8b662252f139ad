"""Lance's tables as the base uses them: pinned reads, optimistic commits, compaction, and errors in our words."""

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import lance
import pyarrow as pa
from lance.dataset import LanceDataset

from ravlm.errors import ConflictError, FormatError, KnowledgeCorrupt, KnowledgeError, PathError, RavlmError

ATTEMPTS = 20
FORMAT = "2"
MOST_FRAGMENTS = 64  # files of rows that pile up before they are joined
_FORMAT_KEY = b"ravlm.format"
_CONFLICT = ("commit conflict", "concurrent writers", "preempted by", "incompatible transaction")
_AT_ONCE = 500  # ids in one condition
_JOINED = (8_192, 131_072, 1_048_576)  # rows of a file when small ones are joined: seldom and many, often and few
_INDEX_PARTS = 8
_INDEX_CACHE, _METADATA_CACHE = 256 << 20, 64 << 20  # bytes

Options = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a table in one step: rows to add or replace, and an SQL condition for rows to delete."""

    rows: pa.Table
    delete: str | None = None


class Table:
    """One table of a base, pinned to a version for reading; every write commits to the newest one."""

    def __init__(self, location: str, name: str, options: Options | None = None, version: int | None = None) -> None:
        self.location = location
        self.name = name
        self._uri = f"{location}/{name}.lance"
        self._options = dict(options or {}) or None
        self._session = lance.Session(  # type: ignore[attr-defined]
            index_cache_size_bytes=_INDEX_CACHE, metadata_cache_size_bytes=_METADATA_CACHE
        )
        self.pinned: LanceDataset = self.at(version)

    @staticmethod
    def create(location: str, name: str, rows: pa.Table, options: Options | None = None) -> None:
        """Write a new table with an index on `id`."""
        with told(location):
            rows = rows.replace_schema_metadata({_FORMAT_KEY: FORMAT.encode()})
            try:
                table = lance.write_dataset(
                    rows, f"{location}/{name}.lance", storage_options=dict(options or {}) or None
                )
            except OSError as error:
                if "already exists" not in str(error):
                    raise
                raise PathError(f"There is a knowledge base at {location} already. Give another place.") from error
            table.create_scalar_index("id", "BTREE", name="id")

    @property
    def version(self) -> int:
        """The version that is read."""
        return int(self.pinned.version)

    def pin(self, version: int | None = None) -> int:
        """Move to a version, the newest by default, and stay there; returns its number.

        Raises:
            KnowledgeError: there is no such version.
        """
        self.pinned = self.at(version)
        return self.version

    def latest(self) -> int:
        """The number of the newest version."""
        with told(self.location):
            return int(self.pinned.latest_version)

    def versions(self) -> list[tuple[int, datetime]]:
        """Every version that is kept and when it was made (local time), oldest first."""
        with told(self.location):
            listed: list[dict[str, Any]] = list(map(dict, self.pinned.versions()))
        return [(int(version["version"]), version["timestamp"]) for version in listed]

    def restore(self) -> None:
        """Make the pinned version the newest one, as a commit of its own, and pin that."""
        version = self.version
        self._again(lambda: self.at(version).restore())  # type: ignore[no-untyped-call]
        self.pin()

    def count(self) -> int:
        """Rows in the pinned version."""
        with told(self.location):
            return int(self.pinned.count_rows())

    def columns(self, names: Sequence[str], where: str | None = None) -> pa.Table:
        """These columns of every row, or of the rows that fulfil an SQL condition."""
        with told(self.location):
            return self.pinned.to_table(columns=list(names), filter=where)

    def rows(self, ids: Sequence[str], names: Sequence[str]) -> pa.Table:
        """These columns of the rows with these ids, in no particular order, found by the index."""
        return rows_of(self.pinned, ids, names, self.location)

    def without_index(self, row_id: str, names: Sequence[str]) -> pa.Table:
        """These columns of the rows with this id, looked for in all of them: what a damaged index hides is found."""
        with told(self.location):
            return self.pinned.to_table(columns=list(names), filter=among("id", [row_id]), use_scalar_index=False)

    def lost(self, ids: Sequence[str]) -> bool:
        """Whether the index does not find some of these ids, which are there."""
        try:
            found = self.columns(["id"], among("id", ids))
        except KnowledgeCorrupt:
            return True
        return sorted(found["id"].to_pylist()) != sorted(ids)

    def scan(self, names: Sequence[str], size: int = 1000, where: str | None = None) -> Iterator[pa.RecordBatch]:
        """These columns of every row, `size` rows at a time, in the order in which they lie."""
        with told(self.location):
            scanner = self.pinned.scanner(columns=list(names), filter=where, batch_size=size, use_scalar_index=False)
            batches = iter(scanner.to_batches())
        while True:
            with told(self.location):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def append(self, rows: pa.Table) -> None:
        """Add rows, whose ids are known to be new, in one commit; the index does not know them yet."""
        table = self.at()
        with told(self.location):
            table.insert(rows, mode="append")
        self.pin()

    def commit(self, plan: Callable[[LanceDataset], Change | None]) -> bool:
        """Plan a change from the newest version, make it in one commit, and pin what it made; if beaten, again.

        Returns:
            False where the plan was to change nothing.

        Raises:
            ConflictError: other writers were faster, `ATTEMPTS` times.
        """
        changed = False

        def attempt() -> None:
            nonlocal changed
            newest = self.at()
            change = plan(newest)
            if change is not None:
                _merge(newest, change)
            changed, self.pinned = change is not None, newest

        self._again(attempt)
        return changed

    def _again(self, attempt: Callable[[], object]) -> None:
        """Do something that other writers may get in the way of, and where they do, do it again.

        Raises:
            ConflictError: they did, `ATTEMPTS` times.
        """
        for turn in range(ATTEMPTS):
            try:
                with told(self.location):
                    attempt()
            except _Lost:
                time.sleep(random.uniform(0, 0.002 * 2 ** min(turn, 8)))
            else:
                return
        raise ConflictError(
            f"Others kept changing {self.location}: this change lost {ATTEMPTS} times and was not made. Nothing of "
            "it is written. Try it again when they are done."
        )

    def delete(self, ids: Sequence[str]) -> None:
        """Delete the rows with these ids."""
        for part in _parts(ids):
            self._again(partial(self._delete, among("id", part)))
        self.pin()

    def _delete(self, where: str) -> None:
        self.at().delete(where)

    def crowded(self) -> bool:
        """Whether so many small files of rows have piled up that reading suffers."""
        with told(self.location):
            return len(self.pinned.get_fragments()) > MOST_FRAGMENTS

    def compact(self, *, whole: bool = False) -> None:
        """Join small files, bring the index up to date, and pin the outcome; content and fingerprint stay.

        Small files are joined often and large ones seldom, so the cost of a change stays that of the change. `whole`
        joins all of them and makes the index anew.
        """
        if whole:
            try:
                self.join(whole=True)
                self.reindex()
            except KnowledgeCorrupt:  # of the index, or of more, which then is told again
                self._again(lambda: self.at().drop_index("id"))
                self.join(whole=True)
                self.reindex()
            return
        self.join()

        def extend() -> None:
            table = self.at()
            parts = sum(index["name"] == "id" for index in table.list_indices())
            table.optimize.optimize_indices(num_indices_to_merge=parts if parts > _INDEX_PARTS else 0)

        self._again(extend)
        self.pin()

    def reindex(self) -> None:
        """Make the index anew, and pin the outcome."""
        self._again(lambda: self.at().create_scalar_index("id", "BTREE", name="id", replace=True))
        self.pin()

    def join(self, *, whole: bool = False) -> None:
        """Join small files alone, and pin the outcome."""

        def joined() -> None:
            table = self.at()
            sizes = [fragment.physical_rows for fragment in table.get_fragments()]
            target = next((t for t in _JOINED if sum(size >= t for size in sizes) <= MOST_FRAGMENTS // 2), _JOINED[-1])
            table.optimize.compact_files(
                target_rows_per_fragment=_JOINED[-1] if whole else target, compaction_mode="try_binary_copy"
            )

        self._again(joined)
        self.pin()

    def forget(self, older_than: timedelta) -> None:
        """Delete versions that are older, and the files that only they need."""
        with told(self.location):
            self.at().cleanup_old_versions(older_than=older_than)

    def forget_all(self) -> None:
        """Delete every version but the newest, and files that no version needs; for a table that nobody else uses."""
        with told(self.location):
            self.at().cleanup_old_versions(older_than=timedelta(0), delete_unverified=True)

    def close(self) -> None:
        """Let go of the files; any use from now on is a programming error (AttributeError)."""
        del self.pinned, self._session

    def at(self, version: int | None = None) -> LanceDataset:
        """A version of the table, the newest by default.

        Raises:
            KnowledgeError: there is no such version.
            FormatError: the table is of another format.
        """
        with told(self.location):
            try:
                table = lance.dataset(self._uri, version=version, storage_options=self._options, session=self._session)
            except ValueError as error:
                if version is None or "not found" not in str(error).lower():
                    raise
                raise KnowledgeError(
                    f"The knowledge base {self.location} has no version {version}. `ravlm knowledge info` lists the "
                    "versions that are kept."
                ) from error
            found = (table.schema.metadata or {}).get(_FORMAT_KEY, b"").decode(errors="replace")
        if not found:
            raise KnowledgeCorrupt(
                f"The knowledge base {self.location} does not say of which format it is: its files are damaged, or not "
                "ravlm's. Restore it from a copy."
            )
        if found != FORMAT:
            raise FormatError(
                f"The knowledge base {self.location} has format {found!r}; this release reads format {FORMAT}. A "
                "newer format needs a newer ravlm: upgrade it. An older one is built again from its source."
            )
        return table


class _Lost(Exception):
    """Another writer was faster."""


def rows_of(table: LanceDataset, ids: Sequence[str], names: Sequence[str], location: str) -> pa.Table:
    """These columns of the rows with these ids; where the index can't be read, or finds others, without it."""
    found = []
    columns = list(dict.fromkeys(["id", *names]))
    for part in _parts(ids):
        where = among("id", part)
        try:
            with told(location):
                rows = table.to_table(columns=columns, filter=where)
        except KnowledgeCorrupt:
            rows = None
        if rows is None or not {*part}.issuperset(rows["id"].to_pylist()):
            with told(location):
                rows = table.to_table(columns=columns, filter=where, use_scalar_index=False)
        found.append(rows.select(list(names)))
    return pa.concat_tables(found)


def among(column: str, values: Sequence[str]) -> str:
    """The SQL condition that a column has one of these values."""
    if not values:
        return "false"
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({quoted})"


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)] or [[]]


def _merge(table: LanceDataset, change: Change) -> None:
    merge = table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().conflict_retries(0)
    if change.delete is not None:
        merge = merge.when_not_matched_by_source_delete(change.delete)
    merge.execute(change.rows)


@contextmanager
def told(location: str) -> Iterator[None]:
    """Lance's errors in our words: a lost race, a matter of the path or the system, or damage."""
    try:
        yield
    except (RavlmError, _Lost, KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as error:  # damage surfaces as whatever Lance, Arrow or Rust run into, panics among them
        reason = _INNER.sub("", str(error).replace(location.lstrip("/"), "...").strip().split("\n")[0])[:300]
        said = reason.lower()
        if any(word in said for word in _CONFLICT):
            raise _Lost from error
        if "://" in location and any(word in said for word in _UNREACHED):
            raise PathError(
                f"{location} can't be reached: {reason}. Check its name, its rights, and what the environment or the "
                "options say of it (AWS_ENDPOINT, AWS_ACCESS_KEY_ID, ...)."
            ) from error
        if any(word in said for word in _REFUSED):
            raise PathError(
                f"The system does not let the knowledge base {location} be read or written: {reason}. Nothing of the "
                "change was made. Check space, rights and limits."
            ) from error
        raise KnowledgeCorrupt(
            f"The knowledge base {location} can't be read: {reason}. Its files are damaged or gone. `ravlm knowledge "
            "verify` tells more; go back with `ravlm knowledge rollback`, or restore them from a copy."
        ) from error


_INNER = re.compile(r"LanceError\(\w+\): |,? ?/\S+\.rs:\d+:\d+")  # where in Lance it happened
_UNREACHED = ("error sending request", "dispatch", "connect", "credential", "nosuchbucket", "timed out", "dns")
_REFUSED = (
    "permission denied",
    "no space left",
    "read-only file system",
    "file too large",
    "quota exceeded",
    "too many open files",
    "input/output error",
)
