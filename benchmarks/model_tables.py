"""The tables of `docs/results.md`: what the modes of fusion are worth, and the output layers."""

from collections.abc import Mapping
from typing import Any

from cells import markdown, share, times

_INPUTS = ("image", "question", "knowledge")


def fusions_table(results: Mapping[str, Any], language: str) -> str:
    """How well each mode answers and what it costs; then what its answers lose without each input."""
    modes = results["modes"]
    head = [
        "fusion",
        "unseen",
        "unseen, Chinese",
        "no evidence",
        "grounded",
        "its parameters",
        "the model's",
        "training, CPU s",
        "of attention's",
        "a question, CPU ms",
        "of attention's",
    ]
    rows = [
        [
            mode,
            _spread(found["unseen"]["retrieved"]),
            _spread(found["unseen_zh"]["retrieved"]),
            share(found["unseen"]["none"]["mean"]),
            share(found["unseen"].get("grounded", {}).get("mean")),
            *(f"{found['parameters'][part]['mean']:,.0f}" for part in ("fusion", "model")),
            *_cost(found, "read, CPU seconds", ".0f"),
            *_cost(found, "answer, CPU ms", ".1f"),
        ]
        for mode, found in modes.items()
    ]
    return markdown(head, rows) + "\n\n" + _inputs_table(modes)


def _inputs_table(modes: Mapping[str, Any]) -> str:
    head = ["fusion", "accuracy", *(f"lost without {name}" for name in _INPUTS), *(f"weight of {n}" for n in _INPUTS)]
    rows = []
    for mode, found in modes.items():
        inputs = found["inputs"]["by_name"]
        lost = [inputs[name]["drop"]["mean"] for name in _INPUTS]
        weights = [inputs[name].get("weight", {}).get("mean") for name in _INPUTS]
        rows.append([mode, *map(share, (found["inputs"]["accuracy"]["mean"], *lost, *weights))])
    return markdown(head, rows)


def _spread(found: Mapping[str, float]) -> str:
    """A mean over seeds, with the smallest and the largest where there are several."""
    told = share(found["mean"])
    return told if found["deviation"] is None else f"{told} ({share(found['least'])} to {share(found['most'])})"


def _cost(found: Mapping[str, Any], name: str, decimals: str) -> tuple[str, str]:
    ratio = found.get("times attention", {}).get(name)
    return f"{found[name]['mean']:{decimals}}", times(ratio["mean"]) if ratio else ""
