"""Redirects on the disk: which other titles lead to an article.

A redirect stands before or after its target in a dump, and there are millions of them. So a first pass over the dump
writes them to an SQLite file, and memory stays small.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

MOST_ALIASES = 1000  # of one article
_FURTHEST = 3  # redirects to redirects that are followed


class RedirectWriter:
    """Writes (target, other title) pairs; the file is ready when it is closed."""

    def __init__(self, path: Path) -> None:
        """Make the file."""
        self._database = sqlite3.connect(path, isolation_level=None)
        for line in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-65536"):
            self._database.execute(line)
        self._database.execute("CREATE TABLE redirects (target TEXT NOT NULL, title TEXT NOT NULL)")

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Write some."""
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO redirects VALUES (?, ?)", pairs)
        self._database.execute("COMMIT")

    def close(self) -> None:
        """Sort them by target and close the file."""
        self._database.execute("CREATE INDEX by_target ON redirects (target, title)")
        self._database.close()


class Redirects:
    """Reads what a `RedirectWriter` wrote."""

    def __init__(self, path: Path) -> None:
        """Open the file for reading."""
        self._database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)

    def aliases(self, title: str) -> tuple[str, ...]:
        """The titles that lead to this one, sorted; also over other redirects. At most `MOST_ALIASES`."""
        found: dict[str, None] = {title: None}
        newest = [title]
        for _ in range(_FURTHEST):
            reached: dict[str, None] = {}
            for target in newest:
                query = "SELECT DISTINCT title FROM redirects WHERE target = ? ORDER BY title LIMIT ?"
                for (other,) in self._database.execute(query, (target, MOST_ALIASES)):
                    if other not in found and len(found) <= MOST_ALIASES:
                        found[other] = reached[other] = None
            newest = list(reached)
            if not newest:
                break
        return tuple(sorted(found.keys() - {title}))

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def target_of(redirect: str) -> str:
    """The title of the page that a redirect leads to, without the place on it.

    >>> target_of("Ant#Castes"), target_of("ant_hill")
    ('Ant', 'Ant hill')
    """
    title = redirect.partition("#")[0].replace("_", " ").strip()
    return title[:1].upper() + title[1:]
