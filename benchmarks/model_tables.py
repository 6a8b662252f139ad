"""The tables of docs/models.md: every combination, and what a model costs beside its encoders."""

from collections.abc import Mapping
from typing import Any

from cells import markdown, share, times


def matrix_table(results: Mapping[str, Any], language: str) -> str:
    """How many combinations were tried, and how many were right."""
    parts, sizes = results["parts"], results["parameters"]
    tried = " x ".join(f"{count} {name}" for name, count in parts.items())
    row = [f"{results['combinations']}", f"{results['without a fault']}", f"{sizes['least']:,} to {sizes['most']:,}"]
    return markdown(["combinations", "tried", "without a fault", "parameters"], [[tried, *row]])


def model_table(results: Mapping[str, Any], language: str) -> str:
    """What each fusion and its output layer add to the encoders' own time."""
    rows = [
        [
            name,
            f"{found['parameters added']:,}",
            _more(found["forward"]),
            _more(found["training step"]),
            _more(found["own optimisers"]),
            _more(found["training step, large batch"]) if "training step, large batch" in found else "",
        ]
        for name, found in results["models"].items()
    ]
    bare, few, many = results["bare, s"], results["batch"], results["large batch"]
    about = (
        f"Questions of 16 tokens, each with 5 passages of 64 tokens that were encoded before; fusions of width "
        f"{results['width']}; one thread. ResNet-50 and BERT-base alone take {bare['forward']:.2f} s forward and "
        f"{bare['training step']:.2f} s a training step with {few} questions, "
        f"{bare['training step, large batch']:.1f} s with {many}."
    )
    head = [
        "fusion (and output layer, else candidates)",
        "parameters added",
        f"forward, {few} questions",
        f"training step, {few} questions",
        "of this its own optimisers",
        f"training step, {many} questions",
    ]
    return markdown(head, rows) + f"\n\n{about}"


def _more(share: float) -> str:
    return f"{100 * share:+.1f} %"


def training_table(results: Mapping[str, Any], language: str) -> str:
    """What of a step is outside the encoders, what kept features save, what an accelerator reaches of the bare."""
    parts = []
    if outside := results.get("outside"):
        rows = [
            [name, f"{found['step, s']:.2f} s", f"{100 * found['outside']:.1f} %"]
            for name, found in outside.items()
            if isinstance(found, dict) and "outside" in found
        ]
        parts.append(markdown(["stage", "a step", "outside the encoders"], rows))
    if epoch := results.get("epoch"):
        head = ["an epoch of", "passages of a step", "kept", "asked anew", "times as long"]
        row = [f"{epoch['questions']:,} questions", f"{epoch['passages of a batch']:.0f}"]
        row += [f"{epoch[name] / 60:,.1f} min" for name in ("kept, s", "anew, s")]
        parts.append(markdown(head, [[*row, times(epoch["times"])]]))
    if found := results.get("accelerator"):
        head = ["on", "images a second", "bare encoders", "of the bare"]
        row = [f"{found[name]:,.0f}" for name in ("images a second", "bare encoders, images a second")]
        parts.append(markdown(head, [[found["device"], *row, f"{100 * found['of the bare']:.0f} %"]]))
    return "\n\n".join(parts)


def eyes_table(results: Mapping[str, Any], language: str) -> str:
    """What eyes by several recipes find by photo, those of the validation photos first."""
    columns = [("val", "iconic", "seen"), *(("test", b, g) for b in ("iconic", "photos") for g in ("seen", "unseen"))]
    head = ["recipe", "trained in", "validation", *(f"{base}, {group}" for _, base, group in columns[1:])]
    rows = [
        [name, f"{found['training, s'] / 60:.1f} min", *("/".join(_both(found, *column)) for column in columns)]
        for name, found in results["recipes"].items()
    ]
    return markdown(head, rows)


def _both(found: Mapping[str, Any], split: str, base: str, group: str) -> list[str]:
    return [share(found[split][base][group][name]) for name in ("R@1", "R@5")]
