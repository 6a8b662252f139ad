"""Passages by MaxSim: centres choose candidates, the first numbers of the codes choose among these, all of them rank.

As in PLAID (Santhanam et al. 2022, sec. 4), stage by stage fewer passages are looked at more closely. The first is
quick enough to look at all of them (100,000 of 32 tokens in some 20 ms): there are no lists of who is near a centre.
Nothing of this needs torch.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ravlm.retrieval.late.codes import Asked, Codebook, check_bits
from ravlm.retrieval.late.maxsim import Floats, Places, coarse, fine
from ravlm.retrieval.late.segment import ROLES, Segment

Scores = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
CANDIDATES = 8_000
"""Passages that the centres choose, unless told otherwise."""
FEW = 2_000
"""Passages that are all ranked by exact MaxSim."""
FINAL = 16
"""One in so many candidates is ranked by exact MaxSim."""
_HELD = 256 * 2**20  # bytes of vectors that the codebook is learned from


class LateIndex:
    """Token vectors of passages, compressed; `built` of the passages were there when the codebook was learned."""

    def __init__(self, codebook: Codebook, segments: list[Segment], built: int, error: float) -> None:
        self.codebook = codebook
        self.segments = segments
        self.built = built
        self.error = error

    @classmethod
    def build(cls, passages: Iterable[Floats], count: int, width: int, *, bits: int = 4) -> "LateIndex":
        """Compress passages.

        Args:
            passages: the token vectors [n, width] of each, of unit length, in an order that says nothing: the codebook
                is learned from the first of them. They are taken as they come, and at most 256 MiB of them held.
            count: how many come.
            width: numbers of a vector.
            bits: of each number: 1, 2, 4 or 8.

        Raises:
            UnknownChoice: bits is another number.
        """
        check_bits(bits)
        stream = iter(passages)
        sample = np.empty((max(1, _HELD // (4 * width)), width), np.float32)
        ends = [0]
        over: list[Floats] = []
        for tokens in stream:
            room = sample[ends[-1] : ends[-1] + len(tokens)]
            room[:] = tokens[: len(room)]
            if len(room) < len(tokens):
                over = [tokens]
                break
            ends.append(ends[-1] + len(tokens))
        sample = sample[: ends[-1] or len(over) * len(sample)]  # one passage alone may fill it
        codebook = Codebook.fit(sample, ends[-1] * count // max(1, len(ends) - 1), bits)
        held = (sample[start:end] for start, end in pairwise(ends))
        return cls(codebook, [Segment.of(chain(held, over, stream), codebook)], count, _error(sample, codebook))

    def __len__(self) -> int:
        """Passages, those appended too."""
        return sum(segment.passages for segment in self.segments)

    @property
    def tokens(self) -> int:
        """How many vectors there are."""
        return sum(segment.tokens for segment in self.segments)

    def append(self, passages: Iterable[Floats]) -> set[str]:
        """Put passages after the last; returns the roles of the files that are new or others by that.

        Segments that are no longer than twice the next one are joined with it, so there are few of them.
        """
        self.segments.append(Segment.of(passages, self.codebook))
        while len(self.segments) > 2 and self.segments[-2].tokens <= 2 * self.segments[-1].tokens:
            self.segments[-2:] = [Segment.joined(self.segments[-2:])]
        return {f"{role}-{len(self.segments) - 1}" for role in ROLES}

    def candidates(self, query: Floats, weights: Floats, wanted: int, allowed: Mask | None) -> Places:
        """The passages [c] that exact MaxSim has to rank, in the order of their numbers, for a query [m, d].

        Args:
            query: token vectors.
            weights: of each token [m].
            wanted: how many the centres choose; one in 16 of those is returned.
            allowed: which passages may be found; None where all may.
        """
        asked = self.codebook.asked(query)
        there = np.concatenate([np.diff(segment.starts) > 0 for segment in self.segments])
        passages = np.flatnonzero(there if allowed is None else there & allowed)
        final = wanted // FINAL
        if len(passages) <= max(FEW, final):
            return passages
        if len(passages) > wanted:
            scores = [
                coarse(asked.table, weights, segment.nearest, segment.starts, some)
                for segment, some in self._parts(passages)
            ]
            passages = _largest(passages, np.concatenate(scores), wanted)
        best = self._fine(asked, passages, whole=False)
        return _largest(passages, (best * weights).sum(axis=1), final)

    def similarities(self, query: Floats, passages: Places) -> Floats:
        """The best similarity [c, m] of each token of a query [m, d] in each of some passages, whose numbers ascend."""
        return self._fine(self.codebook.asked(query), passages, whole=True)

    def settings(self) -> dict[str, Any]:
        """What `read` needs beside the files."""
        return {
            "bits": self.codebook.bits,
            "built": self.built,
            "error": round(self.error, 6),
            "segments": len(self.segments),
        }

    def files(self) -> dict[str, Callable[[Path], None]]:
        """A writer for each file, by its role."""
        parts = {f"{role}-{i}": s.writer(role) for i, s in enumerate(self.segments) for role in ROLES}
        return {"codebook": self.codebook.save, **parts}

    @classmethod
    def read(cls, files: Mapping[str, Path], settings: Mapping[str, Any]) -> "LateIndex":
        """From its files, by role."""
        codebook = Codebook.load(files["codebook"], settings["bits"])
        paths = [{role: files[f"{role}-{i}"] for role in ROLES} for i in range(settings["segments"])]
        segments = [Segment.read(each, codebook) for each in paths]
        return cls(codebook, segments, settings["built"], settings["error"])

    def _fine(self, asked: Asked, passages: Places, *, whole: bool) -> Floats:
        second = asked.second if whole else asked.second[:, :0]
        made = [np.zeros((0, asked.table.shape[1]), np.float32)]
        for segment, some in self._parts(passages):
            arrays = (segment.nearest, segment.scales, segment.lead, segment.rest if whole else segment.rest[:, :0])
            made.append(fine(asked.table, asked.first, second, *arrays, segment.starts, some, self.codebook.bits))
            if whole:
                segment.let_go()
        return np.concatenate(made)

    def _parts(self, passages: Places) -> Iterator[tuple[Segment, Places]]:
        """Each segment with those of some passages that are in it, numbered from its first."""
        start = 0
        for segment in self.segments:
            first, last = np.searchsorted(passages, (start, start + segment.passages))
            if first < last:
                yield segment, passages[first:last] - start
            start += segment.passages


def _largest(passages: Places, scores: npt.NDArray[np.floating], count: int) -> Places:
    """Those of some passages whose scores are the largest, in the order of their numbers."""
    kept = np.sort(np.argpartition(-scores, count - 1)[:count])
    return passages[kept]


def _error(sample: Floats, codebook: Codebook) -> float:
    """The mean squared error of codes, over at most some thousand vectors of a sample [n, d]."""
    some = sample[:10_000]
    if not len(some):
        return 0.0
    return float(np.square(some - codebook.decode(codebook.encode(some))).sum(axis=1).mean())
