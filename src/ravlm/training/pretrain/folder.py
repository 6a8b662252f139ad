"""The folder of a pre-training run: what it was begun with, its checkpoints, and at the end an encoder."""

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ravlm.device import choose_device
from ravlm.encoders.base import Encoder
from ravlm.errors import ConfigError
from ravlm.safe.files import write_text_atomic
from ravlm.training.checkpoint import FOLDER, last_checkpoint
from ravlm.training.loop import Curve, Measured, Progress, Run, Stage, train_stage
from ravlm.training.pretrain.config import PretrainRunConfig, PretrainTraining
from ravlm.training.record import RUN, changed, keep_resumed, precision_in, read_run, run_to_resume, write_run

ABOUT = "pretraining.json"
_PIXELS = "pictures.u8"


@dataclass(frozen=True)
class PretrainReport:
    """What a run took, in seconds, its learning curve, and what was measured on held-out data before and after it."""

    seconds: float
    curve: Curve
    before: Mapping[str, float]
    after: Mapping[str, float]


@dataclass(frozen=True)
class Began:
    """A run's folder, made or found again: in which precision it computes, and since when."""

    out: Path
    precision: str
    resumed: bool
    at: float

    @property
    def pixels(self) -> Path:
        """Where decoded pictures lie while the run goes on."""
        return self.out / _PIXELS


def begin(
    config: PretrainRunConfig, data: Mapping[str, Any], brought: Mapping[str, Encoder], out: Path, *, resume: bool
) -> Began:
    """Make `out`, or make sure that the run in it is the one to be resumed.

    `data` tells what is learned from, as JSON, and `brought` are the encoders that did not begin at random: both must
    be the same in a run that is resumed.

    Raises:
        PathError: `out` holds something, or nothing to resume.
        ConfigError: the run in it was begun otherwise.
    """
    at = time.perf_counter()
    about: dict[str, Any] = {"config": config.model_dump(mode="json"), "data": dict(data)}
    about["encoders"] = {side: encoder.fingerprint() for side, encoder in brought.items()}
    about = json.loads(json.dumps(about))  # as it is read back
    if resume:
        before = run_to_resume(out, makes="encoder")
        different = [f"{key}{_names(before.get(key), about[key])}" for key in changed(before, about, about)]
        if different:
            raise ConfigError(
                f"The run in {out} was begun otherwise: not the same now is its {' and '.join(different)}. Resume it "
                "with the same settings, seed, encoders and data, or train anew into another folder."
            )
        keep_resumed(out)
    else:
        write_run(out, about, config.training.precision)
    return Began(out, precision_in(out), resume, at)


def train_encoder(
    began: Began,
    stage: Stage,
    training: PretrainTraining,
    encoder: Encoder,
    progress: Progress,
    measured: Measured,
    *,
    measure: Callable[[], Mapping[str, float]] = dict,
) -> PretrainReport:
    """Train the stage's parts, write the encoder, and clear away what only the run needed.

    `measure` is called before the first step, also of a run that is resumed, and when the weights stand.
    """
    run = Run(
        whole=stage.parts,
        device=choose_device(),
        seed=training.seed,
        precision=began.precision,
        checkpoint_every=training.checkpoint_every,
        out=began.out,
        stages=(stage.name,),
        progress=progress,
        measured=measured,
    )
    before = measure()
    curve = train_stage(run, stage, [], last_checkpoint(began.out) if began.resumed else None)
    seconds = round(time.perf_counter() - began.at, 1)
    after = measure()
    told = {**read_run(began.out), "seconds": seconds, "before": before, "after": after, "curve": curve}
    encoder.eval().save_pretrained(began.out)
    write_text_atomic(began.out / ABOUT, json.dumps(told, indent=1, ensure_ascii=False))
    (began.out / RUN).unlink()  # first: a run without it is over, and is not resumed
    began.pixels.unlink(missing_ok=True)
    shutil.rmtree(began.out / FOLDER)
    return PretrainReport(seconds, curve, before, after)


def _names(before: Any, now: Any) -> str:
    """Which names came or went, where both tell theirs."""
    if not isinstance(before, dict) or "names" not in before or "names" not in now:
        return ""
    gone, new = (sorted({*a["names"]} - {*b["names"]})[:3] for a, b in ((before, now), (now, before)))
    told = [f"{word} {', '.join(map(repr, names))}" for word, names in (("gone are", gone), ("new are", new)) if names]
    return f" ({'; '.join(told)})" if told else " (the same names, other content)"
