"""The two stages as plain loops: draw a batch, compute the loss, step, average, keep a checkpoint."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from ravlm.device import autocast
from ravlm.errors import TrainingError
from ravlm.heads.calibration import calibrated
from ravlm.model.vlm import RetrievalAugmentedVLM
from ravlm.retrieval.entity import EntityThenPassageRetriever
from ravlm.tasks.teaching import finder_for
from ravlm.training.checkpoint import Checkpoint, TrainingState, save_checkpoint
from ravlm.training.config import MatchConfig, ReadConfig, TrainingConfig
from ravlm.training.match import PicturePairs, augmented_pairs, contrastive_loss
from ravlm.training.optim import Average, learning, make_optimizers, step_generator, trainable, warm_up_then_cosine
from ravlm.training.read import Reading, question_batch, sample_groups, training_hits

STAGES = ("match", "read")
TITLES = {"match": "learning to match pictures", "read": "learning to read answers"}
Progress = Callable[[str, int, int], None]
Curve = list[dict[str, float | str]]


@dataclass(frozen=True)
class Run:
    """What both stages share."""

    model: RetrievalAugmentedVLM
    retriever: EntityThenPassageRetriever
    device: torch.device
    config: TrainingConfig
    out: Path
    progress: Progress


def match(run: Run, pairs: PicturePairs, size: int, curve: Curve, checkpoint: Checkpoint | None) -> Curve:
    """Train the visual encoder so that a photo and its entry's picture come together; returns the curve so far.

    Of an eye that stands still, only the scale of its similarities is learned, from what it made of the pictures.
    """
    eye, settings = run.model.visual_encoder, run.config.match
    scale = nn.ParameterList([run.retriever.log_scale])
    trained = nn.ModuleList([*learning(eye), scale])

    def loss_of(step: int, generator: Generator) -> Tensor:
        if learning(eye):
            photos, pictures, entry = augmented_pairs(pairs, size, settings.batch, generator)
            queries, keys = eye(torch.cat([photos, pictures]).to(run.device)).pooled.chunk(2)
        else:
            photo, picture, entry = pairs.sample(settings.batch, generator)
            queries, keys = pairs.photos[photo].to(run.device), pairs.pictures[picture].to(run.device)
        return contrastive_loss(queries, keys, entry.to(run.device), run.retriever.log_scale.exp())

    return _loop(run, "match", settings, trained, loss_of, curve, checkpoint)


def read(run: Run, reading: Reading, curve: Curve, checkpoint: Checkpoint | None) -> Curve:
    """Train language encoder, fusion and output layer to find the answer in the passages; the eye stands still."""
    model, settings = run.model, run.config.read
    encoder = model.language_encoder
    gain = nn.ParameterList([run.retriever.text_gain])
    parts = [trainable(part) for part in (model.fusion_module, model.output_layer)]
    trained = nn.ModuleList([*learning(encoder), *parts, run.retriever.picture, gain])
    eye = trainable(model.visual_encoder)
    finder = finder_for(calibrated(model.output_layer))
    groups = reading.groups()

    def loss_of(step: int, generator: Generator) -> Tensor:
        eye.eval()
        drawn = sample_groups(groups, settings.batch, generator, settings.together)
        with_wrong = bool(torch.rand((), generator=generator) < settings.wrong)
        hits = [
            row
            for group in drawn
            for row in training_hits(
                run.retriever, reading, group, settings, _pairs(len(group), generator), with_wrong=with_wrong
            )
        ]
        chosen = [i for group in drawn for i in group]
        output = model(question_batch(encoder, reading, chosen, run.device), hits)
        targets = finder.targets([reading.examples[i] for i in chosen], output.knowledge)
        return model.output_layer.loss(output.prediction, targets)

    learned = [p for p in eye.parameters() if p.requires_grad]
    eye.requires_grad_(False)
    try:
        return _loop(run, "read", settings, trained, loss_of, curve, checkpoint)
    finally:
        for parameter in learned:
            parameter.requires_grad_(True)


def _pairs(n: int, generator: Generator) -> list[tuple[float, float]]:
    return [(a, b) for a, b in torch.rand(n, 2, generator=generator).tolist()]


def _loop(
    run: Run,
    stage: str,
    settings: MatchConfig | ReadConfig,
    trained: nn.ModuleList,
    loss_of: Callable[[int, Generator], Tensor],
    curve: Curve,
    checkpoint: Checkpoint | None,
) -> Curve:
    optimizers = make_optimizers(
        trained,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        matrices=settings.matrix_learning_rate if isinstance(settings, ReadConfig) else None,
        pretrained=settings.pretrained_learning_rate,
    )
    state = TrainingState(stage, 0, run.model, optimizers, Average(trained, settings.average), list(curve))
    if checkpoint is not None and checkpoint.stage == stage:
        checkpoint.restore(state)
    run.model.train()
    began, warm_up = time.perf_counter(), max(1, settings.steps // 20)
    for step in range(state.step, settings.steps):
        generator = step_generator(run.config.seed, stage, step)
        rate = warm_up_then_cosine(step, settings.steps, warm_up)
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = rate * group["initial_lr"]
        with autocast(run.device, run.config.precision):
            loss = loss_of(step, generator)
        trained.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        value = loss.item()
        if not math.isfinite(value):
            rates = [name for name in type(settings).model_fields if name.endswith("learning_rate")]
            now = " and ".join(f"training.{stage}.{name} (now {getattr(settings, name)})" for name in rates)
            raise TrainingError(
                f"The loss of stage {stage!r} became {value} at step {step + 1}. The last checkpoint stands in "
                f"{run.out}. Lower {now} and train again."
            )
        for optimizer in optimizers:
            optimizer.step()
        state.average.update(trained, step)
        state.step = step + 1
        if state.step % 10 == 0 or state.step == settings.steps:
            seconds = round(time.perf_counter() - began, 2)
            state.curve.append({"stage": stage, "step": state.step, "seconds": seconds, "loss": round(value, 4)})
        if state.step % run.config.checkpoint_every == 0 or state.step == settings.steps:
            save_checkpoint(run.out, state, STAGES)
        run.progress(TITLES[stage], state.step, settings.steps)
    trained.load_state_dict(state.average.state)
    return state.curve
