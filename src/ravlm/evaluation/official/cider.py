"""CIDEr of captions, as `pycocoevalcap` computes it: what is called CIDEr there is CIDEr-D.

Vedantam et al. 2015, CIDEr: Consensus-based Image Description Evaluation, section 4 and, for CIDEr-D, section 6.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import exp, log, sqrt

from ravlm.evaluation.official.ngrams import LONGEST, Counted, NGram

_SIGMA = 6.0
_SCALE = 10.0


def cider(candidates: Sequence[Counted], references: Sequence[Sequence[Counted]]) -> list[float]:
    """The CIDEr of each caption, in [0, 10]; the score of all is their mean.

    10 / 4 sum over n, mean over references of exp(-(l_c - l_r)^2 / 2 sigma^2) min(g_c, g_r) . g_r / (|g_c| |g_r|), g
    the n-grams' counts weighted by log(N / the number of captions whose references have it), N the number of captions.
    Lengths are counted in pairs of words. Other captions that are scored change the weights.
    """
    weights = _weights(references)
    rarest = log(len(references)) if references else 0.0
    return [_score(candidate, right, weights, rarest) for candidate, right in zip(candidates, references, strict=True)]


Vector = tuple[Mapping[NGram, float], float]
"""The weights of the n-grams of one length, and their norm."""


def _weights(references: Sequence[Sequence[Counted]]) -> list[dict[NGram, float]]:
    """log(N / df) of the n-grams of the references."""
    found: list[Counter[NGram]] = [Counter() for _ in range(LONGEST)]
    for right in references:
        for n in range(LONGEST):
            found[n].update(set().union(*(one.counts[n] for one in right)))
    rarest = log(len(references)) if references else 0.0
    return [{gram: rarest - log(m) for gram, m in some.items()} for some in found]


def _score(
    candidate: Counted, right: Sequence[Counted], weights: Sequence[Mapping[NGram, float]], rarest: float
) -> float:
    said = [_vector(candidate.counts[n], weights[n], rarest) for n in range(LONGEST)]
    total = 0.0
    for one in right:
        apart = len(candidate.words) - len(one.words)
        alike = sum(_cosine(said[n], _vector(one.counts[n], weights[n], rarest)) for n in range(LONGEST))
        total += alike * exp(-(apart**2) / (2 * _SIGMA**2))
    return _SCALE * total / LONGEST / len(right)


def _vector(counts: Mapping[NGram, int], weights: Mapping[NGram, float], rarest: float) -> Vector:
    found = {gram: m * weights.get(gram, rarest) for gram, m in counts.items()}
    return found, sqrt(sum([w * w for w in found.values()]))


def _cosine(said: Vector, right: Vector) -> float:
    """The cosine of two vectors, what the candidate has more often than the reference clipped."""
    if not said[1] or not right[1]:
        return 0.0
    theirs = right[0]
    shared = sum([min(w, theirs[gram]) * theirs[gram] for gram, w in said[0].items() if gram in theirs])
    return shared / (said[1] * right[1])
