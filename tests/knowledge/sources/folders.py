"""Folders for tests of the folder source, and what it gives of them."""

import json
from collections import Counter
from pathlib import Path

from ravlm.knowledge.rows import canonical
from ravlm.knowledge.sources.folder.source import FolderSource
from ravlm.knowledge.sources.part import Source
from ravlm.records import Entry


def make(folder: Path, files: dict[str, bytes | str]) -> FolderSource:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return FolderSource(folder, "own")


def read(source: Source) -> tuple[dict[str, Entry], dict[str, int]]:
    """The entries by id and what was left out; checks what every part promises."""
    entries: dict[str, Entry] = {}
    skipped: Counter[str] = Counter()
    done = 0
    for part in source.parts():
        assert part.read == len(part.entries) + sum(part.skipped.values())
        assert done <= part.done
        done = part.done
        json.dumps(part.place, ensure_ascii=False).encode()
        for entry in part.entries:
            canonical(entry)
            assert entry.id not in entries
            entries[entry.id] = entry
        skipped.update(part.skipped)
    assert done == source.size
    return entries, dict(skipped)
