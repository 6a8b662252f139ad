"""N-grams of captions that are cut into tokens, counted once for all measures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

LONGEST = 4

NGram = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """A caption's tokens, and how often it has each n-gram, for n from 1 to 4."""

    words: Sequence[str]
    counts: Sequence[Counter[NGram]]


def counted(caption: str) -> Counted:
    """The n-grams of a caption's tokens, which white space parts.

    >>> [dict(counts) for counts in counted("a red dog").counts[1:3]]
    [{('a', 'red'): 1, ('red', 'dog'): 1}, {('a', 'red', 'dog'): 1}]
    """
    words = caption.split()
    shifted = [words, *(list(islice(words, n, None)) for n in range(1, LONGEST))]
    return Counted(words, [Counter(zip(*shifted[:n], strict=False)) for n in range(1, LONGEST + 1)])
