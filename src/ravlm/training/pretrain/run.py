"""A whole pre-training run: pictures or texts in, an encoder's folder out."""

from pathlib import Path

from ravlm.training.loop import Measured, Progress
from ravlm.training.pretrain.alignment import pretrain_alignment
from ravlm.training.pretrain.config import PretrainRunConfig
from ravlm.training.pretrain.folder import PretrainReport
from ravlm.training.pretrain.language import pretrain_language
from ravlm.training.pretrain.visual import pretrain_visual
from ravlm.training.record import whole_or_nothing


@whole_or_nothing
def pretrain(
    config: PretrainRunConfig,
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress = lambda *_: None,
    measured: Measured = lambda *_: None,
) -> PretrainReport:
    """Pre-train what the configuration names, on what is in `data`, and write its folder to `out`.

    `out/checkpoints` holds the last whole state, from which `resume` goes on to the same weights, bit for bit, on the
    same machine and threads. `measured` is told each row of the curve, with more measures.

    Raises:
        PathError: `out` is in the way, or there is nothing to resume, or no data.
        ConfigError: the run to resume had other settings, encoders or data; or an encoder is refused.
        DatasetError: the data have faults: all of them.
        TrainingError: the data are too few, or the loss is no number any more.
    """
    run = pretrain_visual
    if config.pretrain.language is not None:
        run = pretrain_language
    elif config.pretrain.alignment is not None:
        run = pretrain_alignment
    return run(config, data, out, resume=resume, progress=progress, measured=measured)
