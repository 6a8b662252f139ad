"""`ravlm train` with a configuration that has a table `pretrain`: pictures become an encoder's folder."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ravlm.cli.console import duration, emit_json, progress, say, warn
from ravlm.cli.train import STOPPED, device_and_precision, has_checkpoint

if TYPE_CHECKING:
    from ravlm.training.pretrain.config import PretrainRunConfig


def pretrain(
    config: Path, data: Path, out: Path, seed: int | None, unused: Mapping[str, object], *, resume: bool, as_json: bool
) -> None:
    """Pre-train what the configuration names. Of the options in `unused`, pre-training takes none."""
    from ravlm.errors import ConfigError, RavlmError
    from ravlm.safe.files import check_free, remove_folder
    from ravlm.training.pretrain.config import read_pretrain_config
    from ravlm.training.pretrain.run import pretrain as run

    settings = read_pretrain_config(config, seed=seed)
    given = [name for name, value in unused.items() if value is not None]
    if given:
        raise ConfigError(
            f"{config} pre-trains an encoder, which uses no {' and no '.join(given)}: leave that out here, and give it "
            "when a model is trained."
        )
    if not resume:
        check_free(out)
    device, precision = device_and_precision(settings)
    warn(f"Pre-training on {device} in {precision}, seed {settings.training.seed}.")
    try:
        with progress() as report:
            trained = run(settings, data, out, resume=resume, progress=report)
    except KeyboardInterrupt:
        _tell_how_to_go_on(config, data, out, seed)
        raise typer.Exit(STOPPED) from None
    except RavlmError:
        if not resume and not has_checkpoint(out):
            remove_folder(out)  # it was free, and what stands there now serves nothing
        raise
    if as_json:
        about = {"device": device, "precision": precision, "seed": settings.training.seed}
        measured = {"before": dict(trained.before), "after": dict(trained.after)}
        emit_json({"encoder": str(out), **about, "seconds": trained.seconds, **measured, "curve": trained.curve})
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


def _tell_how_to_go_on(config: Path, data: Path, out: Path, seed: int | None) -> None:
    from ravlm.training.pretrain.folder import RUN

    if not (out / RUN).is_file():
        warn("Nothing was begun yet.")
        return
    command = ["ravlm", "train", str(config), "--data", str(data), "--out", str(out)]
    command += [*(["--seed", str(seed)] if seed is not None else []), "--resume"]
    kept = "The last checkpoint is kept" if has_checkpoint(out) else "No checkpoint was due yet; the run is kept"
    warn(f"{kept} in {out}. Go on with:\n  {shlex.join(command)}")
