"""Token vectors as codes: the nearest centre, and what is left in a few bits a number.

As in ColBERTv2 (Santhanam et al. 2022, sec. 3.3), with two differences. What is left is turned to its principal axes,
so that the first quarter of its numbers tells most of it; and a scale for each token makes the estimate of an inner
product free of bias (Gao & Long 2024, RaBitQ, theorem 3.2).

    x = centre + scale * sum_j (code_j - middle) * step * spread_j * axis_j
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from math import log2, sqrt
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from ravlm.errors import UnknownChoice
from ravlm.retrieval.late.maxsim import Codes, Floats, Marks, products

STEPS = {1: 1.596, 2: 0.9957, 4: 0.3352, 8: 0.0308}
"""The bits of a code, and the step between two codes that suits a normal number best (Max 1960, table II)."""
_POINTS = 40  # vectors that a centre is learned from
_ROUNDS = 6
_MOST = 2**16  # centres: their numbers take two bytes
_FLOOR = 1e-6  # of the spread along an axis
_ENOUGH = 64  # vectors for each number of their width, that the axes are learned from
_BLOCK = 1_024  # vectors that are compared with the centres at once


@dataclass(frozen=True, slots=True)
class Coded:
    """Vectors as codes: `nearest` [n] centres, `scales` [n]; first numbers in `lead`, others in `rest`, [n, bytes]."""

    nearest: Marks
    scales: Floats
    lead: Codes
    rest: Codes


@dataclass(frozen=True, slots=True)
class Asked:
    """A query in the units of the codes.

    `table` [c, m] are the products with the centres; `first` and `second` [m, numbers] are to be multiplied with the
    codes of the first numbers and of the others.
    """

    table: Floats
    first: Floats
    second: Floats


@dataclass(frozen=True)
class Codebook:
    """`centres` [c, d], principal `axes` [d, d] of what is left (a row each), and the `spread` [d] along them."""

    centres: Floats
    axes: Floats
    spread: Floats
    bits: int

    def __post_init__(self) -> None:
        for array in (self.centres, self.axes):
            array.flags.writeable = False  # one type of array: the loops are compiled once

    @classmethod
    def fit(cls, sample: Floats, expected: int, bits: int) -> "Codebook":
        """Learn from a sample [n, d] of vectors, of which there will be about `expected`.

        There are 4 sqrt(expected) centres, made a power of two, where the sample suffices for so many. Of few vectors
        little is known, so the spread along each axis is drawn towards the mean of all.
        """
        n, d = sample.shape
        few = max(1, min(n // _POINTS, _MOST, int(4 * sqrt(expected))))
        centres = _means(sample, 2 ** int(log2(few)))
        flat = cls(centres, np.eye(d, dtype=np.float32), np.ones(d, np.float32), bits)
        some = sample[: _ENOUGH * d]
        left = some - centres[flat.nearest(some)]
        values, axes = np.linalg.eigh((left.T @ left / max(1, len(some))).astype(np.float64))
        values = np.maximum(values[::-1], 0)
        spread = np.sqrt((n * values + d * values.mean()) / (n + d)) + _FLOOR
        return cls(centres, np.ascontiguousarray(axes.T[::-1], np.float32), spread.astype(np.float32), bits)

    @property
    def width(self) -> int:
        """Numbers of a vector."""
        return int(self.centres.shape[1])

    @property
    def lead(self) -> int:
        """How many are the first numbers: a quarter of all, filling whole bytes."""
        codes = 8 // self.bits
        return min(self.width, -(-self.width // (4 * codes)) * codes)

    def nearest(self, vectors: Floats) -> Marks:
        """The number of the centre that is nearest to each vector [n, d]."""
        nearest = np.empty(len(vectors), np.uint16)
        for at in range(0, len(vectors), _BLOCK):
            near = vectors[at : at + _BLOCK] @ self.centres.T - self._halves  # |x - c|^2 = |x|^2 - 2 near
            nearest[at : at + _BLOCK] = near.argmax(axis=1)
        return nearest

    def encode(self, vectors: Floats) -> Coded:
        """The codes of vectors [n, d]."""
        nearest = self.nearest(vectors)
        left = (vectors - self.centres[nearest]) @ self.axes.T
        levels = 1 << self.bits
        units = left / self.spread
        size = np.sqrt(np.square(units).mean(axis=1, keepdims=True))
        units /= np.where(size == 0, 1.0, size)
        codes = np.clip(np.floor(units / STEPS[self.bits] + levels / 2), 0, levels - 1)
        coarse = (codes - (levels - 1) / 2) * self._unit
        scales = np.square(left).sum(axis=1) / np.maximum((left * coarse).sum(axis=1), np.finfo(np.float32).tiny)
        packed = codes.astype(np.uint8)
        lead, rest = (_packed(part, self.bits) for part in np.split(packed, [self.lead], axis=1))
        return Coded(nearest, scales.astype(np.float32), lead, rest)

    def decode(self, coded: Coded) -> Floats:
        """The vectors [n, d] that codes stand for."""
        parts = (_unpacked(coded.lead, self.bits, self.lead), _unpacked(coded.rest, self.bits, self.width - self.lead))
        levels = np.concatenate(parts, axis=1) - np.float32(((1 << self.bits) - 1) / 2)
        left = coded.scales[:, None] * levels * self._unit
        decoded: Floats = self.centres[coded.nearest] + left @ self.axes
        return decoded

    def asked(self, query: Floats) -> Asked:
        """A query [m, d] in the units of the codes."""
        turned = products(query, self.axes).T * self._unit
        first, second = (np.ascontiguousarray(part) for part in np.split(turned, [self.lead], axis=1))
        return Asked(products(query, self.centres), first, second)

    def save(self, path: Path) -> None:
        """Write it as safetensors."""
        save_file({"centres": self.centres, "axes": self.axes, "spread": self.spread}, path)

    @classmethod
    def load(cls, path: Path, bits: int) -> "Codebook":
        """What `save` wrote."""
        return cls(**load_file(path), bits=bits)

    @cached_property
    def _halves(self) -> Floats:
        """Half of each centre's squared length [c]."""
        halves: Floats = np.square(self.centres).sum(axis=1) / 2
        return halves

    @cached_property
    def _unit(self) -> Floats:
        """What one step of a code is along each axis [d]."""
        return self.spread * np.float32(STEPS[self.bits])


def check_bits(bits: int) -> None:
    """Refuse a number of bits.

    Raises:
        UnknownChoice: it is none of those of `STEPS`.
    """
    if bits not in STEPS:
        raise UnknownChoice("number of bits", str(bits), [str(known) for known in STEPS])


def _means(sample: Floats, count: int) -> Floats:
    """Centres [count, d] by k-means."""
    if count == 1:
        return sample.mean(axis=0, keepdims=True) if len(sample) else np.zeros((1, sample.shape[1]), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of fewer different vectors than centres
        made = KMeans(count, init="random", n_init=1, max_iter=_ROUNDS, tol=0, random_state=0)
        centres: Floats = made.fit(sample[: _POINTS * count]).cluster_centers_
    return centres


def _packed(codes: Codes, bits: int) -> Codes:
    """Codes [n, p] in bytes [n, ceil(p / codes a byte)]: the i-th of each byte are the i-th stretch of numbers."""
    several = 8 // bits
    size = -(-codes.shape[1] // several)
    filled = np.zeros((len(codes), several, size), np.uint8)
    filled.reshape(len(codes), several * size)[:, : codes.shape[1]] = codes
    shifts = np.arange(several, dtype=np.uint8)[:, None] * np.uint8(bits)
    packed: Codes = np.bitwise_or.reduce(filled << shifts, axis=1)
    return packed


def _unpacked(packed: Codes, bits: int, numbers: int) -> Codes:
    """Codes [n, numbers] out of bytes."""
    shifts = np.arange(8 // bits, dtype=np.uint8)[:, None] * np.uint8(bits)
    codes = (packed[:, None] >> shifts) & np.uint8((1 << bits) - 1)
    made: Codes = codes.reshape(len(packed), codes.shape[1] * codes.shape[2])[:, :numbers]
    return made
