"""`ravlm train`: a dataset's folder becomes a model's folder."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ravlm.cli.console import counted, duration, emit_json, examples, progress, say, warn

if TYPE_CHECKING:
    from ravlm.encoders.features.cache import FeatureCache
    from ravlm.heads.calibration import Calibration
    from ravlm.training.config import RunConfig

STOPPED = 130
EPILOG = examples(
    "ravlm train --data flags --out model",
    "ravlm train configs/small.toml --data flags --out model --seed 1",
    "ravlm train --data flags --out model --knowledge flags-kb",
    "ravlm train --data flags --out model --resume",
    "ravlm train mine.toml --data flags --out model --cache features",
)


def train(
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="A TOML file with settings; without it, the defaults.")
    ] = None,
    *,
    data: Annotated[Path, typer.Option(metavar="DIR", help="The dataset's folder.")],
    out: Annotated[Path, typer.Option(metavar="MODEL", help="The folder to write: new or empty.")],
    knowledge: Annotated[
        str | None,
        typer.Option(metavar="KB", help="The knowledge base to use in place of the dataset's; it holds its entries."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep there what a visual encoder that stands still computes, for other runs."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Decides everything that is drawn by lot; else the file's.")
    ] = (None),
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in MODEL.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Train a model and build its knowledge base. Stopped at any time, it goes on with --resume to the same weights."""
    from ravlm.cli.extras import require_models
    from ravlm.errors import RavlmError
    from ravlm.safe.files import check_free, remove_folder

    require_models()
    from ravlm.training.config import read_run_config
    from ravlm.training.run import train as train_model

    settings = read_run_config(config, seed=seed)
    if not resume:
        check_free(out)
    _check_data(data)
    device, precision = device_and_precision(settings)
    warn(f"Training on {device} in {precision}, seed {settings.training.seed}.")
    try:
        with progress() as report:
            kept = None if cache is None else _cache(cache)
            trained = train_model(settings, data, out, knowledge=knowledge, cache=kept, resume=resume, progress=report)
    except KeyboardInterrupt:
        _tell_how_to_go_on(config, data, out, seed, knowledge, cache)
        raise typer.Exit(STOPPED) from None
    except RavlmError:
        if not resume and not has_checkpoint(out):
            remove_folder(out)  # it was free, and what stands there now serves nothing
        raise
    if as_json:
        about = {"device": device, "precision": precision, "seed": settings.training.seed}
        emit_json({"model": str(out), **about, "seconds": trained.seconds, "curve": trained.curve})
    else:
        say(f"Wrote {out}: a model with its knowledge base, trained in {duration(trained.seconds['training'])}.")
        if trained.calibration is not None:
            say(_told(trained.calibration))
        say(f"Next: {shlex.join(['ravlm', 'evaluate', str(out), '--data', str(data), '--out', f'{out}-run'])}")


def _told(calibration: "Calibration") -> str:
    """What validation showed of the model's confidence."""
    asked = f"{counted(calibration.questions, 'decision', 'decisions')} of validation"
    if calibration.threshold == 0.0:
        return f"Its confidence was fitted to {asked}."
    least = "it declines them all" if calibration.threshold > 1.0 else f"it answers from {calibration.threshold:.2f} on"
    return f"Its confidence was fitted to {asked}; to keep the risk, {least}."


def _cache(folder: Path) -> "FeatureCache":
    from ravlm.encoders.features.cache import FeatureCache

    return FeatureCache(folder)


def device_and_precision(config: "RunConfig") -> tuple[str, str]:
    """Where a run of this configuration computes, and in which numbers."""
    from ravlm.device import choose_device, device_name, precision_of

    device = choose_device()
    return device_name(device), precision_of(device, config.training.precision)


def has_checkpoint(out: Path) -> bool:
    """Whether a stopped run left a whole checkpoint in this folder."""
    from ravlm.training.checkpoint import FOLDER

    return any((out / FOLDER).glob("[0-9]*"))


def _check_data(data: Path) -> None:
    """Every fault of the dataset at once, before minutes are spent; pictures are decoded when they are read."""
    from ravlm.data.check import check
    from ravlm.errors import DatasetError

    with progress() as report:
        faults = check(data, decode=False, progress=report)
    if faults:
        few = [str(fault) for fault in faults[:20]]
        more = [f"... and {len(faults) - len(few):,} more"] if len(faults) > len(few) else []
        raise DatasetError(
            f"The dataset {data} has {len(faults):,} fault{'s' * (len(faults) != 1)}; `ravlm dataset check` shows all:",
            few + more,
        )


def _tell_how_to_go_on(
    config: Path | None, data: Path, out: Path, seed: int | None, knowledge: str | None, cache: Path | None
) -> None:
    from ravlm.training.run import RUN

    if not (out / RUN).is_file():
        warn("Nothing was begun yet.")
        return
    command = ["ravlm", "train", *([str(config)] if config else []), "--data", str(data), "--out", str(out)]
    command += ["--knowledge", knowledge] if knowledge else []
    command += ["--cache", str(cache)] if cache else []
    command += [*(["--seed", str(seed)] if seed is not None else []), "--resume"]
    kept = (
        "The last checkpoint is kept"
        if has_checkpoint(out)
        else "No checkpoint was due yet; the knowledge base is kept"
    )
    warn(f"{kept} in {out}. Go on with:\n  {shlex.join(command)}")
