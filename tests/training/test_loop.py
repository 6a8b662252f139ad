"""The loop: what stands still, what ends a stage early, what stops it, and that it goes on as if nothing had been."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from ravlm.errors import ConfigError, TrainingError
from ravlm.training.best import Best
from ravlm.training.checkpoint import FOLDER, last_checkpoint
from ravlm.training.optim import warm_up_then_cosine
from ravlm.training.stage_config import StageConfig
from small_stage import Product, same, trained


class Fails(Product):
    """Fails at a step, in a way of one's choice."""

    def __init__(self, at: int, error: BaseException | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self._at, self._error = at, error

    def loss(self, step, generator):
        loss = super().loss(step, generator)
        if step != self._at:
            return loss
        if self._error is not None:
            raise self._error
        return loss + (self.parts["head"].weight.sum() * math.nan)


def test_a_part_at_rate_zero_stands_still_and_learns_again_afterwards(tmp_path: Path) -> None:
    stage = Product(rates={"body": 0.0})
    before = {name: value.clone() for name, value in stage.parts.state_dict().items()}
    after, _ = trained(stage, tmp_path)
    changed = {name.split(".")[0] for name in after if not torch.equal(before[name], after[name])}
    assert changed == {"head"}
    assert all(p.requires_grad and p.grad is None for p in stage.parts["body"].parameters())
    assert not stage.parts["body"].training


def test_a_part_has_its_own_rate(tmp_path: Path) -> None:
    told: list[dict[str, float]] = []
    own, _ = trained(Product(rates={"body": 0.01, "head": 0.01}, learning_rate=0.9), tmp_path / "own")
    common, _ = trained(Product(), tmp_path / "common", measured=lambda _, step, m: told.append({"step": step, **m}))
    assert same(own, common)
    other, _ = trained(Product(rates={"head": 0.02}), tmp_path / "other")
    assert not same(other, common)
    assert [row["step"] for row in told] == [10, 20]
    assert told[0]["rate"] == pytest.approx(0.01 * warm_up_then_cosine(9, 20, 1))
    assert {"loss", "gradient norm", "steps a second"} < set(told[0])


def test_a_steep_gradient_is_cut_to_length_one(tmp_path: Path) -> None:
    class Steep(Product):
        def loss(self, step, generator):
            return super().loss(step, generator) * 1e4

    told: list[float] = []
    stage = Steep()
    trained(stage, tmp_path, measured=lambda _, step, measures: told.append(measures["gradient norm"]))
    assert told[-1] > 10
    assert float(torch.nn.utils.get_total_norm(p.grad for p in stage.parts.parameters())) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ({"hand": 0.1}, "names hand; what learns here is body, head"),
        ({"hand": 0.0}, "names hand"),
        ({"body": 0.0, "head": 0.0}, "lets no part learn"),
    ],
)
def test_rates_of_no_part_are_refused(tmp_path: Path, rates: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        trained(Product(rates=rates), tmp_path)


def test_the_default_warm_up_is_a_twentieth_of_the_steps(tmp_path: Path) -> None:
    share = StageConfig(steps=1, batch=2, learning_rate=0.1).warm_up
    assert all(int(steps * share) == steps // 20 for steps in range(1, 30_000))
    rates: list[float] = []
    trained(Product(warm_up=0.5), tmp_path, measured=lambda _, __, m: rates.append(m["rate"]))
    assert rates == pytest.approx([0.01, 0.01 * warm_up_then_cosine(19, 20, 10)])


def test_the_best_weights_by_validation_are_kept(tmp_path: Path) -> None:
    stage = Product((5.0, 3.0, 1.0, 2.0, math.nan), validate_every=5)
    weights, curve = trained(stage, tmp_path)
    assert same(weights, stage.validated[2])
    assert [(row["step"], row["validation"]) for row in curve if "validation" in row][:4] == [
        (0, 5.0),
        (5, 3.0),
        (10, 1.0),
        (15, 2.0),
    ]
    assert not same(stage.validated[2], stage.validated[3])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_validation_that_is_no_number_is_never_the_best(value: float) -> None:
    best = Best()
    best.told(value, 1, {"w": torch.zeros(1)})
    assert (best.value, best.since, best.weights) == (None, 1, {})
    best.told(5.0, 2, {"w": torch.ones(1)})
    best.told(5.0, 3, {"w": torch.zeros(1)})  # as good is not better
    assert (best.value, best.step, best.since, best.weights["w"].item()) == (5.0, 2, 1, 1.0)
    assert (best.enough(0), best.enough(1), best.enough(2)) == (False, True, False)


def test_averaged_weights_are_validated_and_training_goes_on_from_its_own(tmp_path: Path) -> None:
    plain = Product(average=0.9)
    weights, _ = trained(plain, tmp_path / "plain")
    stage = Product((4.0, 3.0, 2.0, 1.0, 0.0), average=0.9, validate_every=5)
    assert same(trained(stage, tmp_path / "validated")[0], weights)
    assert same(stage.validated[-1], weights)


def test_patience_ends_a_stage_and_a_resume_ends_it_alike(tmp_path: Path) -> None:
    values = (9.0, 4.0, 5.0, 6.0, 1.0)
    settings: dict[str, Any] = {"steps": 40, "validate_every": 4, "patience": 2, "average": 0.9}
    whole, curve = trained(Product(values, **settings), tmp_path / "whole")
    assert curve[-1]["step"] == 12
    stopped = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        trained(Product(values, **settings), stopped, progress=_stop_at(7))
    assert [path.name for path in (stopped / FOLDER).iterdir()] == ["0-product-0000005"]
    rest = Product(values[2:], **settings)
    assert same(trained(rest, stopped, resume=True)[0], whole)
    over = Product((), **settings)
    assert same(trained(over, stopped, resume=True)[0], whole)
    assert over.drawn == []


def _stop_at(step: int):
    def progress(_: str, done: int, total: int) -> None:
        if done == step:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("stop", [1, 5, 9, 19])
def test_a_resumed_stage_ends_with_the_same_weights(tmp_path: Path, stop: int) -> None:
    whole, curve = trained(Product(accumulate=2), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        trained(Product(accumulate=2), tmp_path / "two", progress=_stop_at(stop))
    again, rest = trained(Product(accumulate=2), tmp_path / "two", resume=True)
    assert same(again, whole)
    assert [(row["step"], row["loss"]) for row in rest] == [(row["step"], row["loss"]) for row in curve]
    assert [row["seconds"] for row in rest] == sorted(row["seconds"] for row in rest)


def test_without_questions_to_validate_with_nothing_is_begun(tmp_path: Path) -> None:
    stage = Product(validate_every=5)
    with pytest.raises(TrainingError, match=r"can't be validated.*training\.product\.validate_every"):
        trained(stage, tmp_path)
    assert stage.drawn == []


def test_patience_without_validation_is_refused() -> None:
    with pytest.raises(ValueError, match="patience counts validations"):
        Product(patience=1)


def test_no_number_stops_with_the_last_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as stop:
        trained(Fails(12), tmp_path)
    words = str(stop.value)
    assert "The loss of stage 'product' became nan at step 13, in the gradients of head." in words
    assert f"The last checkpoint stands in {tmp_path}" in words
    assert "Lower training.product.learning_rate (now 0.01)" in words
    kept = last_checkpoint(tmp_path)
    assert kept is not None
    assert kept.step == 10
    assert all(bool(value.isfinite().all()) for value in kept.tensors.values())
    assert same(trained(Product(), tmp_path, resume=True)[0], trained(Product(), tmp_path / "whole")[0])


class BadGradient(Product):
    """Its loss is a number, and one of its gradients is none."""

    def loss(self, step, generator):
        loss = super().loss(step, generator)
        nothing = (self.parts["head"].bias - self.parts["head"].bias.detach()).sum()
        return loss + nothing.sqrt() * 0.0 if step == 3 else loss


def test_a_gradient_that_is_no_number_is_told_with_its_part(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as stop:
        trained(BadGradient(), tmp_path)
    words = str(stop.value)
    assert "A gradient of stage 'product' became no number at step 4, in the gradients of head." in words
    assert "No checkpoint was due yet." in words


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError(),
    ],
)
def test_too_little_memory_names_the_batch_to_try(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(TrainingError) as stop:
        trained(Fails(7, error, accumulate=3), tmp_path)
    words = str(stop.value)
    assert "step 8 of stage 'product', with training.product.batch = 8 and training.product.accumulate = 3" in words
    assert "Try training.product.batch = 4 and training.product.accumulate = 6: as many rows a step" in words
    assert "The last checkpoint stands" in words
    assert "--resume goes on with these" in words


def test_too_little_memory_for_the_smallest_batch(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="as small as it can be") as stop:
        trained(Fails(0, MemoryError(), batch=2), tmp_path)
    assert "No checkpoint was due yet" in str(stop.value)


def test_memory_that_really_can_not_be_had(tmp_path: Path) -> None:
    class Huge(Product):
        def loss(self, step, generator):
            return torch.empty(2**60, dtype=torch.uint8).float().mean()

    with pytest.raises(TrainingError, match=r"not enough memory on cpu for step 1"):
        trained(Huge(), tmp_path)


def test_another_error_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        trained(Fails(0, RuntimeError("shapes do not fit")), tmp_path)
