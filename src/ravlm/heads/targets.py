"""What an output layer should have said."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Targets:
    """`right` [b, k, p, w] marks the spans that answer (start p, width w + 1); `label` [b] is the vocabulary's answer.

    A label of -1 is an answer outside the vocabulary.
    """

    right: Bool[Tensor, "b k p w"]
    label: Int[Tensor, " b"]


@dataclass(frozen=True)
class LabelTargets:
    """`labels` [b, c] marks every label that is right; a row without any is of no known answer, and teaches nothing."""

    labels: Bool[Tensor, "b c"]


@dataclass(frozen=True)
class NumberTargets:
    """`value` [b] in the unit `unit` [b], counted among the head's units; -1: no number, or of another unit."""

    value: Float[Tensor, " b"]
    unit: Int[Tensor, " b"]
