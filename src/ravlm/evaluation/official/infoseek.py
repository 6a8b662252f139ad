"""InfoSeek: relaxed accuracy on unseen questions and on unseen entities, and the harmonic mean of both, in percent."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ravlm.errors import DatasetError, FormatError
from ravlm.evaluation.official.infoseek_matching import Range, parse_quantity, quantity_is_right, text_is_right
from ravlm.evaluation.official.pairing import STRICT, Leniency, pair
from ravlm.evaluation.official.reading import Identifier, Records, fields, identifier, lined, records, text, texts
from ravlm.evaluation.official.scored import Scored
from ravlm.safe.jsonl import shown

_DIGITS = 2  # the official scores are rounded to these before their harmonic mean is taken
_ID = "data_id"
_SMALLEST = 1e-12  # stands for a score of zero in it
_TYPES = {"time": "score_time", "numerical": "score_num"}  # everything else is "score_string"
QUESTIONS, ENTITIES = "unseen_question_score", "unseen_entity_score"


@dataclass(frozen=True, slots=True)
class InfoseekQuestion:
    """A question: its type, its split, and the texts or the range that are right."""

    question_type: str
    data_split: str
    answers: tuple[str, ...] = ()
    range: Range = (0.0, 0.0)


def is_right(prediction: str, asked: InfoseekQuestion) -> bool:
    """Whether a prediction answers the question.

    >>> is_right("about 9 km", InfoseekQuestion("Numerical", "val_unseen_entity", range=(8.1, 9.9)))
    True
    """
    if asked.question_type.lower() == "numerical":
        return quantity_is_right(parse_quantity(prediction), asked.range)
    return text_is_right(prediction, asked.answers)


def harmonic_mean(*scores: float) -> float:
    """The number of scores over the sum of their reciprocals, a score of 0 taken as almost nothing.

    >>> round(harmonic_mean(40.0, 60.0), 2)
    48.0
    """
    return len(scores) / sum(1.0 / (score or _SMALLEST) for score in scores)


def score_infoseek(questions: Mapping[str, InfoseekQuestion], predictions: Mapping[str, str]) -> Scored:
    """The official scores. A question without a prediction counts as wrong."""
    scores = {n: float(n in predictions and is_right(predictions[n], asked)) for n, asked in questions.items()}
    parts: dict[str, dict[str, list[float]]] = {QUESTIONS: {}, ENTITIES: {}}
    for name, asked in questions.items():
        part = QUESTIONS if asked.data_split.endswith("unseen_question") else ENTITIES
        parts[part].setdefault(_TYPES.get(asked.question_type.lower(), "score_string"), []).append(scores[name])
    told = {part: _of_split(some) for part, some in parts.items()}
    empty = [part for part, some in parts.items() if not some]
    final = round(harmonic_mean(*(told[part]["score"] for part in parts)), _DIGITS)
    notes = tuple(f"no question is scored for {part}: it counts as 0, and so final_score is almost 0" for part in empty)
    return Scored({"final_score": final, **told}, scores, notes=notes)


def score_infoseek_files(
    predictions: Path, references: Path, question_types: Path | None = None, *, leniency: Leniency = STRICT
) -> Scored:
    """The scores of a predictions file by the published files of a split.

    The official code leaves questions without a prediction out (`missing="skip"`).

    Args:
        predictions: lines of `{"data_id", "prediction"}`.
        references: lines of `{"data_id", "answer_eval", "data_split"}`.
        question_types: lines of `{"data_id", "question_type"}`; None where the references hold the types.
        leniency: what is let pass.

    Raises:
        PathError, FormatError: a file is missing, or of another format.
        DatasetError: predictions and questions don't belong together; see `pair`.
    """
    types = None if question_types is None else read_question_types(question_types)
    asked = read_references(references, types)
    if question_types is None and asked.faults and not asked.items:
        raise FormatError(
            f"{references} has no question types ({asked.faults[0]}). Give the file with them as --question-types."
        )
    paired = pair(read_predictions(predictions), asked, leniency)
    return score_infoseek(paired.references, paired.predictions).noted(*paired.notes)


def read_predictions(path: Path) -> Records[str]:
    """The predictions of a file. Errors: as `lined`."""
    return records(path, lined(path), lambda r: (identifier(r, "data_id"), text(r, "prediction")), _ID)


def read_question_types(path: Path) -> dict[str, str]:
    """The type of each question.

    Raises:
        PathError, FormatError: there is no such file.
        DatasetError: a line has no type.
    """
    found = records(path, lined(path), lambda r: (identifier(r, "data_id"), text(r, "question_type")), _ID)
    if found.faults:
        raise DatasetError(f"{path} has {len(found.faults):,} lines of the wrong form:", found.faults[:5])
    return {str(name): kind for name, kind in found.items}


def read_references(path: Path, types: Mapping[str, str] | None) -> Records[InfoseekQuestion]:
    """The questions of a file with their types. Errors: as `lined`."""

    def question(record: Any) -> tuple[Identifier, InfoseekQuestion]:
        name = identifier(record, "data_id")
        kind = text(record, "question_type") if types is None else types.get(str(name))
        if kind is None:
            raise ValueError(f"question {name} has no question type")
        split = text(record, "data_split")
        if kind.lower() != "numerical":
            return name, InfoseekQuestion(kind, split, answers=tuple(texts(record, "answer_eval")))
        return name, InfoseekQuestion(kind, split, range=_range(name, record.get("answer_eval")))

    return records(path, lined(path), question, _ID)


def _range(name: Identifier, found: Any) -> Range:
    first = found[0] if isinstance(found, list) and found else found
    ends = fields(first).get("range") if isinstance(first, dict) else None
    if not isinstance(ends, list) or len(ends) < 2:
        raise ValueError(f"question {name}, field 'answer_eval': found {shown(found)}, expected a range of two numbers")
    try:
        return float(ends[0]), float(ends[1])
    except (TypeError, ValueError):
        raise ValueError(f"question {name}: found the range {shown(ends)}, expected two numbers") from None


def _of_split(by_type: Mapping[str, list[float]]) -> dict[str, float]:
    every = [score for some in by_type.values() for score in some]
    named = {"score": every} | {name: by_type.get(name, []) for name in ("score_time", "score_num", "score_string")}
    return {name: round(100 * (sum(some) / len(some) if some else 0.0), _DIGITS) for name, some in named.items()}
