"""A run's sections with charts: finding the right entry, and confidence."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ravlm.evaluation.calibration import reliability, risk_coverage
from ravlm.evaluation.ranking import recall_curve
from ravlm.evaluation.report.charts import recall_plot, reliability_plot, risk_plot
from ravlm.evaluation.report.parts import Figure, Figures, Part, Section, Sentence
from ravlm.evaluation.report.sections import group_names, main_groups
from ravlm.evaluation.report.tables import Cell, Table, cell, with_interval
from ravlm.evaluation.report.words import Words, percent
from ravlm.evaluation.runs.folder import Run
from ravlm.evaluation.runs.records import Outcome
from ravlm.evaluation.runs.scores import ALL, within

_DEEPEST = 10  # of the recall curve


def finding_section(run: Run, words: Words) -> Section:
    """How well the right entries are ranked, and how often a passage that states the answer was read."""
    scores, w = run.summary["scores"]["groups"], words.finding
    groups = [name for name in main_groups(run.summary["scores"]) if "retrieval" in scores[name]]
    if not groups:
        return Section(w.title, ())
    titles = group_names(groups, words)
    measures = scores[ALL]["retrieval"]
    rows = tuple(
        (w.names.of(name), *(with_interval(scores[g]["retrieval"][name]) for g in groups)) for name in measures
    )
    curves = {title: recalls(within(run.outcomes, group)) for group, title in zip(groups, titles, strict=True)}
    kinds = {"substring": w.substring, "words": w.words}
    read: tuple[tuple[Cell, ...], ...] = tuple(
        (how.format(name=name), *(scores[g]["passages"][kind][name] for g in groups))
        for name in scores[ALL]["passages"]["substring"]
        for kind, how in kinds.items()
    )
    parts: list[Part] = [
        Table(w.table, (w.column, *titles), rows),
        *recall_figure(curves, w.curve, words),
        Table(w.passages, (w.column, *titles), read, w.passages_note),
    ]
    return Section(w.title, parts)


def recalls(outcomes: Sequence[Outcome]) -> list[float]:
    """Recall at 1, 2, ... 10; empty where no entry is named as right."""
    return recall_curve([o.gold_ranks for o in outcomes], [o.gold for o in outcomes], _DEEPEST)


def recall_figure(curves: Mapping[str, Sequence[float]], title: str, words: Words) -> list[Figures]:
    """The curves in one plot, where there is any."""
    w, plot = words.finding, recall_plot(curves)
    label = w.curve_label.format(deepest=_DEEPEST, n=len(plot.lines))
    return [Figures((Figure(title, label, w.k, plot, w.curve_note),))] if plot.lines else []


def confidence_section(run: Run, words: Words) -> Section:
    """Whether confidence is true, and what declining is worth."""
    scores, w = run.summary["scores"]["groups"], words.confidence
    groups = [name for name in main_groups(run.summary["scores"]) if "calibration" in scores[name]]
    if not groups or not run.outcomes:
        return Section(w.title, ())
    if told := near_enough(run, words):
        return Section(w.title, [Sentence(told)])
    confidence = [o.confidence / 1000 for o in run.outcomes]
    right = [o.right["retrieved"] for o in run.outcomes]
    found = scores[ALL]["calibration"]
    figures = Figures((_reliability(confidence, right, found, words), _risk(confidence, right, found, words)))
    rows = tuple(
        (title, *(scores[g]["calibration"][name] for name in ("ECE", "AURC", "answered", "risk")))
        for g, title in zip(groups, group_names(groups, words), strict=True)
    )
    table = Table(w.table, (w.column, w.ece, w.aurc, w.answered, w.risk), rows, w.note)
    return Section(w.title, [figures, table])


def near_enough(run: Run, words: Words) -> str:
    """Of a model whose confidence is that a number is near enough: that here right is more, and how many are near.

    Nothing of other models. Near is within the model's tolerance times the right number; `RegressionHead.judge` counts
    as near, where numbers vary little beside their size, only what is nearer.
    """
    output = run.about["model"]["settings"].get("output", {})
    if output.get("kind") != "regression" or "retrieved" not in run.answers:
        return ""
    numbers = [
        (asked.example.value, o.error)
        for asked, o in zip(run.questions, run.outcomes, strict=True)
        if asked.example.value is not None
    ]
    if not numbers:
        return ""
    tolerance = float(output["tolerance"])
    near = [error.get("retrieved", math.inf) <= tolerance * abs(value) * (1 + 1e-9) for value, error in numbers]
    return str(
        words.confidence.near.format(
            tolerance=percent(tolerance), share=percent(sum(near) / len(near)), n=f"{len(near):,}"
        )
    )


def answered(run: Run, words: Words) -> str:
    """How many questions were answered from what was retrieved, and how many of these wrongly; nothing if all were."""
    right = [o.right["retrieved"] for o in run.outcomes if not o.abstained.get("retrieved", True)]
    if "retrieved" not in run.answers or len(right) == len(run.outcomes):
        return ""
    told = words.confidence.answered_of
    return str(told.format(answered=f"{len(right):,}", n=f"{len(run.outcomes):,}", wrong=f"{right.count(False):,}"))


def _reliability(confidence: Sequence[float], right: Sequence[bool], found: Mapping[str, Any], words: Words) -> Figure:
    w, bins = words.confidence, reliability(confidence, right)
    label = w.reliability_label.format(n=len(bins), ece=cell(found["ECE"]))
    return Figure(w.reliability, label, w.confidence, reliability_plot(bins), w.reliability_note, counts=True)


def _risk(confidence: Sequence[float], right: Sequence[bool], found: Mapping[str, Any], words: Words) -> Figure:
    w, declines = words.confidence, (found["answered"], found["risk"])
    plot = risk_plot(risk_coverage(confidence, right), declines)
    note = w.coverage_note.format(answered=percent(declines[0]), risk=percent(declines[1]))
    label = w.coverage_label.format(aurc=cell(found["AURC"]))
    return Figure(w.coverage_curve, label, w.coverage, plot, note if plot.dots else w.coverage_note_none)
