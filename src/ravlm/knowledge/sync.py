"""A source of a base made equal to a file, in one step, other sources left alone."""

from dataclasses import dataclass
from pathlib import Path

from ravlm.errors import KnowledgeError
from ravlm.knowledge.build import pictures_below, read_entries
from ravlm.knowledge.store import KnowledgeBase

MOST_DELETED = 0.20  # share of the named sources' entries that goes without asking


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Entries by what became of them; `kept` are those of sources that the file does not name."""

    added: int
    replaced: int
    unchanged: int
    deleted: int
    kept: int

    @property
    def changed(self) -> bool:
        """Whether the base was written at all."""
        return bool(self.added or self.replaced or self.deleted)


def sync(base: KnowledgeBase, path: Path, *, yes: bool = False) -> SyncReport:
    """Make the sources that the lines of a `knowledge.jsonl` name equal to the file.

    Entries are added, replaced where their content differs, and deleted where the file has them no more; entries of
    other sources stay. Pictures are looked for beside the file. Everything is checked before anything is written, and
    all of it is one commit. A second run changes nothing.

    Args:
        base: the base to change.
        path: the file, in the dataset's line format.
        yes: delete more than 20 % of the sources' entries without refusing.

    Raises:
        DatasetError: every fault of the file.
        PathError: a picture is missing.
        ImageError: a picture can't be decoded.
        KnowledgeError: the file is empty, an id belongs to another source, or too much would be deleted.
        ConflictError: other writers were faster, time after time.
    """
    entries = read_entries(path)
    if not entries:
        raise KnowledgeError(
            f"{path} has no entries, so it names no source to be made equal. To delete, use `ravlm knowledge remove`."
        )
    base.refresh()
    there = base.hashes()
    sources = sorted({entry.source for entry in entries})
    foreign = [entry.id for entry in entries if entry.id in there and there[entry.id][0] not in sources]
    if foreign:
        raise KnowledgeError(
            f"The id {foreign[0]!r} belongs to the source {there[foreign[0]][0]!r} in the base, and {path} has the "
            f"source {sources[0]!r} ({len(foreign)} such). Give other ids, or remove those entries first."
        )
    prepared = base.prepare(entries, pictures_below(path.parent))
    wanted = dict(zip(prepared.rows["id"].to_pylist(), prepared.rows["hash"].to_pylist(), strict=True))
    own = {entry_id: content for entry_id, (source, content) in there.items() if source in sources}
    gone = [entry_id for entry_id in own if entry_id not in wanted]
    if len(gone) > MOST_DELETED * len(own) and not yes:
        raise KnowledgeError(
            f"{path} lacks {len(gone):,} of the {len(own):,} entries that the base has from {_named(sources)}, for "
            f"instance {gone[0]!r}; they would be deleted, and more than {MOST_DELETED:.0%} is refused. Check the "
            "file; if it is right, say yes (--yes)."
        )
    report = SyncReport(
        added=sum(entry_id not in own for entry_id in wanted),
        replaced=sum(own.get(entry_id, content) != content for entry_id, content in wanted.items()),
        unchanged=sum(own.get(entry_id) == content for entry_id, content in wanted.items()),
        deleted=len(gone),
        kept=len(there) - len(own),
    )
    if report.changed:
        base.commit(prepared, only=sources)
    return report


def _named(sources: list[str]) -> str:
    return ", ".join(repr(source) for source in sources[:3]) + (" ..." if len(sources) > 3 else "")
