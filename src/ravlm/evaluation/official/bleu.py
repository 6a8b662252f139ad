"""BLEU-1 to BLEU-4 of a set of captions, as `pycocoevalcap` computes them: the reference of closest length counts.

Papineni et al. 2002, BLEU: a Method for Automatic Evaluation of Machine Translation, section 2.3.
"""

from collections.abc import Sequence
from math import exp

import numpy as np

from ravlm.evaluation.official.ngrams import LONGEST, Counted

_SMALL, _TINY = 1e-9, 1e-15  # keep a division by nothing from failing, and 0 / 0 at 0


def bleu(
    candidates: Sequence[Counted], references: Sequence[Sequence[Counted]]
) -> tuple[list[float], list[list[float]]]:
    """BLEU-n over all captions, and of each caption alone: both have BLEU-1 to BLEU-4 in [0, 1], about.

    BLEU-n = BP * (p_1 ... p_n)^(1/n); p_n is the share of the candidate's n-grams that a reference has, each counted as
    often as the reference that has it most; BP = min(1, exp(1 - r / c)), r the length of the reference that is closest
    in length to the candidate (the shorter of two), c the candidate's.
    """
    correct, guessed = np.zeros(LONGEST), np.zeros(LONGEST)
    r = c = 0
    each = []
    for candidate, right in zip(candidates, references, strict=True):
        length = len(candidate.words)
        closest = min((abs(len(one.words) - length), len(one.words)) for one in right)[1]
        found = [_clipped(candidate, right, n) for n in range(LONGEST)]
        tried = [max(0, length - n) for n in range(LONGEST)]
        each.append(_scores(found, tried, closest, length))
        correct += found
        guessed += tried
        r, c = r + closest, c + length
    return _scores(correct.tolist(), guessed.tolist(), r, c), each


def _clipped(candidate: Counted, right: Sequence[Counted], n: int) -> int:
    counts = [one.counts[n] for one in right]
    return sum(min(m, max([c.get(gram, 0) for c in counts])) for gram, m in candidate.counts[n].items())


def _scores(correct: Sequence[float], guessed: Sequence[float], r: int, c: int) -> list[float]:
    ratio = (c + _TINY) / (r + _SMALL)
    penalty = exp(1 - 1 / ratio) if ratio < 1 else 1.0
    product, scores = 1.0, []
    for n, (right, all_of_them) in enumerate(zip(correct, guessed, strict=True), 1):
        product *= (right + _TINY) / (all_of_them + _SMALL)
        scores.append(product ** (1 / n) * penalty)
    return scores
