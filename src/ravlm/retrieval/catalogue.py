"""Where the indexes of a base lie, and how one is built, found and opened.

    KB/index/bm25  KB/index/dense-3f0a6c1b2d4e  ...     a folder each

Behind the dash the encoder's fingerprint begins, so indexes of several encoders lie side by side.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ravlm.errors import ConfigError, FormatError, IndexStale, KnowledgeError, PathError, RavlmError
from ravlm.knowledge.places import is_remote
from ravlm.knowledge.store import KnowledgeBase
from ravlm.retrieval.folder import STAMP, Contents, look, read_index
from ravlm.retrieval.indexed import IndexedRetriever
from ravlm.retrieval.kinds import KINDS, kind_named
from ravlm.retrieval.retriever import Progress
from ravlm.retrieval.rows import Rows

if TYPE_CHECKING:
    from ravlm.encoders.base import Encoder

INDEXES = "index"
_DIGITS = 12  # of the encoder's fingerprint in an index's name


@dataclass(frozen=True, slots=True)
class Found:
    """An index in a folder: what its stamp says, or why it can't be used.

    `strange`: the fault is no damage; it is of a format or a kind that this release does not read.
    """

    folder: Path
    contents: Contents | None
    fault: str = ""
    strange: bool = False

    @property
    def kind(self) -> str:
        """Its kind, by its name where the stamp can't be read."""
        return self.contents.kind if self.contents else self.folder.name.partition("-")[0]

    @property
    def bytes(self) -> int:
        """What it takes on the disk."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    @property
    def rows(self) -> int | None:
        """How many things it ranks; None where that can't be read."""
        if self.contents is None or self.fault:
            return None
        files = {role: self.folder / name for role, name in self.contents.files.items()}
        starts = [role.removesuffix("rows") for role in files if role == "rows" or role.endswith("-rows")]
        return sum(Rows.read({r: files[f"{start}{r}"] for r in ("rows", *Rows.CHANGING)}).count for start in starts)


def folder_of(knowledge: KnowledgeBase, elsewhere: Path | None = None) -> Path:
    """The folder in which a base's indexes lie: `index` in its own, or `elsewhere`.

    Raises:
        PathError: the base lies on S3-compatible storage, and no other folder is given.
    """
    if elsewhere is not None:
        return elsewhere.absolute()
    if is_remote(knowledge.location):
        raise PathError(
            f"The indexes of {knowledge.location} can't lie beside it: they are mapped into memory from a disk. Say "
            "where with --index DIR."
        )
    return Path(knowledge.location) / INDEXES


def name_of(kind: str, encoder: str = "") -> str:
    """An index's name: its kind, and the beginning of its encoder's fingerprint.

    >>> name_of("bm25"), name_of("dense", "3f0a6c1b2d4e5f60")
    ('bm25', 'dense-3f0a6c1b2d4e')
    """
    return f"{kind}-{encoder[:_DIGITS]}" if encoder else kind


def found_in(folder: Path, kind: str | None = None, *, checked: bool = False) -> list[Found]:
    """The indexes in a folder by their names, of one kind or of all; with `checked`, each file's content is looked at.

    What is no index's folder is passed over.
    """
    names = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    found = [_looked_at(path, checked) for path in names if (path / STAMP).is_file() or _is_ours(path.name)]
    return [index for index in found if kind in (None, index.kind)]


def build(
    kind: str,
    knowledge: KnowledgeBase,
    encoder: "Encoder | None" = None,
    *,
    progress: Progress | None = None,
    **options: Any,
) -> IndexedRetriever:
    """An index of this kind. `options` are those that the kind takes; None stands for the kind's own choice.

    Raises:
        UnknownChoice: there is no such kind.
        ConfigError: it needs an encoder and has none, or takes no such option.
    """
    about = kind_named(kind)
    given = {name: value for name, value in options.items() if value is not None}
    strange = sorted(given.keys() - set(about.takes))
    if strange:
        raise ConfigError(f"An index of kind {kind!r} takes no {strange[0]!r}. It takes: {', '.join(about.takes)}.")
    if (encoder is None) == bool(about.encoder):
        raise ConfigError(f"An index of kind {kind!r} needs {about.wants}. `ravlm index build --encoder` gives one.")
    retriever: Any = about.retriever
    made: IndexedRetriever = retriever.build(knowledge, *([encoder] if encoder else []), progress=progress, **given)
    return made


def open_index(folder: Path, encoder: "Encoder | None" = None) -> IndexedRetriever:
    """The index in a folder, with its encoder: the one that is given, else from where it came.

    Raises:
        PathError, HubError: there is no index, or its encoder is not where it came from.
        FormatError: it is of another format, or of a kind that this release does not know.
        IndexStale: it is damaged, or was made by another encoder.
    """
    contents = _known(folder)
    about = KINDS[contents.kind]
    if not about.encoder:
        return about.retriever.load(folder)
    return about.retriever.load(folder, encoder=encoder or _encoder_of(folder, contents))


def load_encoder_for(kind: str, source: str | Path, revision: str | None = None) -> "Encoder":
    """The encoder for an index of this kind in a folder, a model's folder, or under a hub name.

    `origin` of a folder is its absolute path, so that the index finds it again.

    Raises:
        PathError, HubError, FormatError: there is none, or it can't be read.
        ConfigError: it is not of the side that the kind needs.
    """
    from ravlm.encoders.choose import TWO_TOWERS, load_encoder

    side = kind_named(kind).encoder
    folder = Path(source).expanduser()
    if folder.is_dir():
        within = folder / ("language" if side == "any" else side)
        folder = within if within.is_dir() else folder
        source = folder.absolute()
    if side in ("visual", "language"):
        encoder = load_encoder(source, side=side, revision=revision)
    else:
        encoder = load_encoder(source, revision=revision)
    if side == "joint" and encoder.kind not in TWO_TOWERS:
        raise ConfigError(
            f"An index of kind {kind!r} needs a joint encoder (CLIP, SigLIP, an aligned pair), and {source} is of kind "
            f"{encoder.kind!r}. Give another one."
        )
    if folder.is_dir():
        encoder.origin, encoder.revision = str(source), None
    return encoder


def sides_of(source: str | Path, revision: str | None = None) -> tuple[str, ...]:
    """What an encoder gives: `visual`, `language`, or both of a model and of a joint one, which is also `joint`.

    Raises:
        PathError, HubError, FormatError: there is no such encoder.
    """
    from ravlm.encoders.choose import JOINT, SIDES, TWO_TOWERS, is_aligned, kind_of
    from ravlm.safe.hub import fetch

    folder = fetch(source, revision).folder
    within = tuple(side for side in SIDES if (folder / side).is_dir())
    if within and not is_aligned(folder):
        return within
    kind = kind_of(folder)
    return (*SIDES, JOINT) if kind in TWO_TOWERS else tuple(side for side, kinds in SIDES.items() if kind in kinds)


def kinds_for(source: str | Path, revision: str | None = None) -> list[str]:
    """The kinds of index that an encoder makes, unless told otherwise. Errors: as `sides_of`."""
    sides = sides_of(source, revision)
    if "joint" in sides:
        return ["image", "crossmodal"]
    return [{"visual": "image", "language": "dense"}[side] for side in sides]


def behind(contents: Contents, knowledge: KnowledgeBase) -> str:
    """How far an index is behind a base, in words; empty where it is up to date."""
    stamp = contents.stamp
    if stamp.knowledge == knowledge.fingerprint:
        return ""
    try:
        number = len(knowledge.differences(stamp.version, stamp.knowledge))
    except KnowledgeError:
        return f"made from version {stamp.version}, which this base does not have any more"
    return f"{number:,} {'entry' if number == 1 else 'entries'} behind, at version {stamp.version}"


def _encoder_of(folder: Path, contents: Contents) -> "Encoder":
    about = contents.settings.get("encoder") or {}
    if not about.get("origin"):
        raise ConfigError(
            f"The index in {folder} was made by an encoder that was in no folder. Give that encoder: --encoder NAME."
        )
    try:
        return load_encoder_for(contents.kind, about["origin"], about.get("revision"))
    except PathError as error:
        raise PathError(
            f"The encoder of the index in {folder} is not where it was, {about['origin']}. Give its place with "
            "--encoder, or build the index again."
        ) from error


def _known(folder: Path) -> Contents:
    contents = look(folder)
    if contents.kind not in KINDS:
        raise FormatError(
            f"The index in {folder} is of kind {contents.kind!r}, which this release does not know. Upgrade ravlm, or "
            "delete the folder."
        )
    return contents


def _looked_at(folder: Path, checked: bool) -> Found:
    try:
        contents = _known(folder)
    except (PathError, FormatError, IndexStale) as error:
        return Found(folder, None, str(error), isinstance(error, FormatError))
    try:
        return Found(folder, read_index(folder, contents.kind) if checked else contents)
    except RavlmError as error:
        return Found(folder, contents, str(error))


def _is_ours(name: str) -> bool:
    kind, dash, digits = name.partition("-")
    return kind in KINDS and bool(dash) == bool(KINDS[kind].encoder) == bool(digits)
