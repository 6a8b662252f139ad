"""A retriever on an index of a knowledge base: kept in a folder, and refreshed by what differs."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Self

from ravlm.errors import IndexStale, KnowledgeError, words_of
from ravlm.knowledge.differences import Differences, of_hashes
from ravlm.knowledge.store import KnowledgeBase
from ravlm.retrieval.folder import Contents, Stamp, read_index, stamped, write_index
from ravlm.retrieval.retriever import Retriever
from ravlm.retrieval.rows import Rows


class IndexedRetriever(Retriever):
    """Keeps `rows`, what it ranks, and `stamp`, what they were made from.

    A subclass says how its index follows a change (`_follow`), which files it is kept in (`_files`), and how it is
    read from them (`_read`).
    """

    kind: ClassVar[str]

    rows: Rows
    stamp: Stamp

    def __init__(self) -> None:
        self._kept: tuple[Path, Contents] | None = None  # where the index stands on the disk, and what of it
        self._unsaved: set[str] = set()  # roles of files that are not as on the disk

    def check(self, knowledge: KnowledgeBase) -> None:
        """Refuse a base that this index was not made from.

        Raises:
            IndexStale: the base holds something else by now, or is another one.
        """
        if self.stamp.knowledge != knowledge.fingerprint:
            raise IndexStale(
                f"The {self.kind} index was made from version {self.stamp.version} of a knowledge base with the "
                f"fingerprint {self.stamp.knowledge[:12]}, and {knowledge.location} is at version {knowledge.version} "
                f"with {knowledge.fingerprint[:12]}. `ravlm index refresh` lets it follow."
            )

    def refresh(self, knowledge: KnowledgeBase) -> bool:
        """Follow a knowledge base to the version that it reads; True when there was something to do.

        What is gone is not found any more and what is new is. Where the index's own version is kept, the files that
        changed since say what differs; else the entries' hashes do.
        """
        before = self.stamp
        after = Stamp(knowledge.fingerprint, before.encoder, knowledge.version)
        if before.knowledge != after.knowledge:
            self._follow(knowledge, self._differences(knowledge))
        self.stamp = after
        return before.knowledge != after.knowledge

    def save(self, folder: Path) -> None:
        """Write the index, or where it was read from this folder or saved there, what of it has changed.

        Raises:
            PathError: the folder can't be written.
        """
        files = self._files()
        kept = self._kept[1] if self._kept and self._kept[0] == folder else None
        new = {role: write for role, write in files.items() if kept is None or role in self._unsaved}
        if kept is not None and any(role not in files for role in kept.files):
            kept = Contents(kept.kind, kept.stamp, kept.settings, {r: n for r, n in kept.files.items() if r in files})
        self._kept = folder, write_index(folder, self.kind, self.stamp, self.settings(), new, kept)
        self._unsaved = set()

    @classmethod
    def load(cls, folder: Path, **parts: Any) -> Self:
        """The index that was saved in a folder. `parts` are what it needs beside it: its encoder.

        Raises:
            PathError: there is no index of this kind.
            FormatError: it is of another format.
            IndexStale: it is damaged, or was made by another encoder.
        """
        while True:
            stamp = stamped(folder)
            try:
                contents = read_index(folder, cls.kind)
                made = cls._read(folder, contents, **parts)
            except (IndexStale, OSError) as error:
                if stamp != stamped(folder):
                    continue  # it was changed while it was read
                if isinstance(error, IndexStale):
                    raise
                raise IndexStale(
                    f"The index in {folder} can't be read: {words_of(error)}. Build it again with `ravlm index build`."
                ) from error
            made._kept = folder, contents
            return made

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What its reader needs beside its files, as JSON; `engine` and `why` say what searches, and why that."""

    @abstractmethod
    def _follow(self, knowledge: KnowledgeBase, differences: Differences) -> None:
        """Change the index as the base has changed, and note in `_unsaved` which files differ."""

    @abstractmethod
    def _files(self) -> Mapping[str, Callable[[Path], None]]:
        """A writer for each file, by its role."""

    @classmethod
    def _check_encoder(cls, folder: Path, contents: Contents, encoder: Any) -> None:
        """Refuse an encoder that did not make the index.

        Raises:
            IndexStale: its fingerprint is another one.
        """
        if (found := encoder.fingerprint()) != contents.stamp.encoder:
            origin = contents.settings.get("encoder", {}).get("origin")
            raise IndexStale(
                f"The {cls.kind} index in {folder} was made by an encoder with the fingerprint "
                f"{contents.stamp.encoder[:12]}{f' ({origin})' if origin else ''}, and the one given has {found[:12]}. "
                "Give that encoder, or build the index again with `ravlm index build`."
            )

    @classmethod
    @abstractmethod
    def _read(cls, folder: Path, contents: Contents, **parts: Any) -> Self:
        """The index from its files, which are whole."""

    def _differences(self, knowledge: KnowledgeBase) -> Differences:
        if self.stamp.version:
            with suppress(KnowledgeError):
                return knowledge.differences(self.stamp.version, self.stamp.knowledge)
        return of_hashes(self._hashes(), knowledge.hashes())

    def _hashes(self) -> dict[str, bytes]:
        """The content hash of every entry that is in the index."""
        return self.rows.hashes()
