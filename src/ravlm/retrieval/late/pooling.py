"""Token pooling: tokens that are alike become one.

Clavié et al. 2024, Reducing the Footprint of Multi-Vector Retrieval with Minimal Performance Impact via Token Pooling.
"""

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import linkage

Floats = npt.NDArray[np.float32]
_TOGETHER = 512  # tokens that are clustered together: the work grows with their square


def pooled(tokens: Floats, factor: int) -> Floats:
    """ceil(n / factor) vectors of unit length for tokens [n, d] of unit length, in the order of their first tokens.

    Tokens are joined by Ward's method, as the paper finds best, and each group's vector is the mean of its tokens, made
    of unit length; zero where they take each other away.

    >>> pooled(np.array([[1, 0], [0, 1], [1, 0]], np.float32), 2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if factor == 1 or len(tokens) < 2:
        return tokens
    most = _TOGETHER - _TOGETHER % factor or factor
    return np.concatenate([_joined(tokens[at : at + most], factor) for at in range(0, len(tokens), most)])


def _joined(tokens: Floats, factor: int) -> Floats:
    groups = _groups(tokens, -(-len(tokens) // factor))
    order = np.argsort(groups, kind="stable")
    edges = np.flatnonzero(np.diff(groups[order], prepend=-1))
    sums = np.add.reduceat(tokens[order].astype(np.float64), edges, axis=0)
    lengths = np.sqrt(np.add.reduce(sums**2, axis=1, keepdims=True))
    made: Floats = (sums / np.where(lengths == 0, 1.0, lengths)).astype(np.float32)
    return made


def _groups(tokens: Floats, count: int) -> npt.NDArray[np.int64]:
    """To which of `count` groups each token belongs [n], named by its first token."""
    n = len(tokens)
    groups = np.arange(n)
    if count == n:
        return groups
    cosines = (tokens @ tokens.T)[np.triu_indices(n, 1)].astype(np.float64)
    merges = linkage(np.sqrt(np.maximum(0.0, 2 - 2 * cosines)), method="ward")[: n - count, :2].astype(int).tolist()
    firsts = list(range(n))  # of each token, then of each merge: a token that stands for it
    for left, right in merges:
        first, other = sorted((firsts[left], firsts[right]))
        groups[groups == other] = first
        firsts.append(first)
    return groups
