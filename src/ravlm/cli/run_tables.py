"""A run's scores in a terminal: the page's tables, without the intervals, which would not fit."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from textwrap import fill
from typing import TYPE_CHECKING

from ravlm.cli.console import say, table

if TYPE_CHECKING:
    from ravlm.evaluation.report.tables import Cell, Table
    from ravlm.evaluation.runs.folder import Run

_WIDTH = 100  # characters of a line of prose


def tell_run(run: "Run") -> None:
    """Print what a run comes to: evidence side by side, how much is grounded, causes, finding the right entry.

    How far numbers are off is printed where at least half of the questions ask for one, and how many questions were
    answered where any was declined. The page has the rest.
    """
    from ravlm.evaluation.report.measured import answered, finding_section, near_enough
    from ravlm.evaluation.report.parts import Sentence
    from ravlm.evaluation.report.sections import causes_section, error_table, evidence_section
    from ravlm.evaluation.report.tables import Table
    from ravlm.evaluation.report.words import words_in

    words = words_in("en")
    for section in (evidence_section(run, words), causes_section(run, words), finding_section(run, words)):
        for found in [part for part in section.parts if isinstance(part, Table)][:1]:
            tell_table(found)
        for part in section.parts:
            if isinstance(part, Sentence):
                say(f"{fill(part.text, _WIDTH)}\n")
    if 2 * sum(o.unit is not None for o in run.outcomes) >= len(run.outcomes):
        _tell_errors(error_table(run, words), list(run.answers))
    for told in (near_enough(run, words), answered(run, words)):
        if told:
            say(f"{fill(told, _WIDTH)}\n")
    if intervals := ", ".join(_intervals(run)):
        what = "macro average" if run.summary["scores"]["macro"] else "accuracy"
        told = f"95 % intervals of the {what} from what was retrieved, drawing whole entries: {intervals}."
        say(f"{fill(told, _WIDTH)}\n")


def _tell_errors(found: "Table", kinds: Sequence[str]) -> None:
    """Print how far numbers are off; what does not fit, the kinds in words and the shares of numbers, is left out."""
    from ravlm.evaluation.report.tables import Noted

    if found.rows:
        rows = tuple(tuple(value.value if isinstance(value, Noted) else value for value in row) for row in found.rows)
        note = (
            "Groups whose questions ask for numbers of one unit. The error is over the answers that are such a number; "
            "the page and --json tell how many."
        )
        tell_table(replace(found, columns=(*found.columns[:2], *kinds), rows=rows, note=note))


def tell_table(found: "Table") -> None:
    """Print a table with its title and note."""
    table(list(found.columns), [[_bare(value) for value in row] for row in found.rows], title=found.title)
    if found.note:
        say(fill(found.note, _WIDTH))
    say()


def _bare(value: "Cell") -> str:
    """A cell; of a score its value alone, of a count its share too."""
    from ravlm.evaluation.report.tables import Noted, cell

    return cell(value.value if isinstance(value, Noted) and isinstance(value.value, float) else value)


def _intervals(run: "Run") -> Iterator[str]:
    from ravlm.evaluation.report.sections import main_groups

    scores = run.summary["scores"]
    for name in main_groups(scores):
        found = scores["macro"]["groups"].get(name) if scores["macro"] else None
        of = found or {kind: told["accuracy"] for kind, told in scores["groups"][name]["evidence"].items()}
        interval = of.get("retrieved", {}).get("interval")
        if interval is not None and interval[0] < interval[1]:
            yield f"{name} {interval[0]:.3f} to {interval[1]:.3f}"
