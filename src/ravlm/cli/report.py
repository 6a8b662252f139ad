"""`ravlm report`: one run, two beside each other, or one system over seeds, as a page."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ravlm.cli.console import emit_json, examples, say, warn

if TYPE_CHECKING:
    from ravlm.evaluation.runs.folder import Run

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
    The page is one file that loads nothing. Pictures come from the first run's dataset and model, where they still are.
    """
    from ravlm.errors import UnknownChoice
    from ravlm.evaluation.report.page import write_report
    from ravlm.evaluation.runs.folder import read_run
    from ravlm.optional import require
    from ravlm.safe.files import check_writable

    if language not in LANGUAGES:
        raise UnknownChoice("language of a page", language, LANGUAGES)
    check_writable(out)
    require("ir_measures", "evaluation")
    read = [read_run(folder) for folder in runs]
    photos, pictures = _pictures(read[0], data, model)
    write_report(out, read, language="zh" if language == "zh" else "en", photos=photos, pictures=pictures)
    if as_json:
        emit_json(_beside(read))
        return
    say(f"Wrote {out}: open it in a browser.")


def _beside(runs: "Sequence[Run]") -> object:
    """What differs between two runs, and the spread over seeds, as JSON."""
    from ravlm.evaluation.comparing import compare, over_seeds, system_of

    found: dict[str, object] = {}
    if len({system_of(run.about) for run in runs}) == 1:
        found["over_seeds"] = over_seeds(runs)
    if len(runs) == 2:
        found["comparison"] = compare(runs[0], runs[1]).as_json()
    return found


def _pictures(
    run: "Run", data: Path | None, model: Path | None
) -> tuple[Callable[[str], bytes | None], Callable[[str], bytes | None]]:
    """Photos by their paths and the base's pictures by their ids, where they are to be had."""
    from ravlm.data.dataset import Dataset
    from ravlm.errors import RavlmError
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
    return photos, pictures
