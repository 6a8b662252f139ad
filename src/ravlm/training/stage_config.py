"""The settings that every stage of training has."""

from typing import Annotated, Any

from pydantic import Field

from ravlm.model.settings import Positive, Settings, Share

Rate = Annotated[float, Field(gt=0.0, le=1.0)]


class StageConfig(Settings):
    """A stage's steps and rates. `steps` are optimiser steps, each over `accumulate` batches.

    `learning_rate` is the highest, after the warm-up; `pretrained_learning_rate` that of encoders and decoders that did
    not begin at random. `weight_decay` is the share of a matrix taken away a step, times the learning rate; `average`
    the decay of the moving average of the weights, a step.
    """

    steps: Positive
    batch: Annotated[int, Field(ge=2)]
    accumulate: Positive = 1
    learning_rate: Rate
    pretrained_learning_rate: Rate = 0.00002
    weight_decay: Share = 0.05
    average: Share = 0.99

    def rates(self) -> dict[str, Any]:
        """What `make_optimizers` is told."""
        return {
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "matrices": getattr(self, "matrix_learning_rate", None),
            "pretrained": self.pretrained_learning_rate,
        }
