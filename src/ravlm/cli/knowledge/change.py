"""`ravlm knowledge set`, `remove`, `rollback` and `compact`: a base changed by hand."""

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from ravlm.cli.console import counted, emit_json, say
from ravlm.cli.knowledge.common import Base, Json, held, opened


def set_entry(
    base: Base,
    entry_id: Annotated[str, typer.Argument(metavar="ENTRY_ID", help="The entry; an unknown id makes a new one.")],
    article: Annotated[Path, typer.Argument(metavar="ARTICLE", help="A Markdown file.")],
    language: Annotated[str | None, typer.Option(help="The article's language; else zh or en, as it looks.")] = None,
    title: Annotated[str | None, typer.Option(help="The entry's title; else the article's '# Title'.")] = None,
    image: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="A picture of it; repeat for more.")] = None,
    as_json: Json = False,
) -> None:
    """Replace an entry's prose by an article, or make a new entry of one.

    Text in other languages stays, and so do the pictures, unless the article or --image names new ones.
    """
    from ravlm.knowledge.articles import set_article
    from ravlm.safe.files import read_text

    text = read_text(article)
    changed = opened(base)
    new = entry_id not in changed
    entry = set_article(
        changed, entry_id, text, folder=article.parent, language=language, title=title, images=image or ()
    )
    if as_json:
        emit_json({"id": entry_id, "new": new, "version": changed.version, "entry": asdict(entry)})
    else:
        say(f"{'Added' if new else 'Changed'} {entry_id} ({entry.title}); the base is at version {changed.version}.")


def remove(
    base: Base,
    entry_ids: Annotated[list[str] | None, typer.Argument(metavar="ENTRY_ID...", help="The entries to delete.")] = None,
    source: Annotated[str | None, typer.Option(metavar="NAME", help="Delete all entries of this source.")] = None,
    as_json: Json = False,
) -> None:
    """Delete entries, or all entries of a source. Where one of them is not there, none is deleted."""
    from ravlm.errors import KnowledgeError

    if bool(entry_ids) == (source is not None):
        raise KnowledgeError("Give the ids of the entries to delete, or a --source: one of the two.")
    changed = opened(base)
    count = changed.delete(entry_ids or (), source=source)
    if as_json:
        emit_json({"deleted": count, "entries": changed.count(), "version": changed.version})
    else:
        say(f"Deleted {count:,}; the base has {counted(changed.count(), 'entry', 'entries')}.")


def rollback(
    base: Base,
    version: Annotated[int, typer.Argument(min=1, max=2**62, metavar="VERSION", help="A version that `info` lists.")],
    as_json: Json = False,
) -> None:
    """Make a base hold what it held at a version. This is a new version, so it can be gone back on too."""
    changed = opened(base, version)  # the newest one may be the damaged one
    changed.rollback(version)
    if as_json:
        emit_json({"entries": changed.count(), "version": changed.version, "fingerprint": changed.fingerprint})
    else:
        say(f"As at version {version}: {held(changed)}. The base is at version {changed.version}.")


def compact(
    base: Base,
    keep_days: Annotated[
        float, typer.Option(min=0, max=36500, help="Versions of so many days can be gone back to.")
    ] = 7,
    as_json: Json = False,
) -> None:
    """Join small files, make the index anew, and delete versions older than --keep-days.

    With 0 the newest version alone stays, and pictures that no entry names are deleted; nobody else may write then.
    """
    changed = opened(base)
    changed.compact(timedelta(days=keep_days))
    kept = len(changed.versions())
    if as_json:
        emit_json({"entries": changed.count(), "version": changed.version, "versions": kept})
    else:
        say(f"{changed.location}: {held(changed)}, {counted(kept, 'version', 'versions')} kept.")
