"""One plain loop for every stage: draw a batch, compute the loss, step, average, keep a checkpoint."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from ravlm.device import autocast
from ravlm.errors import TrainingError
from ravlm.training.checkpoint import Checkpoint, TrainingState, save_checkpoint
from ravlm.training.optim import Average, make_optimizers, step_generator, warm_up_then_cosine
from ravlm.training.stage_config import StageConfig

Progress = Callable[[str, int, int], None]
Curve = list[dict[str, float | str]]


class Stage(ABC):
    """What a stage trains, and towards what.

    `name` is that of its settings, checkpoints and rows of the curve; `title` tells a person what goes on. `parts`
    are the modules that learn, by the names of their settings.
    """

    name: str
    title: str
    settings: StageConfig
    parts: nn.ModuleDict

    @abstractmethod
    def loss(self, step: int, generator: Generator) -> Tensor:
        """The loss of a batch drawn with this generator, a scalar; on every call a batch of its own."""

    def prepare(self, step: int) -> None:  # noqa: B027  most stages have nothing to prepare
        """Called before each step, and after a resume first: what is made anew at fixed steps."""


@dataclass(frozen=True)
class Run:
    """What all stages of a run share.

    `whole` is all that is saved; `stages` are the names of all stages, in their order.
    """

    whole: nn.Module
    device: torch.device
    seed: int
    precision: str
    checkpoint_every: int
    out: Path
    stages: Sequence[str]
    progress: Progress = field(default=lambda *_: None)


def train_stage(run: Run, stage: Stage, curve: Curve, checkpoint: Checkpoint | None) -> Curve:
    """Train a stage from its beginning, or from a checkpoint of it; returns the curve so far.

    At the end the parts have the moving average of their weights.

    Raises:
        TrainingError: the loss is no number any more.
    """
    settings, parts = stage.settings, stage.parts
    optimizers = make_optimizers(parts.values(), **settings.rates())
    state = TrainingState(stage.name, 0, run.whole, optimizers, Average(parts, settings.average), list(curve))
    if checkpoint is not None and checkpoint.stage == stage.name:
        checkpoint.restore(state)
    run.whole.train()
    began, warm_up = time.perf_counter(), max(1, settings.steps // 20)
    for step in range(state.step, settings.steps):
        stage.prepare(step)
        rate = warm_up_then_cosine(step, settings.steps, warm_up)
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = rate * group["initial_lr"]
        parts.zero_grad(set_to_none=True)
        value = _backward(run, stage, step)
        norm = nn.utils.get_total_norm(p.grad for p in parts.parameters() if p.grad is not None)
        if not math.isfinite(value) or not norm.isfinite():
            raise _no_number(run, stage, step, value)
        nn.utils.clip_grads_with_norm_(parts.parameters(), 1.0, norm)
        for optimizer in optimizers:
            optimizer.step()
        state.average.update(parts, step)
        state.step = step + 1
        if state.step % 10 == 0 or state.step == settings.steps:
            seconds = round(time.perf_counter() - began, 2)
            state.curve.append({"stage": stage.name, "step": state.step, "seconds": seconds, "loss": round(value, 4)})
        if state.step % run.checkpoint_every == 0 or state.step == settings.steps:
            save_checkpoint(run.out, state, run.stages)
        run.progress(stage.title, state.step, settings.steps)
    parts.load_state_dict(state.average.state)
    return state.curve


def _backward(run: Run, stage: Stage, step: int) -> float:
    """The gradients of a step, summed over the batches that it accumulates; returns the mean loss."""
    values, count = [], stage.settings.accumulate
    for part in range(count):
        generator = step_generator(run.seed, stage.name, step, *([part] if part else []))
        with autocast(run.device, run.precision):
            loss = stage.loss(step, generator)
        torch.autograd.backward(loss / count if count > 1 else loss)
        values.append(loss.item())
    return sum(values) / count


def _no_number(run: Run, stage: Stage, step: int, loss: float) -> TrainingError:
    """What to tell where the loss or a gradient is no number: the step is not made, the last checkpoint stands."""
    bad = [name for name, part in stage.parts.items() if not all(_finite(p.grad) for p in part.parameters())]
    what = f"The loss of stage {stage.name!r} became {loss}"
    if math.isfinite(loss):
        what = f"A gradient of stage {stage.name!r} became no number"
    where = f", in the gradients of {' and '.join(bad)}" if bad else ""
    rates = [name for name in type(stage.settings).model_fields if name.endswith("learning_rate")]
    now = " and ".join(f"training.{stage.name}.{name} (now {getattr(stage.settings, name)})" for name in rates)
    return TrainingError(
        f"{what} at step {step + 1}{where}. The last checkpoint stands in {run.out}. Lower {now} and train again."
    )


def _finite(gradient: Tensor | None) -> bool:
    return gradient is None or bool(gradient.isfinite().all())
