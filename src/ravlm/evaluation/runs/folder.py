"""A run's folder: plain files that anyone can read.

    run.json              what was run: settings, fingerprints, seeds, versions, and the SHA-256 of every file below
    questions.jsonl       the questions with their right answers (`AskedQuestion`)
    passages.jsonl        every passage that was read, cited, or supports an answer (`RunPassage`)
    answers/EVIDENCE.jsonl  the answers from one kind of evidence (`RunAnswer`), in the order of the questions
    entries.run.trec      the entries that were found for each question, as a TREC run
    entries.qrels.trec    the right entries, as TREC judgements
    outcomes.jsonl        what became of each question (`Outcome`): worked out of the above
    summary.json          every score: worked out of the outcomes, which it holds in columns

The folder appears when it is whole.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from ravlm.errors import FormatError, PathError, words_of
from ravlm.evaluation.runs.about import RunAbout, Summary, checked
from ravlm.evaluation.runs.records import EVIDENCE, AskedQuestion, EvidenceKind, Outcome, RunAnswer, RunPassage
from ravlm.knowledge.passages import sentence_around
from ravlm.records import Citation
from ravlm.safe.files import read_lines, read_text, write_bytes_atomic

FORMAT = 2  # it rises when the lines change, or the rules by which outcomes and scores follow from them
RUN, SUMMARY = "run.json", "summary.json"
QUESTIONS, PASSAGES, OUTCOMES = "questions.jsonl", "passages.jsonl", "outcomes.jsonl"
ENTRIES_RUN, ENTRIES_QRELS = "entries.run.trec", "entries.qrels.trec"

Line = TypeVar("Line")


@dataclass(frozen=True)
class Run:
    """A run, read. `about` is `run.json`, `summary` is `summary.json`; lists are in the order of the questions."""

    about: Mapping[str, Any]
    questions: Sequence[AskedQuestion]
    passages: Mapping[str, RunPassage]
    answers: Mapping[EvidenceKind, Sequence[RunAnswer]]
    outcomes: Sequence[Outcome]
    summary: Mapping[str, Any]

    def citations(self, answer: RunAnswer) -> list[Citation]:
        """What an answer cites, with the passages' texts."""
        found = []
        for cited in answer.citations:
            passage = self.passages[cited.passage]
            found.append(
                Citation(
                    entry_id=passage.entry,
                    title=passage.title,
                    passage_id=passage.id,
                    section=passage.section,
                    text=passage.text,
                    span=cited.span,
                    sentence=sentence_around(passage.text, cited.span),
                    image_id=cited.image,
                    probability=cited.probability,
                )
            )
        return found


def answers_file(kind: EvidenceKind) -> str:
    """The name of the file of the answers from one kind of evidence."""
    return f"answers/{kind}.jsonl"


def write_lines(path: Path, kind: type[Line], lines: Iterable[Line]) -> None:
    """Write records, one JSON object a line."""
    adapter = TypeAdapter(kind)
    write_bytes_atomic(path, b"".join(adapter.dump_json(line) + b"\n" for line in lines))


def read_records(path: Path, kind: type[Line]) -> list[Line]:
    """Read what `write_lines` wrote.

    Raises:
        PathError: there is no such file.
        FormatError: a line is no such record.
    """
    adapter = TypeAdapter(kind)
    found = []
    for number, line in read_lines(path):
        try:
            found.append(adapter.validate_json(line))
        except ValidationError as wrong:
            first = wrong.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "line"
            raise FormatError(
                f"{path}, line {number}: {where}: {first['msg']}. Expected a line as `ravlm evaluate` of this release "
                "writes it; evaluate again."
            ) from wrong
    return found


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, keys in their order."""
    write_bytes_atomic(path, json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n")


def read_json(path: Path, what: str) -> dict[str, Any]:
    """An object of JSON with a `format` that this release reads.

    Raises:
        PathError: there is no such file.
        FormatError: it is something else.
    """
    try:
        value = json.loads(read_text(path), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise FormatError(
            f"{path} is not JSON ({words_of(error)}). Expected {what} as `ravlm evaluate` writes it."
        ) from error
    found = value.get("format") if isinstance(value, dict) else type(value).__name__
    if found is True or found != FORMAT:
        raise FormatError(
            f"{path} has format {found!r}; this release reads format {FORMAT} of {what}. Evaluate again with this "
            "release, or read it with the one that wrote it."
        )
    return dict(value)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def read_summary(path: Path) -> dict[str, Any]:
    """A summary, alone or of a run.

    Raises:
        PathError: there is no such file.
        FormatError: it is none, or of another format.
    """
    return checked(read_json(path, "a summary"), Summary, str(path))


def checksum(path: Path) -> str:
    """SHA-256 of a file, as 64 hex digits."""
    return sha256(path.read_bytes()).hexdigest()


def read_run(folder: Path) -> Run:
    """The run in a folder, as it stands; `verify` says whether it is whole and true.

    Raises:
        PathError: there is no run, or a file of it is missing.
        FormatError: a file is damaged, or of another format.
    """
    if not (folder / RUN).is_file():
        found = "a file" if folder.is_file() else f"no {RUN}" if folder.is_dir() else "nothing"
        raise PathError(
            f"There is no run in {folder}: found {found}. Give the folder that `ravlm evaluate --out` wrote."
        )
    about = read_json(folder / RUN, "a run")
    passages = read_records(folder / PASSAGES, RunPassage)
    if len({line.id for line in passages}) < len(passages):
        raise FormatError(f"{folder / PASSAGES}: an id stands twice. Evaluate again.")
    kinds = [kind for kind in EVIDENCE if (folder / answers_file(kind)).is_file()]
    return Run(
        about=checked(about, RunAbout, str(folder / RUN)),
        questions=read_records(folder / QUESTIONS, AskedQuestion),
        passages={line.id: line for line in passages},
        answers={kind: read_records(folder / answers_file(kind), RunAnswer) for kind in kinds},
        outcomes=read_records(folder / OUTCOMES, Outcome),
        summary=read_summary(folder / SUMMARY),
    )


def whereabouts(run: Run, what: str, given: Path | None) -> Path:
    """Where the `model` or the `data` of a run is: as given, or else as the run says.

    Raises:
        PathError: the run says nothing of it, or there is no such folder any more.
    """
    if given is not None:
        return given
    told = run.about["where"].get(what)
    if told is None or not Path(told).is_dir():
        found = "the run does not say where it was" if told is None else f"there is no folder {told}"
        raise PathError(f"The {what} of the run is needed, and {found}. Give it with --{what} (paths are as of then).")
    return Path(told)
