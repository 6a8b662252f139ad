"""ROUGE-L of captions, as `pycocoevalcap` computes it (Lin 2004, ROUGE, section 3; beta is 1.2)."""

from collections.abc import Sequence

_BETA = 1.2


def rouge_l(candidate: str, references: Sequence[str]) -> float:
    """(1 + beta^2) P R / (R + beta^2 P), P and R the best precision and the best recall over the references.

    Precision and recall are the longest common subsequence over the length of the candidate or of the reference. Tokens
    are what single spaces part, so a caption without any has one, which is empty.

    >>> rouge_l("a red dog", ["a big red dog"])
    0.8356164383561644
    """
    said = candidate.split(" ")
    precision = recall = 0.0
    for reference in references:
        right = reference.split(" ")
        common = longest_common(said, right)
        precision, recall = max(precision, common / len(said)), max(recall, common / len(right))
    if not precision or not recall:
        return 0.0
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def longest_common(a: Sequence[str], b: Sequence[str]) -> int:
    """The length of the longest common subsequence.

    A row of the usual table is held in the bits of a number: bit i is 0 where the length grows at a_i. Hyyrö 2004,
    Bit-Parallel LCS-length Computation Revisited, section 3.

    >>> longest_common("a b c d".split(), "b d a c d".split())
    3
    """
    places: dict[str, int] = {}
    for i, word in enumerate(a):
        places[word] = places.get(word, 0) | 1 << i
    every = (1 << len(a)) - 1
    row = every
    for word in b:
        if matches := row & places.get(word, 0):
            row = (row + matches) | (row - matches)
            row &= every
    return len(a) - row.bit_count()
