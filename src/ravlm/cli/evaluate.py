"""`ravlm evaluate`: how well a model answers a split of a dataset, by group."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from ravlm.cli.console import examples, progress, say, table

KINDS = ("retrieved", "none", "oracle")
COLUMNS = {
    "accuracy": "accuracy",
    "recall@1": "recall@1",
    "recall@5": "recall@5",
    "coverage": "coverage",
    "calibration_error": "ECE",
}
EPILOG = examples(
    "ravlm evaluate model --data flags",
    "ravlm evaluate model --data flags --evidence oracle --json oracle.json",
    "ravlm evaluate model --data flags --split val --results answers.jsonl",
)


def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model's folder.")],
    *,
    data: Annotated[Path, typer.Option(metavar="DIR", help="The dataset's folder.")],
    split: Annotated[str, typer.Option(help="Which split to answer: train, val or test.")] = "test",
    evidence: Annotated[
        str, typer.Option(help="What the model reads: retrieved, none, or oracle (the right entry).")
    ] = (KINDS[0]),
    results: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every answer with what it stands on, one JSON a line.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the scores as JSON.")] = None,
) -> None:
    """Answer a split's questions and print accuracy, retrieval and calibration for each of its groups."""
    from ravlm.cli.extras import require_models
    from ravlm.data.dataset import Dataset
    from ravlm.errors import DatasetError, UnknownChoice
    from ravlm.safe.files import check_writable, write_text_atomic

    if evidence not in KINDS:
        raise UnknownChoice("kind of evidence", evidence, KINDS)
    for file in (results, json_file):
        if file is not None:
            check_writable(file)
    require_models()
    from ravlm.answering.answerer import Answerer, Evidence
    from ravlm.device import choose_device
    from ravlm.evaluation.evaluate import evaluate as answer_all
    from ravlm.evaluation.evaluate import questions_of
    from ravlm.evaluation.results import summary, write_results

    dataset = Dataset.open(data)
    questions = questions_of(dataset, split)
    if not questions:
        raise DatasetError(f"The split {split!r} of {data} has no question with a right answer: nothing to evaluate.")
    answerer = Answerer.open(model, choose_device())
    with progress() as report:
        answered = answer_all(answerer, dataset, questions, evidence=cast("Evidence", evidence), progress=report)
    about = {"model": str(model), "data": str(data), "split": split, "evidence": evidence}
    scores = {**about, **summary(answered)}
    if results is not None:
        write_results(results, answered)
    if json_file is not None:
        write_text_atomic(json_file, json.dumps(scores, ensure_ascii=False, indent=1) + "\n")
    _show(scores["groups"], f"{model} on {data}, split {split}, evidence {evidence}")
    for file, what in ((results, "answers"), (json_file, "scores")):
        if file is not None:
            say(f"Wrote the {what} to {file}.")
    shown = next((r for r in answered if r.right), answered[0])
    say(f"Next: {shlex.join(['ravlm', 'ask', str(model), str(data / shown.image), shown.question])}")


def _show(groups: Mapping[str, Mapping[str, Any]], title: str) -> None:
    from ravlm.evaluation.report import cell

    rows = [[name, *(cell(scores[column]) for column in (*COLUMNS, "n"))] for name, scores in groups.items()]
    say(title)
    table(["group", *COLUMNS.values(), "n"], rows)
    say("Coverage: a right answer was among the candidates. ECE: how far confidence is from the share that is right.")
