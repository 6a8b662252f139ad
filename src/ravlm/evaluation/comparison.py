"""One model under several kinds of evidence, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ravlm.evaluation.measures import clustered_interval, macro_average, mean, recall_at_k, wide_relations
from ravlm.evaluation.results import QuestionResult
from ravlm.grading import normalise

RELATION = "relation:"


@dataclass(frozen=True)
class Score:
    """A macro average over relations, and its 95 % interval (bootstrap over entries)."""

    value: float | None
    interval: tuple[float, float] | None


def relation_of(result: QuestionResult) -> str:
    """The relation that a question asks for: the first of its groups that starts with `relation:`, else nothing."""
    return next((name.removeprefix(RELATION) for name in result.groups if name.startswith(RELATION)), "")


def wide(results: Sequence[QuestionResult], least_answers: int = 50) -> list[str]:
    """The relations with at least so many distinct answers; every relation where none has as many."""
    relations = [relation_of(r) for r in results]
    found = wide_relations(relations, [normalise(r.gold_answer) for r in results], least_answers)
    return [str(relation) for relation in found] or sorted(set(relations))


def macro(results: Sequence[QuestionResult], group: str, relations: Sequence[str]) -> Score:
    """The mean over these relations of the accuracy in a group."""
    chosen = [r for r in results if group in r.groups and relation_of(r) in set(relations)]
    right, asked = [float(r.right) for r in chosen], [relation_of(r) for r in chosen]
    clusters = [r.gold_entries or (r.id,) for r in chosen]
    return Score(macro_average(right, asked), clustered_interval(right, clusters, asked))


def compare(
    runs: Mapping[str, Sequence[QuestionResult]], groups: Sequence[str], measured: str = "model"
) -> dict[str, dict[str, Any]]:
    """For each group: the macro average of each run, and recall, coverage and n of the run named `measured`."""
    relations = wide(runs[measured])
    table: dict[str, dict[str, Any]] = {}
    for group in groups:
        scores = {name: macro(results, group, relations) for name, results in runs.items()}
        chosen = [r for r in runs[measured] if group in r.groups]
        table[group] = {
            **{name: score.value for name, score in scores.items()},
            "intervals": {name: score.interval for name, score in scores.items()},
            "recall@1": recall_at_k([r.ranked for r in chosen], [r.gold_entries for r in chosen], 1),
            "recall@5": recall_at_k([r.ranked for r in chosen], [r.gold_entries for r in chosen], 5),
            "coverage": mean(r.covered for r in chosen),
            "n": len(chosen),
        }
    return table
