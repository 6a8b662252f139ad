"""`ravlm knowledge build`, `add` and `sync`: a source into a knowledge base."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravlm.cli.console import counted, duration, emit_json, filling, say, warn
from ravlm.cli.knowledge.common import Base, Json, about, held, opened
from ravlm.knowledge.sources.kinds import KINDS

if TYPE_CHECKING:
    from ravlm.knowledge.sources.part import Source
    from ravlm.knowledge.sync import SyncReport

_READS = "; ".join(f"{name}: {kind.reads}" for name, kind in KINDS.items())

KindName = Annotated[str, typer.Argument(metavar="KIND", help=f"What SOURCE is. {_READS}.")]
SourcePath = Annotated[Path, typer.Argument(metavar="SOURCE", help="The file or folder to read.")]
SourceName = Annotated[str | None, typer.Option(metavar="NAME", help="The source's name in the base.")]
Language = Annotated[
    list[str] | None,
    typer.Option(metavar="CODE", help="Only this language (conceptnet, wordnet), or the texts' (folder, wikipedia)."),
]
MinimumWeight = Annotated[float | None, typer.Option(help="conceptnet: leave out edges that weigh less.")]
Images = Annotated[
    Path | None, typer.Option(metavar="DIR", help="wikipedia, evqa, infoseek: a folder with the pictures' files.")
]
Workers = Annotated[int | None, typer.Option(min=1, help="wikipedia: processes that read; else one a core.")]
IdColumn = Annotated[str | None, typer.Option("--id", metavar="COLUMN", help="table: the column with the ids.")]
TitleColumn = Annotated[str | None, typer.Option("--title", metavar="COLUMN", help="table: with the titles.")]
TextColumn = Annotated[
    list[str] | None, typer.Option("--text", metavar="COLUMN", help="table: with the prose; repeat for more.")
]
ImageColumn = Annotated[str | None, typer.Option("--image", metavar="COLUMN", help="table: with pictures' paths.")]
LanguageColumn = Annotated[str | None, typer.Option(metavar="COLUMN", help="table: with the languages.")]


def build(
    kind: KindName,
    source: SourcePath,
    *,
    out: Annotated[Path, typer.Option(metavar="KB", help="The folder to write: new or empty.")],
    source_name: SourceName = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many entries.")] = None,
    language: Language = None,
    minimum_weight: MinimumWeight = None,
    images: Images = None,
    workers: Workers = None,
    id_column: IdColumn = None,
    title_column: TitleColumn = None,
    text_column: TextColumn = None,
    image_column: ImageColumn = None,
    language_column: LanguageColumn = None,
    as_json: Json = False,
) -> None:
    """Build a knowledge base from a source. It appears at --out when it is whole.

    Stopped or killed, the same command goes on where it was.
    """
    import time

    from ravlm.errors import PathError
    from ravlm.knowledge import build as room
    from ravlm.safe.files import check_free

    columns = _columns(id_column, title_column, text_column, image_column, language_column)
    read = _source(kind, source, source_name, language, minimum_weight, images, workers, columns)
    if "://" in str(out) or str(out).startswith("s3:"):
        raise PathError(
            f"A base is built in a folder, and --out is {out}. Build it in a folder and copy that to the storage, or "
            "add to a base that was made there in Python (docs/knowledge.md)."
        )
    out = out.absolute()  # also of the current folder, whose place the base takes
    check_free(out)
    needs = room.estimate(read, out, limit)
    warn(
        f"It takes about {max(1, needs.disk / 1e6):,.0f} MB on the disk, where {needs.free / 1e6:,.0f} MB are free, "
        f"and at most about {needs.memory / 1e6:,.0f} MB of memory."
    )
    began = time.monotonic()
    with filling("building the knowledge base") as progress:
        report = room.build(read, out, limit=limit, progress=progress)
    took = time.monotonic() - began
    base = opened(str(out))
    if as_json:
        emit_json({**about(base), "report": {**asdict(report), "seconds": round(took, 1)}})
        return
    resumed = " since the build that was stopped was taken up" if report.resumed else ""
    say(f"{out}: {held(base)} in {duration(took)}{resumed}.")
    say(f"Read {counted(report.read, 'record', 'records')}{_left_out(report.skipped)}")
    say(f"fingerprint {base.fingerprint}")


def add(
    base: Base,
    kind: KindName,
    source: SourcePath,
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Replace entries whose ids are there already.")] = False,
    source_name: SourceName = None,
    language: Language = None,
    minimum_weight: MinimumWeight = None,
    images: Images = None,
    workers: Workers = None,
    id_column: IdColumn = None,
    title_column: TitleColumn = None,
    text_column: TextColumn = None,
    image_column: ImageColumn = None,
    language_column: LanguageColumn = None,
    as_json: Json = False,
) -> None:
    """Add a source's entries to a base, in one step. Entries that are there already stay as they are."""
    from ravlm.knowledge import sync as room

    columns = _columns(id_column, title_column, text_column, image_column, language_column)
    read = _source(kind, source, source_name, language, minimum_weight, images, workers, columns)
    into = opened(base)
    with filling("reading") as progress:
        report = room.add(into, read, replace=replace, progress=progress)
    _told(report, into.version, as_json)


def sync(
    base: Base,
    kind: KindName,
    source: SourcePath,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Delete more than 20 % of the entries without refusing.")] = False,
    source_name: SourceName = None,
    language: Language = None,
    minimum_weight: MinimumWeight = None,
    images: Images = None,
    workers: Workers = None,
    id_column: IdColumn = None,
    title_column: TitleColumn = None,
    text_column: TextColumn = None,
    image_column: ImageColumn = None,
    language_column: LanguageColumn = None,
    as_json: Json = False,
) -> None:
    """Make a base's entries of a source equal to it, in one step; entries of other sources stay.

    Adds, replaces what differs, deletes what the source has no more. A second run changes nothing.
    """
    from ravlm.knowledge import sync as room

    columns = _columns(id_column, title_column, text_column, image_column, language_column)
    read = _source(kind, source, source_name, language, minimum_weight, images, workers, columns)
    into = opened(base)
    with filling("reading") as progress:
        report = room.sync(into, read, yes=yes, progress=progress)
    _told(report, into.version, as_json)


def _columns(
    row_id: str | None, title: str | None, text: list[str] | None, image: str | None, language: str | None
) -> dict[str, Any]:
    return {"id": row_id, "title": title, "text": text or None, "image": image, "language_column": language}


def _source(
    kind: str,
    path: Path,
    name: str | None,
    languages: list[str] | None,
    weight: float | None,
    images: Path | None,
    workers: int | None,
    columns: Mapping[str, Any],
) -> "Source":
    from ravlm.knowledge.sources.kinds import open_source

    return open_source(
        kind, path, name, language=languages or None, minimum_weight=weight, images=images, workers=workers, **columns
    )


def _told(report: "SyncReport", version: int, as_json: bool) -> None:
    counts = {name: value for name, value in asdict(report).items() if name != "skipped"}
    if as_json:
        emit_json({**asdict(report), "version": version})
    else:
        say(", ".join(f"{count:,} {what}" for what, count in counts.items()) + _left_out(report.skipped))


def _left_out(skipped: Mapping[str, int]) -> str:
    if not skipped:
        return "."
    return "; left out: " + ", ".join(f"{count:,} {reason}" for reason, count in skipped.items()) + "."
