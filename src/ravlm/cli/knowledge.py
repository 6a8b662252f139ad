"""`ravlm knowledge`: build a knowledge base, change it, look into it. A model's folder serves for its own base."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ravlm.cli.console import emit_json, examples, progress, say, table

if TYPE_CHECKING:
    from ravlm.knowledge.store import KnowledgeBase

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Build, change and look into knowledge bases.")

KINDS = ("dataset",)
Base = Annotated[Path, typer.Argument(metavar="KB", help="A knowledge base, or a model's folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command("build", epilog=examples("ravlm knowledge build dataset flags --out flags-kb"))
def build(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="What SOURCE is: dataset.")],
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A dataset's folder.")],
    *,
    out: Annotated[Path, typer.Option(metavar="KB", help="The folder to write: new or empty.")],
    as_json: Json = False,
) -> None:
    """Build a knowledge base. It appears at --out when it is whole."""
    from ravlm.data.dataset import Dataset
    from ravlm.errors import UnknownChoice
    from ravlm.knowledge.build import build_from_dataset

    if kind not in KINDS:
        raise UnknownChoice("kind of source", kind, KINDS)
    Dataset.open(source)
    with progress() as report:
        build_from_dataset(source, out, report)
    _tell(_open(out), as_json)


@app.command(
    "set",
    epilog=examples(
        "ravlm knowledge set flags-kb country-fr france.md",
        "ravlm knowledge set flags-kb country-xx zubrowka.md --title Zubrowka --image flag.png",
        "ravlm knowledge set model country-fr france.zh.md --language zh",
    ),
)
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
    opened = _open(base)
    new = entry_id not in opened
    entry = set_article(
        opened, entry_id, text, folder=article.parent, language=language, title=title, images=image or ()
    )
    if as_json:
        emit_json({"id": entry_id, "new": new, "version": opened.version, "entry": asdict(entry)})
    else:
        say(f"{'Added' if new else 'Changed'} {entry_id} ({entry.title}); the base is at version {opened.version}.")


@app.command(
    "sync",
    epilog=examples("ravlm knowledge sync flags-kb knowledge.jsonl", "ravlm knowledge sync model new.jsonl --yes"),
)
def sync_source(
    base: Base,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Entries, one a line, in the dataset's format.")],
    yes: Annotated[bool, typer.Option("--yes", help="Delete more than 20 % of the entries without refusing.")] = False,
    as_json: Json = False,
) -> None:
    """Make a source of the base equal to a file; entries of other sources stay.

    A source is named by the field `source` of the lines. All of it is checked before anything is written.
    """
    from ravlm.knowledge.sync import sync

    opened = _open(base)
    report = sync(opened, file, yes=yes)
    if as_json:
        emit_json({**asdict(report), "version": opened.version})
    else:
        say(", ".join(f"{count:,} {what}" for what, count in asdict(report).items()))


@app.command("remove", epilog=examples("ravlm knowledge remove flags-kb country-fr country-de"))
def remove(
    base: Base,
    entry_ids: Annotated[list[str], typer.Argument(metavar="ENTRY_ID...", help="The entries to delete.")],
    as_json: Json = False,
) -> None:
    """Delete entries. Where one of them is not there, none is deleted."""
    opened = _open(base)
    ids = list(dict.fromkeys(entry_ids))
    opened.delete(ids)
    if as_json:
        emit_json({"deleted": ids, "version": opened.version})
    else:
        say(f"Deleted {len(ids):,}; the base has {opened.count():,} entries.")


@app.command("info", epilog=examples("ravlm knowledge info flags-kb", "ravlm knowledge info model --json"))
def info(base: Base, as_json: Json = False) -> None:
    """Tell how much a base holds, of which sources, and its fingerprint."""
    _tell(_open(base), as_json)


@app.command("show", epilog=examples("ravlm knowledge show flags-kb country-fr"))
def show(
    base: Base,
    entry_id: Annotated[str, typer.Argument(metavar="ENTRY_ID", help="The entry.")],
    as_json: Json = False,
) -> None:
    """Show an entry: its text, facts and pictures."""
    entry = _open(base).get(entry_id)
    if as_json:
        emit_json(asdict(entry))
        return
    say(f"{entry.title} ({entry.id}, {entry.language})")
    for section in entry.sections:
        say(f"\n{section.title}{f' ({section.language})' if section.language else ''}\n{section.text}".rstrip())
    if entry.text:
        say(f"\n{entry.text}")
    say()
    lines = {
        "Facts": "; ".join(f"{relation}: {value}" for relation, value in entry.facts),
        "Pictures": " ".join(entry.images),
        "Aliases": ", ".join(entry.aliases),
        "Source": entry.source,
        "Licence": entry.licence,
        "URL": entry.url,
    }
    for name, value in lines.items():
        if value:
            say(f"{name}: {value}")


@app.command("verify", epilog=examples("ravlm knowledge verify flags-kb"))
def verify(base: Base, as_json: Json = False) -> None:
    """Read every entry and picture and compare the hashes. Exit code 1 where something is damaged."""
    from ravlm.errors import KnowledgeCorrupt

    damage: list[str] = []
    try:
        opened = _open(base)
        damage.extend(opened.damage())
    except KnowledgeCorrupt as error:
        damage.append(str(error))
    if as_json:
        emit_json({"knowledge": str(base), "damage": damage})
    else:
        for line in damage:
            say(line)
        say(f"{base}: {len(damage):,} damaged." if damage else f"{base}: every entry and picture is whole.")
    if damage:
        raise typer.Exit(1)


def _open(path: Path) -> "KnowledgeBase":
    from ravlm.knowledge.store import KnowledgeBase

    return KnowledgeBase.open(path)


def _tell(base: "KnowledgeBase", as_json: bool) -> None:
    about = {
        "knowledge": str(base.folder),
        "version": base.version,
        "entries": base.count(),
        "pictures": base.count_pictures(),
        "sources": base.sources(),
        "fingerprint": base.fingerprint,
    }
    if as_json:
        emit_json(about)
        return
    say(f"{base.folder}: {base.count():,} entries and {base.count_pictures():,} pictures, version {base.version}")
    say(f"fingerprint {base.fingerprint}")
    table(["source", "entries"], [[name or "(none)", f"{count:,}"] for name, count in base.sources().items()])
