"""What an evaluation saw becomes a run's folder, with everything that can be worked out of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ravlm.evaluation.attribution.causes import outcome_of
from ravlm.evaluation.runs.columns import to_columns
from ravlm.evaluation.runs.folder import (
    ENTRIES_QRELS,
    ENTRIES_RUN,
    FORMAT,
    OUTCOMES,
    PASSAGES,
    QUESTIONS,
    RUN,
    SUMMARY,
    Run,
    answers_file,
    checksum,
    write_json,
    write_lines,
)
from ravlm.evaluation.runs.records import AskedQuestion, EvidenceKind, Outcome, RunAnswer, RunPassage
from ravlm.evaluation.runs.scores import relations_of, scores_of
from ravlm.retrieval.interchange.fields import Qrel
from ravlm.retrieval.interchange.trec import write_qrels, write_run
from ravlm.safe.files import remove_folder, replace_folder_atomic, temporary_folder

_OF_THE_FOLDER = ("where", "files")  # what a summary leaves out of run.json


def write(
    folder: Path,
    about: Mapping[str, Any],
    questions: Sequence[AskedQuestion],
    passages: Mapping[str, RunPassage],
    answers: Mapping[EvidenceKind, Sequence[RunAnswer]],
    where: Mapping[str, str],
) -> Run:
    """Write a run; the folder appears when it is whole.

    Args:
        folder: new or empty.
        about: what it was made with: `manifest.describe`.
        questions: that were asked.
        passages: by their ids.
        answers: in the order of the questions.
        where: paths of `model` and `data`, as given; they are kept for a replay, not in the summary.

    Raises:
        PathError: the folder holds something, or can't be written.
    """
    outcomes = outcomes_of(questions, passages, answers)
    temporary = temporary_folder(folder)
    try:
        write_lines(temporary / QUESTIONS, AskedQuestion, questions)
        write_lines(temporary / PASSAGES, RunPassage, passages.values())
        for kind, lines in answers.items():
            write_lines(temporary / answers_file(kind), RunAnswer, lines)
        write_lines(temporary / OUTCOMES, Outcome, outcomes)
        if "retrieved" in answers:
            write_run(temporary / ENTRIES_RUN, found_entries(answers["retrieved"]), "ravlm")
            write_qrels(temporary / ENTRIES_QRELS, right_entries(questions))
        files = {path.relative_to(temporary).as_posix(): checksum(path) for path in sorted(temporary.rglob("*.*"))}
        about = {**about, "where": dict(where), "files": files}
        write_json(temporary / RUN, about)
        summary = summary_of(about, checksum(temporary / RUN), questions, outcomes)
        write_json(temporary / SUMMARY, summary)
        replace_folder_atomic(temporary, folder)
    finally:
        remove_folder(temporary)
    return Run(about, questions, passages, answers, outcomes, summary)


def outcomes_of(
    questions: Sequence[AskedQuestion],
    passages: Mapping[str, RunPassage],
    answers: Mapping[EvidenceKind, Sequence[RunAnswer]],
) -> list[Outcome]:
    """What became of each question."""
    return [
        outcome_of(asked, {kind: lines[i] for kind, lines in answers.items()}, passages)
        for i, asked in enumerate(questions)
    ]


def found_entries(retrieved: Sequence[RunAnswer]) -> list[tuple[str, Sequence[tuple[str, float]]]]:
    """The entries found for each question, as `write_run` takes them."""
    return [
        (trec_id(answer.id), [(trec_id(entry_id), score) for entry_id, score in answer.ranked]) for answer in retrieved
    ]


def right_entries(questions: Sequence[AskedQuestion]) -> list[Qrel]:
    """The judgements: every right entry of every question."""
    return [
        Qrel(trec_id(asked.example.id), trec_id(entry_id), 1)
        for asked in questions
        for entry_id in sorted(set(asked.example.entries))
    ]


def trec_id(name: str) -> str:
    """An id as TREC's files can hold it: white space, and the sign that tells it, as in an address.

    >>> trec_id("red apple"), trec_id("country-fr")
    ('red%20apple', 'country-fr')
    """
    return "".join(c if not c.isspace() and c != "%" else "".join(f"%{b:02X}" for b in c.encode()) for c in name)


def summary_of(
    about: Mapping[str, Any], run: str, questions: Sequence[AskedQuestion], outcomes: Sequence[Outcome]
) -> dict[str, Any]:
    """The summary of a run whose `run.json` has this checksum."""
    relations = relations_of(questions)
    return {
        "format": FORMAT,
        "run": run,
        "about": summary_about(about),
        "columns": to_columns(outcomes),
        "relations": relations,
        "scores": scores_of(outcomes, relations, about["seeds"]["bootstrap"]),
    }


def summary_about(about: Mapping[str, Any]) -> dict[str, Any]:
    """What the summary says of the run: `run.json` without places, checksums and the learning curve."""
    training = {name: value for name, value in about["model"]["training"].items() if name != "curve"}
    kept = {name: value for name, value in about.items() if name not in _OF_THE_FOLDER}
    return {**kept, "model": {**about["model"], "training": training}}
