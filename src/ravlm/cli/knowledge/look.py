"""`ravlm knowledge info`, `show`, `verify` and `export`: what a base holds."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ravlm.cli.console import emit_json, filling, say
from ravlm.cli.knowledge.common import Base, Json, held, opened, tell


def info(base: Base, as_json: Json = False) -> None:
    """Tell how much a base holds, of which sources, its fingerprint and its last versions."""
    tell(opened(base), as_json)


def show(
    base: Base,
    entry_id: Annotated[str, typer.Argument(metavar="ENTRY_ID", help="The entry.")],
    as_json: Json = False,
) -> None:
    """Show an entry: its text, facts and pictures."""
    entry = opened(base).get(entry_id)
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


def verify(base: Base, as_json: Json = False) -> None:
    """Read every entry and picture and compare the hashes. Exit code 1 where something is damaged."""
    from ravlm.knowledge.places import find_base
    from ravlm.knowledge.verify import damage_apart

    damage = damage_apart(find_base(base))
    if as_json:
        emit_json({"knowledge": base, "damage": damage})
    else:
        for line in damage:
            say(line)
        say(f"{base}: {len(damage):,} damaged." if damage else f"{base}: every entry and picture is whole.")
    if damage:
        raise typer.Exit(1)


def export(
    base: Base,
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write: new or empty.")],
    as_json: Json = False,
) -> None:
    """Write a base as plain files: knowledge.jsonl in the dataset's format, and the pictures beside it."""
    from ravlm.knowledge.export import export as write

    read = opened(base)
    with filling("exporting") as progress:
        write(read, out, progress)
    if as_json:
        emit_json({"knowledge": read.location, "out": str(out), "entries": read.count()})
    else:
        again = shlex.join(["ravlm", "knowledge", "build", "dataset", str(out), "--out", "KB"])
        say(f"{out}: {held(read)}. `{again}` makes the base again.")
