"""TREC's runs and judgements: what retrieval found, and what is right, as every scorer reads them.

A run's line is `query Q0 document rank score tag`, a judgement's `query 0 document relevance`, with white space between
(NIST's trec_eval, README). A scorer goes by the scores alone, read as 32-bit floats, and breaks ties in its own way; so
scores are written such that each is below the one before it, and any scorer sees the order of the hits.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil, isfinite
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ravlm.records import Hit
from ravlm.retrieval.interchange.fields import Qrel, checked_id, text_lines, unfit
from ravlm.safe.files import whole_file

_UNITS = 10**6  # scores have 6 decimals


class RunLine(NamedTuple):
    """What a run says of a document; `ir_measures` takes a sequence of these."""

    query_id: str
    doc_id: str
    score: float
    rank: int
    tag: str


def read_run(path: Path) -> Iterator[RunLine]:
    """The lines of a run in their order.

    Raises:
        PathError: there is no such file.
        FormatError: a line is none of a run.
    """
    for number, line in text_lines(path):
        fields = line.split()
        try:
            query_id, _, doc_id, rank, score, tag = fields
            yield RunLine(query_id, doc_id, _finite(score), int(rank), tag)
        except ValueError as error:
            raise unfit(path, number, "`query Q0 document rank score tag`", line) from error


def write_run(path: Path, found: Iterable[tuple[str, Sequence[tuple[str, float]]]], tag: str) -> int:
    """Write a run in a new file; returns how many lines it has.

    Args:
        path: nothing may be there.
        found: for each query its id, and the documents with their scores, best first (see `by_entry`).
        tag: the name of what found them.

    Raises:
        PathError: something is there, or the folder can't be written.
        FormatError: an id has white space. Nothing is written.
    """
    checked_id(tag, "a run")
    count = 0
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for query_id, documents in found:
            checked_id(query_id, "a query")
            falling = strictly_falling([score for _, score in documents])
            for rank, ((doc_id, _), score) in enumerate(zip(documents, falling, strict=True), 1):
                file.write(f"{query_id} Q0 {checked_id(doc_id, 'a document')} {rank} {score} {tag}\n")
                count += 1
    return count


def read_qrels(path: Path) -> Iterator[Qrel]:
    """The judgements of a TREC file (`qrels`) in their order. Errors: as `read_run`."""
    for number, line in text_lines(path):
        try:
            query_id, _, doc_id, relevance = line.split()
            yield Qrel(query_id, doc_id, int(relevance))
        except ValueError as error:
            raise unfit(path, number, "`query 0 document relevance`", line) from error


def write_qrels(path: Path, qrels: Iterable[Qrel]) -> None:
    """Write judgements in a new file. Errors: as `write_run`."""
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for query_id, doc_id, relevance in qrels:
            file.write(f"{checked_id(query_id, 'a query')} 0 {checked_id(doc_id, 'a document')} {int(relevance)}\n")


def by_entry(hits: Iterable[Hit], stage: str) -> list[tuple[str, float]]:
    """The entries of ranked hits with the score in a stage, each where its best hit stands.

    A hit that the stage has not scored, as it stands behind all others, has the last score before it.
    """
    found: dict[str, float] = {}
    score = 0.0
    for hit in hits:
        score = hit.scores.get(stage, score)
        found.setdefault(hit.entry_id, score)
    return list(found.items())


def strictly_falling(scores: Sequence[float]) -> list[str]:
    """Scores, best first, with 6 decimals, each so far below the one before that 32-bit floats tell them apart.

    >>> strictly_falling([0.5, 0.5, 0.25])
    ['0.500000', '0.499999', '0.250000']
    """
    written: list[int] = []  # millionths
    for score in scores:
        units = round(score * _UNITS)
        if written and np.float32(units / _UNITS) >= np.float32(written[-1] / _UNITS):
            step = abs(float(np.spacing(np.float32(written[-1] / _UNITS))))
            units = written[-1] - max(1, ceil(step * _UNITS))
        written.append(units)
    return [f"{'-' * (units < 0)}{abs(units) // _UNITS}.{abs(units) % _UNITS:06}" for units in written]


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number
