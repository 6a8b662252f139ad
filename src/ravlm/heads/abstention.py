"""Below which confidence it is better not to answer."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import beta


def fit_threshold(
    confidence: Sequence[float], right: Sequence[bool], *, risk: float, delta: float | None = None
) -> float:
    """The smallest threshold at which at most `risk` of the answers that are given, in [0, 1], are wrong.

    An answer is given where its confidence is at least the threshold; 0 gives all, infinity none, where no threshold
    keeps the risk. Without `delta` it is the risk on these very answers.

    With `delta`, a probability, it is that of all questions drawn from where these were drawn, each independently (not
    several about one picture), and kept with probability 1 - delta: Geifman and
    El-Yaniv 2017, Selective Classification for Deep Neural Networks, section 3, algorithm 1 (SGR). The threshold is
    then the smallest that its binary search finds. It asks for many answers: with none of n wrong, and s steps of
    search, the bound comes down to r only from n = log(delta / s) / log(1 - r) on.

    >>> fit_threshold([0.9, 0.8, 0.7, 0.6], [True, True, False, True], risk=0.25)
    0.0
    >>> fit_threshold([0.9, 0.8, 0.7, 0.6], [True, True, False, True], risk=0.1)
    0.8
    """
    p = np.asarray(confidence, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    p, wrong = p[order], np.cumsum(~np.asarray(right, dtype=np.bool_)[order])
    last = np.flatnonzero(np.diff(p, append=-np.inf))  # no threshold parts answers of equal confidence
    if len(last) == 0:
        return 0.0 if delta is None else math.inf
    allowed = last[wrong[last] <= risk * (last + 1)]
    kept = allowed if delta is None else _guaranteed(last, wrong, risk, delta)
    if len(kept) == 0:
        return math.inf
    return 0.0 if kept[-1] == len(p) - 1 else float(p[kept[-1]])


def upper_risk(wrong: int, answered: int, delta: float) -> float:
    """The largest risk with which `wrong` or fewer of `answered` are still as likely as `delta`.

    The inverse of the binomial's lower tail: Geifman and El-Yaniv 2017, lemma 3.1; Clopper and Pearson 1934.

    >>> round(upper_risk(0, 10, 0.5), 6) == round(1 - 0.5 ** 0.1, 6)
    True
    """
    return 1.0 if wrong >= answered else float(beta.ppf(1 - delta, wrong + 1, answered - wrong))


def _guaranteed(last: np.ndarray, wrong: np.ndarray, risk: float, delta: float) -> np.ndarray:
    """Of the ends that a binary search tries, the last with a bound below the risk; each has its share of delta."""
    trials = max(math.ceil(math.log2(len(last))), 0) + 1
    low, high, kept = 0, len(last) - 1, -1
    for _ in range(trials):
        if low > high:
            break
        middle = (low + high + 1) // 2
        end = int(last[middle])
        if upper_risk(int(wrong[end]), end + 1, delta / trials) <= risk:
            kept, low = middle, middle + 1
        else:
            high = middle - 1
    return last[kept : kept + 1] if kept >= 0 else last[:0]
