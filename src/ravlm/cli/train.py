"""`ravlm train`: a dataset's folder becomes a model's folder."""

import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ravlm.cli.console import Progress, counted, duration, emit_json, examples, progress, say, warn
from ravlm.cli.training_table import training_table

if TYPE_CHECKING:
    from ravlm.encoders.features.cache import FeatureCache
    from ravlm.heads.calibration import Calibration
    from ravlm.training.config import RunConfig
    from ravlm.training.loop import Measured
    from ravlm.training.pretrain.config import PretrainRunConfig
    from ravlm.training.processes import Share

STOPPED = 130
EPILOG = examples(
    "ravlm train --data flags --out model",
    "ravlm train configs/small.toml --data flags --out model --seed 1",
    "ravlm train --data flags --out model --knowledge flags-kb",
    "ravlm train configs/joint.toml --data flags --out joined --from model",
    "ravlm train --data flags --out model --resume",
    "ravlm train mine.toml --data flags --out model --cache features",
    "ravlm train --data flags --out model --tensorboard logs",
    "torchrun --nproc-per-node 2 -m ravlm train --data flags --out model",
    "ravlm train configs/grocery-eye.toml --data pictures --out eye",
)


def train(
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="A TOML file with settings; without it, the defaults.")
    ] = None,
    *,
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="The dataset's folder; to pre-train an encoder, also pictures or texts.")
    ],
    out: Annotated[Path, typer.Option(metavar="MODEL", help="The folder to write: new or empty.")],
    knowledge: Annotated[
        str | None,
        typer.Option(metavar="KB", help="The knowledge base to use in place of the dataset's; it holds its entries."),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option("--from", metavar="MODEL", help="Go on from the parts and weights of this model."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep there what a visual encoder that stands still computes, for other runs."
        ),
    ] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write what is measured there, for TensorBoard.")
    ] = None,  # not --log: torchrun takes that for its own
    seed: Annotated[
        int | None, typer.Option(min=0, help="Decides everything that is drawn by lot; else the file's.")
    ] = (None),
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in MODEL.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Train a model and build its knowledge base, or pre-train an encoder where CONFIG has a table `pretrain`.

    Stopped at any time, it goes on with --resume to the same weights.
    """
    from ravlm.cli.extras import require_models
    from ravlm.safe.files import check_free

    require_models()
    from ravlm.training.pretrain.config import pretrains

    if config is not None and pretrains(config):
        from ravlm.cli.pretrain import pretrain

        unused = {"--knowledge": knowledge, "--from": start, "--cache": cache}
        pretrain(config, data, out, seed, tensorboard, unused, resume=resume, as_json=as_json)
        return
    from ravlm.training.config import read_run_config
    from ravlm.training.processes import join_processes, leave_processes
    from ravlm.training.run import train as train_model

    settings = read_run_config(config, seed=seed)
    share = join_processes()
    if share.first and not resume:
        check_free(out)
    _check_data(data, share)
    device, precision = device_and_precision(settings)
    if share.first:
        several = "" if share.of == 1 else f", {share.of} processes"
        warn(f"Training on {device} in {precision}, seed {settings.training.seed}{several}.")
        tell_what_is_other(out, share.of, resume=resume)
    try:
        with watched(tensorboard, share) as (report, measured):
            kept = None if cache is None else _cache(cache)
            trained = train_model(
                settings,
                data,
                out,
                knowledge=knowledge,
                start=start,
                cache=kept,
                resume=resume,
                progress=report,
                measured=measured,
                share=share,
            )
    except KeyboardInterrupt:
        if share.first:
            places = {"": config, "--data": data, "--out": out, "--knowledge": knowledge, "--from": start}
            tell_how_to_go_on(out, places | {"--cache": cache, "--tensorboard": tensorboard, "--seed": seed}, share.of)
        raise typer.Exit(STOPPED) from None
    leave_processes(share)
    if not share.first:
        return
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


def device_and_precision(config: "RunConfig | PretrainRunConfig") -> tuple[str, str]:
    """Where a run of this configuration computes, and in which numbers."""
    from ravlm.device import choose_device, device_name, precision_of

    device = choose_device()
    return device_name(device), precision_of(device, config.training.precision)


@contextmanager
def watched(log: Path | None, share: "Share") -> "Iterator[tuple[Progress, Measured]]":
    """Who is told of progress and of measures: a table on a terminal, else plain lines; a log; of others, nobody."""
    if not share.first:
        yield lambda *_: None, lambda *_: None
        return
    with ExitStack() as open_here:
        report: Progress
        listeners: list[Measured] = [] if log is None else [open_here.enter_context(_logs(log))]
        if sys.stderr.isatty():
            table = open_here.enter_context(training_table())
            listeners.append(table.measured)
            report = table.progress
        else:
            report = open_here.enter_context(progress())

        def measured(stage: str, step: int, measures: Mapping[str, float]) -> None:
            for listener in listeners:
                listener(stage, step, measures)

        yield report, measured


@contextmanager
def _logs(folder: Path) -> "Iterator[Measured]":
    from ravlm.training.logs import Logs

    logs = Logs(folder)
    try:
        yield logs
    finally:
        logs.close()


def _check_data(data: Path, share: "Share") -> None:
    """Every fault of the dataset at once, before minutes are spent; pictures are decoded when they are read."""
    from ravlm.data.check import check
    from ravlm.errors import DatasetError

    with watched(None, share) as (report, _):
        faults = check(data, decode=False, progress=report)
    if faults:
        few = [str(fault) for fault in faults[:20]]
        more = [f"... and {len(faults) - len(few):,} more"] if len(faults) > len(few) else []
        raise DatasetError(
            f"The dataset {data} has {len(faults):,} fault{'s' * (len(faults) != 1)}; `ravlm dataset check` shows all:",
            few + more,
        )


def tell_what_is_other(out: Path, processes: int = 1, *, resume: bool) -> None:
    """Of a run that goes on: what it computes with otherwise than before, where that may show in the weights."""
    from ravlm.training.record import begun_otherwise

    other = begun_otherwise(out, processes=processes) if resume else []
    if other:
        warn("\n  ".join(["It goes on with other means, so its weights need not be the same bit for bit:", *other]))


def tell_how_to_go_on(out: Path, options: Mapping[str, object], processes: int = 1) -> None:
    """After Ctrl-C: what is kept in `out`, and the command that goes on; `options` are those given, by their names."""
    from ravlm.training.checkpoint import has_checkpoint
    from ravlm.training.record import RUN

    if not (out / RUN).is_file():
        warn("Nothing was begun yet.")
        return
    ravlm = ["ravlm"] if processes == 1 else ["torchrun", "--nproc-per-node", str(processes), "-m", "ravlm"]
    given = [(name, str(value)) for name, value in options.items() if value is not None]
    words = [word for name, value in given for word in ((name, value) if name else (value,))]
    kept = "The last checkpoint is kept" if has_checkpoint(out) else "No checkpoint was due yet; what was begun is kept"
    warn(f"{kept} in {out}. Go on with:\n  {shlex.join([*ravlm, 'train', *words, '--resume'])}")
