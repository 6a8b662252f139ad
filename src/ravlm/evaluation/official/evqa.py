"""Encyclopedic-VQA: exact match, overlap of lists, then BEM.

The rules are those of google-research, `encyclopedic_vqa/evaluation_utils.py` (Mensink et al. 2023, Encyclopedic VQA,
section 5). There BEM is a model of TensorFlow Hub; here it is one of transformers.
"""

import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ravlm.evaluation.measures import mean
from ravlm.evaluation.official.pairing import STRICT, Leniency, pair
from ravlm.evaluation.official.reading import Identifier, Records, identifier, lined, records, rows, text, texts
from ravlm.evaluation.official.scored import Scored
from ravlm.evaluation.official.vqa_normalising import CONTRACTIONS, NUMBERS
from ravlm.safe.jsonl import shown

QUESTION_TYPES = ("templated", "automatic", "multi_answer", "2_hop")
_LIST = "multi_answer"
_AMONG = "&&"  # between the answers of a list
_OR = "|"  # between references in the published CSV
_ENOUGH = 0.5  # of an overlap, and of BEM's probability
_WORDS = NUMBERS | {"entailment": "yes", "true": "yes", "contradiction": "no", "false": "no"}
_PREFIX = "<extra_id_0> "  # some language models begin with it
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation + "‘’´`_")
_ARTICLES = re.compile(r"\b(?:the answer is|a|an|the)\b")


@dataclass(frozen=True, slots=True)
class EvqaQuestion:
    """A question with its references; the answers of a list stand in one reference, `&&` between them."""

    question_type: str
    question: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What BEM is asked: whether the candidate says the same as the reference, as an answer to the question."""

    question: str
    reference: str
    candidate: str


Equivalence = Callable[[Sequence[Comparison]], Sequence[float]]
"""The probability, in [0, 1], that candidate and reference of each comparison are equivalent."""


def normalised(answer: str) -> str:
    """In lower case, without punctuation, articles and "the answer is"; number words as digits.

    Punctuation goes first, so contractions lose their apostrophe and get it back by the table.

    >>> normalised("The answer is: two dogs!"), normalised("It isn't true")
    ('2 dogs', "it isn't yes")
    """
    plain = answer.lower().replace("\n", " ").replace("\t", " ").strip()
    if plain.startswith(_PREFIX):
        plain = plain.replace(_PREFIX, "")
    words = _ARTICLES.sub(" ", plain.translate(_WITHOUT_PUNCTUATION)).split()
    replaced = (_WORDS.get(word, word) for word in words)
    return " ".join(CONTRACTIONS.get(word, word) for word in replaced)


def list_members(answer: str) -> frozenset[str]:
    """The normalised members of a predicted list: between commas, `and`, `&`."""
    return _members(answer.replace(" and ", ",").replace(" & ", ",").split(","))


def exact_match(question_type: str, reference: str, candidate: str) -> bool:
    """Whether both are the same after `normalised`; of lists, whether at least half of all members are in both.

    >>> exact_match("automatic", "Two", "2."), exact_match("multi_answer", "red&&blue", "blue, green and red")
    (True, True)

    Raises:
        ValueError: nothing is left of the reference after `normalised`.
    """
    right = _wanted(question_type, reference)
    if isinstance(right, str):
        return right == normalised(candidate)
    said = list_members(candidate)
    return len(right & said) / len(right | said) >= _ENOUGH


def score_evqa(
    questions: Mapping[str, EvqaQuestion], predictions: Mapping[str, str], *, bem: Equivalence | None = None
) -> Scored:
    """The accuracy in percent, over all questions and by question type: the best over a question's references.

    A question without a prediction counts as wrong.

    Args:
        questions: by their ids.
        predictions: the candidates.
        bem: asked where nothing matches exactly; without it, exact matches alone count.
    """
    exact: dict[str, float] = {}
    asked: list[tuple[str, Comparison]] = []
    for name, question in questions.items():
        said = predictions.get(name)
        same = said is not None and any(exact_match(question.question_type, r, said) for r in question.references)
        exact[name] = float(same)
        if said is not None and not same:
            asked += [(name, _compared(question, reference, said)) for reference in question.references]
    scores = dict(exact)
    if bem is not None:
        for (name, _), p in zip(asked, bem([comparison for _, comparison in asked]), strict=True):
            scores[name] = max(scores[name], float(p >= _ENOUGH))
    overall: dict[str, Any] = {"accuracy": _percent(scores.values())}
    if bem is not None:
        overall["exact_match_accuracy"] = _percent(exact.values())
    overall["by_question_type"] = {
        kind: _percent(scores[n] for n, q in questions.items() if q.question_type == kind)
        for kind in QUESTION_TYPES
        if any(q.question_type == kind for q in questions.values())
    }
    return Scored(overall, scores, {} if bem is None else {"exact_match": exact, "accuracy": scores})


def score_evqa_files(
    predictions: Path, references: Path, *, bem: Equivalence | None = None, leniency: Leniency = STRICT
) -> Scored:
    """The scores of a predictions file by references, or by the published CSV.

    Args:
        predictions: lines of `{"id", "candidate"}`.
        references: lines of `{"id", "question_type", "question", "references"}`, or a `.csv` with the columns
            `question`, `answer`, `question_type`; without a column `id` there, a row's id is its number, from 0.
        bem: see `score_evqa`.
        leniency: what is let pass.

    Raises:
        PathError, FormatError: a file is missing, or of another format.
        DatasetError: predictions and questions don't belong together; see `pair`.
    """
    paired = pair(read_predictions(predictions), read_references(references), leniency)
    notes = () if bem is not None else ("exact matches alone count: BEM was not asked",)
    return score_evqa(paired.references, paired.predictions, bem=bem).noted(*paired.notes, *notes)


def read_predictions(path: Path) -> Records[str]:
    """The candidates of a file. Errors: as `lined`."""
    return records(path, lined(path), lambda r: (identifier(r, "id"), text(r, "candidate")), "id")


def read_references(path: Path) -> Records[EvqaQuestion]:
    """The questions of lines of JSON, or of a CSV as it is published. Errors: as `lined` and `rows`."""
    if path.suffix.lower() != ".csv":
        return records(path, lined(path), lambda r: (identifier(r, "id"), _question(r, texts(r, "references"))), "id")
    table = [
        (place, {"id": str(i)} | row)
        for i, (place, row) in enumerate(rows(path, ("question", "answer", "question_type")))
    ]

    def of_row(row: dict[str, str]) -> tuple[Identifier, EvqaQuestion]:
        return row["id"], _question(row, row["answer"].split(_OR))

    return records(path, table, of_row, "id", keyed=True)


def _question(record: Any, references: Sequence[str]) -> EvqaQuestion:
    kind = text(record, "question_type")
    if kind not in QUESTION_TYPES:
        raise ValueError(f"found the question type {shown(kind)}, expected one of {', '.join(QUESTION_TYPES)}")
    for reference in references:
        _wanted(kind, reference)
    return EvqaQuestion(kind, text(record, "question") if "question" in record else "", tuple(references))


def _wanted(question_type: str, reference: str) -> str | frozenset[str]:
    """The reference, or of a list its members, normalised.

    Raises:
        ValueError: nothing is left of it.
    """
    right = _members(reference.split(_AMONG)) if question_type == _LIST else normalised(reference)
    if not right:
        raise ValueError(f"found the reference {shown(reference)}, of which nothing is left after normalising")
    return right


def _compared(question: EvqaQuestion, reference: str, candidate: str) -> Comparison:
    right = reference.replace(_AMONG, ",") if question.question_type == _LIST else reference
    return Comparison(question.question, right, candidate)


def _members(answers: Iterable[str]) -> frozenset[str]:
    return frozenset(filter(None, map(normalised, answers)))


def _percent(scores: Iterable[float]) -> float:
    return 100 * (mean(scores) or 0.0)
