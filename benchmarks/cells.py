"""What the tables of the documents share: cells of shares and times, and Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any


def share(value: float | None) -> str:
    """A share as the documents print it: `.873`."""
    if value is None:
        return ""
    return f"{value:.3f}".removeprefix("0")


def with_interval(found: Mapping[str, Any], name: str) -> str:
    """A share with its interval: `.873 (.850 to .900)`."""
    interval = found.get(f"{name} interval")
    return share(found.get(name)) + (f" ({share(interval[0])} to {share(interval[1])})" if interval else "")


def points(found: Mapping[str, Any], name: str) -> str:
    """A difference in points of a hundred, with its interval: `+3.4 (1.2 to 5.6)`."""
    interval = found.get(f"{name} interval")
    told = f"{100 * found[name]:+.1f}"
    return told + (f" ({100 * interval[0]:+.1f} to {100 * interval[1]:+.1f})" if interval else "")


def times(ratio: float) -> str:
    """A ratio: `1.04 x`."""
    return f"{ratio:,.0f} x" if ratio >= 10 else f"{ratio:.2f} x"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the columns of numbers stand to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))
