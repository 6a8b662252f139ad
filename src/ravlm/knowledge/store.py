"""The knowledge base: entries and pictures in two Lance tables of one folder, or of one S3-compatible location.

    entries.lance/  pictures.lance/

Pictures are named by the hash of their bytes and written before the entries that name them, so a reader never finds an
entry without its pictures. A writer commits to the newest version; a reader stays at the version it opened until it
asks for another. Lance does not notice a flipped bit in a data file, so every read checks a hash.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path

import pyarrow.compute as pc
from lance.dataset import LanceDataset

from ravlm.errors import ConflictError, KnowledgeCorrupt, KnowledgeError, PathError
from ravlm.knowledge.changes import Plan, added, ids_of, of_source, planned, stamp_of, without
from ravlm.knowledge.differences import Differences, between
from ravlm.knowledge.pictures import (
    PICTURES_ONLY,
    TURN_ID,
    Pictures,
    Prepared,
    known_in,
    prepare,
    turn,
    write_pictures,
)
from ravlm.knowledge.places import find_base, is_remote
from ravlm.knowledge.rows import ROW, checked_entry, picture_id, whole_hashes
from ravlm.knowledge.stamp import ENTRIES_ONLY, STAMP_ID, Stamp
from ravlm.knowledge.tables import Change, Options, Table, rows_of, told
from ravlm.knowledge.verify import damage
from ravlm.knowledge.versions import Version, versions_of
from ravlm.records import Entry
from ravlm.safe.files import remove_folder, replace_folder_atomic, temporary_folder

KEPT = timedelta(days=7)
"""How long versions can be gone back to, unless told otherwise."""
_REMEMBERED = 4096  # entries that `get` keeps, checked, for the version that is read
_COMPARED = 20_000  # ids looked at for the nearest to an unknown one
_TAKEN = 2_000  # entries that `iterate` reads at once


class KnowledgeBase:
    """Entries and pictures, open at one version. Make one with `create`, open one with `open`.

    Methods that read raise `KnowledgeCorrupt` where the files are damaged, never wrong content. Methods that change
    something do it in one commit, or not at all, and move to the newest version.
    """

    def __init__(self, location: str | Path, options: Options | None = None, version: int | None = None) -> None:
        self.location = str(location) if is_remote(location) else str(Path(location).absolute())
        self._entries = Table(self.location, "entries", options, version)
        self._pictures = Table(self.location, "pictures", options)
        self._pin(version)

    @classmethod
    def create(cls, path: str | Path, options: Options | None = None) -> "KnowledgeBase":
        """An empty base in a new folder, opened.

        Args:
            path: a folder, or a location as `s3://bucket/name`.
            options: what Lance needs to reach a location (`aws_access_key_id`, `aws_endpoint`, ...); without it, the
                environment's.

        Raises:
            PathError: something is in the way at `path`, or it can't be written.
        """
        if is_remote(path):
            _create(str(path), options)
            return cls(path, options)
        temporary = temporary_folder(Path(path))
        try:
            _create(str(temporary), options)
            replace_folder_atomic(temporary, Path(path))
        finally:
            remove_folder(temporary)
        return cls(path)

    @classmethod
    def open(cls, path: str | Path, options: Options | None = None, version: int | None = None) -> "KnowledgeBase":
        """The base at a location, or in the folder of a model.

        Args:
            path: a folder, or a location as `s3://bucket/name`.
            options: as for `create`.
            version: the version to read; without it, the newest.

        Raises:
            PathError: there is no base.
            KnowledgeError: there is no such version.
            FormatError: the base is of another format.
            KnowledgeCorrupt: the version's entries are not as many as its stamp says.
        """
        return cls(find_base(path), options, version)

    @property
    def version(self) -> int:
        """The version that is read, a number that grows with every change."""
        return self._entries.version

    @property
    def fingerprint(self) -> str:
        """What the base holds, as 64 hex digits: the sum modulo 2**256 of the entries' hashes.

        Two bases with the same entries have the same one, whatever their history. It is kept in the version's stamp.
        """
        return self._stamp.fingerprint

    def latest(self) -> int:
        """The number of the newest version, which may be another than the one that is read."""
        return self._entries.latest()

    def refresh(self) -> bool:
        """Move to the newest version; True when it is another."""
        before = self.version
        if self.latest() != before:
            self._pin(None)
        return self.version != before

    def close(self) -> None:
        """Let go of the files; the base can't be read any more."""
        self._entries.close()
        self._pictures.close()

    def versions(self, newest: int | None = None) -> list[Version]:
        """The versions that are kept, oldest first; only the `newest` so many, where that is given."""
        return versions_of(self._entries, newest)

    def rollback(self, version: int) -> None:
        """Make the base hold what it held at a version. This is a change like others: it can be gone back on too.

        Raises:
            KnowledgeError: there is no such version.
            KnowledgeCorrupt: that version is damaged.
        """
        self._pin(version)
        self._entries.restore()
        self._pin(None)

    def count(self) -> int:
        """How many entries there are."""
        return self._stamp.entries

    def count_pictures(self) -> int:
        """How many pictures there are, also of entries that are gone."""
        return self._pictures.count() - 1  # the row that is no picture

    def sources(self) -> dict[str, int]:
        """How many entries each source has."""
        counts: Counter[str] = Counter()
        for batch in self._entries.scan(["source"], 100_000, ENTRIES_ONLY):
            counts.update({pair["values"]: pair["counts"] for pair in pc.value_counts(batch["source"]).to_pylist()})
        return dict(sorted(counts.items()))

    def hashes(self, source: str | None = None) -> dict[str, bytes]:
        """The content hash of every entry, or of every entry of a source, by id; empty for one that is damaged."""
        found: dict[str, bytes] = {}
        where = ENTRIES_ONLY if source is None else of_source(source)
        for batch in self._entries.scan(["id", "hash", "record"], 1000, where):
            found.update(whole_hashes(batch))
        return found

    def differences(self, version: int, fingerprint: str) -> Differences:
        """What changed from a version, which had this fingerprint, to the one that is read, at the change's cost.

        Raises:
            KnowledgeError: that version is not kept any more, or had another fingerprint: it is another base's.
        """
        before = self._entries.at(version)
        found = stamp_of(before, self.location).fingerprint
        if found != fingerprint:
            raise KnowledgeError(
                f"Version {version} of {self.location} has the fingerprint {found[:12]}, and {fingerprint[:12]} was "
                "asked for. That is another base's version, or one from before a restore."
            )
        return between(before, self._entries.pinned, self.location)

    def sources_of(self, ids: Sequence[str]) -> dict[str, str]:
        """The sources of those of these entries that are there, by id."""
        rows = self._entries.rows(ids, ["id", "source"])
        return dict(zip(rows["id"].to_pylist(), rows["source"].to_pylist(), strict=True))

    def __contains__(self, entry_id: object) -> bool:
        return isinstance(entry_id, str) and entry_id != STAMP_ID and bool(self.sources_of([entry_id]))

    def get(self, entry_id: str) -> Entry:
        """The entry with this id.

        Raises:
            KnowledgeError: there is none; the message names the nearest ids.
            KnowledgeCorrupt: its stored hash does not fit its content.
        """
        if entry_id in self._got:
            return self._got[entry_id]
        rows = self._entries.rows([entry_id], ROW).to_pylist()
        rows = rows or self._entries.without_index(entry_id, ROW).to_pylist()
        if not rows or entry_id == STAMP_ID:
            raise self._unknown([entry_id])
        if len(rows) > 1:
            raise KnowledgeCorrupt(f"The entry {entry_id!r} is there {len(rows)} times. Restore the base from a copy.")
        entry = checked_entry(rows[0])
        if len(self._got) >= _REMEMBERED:
            self._got.clear()
        self._got[entry_id] = entry
        return entry

    def iterate(self) -> Iterator[Entry]:
        """Every entry, in the order of their ids.

        Raises:
            KnowledgeCorrupt: as `get`; also where entries are lost or there more than once, after the last one.
        """
        table, stamp = self._entries.pinned, self._stamp
        with told(self.location):
            ids = table.to_table(columns=["id"])["id"]
        order = pc.sort_indices(ids)
        stamps = pc.sum(pc.equal(ids, STAMP_ID)).as_py() or 0
        seen = Stamp()
        for start in range(stamps, len(order), _TAKEN):
            with told(self.location):
                rows = table.take(order[start : start + _TAKEN].to_pylist(), columns=list(ROW)).to_pylist()
            for row in rows:
                yield checked_entry(row)
            seen = seen.plus([row["hash"] for row in rows])
        if seen != stamp:
            raise KnowledgeCorrupt(
                f"The knowledge base {self.location} holds {seen.entries:,} entries that are not the "
                f"{stamp.entries:,} of its stamp: some are lost, or there more than once. `ravlm knowledge "
                "verify` tells which; go back with `ravlm knowledge rollback`, or restore it from a copy."
            )

    def picture(self, image_id: str) -> bytes:
        """The bytes of a picture's file.

        Raises:
            KnowledgeError: there is no such picture.
            KnowledgeCorrupt: its bytes do not fit its id.
        """
        rows = self._pictures.rows([image_id], ["bytes"]).to_pylist()
        rows = rows or self._pictures.without_index(image_id, ["bytes"]).to_pylist()
        if not rows or image_id == TURN_ID:
            raise KnowledgeError(
                f"The base {self.location} has no picture {image_id!r}. `ravlm knowledge show` lists ids."
            )
        data: bytes = rows[0]["bytes"]
        if picture_id(data) != image_id:
            raise KnowledgeCorrupt(
                f"The picture {image_id} is damaged: its bytes do not fit its id. Restore the base from a copy."
            )
        return data

    def prepare(self, entries: Iterable[Entry], pictures: Pictures | None = None, *, strict: bool = True) -> Prepared:
        """Check a change without making it. Arguments and errors are those of `upsert`.

        Where `strict` is not asked for, an entry is kept without the pictures that can't be read.
        """
        return prepare(entries, pictures, known_in(self._pictures), strict=strict)

    def commit(self, prepared: Prepared, *, delete: Sequence[str] = ()) -> bool:
        """Make a prepared change in one step, and delete these entries in the same.

        Returns:
            False where the base holds all of it already; then nothing is written.

        Raises:
            ConflictError: other writers were faster, time after time.
        """
        write_pictures(self._pictures, prepared)
        return self._commit(lambda newest: planned(newest, self.location, prepared.rows, delete))

    def add(self, entries: Iterable[Entry], pictures: Pictures | None = None) -> None:
        """Add new entries in one step. Arguments and errors are those of `upsert`.

        Raises:
            KnowledgeError: also where one of the ids is there already; then none is added.
        """
        prepared = self.prepare(entries, pictures)
        write_pictures(self._pictures, prepared)
        self._commit(lambda newest: added(newest, self.location, prepared.rows))

    def upsert(self, entries: Iterable[Entry], pictures: Pictures | None = None) -> None:
        """Add entries, or replace those with the same ids, in one step. Nothing is written where one is at fault.

        Args:
            entries: where an id repeats, the last one counts.
            pictures: gives the bytes of a picture that an entry names; the entry then names it by its id. Without
                it, entries name pictures that are in the base, by their ids.

        Raises:
            ImageError: a picture can't be decoded.
            KnowledgeError: an entry can't be kept, or names a picture that is not there.
            ConflictError: other writers were faster, time after time.
        """
        self.commit(self.prepare(entries, pictures))

    def delete(self, ids: Sequence[str] = (), *, source: str | None = None) -> int:
        """Delete entries in one step, by their ids or by their source; their pictures stay until `compact`.

        Returns:
            How many are deleted.

        Raises:
            KnowledgeError: one of them is not there, or the source has none; then none is deleted.
            ConflictError: other writers were faster, time after time.
        """
        deleted: list[str] = []

        def plan(newest: LanceDataset) -> Change | None:
            deleted[:] = ids_of(newest, self.location, source) if source is not None else dict.fromkeys(ids)
            there = set(rows_of(newest, deleted, ["id"], self.location)["id"].to_pylist()) - {STAMP_ID}
            if missing := [entry_id for entry_id in deleted if entry_id not in there]:
                raise self._unknown(missing)
            if source is not None and not deleted:
                known = ", ".join(repr(name) for name in self.sources())
                raise KnowledgeError(f"{self.location} has no entries of the source {source!r}; it has: {known}.")
            return without(newest, self.location, deleted)

        self._commit(plan)
        return len(deleted)

    def compact(self, keep: timedelta = KEPT) -> None:
        """Join small files, make the index anew, and let go of what only versions older than `keep` need.

        Content and fingerprint stay; readers of versions that are let go must `refresh`. With a `keep` of nothing,
        pictures that no entry names are deleted too: then nobody else may be writing. Small files are also joined by
        themselves when many changes have piled up.
        """
        self._pin(None)
        if not keep:
            self._entries.compact(whole=True)
            self._entries.forget(keep)  # before the pictures go, so no version is left that names them
            self._pin(None)
            named = {image_id for entry in self.iterate() for image_id in entry.images}
            ids = self._pictures.columns(["id"], PICTURES_ONLY)["id"].to_pylist()
            self._pictures.delete([image_id for image_id in ids if image_id not in named])
        for table in (self._entries, self._pictures):
            table.compact(whole=True)
            table.forget(keep)
        self._pin(None)

    def verify(self) -> Iterator[str]:
        """Read everything and tell what does not fit, a line each: see `ravlm.knowledge.verify.damage`."""
        return damage(self._entries, self._pictures, self._stamp)

    def _commit(self, plan: Plan) -> bool:
        before = self.version
        changed = self._entries.commit(plan)
        if self.version != before:
            self._look()
        if changed and self._entries.crowded():
            with suppress(ConflictError, PathError):  # the change is made; another one will join the files
                self._entries.compact()
                self._look()
        return changed

    def _pin(self, version: int | None) -> None:
        self._entries.pin(version)
        self._pictures.pin()
        self._look()

    def _look(self) -> None:
        """Take in the version that is pinned now."""
        self._got: dict[str, Entry] = {}
        self._stamp = stamp_of(self._entries.pinned, self.location)
        if (rows := self._entries.count()) != self._stamp.entries + 1:
            raise KnowledgeCorrupt(
                f"The knowledge base {self.location} has {rows - 1:,} entries at version {self.version}, and its stamp "
                f"says {self._stamp.entries:,}: files are damaged. Go back with `ravlm knowledge rollback`, or restore "
                "the base from a copy."
            )

    def _unknown(self, missing: Sequence[str]) -> KnowledgeError:
        ids: list[str] = self._entries.columns(["id"], ENTRIES_ONLY)["id"].slice(0, _COMPARED).to_pylist()
        near = get_close_matches(missing[0], ids, n=3)
        hint = f" The nearest: {', '.join(near)}." if near else ""
        wanted = ", ".join(repr(entry_id[:80]) for entry_id in missing[:5]) + (" ..." if len(missing) > 5 else "")
        return KnowledgeError(
            f"The base {self.location} has {self.count():,} entries and none with the id {wanted}.{hint}"
        )


def _create(location: str, options: Options | None) -> None:
    Table.create(location, "pictures", turn(), options)
    Table.create(location, "entries", Stamp().row(), options)
