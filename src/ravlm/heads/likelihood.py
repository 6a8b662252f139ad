"""How probable an answer is that is given from outside: what an explanation asks of an output layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from ravlm.grading import normalise
from ravlm.protocols import OutputLayer
from ravlm.tensors import Knowledge


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The probability of an answer, counted as its confidence would be; at most that, where it is not `exact`."""

    probability: float
    exact: bool = True


@runtime_checkable
class SaysLikelihoods(Protocol):
    """An output layer that knows more than the few alternatives that it decodes."""

    def likelihoods(self, prediction: Any, knowledge: Knowledge, answer: str) -> list[Likelihood]:
        """How probable the answer is for each row."""


@runtime_checkable
class TellsTheSame(Protocol):
    """An output layer whose answers may be the same in other words."""

    def same(self, first: str, second: str) -> bool:
        """Whether two of its answers say the same."""


def same_answer(head: OutputLayer[Any, Any], first: str, second: str) -> bool:
    """Whether two answers of an output layer are the same when normalised, or say the same as far as it can tell."""
    if first == second or (normalise(first) or first) == (normalise(second) or second):
        return True
    return isinstance(head, TellsTheSame) and head.same(first, second)


def likelihoods(head: OutputLayer[Any, Any], prediction: Any, knowledge: Knowledge, answer: str) -> list[Likelihood]:
    """How probable an output layer finds the answer, row by row; by its alternatives where it says no more."""
    if isinstance(head, SaysLikelihoods):
        return head.likelihoods(prediction, knowledge, answer)
    return [among(decoded.alternatives, answer) for decoded in head.decode(prediction, knowledge)]


def among(alternatives: Sequence[tuple[str, float]], answer: str) -> Likelihood:
    """An answer's probability by alternatives (text, probability); one that is not named has at most what they leave.

    >>> among([("Oslo", 0.75), ("Rome", 0.125)], "oslo"), among([("Oslo", 0.75), ("Rome", 0.125)], "Bern")
    (Likelihood(probability=0.75, exact=True), Likelihood(probability=0.125, exact=False))
    """
    same = [p for text, p in alternatives if text == answer or (normalise(text) or text) == normalise(answer)]
    if same:
        return Likelihood(sum(same))
    left = max(1.0 - sum(p for _, p in alternatives), 0.0)
    return Likelihood(left, exact=left == 0.0)
