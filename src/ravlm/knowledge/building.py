"""A base on its way: written beside its place, taken up again after a kill, opened only when it is whole."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from ravlm.errors import KnowledgeError
from ravlm.knowledge.pictures import Prepared, known_in, prepare, turn, write_pictures
from ravlm.knowledge.seen import Seen
from ravlm.knowledge.sources.part import Part, Place, Source, first_of_each
from ravlm.knowledge.stamp import ENTRIES_ONLY, STAMP_ID, Stamp
from ravlm.knowledge.tables import Table
from ravlm.records import Entry
from ravlm.safe.files import check_free, lock, remove_folder, replace_folder_atomic, write_text_atomic

STATE = "build.json"
WORKSPACE = "workspace"
_BASE = "base"


@dataclass
class Tally:
    """What became of a source's records so far: `read`, entries found, and those `skipped`, by reason."""

    read: int = 0
    entries: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def copy(self) -> "Tally":
        """The tally as it is now."""
        return Tally(self.read, self.entries, self.skipped.copy())

    def count(self, part: Part, entries: int, left_out: Mapping[str, int]) -> None:
        """Add a part, of which so many entries are kept."""
        self.read += part.read
        self.entries += entries
        self.skipped.update(part.skipped)
        self.skipped.update(left_out)


class Building:
    """The base that is being built for `out`, in the folder `.NAME.building` beside it."""

    def __init__(self, out: Path, settings: Mapping[str, Any]) -> None:
        """Begin it, or take up what a killed build has left.

        Raises:
            PathError: something is in the way at `out`, or another process is building there.
            KnowledgeError: what is left was begun with other settings.
        """
        out = out.absolute()
        check_free(out)
        self.out = out
        self.folder = building_folder(out)
        self.place: Place | None = None
        self.tally = Tally()
        self._settings = json.loads(json.dumps(settings))
        self._lock = lock(out.with_name(f".{out.name}.lock"))
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        base = self.folder / _BASE
        if (self.folder / STATE).is_file() and (base / "entries.lance").is_dir():
            self._take_up()
        else:
            remove_folder(self.folder)
            base.mkdir(parents=True)
            self.workspace.mkdir()
            try:
                Table.create(str(base), "pictures", turn())
                Table.create(str(base), "entries", Stamp().row())
                self._save(self.tally)
            except BaseException:
                remove_folder(self.folder)
                raise
        self._entries = Table(str(base), "entries")
        self._pictures = Table(str(base), "pictures")
        self._seen = Seen(lambda ids: self._entries.rows(ids, ["id"])["id"].to_pylist())
        for rows in self._entries.scan(["id"], 100_000, ENTRIES_ONLY):
            self._seen.add(rows["id"].to_pylist())

    @property
    def workspace(self) -> Path:
        """A folder that lasts as long as the build does, for what its source needs to keep."""
        return self.folder / WORKSPACE

    def prepare(self, entries: Sequence[Entry], source: Source) -> Prepared:
        """Rows and pictures of entries, checked; of a repeated id, the first entry counts."""
        return prepare(first_of_each(entries), source.picture, known_in(self._pictures), strict=source.strict)

    def write(self, prepared: list[Prepared], place: Place | None, tally: Tally) -> None:
        """Add parts whose entries are not there yet, and note where reading goes on and the tally until there."""
        for change in prepared:
            write_pictures(self._pictures, change)
        rows = pa.concat_tables(change.rows for change in prepared)
        ids = rows["id"].to_pylist()
        first = {entry_id: at for at, entry_id in reversed([*enumerate(ids)])}
        met = self._seen.add(list(first))
        new = sorted(at for entry_id, at in first.items() if entry_id not in met)
        if new:
            self._entries.append(rows if len(new) == len(ids) else rows.take(new))
            if self._entries.crowded():
                self._entries.join()
        self.place = place
        self._save(tally)

    def finish(self) -> None:
        """Write the stamp, join the files, and put the base in its place."""
        self._entries.pin()
        total = Stamp()
        for batch in self._entries.scan(["hash"], 100_000, ENTRIES_ONLY):
            total = total.plus(batch["hash"].to_pylist())
        self._entries.delete([STAMP_ID])
        self._entries.append(total.row())
        for table in (self._entries, self._pictures):
            table.reindex()
            table.forget_all()
        if repeated := self.tally.entries - total.entries:
            self.tally.skipped["id repeated"] += repeated
        self.tally.entries = total.entries
        replace_folder_atomic(self.folder / _BASE, self.out)
        remove_folder(self.folder)

    def discard(self) -> None:
        """Remove what is written, so that the next build begins anew."""
        remove_folder(self.folder)

    def close(self) -> None:
        """Let another process build; what is written stays."""
        self._lock.release()

    def _save(self, tally: Tally) -> None:
        told = {"read": tally.read, "entries": tally.entries, "skipped": dict(tally.skipped)}
        state = {"settings": self._settings, "place": self.place, "tally": told}
        write_text_atomic(self.folder / STATE, json.dumps(state, ensure_ascii=False))

    def _take_up(self) -> None:
        state = json.loads((self.folder / STATE).read_bytes())
        different = sorted(
            name
            for name in {*state["settings"], *self._settings}
            if state["settings"].get(name) != self._settings.get(name)
        )
        if different:
            begun = state["settings"]
            raise KnowledgeError(
                f"A build into {self.out} was begun and not finished, of {begun.get('kind')!r} from "
                f"{begun.get('path')}; now it is another source, or it or an option has changed "
                f"({', '.join(different[:5])}). Remove {self.folder} to begin anew."
            )
        if state["place"] is None:
            return  # reading starts over, and so does what was counted
        self.place = state["place"]
        self.tally = Tally(state["tally"]["read"], state["tally"]["entries"], Counter(state["tally"]["skipped"]))


def building_folder(out: Path) -> Path:
    """Where the base for `out` is while it is being built."""
    return out.absolute().with_name(f".{out.absolute().name}.building")
