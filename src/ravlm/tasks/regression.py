"""Regression: which number an example asks for, in which unit."""

from collections import defaultdict
from collections.abc import Sequence

import torch

from ravlm.grading import normalise
from ravlm.heads.regression import RegressionHead
from ravlm.heads.targets import NumberTargets
from ravlm.heads.units import UnitScale
from ravlm.records import Example
from ravlm.tensors import Knowledge


def unit_scales(examples: Sequence[Example], size: int) -> list[UnitScale]:
    """How the numbers of the training questions are spread, by unit: the commonest first, ties by name."""
    written: dict[str, str] = {}
    values: dict[str, list[float]] = defaultdict(list)
    for example in examples:
        if example.question is not None and example.kind == "number" and example.value is not None:
            unit = example.unit or ""
            written.setdefault(normalise(unit), unit)
            values[normalise(unit)].append(example.value)
    ranked = sorted(values, key=lambda key: (-len(values[key]), key))
    return [UnitScale.of(written[key], values[key]) for key in ranked[:size]]


class NumberFinder:
    """An example's number, and its unit among those of a head."""

    def __init__(self, head: RegressionHead) -> None:
        self._unit = {normalise(name): i for i, name in enumerate(head.units)}

    def targets(self, examples: Sequence[Example], knowledge: Knowledge) -> NumberTargets:
        """Targets for a batch: `value` and `unit` [b], on the knowledge's device; without a number the unit is -1."""
        numbers = [e.value for e in examples]
        units = [
            -1 if value is None else self._unit.get(normalise(e.unit or ""), -1)
            for e, value in zip(examples, numbers, strict=True)
        ]
        device = knowledge.mask.device
        return NumberTargets(
            torch.tensor([value or 0.0 for value in numbers]).to(device), torch.tensor(units).to(device)
        )
