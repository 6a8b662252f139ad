"""`ravlm train` with a configuration that has a table `pretrain`: pictures or texts become an encoder's folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ravlm.cli.console import duration, emit_json, say, warn
from ravlm.cli.train import STOPPED, device_and_precision, tell_how_to_go_on, tell_what_is_other, watched

if TYPE_CHECKING:
    from ravlm.training.pretrain.config import PretrainRunConfig


def pretrain(
    config: Path,
    data: Path,
    out: Path,
    seed: int | None,
    tensorboard: Path | None,
    unused: Mapping[str, object],
    *,
    resume: bool,
    as_json: bool,
) -> None:
    """Pre-train what the configuration names, in one process. Of the options in `unused`, pre-training takes none."""
    from ravlm.errors import ConfigError
    from ravlm.safe.files import check_free
    from ravlm.training.pretrain.config import read_pretrain_config
    from ravlm.training.pretrain.run import pretrain as run
    from ravlm.training.processes import join_processes

    settings = read_pretrain_config(config, seed=seed)
    idle = [name for name, value in unused.items() if value is not None]
    if idle:
        raise ConfigError(
            f"{config} pre-trains an encoder, which uses no {' and no '.join(idle)}: leave that out here, and give it "
            "when a model is trained."
        )
    share = join_processes()
    if share.of > 1:
        raise ConfigError(
            f"{config} pre-trains an encoder, which runs in one process, and torchrun started {share.of}. Start it "
            "without torchrun."
        )
    if not resume:
        check_free(out)
    device, precision = device_and_precision(settings)
    warn(f"Pre-training on {device} in {precision}, seed {settings.training.seed}.")
    tell_what_is_other(out, resume=resume)
    try:
        with watched(tensorboard, share) as (report, measured):
            trained = run(settings, data, out, resume=resume, progress=report, measured=measured)
    except KeyboardInterrupt:
        given = {"": config, "--data": data, "--out": out, "--tensorboard": tensorboard, "--seed": seed}
        tell_how_to_go_on(out, given)
        raise typer.Exit(STOPPED) from None
    if as_json:
        about = {"device": device, "precision": precision, "seed": settings.training.seed}
        held_out = {"before": dict(trained.before), "after": dict(trained.after)}
        emit_json({"encoder": str(out), **about, "seconds": trained.seconds, **held_out, "curve": trained.curve})
        return
    made = _made(settings)
    what = "a pair of encoders, aligned" if made == "alignment" else f"a {made} encoder, pre-trained"
    say(f"Wrote {out}: {what} in {duration(trained.seconds)}.")
    if trained.after:
        found = (f"{name} {trained.before[name]:g} before, {value:g} after" for name, value in trained.after.items())
        say(f"On what was held out: {'; '.join(found)}.")
    sides = {side: out / side for side in ("visual", "language")} if made == "alignment" else {made: out}
    for side, folder in sides.items():
        say(f'To use it, write under [model.{side}]: kind = "pretrained", source = "{folder}".')


def _made(settings: "PretrainRunConfig") -> str:
    """What the run makes: the name of its table."""
    given = settings.pretrain.model_dump(exclude_none=True)
    return next(iter(given))
