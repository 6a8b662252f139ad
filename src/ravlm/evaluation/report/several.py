"""Sections about several runs: the runs beside one another, over seeds, and what differs between two."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ravlm.evaluation.comparing import MACRO, Comparison, compare, over_seeds
from ravlm.evaluation.measures import mean
from ravlm.evaluation.report.cards import Pair, card
from ravlm.evaluation.report.measured import recall_figure, recalls
from ravlm.evaluation.report.parts import Pairs, Part, Section, Sentence
from ravlm.evaluation.report.pictures import Shown
from ravlm.evaluation.report.sections import group_names, kind_name, main_groups
from ravlm.evaluation.report.tables import DASH, Cell, Noted, Table, counted, with_interval
from ravlm.evaluation.report.words import Words
from ravlm.evaluation.runs.folder import Run
from ravlm.evaluation.runs.scores import ALL

_KINDS = ("none", "retrieved", "oracle")  # of evidence, in the table of the runs
_SHORT = 12  # hex digits of a fingerprint
_LONGEST = 80  # characters of a setting
_OTHER = {"R@1": ("retrieval", "R@1"), "MRR@10": ("retrieval", "RR@10"), "ECE": ("calibration", "ECE")}
_OTHER |= {"AURC": ("calibration", "AURC"), "grounded": ("grounded", "share")}


def letter(i: int) -> str:
    """What the run in this place is called: A, B, ... Z, then 27, 28, ..."""
    return chr(ord("A") + i) if i < 26 else str(i + 1)


def runs_section(runs: Sequence[Run], words: Words) -> Section:
    """Each run in a row, and their recall in one chart."""
    w = words.several
    rows = tuple(_row(letter(i), run) for i, run in enumerate(runs))
    columns = (w.column, w.seed, w.n, *(words.evidence.kinds.of(kind) for kind in _KINDS), w.recall)
    curves = {words.page.run_letter.format(letter=letter(i)): recalls(run.outcomes) for i, run in enumerate(runs)}
    return Section(w.title, [Table("", columns, rows, w.table_note), *recall_figure(curves, w.curves, words)])


def seeds_section(runs: Sequence[Run], words: Words) -> Section:
    """One system over its seeds: each score's mean, its least and most, and an interval where questions are drawn."""
    w, found = words.several, over_seeds(runs)
    columns = (w.mean, w.least, w.interval)
    groups = [name for name in main_groups(runs[0].summary["scores"]) if name in found]
    parts: list[Part] = []
    for before, title in ((MACRO, words.evidence.macro), ("", words.evidence.accuracy)):
        if before + ALL not in found:
            continue
        by_kind = found[before + ALL]
        rows = tuple((kind_name(kind, words), *_over(score)) for kind, score in by_kind.items())
        parts.append(Table(title, (words.evidence.column, *columns), rows, w.seeds_note))
        named = [name for name in groups if name != ALL and "retrieved" in found.get(before + name, {})]
        if named:
            rows = tuple((name, *_over(found[before + name]["retrieved"])) for name in named)
            parts.append(Table(w.by_group.format(of=title), (words.page.groups, *columns), rows))
    others = tuple((w.names.of(name), *_least_most(runs, *where)) for name, where in _OTHER.items())
    if any(row[1] is not None for row in others):
        parts.append(Table(w.other, (w.measure, w.mean, w.least), others))
    seeds = words.page.comma.join(str(_seed(run)) for run in runs)
    return Section(w.seeds, parts, w.seeds_lead.format(n=len(runs), seeds=seeds))


def differs_section(
    runs: tuple[Run, Run], words: Words, shown: tuple[Shown, Shown], examples: int, seed: int
) -> Section:
    """What differs between two runs; a sentence where no question was answered in both from the same evidence."""
    first, second = runs
    shared = [kind for kind in first.answers if kind in second.answers]
    ids = {question.example.id for question in first.questions}
    if not shared or not any(question.example.id in ids for question in second.questions):
        return Section(words.differs.title, [Sentence(words.differs.nothing_shared)])
    kind = "retrieved" if "retrieved" in shared else shared[0]
    w, found = words.differs, compare(first, second, kind)
    lead = w.lead.count(found.n)
    if found.only_first_has or found.only_second_has:
        lead += " " + w.only.format(first=f"{found.only_first_has:,}", second=f"{found.only_second_has:,}")
    title = w.accuracy.format(kind=words.evidence.kinds.of(kind))
    parts: list[Part] = [_settings(found, words), _groups(title, found.groups, w.accuracy_note, first, words)]
    parts.append(_two_by_two(w.table, found.counts, words))
    if found.retrieval:
        parts.append(_groups(w.retrieval, found.retrieval, "", first, words))
    parts += _changed(found, runs, words, shown, examples, seed)
    return Section(w.title, parts, lead)


def _row(name: str, run: Run) -> tuple[Cell, ...]:
    everything = run.summary["scores"]["groups"][ALL]
    accuracies = [everything["evidence"].get(kind, {}).get("accuracy") for kind in _KINDS]
    recall = everything.get("retrieval", {}).get("R@1")
    scores = tuple(None if score is None else with_interval(score) for score in (*accuracies, recall))
    return (name, str(_seed(run)), everything["n"], *scores)


def _seed(run: Run) -> Any:
    found = run.about.get("seeds", {}).get("training")
    return DASH if found is None else found


def _over(score: Mapping[str, Any]) -> tuple[Cell, ...]:
    interval = score["interval"]
    most = Noted(_range(score["least"], score["most"]))
    return score["mean"], most, None if interval is None else Noted(_range(*interval))


def _least_most(runs: Sequence[Run], part: str, name: str) -> tuple[Cell, ...]:
    found = [run.summary["scores"]["groups"][ALL].get(part, {}).get(name) for run in runs]
    values = [value["value"] if isinstance(value, Mapping) else value for value in found]
    if any(value is None for value in values):
        return None, None
    return mean(values), Noted(_range(min(values), max(values)))


def _range(low: float, high: float) -> str:
    return f"{low:.3f}–{high:.3f}"


def _settings(found: Comparison, words: Words) -> Part:
    w = words.differs
    if not found.settings:
        return Sentence(w.no_settings)
    rows = tuple((name, _told(one), _told(other)) for name, one, other in found.settings)
    return Table(w.settings, (w.setting, letter(0), letter(1)), rows)


def _told(value: object) -> str:
    """A setting's value as JSON, not too long; a dash where there is none."""
    if value is None:
        return DASH
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) == 64 and set(text) <= set("0123456789abcdef"):
        return text[:_SHORT]
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _groups(title: str, groups: Mapping[str, Any], note: str, run: Run, words: Words) -> Table:
    w = words.differs
    shown = [name for name in main_groups(run.summary["scores"]) if name in groups]
    rows = tuple(
        (name, *(with_interval(score.as_json()) for score in groups[group][:2]), _signed(groups[group][2]))
        for group, name in zip(shown, group_names(shown, words), strict=True)
    )
    return Table(title, (words.page.groups, letter(0), letter(1), w.difference), rows, note)


def _signed(score: Any) -> Cell:
    """A difference with its sign, and its interval with theirs."""
    value = None if score.value is None else f"{score.value:+.3f}".replace("-", "−")
    if value is None or score.interval is None:
        return value
    low, high = (f"{bound:+.3f}".replace("-", "−") for bound in score.interval)
    return Noted(value, f"{low} … {high}")


def _two_by_two(title: str, counts: Any, words: Words) -> Table:
    w = words.differs
    total = counts.both + counts.only_first + counts.only_second + counts.neither
    rows: tuple[tuple[Cell, ...], ...] = (
        (w.right_first, counted(counts.both, total), counted(counts.only_first, total)),
        (w.wrong_first, counted(counts.only_second, total), counted(counts.neither, total)),
    )
    return Table(title, ("", w.right_second, w.wrong_second), rows)


def _changed(
    found: Comparison,
    runs: tuple[Run, Run],
    words: Words,
    shown: tuple[Shown, Shown],
    examples: int,
    seed: int,
) -> list[Part]:
    """Cards of the questions that one run has right and the other wrong, half of them each way where it can be."""
    w, kind = words.differs, found.kind
    if not found.changed:
        return [Sentence(w.unchanged)]
    place = [{question.example.id: i for i, question in enumerate(run.questions)} for run in runs]
    ids = [found.changed[i][0].id for i in np.random.default_rng(seed).permutation(len(found.changed)).tolist()]
    second_right = {b.id for _, b in found.changed if b.right[kind]}
    gained, lost = [i for i in ids if i in second_right], [i for i in ids if i not in second_right]
    gains = min(len(gained), max(examples - examples // 2, examples - len(lost)))
    parts: list[Part] = []
    for title, some, most in ((w.gained, gained, gains), (w.lost, lost, examples - gains)):
        pairs = tuple(
            Pair(card(runs[0], place[0][i], kind, shown[0]), card(runs[1], place[1][i], kind, shown[1]))
            for i in some[:most]
        )
        if pairs:
            parts.append(Pairs(title, w.shown.format(shown=f"{len(pairs):,}", n=f"{len(some):,}"), pairs))
    return parts
