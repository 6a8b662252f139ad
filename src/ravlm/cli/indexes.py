"""Indexes made ready for the command line: found, built where words need one, let follow the base, and kept."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ravlm.cli.console import counted, progress, warn
from ravlm.cli.extras import require_models
from ravlm.errors import ConfigError, PathError
from ravlm.retrieval.kinds import KINDS, LEXICAL, kind_named

if TYPE_CHECKING:
    from ravlm.encoders.base import Encoder
    from ravlm.knowledge.store import KnowledgeBase
    from ravlm.retrieval.catalogue import Found
    from ravlm.retrieval.folder import Stamp
    from ravlm.retrieval.indexed import IndexedRetriever

UP_TO_DATE = "up to date"


class Shelf:
    """The indexes of a base as a search takes them: each opened once, those of words built where there are none.

    What is done beside searching is said on stderr.

    Args:
        knowledge: the base.
        elsewhere: where its indexes lie, where that is not its own folder.
        encoder: the name of the encoder, where an index's own is not meant, or there are indexes of several.
        revision: the hub's commit of that encoder.
    """

    def __init__(
        self,
        knowledge: "KnowledgeBase",
        elsewhere: Path | None = None,
        encoder: str | None = None,
        revision: str | None = None,
    ) -> None:
        from ravlm.retrieval.catalogue import folder_of

        self.knowledge = knowledge
        self._elsewhere = elsewhere
        self._encoder = encoder
        self._revision = revision
        self._open: dict[str, IndexedRetriever] = {}
        try:
            self.folder: Path | None = folder_of(knowledge, elsewhere)
        except PathError:  # on S3: words can still be searched, from memory
            self.folder = None

    def kinds(self) -> list[str]:
        """The kinds of which there is an index; where an encoder is named, those that it can have made."""
        there = [kind for kind in KINDS if self._found(kind)]
        if self._encoder is None:
            return there
        from ravlm.retrieval.catalogue import sides_of

        sides = ("", "any", *sides_of(self._encoder, self._revision))
        return [kind for kind in there if KINDS[kind].encoder in sides]

    def take(self, kind: str) -> "IndexedRetriever":
        """The index of a kind, up to date.

        Raises:
            PathError: there is none, and it is not built on the way.
            ConfigError: there are several, of different encoders, and none is named.
            IndexStale, FormatError: it is damaged, or of another encoder or format.
        """
        if kind not in self._open:
            kind_named(kind)
            self._open[kind] = self._opened(kind)
        return self._open[kind]

    def check_encoder(self) -> None:
        """Refuse a named encoder that no index which was taken has to do with.

        Raises:
            ConfigError: there is one.
        """
        if self._encoder and not any(KINDS[kind].encoder for kind in self._open):
            raise ConfigError(
                f"The encoder {self._encoder} was given, and {' and '.join(self._open)} search without one. Leave "
                "--encoder out, or choose another --retriever."
            )

    def _found(self, kind: str) -> "list[Found]":
        from ravlm.retrieval.catalogue import found_in

        return found_in(self.folder, kind) if self.folder else []

    def _opened(self, kind: str) -> "IndexedRetriever":
        from ravlm.retrieval.catalogue import open_index

        found = self._found(kind)
        encoder = self._loaded(kind)
        if encoder is not None:
            from ravlm.retrieval.catalogue import name_of

            found = [index for index in found if index.folder.name == name_of(kind, encoder.fingerprint())]
        if not found and kind in LEXICAL:
            return self._new(kind)
        if not found:
            raise PathError(self._missing(kind))
        if len(found) > 1:
            raise ConfigError(
                f"There are {len(found)} indexes of kind {kind!r}, of the encoders "
                f"{', '.join(_encoder_name(index) for index in found)}. Say which with --encoder."
            )
        index = open_index(found[0].folder, encoder)
        self._follow(index, found[0])
        return index

    def _loaded(self, kind: str) -> "Encoder | None":
        if not KINDS[kind].encoder:
            return None
        require_models()
        from ravlm.retrieval.catalogue import load_encoder_for

        return load_encoder_for(kind, self._encoder, self._revision) if self._encoder else None

    def _new(self, kind: str) -> "IndexedRetriever":
        """An index of words, which takes little time: built now, and kept where it can be."""
        from ravlm.retrieval.catalogue import build, name_of

        warn(f"There is no {kind} index of {self.knowledge.location} yet: building it.")
        with progress(kind) as report:
            made = build(kind, self.knowledge, progress=report)
        if self.folder is None:
            warn("It is not kept, since the base is not on a disk. --index DIR keeps it.")
        else:
            _keep_or_say(made, self.folder / name_of(kind))
        return made

    def _follow(self, index: "IndexedRetriever", found: "Found") -> None:
        from ravlm.retrieval.catalogue import behind

        late = behind(found.contents, self.knowledge) if found.contents else ""
        if late:
            warn(f"The {index.kind} index is {late}: it follows now.")
            index.refresh(self.knowledge)
            _keep_or_say(index, found.folder)

    def _missing(self, kind: str) -> str:
        named = f" of the encoder {self._encoder}" if self._encoder else ""
        place = self.folder or f"{self.knowledge.location} (say with --index DIR where they lie)"
        wish = ["--retriever", kind, "--encoder", self._encoder or "NAME"]
        wish += ["--index", str(self._elsewhere)] if self._elsewhere else []
        return (
            f"There is no {kind} index{named} in {place}; there are: {', '.join(self.kinds()) or 'none'}. Build it: "
            f"`{shlex.join(['ravlm', 'index', 'build', self.knowledge.location, *wish])}`"
        )


def followed(found: "Found", knowledge: "KnowledgeBase", encoder: str | None) -> str | None:
    """Let an index follow its base; returns what that changed, or None where the index is of another encoder.

    Raises:
        PathError: its encoder is not found, or the folder can't be written.
        IndexStale: it is damaged.
    """
    from ravlm.retrieval.catalogue import behind, load_encoder_for, name_of, open_index, sides_of

    loaded = None
    if KINDS[found.kind].encoder:
        require_models()
    if encoder is not None:
        if KINDS[found.kind].encoder not in ("any", *sides_of(encoder)):
            return None
        loaded = load_encoder_for(found.kind, encoder)
        if found.folder.name != name_of(found.kind, loaded.fingerprint()):
            return None
    if found.contents is None or not behind(found.contents, knowledge):
        return UP_TO_DATE
    change = _change(found.contents.stamp, knowledge)
    index = open_index(found.folder, loaded)
    index.refresh(knowledge)
    kept(index, found.folder)
    return f"{change}; {counted(index.rows.count, 'row', 'rows')} now"


def _change(stamp: "Stamp", knowledge: "KnowledgeBase") -> str:
    """What the base has changed since an index was made."""
    from ravlm.errors import KnowledgeError

    try:
        differences = knowledge.differences(stamp.version, stamp.knowledge)
    except KnowledgeError:
        return f"followed from version {stamp.version}, which is not kept any more"
    numbers = {"added": differences.added, "changed": differences.changed, "gone": differences.gone}
    return ", ".join(f"{len(ids):,} {word}" for word, ids in numbers.items())


def kept(index: "IndexedRetriever", folder: Path) -> None:
    """Save an index.

    Raises:
        PathError: the folder can't be written; the message says that indexes may lie elsewhere.
    """
    try:
        index.save(folder)
    except PathError as error:
        raise PathError(f"{error} `--index DIR` puts indexes elsewhere.") from error


def _keep_or_say(index: "IndexedRetriever", folder: Path) -> None:
    """Save an index; where that can't be done, say that it is used from memory."""
    try:
        kept(index, folder)
    except PathError as error:
        warn(f"It is used from memory alone: {error}")


def _encoder_name(found: "Found") -> str:
    about = found.contents.settings.get("encoder") if found.contents else None
    return str((about or {}).get("origin") or found.folder.name)
