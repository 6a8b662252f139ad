"""What is told where a step can't be made: its loss is no number, or there is not enough memory."""

import math
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from ravlm.errors import TrainingError
from ravlm.training.checkpoint import has_checkpoint
from ravlm.training.stage_config import StageConfig

_FEWEST = 2  # rows of a batch
_CPU_WORDS = ("can't allocate memory", "not enough memory")


def no_number(
    stage: str, table: str, settings: StageConfig, parts: nn.ModuleDict, out: Path, step: int, loss: float
) -> Exception:
    """The loss or a gradient is no number: the step is not made, the last checkpoint stands."""
    bad = [name for name, part in parts.items() if not _finite(p.grad for p in part.parameters())]
    what = f"The loss of stage {stage!r} became {loss}"
    if math.isfinite(loss):
        what = f"A gradient of stage {stage!r} became no number"
    where = f", in the gradients of {' and '.join(bad)}" if bad else ""
    rates = [name for name in type(settings).model_fields if name.endswith("learning_rate")]
    now = " and ".join(f"{table}.{name} (now {getattr(settings, name)})" for name in rates)
    return TrainingError(f"{what} at step {step + 1}{where}. {_kept(out)} Lower {now} and train again.")


def is_no_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had, on an accelerator or here."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _CPU_WORDS)


def no_memory(stage: str, table: str, settings: StageConfig, out: Path, step: int, device: torch.device) -> Exception:
    """There is not enough memory for a step: which batch to try, at the same product of batch and `accumulate`."""
    batch, times = settings.batch, settings.accumulate
    factor = next((n for n in (2, 3, 5, 7, batch) if batch % n == 0 and batch // n >= _FEWEST), None)
    now = f"{table}.batch = {batch} and {table}.accumulate = {times}"
    advice = "Take smaller encoders or pictures: the batch is as small as it can be."
    if factor is not None:
        advice = (
            f"Try {table}.batch = {batch // factor} and {table}.accumulate = {times * factor}: as "
            "many rows a step, fewer at once."
        )
    goes_on = " --resume goes on with these." if factor is not None and has_checkpoint(out) else ""
    return TrainingError(
        f"There is not enough memory on {device.type} for step {step + 1} of stage {stage!r}, with {now}. {_kept(out)} "
        f"{advice}{goes_on}"
    )


def _kept(out: Path) -> str:
    return f"The last checkpoint stands in {out}." if has_checkpoint(out) else "No checkpoint was due yet."


def _finite(gradients: Iterable[Tensor | None]) -> bool:
    return all(gradient is None or bool(gradient.isfinite().all()) for gradient in gradients)
