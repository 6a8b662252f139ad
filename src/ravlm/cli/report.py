"""`ravlm report`: one run, two beside each other, or one system over seeds, as a page."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ravlm.cli.console import emit_json, examples, say, warn

if TYPE_CHECKING:
    from ravlm.evaluation.report.pictures import Source
    from ravlm.evaluation.runs.folder import Run

CHECK_FAILED = 1
_SHOWN = 5  # faults
LANGUAGES = ("en", "zh")
EPILOG = examples(
    "ravlm report run",
    "ravlm report run other-run --out compared.html",
    "ravlm report run --language zh --out report.zh.html",
)


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders that `ravlm evaluate` wrote.")],
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The HTML file to write.")] = Path("report.html"),
    language: Annotated[str, typer.Option(help="The page's language: en or zh.")] = LANGUAGES[0],
    model: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="The model whose base has the pictures, where it is elsewhere.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The dataset that has the photos, where it is elsewhere.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print how two runs differ, and the spread over seeds.")
    ] = False,
) -> None:
    """Write a page about a run: scores with intervals, causes of errors, curves, and answers with their evidence.

    Of two runs it also shows what differs, question by question; of one system trained with several seeds, the spread.
    The page is one file that loads nothing. Pictures come from each run's dataset and model, where they still are.
    Where a run is not as it was written, there is no page, and the exit code is 1.
    """
    from ravlm.errors import ConfigError, UnknownChoice
    from ravlm.evaluation.report.page import write_report
    from ravlm.evaluation.runs.folder import read_run
    from ravlm.optional import require
    from ravlm.safe.files import check_writable

    if language not in LANGUAGES:
        raise UnknownChoice("language of a page", language, LANGUAGES)
    if out.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--out was given {out}, and a page is a file that ends in .html. Give it such a name.")
    check_writable(out)
    require("ir_measures", "evaluation")
    read = [read_run(folder) for folder in runs]
    _check(runs)
    sources = [_source(run, data, model) for run in read]
    write_report(out, read, language="zh" if language == "zh" else "en", sources=sources)
    if as_json:
        emit_json(_beside(read))
        return
    say(f"Wrote {out}: open it in a browser.")


def _check(runs: Sequence[Path]) -> None:
    """End with 1 where a run is not as it was written: a page must not show scores that nothing stands behind."""
    from ravlm.evaluation.runs.verify import quick_faults

    for folder in runs:
        if faults := quick_faults(folder):
            warn(f"{folder} is not as it was written, and no page was made of it. `ravlm verify` tells more:")
            warn("\n".join(f"  {fault}" for fault in faults[:_SHOWN]))
            raise typer.Exit(CHECK_FAILED)


def _beside(runs: "Sequence[Run]") -> object:
    """What differs between two runs, and the spread over seeds, as JSON."""
    from ravlm.evaluation.comparing import are_seeds_of_one, compare, over_seeds

    found: dict[str, object] = {}
    if are_seeds_of_one(runs):
        found["over_seeds"] = over_seeds(runs)
    if len(runs) == 2:
        found["comparison"] = compare(runs[0], runs[1]).as_json()
    return found


def _source(run: "Run", data: Path | None, model: Path | None) -> "Source":
    """A run's photos by their paths and its base's pictures by their ids, where they are to be had."""
    from ravlm.data.dataset import Dataset
    from ravlm.errors import RavlmError
    from ravlm.evaluation.report.pictures import Source
    from ravlm.evaluation.runs.folder import whereabouts
    from ravlm.knowledge.store import KnowledgeBase
    from ravlm.safe.images import read_image_bytes

    photos: Callable[[str], bytes | None] = lambda _: None  # noqa: E731
    pictures: Callable[[str], bytes | None] = lambda _: None  # noqa: E731
    try:
        dataset = Dataset.open(whereabouts(run, "data", data))
        photos = lambda path: read_image_bytes(dataset.image_path(path))  # noqa: E731
    except RavlmError as error:
        warn(f"The page has no photos. {error}")
    try:
        pictures = KnowledgeBase.open(whereabouts(run, "model", model)).picture
    except RavlmError as error:
        warn(f"The page has no pictures of entries. {error}")
    return Source(photos, pictures)
