"""The tables of `docs/results.md`: what the modes of fusion are worth, the output layers, and captions."""

from collections.abc import Mapping
from typing import Any

from cells import markdown, share, times

_INPUTS = ("image", "question", "knowledge")
_BASES = {"iconic": "iconic pictures only", "photos": "with photos"}
_WRITERS = {
    "commonest": "the commonest caption",
    "nearest": "the name of the most similar picture",
    "no evidence": "the model, no evidence",
    "retrieved": "**the model**",
}
_LANGUAGES = {"en": "English", "zh": "Chinese"}
_CLASSES = {
    "fine:seen": "which product: seen",
    "fine:unseen": "which product: unseen",
    "coarse:seen": "which kind: of seen products",
    "coarse:known": "which kind: of unseen products, a kind that training has",
    "coarse:new": "which kind: of unseen products, a new kind",
}


def fusions_table(results: Mapping[str, Any], language: str) -> str:
    """How well each mode answers and what it costs; then what its answers lose without each input."""
    modes = results["modes"]
    head = [
        "fusion",
        "unseen",
        "unseen, Chinese",
        "its evidence taken away",
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
            share(found["unseen"]["removed"]["mean"]),
            share(found["unseen"].get("grounded", {}).get("mean")),
            *(f"{found['parameters'][part]['mean']:,.0f}" for part in ("fusion", "model")),
            *_cost(found, "read, CPU seconds", ".0f"),
            *_cost(found, "answer, CPU ms", ".1f"),
        ]
        for mode, found in modes.items()
    ]
    return markdown(head, rows) + "\n\n" + _inputs_table(modes)


def joint_table(results: Mapping[str, Any], language: str) -> str:
    """What the arms of joint training reach, by how much they are better than the frozen one; then all ways beside."""
    head = ["trained", "seeds", "questions", "accuracy", "better by", "R@1", "better by", "n"]
    rows = []
    for dataset, arms in results["datasets"].items():
        for arm, found in arms.items():
            for group in ("seen", "unseen"):
                of = found[group]
                better = [_difference(of.get(name)) if arm != "frozen" else "" for name in ("better", "R@1 better")]
                cells = [share(of["retrieved"]), better[0], share(of["R@1"]), better[1]]
                name = f"{dataset.replace('-', ' with ')}, {arm.replace('-', ' ')}"
                rows.append([name, str(len(found["seeds"])), group, *cells, f"{of['n']:,}"])
    ways = ("prior", "none", "frozen", "joint", "joint-taught", "oracle")
    compared = [
        [_BASES[base], str(len(of["seeds"])), group, kind, *(share(of[way]) for way in ways), f"{of['n']:,}"]
        for base, groups in results["groceries"].items()
        for group, kinds in groups.items()
        for kind, of in kinds.items()
    ]
    heads = ("prior", "no evidence", "frozen", "joint", "joint taught", "right entry given")
    beside = ["groceries", "seeds", "products", "questions", *heads, "questions of a seed"]
    return "\n\n".join([markdown(head, rows), *([markdown(beside, compared)] if compared else [])])


def _difference(found: Mapping[str, Any] | None) -> str:
    """A difference with its interval, where there is one, in shares."""
    if found is None:
        return ""
    between = "" if found["interval"] is None else " ({:+.3f} to {:+.3f})".format(*found["interval"])
    return f"{found['value']:+.3f}{between}"


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


def outputs_table(results: Mapping[str, Any], language: str) -> str:
    """Errors of nutrients on each base, then accuracies of classes."""
    parts = [_nutrients_table(base, found) for base, found in results["nutrients"].items()]
    head = ["asked, output layer, base", "prior", "no evidence", "retrieved", "right entry given", "R@1", "n"]
    rows = [
        [f"{_CLASSES[group]}, {part}, {_BASES[base]}", *_accuracies(found), share(found["R@1"]), f"{found['n']:,}"]
        for group in _CLASSES
        for part, bases in results["classes"].items()
        for base, groups in bases.items()
        for found in [groups[group]]
    ]
    return "\n\n".join([*parts, *([markdown(head, rows)] if rows else [])])


def _nutrients_table(base: str, results: Mapping[str, Any]) -> str:
    head = [
        f"mean absolute error, {_BASES[base]}",
        "median",
        "commonest",
        "regression, no evidence",
        "**regression**",
        "regression, right entry given",
        "copied",
        "copied, right entry given",
        "n",
    ]
    rows = []
    for nutrient, found in results["by nutrient"].items():
        for group in ("seen", "unseen"):
            if group in found:
                name = f"{nutrient.partition(':')[2]}, {found['unit']}: {group}"
                rows.append([name, *_errors(found[group]), f"{found[group]['n']:,}"])
    for group, found in results["all"].items():
        values = (found["prior"], found["none"], found["retrieved"], found["oracle"], *found["copied"].values())
        rows.append(
            [
                f"of the median's, mean over nutrients: {group}",
                "1.00 x",
                *("" if v is None else times(v) for v in values),
                "",
            ]
        )
    return markdown(head, rows)


def _errors(found: Mapping[str, Any]) -> list[str]:
    """The cells of a row: errors in three digits; the share of answers that are numbers where not all are."""
    cells = [f"{found['median']:.3g}"]
    for error in (*(found[kind] for kind in ("prior", "none", "retrieved", "oracle")), *found["copied"].values()):
        share_told = (
            f" ({100 * error['answered']:.0f} %)" if error["value"] is not None and error["answered"] < 1 else ""
        )
        cells.append("" if error["value"] is None else f"{error['value']:.3g}{share_told}")
    return cells


def _accuracies(found: Mapping[str, Any]) -> list[str]:
    return [share(found[kind]["value"]) for kind in ("prior", "none", "retrieved", "oracle")]


def captions_table(results: Mapping[str, Any], language: str) -> str:
    """The scores of each writer by group and language; then captions to look at, of pictures never seen."""
    groups = results["groups"]
    measures = next(iter(groups.values()))["by"]["retrieved"]
    rows = [
        [f"{_group(group)}: {_WRITERS[name]}", *(share(scores[measure]) for measure in measures), f"{found['n']}"]
        for group, found in groups.items()
        for name, scores in found["by"].items()
    ]
    tables = [markdown(["captions", *measures, "n"], rows)]
    gains = [
        [_group(group), _WRITERS[name], *map(_difference, by.values())]
        for group, found in groups.items()
        for name, by in found["better than"].items()
    ]
    compared = next(iter(next(iter(groups.values()))["better than"].values()))
    tables.append(markdown(["the model is better", "than", *(f"{measure}, by" for measure in compared)], gains))
    for group, looked in results["looked at"].items():
        head = ["its name", "most similar picture", "the model, no evidence", "the model"]
        tables.append(f"Every so-many-th picture, {_group(group)}:\n\n" + _texts(head, looked))
    return "\n\n".join(tables)


_ASKED_FOR = {
    ("flags", "unseen"): "English, countries never seen",
    ("flags", "unseen_zh"): "Chinese, countries never seen",
    ("grocery", "unseen"): "products never seen",
    ("grocery", "about:description"): "of these: a description",
    ("grocery", "about:label"): "of these: a line of the label",
    ("grocery", "about:nutrition"): "of these: a nutrition value",
}


def texts_table(results: Mapping[str, Any], language: str) -> str:
    """How many texts are right from each kind of evidence, and how many of these stand on it."""
    kinds = {
        "prior": "prior",
        "none": "no evidence",
        "retrieved": "**the model**",
        "removed": "its evidence taken away",
    }
    rows = [
        [
            _ASKED_FOR[name.split("-")[0], group],
            name.split("-")[1],
            *(share(found[kind]["value"]) for kind in kinds),
            share(found["grounded"]),
            share(found["R@1"]),
            f"{found['n']:,}",
        ]
        for name, groups in results["runs"].items()
        for group, found in groups.items()
    ]
    return markdown(["texts that are right", "seed", *kinds.values(), "grounded", "R@1", "n"], rows)


def _group(group: str) -> str:
    seen, _, language = group.partition(":")
    return f"{_LANGUAGES[language]}, {seen}"


def _texts(head: list[str], rows: list[dict[str, str]]) -> str:
    lines = [head, ["---"] * len(head), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |" for cells in lines)
