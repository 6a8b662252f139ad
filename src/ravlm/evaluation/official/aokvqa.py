"""A-OKVQA: direct answers and multiple choice, by the rules of `allenai/aokvqa`, `evaluation/eval_predictions.py`.

Schwenk et al. 2022, A-OKVQA: A Benchmark for Visual Question Answering using World Knowledge, section 4.1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ravlm.evaluation.measures import mean
from ravlm.evaluation.official.pairing import STRICT, Leniency, named, pair
from ravlm.evaluation.official.reading import (
    Identifier,
    Records,
    fields,
    identifier,
    listed,
    read_pairs,
    records,
    texts,
)
from ravlm.evaluation.official.scored import Scored
from ravlm.safe.jsonl import shown

DIRECT, CHOICE = "direct_answer", "multiple_choice"
_ENOUGH = 3  # people


@dataclass(frozen=True, slots=True)
class AokvqaQuestion:
    """A question of the dataset; a `difficult` one is not asked for a direct answer."""

    direct_answers: tuple[str, ...]
    choices: tuple[str, ...]
    correct: int
    difficult: bool


@dataclass(frozen=True, slots=True)
class AokvqaAnswer:
    """What was predicted; None where nothing was."""

    direct_answer: str | None = None
    multiple_choice: str | None = None


def direct_answer_score(prediction: str, answers: Sequence[str]) -> float:
    """min(n / 3, 1), n of the answers being the prediction, character by character: nothing is normalised.

    >>> direct_answer_score("dog", ["dog", "Dog", "dog", "cat"])
    0.6666666666666666
    """
    return min(1.0, sum(prediction == answer for answer in answers) / _ENOUGH)


def score_aokvqa(questions: Mapping[str, AokvqaQuestion], predictions: Mapping[str, AokvqaAnswer]) -> Scored:
    """Both accuracies in percent, each where something was predicted for it; what was not predicted counts as wrong.

    `per_question` has direct answers where there are any, else choices; `by_measure` has both. Difficult questions
    count in the choices alone.
    """
    direct: dict[str, float] = {}
    choice: dict[str, float] = {}
    strange = []
    for name, asked in questions.items():
        said = predictions.get(name, AokvqaAnswer())
        if not asked.difficult:
            told = said.direct_answer
            direct[name] = 0.0 if told is None else direct_answer_score(told, asked.direct_answers)
        choice[name] = float(said.multiple_choice == asked.choices[asked.correct])
        if said.multiple_choice is not None and said.multiple_choice not in asked.choices:
            strange.append(name)
    asked_for = {
        DIRECT: direct if any(p.direct_answer is not None for p in predictions.values()) else {},
        CHOICE: choice if any(p.multiple_choice is not None for p in predictions.values()) else {},
    }
    overall = {f"{kind}_accuracy": 100 * (mean(some.values()) or 0.0) for kind, some in asked_for.items() if some}
    by_measure = {kind: some for kind, some in asked_for.items() if some}
    notes = _gaps(predictions, asked_for)
    if strange:
        notes.append(f"multiple choices that are none of the question's: {named(strange)}; wrong")
    return Scored(overall, asked_for[DIRECT] or asked_for[CHOICE], by_measure, tuple(notes))


def score_aokvqa_files(predictions: Path, references: Path, *, leniency: Leniency = STRICT) -> Scored:
    """The accuracies of a predictions file by a split of the dataset.

    A question that has a prediction of one of the two kinds alone is no missing one: as in the official code, the other
    kind counts as wrong, where any question has it.

    Args:
        predictions: `{id: {"direct_answer", "multiple_choice"}}`, either of them or both; null is none.
        references: `[{"question_id", "direct_answers", "choices", "correct_choice_idx", "difficult_direct_answer"}]`.
        leniency: what is let pass.

    Raises:
        PathError, FormatError: a file is missing, or of another format.
        DatasetError: predictions and questions don't belong together; see `pair`.
    """
    paired = pair(read_predictions(predictions), read_dataset(references), leniency)
    return score_aokvqa(paired.references, paired.predictions).noted(*paired.notes)


def read_predictions(path: Path) -> Records[AokvqaAnswer]:
    """The predictions of a file. Errors: as `read_pairs`."""
    return records(path, ((f"question {k!r}", (k, v)) for k, v in read_pairs(path)), _answer, "question", keyed=True)


def read_dataset(path: Path) -> Records[AokvqaQuestion]:
    """The questions of a split. Errors: as `listed`."""
    return records(path, listed(path), _question, "question_id")


def _answer(pair: tuple[str, Any]) -> tuple[Identifier, AokvqaAnswer]:
    name, value = pair
    said = {kind: fields(value)[kind] for kind in (DIRECT, CHOICE) if fields(value).get(kind) is not None}
    if not all(isinstance(one, str) for one in said.values()):
        raise ValueError(f"found {shown(value)}, expected texts under {DIRECT!r} and {CHOICE!r}")
    return name, AokvqaAnswer(**said)


def _question(record: Any) -> tuple[Identifier, AokvqaQuestion]:
    name = identifier(record, "question_id")
    answers, choices = texts(record, "direct_answers"), texts(record, "choices")
    correct, difficult = record.get("correct_choice_idx"), record.get("difficult_direct_answer")
    if isinstance(correct, bool) or not isinstance(correct, int) or not 0 <= correct < len(choices):
        raise ValueError(
            f"question {name}, field 'correct_choice_idx': found {shown(correct)}, expected a choice's place"
        )
    if not isinstance(difficult, bool):
        raise ValueError(
            f"question {name}, field 'difficult_direct_answer': found {shown(difficult)}, expected a boolean"
        )
    return name, AokvqaQuestion(tuple(answers), tuple(choices), correct, difficult)


def _gaps(predictions: Mapping[str, AokvqaAnswer], asked_for: Mapping[str, Mapping[str, float]]) -> list[str]:
    """How many questions lack one kind of prediction that others have."""
    gaps = []
    for kind, some in asked_for.items():
        lacking = [name for name in some if getattr(predictions.get(name), kind, None) is None]
        if lacking:
            gaps.append(f"questions without {kind}: {named(lacking)}; scored as wrong")
    return gaps
