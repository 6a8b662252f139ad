"""A knowledge base from a source: streamed, in bounded memory, taken up again after a kill."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ravlm.errors import KnowledgeError, PathError, RavlmError
from ravlm.knowledge.building import Building, building_folder
from ravlm.knowledge.pictures import Prepared
from ravlm.knowledge.sources.part import Part, Source

Progress = Callable[[int, int, int], None]
"""Called with (how much of the source is read, how much there is, entries so far)."""

_ROWS = 5_000  # entries in one commit,
_BYTES = 64_000_000  # or so many bytes of them
_PICTURES = 500  # or so many pictures,
_SECONDS = 30.0  # or all that came in this time
_MEMORY = 400_000_000  # bytes that the store takes at most, measured at a million entries
_SPARE = 1.2  # of the estimate must be free


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What became of a source: records `read`, entries `kept`, and what was `skipped` with the reasons.

    `resumed` says that a killed build was taken up.
    """

    read: int
    kept: int
    skipped: Mapping[str, int]
    resumed: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a build needs, in bytes: on the `disk`, of which so many are `free`, and of `memory` at most."""

    disk: int
    free: int
    memory: int


def estimate(source: Source, out: Path, limit: int | None = None) -> Estimate:
    """What building from a source will need, from its size and what such sources were measured to take.

    What a stopped build has written already is not needed again.

    Raises:
        PathError: the disk has less room than that, and no `limit` makes it unknown.
    """
    above = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    written = sum(path.stat().st_size for path in building_folder(out).rglob("*") if path.is_file())
    disk = max(0, round(source.size * source.expansion) - written)
    needed = Estimate(disk, shutil.disk_usage(above).free, _MEMORY + source.memory)
    if needed.disk * _SPARE > needed.free and limit is None:
        raise PathError(
            f"The base will take about {needed.disk / 1e6:,.0f} MB in {above}, where {needed.free / 1e6:,.0f} MB are "
            "free. Make room, give another --out, or a --limit."
        )
    return needed


def build(source: Source, out: Path, *, limit: int | None = None, progress: Progress = lambda *_: None) -> BuildReport:
    """Build a base from a source. It appears at `out` when it is whole.

    What is done is kept beside `out`, so the same call after a kill goes on where it was and ends with the same
    fingerprint. Of entries with the same id the first is kept.

    Args:
        source: what to read.
        out: the folder to write: new or empty.
        limit: entries to stop after.
        progress: told how far it is.

    Raises:
        PathError: something is in the way at `out`, or another process is building there.
        KnowledgeError: an unfinished build has other settings, nothing became an entry, or one can't be kept.
        FormatError: the source is damaged.
    """
    building = Building(out, _identity(source) | {"limit": limit})
    source.workspace = building.workspace
    resumed = building.place is not None
    try:
        with ThreadPoolExecutor(1) as aside:  # writing leaves Python's lock, so the next parts are read meanwhile
            writing: Future[None] | None = None
            for prepared, part in _batches(building, source, limit, progress):
                if writing is not None:
                    writing.result()
                writing = aside.submit(building.write, prepared, part.place, building.tally.copy())
            if writing is not None:
                writing.result()
        _check_found(building, source)
        building.finish()
    except RavlmError as error:
        if source.strict or not isinstance(error, PathError):  # the source must be mended, so nothing goes on
            building.discard()
        raise
    finally:
        building.close()
    tally = building.tally
    return BuildReport(tally.read, tally.entries, dict(sorted(tally.skipped.items())), resumed)


def _check_found(building: Building, source: Source) -> None:
    if not building.tally.entries:
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in building.tally.skipped.items())
        raise KnowledgeError(
            f"Nothing in {source.path} became an entry: {building.tally.read:,} records were read"
            + (f"; left out: {left_out}" if left_out else "")
            + f". Is it of the kind {source.kind!r}?"
        )


def _identity(source: Source) -> dict[str, Any]:
    """What must be the same for a build to be taken up: the source as it is, and how it is read."""
    modified = source.path.stat().st_mtime_ns if source.path.is_file() else None
    told = {"kind": source.kind, "name": source.name, "path": str(source.path.absolute()), "size": source.size}
    return told | {"modified": modified} | source.settings()


def _batches(
    building: Building, source: Source, limit: int | None, progress: Progress
) -> Iterator[tuple[list[Prepared], Part]]:
    """Parts enough for a commit, and the last of them."""
    batch: list[Prepared] = []
    began = time.monotonic()
    for part in source.parts(building.place):
        left = None if limit is None else limit - building.tally.entries
        entries = part.entries[:left]
        prepared = building.prepare(entries, source)
        building.tally.count(part, len(entries), prepared.left_out)
        batch.append(prepared)
        progress(part.done, source.size, building.tally.entries)
        full = left is not None and len(part.entries) >= left
        many = sum(p.rows.num_rows for p in batch) >= _ROWS or sum(p.rows.nbytes for p in batch) >= _BYTES
        many = many or sum(len(p.pictures) for p in batch) >= _PICTURES
        if full or many or time.monotonic() - began > _SECONDS:
            yield batch, part
            batch, began = [], time.monotonic()
        if full:
            return
    if batch:
        yield batch, part
