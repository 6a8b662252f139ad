"""What the documents say of flags and groceries, worked out of the committed summaries of runs."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ravlm.evaluation.bootstrap import clustered_score
from ravlm.evaluation.comparing import MACRO, over_seeds
from ravlm.evaluation.measures import mean
from ravlm.evaluation.runs.columns import from_columns
from ravlm.evaluation.runs.folder import SUMMARY, Run
from ravlm.evaluation.runs.records import CAUSES, Outcome
from results_file import FOLDER
from results_file import over_seeds as spread

RUNS = FOLDER / "runs"
KINDS = ("prior", "none", "retrieved", "oracle", "removed", "wrong")
RETRIEVAL = ("R@1", "R@5", "RR@10")
GROUPS = ("seen", "unseen")
TIMES = ("read, CPU seconds", "answer, CPU ms")


def ravlm(*arguments: object, within: Path | None = None) -> None:
    """Run a command of the command line in a process of its own, `within` a folder."""
    command = [sys.executable, "-c", "from ravlm.cli.main import main; main()", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=within)


def made_run(
    here: Path,
    name: str,
    config: Path,
    data: Path,
    kinds: Sequence[str],
    *,
    seed: int,
    groups: Sequence[str] = (),
    start: Path | None = None,
    within: Path | None = None,
) -> Path:
    """Train into `here/model`, evaluate into `here/run`, where that is not done yet; verify; keep the summary."""
    model, run = here / "model", here / "run"
    if not (model / "config.json").exists():
        going_on = () if start is None else ("--from", start)
        ravlm("train", config, "--data", data, "--out", model, "--seed", seed, *going_on, within=within)
    if not run.exists():
        asked = [word for kind in kinds for word in ("--evidence", kind)]
        asked += [word for group in groups for word in ("--group", group)]
        ravlm("evaluate", model, "--data", data, "--out", run, *asked)
    ravlm("verify", run)
    keep(run, name)
    return run


def keep(run: Path, name: str) -> Path:
    """Copy a run's summary to the results, under this name."""
    RUNS.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(run / SUMMARY, RUNS / f"{name}.json"))


def summaries(name: str) -> dict[str, Any]:
    """The committed summaries whose names begin so, by the rest of their names."""
    found = sorted(RUNS.glob(f"{name}-*.json"))
    return {path.stem.removeprefix(f"{name}-"): json.loads(path.read_text(encoding="utf-8")) for path in found}


def flags_results(found: Mapping[str, Any], groups: Sequence[str]) -> dict[str, Any]:
    """Over seeds, for each group: macro averages by evidence, and how well the right entry was found."""
    runs = [Run(s["about"], [], {}, {}, from_columns(s["columns"]), s) for s in found.values()]
    macro = over_seeds(runs)
    told: dict[str, Any] = {}
    for group in groups:
        each = [summary["scores"]["groups"][group] for summary in found.values()]
        other = [
            {
                **{name: one["retrieval"][name]["value"] for name in RETRIEVAL},
                "grounded": one["grounded"]["share"]["value"],
                "causes": {cause: count / one["n"] for cause, count in one["causes"].items() if cause},
                **one["calibration"],
            }
            for one in each
        ]
        told[group] = macro[f"{MACRO}{group}"] | spread(other)
    return {"runs": list(found), "over_seeds": told, "relations": next(iter(found.values()))["relations"]}


def fusions_results(
    found: Mapping[str, Mapping[str, Any]], measured: Mapping[str, Mapping[str, Any]], groups: Sequence[str]
) -> dict[str, Any]:
    """For each mode of fusion, over its seeds: accuracy and grounding by group, and what was measured beside.

    `found` are the summaries and `measured` the rest, by mode and seed. Times are also told as multiples of those of
    attention with the same seed, where that was measured.
    """
    told: dict[str, Any] = {}
    for mode, seeds in found.items():
        scores = flags_results(seeds, groups)["over_seeds"]
        beside = [
            {**each, "times attention": {name: each[name] / reference[name] for name in TIMES if reference}}
            for seed, each in measured[mode].items()
            for reference in [measured.get("attention", {}).get(seed)]
        ]
        chosen = ("retrieved", "removed", "grounded")
        told[mode] = {
            group: {name: scores[group][name] for name in chosen if name in scores[group]} for group in groups
        } | spread(beside)
    return told


def grocery_results(found: Mapping[str, Any], groups: Sequence[str], kinds: Sequence[str]) -> dict[str, Any]:
    """For each base, products seen and unseen, and kind of question: accuracy by evidence, and recall."""
    return {
        base: {
            group: {kind: _grocery([o for o in outcomes if {group, kind} <= {*o.groups, "all"}]) for kind in kinds}
            for group in groups
        }
        for base, outcomes in ((base, from_columns(summary["columns"])) for base, summary in found.items())
    }


def by_photo_results(
    photos: Sequence[str], outcomes: Sequence[Outcome], groups: Sequence[str]
) -> dict[str, dict[str, float]]:
    """For each group: the share of photos whose right entry is found first, or among the first five.

    `photos` tells each outcome's photo. All questions about a photo find the same entries.
    """
    found: dict[str, dict[str, Any]] = {}
    for group in groups:
        ranks = {p: min(o.gold_ranks, default=None) for p, o in zip(photos, outcomes, strict=True) if group in o.groups}
        found[group] = {f"R@{k}": mean(r is not None and r <= k for r in ranks.values()) for k in (1, 5)}
        found[group]["n"] = len(ranks)
    return found


def causes_results() -> dict[str, Any]:
    """For each dataset, seen and unseen: causes, grounding and calibration, each a mean over the runs."""
    found: dict[str, Any] = {}
    for name, runs in (("flags", [summaries("flags")]), ("grocery", [{k: v} for k, v in summaries("grocery").items()])):
        for each in runs:
            title = name if name == "flags" else f"{name}, {next(iter(each))}"
            found[title] = {group: _causes([s["scores"]["groups"][group] for s in each.values()]) for group in GROUPS}
    return found


def _causes(groups: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def over(value: Callable[[Mapping[str, Any]], float | None]) -> float | None:
        return mean(found for group in groups if (found := value(group)) is not None)

    def of_cause(cause: str) -> float | None:
        return over(lambda group: group["causes"][cause] / group["n"])

    def of_calibration(name: str) -> float | None:
        return over(lambda group: group["calibration"][name])

    return {
        "runs": len(groups),
        "n": sum(group["n"] for group in groups),
        "right": of_cause(""),
        **{cause: of_cause(cause) for cause in CAUSES},
        "grounded": over(lambda group: group["grounded"]["share"]["value"]),
        **{name: of_calibration(name) for name in ("ECE", "AURC", "answered", "risk")},
    }


def _grocery(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    clusters = [o.cluster for o in outcomes]
    right = {kind: clustered_score([float(o.right[kind]) for o in outcomes], clusters).as_json() for kind in KINDS}
    recall = {f"R@{k}": mean(any(rank <= k for rank in o.gold_ranks) for o in outcomes) for k in (1, 5)}
    held = [o for o in outcomes if o.right["retrieved"]]
    return {**right, **recall, "grounded": mean(not o.same["removed"] for o in held), "n": len(outcomes)}
