"""Records in one memory-mapped file of bounded size, read and written by several processes at once.

LMDB keeps them (Chu 2011, MDB: A Memory-Mapped Database): a reader sees the last commit and waits for nobody, a writer
that is killed leaves that commit as it was. Beside the records stands the order in which they were written; when room
is short, those written first are dropped.
"""

import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ravlm.errors import FormatError, PathError
from ravlm.optional import require

lmdb = require("lmdb", "models")

FILE, LOCK = "data.mdb", "lock.mdb"
_FORMAT = b"ravlm bounded records 1"
_ABOUT, _TURN = b"format", b"turn"  # keys beside the databases
_HEAD = 8  # bytes before a record's content: its CRC-32, then zeros, so that numbers stay aligned
_READ_AT_ONCE = 256  # records: a reader keeps the pages it may be looking at from being used again
_WRITTEN_AT_ONCE = 32 * 2**20  # bytes of a transaction
_SPARE = 16  # one part in so many stays free: dropping records takes pages too
_LEAST_SPARE, _METAS = 32, 2  # pages
_DROPPED_AT_ONCE = 8192  # pages of a transaction
_TRIES = 5  # times that room is made for the same records
_PAUSE = 0.002  # seconds before the next try
_READERS = 512
_DAMAGE: tuple[type[Exception], ...] = (
    lmdb.InvalidError,
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
    lmdb.PanicError,
    SystemError,  # how the binding tells of some damage
)
Made = TypeVar("Made")


@dataclass(frozen=True)
class Usage:
    """How many records a file holds, the bytes they take in it, and the bytes it may take."""

    entries: int
    used: int
    limit: int


class BoundedFile:
    """Bytes by key in a folder, never above `limit` bytes on the disk; get one by `opening.opened`.

    A record is checked when it is read: one that is damaged is as good as none. Damage to the pages that lead there is
    told where LMDB sees it; in rare cases it ends the process. The folder must not be on a network file system, whose
    locks and mappings LMDB can't rely on.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self._folder = folder
        self._limit = limit
        with self._told():
            self._env = lmdb.open(
                str(folder),
                map_size=limit,
                max_dbs=2,
                max_readers=_READERS,
                max_spare_txns=0,  # a forked child that closes would give back its parent's
                metasync=False,  # a power cut may take the last commit, no more
            )
            try:
                self._env.reader_check()
                self._page: int = self._env.stat()["psize"]
                self._lengthen()
                self._records, self._order = self._databases()
            except BaseException:
                self._env.close()
                raise

    def forget(self) -> None:
        """Let go of the file in a process that inherited it by a fork; what the parent has open stays."""
        self._env.close()

    def bound(self, limit: int) -> None:
        """Change the limit. A file that is larger already stays as large, and grows no more."""
        with self.lock, self._told():
            self._limit = limit
            self._env.set_mapsize(limit)

    def usage(self) -> Usage:
        """What the file holds."""
        with self.lock, self._told(), self._begin() as txn:
            return Usage(txn.stat(self._records)["entries"], self._pages(txn) * self._page, self._limit)

    def read(self, keys: Sequence[bytes], make: Callable[[memoryview], Made]) -> list[Made | None]:
        """What `make` makes of each record's content; None where there is none, or a damaged one.

        The content lies in the mapped file: `make` must copy what it keeps.
        """
        found: list[Made | None] = []
        for at in range(0, len(keys), _READ_AT_ONCE):
            with self.lock, self._told(), self._begin() as txn:
                for key in keys[at : at + _READ_AT_ONCE]:
                    record = txn.get(key, db=self._records)
                    found.append(make(record[_HEAD:]) if _whole(key, record) else None)
        return found

    def write(self, items: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep records that are not there yet; one that is there keeps its content and its place in the order.

        What is above a quarter of the limit is not kept, nor what finds no room while another process that reads
        holds on to it.
        """
        batch: list[tuple[bytes, bytes]] = []
        size = 0
        for key, content in items:
            if len(content) > self._limit // 4:
                continue
            batch.append((key, content))
            size += len(content)
            if size >= min(_WRITTEN_AT_ONCE, self._limit // 8):
                self._write(batch)
                batch, size = [], 0
        if batch:
            self._write(batch)

    def _write(self, batch: list[tuple[bytes, bytes]]) -> None:
        with self.lock, self._told():
            with self._begin() as txn:
                missing = [item for item in batch if not _whole(item[0], txn.get(item[0], db=self._records))]
            if not missing:
                return
            records = [(key, _sealed(key, content)) for key, content in missing]
            needed = sum(len(record) for _, record in records) // self._page + 2 * len(records)  # pages
            for again in range(_TRIES):
                self._make_room(needed, again)
                with suppress(lmdb.MapFullError), self._begin(write=True) as txn:
                    for key, record in records:
                        self._keep(txn, key, record)
                    return
                self._env.reader_check()  # one that was killed holds on to what it looked at
                time.sleep(_PAUSE)  # one that reads lets go soon

    def _keep(self, txn: Any, key: bytes, record: bytes) -> None:
        there = txn.get(key, db=self._records)
        if _whole(key, there):
            return
        if there is None:
            with txn.cursor(self._order) as cursor:
                last = int.from_bytes(cursor.key(), "big") if cursor.last() else 0
            txn.put((last + 1).to_bytes(8, "big"), key, db=self._order, append=True)
        txn.put(key, record, db=self._records)

    def _make_room(self, needed: int, again: int) -> None:
        """Drop the records written first until `needed` pages are free.

        Enough pages may be free, and yet looked at by a reader, or not side by side, as a large record needs them. So
        the first time `again` it is just tried once more; then a sixteenth of the room is freed, and twice that.
        """
        room = self._limit // self._page
        with self._begin() as txn:
            pages = self._pages(txn) + needed + max(_LEAST_SPARE, room // _SPARE) - room
        if pages <= 0 and again == 0:
            return
        if pages > 0:
            pages = max(pages, room // 32)
        if again > 1:
            pages = max(pages, room // 16 << (again - 2))
        at_once = _DROPPED_AT_ONCE
        while pages > 0 and at_once > 0:
            try:
                dropped = self._drop(min(pages, at_once))
            except lmdb.MapFullError:
                at_once //= 8
                continue
            if dropped == 0:
                break
            pages -= dropped
        with suppress(lmdb.MapFullError), self._begin(write=True) as txn:
            txn.put(_TURN, os.urandom(8))  # what one commit frees can be used after the next

    def _drop(self, pages: int) -> int:
        """Drop about so many pages of the records written first, and say how many it was, at least one if any."""
        size = 0
        with self._begin(write=True) as txn, txn.cursor(self._order) as cursor:
            there = cursor.first()
            while there and size < pages * self._page:
                key = bytes(cursor.value())
                size += len(txn.get(key, db=self._records) or b"") + _HEAD
                txn.delete(key, db=self._records)
                cursor.delete()
                there = bool(cursor.key())
        dropped: int = -(-size // self._page)
        return dropped

    def _pages(self, txn: Any) -> int:
        """The pages in use, but for the list of the free ones."""
        databases = (self._env.open_db(None, txn=txn), self._records, self._order)
        kinds = ("branch_pages", "leaf_pages", "overflow_pages")
        counts: list[int] = [txn.stat(database)[kind] for database in databases for kind in kinds]
        return _METAS + sum(counts)

    def _databases(self) -> tuple[Any, Any]:
        """The records and their order; made where the file is new."""
        with self._begin(write=True) as txn:  # one that reads does not keep them open
            new = txn.stat(self._env.open_db(None, txn=txn))["entries"] == 0
            if new:
                txn.put(_ABOUT, _FORMAT)
            found = txn.get(_ABOUT)
            if found is None or bytes(found) != _FORMAT:
                raise FormatError(
                    f"{self._folder} is a cache of another format: found {bytes(found or b'none')[:40]!r}, this "
                    f"release reads {_FORMAT!r}. Delete the folder, or give another one."
                )
            records, order = (self._env.open_db(name, txn=txn, create=new) for name in (b"records", b"order"))
        return records, order

    def _lengthen(self) -> None:
        """Make a file that was cut as long as it says: the end reads as zeros then, and as damage, and ends no process.

        Pages that were free when they were first reached are never written, so a sound file may be short too.
        """
        path = self._folder / FILE
        if path.stat().st_size < (self._env.info()["last_pgno"] + 1) * self._page:
            with self._begin(write=True):  # nobody else makes it longer now
                length = (self._env.info()["last_pgno"] + 1) * self._page
                if path.stat().st_size < length:
                    os.truncate(path, length)

    @contextmanager
    def _begin(self, *, write: bool = False) -> Iterator[Any]:
        try:
            txn = self._env.begin(write=write, buffers=True)
        except lmdb.MapResizedError:  # a process with a larger limit wrote beyond ours
            self._env.set_mapsize(self._limit)  # or what is written, if that is more
            txn = self._env.begin(write=write, buffers=True)
        with txn:
            yield txn

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            raise FormatError(
                f"{self._folder / FILE} is damaged, or no file of this cache ({error}). Delete the folder: what was "
                "in it is computed again."
            ) from error
        except lmdb.Error as error:
            raise PathError(f"The cache {self._folder} can't be used: {error}. Check its space and rights.") from error


def _sealed(key: bytes, content: bytes) -> bytes:
    return zlib.crc32(content, zlib.crc32(key)).to_bytes(_HEAD, "little") + content


def _whole(key: bytes, record: memoryview | None) -> bool:
    if record is None or len(record) < _HEAD:
        return False
    return zlib.crc32(record[_HEAD:], zlib.crc32(key)) == int.from_bytes(record[:_HEAD], "little")
