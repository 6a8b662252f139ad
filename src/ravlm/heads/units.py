"""Numbers of one unit: how large they are, and the space in which they are compared."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class UnitScale:
    """How the training values y of one unit are spread; `name` is "" for bare numbers.

    A value is compared as z = (asinh(y / size) - centre) / deviation: `size` is the median of |y| where it isn't 0,
    `centre` the median of asinh(y / size), `deviation` the mean distance from it. asinh is near a line below 1 and a
    logarithm above, so that 0 and negative numbers have their place, and populations differ by factors, years by years.
    `spread` is the range of the middle nine tenths of y, `decimals` how many there are at most, and `nonnegative` says
    that no y is below 0.
    """

    name: str
    size: float = 1.0
    centre: float = 0.0
    deviation: float = 1.0
    spread: float = 1.0
    decimals: int = 0
    nonnegative: bool = False

    @classmethod
    def of(cls, name: str, values: Sequence[float]) -> "UnitScale":
        """The scale of these values, one at least; where all are equal, deviation and spread are 1 and the size."""
        y = np.asarray(values, dtype=np.float64)
        size = float(np.median(np.abs(y[y != 0.0]))) if y.any() else 1.0
        z = np.arcsinh(y / size)
        centre = float(np.median(z))
        deviation = float(np.abs(z - centre).mean())
        low, high = np.quantile(y, [0.05, 0.95])
        return cls(
            name,
            size=size,
            centre=centre,
            deviation=deviation if deviation > 1e-6 else 1.0,
            spread=float(high - low) if high > low else size,
            decimals=max(_decimals(value) for value in y.tolist()),
            nonnegative=bool((y >= 0.0).all()),
        )

    def restore(self, z: float) -> float:
        """The value y that z stands for; infinite where z is too far, 0 at least where the unit has none below."""
        inside = self.centre + self.deviation * z
        y = self.size * (math.sinh(inside) if abs(inside) < 700.0 else math.copysign(math.inf, inside))
        return max(y, 0.0) if self.nonnegative else y

    def standardise(self, y: float) -> float:
        """The z of a value y."""
        return (math.asinh(y / self.size) - self.centre) / self.deviation

    def within(self, y: float, tolerance: float) -> float:
        """How far from y is still right: `tolerance` of |y|, or of the spread where that is less.

        A tenth of a year like 1962 is no answer; a tenth of the years asked for is. Half a unit of the last decimal,
        which is how far the right answer is rounded itself, is always within.
        """
        return max(tolerance * min(abs(y), self.spread), 0.5 * 10.0**-self.decimals)

    def rounded(self, y: float) -> float:
        """The value to a thousandth of itself or the spread, to a power of ten, and no more decimals than there are."""
        least = min(abs(y), self.spread) / 1000
        places = min(-math.floor(math.log10(least)) if least > 0.0 else self.decimals, self.decimals)
        return round(y, places) + 0.0


def standardise(
    y: Float[Tensor, " b"], size: Float[Tensor, " b"], centre: Float[Tensor, " b"], deviation: Float[Tensor, " b"]
) -> Float[Tensor, " b"]:
    """The z of values [b], each in a unit of its own: see `UnitScale`."""
    return (torch.asinh(y / size) - centre) / deviation


def _decimals(value: float) -> int:
    exponent = Decimal(f"{value:.10g}").normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
