"""The tables of a trial, for people: in a terminal and in the HTML report."""

from collections.abc import Mapping, Sequence
from typing import Any

from ravlm.evaluation.comparison import relation_of
from ravlm.evaluation.measures import mean
from ravlm.evaluation.report import Cell, Table, cell
from ravlm.evaluation.trial import MODEL, Trial

RUNS = {
    "prior": "prior: the commonest answer of the most similar training questions",
    "none": "the model, no evidence",
    MODEL: "the model",
    "oracle": "the model, right entry given (oracle)",
}
FLOORS = {"pixels": "floor: pixel correlation", "colours_and_shapes": "floor: colour histograms and HOG"}


def accuracy_table(trial: Trial, names: Mapping[str, str]) -> Table:
    """The runs below one another, a column for each group; `names` maps groups to what readers call them."""
    rows = tuple((title, *(trial.table[group][run] for group in names)) for run, title in RUNS.items())
    n = len(trial.relations)
    return Table(
        title="Accuracy",
        columns=("macro average over relations", *names.values()),
        rows=rows,
        note=f"The mean over the {n} relations with 50 or more distinct answers, all where none has as many: "
        f"{', '.join(trial.relations)}.",
        strong=frozenset({list(RUNS).index(MODEL)}),
    )


def interval_note(trial: Trial, names: Mapping[str, str]) -> str:
    """The model's 95 % intervals in words."""
    found = {name: trial.table[group]["intervals"][MODEL] for group, name in names.items()}
    told = [f"{name} {low:.3f} to {high:.3f}" for name, (low, high) in ((k, v) for k, v in found.items() if v)]
    return f"The model's 95 % intervals, drawing whole entries: {', '.join(told)}." if told else ""


def retrieval_table(trial: Trial, names: Mapping[str, str], closely: str) -> Table:
    """Where the right entry was found, and in how many questions a right answer could be read."""
    rows: list[tuple[Cell, ...]] = []
    for group, name in names.items():
        of = trial.table[group]
        rows.append((f"the model, {name}", of["recall@1"], of["recall@5"], of["coverage"], of["n"]))
    for kind, floor in trial.floors.items():
        rows.append(
            (f"{FLOORS[kind]}, {names[closely]}", floor["recall@1"], floor["recall@5"], None, trial.floor_photos)
        )
    return Table(
        title="Finding the right entry by the picture",
        columns=("", "recall@1", "recall@5", "coverage", "n"),
        rows=tuple(rows),
        note="Coverage: the share of questions with a right answer among the candidates, the ceiling of accuracy. "
        "n: questions for the model, distinct photos for the floors, which learn nothing.",
    )


def modality_table(trial: Trial) -> Table:
    """The fusion's mean weights beside what is lost without each modality."""
    found = trial.modalities
    rows = tuple((name, m.weight, m.accuracy_without, m.drop) for name, m in found.by_name.items())
    return Table(
        title="What each input is worth",
        columns=("input", "mean weight", "accuracy without it", "drop"),
        rows=rows,
        note=f"On {found.n:,} questions, {cell(found.accuracy)} of them right with everything. "
        "A weight says how the fusion mixes its inputs; the drop says what the answer depends on.",
    )


def relation_table(trial: Trial, names: Mapping[str, str]) -> Table:
    """The model's accuracy relation by relation, those outside the macro average too."""
    relations = list(dict.fromkeys(relation_of(result) for result in trial.answered))
    rows: list[tuple[Cell, ...]] = []
    for relation in relations:
        asked = [r for r in trial.answered if relation_of(r) == relation]
        cells = [mean(r.right for r in asked if group in r.groups) for group in names]
        rows.append((relation or "(none)", *cells, "yes" if relation in trial.relations else "no"))
    columns = ("relation", *names.values(), "in the average")
    return Table(title="The model, relation by relation", columns=columns, rows=tuple(rows))


def curve_rows(curve: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A training run's learning curve with each stage's loss as a measure of its own."""
    return [
        {"step": row["step"], "seconds": row["seconds"], f"loss, {row['stage']}": row["loss"]}
        for row in curve
        if {"step", "seconds", "stage", "loss"} <= set(row)
    ]
