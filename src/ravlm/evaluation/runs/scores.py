"""Every score of a run, worked out of what became of its questions."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from ravlm.evaluation.bootstrap import Score, clustered_interval
from ravlm.evaluation.calibration import area_under_risk_coverage, expected_calibration_error, selective
from ravlm.evaluation.measures import macro_average, mean, wide_relations
from ravlm.evaluation.ranking import MEASURES, per_question, pseudo_relevance_recall
from ravlm.evaluation.runs.records import CAUSES, EVIDENCE, AskedQuestion, EvidenceKind, Outcome
from ravlm.grading import normalise, reference_answer

ALL, RELATION = "all", "relation:"
_DEPTHS = {"PRR@1": 1, "PRR@5": 5, "PRR@10": 10, "PRR": None}


def relations_of(questions: Sequence[AskedQuestion], least_answers: int = 50) -> list[str]:
    """The relations that the macro average is over: those with at least so many distinct right answers.

    Every relation where none has as many; none where the questions are in no group `relation:NAME`.
    """
    asked = [(relation_of(q.example.groups), normalise(reference_answer(q.example))) for q in questions]
    named = [(relation, answer) for relation, answer in asked if relation]
    found = wide_relations([relation for relation, _ in named], [answer for _, answer in named], least_answers)
    return [str(relation) for relation in found] or sorted({relation for relation, _ in named})


def relation_of(groups: Iterable[str]) -> str:
    """The relation that a question asks for: the first of its groups that starts with `relation:`, else nothing."""
    return next((name.removeprefix(RELATION) for name in groups if name.startswith(RELATION)), "")


def scores_of(outcomes: Sequence[Outcome], relations: Sequence[str], seed: int = 0) -> dict[str, Any]:
    """The scores by group, `all` first, and macro averages over these relations.

    Intervals are of 95 %, by bootstrap over clusters with this seed. A score is None where a group has nothing to judge
    it by.
    """
    retrieval = per_question([o.gold_ranks for o in outcomes], [o.gold for o in outcomes])
    by_question = {o.id: found for o, found in zip(outcomes, retrieval, strict=True)}
    groups: dict[str, list[Outcome]] = {ALL: list(outcomes)}
    for outcome in outcomes:
        for name in dict.fromkeys(outcome.groups):
            if name != ALL:
                groups.setdefault(name, []).append(outcome)
    kinds = kinds_of(outcomes)

    def score(values: Sequence[float], some: Sequence[Outcome], relation: Sequence[Hashable] | None = None) -> Any:
        value = mean(values) if relation is None else macro_average(values, relation)
        return Score(value, clustered_interval(values, [o.cluster for o in some], relation, seed=seed)).as_json()

    def macro(some: Sequence[Outcome], kind: EvidenceKind) -> Any:
        chosen = [o for o in judged_by(some, kind) if relation_of(o.groups) in wide]
        return score([o.right[kind] for o in chosen], chosen, [relation_of(o.groups) for o in chosen])

    wide = set(relations)
    return {
        "groups": {name: _group(some, kinds, by_question, score) for name, some in groups.items()},
        "macro": {
            "relations": list(relations),
            "groups": {
                name: {kind: macro(some, kind) for kind in kinds}
                for name, some in groups.items()
                if not name.startswith(RELATION) and any(relation_of(o.groups) in wide for o in some)
            },
        }
        if relations
        else {},
    }


def kinds_of(outcomes: Sequence[Outcome]) -> list[EvidenceKind]:
    """The kinds of evidence that there are answers from."""
    return [kind for kind in EVIDENCE if outcomes and kind in outcomes[0].right]


def within(outcomes: Sequence[Outcome], group: str) -> list[Outcome]:
    """The questions of a group; `all` has every one."""
    return [o for o in outcomes if group == ALL or group in o.groups]


def judged_by(some: Sequence[Outcome], kind: EvidenceKind) -> list[Outcome]:
    """The questions that a kind of evidence says something about: `oracle` and `wrong` need a right entry."""
    return [o for o in some if o.gold or kind not in ("oracle", "wrong")]


def _group(
    some: Sequence[Outcome],
    kinds: Sequence[EvidenceKind],
    by_question: Mapping[str, Mapping[str, float] | None],
    score: Callable[..., Any],
) -> dict[str, Any]:
    found: dict[str, Any] = {"n": len(some), "evidence": {kind: _evidence(some, kind, score) for kind in kinds}}
    if "retrieved" not in kinds:
        return found
    judged = [(o, scores) for o in some if (scores := by_question[o.id]) is not None]
    entries = [o for o, _ in judged]
    right = [o.right["retrieved"] for o in some]
    confidence = [o.confidence / 1000 for o in some]
    answered, risk = selective([o.abstained["retrieved"] for o in some], right)
    held = [o for o in some if o.right["retrieved"] and "removed" in o.same]
    return found | {
        "retrieval": {name: score([scores[name] for _, scores in judged], entries) for name in MEASURES},
        "passages": {
            how: {name: pseudo_relevance_recall([o.passage_rank[i] for o in some], k) for name, k in _DEPTHS.items()}
            for i, how in enumerate(("substring", "words"))
        },
        "calibration": {
            "ECE": expected_calibration_error(confidence, right),
            "AURC": area_under_risk_coverage(confidence, right),
            "answered": answered,
            "risk": risk,
        },
        "grounded": {
            "n": len(held),
            "share": score([not o.same["removed"] for o in held], held),
            "right_without": mean(o.right["none"] for o in held if not o.same["removed"] and "none" in o.right),
        },
        "causes": _causes(some),
    }


def _evidence(some: Sequence[Outcome], kind: EvidenceKind, score: Callable[..., Any]) -> dict[str, Any]:
    some = judged_by(some, kind)
    return {
        "accuracy": score([o.right[kind] for o in some], some),
        "abstained": mean(o.abstained[kind] for o in some if kind in o.abstained),
        "same": mean(o.same[kind] for o in some if kind in o.same),
        **({"error": error} if (error := _error(some, kind, score)) else {}),
    }


def _error(some: Sequence[Outcome], kind: EvidenceKind, score: Callable[..., Any]) -> dict[str, Any] | None:
    """The mean absolute error of the answers that are numbers, where all numbers that are asked for have one unit."""
    asked = [o for o in some if o.unit is not None]
    units = {o.unit for o in asked}
    if len(units) != 1:
        return None
    told = [o for o in asked if kind in o.error]
    return {
        "unit": units.pop(),
        "MAE": score([o.error[kind] for o in told], told),
        "n": len(told),
        "asked": len(asked),
    }


def _causes(some: Sequence[Outcome]) -> dict[str, int]:
    counts = Counter(outcome.cause for outcome in some)
    return {cause: counts[cause] for cause in ("", *CAUSES)}
