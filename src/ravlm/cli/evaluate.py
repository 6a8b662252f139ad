"""`ravlm evaluate`: a model answers a split of a dataset under every kind of evidence, and the run is kept."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ravlm.cli.console import counted, emit_json, examples, progress, say, warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ravlm.answering.answerer import Answerer
    from ravlm.cli.console import Progress
    from ravlm.data.dataset import Dataset
    from ravlm.evaluation.modalities import Modalities
    from ravlm.evaluation.runs.folder import Run
    from ravlm.evaluation.runs.records import EvidenceKind
    from ravlm.records import Example

EPILOG = examples(
    "ravlm evaluate model --data flags --out run",
    "ravlm evaluate model --data flags --split val --evidence retrieved --evidence oracle --out val-run",
    "ravlm evaluate model --data flags --out run --without-each",
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
    without_each: Annotated[
        bool,
        typer.Option(
            "--without-each",
            help="Also answer without image, without question and without knowledge, and print what is lost beside the "
            "fusion's weights.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON for programs.")] = False,
) -> None:
    """Answer a split's questions from every kind of evidence, score the answers, and keep all of it as a run.

    Check a run with `ravlm verify`, look at it with `ravlm report`.
    """
    from ravlm.cli.extras import require_models
    from ravlm.cli.run_tables import tell_run, tell_table
    from ravlm.data.dataset import Dataset
    from ravlm.errors import ConfigError, DatasetError
    from ravlm.optional import require
    from ravlm.safe.files import check_folder

    kinds = kinds_of(evidence)
    if without_each and not {"retrieved", "removed"} & set(kinds):
        raise ConfigError(
            "--without-each is measured beside --evidence retrieved, which was left out. Add it, or give no --evidence."
        )
    check_folder(out)
    require_models()
    require("ir_measures", "evaluation")
    require("pint", "evaluation")
    from ravlm.answering.answerer import Answerer
    from ravlm.device import choose_device
    from ravlm.evaluation.baseline_tables import modality_table
    from ravlm.evaluation.evaluate import questions_of
    from ravlm.evaluation.runs.make import make_run

    dataset = Dataset.open(data)
    groups = groups_of(group, dataset.split(split))
    if "prior" in kinds and "train" not in dataset.splits:
        if evidence and "prior" in evidence:
            raise DatasetError(
                f"The prior was asked for, and {data} has no split 'train' that it could be learnt from."
            )
        warn(f"Without the prior: {data} has no split 'train' to learn it from.")
    answerer = Answerer.open(model, choose_device())
    questions = questions_of(dataset, split, groups, describes=answerer.describes)
    if not questions:
        within = f" in the groups {', '.join(groups)}" if groups else ""
        raise DatasetError(
            f"The split {split!r} of {data} has no question with a right answer{within}: nothing to evaluate. Captions "
            "are asked for of a model that learnt them (model.output.captions)."
        )
    if ghosts := sum(not all(entry in answerer.knowledge for entry in q.entries) for q in questions):
        warn(f"{counted(ghosts, 'question names', 'questions name')} right entries that the knowledge base lacks.")
    with progress() as report:
        run = make_run(answerer, model, dataset, out, kinds, split=split, groups=groups, progress=report)
        worth = _worth(answerer, dataset, run, report) if without_each else None
    if as_json:
        emit_json(run.summary["scores"] | ({} if worth is None else {"modalities": asdict(worth)}))
        return
    asked = counted(len(questions), "question", "questions")
    say(f"{model} on {data}, split {split}: {asked}\n")
    tell_run(run)
    if worth is not None:
        tell_table(modality_table(worth))
    say(f"Wrote {out}: every question with what was read and answered, and the scores.")
    say(f"Next: {shlex.join(['ravlm', 'report', str(out)])}")


def _worth(answerer: "Answerer", dataset: "Dataset", run: "Run", report: "Progress") -> "Modalities":
    """The accuracy that is left of a run without each modality."""
    from ravlm.evaluation.modalities import without_each

    return without_each(answerer, dataset, run.questions, run.answers["retrieved"], progress=report)


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


def groups_of(asked: list[str] | None, examples: "Sequence[Example]") -> list[str]:
    """The groups to ask.

    Raises:
        UnknownChoice: no example is in one of them.
    """
    from ravlm.errors import UnknownChoice

    there = dict.fromkeys(name for example in examples for name in example.groups)
    for name in asked or ():
        if name not in there:
            raise UnknownChoice("group of questions", name, list(there) or ["(none)"])
    return asked or []
