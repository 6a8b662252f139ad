"""A stage that trains in milliseconds: two layers learn a product of numbers; and a run of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn

from ravlm.training.checkpoint import last_checkpoint
from ravlm.training.loop import Curve, Run, Stage, train_stage
from ravlm.training.processes import Share
from ravlm.training.stage_config import StageConfig


class Product(Stage):
    """Learns x0 x1 of numbers that are drawn; `drawn` and `dropped` are what each step has drawn and would drop."""

    name, title = "product", "learning a product"

    def __init__(self, values: tuple[float, ...] = (), **settings: Any) -> None:
        torch.manual_seed(0)
        self.settings = StageConfig(**{"steps": 20, "batch": 8, "learning_rate": 0.01} | settings)
        self.parts = nn.ModuleDict({"body": nn.Sequential(nn.Linear(2, 8), nn.Tanh()), "head": nn.Linear(8, 1)})
        self.drawn: list[Tensor] = []
        self.dropped: list[float] = []
        self.validated: list[Mapping[str, Tensor]] = []
        self._values = values

    def loss(self, step: int, generator: Generator) -> Tensor:
        """The mean squared error of this process's rows."""
        x = torch.randn(self.settings.batch, 2, generator=generator)
        self.drawn.append(x)
        self.dropped.append(float(torch.rand(())))
        own = x[self.share.rows(len(x))]
        given = self.parts["head"](self.parts["body"](own)).squeeze(1)
        return nn.functional.mse_loss(given, own.prod(1)) * self.share.weight(len(x))

    def validation(self) -> float:
        """One after the other of the values that were handed in."""
        if not self._values:
            return super().validation()
        self.validated.append({name: value.clone() for name, value in self.parts.state_dict().items()})
        return self._values[len(self.validated) - 1]


def run_of(stage: Stage, out: Path, **more: Any) -> Run:
    """A run with this one stage."""
    given: dict[str, Any] = {"device": torch.device("cpu"), "seed": 0, "precision": "float32", "checkpoint_every": 5}
    return Run(whole=stage.parts, out=out, stages=[stage.name], **given | {"share": Share()} | more)


def trained(stage: Stage, out: Path, *, resume: bool = False, **more: Any) -> tuple[dict[str, Tensor], Curve]:
    """The weights and the curve after this stage."""
    curve = train_stage(run_of(stage, out, **more), stage, [], last_checkpoint(out) if resume else None)
    return {name: value.clone() for name, value in stage.parts.state_dict().items()}, curve


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether the weights are the same, bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())
