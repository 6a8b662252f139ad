"""What every source gives: its entries part by part, each with what was left out and where reading goes on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ravlm.records import Entry

Place = Any
"""Where reading goes on after a part: JSON that only its source understands."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a source.

    `entries` name pictures as the source's `picture` understands them; `read` counts records looked at, kept or not;
    `skipped` says how many were left out, by reason; `done` is how much of the source's `size` is behind us; `place` is
    where `parts` goes on.
    """

    entries: Sequence[Entry]
    read: int
    done: int
    place: Place
    skipped: Mapping[str, int] = field(default_factory=dict)


def first_of_each(entries: Sequence[Entry]) -> list[Entry]:
    """The entries without those whose id has come before, in their order."""
    first = {entry.id: entry for entry in reversed(entries)}
    return [*reversed(first.values())]


class Source(Protocol):
    """A place that knowledge comes from. With the same settings it gives the same entries in the same order."""

    kind: str
    """The word by which the command line knows it."""
    name: str
    """The `source` of its entries."""
    path: Path
    """The file or folder that is read."""
    size: int
    """How much there is to read, in bytes (or another unit that `Part.done` shares)."""
    expansion: float = 1.0
    """About how many bytes a base takes for one of `size`, measured; for the estimate before a build."""
    memory: int = 0
    """About how many bytes of memory reading it takes at most, measured."""
    strict: bool = False
    """Whether a picture that can't be read ends the work; else its entry is kept without it, and that is counted."""
    workspace: Path | None = None
    """A folder for what reading needs to keep; whoever reads may set it, else the source makes a temporary one."""

    def settings(self) -> dict[str, Any]:
        """What the entries depend on, as JSON: a build that is taken up again must have the same."""
        ...

    def parts(self, after: Place | None = None) -> Iterator[Part]:
        """The source's entries from the beginning, or after the part that had this `place`.

        Memory is bounded: a part holds at most some thousands of entries.
        """
        ...

    def picture(self, name: str) -> bytes:
        """The bytes of a picture that an entry names.

        Raises:
            PathError: it is missing, or lies outside the source.
            ImageError: it is too large.
        """
        ...
