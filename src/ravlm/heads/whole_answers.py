"""Heads whose answer is right as a whole or not at all, where probabilities of its parts are what they learn."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from ravlm.heads.calibration import Answered, CalibratedHead, Validated
from ravlm.records import Decoded
from ravlm.tensors import Knowledge

_LEAST = 1e-300  # of a probability whose logarithm is taken


class WholeAnswerHead(CalibratedHead):
    """A head whose confidence is c = p^T, with p the probability of all that must hold for its answer to be right.

    p is a product over decisions that are learnt each by itself, as if independent. They rarely are, and p is then far
    off though each decision's probability is true. T is how many independent decisions each counts for: c rises with
    p, from 0 to 1. The temperature is the exponent itself, so that one above 1 makes less sure, as it does everywhere;
    p^(1/T) normalised over right and wrong would never lead from below a half to above. T is fitted on whether the
    answers given were right, by `judge`, for that is what c says.

    `widening` multiplies the scales of numbers' distributions where intervals are told, and has no part in c: see
    `fit_widening`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.widening = 1.0

    @abstractmethod
    def uncalibrated(self, prediction: Any) -> list[Decoded]:
        """The best answer to each question with p as its confidence; `abstained` where none is likelier than not."""

    def residuals(self, given: Validated) -> torch.Tensor:
        """|y - location| / scale of the rows with a number [r]; none here."""
        return torch.zeros(0)

    def decode(self, prediction: Any, knowledge: Knowledge) -> list[Decoded]:
        """The answers with their confidence.

        Alternatives keep their proportions to each other, are never likelier than the answer, and never have more
        than it leaves.
        """
        decoded = []
        for answer in self.uncalibrated(prediction):
            p, c = answer.confidence, self.confidence(answer.confidence)
            factor = min(c / p if p > 0.0 else 1.0, (1.0 - c) / (1.0 - p) if p < 1.0 else 1.0)
            others = tuple((text, other * factor) for text, other in answer.alternatives[1:])
            unsure = answer.abstained or c < self.threshold
            decoded.append(replace(answer, confidence=c, abstained=unsure, alternatives=((answer.text, c), *others)))
        return decoded

    def confidence(self, probability: float) -> float:
        """p^T."""
        return float(probability**self.temperature)

    def observe(self, given: Validated) -> Answered:
        """Log p of every answer, and whether it is right; one that the head could not have said is wrong, too."""
        answers = self.uncalibrated(given.prediction)
        logs = [math.log(max(answer.confidence, _LEAST)) for answer in answers]
        right = [self.judge(example, answer) for example, answer in zip(given.examples, answers, strict=True)]
        return Answered(
            torch.tensor(logs, dtype=torch.float64), torch.tensor(right, dtype=torch.bool), self.residuals(given)
        )

    def set_widening(self, widening: float) -> None:
        """Set it.

        Raises:
            ValueError: it is not a positive number.
        """
        if not 0.0 < widening < math.inf:
            raise ValueError(f"widening {widening} can't be set: it is a positive number")
        self.widening = float(widening)

    def _kept_calibration(self) -> tuple[float, ...]:
        return (*super()._kept_calibration(), self.widening)

    def _take_calibration(self, kept: Sequence[float]) -> None:
        """Set the three; of two, as they were kept before, the temperature was fitted on parts: it is the widening."""
        if len(kept) == 2:
            widening, threshold = kept
            kept = (1.0, threshold, widening)
        super()._take_calibration(kept[:2])
        (widening,) = kept[2:] or (1.0,)
        self.set_widening(widening)
