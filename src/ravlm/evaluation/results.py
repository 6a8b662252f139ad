"""What became of each question, its file, and the summary by group."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ravlm.errors import FormatError, PathError
from ravlm.evaluation.measures import expected_calibration_error, mean, recall_at_k
from ravlm.safe.files import write_text_atomic

ALL = "all"


@dataclass(frozen=True)
class QuestionResult:
    """One question with its answer and what it stood on.

    `image` is the photo's path relative to the dataset. `ranked` are the entries that were found, best first;
    `gold_rank` is the place from 1 of the first gold one among the distinct ones. `covered` says whether a right
    answer was among the candidates. A citation has the fields of `records.Citation`; `weights` are the modalities'.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: str
    question: str
    image: str
    language: str
    groups: tuple[str, ...]
    gold_answer: str
    answer: str
    right: bool
    confidence: float
    abstained: bool
    gold_entries: tuple[str, ...]
    ranked: tuple[str, ...]
    gold_rank: int | None
    covered: bool
    citations: tuple[dict[str, Any], ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    alternatives: tuple[tuple[str, float], ...] = ()


_ADAPTER: TypeAdapter[QuestionResult] = TypeAdapter(QuestionResult)


def write_results(path: Path, results: Iterable[QuestionResult]) -> None:
    """Write one JSON line a result; the file appears when it is whole."""
    write_text_atomic(path, "".join(f"{_ADAPTER.dump_json(result).decode()}\n" for result in results))


def read_results(path: Path) -> list[QuestionResult]:
    """Read what `write_results` wrote.

    Raises:
        PathError: there is no such file.
        FormatError: a line is no result.
    """
    if not path.is_file():
        raise PathError(f"There is no file {path}. Expected the results that an evaluation writes.")
    results = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            results.append(_ADAPTER.validate_json(line))
        except ValidationError as wrong:
            first = wrong.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "line"
            raise FormatError(
                f"{path}, line {number}: {where}: {first['msg']}. Expected a result as an evaluation of this release "
                "writes it; evaluate again."
            ) from wrong
    return results


def summary(results: Sequence[QuestionResult]) -> dict[str, Any]:
    """The scores by group, `all` first: accuracy, recall@1, recall@5, coverage, abstained, calibration error and n.

    A score is None where a group has nothing to judge it by (no gold entries).
    """
    groups: dict[str, list[QuestionResult]] = {ALL: list(results)}
    for result in results:
        for name in dict.fromkeys(result.groups):
            groups.setdefault(name, []).append(result)
    return {"groups": {name: _scores(found) for name, found in groups.items()}}


def _scores(results: Sequence[QuestionResult]) -> dict[str, float | int | None]:
    ranked, gold = [r.ranked for r in results], [r.gold_entries for r in results]
    return {
        "accuracy": mean(r.right for r in results),
        "recall@1": recall_at_k(ranked, gold, 1),
        "recall@5": recall_at_k(ranked, gold, 5),
        "coverage": mean(r.covered for r in results),
        "abstained": mean(r.abstained for r in results),
        "calibration_error": expected_calibration_error([r.confidence for r in results], [r.right for r in results]),
        "n": len(results),
    }
