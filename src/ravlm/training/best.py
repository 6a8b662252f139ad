"""Early stopping: the best weights that validation has seen, and for how long there was no better."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass
class Best:
    """The lowest value so far, at which step, its weights, and how many validations came after it."""

    value: float | None = None
    step: int = 0
    since: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def told(self, value: float, step: int, weights: Mapping[str, Tensor]) -> None:
        """A validation's value; lower is better, and one that is no number is never better."""
        if math.isfinite(value) and (self.value is None or value < self.value):
            self.value, self.step, self.since = value, step, 0
            self.weights = {name: tensor.detach().clone() for name, tensor in weights.items()}
        else:
            self.since += 1

    def enough(self, patience: int) -> bool:
        """Whether there were as many validations without a better one; at 0 there never are."""
        return 0 < patience <= self.since

    def about(self) -> dict[str, Any]:
        """All but the weights, as JSON."""
        return {"value": self.value, "step": self.step, "since": self.since}
