"""One plain loop for every stage: draw a batch, compute the loss, step, average, validate, keep a checkpoint."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from ravlm.device import autocast
from ravlm.errors import ConfigError, TrainingError
from ravlm.training.best import Best
from ravlm.training.checkpoint import Checkpoint, TrainingState, save_checkpoint
from ravlm.training.faults import is_no_memory, no_memory, no_number
from ravlm.training.optim import Average, make_optimizers, standing_still, step_generator, warm_up_then_cosine
from ravlm.training.processes import Share, share_gradients
from ravlm.training.stage_config import StageConfig

Progress = Callable[[str, int, int], None]
Measured = Callable[[str, int, Mapping[str, float]], None]
"""Called with (the stage's name, steps done, measures by name)."""
Curve = list[dict[str, float | str]]
_EVERY = 10  # steps between two rows of the curve


class Stage(ABC):
    """What a stage trains, and towards what.

    `name` is that of its checkpoints and rows of the curve; `title` tells a person what goes on; `table` is where its
    settings stand in a file, `training.` and its name where it says nothing. `parts` are the modules that learn, by the
    names of their settings. `share` says which rows of a batch are this process's; it is set before the first step.
    """

    name: str
    title: str
    table: str | None = None
    settings: StageConfig
    parts: nn.ModuleDict
    share: Share = Share()

    @property
    def in_file(self) -> str:
        """Where the stage's settings stand in a file."""
        return self.table or f"training.{self.name}"

    @abstractmethod
    def loss(self, step: int, generator: Generator) -> Tensor:
        """The loss of a batch drawn with this generator, a scalar; on every call a batch of its own.

        All processes draw the same batch. A stage may compute the rows `self.share.rows(n)` alone; the mean over the
        processes of what it returns must be the loss of the whole batch (`Share.weight`, `Share.gather`).
        """

    def prepare(self, step: int) -> None:  # noqa: B027  most stages have nothing to prepare
        """Called before each step, and after a resume first: what is made anew at fixed steps."""

    def validation(self) -> float:
        """How bad the parts are, as they are now, on questions that they don't learn from; lower is better.

        Raises:
            TrainingError: there are no such questions.
        """
        raise TrainingError(
            f"Stage {self.name!r} can't be validated: it has no questions to do so. Leave out "
            f"{self.in_file}.validate_every, or give the dataset a val.jsonl that it can use."
        )

    def kept(self) -> Mapping[str, Tensor]:
        """What the stage needs beside weights to go on from here, kept in each checkpoint."""
        return {}

    def put_back(self, kept: Mapping[str, Tensor]) -> None:  # noqa: B027  most stages keep nothing
        """What `kept` gave, when the stage is resumed."""


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
    measured: Measured = field(default=lambda *_: None)
    share: Share = field(default_factory=Share)


def train_stage(run: Run, stage: Stage, curve: Curve, checkpoint: Checkpoint | None) -> Curve:
    """Train a stage from its beginning, or from a checkpoint of it; returns the curve so far.

    At the end the parts have the moving average of their weights; where they were validated, the best of these.

    Raises:
        ConfigError: `rates` names a part that does not learn here, or lets none learn.
        TrainingError: the loss is no number any more, memory is too small, or the stage can't be validated.
    """
    settings, parts = stage.settings, stage.parts
    stage.share = run.share
    check_rates(stage)
    rates = {part: settings.rates[name] for name, part in parts.items() if name in settings.rates}
    still = [part for part, rate in rates.items() if rate == 0.0]
    with standing_still(still):
        optimizers = make_optimizers(parts.values(), **settings.optimizer_settings(), rates=rates)
        average = Average(parts, settings.average)
        state = TrainingState(stage.name, 0, run.whole, optimizers, average, list(curve), Best(), stage.kept)
        if checkpoint is not None and checkpoint.stage == stage.name:
            checkpoint.restore(state)
            stage.put_back(checkpoint.part("kept"))
        _train(run, stage, state, still)
    parts.load_state_dict(state.best.weights or state.average.state)
    return state.curve


def _train(run: Run, stage: Stage, state: TrainingState, still: Sequence[nn.Module]) -> None:
    settings, clock = stage.settings, _Clock(state)
    if settings.validate_every and state.step == 0:
        _validate(run, stage, state, clock)
    _to_training(run, still)
    while state.step < settings.steps and not state.best.enough(settings.patience):
        try:
            measures = _step(run, stage, state)
        except (RuntimeError, MemoryError) as error:
            if not is_no_memory(error):
                raise
            raise no_memory(stage.name, stage.in_file, settings, run.out, state.step, run.device) from error
        last = state.step == settings.steps
        if state.step % _EVERY == 0 or last:
            clock.tell(run, stage, measures)
        if settings.validate_every and (state.step % settings.validate_every == 0 or last):
            _validate(run, stage, state, clock)
            _to_training(run, still)
        due = state.step % run.checkpoint_every == 0 or last or state.best.enough(settings.patience)
        if due and run.share.first:
            save_checkpoint(run.out, state, run.stages)
        run.progress(stage.title, state.step, settings.steps)


def _step(run: Run, stage: Stage, state: TrainingState) -> dict[str, float]:
    """One step of the optimisers; returns its measures."""
    settings, parts = stage.settings, stage.parts
    stage.prepare(state.step)
    rate = warm_up_then_cosine(state.step, settings.steps, max(1, int(settings.steps * settings.warm_up)))
    groups = [group for optimizer in state.optimizers for group in optimizer.param_groups]
    for group in groups:
        group["lr"] = rate * group["initial_lr"]
    parts.zero_grad(set_to_none=True)
    value = share_gradients(run.share, parts, _backward(run, stage, state.step))
    norm = nn.utils.get_total_norm(p.grad for p in parts.parameters() if p.grad is not None)
    if not math.isfinite(value) or not norm.isfinite():
        raise no_number(stage.name, stage.in_file, settings, parts, run.out, state.step, value)
    nn.utils.clip_grads_with_norm_(parts.parameters(), 1.0, norm)
    for optimizer in state.optimizers:
        optimizer.step()
    state.average.update(parts, state.step)
    state.step += 1
    return {"loss": value, "rate": max(group["lr"] for group in groups), "gradient norm": float(norm)}


def _backward(run: Run, stage: Stage, step: int) -> float:
    """The gradients of a step, summed over the batches that it accumulates; returns the mean loss."""
    values, count = [], stage.settings.accumulate
    for part in range(count):
        generator = step_generator(run.seed, stage.name, step, *([part] if part else []), rank=run.share.rank)
        with autocast(run.device, run.precision):
            loss = stage.loss(step, generator)
        torch.autograd.backward(loss / count if count > 1 else loss)
        values.append(loss.item())
    return sum(values) / count


def _validate(run: Run, stage: Stage, state: TrainingState, clock: "_Clock") -> None:
    """Validate the averaged weights; all processes hear what the first found."""
    value = 0.0
    if run.share.first:
        run.whole.eval()
        with torch.no_grad(), state.average.within(stage.parts):
            value = stage.validation()
    value = run.share.from_first(value, run.device)
    state.best.told(value, state.step, state.average.state)
    clock.tell(run, stage, {"validation": value})


def _to_training(run: Run, still: Sequence[nn.Module]) -> None:
    run.whole.train()
    for part in still:
        part.eval()


class _Clock:
    """The curve's seconds, which go on where a stopped run left off, and the steps a second since the last row."""

    def __init__(self, state: TrainingState) -> None:
        told = [float(row["seconds"]) for row in state.curve if row["stage"] == state.stage]
        self._state, self._began = state, time.perf_counter() - (told[-1] if told else 0.0)
        self._last = (time.perf_counter(), state.step)

    def tell(self, run: Run, stage: Stage, measures: Mapping[str, float]) -> None:
        """Add a row to the curve; all measures go to whoever watches."""
        now, step = time.perf_counter(), self._state.step
        rounded = {name: round(measures[name], 4) for name in ("loss", "validation") if name in measures}
        row = {"stage": stage.name, "step": step, "seconds": round(now - self._began, 2), **rounded}
        self._state.curve.append(row)
        pace = {"steps a second": (step - self._last[1]) / (now - self._last[0])} if step > self._last[1] else {}
        self._last = now, step
        run.measured(stage.name, step, {**measures, **pace})


def check_rates(stage: Stage) -> None:
    """Refuse rates of parts that do not learn in a stage; one that stands still may be told to.

    Raises:
        ConfigError: there is no such part, it is declared to stand still, or all parts stand still.
    """
    rates, parts = stage.settings.rates, stage.parts
    unknown = [n for n, rate in rates.items() if n not in parts and (rate > 0 or n not in stage.settings.PARTS)]
    if unknown:
        raise ConfigError(
            f"{stage.in_file}.rates names {' and '.join(unknown)}; what learns here is {', '.join(parts)}. "
            "Leave it out, or where it is an encoder that is declared to stand still, set its trainable."
        )
    if all(rates.get(name) == 0.0 for name in parts):
        raise ConfigError(f"{stage.in_file}.rates lets no part learn. Give one of {', '.join(parts)} a rate.")
