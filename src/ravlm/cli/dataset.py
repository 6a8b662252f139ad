"""`ravlm dataset`: write a dataset in the format, find every fault of one, compare it with what is published."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ravlm.cli.console import emit_json, examples, progress, say
from ravlm.cli.published import ARTICLES, NAMES, PICTURES, compare, holds, make_published, tell, tell_subset

if TYPE_CHECKING:
    from ravlm.data.grocery.write import Ask, Base
    from ravlm.lines import BenchmarkLine

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make and check datasets.")

WORLDS = ("flags", "grocery", "emoji")
BASES = ("iconic", "photos")
ASKS = {"flags": ("facts", "texts"), "grocery": ("facts", "classes", "texts"), "emoji": ("captions",)}
_SOURCES = {
    "grocery": "the folder with classes.csv, train.txt and the photos",
    "emoji": "the folder with noto72, emojitwo64 and cldr",
}
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command(
    "check",
    epilog=examples(
        "ravlm dataset check my-data",
        "ravlm dataset check my-data --no-decode --json",
        "ravlm dataset check okvqa-data --published okvqa",
    ),
)
def check_dataset(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The dataset's folder.")],
    decode: Annotated[bool, typer.Option("--decode/--no-decode", help="Decode every image.")] = True,
    published: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Compare it with what is published of this benchmark: counts, checksums."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print every fault of a dataset at once: file, line, field, found, expected. Exit code 1 where there is one."""
    from ravlm.data.check import check

    with progress() as report:
        faults = check(folder, decode, report)
    compared = None
    if published is not None:
        compared, faults = compare(folder, published, faults)
    if as_json:
        more = {} if compared is None else {"published": compared.as_dict()}
        emit_json({"dataset": str(folder), "faults": [fault.as_dict() for fault in faults], **more})
    else:
        if compared is not None:
            tell(compared)
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
        "ravlm dataset make grocery GroceryStoreDataset/dataset --out grocery-texts --ask texts",
        "ravlm dataset make emoji EMOJI --out emoji",
        "ravlm dataset make okvqa OK-VQA --images COCO --out okvqa",
        "ravlm dataset make coco-captions COCO --split val --pictures there --out coco-part",
    ),
)
def make_dataset(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help=f"What to make: {', '.join(WORLDS)}; or of a benchmark: {', '.join(NAMES)}."
        ),
    ],
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="SOURCE",
            help="grocery: the folder with classes.csv and train.txt. emoji: that with noto72, emojitwo64 and cldr. "
            "A benchmark: that with its authors' files, anywhere below it.",
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
            "coarse (classes). flags, grocery: or short texts about what is shown (texts). aokvqa: direct answers "
            "(answers), if not given, or one of four choices (choices)."
        ),
    ] = None,
    distractors: Annotated[
        Path | None, typer.Option(metavar="FILE", help="grocery: WordNet's data.noun, whose glosses become entries.")
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(
            help="Which split of a benchmark's pictures: coco-captions 2017 (if not given), 2014, karpathy; flickr30k "
            "karpathy, entities; fvqa split-0 to split-4."
        ),
    ] = None,
    images: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="A benchmark: another folder with its pictures. Repeatable."),
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="A benchmark: only this split, as a declared subset. Repeatable.")
    ] = None,
    subset: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A benchmark: only the questions with the ids in FILE, one a line."),
    ] = None,
    pictures: Annotated[
        str,
        typer.Option(
            help="A benchmark: refuse a missing picture (all), keep the questions whose pictures are there (there), or "
            "the text alone (none)."
        ),
    ] = PICTURES[0],
    articles: Annotated[
        str,
        typer.Option(
            help="A benchmark with a knowledge base: all its articles, those that questions name (asked), or none."
        ),
    ] = ARTICLES[0],
    as_json: Json = False,
) -> None:
    """Write a dataset in the format. It appears at --out when it is whole."""
    from ravlm.data.dataset import Dataset
    from ravlm.safe.files import check_free

    part: dict[str, Any] = {
        "variant": variant,
        "images": images or [],
        "splits": split or [],
        "subset": subset,
        "pictures": pictures,
        "articles": articles,
    }
    _check_arguments(name, source, base, ask, distractors, part)
    check_free(out)
    about: BenchmarkLine | None = None
    if name in NAMES and source is not None:
        about = make_published(name, source, out, ask=ask, seed=seed, **part)
    else:
        _make_world(name, source, out, seed, base, ask, distractors)
    made = Dataset.open(out)
    counts = {"entries": _lines(out, "knowledge"), **{split: _lines(out, split) for split in made.splits}}
    if as_json:
        more = {} if about is None else {"subset": about.subset, "benchmark": about.model_dump(exclude={"subset"})}
        emit_json({"dataset": str(out), "name": made.card.name, "seed": seed, **counts, **more})
    else:
        tell_subset(about)
        say(f"Wrote {out}: " + ", ".join(f"{count:,} {part}" for part, count in counts.items()) + ".")
        published = about is not None and name != "image-folder"
        check = f"ravlm dataset check {out} --published {name}"
        say(f"Next: {check if published else f'ravlm knowledge build dataset {out} --out {out}-kb'}")


def _lines(folder: Path, name: str) -> int:
    """How many lines a file of a dataset that was just written has."""
    from ravlm.safe.files import read_lines

    return sum(1 for _ in read_lines(folder / f"{name}.jsonl"))


def _make_world(
    name: str, source: Path | None, out: Path, seed: int, base: str, ask: str | None, distractors: Path | None
) -> None:
    with progress() as report:
        if name == "flags":
            from ravlm.data.flags.world import write_world

            write_world(out, seed, report, ask="texts" if ask == "texts" else "facts")
        elif name == "emoji" and source is not None:
            from ravlm.data.emoji import write_emoji

            write_emoji(source, out, report)
        elif source is not None:
            from ravlm.data.grocery import write_grocery

            asked = cast("Ask", ask or "facts")  # both were checked with the arguments
            write_grocery(source, out, seed, cast("Base", base), distractors, report, ask=asked)


def _check_arguments(
    name: str, source: Path | None, base: str, ask: str | None, distractors: Path | None, part: dict[str, Any]
) -> None:
    from ravlm.errors import UnknownChoice

    if name not in (*WORLDS, *NAMES):
        raise UnknownChoice("dataset to make", name, (*WORLDS, *NAMES))
    if base not in BASES:
        raise UnknownChoice("base", base, BASES)
    if name in ASKS and ask is not None and ask not in ASKS[name]:
        raise UnknownChoice("thing to ask", ask, ASKS[name])
    if name != "grocery" and (distractors is not None or base != BASES[0]):
        raise typer.BadParameter(f"--base and --distractors are of grocery; {name} has none of them.")
    if name == "flags" and source is not None:
        raise typer.BadParameter("flags are drawn here: they take no SOURCE.")
    if name != "flags" and source is None:
        raise typer.BadParameter(f"{name} needs its SOURCE: {_SOURCES.get(name) or holds(name)}.")
    asked = {key: value for key, value in part.items() if value and value not in (PICTURES[0], ARTICLES[0])}
    if name in WORLDS and asked:
        options = ", ".join(f"--{'split' if key == 'splits' else key}" for key in asked)
        raise typer.BadParameter(f"{options}: of benchmarks alone ({', '.join(NAMES)}); {name} is made whole.")
