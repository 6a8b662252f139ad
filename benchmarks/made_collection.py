"""Large collections by rule, for the benchmark of retrieval: documents of Zipfian words, and clustered vectors."""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from made_source import MadeSource
from ravlm.records import Entry, Query

SHORTEST, LONGEST = 12, 40  # words of a document
ASKED = 8  # words of a query
WIDTH = 384
_VOCABULARY = 200_000
_FLATTER = 20  # added to a word's rank (Mandelbrot): as if the stop words were gone
_BLOCK = 1000  # documents drawn together
_CLUSTERS = 1000
_INNER = 32  # dimensions in which a cluster spreads most
_CONSONANTS, _VOWELS = "bdfgklmnprtvzh", "aiou"
Vectors = npt.NDArray[np.float32]


@cache
def vocabulary() -> list[str]:
    """Made words of five syllables at most; none ends such that a stemmer would cut it."""
    syllables = [a + b for a in _CONSONANTS for b in _VOWELS]
    words = []
    for number in range(_VOCABULARY):
        parts = []
        while number or len(parts) < 3:
            number, digit = divmod(number, len(syllables))
            parts.append(syllables[digit])
        words.append("".join(parts) + "k")
    return words


@cache
def _cumulative() -> npt.NDArray[np.float64]:
    weights = np.cumsum(1 / (np.arange(_VOCABULARY) + 1 + _FLATTER))
    return np.asarray(weights / weights[-1])


def documents(first: int, last: int) -> Iterator[list[str]]:
    """The words of documents by their numbers; `first` begins a block."""
    words = vocabulary()
    for block in range(first, last, _BLOCK):
        rng = np.random.default_rng([0, block])
        lengths = rng.integers(SHORTEST, LONGEST + 1, min(_BLOCK, last - block))
        drawn = np.searchsorted(_cumulative(), rng.random(int(lengths.sum())))
        for ranks in np.split(drawn, np.cumsum(lengths)[:-1]):
            yield [words[rank] for rank in ranks]


def entry(number: int, words: Sequence[str]) -> Entry:
    """The entry of a document."""
    return Entry(f"{number * 2654435761 % 2**32:08x}-{number}", words[0], text=" ".join(words))


def queries(count: int) -> list[Query]:
    """Words drawn as those of documents are."""
    words = vocabulary()
    drawn = np.searchsorted(_cumulative(), np.random.default_rng([1]).random((count, ASKED)))
    return [Query(" ".join(words[rank] for rank in ranks), id=f"q{i}") for i, ranks in enumerate(drawn)]


def collection(count: int) -> MadeSource:
    """So many made documents, as a source of a knowledge base."""
    return MadeSource(count, _entries, _BLOCK)


def _entries(first: int, last: int) -> list[Entry]:
    return [entry(first + i, words) for i, words in enumerate(documents(first, last))]


@cache
def _clusters() -> tuple[Vectors, Vectors]:
    """Centres [clusters, width], and the directions [inner, width] in which all clusters spread."""
    rng = np.random.default_rng([2])
    shape = (_CLUSTERS + _INNER, WIDTH)
    drawn = rng.standard_normal(shape, dtype=np.float32) / np.sqrt(WIDTH, dtype=np.float32)
    return drawn[:_CLUSTERS], drawn[_CLUSTERS:]


def vector(checksum: int) -> Vectors:
    """The unit vector [width] of a text's checksum: a cluster's centre, a spread in few dimensions, a little in all."""
    centres, directions = _clusters()
    rng = np.random.default_rng([3, checksum])
    centre = centres[rng.integers(_CLUSTERS)]
    spread = rng.standard_normal(_INNER, dtype=np.float32) @ directions / np.sqrt(_INNER, dtype=np.float32)
    made = centre + spread + 0.3 * rng.standard_normal(WIDTH, dtype=np.float32) / np.sqrt(WIDTH, dtype=np.float32)
    return np.asarray(made / np.linalg.norm(made), dtype=np.float32)
