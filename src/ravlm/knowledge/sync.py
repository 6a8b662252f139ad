"""A source added to a base, or a base's entries of a source made equal to it, in one step; other sources left alone."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ravlm.errors import KnowledgeError
from ravlm.knowledge.build import Progress
from ravlm.knowledge.pictures import Prepared
from ravlm.knowledge.rows import ENTRIES
from ravlm.knowledge.sources.part import Source, first_of_each
from ravlm.knowledge.store import KnowledgeBase

MOST_DELETED = 0.20  # share of the source's entries that goes without asking


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Entries by what became of them; `kept` are those that it is not about; `skipped`: what was left out, and why."""

    added: int
    replaced: int
    unchanged: int
    deleted: int
    kept: int
    skipped: Mapping[str, int] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether the base was written at all."""
        return bool(self.added or self.replaced or self.deleted)


def sync(base: KnowledgeBase, source: Source, *, yes: bool = False, progress: Progress = lambda *_: None) -> SyncReport:
    """Make the base's entries of a source equal to it.

    Entries are added, replaced where their content differs, and deleted where the source has them no more; entries of
    other sources stay. Everything is checked before anything is written, and all of it is one commit. A second run
    changes nothing. Memory holds ids and hashes, and what differs several times over while it is written: a first fill
    with a large source is for `build`.

    Args:
        base: the base to change.
        source: its entries name the sources that are made equal, most often one.
        yes: delete more than 20 % of the source's entries without refusing.
        progress: told how far it is.

    Raises:
        KnowledgeError: the source has no entries, an id belongs to another source, or too much would be deleted.
        ConflictError: other writers were faster, time after time.
    """
    with _read(base, source, progress) as found:
        if not found.wanted:
            raise KnowledgeError(
                f"{source.name!r} has no entries, so there is nothing to make equal. To delete, use `ravlm knowledge "
                "remove`."
            )
        own = {entry_id: content for entries in found.own.values() for entry_id, content in entries.items()}
        gone = [entry_id for entry_id in own if entry_id not in found.wanted]
        if len(gone) > MOST_DELETED * len(own) and not yes:
            named = ", ".join(repr(name) for name in list(found.own)[:3])
            raise KnowledgeError(
                f"The source now lacks {len(gone):,} of the {len(own):,} entries that the base has from {named}, for "
                f"instance {gone[0]!r}; they would be deleted, and more than {MOST_DELETED:.0%} is refused. Check the "
                "source; if it is right, say yes (--yes)."
            )
        report = SyncReport(
            added=sum(entry_id not in own for entry_id in found.wanted),
            replaced=sum(own.get(entry_id, content) != content for entry_id, content in found.wanted.items()),
            unchanged=sum(own.get(entry_id) == content for entry_id, content in found.wanted.items()),
            deleted=len(gone),
            kept=base.count() - len(own),
            skipped=dict(sorted(found.skipped.items())),
        )
        if report.changed:
            base.commit(found.prepared(source), delete=gone)
        return report


def add(
    base: KnowledgeBase, source: Source, *, replace: bool = False, progress: Progress = lambda *_: None
) -> SyncReport:
    """Add a source's entries to a base; nothing is deleted.

    Entries whose ids the base has already are left as they are and counted, or with `replace` replaced. Arguments and
    errors else as `sync`.
    """
    with _read(base, source, progress) as found:
        own = {entry_id: content for entries in found.own.values() for entry_id, content in entries.items()}
        known = [entry_id for entry_id in found.wanted if entry_id in own]
        changed = [entry_id for entry_id in known if own[entry_id] != found.wanted[entry_id]]
        prepared = found.prepared(source)
        if not replace:
            rows = prepared.rows.filter(pc.invert(pc.is_in(prepared.rows["id"], pa.array(known, pa.string()))))
            prepared = Prepared(rows, prepared.pictures, prepared.read)
            found.skipped["in the base already, with other content"] += len(changed)
        base.commit(prepared)
        return SyncReport(
            added=len(found.wanted) - len(known),
            replaced=len(changed) if replace else 0,
            unchanged=len(known) - (len(changed) if replace else 0),
            deleted=0,
            kept=base.count() - len(found.wanted),
            skipped={reason: n for reason, n in sorted(found.skipped.items()) if n},
        )


class _Found:
    """A source's entries compared with the base: every id with its hash; the rows that differ, on the disk."""

    def __init__(self, path: Path) -> None:
        self.wanted: dict[str, bytes] = {}
        self.own: dict[str, dict[str, bytes]] = {}
        self.skipped: Counter[str] = Counter()
        self._pictures: dict[str, str] = {}
        self._strange: dict[str, str] = {}  # ids that entries of another source have in the base, and its name
        self._path = path

    def prepared(self, source: Source) -> Prepared:
        """The rows that differ as one change."""
        with pa.memory_map(str(self._path)) as file:
            rows = pa.ipc.open_stream(file).read_all()
        return Prepared(rows, self._pictures, source.picture)

    def read(self, base: KnowledgeBase, source: Source, progress: Progress) -> None:
        with pa.OSFile(str(self._path), "wb") as file, pa.ipc.new_stream(file, ENTRIES) as staged:
            for part in source.parts(None):
                fresh = [entry for entry in first_of_each(part.entries) if entry.id not in self.wanted]
                self.skipped.update(part.skipped)
                if repeated := len(part.entries) - len(fresh):
                    self.skipped["id repeated"] += repeated
                prepared = base.prepare(fresh, source.picture, strict=source.strict)
                self.skipped.update(prepared.left_out)
                staged.write_table(self._differing(base, prepared))
                self._pictures.update(prepared.pictures)
                progress(part.done, source.size, len(self.wanted))
        for entry_id, name in self._strange.items():
            if name not in self.own:
                raise KnowledgeError(
                    f"The id {entry_id!r} belongs to the source {name!r} in the base, and now also to "
                    f"{source.name!r}. Give other ids, or remove those entries first."
                )

    def _differing(self, base: KnowledgeBase, prepared: Prepared) -> pa.Table:
        rows = prepared.rows
        ids, sources, hashes = (rows[column].to_pylist() for column in ("id", "source", "hash"))
        for name in {*sources} - self.own.keys():
            self.own[name] = base.hashes(name)
        strange = [entry_id for entry_id, name in zip(ids, sources, strict=True) if entry_id not in self.own[name]]
        self._strange.update(base.sources_of(strange))
        self.wanted.update(zip(ids, hashes, strict=True))
        differ = [
            self.own[name].get(entry_id) != content
            for entry_id, name, content in zip(ids, sources, hashes, strict=True)
        ]
        return rows.filter(pa.array(differ, pa.bool_()))


@contextmanager
def _read(base: KnowledgeBase, source: Source, progress: Progress) -> Iterator[_Found]:
    base.refresh()
    with tempfile.TemporaryDirectory(prefix="ravlm-sync-") as folder:
        source.workspace = Path(folder)
        found = _Found(Path(folder) / "rows.arrow")
        found.read(base, source, progress)
        yield found
