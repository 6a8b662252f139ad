"""`ravlm dataset`: write a dataset in the format, find every fault of one."""

from pathlib import Path
from typing import Annotated

import typer

from ravlm.cli.console import emit_json, examples, progress, say

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make and check datasets.")

NAMES = ("flags", "grocery", "emoji")
BASES = ("iconic", "photos")
ASKS = {"flags": ("facts", "texts"), "grocery": ("facts", "classes"), "emoji": ("captions",)}
_SOURCES = {
    "grocery": "the folder with classes.csv, train.txt and the photos",
    "emoji": "the folder with noto72, emojitwo64 and cldr",
}
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command(
    "check",
    epilog=examples("ravlm dataset check my-data", "ravlm dataset check my-data --no-decode --json"),
)
def check_dataset(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The dataset's folder.")],
    decode: Annotated[bool, typer.Option("--decode/--no-decode", help="Decode every image.")] = True,
    as_json: Json = False,
) -> None:
    """Print every fault of a dataset at once: file, line, field, found, expected. Exit code 1 where there is one."""
    from ravlm.data.check import check

    with progress() as report:
        faults = check(folder, decode, report)
    if as_json:
        emit_json({"dataset": str(folder), "faults": [fault.as_dict() for fault in faults]})
    else:
        for fault in faults:
            say(str(fault))
        say(f"{folder}: {len(faults):,} fault{'s' * (len(faults) != 1)}." if faults else f"{folder}: no fault found.")
    if faults:
        raise typer.Exit(1)


@app.command(
    "make",
    epilog=examples(
        "ravlm dataset make flags --out flags",
        "ravlm dataset make grocery GroceryStoreDataset/dataset --out grocery",
        "ravlm dataset make grocery GroceryStoreDataset/dataset --out grocery-classes --ask classes",
        "ravlm dataset make flags --out flags-texts --ask texts",
        "ravlm dataset make emoji EMOJI --out emoji",
    ),
)
def make_dataset(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to make: flags, grocery or emoji.")],
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="SOURCE",
            help="grocery: the folder with classes.csv and train.txt. emoji: that with noto72, emojitwo64 and cldr.",
        ),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write: new or empty.")],
    seed: Annotated[int, typer.Option(min=0, help="Decides everything that is drawn by lot.")] = 0,
    base: Annotated[
        str, typer.Option(help="grocery: an entry has its iconic picture only, or the training photos too (photos).")
    ] = BASES[0],
    ask: Annotated[
        str | None,
        typer.Option(
            help="What to ask for: facts of the articles, if not given. grocery: or the products' classes, fine and "
            "coarse (classes). flags: or short texts about the countries (texts)."
        ),
    ] = None,
    distractors: Annotated[
        Path | None, typer.Option(metavar="FILE", help="grocery: WordNet's data.noun, whose glosses become entries.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a dataset in the format. It appears at --out when it is whole."""
    from ravlm.data.dataset import Dataset
    from ravlm.safe.files import check_free

    _check_arguments(name, source, base, ask, distractors)
    check_free(out)
    with progress() as report:
        if name == "flags":
            from ravlm.data.flags.world import write_world

            write_world(out, seed, report, ask="texts" if ask == "texts" else "facts")
        elif name == "emoji" and source is not None:
            from ravlm.data.emoji import write_emoji

            write_emoji(source, out, report)
        elif source is not None:
            from ravlm.data.grocery import write_grocery
            from ravlm.data.grocery.write import Ask, Base

            images: Base = "photos" if base == "photos" else "iconic"
            asked: Ask = "classes" if ask == "classes" else "facts"
            write_grocery(source, out, seed, images, distractors, report, ask=asked)
    made = Dataset.open(out)
    counts = {"entries": sum(1 for _ in made.knowledge()), **{split: len(made.split(split)) for split in made.splits}}
    if as_json:
        emit_json({"dataset": str(out), "name": made.card.name, "seed": seed, **counts})
    else:
        say(f"Wrote {out}: " + ", ".join(f"{count:,} {part}" for part, count in counts.items()) + ".")
        say(f"Next: ravlm knowledge build dataset {out} --out {out}-kb")


def _check_arguments(name: str, source: Path | None, base: str, ask: str | None, distractors: Path | None) -> None:
    from ravlm.errors import UnknownChoice

    if name not in NAMES:
        raise UnknownChoice("dataset to make", name, NAMES)
    if base not in BASES:
        raise UnknownChoice("base", base, BASES)
    if ask is not None and ask not in ASKS[name]:
        raise UnknownChoice("thing to ask", ask, ASKS[name])
    if name != "grocery" and (distractors is not None or base != BASES[0]):
        raise typer.BadParameter(f"--base and --distractors are of grocery; {name} has none of them.")
    if name == "flags" and source is not None:
        raise typer.BadParameter("flags are drawn here: they take no SOURCE.")
    if name != "flags" and source is None:
        raise typer.BadParameter(f"{name} needs its SOURCE: {_SOURCES[name]}.")
