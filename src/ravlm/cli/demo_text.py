"""What the demo says: its plan before, tables, answers and the next commands after."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ravlm.cli.answers import answer_lines
from ravlm.cli.console import duration, say, warn
from ravlm.cli.run_tables import tell_run, tell_table

if TYPE_CHECKING:
    from ravlm.evaluation.report.tables import Table
    from ravlm.evaluation.runs.folder import Run
    from ravlm.records import Example

GROUPS = ("seen", "unseen", "unseen_zh")
CLOSELY = "unseen"
ASKED = ("en", "en", "zh")
WORLD, MODEL, RUN, REPORT = "flags", "model", "run", "report.html"


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
    def run(self) -> Path:
        return self.out / RUN

    @property
    def report(self) -> Path:
        return self.out / REPORT


def tell_plan(paths: Paths, seed: int) -> None:
    """Say what will be done, where, and for how long."""
    from ravlm.cli.train import device_and_precision
    from ravlm.training.config import read_run_config

    device, precision = device_and_precision(read_run_config(None))
    warn(
        "The whole system once, on flags drawn for it; on two CPU cores 5 to 13 minutes, by the processor.\n"
        "  1. World       photos of flags, articles about their countries, questions; 1 country in 3 is kept unseen\n"
        "  2. Training    the knowledge base, then picture matching, then reading: 3 to 9 minutes\n"
        "  3. Evaluation  seen and unseen countries, in English and Chinese, from right, wrong and no evidence\n"
        "  4. Report      figures, three answers, and a page with more of them\n"
        f"Everything goes to {paths.out}; seed {seed}; computing on {device} in {precision}."
    )


def tell_outcome(paths: Paths, run: "Run", tables: Sequence["Table"], seconds: Mapping[str, float], seed: int) -> None:
    """Print the tables, three answers, how long it took, and what to do next."""
    tell_run(run)
    for found in tables:
        tell_table(found)
    say("Three questions about unseen countries, drawn by lot\n")
    shown = draw_questions(run, ASKED, seed)
    for place in shown:
        _tell_answer(paths, run, place)
    say(f"Training took {duration(seconds['training'])}, everything {duration(seconds['total'])}.\n")
    _tell_next(paths, run.questions[shown[0]].example)


def draw_questions(run: "Run", languages: Sequence[str], seed: int = 0) -> list[int]:
    """Places of unseen questions, one for each language, right or wrong as it comes; no photo and no relation twice."""
    import numpy as np

    from ravlm.evaluation.runs.scores import relation_of

    order = np.random.default_rng(seed).permutation(len(run.questions)).tolist()
    photos: set[str] = set()
    relations: set[str] = set()
    drawn = []
    for language in languages:
        for place in order:
            asked = run.questions[place].example
            relation = relation_of(asked.groups)
            fits = asked.language == language and "seen" not in asked.groups
            if fits and asked.images[0] not in photos and relation not in relations:
                drawn.append(place)
                photos.add(asked.images[0])
                relations.add(relation)
                break
    return drawn


def _tell_answer(paths: Paths, run: "Run", place: int) -> None:
    from ravlm.grading import reference_answer

    asked, given = run.questions[place].example, run.answers["retrieved"][place]
    say(f"{paths.world / asked.images[0]}\n{asked.question}")
    lines = answer_lines(
        given.answer,
        given.confidence,
        abstained=given.abstained,
        citations=[asdict(citation) for citation in run.citations(given)],
        weights=given.weights,
        alternatives=given.alternatives,
    )
    for number, line in enumerate(lines):
        say(f"-> {line}" if number == 0 else line)
    right = run.outcomes[place].right["retrieved"]
    say(f"  {'Right.' if right else f'Wrong: it is {reference_answer(asked)}.'}\n")


def _tell_next(paths: Paths, first: "Example") -> None:
    model, photo = str(paths.model), str(paths.world / first.images[0])
    entry = first.entries[0]
    commands = {
        shlex.join(["ravlm", "ask", model, photo, first.question or ""]): "ask it yourself",
        shlex.join(["ravlm", "knowledge", "show", model, entry]): "what it read",
        shlex.join(["ravlm", "knowledge", "set", model, entry, "article.md"]): "write otherwise, then ask again",
        shlex.join(["ravlm", "verify", str(paths.run)]): "work out every score again",
    }
    say("Next:")
    for command, why in commands.items():
        say(f"  {command}\n      {why}")
    say(f"  {paths.report}\n      scores, causes of errors, and 30 answers right and wrong: open it in a browser")
