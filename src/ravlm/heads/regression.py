"""Regression: a number with its unit, and how sure of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ravlm.grading import normalise, parse_number, reference_answer
from ravlm.heads.calibration import Validated
from ravlm.heads.classification import ALTERNATIVES
from ravlm.heads.likelihood import Likelihood
from ravlm.heads.targets import NumberTargets
from ravlm.heads.units import UnitScale, standardise
from ravlm.heads.whole_answers import WholeAnswerHead
from ravlm.records import Decoded, Example
from ravlm.tensors import Batch, Fused, Knowledge

_LEAST_SCALE = 1e-3  # of the typical deviation: values that repeat would take the likelihood to infinity


@dataclass(frozen=True)
class NumberPrediction:
    """`units` [b, u] are the units' logits; `location` and `scale` [b, u] those of a Laplace distribution in each.

    Location and scale are in the unit's own standardised space: see `UnitScale`.
    """

    units: Float[Tensor, "b u"]
    location: Float[Tensor, "b u"]
    scale: Float[Tensor, "b u"]


@dataclass(frozen=True)
class Quantity:
    """A number as it was answered: `probability` that the unit is right and the value within tolerance of it.

    `low` and `high` are the interval in which the value is with the probability `RegressionHead.level`, given the unit.
    """

    value: float
    unit: str
    low: float
    high: float
    probability: float

    @property
    def text(self) -> str:
        """The number with its unit, written as a dataset's right answers are.

        >>> Quantity(29743.0, "km²", 0.0, 1.0, 0.5).text
        '29,743 km²'
        """
        return reference_answer(Example("", (), None, "number", value=self.value, unit=self.unit or None))


class RegressionHead(WholeAnswerHead):
    """p(y, u) = p(u) Laplace(z_u(y); m_u, b_u): which unit, and the number's location m and scale b in that unit.

    All three are read from the fused vector. The loss is Kendall and Gal 2017, What Uncertainties Do We Need in
    Bayesian Deep Learning for Computer Vision?, equation 5, with a Laplace distribution in place of the Gaussian: the
    answer is then the median, which stays the median when z goes back to y, and which has the least mean absolute
    error. Intervals are those of Laplace(m, s b), with the widening s that validation shows.

    Confidence is p^T, with p the probability that the unit is right and the value within tolerance: within `tolerance`
    of the value, or of the range of nine in ten training values of the unit where that is less. That is what
    `judge` calls right, too. It never cites: to copy a number from a passage is what `CandidateHead` does, and whether
    the evidence reaches the fused vector is the fusion's part.
    """

    decimals: Tensor
    nonnegative: Tensor

    def __init__(self, *, width: int, units: Sequence[UnitScale], tolerance: float = 0.1, level: float = 0.9) -> None:
        super().__init__()
        self.units = [unit.name for unit in units]
        self.tolerance, self.level = tolerance, level
        self.score = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU())
        self.numbers = nn.Linear(width, 3 * len(self.units))
        for name in ("size", "centre", "deviation", "spread"):
            values = [getattr(unit, name) for unit in units]
            self.register_buffer(name, torch.tensor(values, dtype=torch.float64).float())
        self.register_buffer("decimals", torch.tensor([unit.decimals for unit in units], dtype=torch.int64))
        self.register_buffer("nonnegative", torch.tensor([unit.nonnegative for unit in units], dtype=torch.bool))

    @property
    def scales(self) -> list[UnitScale]:
        """The units' scales, as they are kept with the weights."""
        kept = [getattr(self, name).tolist() for name in ("size", "centre", "deviation", "spread", "decimals")]
        return [UnitScale(*row) for row in zip(self.units, *kept, self.nonnegative.tolist(), strict=True)]

    def forward(self, fused: Fused, knowledge: Knowledge, batch: Batch) -> NumberPrediction:
        numbers = self.numbers(self.score(fused.pooled)).float()  # [b, 3 u]
        units, location, scale = numbers.chunk(3, dim=-1)
        return NumberPrediction(units, location, nn.functional.softplus(scale) + _LEAST_SCALE)

    def loss(self, prediction: NumberPrediction, targets: NumberTargets) -> Float[Tensor, ""]:
        """-log p(u) + |z - m_u| / b_u + log 2 b_u, mean over the rows with a known unit; zero without any."""
        known = targets.unit >= 0
        summed = self._costs(prediction, targets)
        return summed.masked_fill(~known, 0.0).sum() / known.sum().clamp(min=1)

    def log_likelihood(self, prediction: NumberPrediction, targets: NumberTargets) -> Float[Tensor, " b"]:
        """Log of the density of the right number in its unit, where the unit is known."""
        found = -self._costs(prediction, targets)
        return found.masked_fill(targets.unit < 0, torch.finfo(found.dtype).min)

    def _costs(self, prediction: NumberPrediction, targets: NumberTargets) -> Float[Tensor, " b"]:
        z, unit = self._standardised(targets)
        location, scale = (part.gather(1, unit[:, None])[:, 0] for part in (prediction.location, prediction.scale))
        of_unit = nn.functional.cross_entropy(prediction.units, unit, reduction="none")
        return of_unit + (z - location).abs() / scale + (2 * scale).log()

    def quantities(self, prediction: NumberPrediction) -> list[list[Quantity]]:
        """For each question its number in each unit, the likeliest unit first."""
        scales = self.scales
        shares = prediction.units.detach().double().cpu().softmax(-1)
        locations, widths = prediction.location.tolist(), prediction.scale.tolist()
        found = []
        for row, share in enumerate(shares.tolist()):
            order = sorted(range(len(scales)), key=lambda u: (-share[u], u))
            found.append([self._quantity(scales[u], locations[row][u], widths[row][u], share[u]) for u in order])
        return found

    def uncalibrated(self, prediction: NumberPrediction) -> list[Decoded]:
        """The median in the likeliest unit; alternatives are the medians in other units.

        A unit may be likelier and its number less sure, so that a number in a less likely unit has more of a chance to
        be within tolerance. Such a number is left out: alternatives are never likelier than the answer.
        """
        decoded = []
        for answer, *others in self.quantities(prediction):
            less = sorted((q for q in others if q.probability <= answer.probability), key=lambda q: -q.probability)
            alternatives = tuple((quantity.text, quantity.probability) for quantity in (answer, *less)[:ALTERNATIVES])
            interval = (answer.low, answer.high) if math.isfinite(answer.high - answer.low) else None
            decoded.append(Decoded(answer.text, answer.probability, False, (), alternatives, interval))
        return decoded

    def likelihoods(self, prediction: NumberPrediction, knowledge: Knowledge, answer: str) -> list[Likelihood]:
        """The confidence that the answer's unit is right and the value within tolerance of its number.

        Zero where it is no number in a unit of this head.
        """
        scales, number = self.scales, self._number(answer)
        if number is None:
            return [Likelihood(0.0)] * len(prediction.units)
        u, value = number
        shares = prediction.units.detach().double().softmax(-1)[:, u].tolist()
        locations, widths = prediction.location[:, u].tolist(), prediction.scale[:, u].tolist()
        return [
            Likelihood(self.confidence(share * _mass_within(scales[u], value, location, width, self.tolerance)))
            for share, location, width in zip(shares, locations, widths, strict=True)
        ]

    def same(self, first: str, second: str) -> bool:
        """Whether the second is a number in the first's unit, within tolerance of it."""
        given, other = self._number(first), self._number(second)
        if given is None or other is None or given[0] != other[0]:
            return False
        return abs(given[1] - other[1]) <= self.scales[given[0]].within(given[1], self.tolerance) * (1 + 1e-9)

    def residuals(self, given: Validated) -> Float[Tensor, " r"]:
        """|z - m_u| / b_u of the rows with a number of a known unit, u."""
        prediction, targets = given.prediction, given.targets
        z, unit = self._standardised(targets)
        location, scale = (part.gather(1, unit[:, None])[:, 0] for part in (prediction.location, prediction.scale))
        residuals: Tensor = (z - location).abs() / scale
        return residuals[targets.unit >= 0]

    def judge(self, example: Example, decoded: Decoded) -> bool:
        """Whether the answer is in the example's unit and its value within tolerance of the right one."""
        value = parse_number(decoded.text, example.unit)
        scale = next((s for s in self.scales if normalise(s.name) == normalise(example.unit or "")), None)
        if example.value is None or value is None or scale is None:
            return False
        return abs(value - example.value) <= scale.within(value, self.tolerance) * (1 + 1e-9)

    def _number(self, answer: str) -> tuple[int, float] | None:
        """The place of an answer's unit and its value; None where it is no number in a unit of this head."""
        named = normalise(answer)
        for u, scale in enumerate(self.scales):
            value = parse_number(answer, scale.name)
            if value is not None and named.endswith(normalise(scale.name)):
                return u, value  # no other has its name
        return None

    def _quantity(self, unit: UnitScale, location: float, scale: float, share: float) -> Quantity:
        """The median with its interval, and the probability of what is within tolerance of it."""
        value = unit.rounded(unit.restore(location))
        mass = _mass_within(unit, value, location, scale, self.tolerance)
        far = -self.widening * scale * math.log(1.0 - self.level)
        return Quantity(value, unit.name, unit.restore(location - far), unit.restore(location + far), share * mass)

    def _standardised(self, targets: NumberTargets) -> tuple[Float[Tensor, " b"], Any]:
        """Each value in its unit's standardised space [b], and the unit, 0 where it is not known [b]."""
        unit = targets.unit.clamp(min=0)
        size, centre, deviation = (getattr(self, name)[unit] for name in ("size", "centre", "deviation"))
        return standardise(targets.value.masked_fill(targets.unit < 0, 0.0), size, centre, deviation), unit


def _mass_within(unit: UnitScale, value: float, location: float, scale: float, tolerance: float) -> float:
    """The probability that Laplace(location, scale) gives to what is within tolerance of the value."""
    within = unit.within(value, tolerance)
    low, high = value - within, value + within
    below = 0.0 if unit.nonnegative and low <= 0.0 else laplace_below(unit.standardise(low), location, scale)
    return max(laplace_below(unit.standardise(high), location, scale) - below, 0.0)


def laplace_below(z: float, location: float, scale: float) -> float:
    """The probability that a Laplace distribution gives to everything up to z."""
    tail = 0.5 * math.exp(-abs(z - location) / scale)
    return 1.0 - tail if z >= location else tail
