"""What follows from the runs of output layers on groceries: errors of nutrients, accuracies of classes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ravlm.evaluation.bootstrap import clustered_score
from ravlm.evaluation.measures import mean
from ravlm.evaluation.runs.columns import from_columns
from ravlm.evaluation.runs.records import EvidenceKind, Outcome

KINDS: tuple[EvidenceKind, ...] = ("prior", "none", "retrieved", "oracle")
SEEN = ("seen", "unseen")
CLASSES = ("fine:seen", "fine:unseen", "coarse:seen", "coarse:known", "coarse:new")
_COPIED: tuple[EvidenceKind, ...] = ("retrieved", "oracle")


def nutrients_results(
    regression: Mapping[str, Any],
    copied: Mapping[str, Any],
    medians: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """For each nutrient, products seen and unseen: mean absolute errors of all that may answer.

    `regression` is the summary of the regression head, `copied` that of the model that copies numbers, `medians` what
    `outputs.medians_of` gives. `all` has for each the mean over nutrients of its error as a multiple of the median's.
    `beside` says by how much the regression head's error from what was retrieved is larger than that of the median,
    and than its own without evidence, question by question.
    """
    heads = {"regression": from_columns(regression["columns"]), "copied": from_columns(copied["columns"])}
    told: dict[str, Any] = {}
    for nutrient, median in medians.items():
        found = {name: [o for o in outcomes if nutrient in o.groups] for name, outcomes in heads.items()}
        told[nutrient] = {"unit": found["regression"][0].unit}
        for group in SEEN:
            own, other = ([o for o in outcomes if group in o.groups] for outcomes in found.values())
            if own:
                told[nutrient][group] = {
                    "n": len(own),
                    "median": median[group],
                    **_errors(own, KINDS),
                    "copied": _errors(other, _COPIED),
                    "beside": {
                        "median": _larger(own, lambda o, off=median["off"]: off[o.cluster]),
                        "none": _larger([o for o in own if "none" in o.error], lambda o: o.error["none"]),
                    },
                }
    return {"by nutrient": told, "all": {group: _beside_the_median(told, group) for group in SEEN}}


def _errors(outcomes: Sequence[Outcome], kinds: Sequence[EvidenceKind]) -> dict[str, Any]:
    return {kind: _error(outcomes, kind) for kind in kinds}


def _error(outcomes: Sequence[Outcome], kind: EvidenceKind) -> dict[str, Any]:
    """The mean absolute error of the answers that are numbers, and the share of these."""
    some = [o for o in outcomes if kind in o.error]
    score = clustered_score([o.error[kind] for o in some], [o.cluster for o in some])
    return {**score.as_json(), "answered": mean(kind in o.error for o in outcomes)}


def _larger(outcomes: Sequence[Outcome], other: Callable[[Outcome], float]) -> dict[str, Any]:
    some = [o for o in outcomes if "retrieved" in o.error]
    return clustered_score([o.error["retrieved"] - other(o) for o in some], [o.cluster for o in some]).as_json()


def _beside_the_median(told: Mapping[str, Any], group: str) -> dict[str, Any]:
    rows = [found[group] for found in told.values() if found.get(group, {}).get("median")]

    def ratios(errors: Sequence[Mapping[str, Any]], kinds: Sequence[EvidenceKind]) -> dict[str, Any]:
        pairs = list(zip(errors, (row["median"] for row in rows), strict=True))
        return {kind: mean(e[kind]["value"] / m for e, m in pairs if e[kind]["value"] is not None) for kind in kinds}

    return {
        "nutrients": len(rows),
        **ratios(rows, KINDS),
        "copied": ratios([row["copied"] for row in rows], _COPIED),
    }


def classes_results(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Accuracy by kind of evidence in each group of classes, and how often the entry found first was right."""
    outcomes = from_columns(summary["columns"])
    told: dict[str, Any] = {}
    for group in CLASSES:
        some = [o for o in outcomes if group in o.groups]
        clusters = [o.cluster for o in some]
        told[group] = {
            "n": len(some),
            **{kind: clustered_score([float(o.right[kind]) for o in some], clusters).as_json() for kind in KINDS},
            "R@1": mean(1 in o.gold_ranks for o in some),
        }
    return told
