"""What an output layer should have said."""

from dataclasses import dataclass

from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True)
class Targets:
    """`right` [b, k, p, w] marks the spans that answer (start p, width w + 1); `label` [b] is the vocabulary's answer.

    A label of -1 is an answer outside the vocabulary.
    """

    right: Bool[Tensor, "b k p w"]
    label: Int[Tensor, " b"]
