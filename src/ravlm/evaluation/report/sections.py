"""A run's sections: evidence side by side, why answers are wrong, what each relation comes to, how it was trained."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ravlm.evaluation.report.charts import stacked
from ravlm.evaluation.report.curve import Panels, by_stage, panels
from ravlm.evaluation.report.parts import Part, Section, Sentence, Stack, Terms
from ravlm.evaluation.report.tables import Cell, Noted, Table, counted, with_interval
from ravlm.evaluation.report.words import Words, percent
from ravlm.evaluation.runs.folder import Run
from ravlm.evaluation.runs.records import CAUSES
from ravlm.evaluation.runs.scores import ALL

_MOST_GROUPS = 5  # columns of a table
_LONG = 12  # rows; a longer table is folded
_STANDS = "stands"  # the name of the cause ""
_ORDER = ("", *reversed(CAUSES))  # from the best that can become of a question to the worst


def main_groups(scores: Mapping[str, Any]) -> list[str]:
    """The groups that the page leads with: all questions, and the largest that are not one value of a kind, `x:y`."""
    groups = scores["groups"]
    named = [name for name in groups if name != ALL and ":" not in name]
    largest = sorted(named, key=lambda name: -groups[name]["n"])[: _MOST_GROUPS - 1]
    return [ALL, *(name for name in named if name in largest)]


def group_names(groups: Sequence[str], words: Words) -> tuple[str, ...]:
    """What the groups are called on the page."""
    return tuple(words.page.all if name == ALL else name for name in groups)


def kind_name(kind: str, words: Words) -> Noted:
    """A kind of evidence in words, and as the command line calls it."""
    return Noted(words.evidence.kinds.of(kind), kind)


def evidence_section(run: Run, words: Words) -> Section:
    """Accuracy by kind of evidence, the macro average first; what changes with it; how much is grounded."""
    scores, kinds, groups = run.summary["scores"], list(run.answers), main_groups(run.summary["scores"])
    w, macro = words.evidence, scores["macro"]
    strong = frozenset({kinds.index("retrieved")}) if "retrieved" in kinds else frozenset()
    parts: list[Part] = []
    if macro:
        found, relations = macro["groups"], macro["relations"]
        shown = [name for name in groups if name in found]
        rows = tuple((kind_name(kind, words), *(with_interval(found[g][kind]) for g in shown)) for kind in kinds)
        note = w.macro_note.count(len(relations), relations=words.page.comma.join(relations))
        parts.append(Table(w.macro, (w.column, *group_names(shown, words)), rows, note, strong))
    rows = tuple(
        (kind_name(kind, words), *(with_interval(scores["groups"][g]["evidence"][kind]["accuracy"]) for g in groups))
        for kind in kinds
    )
    parts.append(Table(w.accuracy, (w.column, *group_names(groups, words)), rows, w.accuracy_note, strong))
    everything = scores["groups"][ALL]
    grounded = everything.get("grounded", {"n": 0})
    if grounded["n"]:
        told = w.grounded.count(grounded["n"], share=_share(grounded["share"], words))
        if grounded["right_without"] is not None:
            told = f"{told} {w.without.format(share=percent(grounded['right_without']))}"
        parts.append(Sentence(told))
    of = everything["evidence"]
    rows = tuple((kind_name(kind, words), of[kind]["abstained"], of[kind]["same"]) for kind in kinds if kind != "prior")
    if rows:
        parts.append(Table(w.behaviour, (w.column, w.declined, w.same), rows, w.behaviour_note))
    errors = error_table(run, words)
    return Section(w.title, [*parts, *([errors] if errors.rows else [])], words.page.intervals)


def error_table(run: Run, words: Words) -> Table:
    """How far numbers are off by kind of evidence; a row for each group whose numbers have one unit."""
    groups, kinds, w = run.summary["scores"]["groups"], list(run.answers), words.evidence
    of_group = {name: {kind: groups[name]["evidence"][kind].get("error") for kind in kinds} for name in groups}
    rows = tuple(
        (*group_names([name], words), units[0] or None, *(_error(found[kind]) for kind in kinds))
        for name, found in of_group.items()
        if (units := [error["unit"] for error in found.values() if error])
    )
    columns = (words.page.groups, w.unit, *(w.kinds.of(kind) for kind in kinds))
    return Table(w.error, columns, rows, w.error_note, folded=len(rows) > _LONG)


def causes_section(run: Run, words: Words) -> Section:
    """How many questions each cause has, as bars and in a table, and what to do about it."""
    scores, w = run.summary["scores"]["groups"], words.causes
    groups = [name for name in main_groups(run.summary["scores"]) if "causes" in scores[name]]
    if not groups:
        return Section(w.title, ())
    names = [w.names.of(cause or _STANDS) for cause in _ORDER]
    counts = {g: [scores[g]["causes"][cause] for cause in _ORDER] for g in groups}
    titles = group_names(groups, words)
    bars = tuple(
        (title, scores[g]["n"], stacked(dict(zip(names, counts[g], strict=True))))
        for g, title in zip(groups, titles, strict=True)
    )
    rows = tuple((name, *(counted(counts[g][i], scores[g]["n"]) for g in groups)) for i, name in enumerate(names))
    advice = tuple(
        (w.names.of(cause), w.advice.of(cause)) for cause in _ORDER if scores[ALL]["causes"][cause] and cause
    )
    parts: list[Part] = [
        Stack(w.chart, tuple(names), bars),
        Table(w.table, (w.column, *titles), rows),
        *([Terms(w.advice_title, advice)] if advice else []),
    ]
    return Section(w.title, parts, w.lead)


def relations_section(run: Run, words: Words) -> Section:
    """A table for each kind of group, `x:y`: a row for each value."""
    groups, w = run.summary["scores"]["groups"], words.relations
    by_kind: dict[str, list[str]] = defaultdict(list)
    for name in groups:
        kind, colon, _ = name.partition(":")
        if colon:
            by_kind[kind].append(name)
    columns = ("", w.n, w.retrieved, w.oracle, w.recall, w.top)
    tables = []
    for kind, names in by_kind.items():
        rows = tuple((name.partition(":")[2], *_relation(groups[name], words)) for name in names)
        title = w.prefixes.of(kind)
        title = w.title_other.format(prefix=kind) if title == kind else title
        tables.append(Table(title, columns, rows, folded=len(rows) > _LONG))
    return Section(w.title, tables)


def training_section(run: Run, words: Words) -> Section:
    """The learning curve: for each stage a panel of its loss, and of its validation where it was validated."""
    names = {"loss": words.training.loss, "validation": words.training.validation}
    rows = by_stage(run.about["model"]["training"].get("curve", ()), names)
    found = panels(rows)
    return Section(words.training.title, [Panels(tuple(found))] if found else [])


def _relation(scores: Mapping[str, Any], words: Words) -> tuple[Cell, ...]:
    def accuracy(kind: str) -> Cell:
        found = scores["evidence"].get(kind)
        return None if found is None else with_interval(found["accuracy"])

    causes = {cause: n for cause, n in scores.get("causes", {}).items() if cause and n}
    top = max(causes, key=causes.__getitem__, default=None)
    told = None if top is None else Noted(words.causes.names.of(top), percent(causes[top] / scores["n"]))
    recall = scores.get("retrieval", {}).get("R@1")
    return (
        scores["n"],
        accuracy("retrieved"),
        accuracy("oracle"),
        None if recall is None else with_interval(recall),
        words.relations.none if told is None and "causes" in scores else told,
    )


def _error(found: Mapping[str, Any] | None) -> Cell:
    """A mean absolute error, and the share of answers that are numbers where not all are."""
    if found is None:
        return None
    value = found["MAE"]["value"]
    told = percent(found["n"] / found["asked"]) if found["n"] < found["asked"] else ""
    return Noted(None if value is None else f"{float(f'{value:.3g}'):,.10g}", told)


def _share(score: Mapping[str, Any], words: Words) -> str:
    """A share in percent with its interval."""
    value, interval = percent(score["value"]), score["interval"]
    if interval is None or interval[0] == interval[1]:
        return value
    return str(words.evidence.between.format(value=value, low=percent(interval[0]), high=percent(interval[1])))
