"""What the demo says: its plan before, tables, answers and the next commands after."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from ravlm.cli.answers import answer_lines
from ravlm.cli.console import duration, say, table, warn

if TYPE_CHECKING:
    from ravlm.evaluation.report import Table
    from ravlm.evaluation.results import QuestionResult
    from ravlm.evaluation.trial import Trial

GROUPS = {"seen": "seen", "unseen": "unseen", "unseen_zh": "unseen, Chinese"}
CLOSELY = "unseen"
_WIDTH = 100  # characters of a line of prose
WORLD, MODEL, REPORT = "flags", "model", "report.html"


@dataclass(frozen=True)
class Paths:
    """Where the demo writes."""

    out: Path

    @property
    def world(self) -> Path:
        return self.out / WORLD

    @property
    def model(self) -> Path:
        return self.out / MODEL

    @property
    def report(self) -> Path:
        return self.out / REPORT


def tell_plan(paths: Paths, seed: int) -> None:
    """Say what will be done, where, and for how long."""
    from ravlm.cli.train import device_and_precision
    from ravlm.training.config import read_run_config

    device, precision = device_and_precision(read_run_config(None))
    warn(
        "The whole system once, on flags drawn for it; on two CPU cores 4 to 9 minutes, by the processor.\n"
        "  1. World       photos of flags, articles about their countries, questions; 1 country in 3 is kept unseen\n"
        "  2. Training    the knowledge base, then picture matching, then reading: 3 to 7 minutes\n"
        "  3. Evaluation  seen and unseen countries, in English and Chinese, beside what guessing would give\n"
        "  4. Report      figures, three answers, and a page with more of them\n"
        f"Everything goes to {paths.out}; seed {seed}; computing on {device} in {precision}."
    )


def tell_outcome(
    paths: Paths, trial: "Trial", tables: list["Table"], shown: list["QuestionResult"], seconds: dict[str, float]
) -> None:
    """Print the tables, three answers, how long it took, and what to do next."""
    from ravlm.evaluation.report import cell
    from ravlm.evaluation.trial_report import interval_note

    for found in tables:
        table(list(found.columns), [[cell(value) for value in row] for row in found.rows], title=found.title)
        say(fill(found.note, _WIDTH))
        if found is tables[0]:
            say(fill(interval_note(trial, GROUPS), _WIDTH))
        say()
    say("Three questions about unseen countries, drawn by lot\n")
    for result in shown:
        _tell_answer(paths, result)
    say(f"Training took {duration(seconds['training'])}, everything {duration(seconds['total'])}.\n")
    _tell_next(paths, shown)


def _tell_answer(paths: Paths, result: "QuestionResult") -> None:
    say(f"{paths.world / result.image}\n{result.question}")
    lines = answer_lines(
        result.answer,
        result.confidence,
        abstained=result.abstained,
        citations=result.citations,
        weights=result.weights,
        alternatives=result.alternatives,
    )
    for number, line in enumerate(lines):
        say(f"-> {line}" if number == 0 else line)
    say(f"  {'Right.' if result.right else f'Wrong: it is {result.gold_answer}.'}\n")


def _tell_next(paths: Paths, shown: list["QuestionResult"]) -> None:
    model = str(paths.model)
    first = shown[0]
    entry = first.gold_entries[0]
    commands = {
        shlex.join(["ravlm", "ask", model, str(paths.world / first.image), first.question]): "ask it yourself",
        shlex.join(["ravlm", "knowledge", "show", model, entry]): "what it read",
        shlex.join(["ravlm", "knowledge", "set", model, entry, "article.md"]): "write otherwise, then ask again",
    }
    say("Next:")
    for command, why in commands.items():
        say(f"  {command}\n      {why}")
    say(f"  {paths.report}\n      tables, learning curve, and 30 answers right and wrong: open it in a browser")
