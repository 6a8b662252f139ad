"""The knowledge base: entries and pictures in two LanceDB tables of one folder.

    base.json  entries.lance/  pictures.lance/

Pictures are named by the hash of their bytes and written before the entries that name them, so a reader never finds an
entry without its pictures. A writer commits to the newest version; a reader stays at the version it opened until it
asks for the newest. Lance does not notice a flipped bit in a data file, so every read checks a hash.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from ravlm.errors import FormatError, KnowledgeCorrupt, KnowledgeError, PathError
from ravlm.knowledge.pictures import Pictures, Prepared, picture_batches, prepare
from ravlm.knowledge.rows import ENTRIES, PICTURES, checked_entry, multiset_hash, picture_id
from ravlm.knowledge.tables import Table, among
from ravlm.records import Entry
from ravlm.safe.files import remove_folder, replace_folder_atomic, temporary_folder, write_text_atomic

FORMAT = 1
CARD = "base.json"
WITHIN_A_MODEL = "knowledge"
_ROW = ("id", "hash", "record")
_REMEMBERED = 4096  # entries that `get` keeps, checked, for the version that is read
_COMPARED = 20_000  # ids looked at for the nearest to an unknown one


class KnowledgeBase:
    """A folder of entries, open at one version. Make one with `create`, open one with `open`.

    Methods that read raise `KnowledgeCorrupt` where the files are damaged, never wrong content.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries = Table(folder, "entries")
        self._pictures = Table(folder, "pictures")
        self._fingerprint: str | None = None
        self._got: dict[str, Entry] = {}

    @classmethod
    def create(cls, path: Path) -> "KnowledgeBase":
        """An empty base in a new folder, opened.

        Raises:
            PathError: something is in the way at `path`, or it can't be written.
        """
        temporary = temporary_folder(path)
        try:
            Table.create(temporary, "entries", ENTRIES)
            Table.create(temporary, "pictures", PICTURES)
            write_text_atomic(temporary / CARD, json.dumps({"format": FORMAT}))
            replace_folder_atomic(temporary, path)
        finally:
            remove_folder(temporary)
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "KnowledgeBase":
        """The base in a folder, or in the folder of a model, at its newest version.

        Raises:
            PathError: there is no base.
            FormatError: the base is of a newer format.
        """
        return cls(find_base(path))

    @property
    def version(self) -> int:
        """The version that is read, a number that grows with every change."""
        return self._entries.version

    @property
    def fingerprint(self) -> str:
        """What the base holds, as 64 hex digits: the sum modulo 2**256 of the entries' hashes.

        Two bases with the same entries have the same one, whatever their history. It is summed from the stored
        hashes once a version: a number kept beside them could fall behind them.
        """
        if self._fingerprint is None:
            self._fingerprint = multiset_hash(self._entries.columns(["hash"])["hash"].to_pylist())
        return self._fingerprint

    def refresh(self) -> bool:
        """Move to the newest version; True when it is another."""
        before = self.version
        self._entries.pin()
        self._pictures.pin()
        if changed := self.version != before:
            self._fingerprint = None
            self._got.clear()
        return changed

    def close(self) -> None:
        """Let go of the files; the base can't be read any more."""
        self._entries.close()
        self._pictures.close()

    def count(self) -> int:
        """How many entries there are."""
        return self._entries.count()

    def count_pictures(self) -> int:
        """How many pictures there are, also of entries that are gone."""
        return self._pictures.count()

    def sources(self) -> dict[str, int]:
        """How many entries each source has."""
        return dict(sorted(Counter(self._entries.columns(["source"])["source"].to_pylist()).items()))

    def hashes(self) -> dict[str, tuple[str, bytes]]:
        """Every entry's source and content hash, by id."""
        rows = self._entries.columns(["id", "source", "hash"])
        pairs = zip(rows["source"].to_pylist(), rows["hash"].to_pylist(), strict=True)
        return dict(zip(rows["id"].to_pylist(), pairs, strict=True))

    def __contains__(self, entry_id: object) -> bool:
        return isinstance(entry_id, str) and self._entries.rows([entry_id], ["id"]).num_rows > 0

    def get(self, entry_id: str) -> Entry:
        """The entry with this id.

        Raises:
            KnowledgeError: there is none; the message names the nearest ids.
            KnowledgeCorrupt: its stored hash does not fit its content.
        """
        if entry_id in self._got:
            return self._got[entry_id]
        rows = self._entries.rows([entry_id], _ROW).to_pylist()
        if not rows:
            raise self._unknown([entry_id])
        if len(rows) > 1:
            raise KnowledgeCorrupt(f"The entry {entry_id!r} is there {len(rows)} times. Restore the base from a copy.")
        entry = checked_entry(rows[0]["id"], rows[0]["hash"], rows[0]["record"])
        if len(self._got) >= _REMEMBERED:
            self._got.clear()
        self._got[entry_id] = entry
        return entry

    def iterate(self) -> Iterator[Entry]:
        """Every entry, in the order of their ids. Errors: `KnowledgeCorrupt`, as `get`."""
        before = ""
        for batch in self._entries.batches(_ROW):
            for row in batch.to_pylist():
                if row["id"] == before:
                    raise KnowledgeCorrupt(f"The entry {before!r} is there twice. Restore the base from a copy.")
                before = row["id"]
                yield checked_entry(row["id"], row["hash"], row["record"])

    def picture(self, image_id: str) -> bytes:
        """The bytes of a picture's file.

        Raises:
            KnowledgeError: there is no such picture.
            KnowledgeCorrupt: its bytes do not fit its id.
        """
        rows = self._pictures.rows([image_id], ["bytes"]).to_pylist()
        if not rows:
            raise KnowledgeError(
                f"The base {self.folder} has no picture {image_id!r}. `ravlm knowledge show` lists ids."
            )
        data: bytes = rows[0]["bytes"]
        if picture_id(data) != image_id:
            raise KnowledgeCorrupt(
                f"The picture {image_id} is damaged: its bytes do not fit its id. Restore the base from a copy."
            )
        return data

    def prepare(self, entries: Iterable[Entry], pictures: Pictures | None = None) -> Prepared:
        """Check a change without making it. Arguments and errors are those of `upsert`."""
        return prepare(entries, pictures, self._known_pictures)

    def commit(self, prepared: Prepared, *, only: Sequence[str] = ()) -> None:
        """Make a prepared change in one step, then move to the newest version.

        With `only`, the entries of these sources that are not in the change are deleted in the same step.

        Raises:
            ConflictError: other writers were faster, time after time.
        """
        for batch in picture_batches(prepared):
            self._pictures.merge(batch, update=False)
        self._entries.merge(prepared.rows, delete=among("source", only) if only else None)
        self.refresh()

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
        prepared = self.prepare(entries, pictures)
        if prepared.rows.num_rows:
            self.commit(prepared)

    def delete(self, ids: Sequence[str]) -> None:
        """Delete entries in one step; their pictures stay.

        Raises:
            KnowledgeError: one of them is not there; then none is deleted.
            ConflictError: other writers were faster, time after time.
        """
        self.refresh()
        there = set(self._entries.rows(list(ids), ["id"])["id"].to_pylist())
        if missing := [entry_id for entry_id in ids if entry_id not in there]:
            raise self._unknown(missing)
        if ids:
            self._entries.delete(list(ids))
            self.refresh()

    def damage(self) -> Iterator[str]:
        """Read everything and tell what does not fit: damaged or repeated entries and pictures, pictures that lack."""
        named: dict[str, str] = {}
        before = None
        for batch in self._entries.batches(_ROW):
            for row in batch.to_pylist():
                if row["id"] == before:
                    yield f"entry {row['id']!r}: it is there more than once"
                before = row["id"]
                try:
                    entry = checked_entry(row["id"], row["hash"], row["record"])
                except KnowledgeCorrupt as error:
                    yield f"entry {row['id']!r}: {error}"
                else:
                    named.update(dict.fromkeys(entry.images, entry.id))
        for batch in self._pictures.batches(["id", "bytes"], size=100):
            for row in batch.to_pylist():
                named.pop(row["id"], None)
                if picture_id(row["bytes"]) != row["id"]:
                    yield f"picture {row['id']}: its bytes do not fit its id"
        for image_id, entry_id in named.items():
            yield f"entry {entry_id!r}: its picture {image_id} is not in the base"

    def _known_pictures(self) -> frozenset[str]:
        self._pictures.pin()
        return frozenset(self._pictures.columns(["id"])["id"].to_pylist())

    def _unknown(self, missing: Sequence[str]) -> KnowledgeError:
        ids: list[str] = self._entries.columns(["id"])["id"].to_pylist()
        near = get_close_matches(missing[0], ids[:_COMPARED], n=3)
        hint = f" The nearest: {', '.join(near)}." if near else ""
        wanted = ", ".join(repr(entry_id[:80]) for entry_id in missing[:5]) + (" ..." if len(missing) > 5 else "")
        return KnowledgeError(f"The base {self.folder} has {len(ids):,} entries and none with the id {wanted}.{hint}")


def find_base(path: Path) -> Path:
    """The folder of the base at `path`: itself, or `knowledge` in a model's folder.

    Raises:
        PathError: there is no base.
        FormatError: the base is of another format.
    """
    for folder in (path, path / WITHIN_A_MODEL):
        if (folder / CARD).is_file():
            _check_format(folder / CARD)
            return folder
    found = "nothing" if not path.exists() else "a folder without one" if path.is_dir() else "a file"
    raise PathError(
        f"There is no knowledge base in {path}: found {found}. Give a folder that `ravlm knowledge build` made, or "
        "the folder of a model."
    )


def _check_format(card: Path) -> None:
    try:
        values = json.loads(card.read_bytes())
    except (OSError, ValueError) as error:
        raise KnowledgeCorrupt(f"{card} can't be read ({error}). Restore the base from a copy.") from error
    found = values.get("format") if isinstance(values, dict) else None
    if found != FORMAT:
        raise FormatError(
            f"The knowledge base {card.parent} has format {found!r}; this release reads format {FORMAT}. A newer "
            "format needs a newer ravlm: upgrade it, or build the base again with this one."
        )
