"""The versions of a base that are kept, and what each of them holds."""

from dataclasses import dataclass
from datetime import datetime

from ravlm.errors import KnowledgeCorrupt
from ravlm.knowledge.changes import stamp_of
from ravlm.knowledge.tables import Table


@dataclass(frozen=True, slots=True)
class Version:
    """A version that is kept: its number, when it was made (local time), what it holds; None where it is damaged."""

    number: int
    made: datetime
    entries: int | None
    fingerprint: str | None


def versions_of(entries: Table, newest: int | None = None) -> list[Version]:
    """The versions of the entries, oldest first; only the `newest` so many, where that is given."""
    numbered = sorted(entries.versions())
    made = []
    for number, when in numbered[-newest:] if newest else numbered:
        try:
            stamp = stamp_of(entries.at(number), entries.location)
            made.append(Version(number, when, stamp.entries, stamp.fingerprint))
        except KnowledgeCorrupt:
            made.append(Version(number, when, None, None))
    return made
