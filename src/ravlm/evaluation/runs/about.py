"""`run.json` and `summary.json`, strictly: what each must say, and nothing else."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from ravlm.errors import FormatError
from ravlm.evaluation.runs.records import EvidenceKind

Scores = dict[str, Any]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DatasetAbout(Strict):
    """Which questions were asked; `groups` are the only ones whose questions were, empty: all."""

    name: str
    split: str
    groups: list[str]
    questions: NonNegativeInt
    fingerprint: str


class ModelAbout(Strict):
    """The model that answered: its settings, and how it was trained."""

    fingerprint: str
    settings: dict[str, Any]
    training: dict[str, Any]


class EncodersAbout(Strict):
    """The fingerprints of the model's encoders."""

    visual: str
    language: str


class KnowledgeAbout(Strict):
    """The version of the knowledge base that was answered from."""

    fingerprint: str
    version: NonNegativeInt
    entries: NonNegativeInt


class IndexAbout(Strict):
    """The index of pictures, and what it was made from."""

    fingerprint: str
    knowledge: str
    encoder: str


class SeedsAbout(Strict):
    """The seeds of training and of the bootstrap."""

    training: int | None
    bootstrap: Literal[0]  # another seed could be looked for until an interval pleases


class DeviceAbout(Strict):
    """Where the answers were computed, and how precisely."""

    name: str
    precision: str


class SummaryAbout(Strict):
    """What a run was made with, as its summary says it."""

    format: Literal[2]
    dataset: DatasetAbout
    model: ModelAbout
    encoders: EncodersAbout
    knowledge: KnowledgeAbout
    index: IndexAbout
    evidence: list[EvidenceKind]
    seeds: SeedsAbout
    device: DeviceAbout
    versions: dict[str, str | None]


class RunAbout(SummaryAbout):
    """`run.json`: also where `model` and `data` were, and the SHA-256 of the run's files."""

    where: dict[str, str]
    files: dict[str, str]


class Columns(Strict):
    """See `columns.to_columns`."""

    n: NonNegativeInt
    questions: str
    clusters: list[str]
    cluster: str
    groups: list[list[str]]
    group: str
    right: dict[EvidenceKind, str]
    abstained: dict[EvidenceKind, str]
    same: dict[EvidenceKind, str]
    confidence: str
    gold: str
    gold_ranks: str
    passage_rank: list[str]
    cause: str
    units: list[str]
    unit: str
    error: dict[EvidenceKind, str]


class Summary(Strict):
    """`summary.json`; `run` is the SHA-256 of `run.json`."""

    format: Literal[2]
    run: str
    about: SummaryAbout
    columns: Columns
    relations: list[str]
    scores: Scores


def checked(value: dict[str, Any], kind: type[Strict], name: str) -> dict[str, Any]:
    """The value as it is.

    Raises:
        FormatError: it is not as `kind` has it; the message names the first place that is not.
    """
    try:
        kind.model_validate(value)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FormatError(
            f"{name}: {where}: {first['msg']}. Expected what `ravlm evaluate` of this release writes; evaluate again."
        ) from wrong
    return value
