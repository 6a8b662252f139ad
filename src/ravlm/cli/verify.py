"""`ravlm verify`: whether a run is whole and true, and whether the model answers so again."""

from pathlib import Path
from typing import Annotated

import typer

from ravlm.cli.console import counted, emit_json, examples, progress, say, warn

CHECK_FAILED = 1
_SHOWN = 20  # faults
EPILOG = examples(
    "ravlm verify run",
    "ravlm verify run/summary.json",
    "ravlm verify run --replay",
    "ravlm verify run --replay --model model --data flags",
)


def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, or the summary of one.")],
    *,
    replay: Annotated[bool, typer.Option("--replay", help="Also answer every question again, and compare.")] = False,
    model: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="The model that answered, where it is elsewhere now.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The dataset that was asked, where it is elsewhere now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Work out every score of a run again from what it holds, and say what does not fit.

    The exit code is 1 where something does not. Of a summary alone, the scores are worked out from its columns.
    """
    from ravlm.errors import ConfigError
    from ravlm.evaluation.runs.folder import RUN, checksum
    from ravlm.evaluation.runs.verify import verify as check
    from ravlm.evaluation.runs.verify import verify_summary
    from ravlm.optional import require

    require("ir_measures", "evaluation")
    require("pint", "evaluation")
    alone = run.is_file()
    if alone and run.name == RUN:
        raise ConfigError(f"{run} is a part of a run. Give the run's folder, or its summary.")
    if alone and replay:
        raise ConfigError(f"{run} is a summary, and a replay needs the run's folder. Give that.")
    if not replay and (model is not None or data is not None):
        raise ConfigError("--model and --data are for a replay. Add --replay, or leave them out.")
    faults, notes = verify_summary(run) if alone else check(run), list[str]()
    if replay and not faults:
        faults, notes = _replay(run, model, data)
    elif replay:
        notes.append("nothing was answered again: a run that does not fit in itself is not worth it")
    if faults:
        notes += [f"scores may follow otherwise by another version: {line}" for line in _other_versions(run)]
    name = None if alone else checksum(run / RUN)
    if as_json:
        emit_json({"run": name, "faults": faults, "notes": notes})
    else:
        _tell(run, name, faults, notes, replayed=replay)
    if faults:
        raise typer.Exit(CHECK_FAILED)


def _other_versions(run: Path) -> list[str]:
    """The versions that scores follow by and that are others now than when the run or summary was written."""
    from ravlm.errors import RavlmError
    from ravlm.evaluation.runs.folder import SUMMARY, read_summary
    from ravlm.evaluation.runs.versions import others

    try:
        return others(read_summary(run if run.is_file() else run / SUMMARY)["about"]["versions"])
    except RavlmError:
        return []  # a summary that can't be read is a fault, and told as such


def _replay(folder: Path, model: Path | None, data: Path | None) -> tuple[list[str], list[str]]:
    from ravlm.cli.extras import require_models

    require_models()
    from ravlm.answering.answerer import Answerer
    from ravlm.device import choose_device
    from ravlm.evaluation.runs.folder import read_run, whereabouts
    from ravlm.evaluation.runs.replay import replay

    run = read_run(folder)
    model = whereabouts(run, "model", model)
    answerer = Answerer.open(model, choose_device())
    with progress() as report:
        return replay(run, model, whereabouts(run, "data", data), answerer=answerer, progress=report)


def _tell(run: Path, name: str | None, faults: list[str], notes: list[str], *, replayed: bool) -> None:
    for note in notes:
        warn(f"note: {note}")
    for fault in faults[:_SHOWN]:
        say(fault)
    if len(faults) > _SHOWN:
        say(f"... and {counted(len(faults) - _SHOWN, 'more', 'more')}; --json prints all of them.")
    if faults:
        say(f"\n{run}: {counted(len(faults), 'fault', 'faults')}.")
        return
    how = (
        "the scores follow from the columns" if name is None else "everything follows from what was asked and answered"
    )
    say(f"{run}: {how}" + (", and the model answers so again." if replayed else "."))
    if name is not None:
        say(f"run {name}")
