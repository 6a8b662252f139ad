"""Weights of stages, learned from queries whose right documents are known."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ravlm.errors import ConfigError

_RIDGE = 1e-3  # keeps the weights of stages that are never wrong from growing without end

Values = npt.NDArray[np.float64]
Right = npt.NDArray[np.bool_]


def learn_weights(values: Sequence[Values], right: Sequence[Right]) -> list[float]:
    """Weights of at least 0 that add up to 1, one a stage, under which right documents stand before the others.

    The loss is ListNet's cross-entropy of the first place (Cao et al. 2007): the mean over the queries, and over the
    right documents d of each, of -log softmax(sum over r of w_r v_r)(d). Other than an average precision it is smooth
    and convex, so there is one best set of weights, found alike every time; other than logistic regression over all
    documents it compares those of the same query alone, as ranking does.

    Args:
        values: for each query, the values of its documents [d, r], 0 where a stage does not list one.
        right: for each query, which of its documents are right [d].

    Raises:
        ConfigError: no query has both a right and a wrong document, so none tells anything.
    """
    from scipy.optimize import minimize  # most of a second to import, and searching needs none of it

    telling = [(v, y) for v, y in zip(values, right, strict=True) if y.any() and not y.all()]
    if not telling:
        raise ConfigError(
            f"Of {len(values)} queries none has both right and wrong documents among those found, so weights can't be "
            "learned from them. Give more queries, or search deeper."
        )
    highest = np.max([v.max(0) for v, _ in telling], axis=0)  # [r]
    scale = np.where(highest > 0, highest, 1.0)
    scaled = [(v / scale, y) for v, y in telling]
    start = np.ones(len(scale))

    def loss(w: Values) -> tuple[float, Values]:
        total, gradient = 0.5 * _RIDGE * float((w * w).sum()), _RIDGE * w
        for v, y in scaled:
            s = np.einsum("dr,r->d", v, w)  # its order of adding does not follow the number of threads
            p = np.exp(s - s.max())
            p /= p.sum()
            target = y / y.sum()
            total -= float((target * np.log(np.maximum(p, 1e-300))).sum()) / len(scaled)
            gradient = gradient + np.einsum("dr,d->r", v, p - target) / len(scaled)
        return total, gradient

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(start))
    learned = np.where(highest > 0, found.x, 0.0) / scale
    if not learned.any():  # no stage puts the right ones first
        learned = start
    return [float(w) for w in learned / learned.sum()]
