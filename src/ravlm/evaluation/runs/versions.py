"""The versions that decide answers and scores, then and now."""

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    *("ravlm", "torch", "numpy", "scipy", "timm", "transformers", "tokenizers", "scikit-learn", "sentencex", "pillow"),
    *("ir-measures", "pint", "pydantic"),
)
SCORING = ("ravlm", "numpy", "scipy", "sentencex", "ir-measures", "pint")
"""Those by which outcomes and scores follow from what was answered."""


def versions() -> dict[str, str | None]:
    """What is installed here; None where a package is not."""
    return {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


def others(told: Mapping[str, str | None], names: tuple[str, ...] = SCORING) -> list[str]:
    """A line for each package that scores follow by and whose version is another now.

    >>> others({"pint": "0.1"}, ("pint",))[0].startswith("pint 0.1 in the run, ")
    True
    """
    now = versions()
    return [f"{name} {told.get(name)} in the run, {now[name]} now" for name in names if told.get(name) != now[name]]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
