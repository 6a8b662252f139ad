"""The settings that every stage of training has."""

from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from ravlm.model.settings import Positive, Settings, Share

Rate = Annotated[float, Field(gt=0.0, le=1.0)]
Steps = Annotated[int, Field(ge=0)]


class StageConfig(Settings):
    """A stage's steps and rates. `steps` are optimiser steps, each over `accumulate` batches; of 0 it is left out.

    `learning_rate` is the highest, after the warm-up; `pretrained_learning_rate` that of encoders and decoders that did
    not begin at random; `rates` those of single parts, by name, which stand over all others: at 0 a part stands still.
    `warm_up` is the share of the steps in which the rate rises. `weight_decay` is the share of a matrix taken away a
    step, times the learning rate; `average` the decay of the moving average of the weights, a step.

    Every `validate_every` steps (0: never) the averaged weights are validated, and the best of them are what the stage
    ends with; after `patience` validations without a better one it ends early (0: it never does).
    """

    PARTS: ClassVar[tuple[str, ...]] = ()  # the names that `rates` may have; empty: told when the stage begins
    VALIDATED: ClassVar[bool] = True  # whether the stage has questions to be validated with

    steps: Steps
    batch: Annotated[int, Field(ge=2)]
    accumulate: Positive = 1
    learning_rate: Rate
    pretrained_learning_rate: Rate = 0.00002
    rates: dict[str, Share] = Field(default_factory=dict)
    warm_up: Share = 0.05
    weight_decay: Share = 0.05
    average: Share = 0.99
    validate_every: Annotated[int, Field(ge=0)] = 0
    patience: Annotated[int, Field(ge=0)] = 0

    @field_validator("rates")
    @classmethod
    def _parts_are_known(cls, rates: dict[str, float]) -> dict[str, float]:
        unknown = [name for name in rates if cls.PARTS and name not in cls.PARTS]
        if unknown:
            raise ValueError(f"there is no part {' or '.join(map(repr, unknown))} here, only {', '.join(cls.PARTS)}")
        return rates

    @field_validator("validate_every")
    @classmethod
    def _can_be_validated(cls, every: int) -> int:
        if every and not cls.VALIDATED:
            raise ValueError("pre-training is not validated while it goes on: leave it out, and patience too")
        return every

    @field_validator("patience")
    @classmethod
    def _patience_has_validations(cls, patience: int, before: ValidationInfo) -> int:
        if patience and before.data.get("validate_every") == 0:
            raise ValueError("patience counts validations, and there are none: set validate_every, or leave it out")
        return patience

    def optimizer_settings(self) -> dict[str, Any]:
        """What `make_optimizers` is told, but for the parts' own rates."""
        return {
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "matrices": getattr(self, "matrix_learning_rate", None),
            "pretrained": self.pretrained_learning_rate,
        }
