"""Confidence that means what it says: a temperature from validation, and a threshold below which a head abstains."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from ravlm.grading import is_right
from ravlm.heads.abstention import fit_threshold
from ravlm.records import Decoded, Example
from ravlm.tensors import Knowledge

_LOWEST, _HIGHEST = 0.02, 50.0  # of the temperatures that are tried
_GRID = 25
_IMPOSSIBLE = 1e-7
_KEPT, _FRESH = "calibration", (1.0, 0.0)  # temperature and threshold


@dataclass(frozen=True)
class Observed:
    """What some validation questions say about a head's temperature.

    `logits` [n, m] are those of the possible outcomes (minus infinity: no outcome), `right` [n, m] marks the right
    ones, at least one a row.
    """

    logits: Float[Tensor, "n m"]
    right: Bool[Tensor, "n m"]


@dataclass(frozen=True)
class Answered:
    """What some validation questions say about a head that is right with its whole answer or not at all.

    `log_probability` [n] is that of the answer given, `right` [n] whether it was right. `residuals` [r] are
    |y - location| / scale, for what is said of a number.
    """

    log_probability: Float[Tensor, " n"]
    right: Bool[Tensor, " n"]
    residuals: Float[Tensor, " r"]


@dataclass(frozen=True)
class Validated:
    """A batch of validation questions, and what a head made of it."""

    prediction: Any
    targets: Any
    knowledge: Knowledge
    examples: Sequence[Example]


@dataclass(frozen=True)
class Calibration:
    """What was fitted, and on how many questions. `nll` is the mean -log likelihood before and after, in nats."""

    temperature: float
    threshold: float
    questions: int
    nll: tuple[float, float]


class CalibratedHead(nn.Module, ABC):
    """An output layer whose confidence has a temperature T, and which abstains below a threshold.

    The distribution over its answers is p^(1/T), normalised: logits are divided by T (Guo et al. 2017, On Calibration
    of Modern Neural Networks, section 4.2, equation 9). T above 1 makes it less sure of everything; which answer is
    best never changes. The threshold is compared with the confidence that T gives. In a
    `WholeAnswerHead` T is an exponent, and a `widening` stands beside it.

    They are plain numbers, and part of the state dict only where they are not 1 and 0, what a head is made with; a
    state dict without them means these. So a model that was never calibrated has the weights and the fingerprint that
    it always had, and one that was saved before there was calibration still loads.

    `describes` says whether it was taught to describe pictures about which nothing is asked.
    """

    describes: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.temperature = 1.0
        self.threshold = 0.0

    @abstractmethod
    def loss(self, prediction: Any, targets: Any) -> Tensor:
        """A scalar to be made small."""

    @abstractmethod
    def log_likelihood(self, prediction: Any, targets: Any) -> Float[Tensor, " b"]:
        """Log p(right answer) of each row, the lowest number where the layer can't say it from what it read.

        "None of these" is no answer here. Inside the graph, at temperature 1.
        """

    @abstractmethod
    def decode(self, prediction: Any, knowledge: Knowledge) -> list[Decoded]:
        """The best answer to each question."""

    def observe(self, given: Validated) -> "Observed | Answered":
        """Outcomes at temperature 1, whatever the head's is, and which are right, where the answer is known.

        It is what the targets say; a head whose outcomes are texts overrides it, and asks the examples.
        """
        return self.observed(given.prediction, given.targets, given.knowledge)

    def observed(self, prediction: Any, targets: Any, knowledge: Knowledge) -> Observed:
        """`observe` by the targets alone; each head has one of the two."""
        raise NotImplementedError(f"a {type(self).__name__} says neither by targets nor by examples what is right")

    def judge(self, example: Example, decoded: Decoded) -> bool:
        """Whether an answer is right, as far as the threshold is concerned."""
        return is_right(example, decoded.text)

    def set_widening(self, widening: float) -> None:
        """Set what multiplies the scales of the numbers' distributions; a head that says no numbers has none."""

    def set_calibration(self, *, temperature: float = 1.0, threshold: float = 0.0) -> None:
        """Set both.

        Raises:
            ValueError: the temperature is not a positive number, or the threshold is negative or no number.
        """
        if not 0.0 < temperature < math.inf or not threshold >= 0.0:
            raise ValueError(
                f"temperature {temperature} and threshold {threshold} can't be set: a temperature is a positive "
                "number, a threshold 0 or more (infinity: never answer)"
            )
        self.temperature, self.threshold = float(temperature), float(threshold)

    def _kept_calibration(self) -> tuple[float, ...]:
        """The numbers that are kept with the weights."""
        return (self.temperature, self.threshold)

    def _take_calibration(self, kept: Sequence[float]) -> None:
        """Set what was kept; nothing was of a head that was never calibrated."""
        temperature, threshold = kept or _FRESH
        self.set_calibration(temperature=temperature, threshold=threshold)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        kept = self._kept_calibration()
        if kept != (*_FRESH, 1.0)[: len(kept)]:
            destination[f"{prefix}{_KEPT}"] = torch.tensor(kept, dtype=torch.float64)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        kept = state_dict.pop(f"{prefix}{_KEPT}", None)  # from a copy: `load_state_dict` makes one of its own
        try:
            self._take_calibration([] if kept is None else kept.tolist())
        except (TypeError, ValueError) as error:
            error_msgs.append(f"{prefix}{_KEPT} is no temperature and threshold: {error}")
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


def calibrated(output_layer: object) -> CalibratedHead:
    """The output layer as one with a confidence that can be calibrated.

    Raises:
        TypeError: it has none.
    """
    if not isinstance(output_layer, CalibratedHead):
        raise TypeError(f"a {type(output_layer).__name__} has no confidence that could be calibrated")
    return output_layer


def calibrate(
    head: CalibratedHead,
    validation: Callable[[], Iterable[Validated]],
    *,
    risk: float | None = None,
    delta: float | None = None,
    variance: float = 1.0,
) -> Calibration:
    """Fit a head's temperature on validation, then its threshold where a `risk` is given, and set both.

    `validation` is asked twice for the batches, so that none need be kept: the second time they are decoded with the
    temperature found. Only answers that the head would give anyway count for the threshold. `risk` and `delta`: see
    `fit_threshold`; `variance`: see `fit_temperature`, which without it would leave no doubt about anything, T = 0,
    where all of validation is right.
    """
    with torch.no_grad():
        seen = [head.observe(v) for v in validation()]
        observed = _joined(seen)
        temperature = fit_temperature(observed, variance=variance)
        head.set_calibration(temperature=temperature)
        if isinstance(observed, Answered):
            head.set_widening(fit_widening(observed.residuals, variance=variance))
        threshold = 0.0
        if risk is not None:
            given = [
                (decoded.confidence, head.judge(example, decoded))
                for v in validation()
                for decoded, example in zip(head.decode(v.prediction, v.knowledge), v.examples, strict=True)
                if not decoded.abstained
            ]
            threshold = fit_threshold([c for c, _ in given], [r for _, r in given], risk=risk, delta=delta)
            head.set_calibration(temperature=temperature, threshold=threshold)
    questions = len(observed.right)
    return Calibration(
        temperature,
        threshold,
        questions,
        (negative_log_likelihood(observed, 1.0), negative_log_likelihood(observed, temperature)),
    )


def fit_temperature(observed: Observed | Answered, *, variance: float = math.inf) -> float:
    """The likeliest temperature, between 0.02 and 50; 1 where nothing was observed.

    Guo et al. 2017, section 4.2. The best of a grid, then Brent's method beside it: with several right outcomes the
    loss is no convex function of 1 / T. A finite `variance` is that of log T around 0 before anything was observed:
    with n questions (log T)^2 / (2 n variance) is added to the mean -log likelihood.

    Raises:
        ValueError: a question has no right outcome.
    """
    if isinstance(observed, Observed) and not observed.right.any(1).all():
        row = int((~observed.right.any(1)).nonzero()[0])
        raise ValueError(f"question {row} has no right outcome: leave it out, or mark the outcome that is no answer")
    n = len(observed.right)
    if not n:
        return 1.0
    return _likeliest(lambda t: negative_log_likelihood(observed, t) + math.log(t) ** 2 / (2 * n * variance))


def fit_widening(residuals: Float[Tensor, " r"], *, variance: float = math.inf) -> float:
    """The likeliest factor s of the scales of Laplace distributions: without `variance` the mean of |y - m| / b.

    Minus log likelihood is log s + |y - m| / (s b) and what does not depend on s. `variance`: as of log T, see
    `fit_temperature`. 1 where nothing was observed.
    """
    n = len(residuals)
    if not n:
        return 1.0
    mean = float(residuals.double().mean())
    return _likeliest(lambda s: math.log(s) + mean / s + math.log(s) ** 2 / (2 * n * variance))


def _likeliest(cost: Callable[[float], float]) -> float:
    """The positive number of the least cost, between 0.02 and 50."""

    def loss(log: float) -> float:
        return cost(math.exp(log))

    grid = np.linspace(math.log(_LOWEST), math.log(_HIGHEST), _GRID)
    losses = [loss(t) for t in grid]
    best = int(np.argmin(losses))
    around = (grid[max(best - 1, 0)], grid[min(best + 1, _GRID - 1)])
    found = minimize_scalar(loss, bounds=around, method="bounded", options={"xatol": 1e-7})
    return math.exp(found.x)


def negative_log_likelihood(observed: Observed | Answered, temperature: float) -> float:
    """Mean of -log p^(1/T)(right) over the questions, in nats; of whole answers -log c or -log (1 - c), c = p^T.

    A right outcome that was given no probability at all counts as one of 1e-7, which 32 bits can't tell from none: no
    temperature would be better than another else. So does 1 - c of a wrong answer that left no doubt.
    """
    if not len(observed.right):
        return 0.0
    if isinstance(observed, Answered):
        log_c = observed.log_probability.double() * temperature
        doubt = (-log_c.expm1()).clamp(min=_IMPOSSIBLE)
        return -float(torch.where(observed.right, log_c, doubt.log()).mean())
    logits = observed.logits.double()
    least = logits.logsumexp(1, keepdim=True) + math.log(_IMPOSSIBLE)
    logits = torch.where(observed.right & logits.isneginf(), least, logits) / temperature
    right = logits.masked_fill(~observed.right, -math.inf)
    return float((logits.logsumexp(1) - right.logsumexp(1)).mean())


def _joined(all_seen: Sequence[Observed | Answered]) -> Observed | Answered:
    """All of them as one, padded to the most outcomes; a head's are all of one kind."""
    answered = [o for o in all_seen if isinstance(o, Answered)]
    if answered:
        parts = zip(*((o.log_probability, o.right, o.residuals) for o in answered), strict=True)
        return Answered(*(torch.cat([part.cpu() for part in some]) for some in parts))
    seen = [o for o in all_seen if isinstance(o, Observed)]
    if not seen:
        return Observed(torch.zeros(0, 0), torch.zeros(0, 0, dtype=torch.bool))
    most = max(o.logits.shape[1] for o in seen)
    missing = [(0, most - o.logits.shape[1]) for o in seen]
    logits = [nn.functional.pad(o.logits.float().cpu(), m, value=-math.inf) for o, m in zip(seen, missing, strict=True)]
    right = [nn.functional.pad(o.right.cpu(), m) for o, m in zip(seen, missing, strict=True)]
    return Observed(torch.cat(logits), torch.cat(right))
