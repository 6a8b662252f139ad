"""`ravlm evaluate`: a model answers a split of a dataset under every kind of evidence, and the run is kept."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ravlm.cli.console import counted, emit_json, examples, progress, say

if TYPE_CHECKING:
    from ravlm.evaluation.runs.records import EvidenceKind

EPILOG = examples(
    "ravlm evaluate model --data flags --out run",
    "ravlm evaluate model --data flags --split val --evidence retrieved --evidence oracle --out val-run",
    "ravlm evaluate model --data flags --out run --json",
)


def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model's folder.")],
    *,
    data: Annotated[Path, typer.Option(metavar="DIR", help="The dataset's folder.")],
    out: Annotated[Path, typer.Option(metavar="RUN", help="The run's folder: new or empty.")],
    split: Annotated[str, typer.Option(help="Which split to answer: train, val or test.")] = "test",
    evidence: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="What to answer from: prior, none, retrieved, oracle (the right entry), removed (without what "
            "supports the answer) or wrong (another entry); may be repeated. All of them, if not given.",
        ),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only questions in this group of the dataset; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON for programs.")] = False,
) -> None:
    """Answer a split's questions from every kind of evidence, score the answers, and keep all of it as a run.

    Check a run with `ravlm verify`, look at it with `ravlm report`.
    """
    from ravlm.cli.extras import require_models
    from ravlm.cli.run_tables import tell_run
    from ravlm.data.dataset import Dataset
    from ravlm.errors import DatasetError
    from ravlm.optional import require
    from ravlm.safe.files import check_free

    kinds = kinds_of(evidence)
    check_free(out)
    require_models()
    require("ir_measures", "evaluation")
    require("pint", "evaluation")
    from ravlm.answering.answerer import Answerer
    from ravlm.device import choose_device
    from ravlm.evaluation.evaluate import evaluate as answer_all
    from ravlm.evaluation.evaluate import questions_of
    from ravlm.evaluation.runs.manifest import describe
    from ravlm.evaluation.runs.write import write

    dataset = Dataset.open(data)
    groups = group or []
    questions = questions_of(dataset, split, groups)
    if not questions:
        within = f" in {', '.join(map(repr, groups))}" if groups else ""
        raise DatasetError(
            f"The split {split!r} of {data} has no question{within} with a right answer: nothing to evaluate."
        )
    answerer = Answerer.open(model, choose_device())
    with progress() as report:
        seen = answer_all(answerer, dataset, questions, kinds, progress=report)
    kinds = list(seen.answers)
    about = describe(answerer, model, dataset, kinds, split=split, groups=groups, questions=len(questions))
    where = {"model": str(model), "data": str(data)}
    run = write(out, about, seen.questions, seen.passages, seen.answers, where)
    if as_json:
        emit_json(run.summary["scores"])
        return
    asked = counted(len(questions), "question", "questions")
    say(f"{model} on {data}, split {split}: {asked}\n")
    tell_run(run)
    say(f"Wrote {out}: every question with what was read and answered, and the scores.")
    say(f"Next: {shlex.join(['ravlm', 'report', str(out)])}")


def kinds_of(evidence: list[str] | None) -> "list[EvidenceKind]":
    """The kinds of evidence by their names.

    Raises:
        UnknownChoice: there is no such kind.
    """
    from ravlm.errors import UnknownChoice
    from ravlm.evaluation.runs.records import EVIDENCE

    for name in evidence or ():
        if name not in EVIDENCE:
            raise UnknownChoice("kind of evidence", name, EVIDENCE)
    return [kind for kind in EVIDENCE if evidence is None or kind in evidence]
