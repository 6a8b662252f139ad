"""Results as they are committed: figures over seeds, what they were measured with, written as one JSON file."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"
_PACKAGES = ("ravlm", "torch", "numpy", "scikit-learn", "pylance", "pillow")


def measured_with() -> dict[str, Any]:
    """The machine by its cores alone, and the versions that can move a figure."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cores": cores, "python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def over_seeds(runs: Sequence[Any]) -> dict[str, Any]:
    """Mean, standard deviation, smallest and largest of every number that all runs have, at its place.

    Runs are nested dictionaries; lists and texts are left out. The deviation of one run is None.
    """
    found: dict[str, Any] = {}
    for name, first in runs[0].items():
        values = [run.get(name) for run in runs]
        if isinstance(first, dict):
            if all(isinstance(value, dict) for value in values) and (inner := over_seeds(values)):
                found[name] = inner
        elif all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            found[name] = {
                "mean": statistics.fmean(values),
                "deviation": statistics.stdev(values) if len(values) > 1 else None,
                "least": min(values),
                "most": max(values),
            }
    return found


def write(name: str, results: dict[str, Any]) -> Path:
    """Write `results/name`, floats with four decimals."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / name
    path.write_text(json.dumps(rounded(results), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def rounded(value: Any) -> Any:
    """Numbers with four decimals, in whatever they stand."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    return round(value, 4) if isinstance(value, float) else value
