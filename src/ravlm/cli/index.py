"""`ravlm index`: build the indexes of a knowledge base, let them follow it, look at them."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravlm.cli.console import columns, counted, duration, emit_json, examples, progress, say
from ravlm.cli.knowledge.common import Base, Json, opened
from ravlm.retrieval.kinds import KINDS, LEXICAL, kind_named

if TYPE_CHECKING:
    from ravlm.knowledge.store import KnowledgeBase
    from ravlm.retrieval.catalogue import Found
    from ravlm.retrieval.indexed import IndexedRetriever

Elsewhere = Annotated[
    Path | None,
    typer.Option("--index", metavar="DIR", help="Where the indexes lie; else in the folder `index` of the base."),
]
EncoderName = Annotated[
    str | None, typer.Option(metavar="NAME", help="A name on the hub, an encoder's folder, or a model's folder.")
]
Revision = Annotated[str | None, typer.Option(help="The hub's branch, tag or commit; without it, the newest.")]
Cache = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Keep what the encoder computes here, and take what is there.")
]
_UNITS = ("passage", "entry")
_DAMAGED, _STRANGE = "damaged", "other format"
_GB = 10**9
_MB = 10**6

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Build, refresh and look at indexes for search.")


@app.command(
    epilog=examples(
        "ravlm index build plants-kb",
        "ravlm index build plants-kb --encoder sentence-transformers/all-MiniLM-L6-v2",
        "ravlm index build plants-kb --encoder openai/clip-vit-base-patch32 --cache features",
        "ravlm index build plants-kb --retriever late --encoder ./minilm",
    )
)
def build(
    base: Base,
    *,
    retriever: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help=f"What to build: {', '.join(KINDS)}; repeat for more. Else what suits."),
    ] = None,
    encoder: EncoderName = None,
    revision: Revision = None,
    unit: Annotated[str | None, typer.Option(help="What is found: passage or entry. Texts only.")] = None,
    engine: Annotated[
        str | None, typer.Option(help="What searches words for bm25: bm25s or lance; else chosen by size, and told.")
    ] = None,
    structure: Annotated[
        str | None, typer.Option(help="How vectors are searched; else chosen by size and memory, and told.")
    ] = None,
    memory: Annotated[float | None, typer.Option(min=0.001, help="GB that the index may take in memory.")] = None,
    cache: Cache = None,
    index: Elsewhere = None,
    as_json: Json = False,
) -> None:
    """Build indexes of a base's newest version.

    Without an encoder, of its words: bm25 and tfidf. With one, what it is for: dense of a language encoder, image of a
    visual one, image and crossmodal of a joint one (CLIP), image and dense of a model.
    """
    kinds = _kinds(retriever, encoder, revision)
    options = {
        "unit": unit,
        "engine": engine,
        "structure": structure,
        "memory": None if memory is None else int(memory * _GB),
        "cache": cache,
    }
    _check_options(kinds, options)
    knowledge = opened(base)
    where = _where(knowledge, index)
    told = []
    for kind in kinds:
        taken = {name: value for name, value in options.items() if name in KINDS[kind].takes}
        about = _built(kind, knowledge, where, encoder, revision, taken)
        told.append(about)
        if not as_json:
            _tell_built(about)
    if as_json:
        emit_json({"knowledge": knowledge.location, "version": knowledge.version, "indexes": told})


@app.command(epilog=examples("ravlm index refresh plants-kb", "ravlm index refresh model --json"))
def refresh(base: Base, *, encoder: EncoderName = None, index: Elsewhere = None, as_json: Json = False) -> None:
    """Let every index of a base follow it to its newest version, at the cost of what changed.

    Every file is read and its checksum compared: a damaged index is named, the others follow, and the exit code is 2.

    --encoder: where the encoder is now, when it is not where it was; then only its indexes follow.
    """
    from ravlm.cli.indexes import followed
    from ravlm.errors import IndexStale

    knowledge = opened(base)
    told, faulty = [], []
    for found in _found(knowledge, index, checked=True):
        if found.fault:
            faulty.append(found)
            continue
        began = time.monotonic()
        change = followed(found, knowledge, encoder)
        if change is None:
            continue
        told.append({"index": found.folder.name, "change": change, "seconds": round(time.monotonic() - began, 3)})
        if not as_json:
            say(f"{found.folder.name}: {change}, in {time.monotonic() - began:,.2f} s.")
    if as_json:
        emit_json({"knowledge": knowledge.location, "version": knowledge.version, "indexes": told})
    if faulty:
        raise IndexStale("\n".join(f"{found.folder.name}: {found.fault}" for found in faulty))


@app.command(epilog=examples("ravlm index info plants-kb", "ravlm index info model --json"))
def info(base: Base, *, index: Elsewhere = None, as_json: Json = False) -> None:
    """Tell which indexes a base has, what searches them and why, and whether they are up to date and whole.

    Every file is read and its checksum compared. Exit code 1 where an index is damaged.
    """
    knowledge = opened(base)
    told = [_about(found, knowledge) for found in _found(knowledge, index, checked=True)]
    if as_json:
        emit_json({"knowledge": knowledge.location, "version": knowledge.version, "indexes": told})
    else:
        _tell(told, f"{knowledge.location}, version {knowledge.version}")
    if any(about["state"] == _DAMAGED for about in told):
        raise typer.Exit(1)


def _tell(told: list[dict[str, Any]], title: str) -> None:
    """Indexes in columns, and below them why each is as it is."""
    headings = ["index", "engine", "rows", "MB", "version", "state"]
    rows = [
        [
            about["index"],
            about["engine"],
            "" if about["rows"] is None else f"{about['rows']:,}",
            f"{about['bytes'] / _MB:,.1f}",
            f"{about['version'] or ''}",
            about["state"],
        ]
        for about in told
    ]
    say(title)
    say()
    columns(headings, rows, right=("rows", "MB", "version"))
    say()
    for about in told:
        for name, text in (("why", about["why"]), ("encoder", about["encoder"]), (about["state"], about["damage"])):
            if text:
                say(f"{about['index']}, {name}: {text}")


def _kinds(asked: list[str] | None, encoder: str | None, revision: str | None) -> list[str]:
    """What to build."""
    from ravlm.errors import ConfigError

    kinds = list(dict.fromkeys(asked or ()))
    wanting = [kind for kind in kinds if kind_named(kind).encoder]
    if wanting and encoder is None:
        raise ConfigError(f"An index of kind {wanting[0]!r} needs {KINDS[wanting[0]].wants}. Name one with --encoder.")
    if encoder is None:
        return kinds or list(LEXICAL)
    if kinds and not wanting:
        raise ConfigError(f"Indexes of kind {' and '.join(kinds)} take no encoder. Leave --encoder out.")
    from ravlm.cli.extras import require_models
    from ravlm.retrieval.catalogue import kinds_for

    require_models()
    return kinds or kinds_for(encoder, revision)


def _check_options(kinds: list[str], options: dict[str, Any]) -> None:
    """Refuse an option that none of the kinds takes."""
    from ravlm.errors import ConfigError, UnknownChoice

    if options["unit"] not in (None, *_UNITS):
        raise UnknownChoice("unit", options["unit"], _UNITS)
    for name, value in options.items():
        if value is not None and not any(name in KINDS[kind].takes for kind in kinds):
            raise ConfigError(f"--{name} was given, and indexes of kind {' and '.join(kinds)} take none. Leave it out.")


def _where(knowledge: "KnowledgeBase", elsewhere: Path | None) -> Path:
    """The folder for the indexes, made."""
    from ravlm.errors import PathError
    from ravlm.retrieval.catalogue import folder_of

    where = folder_of(knowledge, elsewhere)
    try:
        where.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PathError(
            f"{where} can't be made: {error.strerror}. Put the indexes elsewhere with --index DIR."
        ) from error
    return where


def _found(knowledge: "KnowledgeBase", elsewhere: Path | None, *, checked: bool = False) -> "list[Found]":
    """The indexes of a base; there have to be some."""
    from ravlm.errors import PathError
    from ravlm.retrieval.catalogue import folder_of, found_in

    where = folder_of(knowledge, elsewhere)
    found = found_in(where, checked=checked)
    if not found:
        raise PathError(f"There are no indexes in {where}. `ravlm index build` makes some; --index says where.")
    return found


def _built(
    kind: str,
    knowledge: "KnowledgeBase",
    where: Path,
    encoder: str | None,
    revision: str | None,
    options: dict[str, Any],
) -> dict[str, Any]:
    """Build an index and save it; returns what there is to tell."""
    from ravlm.cli.indexes import kept
    from ravlm.retrieval import catalogue

    began = time.monotonic()
    needs = KINDS[kind].encoder
    loaded = catalogue.load_encoder_for(kind, encoder, revision) if needs and encoder else None
    if options.get("cache") is not None:
        from ravlm.encoders.features.cache import FeatureCache

        options["cache"] = FeatureCache(options["cache"])
    with progress(kind) as report:
        made = catalogue.build(kind, knowledge, loaded, progress=report, **options)
    folder = where / catalogue.name_of(kind, made.stamp.encoder)
    kept(made, folder)
    [found] = [found for found in catalogue.found_in(where, kind) if found.folder == folder]
    return _about(found, knowledge) | {
        "without": _without(made, knowledge),
        "seconds": round(time.monotonic() - began, 3),
    }


def _without(made: "IndexedRetriever", knowledge: "KnowledgeBase") -> dict[str, int]:
    """How many entries have none of what is indexed, by what that is."""
    told = made.settings().get("without", knowledge.count() - len(made.rows.hashes()))
    return told if isinstance(told, dict) else {"pictures" if made.reads == "views" else "texts": told}


def _tell_built(about: dict[str, Any]) -> None:
    engine = f"{about['engine']} ({about['why']})"
    rows = counted(about["rows"] or 0, "row", "rows")
    say(f"{about['index']}: {rows}, {about['bytes'] / _MB:,.1f} MB, in {duration(about['seconds'])}; {engine}.")
    for what, number in about["without"].items():
        if number:
            say(f"  {counted(number, 'entry has', 'entries have')} no {what}, and can't be found by them.")


def _about(found: "Found", knowledge: "KnowledgeBase") -> dict[str, Any]:
    """What there is to tell of an index."""
    from ravlm.retrieval.catalogue import behind

    contents = found.contents
    settings = contents.settings if contents else {}
    encoder = settings.get("encoder") or {}
    late = behind(contents, knowledge) if contents else ""
    return {
        "index": found.folder.name,
        "kind": found.kind,
        "engine": settings.get("engine", ""),
        "why": settings.get("why", ""),
        "unit": settings.get("unit", ""),
        "rows": found.rows,
        "bytes": found.bytes,
        "version": contents.stamp.version if contents else None,
        "encoder": " ".join(str(part) for part in (encoder.get("origin"), encoder.get("revision")) if part),
        "state": (_STRANGE if found.strange else _DAMAGED) if found.fault else late or "up to date",
        "damage": found.fault,
    }
