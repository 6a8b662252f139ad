"""Measures of runs on files of anybody's: retrieval, classification, regression, calibration.

The same functions work out the scores of `ravlm evaluate`; `docs/scoring.md` describes the files.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from math import hypot, sqrt
from pathlib import Path
from typing import Any, TypeVar

from ravlm.evaluation.calibration import area_under_risk_coverage, expected_calibration_error, reliability, selective
from ravlm.evaluation.measures import macro_average, mean
from ravlm.evaluation.official.pairing import STRICT, Leniency, pair
from ravlm.evaluation.official.reading import Identifier, Records, fields, identifier, lined, number, records
from ravlm.evaluation.official.scored import Scored
from ravlm.evaluation.ranking import MEASURES
from ravlm.optional import require
from ravlm.retrieval.interchange.trec import read_qrels, read_run
from ravlm.safe.jsonl import shown

RETRIEVAL = "nDCG@10"  # what stands for a query where one number has to

Label = str | int | bool
_TYPES = {str: "text", int: "a number", bool: "a boolean"}
_LARGEST = 1e300  # of sums of larger ones no number is left

P = TypeVar("P")
N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer with its confidence, in [0, 1], and whether it was declined."""

    label: Label
    confidence: float
    abstained: bool = False


def score_retrieval(relevant: Mapping[str, Mapping[str, int]], found: Mapping[str, Mapping[str, float]]) -> Scored:
    """The standard scores of a run, in [0, 1]: the means over the queries that have a relevant document.

    Args:
        relevant: for each query the grade of its judged documents; above 0 is relevant.
        found: for each query the score of each document. One without any scores 0.

    Raises:
        MissingExtra: `ir_measures` is not installed.
    """
    ir = require("ir_measures", "evaluation")
    judged = {query: grades for query, grades in relevant.items() if any(grade > 0 for grade in grades.values())}
    qrels = [ir.Qrel(query, doc, grade) for query, grades in judged.items() for doc, grade in grades.items()]
    run = [ir.ScoredDoc(query, doc, score) for query in judged for doc, score in found.get(query, {}).items()]
    by_measure = {name: dict.fromkeys(judged, 0.0) for name in MEASURES}
    if run:
        for one in ir.iter_calc([ir.parse_measure(name) for name in MEASURES], qrels, run):
            by_measure[str(one.measure)][one.query_id] = float(one.value)
    overall = {name: mean(scores.values()) for name, scores in by_measure.items()}
    left_out = len(relevant) - len(judged)
    notes = (f"{left_out:,} queries have no relevant document and are left out",) if left_out else ()
    return Scored(overall, by_measure[RETRIEVAL], by_measure, notes)


def score_classification(right: Mapping[str, Label], predicted: Mapping[str, Label]) -> Scored:
    """The share of right labels, and its mean over the labels that are right (macro). What has no label is wrong."""
    scores = {name: float(name in predicted and _same(predicted[name], label)) for name, label in right.items()}
    macro = macro_average(list(scores.values()), [(type(label), label) for label in right.values()])
    return Scored({"accuracy": mean(scores.values()), "macro_accuracy": macro}, scores)


def score_regression(right: Mapping[str, float], predicted: Mapping[str, float]) -> Scored:
    """The mean absolute and the root mean squared error of the numbers that there are, and the share that is equal.

    `per_question` is 1 where a number is equal to the right one, else 0; `by_measure` has the absolute errors.
    """
    errors = {name: abs(predicted[name] - value) for name, value in right.items() if name in predicted}
    scores = {name: float(errors.get(name) == 0) for name in right}
    overall = {
        "MAE": mean(errors.values()),
        "RMSE": hypot(*errors.values()) / sqrt(len(errors)) if errors else None,
        "accuracy": mean(scores.values()),
        "n": len(errors),
    }
    return Scored(overall, scores, {"absolute_error": errors})


def score_calibration(right: Mapping[str, Label], predicted: Mapping[str, Judged]) -> Scored:
    """What confidence is worth: ECE, AURC, the share answered and its risk, and a reliability diagram's points.

    `per_question` is 1 where the label is right, else 0. What has no prediction is left out of all but the accuracy.
    """
    scores = {name: float(name in predicted and _same(predicted[name].label, label)) for name, label in right.items()}
    told = [(predicted[name], scores[name] > 0) for name in right if name in predicted]
    confidence, held = [answer.confidence for answer, _ in told], [was_right for _, was_right in told]
    answered, risk = selective([answer.abstained for answer, _ in told], held)
    overall: dict[str, Any] = {
        "accuracy": mean(scores.values()),
        "ECE": expected_calibration_error(confidence, held),
        "AURC": area_under_risk_coverage(confidence, held),
        "answered": answered,
        "risk": risk,
        "reliability": [asdict(one) for one in reliability(confidence, held)],
    }
    return Scored(overall, scores)


def score_retrieval_files(predictions: Path, references: Path, *, leniency: Leniency = STRICT) -> Scored:
    """The scores of a TREC run by judgements (qrels). Errors: as `score_retrieval`, `pair`, `read_run`."""
    paired = pair(_read_run(predictions), _read_qrels(references), leniency)
    return score_retrieval(paired.references, paired.predictions).noted(*paired.notes)


def score_classification_files(predictions: Path, references: Path, *, leniency: Leniency = STRICT) -> Scored:
    """The scores of lines of `{"id", "label"}` by the same. Errors: as `lined`, `pair`."""
    right = _read_labels(references)
    said = _of_one_type(_read_labels(predictions), right, lambda label: label)
    paired = pair(said, right, leniency)
    return score_classification(paired.references, paired.predictions).noted(*paired.notes)


def score_regression_files(predictions: Path, references: Path, *, leniency: Leniency = STRICT) -> Scored:
    """The scores of lines of `{"id", "value"}` by the same. Errors: as `lined`, `pair`."""
    paired = pair(_read_values(predictions), _read_values(references), leniency)
    return score_regression(paired.references, paired.predictions).noted(*paired.notes)


def score_calibration_files(predictions: Path, references: Path, *, leniency: Leniency = STRICT) -> Scored:
    """The scores of lines of `{"id", "label", "confidence", "abstained"}` by `{"id", "label"}`.

    `abstained` may be left out. Errors: as `lined`, `pair`.
    """
    right = _read_labels(references)
    said = _of_one_type(records(predictions, lined(predictions), _judged, "id"), right, lambda judged: judged.label)
    paired = pair(said, right, leniency)
    return score_calibration(paired.references, paired.predictions).noted(*paired.notes)


def _read_run(path: Path) -> Records[dict[str, float]]:
    found = ((line.query_id, line.doc_id, line.score) for line in read_run(path))
    return _by_query(path, found, "query {} has the document {} more than once")


def _read_qrels(path: Path) -> Records[dict[str, int]]:
    judged = ((line.query_id, line.doc_id, line.relevance) for line in read_qrels(path))
    return _by_query(path, judged, "query {} judges the document {} more than once")


def _by_query(path: Path, lines: Iterable[tuple[str, str, N]], twice: str) -> Records[dict[str, N]]:
    """The documents of each query; `twice` is the fault of one that stands there again."""
    found: dict[str, dict[str, N]] = {}
    faults = []
    for query, document, value in lines:
        documents = found.setdefault(query, {})
        if document in documents:
            faults.append(twice.format(query, document))
        documents.setdefault(document, value)
    return Records(path, list(found.items()), faults, keyed=True)


def _read_labels(path: Path) -> Records[Label]:
    return records(path, lined(path), lambda record: (identifier(record, "id"), _label(record)), "id")


def _read_values(path: Path) -> Records[float]:
    return records(path, lined(path), lambda record: (identifier(record, "id"), _value(record)), "id")


def _of_one_type(said: Records[P], right: Records[Label], label: Callable[[P], Label]) -> Records[P]:
    """The predictions without those whose label is of another type than the right one: these are faults."""
    types = {str(name): type(value) for name, value in right.items}
    faults = {
        name: f"id {name!r}: found the label {shown(label(value))}, {_TYPES[type(label(value))]}; the references have "
        f"{_TYPES[types[str(name)]]}"
        for name, value in said.items
        if types.get(str(name), type(label(value))) is not type(label(value))
    }
    fit = [(name, value) for name, value in said.items if name not in faults]
    return replace(said, items=fit, faults=[*said.faults, *faults.values()], unfit=[*said.unfit, *faults])


def _value(record: Any) -> float:
    found = number(record, "value")
    if abs(found) > _LARGEST:
        raise ValueError(f"field 'value': found {found}, expected a number of at most {_LARGEST:.0e}")
    return found


def _judged(record: Any) -> tuple[Identifier, Judged]:
    confidence, abstained = number(record, "confidence"), record.get("abstained", False)
    if not 0 <= confidence <= 1:
        raise ValueError(f"field 'confidence': found {confidence}, expected a number from 0 to 1")
    if not isinstance(abstained, bool):
        raise ValueError(f"field 'abstained': found {shown(abstained)}, expected a boolean")
    return identifier(record, "id"), Judged(_label(record), confidence, abstained)


def _label(record: Any) -> Label:
    found = fields(record).get("label")
    if not isinstance(found, str | int):
        raise ValueError(f"field 'label': found {shown(found)}, expected text, a whole number or a boolean")
    return found


def _same(a: Label, b: Label) -> bool:
    return type(a) is type(b) and a == b
