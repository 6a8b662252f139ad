"""Whether confidence means what it says, and what declining to answer is worth. None means nothing to judge."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ravlm.evaluation.measures import mean


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers with a confidence from `low` to below `high`: how many, their mean confidence, the share right."""

    low: float
    high: float
    n: int
    confidence: float
    right: float


def reliability(confidence: Sequence[float], right: Sequence[bool], bins: int = 10) -> list[Bin]:
    """The points of a reliability diagram: bins of equal width on [0, 1], those without answers left out.

    A confidence of 1 is in the last bin. Guo et al. 2017, On Calibration of Modern Neural Networks, section 2.

    >>> reliability([0.5, 0.75, 1.0], [True, False, True], bins=2)
    [Bin(low=0.5, high=1.0, n=3, confidence=0.75, right=0.6666666666666666)]
    """
    p, r = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    which = np.minimum((p * bins).astype(np.int64), bins - 1)
    n = np.bincount(which, minlength=bins)
    told, held = (np.bincount(which, weights=values, minlength=bins) for values in (p, r))
    found = (int(b) for b in np.flatnonzero(n))
    return [Bin(b / bins, (b + 1) / bins, int(n[b]), float(told[b] / n[b]), float(held[b] / n[b])) for b in found]


def expected_calibration_error(confidence: Sequence[float], right: Sequence[bool], bins: int = 10) -> float | None:
    """How far confidence is from the share of right answers: sum over bins of n_b / n * |right_b - confidence_b|.

    Naeini et al. 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning; Guo et al. 2017, On Calibration
    of Modern Neural Networks, equation 3. The bins are those of `reliability`.

    >>> expected_calibration_error([1.0, 1.0, 0.0, 0.0], [True, False, False, False])
    0.25
    """
    n = len(confidence)
    found = reliability(confidence, right, bins)
    return sum(b.n * abs(b.right - b.confidence) for b in found) / n if n else None


def risk_coverage(confidence: Sequence[float], right: Sequence[bool]) -> list[tuple[float, float]]:
    """The risk-coverage curve: (coverage, risk) as the threshold of confidence falls.

    Coverage is the share of questions answered, risk the share of these answered wrongly. Answers of equal confidence
    enter together, as no threshold parts them. El-Yaniv and Wiener 2010, On the Foundations of Noise-free Selective
    Classification; Geifman and El-Yaniv 2017, Selective Classification for Deep Neural Networks.

    >>> risk_coverage([0.9, 0.5, 0.5, 0.1], [True, True, False, False])
    [(0.25, 0.0), (0.75, 0.3333333333333333), (1.0, 0.5)]
    """
    errors, ends = _by_falling_confidence(confidence, right)
    wrong = np.cumsum(errors)[ends - 1] if len(ends) else np.zeros(0)
    return [(float(end / len(errors)), float(w / end)) for end, w in zip(ends, wrong, strict=True)]


def area_under_risk_coverage(confidence: Sequence[float], right: Sequence[bool]) -> float | None:
    """AURC: 1/n sum over i of the risk among the i most confident answers, i from 1 to n; less is better.

    Answers of equal confidence count as if in random order: the value is the expected one. Geifman et al. 2019,
    Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers.

    >>> area_under_risk_coverage([0.9, 0.1], [True, False]), area_under_risk_coverage([0.5, 0.5], [True, False])
    (0.25, 0.5)
    """
    errors, ends = _by_falling_confidence(confidence, right)
    if len(errors) == 0:
        return None
    tied = np.diff(ends, prepend=0)
    expected = np.repeat(np.add.reduceat(errors, ends - tied) / tied, tied)  # each answer's, before its tie is broken
    return float(np.mean(np.cumsum(expected) / np.arange(1, len(errors) + 1)))


def selective(abstained: Sequence[bool], right: Sequence[bool]) -> tuple[float | None, float | None]:
    """The share of questions answered, and the share of these answered wrongly (None where none is answered).

    >>> selective([False, False, True], [True, False, False])
    (0.6666666666666666, 0.5)
    """
    wrong = [not was_right for declined, was_right in zip(abstained, right, strict=True) if not declined]
    return mean(not declined for declined in abstained), mean(wrong)


def _by_falling_confidence(confidence: Sequence[float], right: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    """1 for each wrong answer, the most confident first, and where each stretch of equal confidence ends."""
    p = np.asarray(confidence, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    errors = 1.0 - np.asarray(right, dtype=np.float64)[order]
    last = np.diff(p[order], append=np.nan) != 0
    return errors, np.flatnonzero(last) + 1
