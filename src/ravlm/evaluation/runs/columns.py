"""Outcomes in columns of text: small enough to be kept beside code, and enough to work every score out again."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from math import inf
from typing import Any, TypeVar

from ravlm.errors import FormatError
from ravlm.evaluation.runs.records import CAUSES, Cause, EvidenceKind, Outcome
from ravlm.evaluation.runs.scores import kinds_of

_MOST_GOLD = 10_000  # right entries of a question
_NONE = "-"
_LETTERS: dict[Cause, str] = {"": ".", **{cause: cause[0] for cause in CAUSES}}
_CAUSE = {letter: cause for cause, letter in _LETTERS.items()}
Value = TypeVar("Value")


def to_columns(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """One text a column, a value a question in their order.

    Flags are a row of 0 and 1, a cause its first letter (`.`: none), numbers stand between spaces, a question's ranks
    between commas (`-`: none). Clusters, sets of groups and units are numbered, their names beside them. A question
    that asks for no number has the unit `-` and no place in the columns of errors, where `-` is an answer without a
    number; where no question asks for one, these columns are empty. `questions` is the SHA-256 of the questions' ids,
    one a line.
    """
    kinds = kinds_of(outcomes)
    clusters = list(dict.fromkeys(o.cluster for o in outcomes))
    groups = list(dict.fromkeys(o.groups for o in outcomes))
    numbers = [o for o in outcomes if o.unit is not None]
    units = list(dict.fromkeys(o.unit for o in numbers))
    return {
        "n": len(outcomes),
        "questions": ids_fingerprint(o.id for o in outcomes),
        "clusters": clusters,
        "cluster": _numbers(map(_places(clusters), (o.cluster for o in outcomes))),
        "groups": [list(names) for names in groups],
        "group": _numbers(map(_places(groups), (o.groups for o in outcomes))),
        "right": {kind: _flags(o.right[kind] for o in outcomes) for kind in kinds},
        "abstained": {
            k: _flags(o.abstained[k] for o in outcomes) for k in kinds if outcomes and k in outcomes[0].abstained
        },
        "same": {k: _flags(o.same[k] for o in outcomes) for k in kinds if outcomes and k in outcomes[0].same},
        "confidence": _numbers(o.confidence for o in outcomes),
        "gold": _numbers(o.gold for o in outcomes),
        "gold_ranks": " ".join(",".join(map(str, o.gold_ranks)) or _NONE for o in outcomes),
        "passage_rank": [_numbers(o.passage_rank[i] for o in outcomes) for i in (0, 1)],
        "cause": "".join(_LETTERS[o.cause] for o in outcomes),
        "units": units,
        "unit": " ".join(_NONE if o.unit is None else str(units.index(o.unit)) for o in outcomes) if units else "",
        "error": {k: " ".join(f"{o.error[k]:.3g}" if k in o.error else _NONE for o in numbers) for k in kinds if units},
    }


def from_columns(columns: Mapping[str, Any]) -> list[Outcome]:
    """What `to_columns` was given; the questions' ids are their numbers from 0.

    Raises:
        FormatError: the columns are damaged.
    """
    try:
        n = int(columns["n"])
        clusters, groups = columns["clusters"], [tuple(names) for names in columns["groups"]]
        cluster, group = (_column(columns[name].split(), n) for name in ("cluster", "group"))
        right, abstained, same = (
            {kind: _column(flags, n) for kind, flags in columns[name].items()}
            for name in ("right", "abstained", "same")
        )
        confidence, gold, ranks = (_column(columns[name].split(), n) for name in ("confidence", "gold", "gold_ranks"))
        substring, words = (_column(column.split(), n) for column in columns["passage_rank"])
        cause = _column(columns["cause"], n)
        units = _units(columns, n)
        errors = {kind: _errors(column.split(), units) for kind, column in columns["error"].items()}
        if any(int(count) > _MOST_GOLD for count in gold):
            raise ValueError(f"a question has more than {_MOST_GOLD:,} right entries")
        return [
            Outcome(
                id=str(i),
                cluster=clusters[int(cluster[i])],
                groups=groups[int(group[i])],
                right=_at(right, i),
                abstained=_at(abstained, i),
                same=_at(same, i),
                confidence=int(confidence[i]),
                gold=int(gold[i]),
                gold_ranks=() if ranks[i] == _NONE else tuple(map(int, ranks[i].split(","))),
                passage_rank=(int(substring[i]), int(words[i])),
                cause=_CAUSE[cause[i]],
                unit=units[i],
                error={kind: off for kind, found in errors.items() if (off := found[i]) is not None},
            )
            for i in range(n)
        ]
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise FormatError(
            f"The columns of the summary are damaged ({type(error).__name__}: {error}). Take it from the run again."
        ) from error


def ids_fingerprint(ids: Iterable[str]) -> str:
    """SHA-256 of ids, one a line, as 64 hex digits."""
    return sha256("".join(f"{name}\n" for name in ids).encode()).hexdigest()


def _places(names: Sequence[Value]) -> Callable[[Value], int]:
    return {name: place for place, name in enumerate(names)}.__getitem__


def _numbers(values: Iterable[int]) -> str:
    return " ".join(map(str, values))


def _flags(values: Iterable[bool]) -> str:
    return "".join("1" if value else "0" for value in values)


def _column(values: Sequence[str], n: int) -> Sequence[str]:
    if len(values) != n:
        raise ValueError(f"{len(values)} values of {n} questions")
    return values


def _units(columns: Mapping[str, Any], n: int) -> list[str | None]:
    names = columns["units"]
    if not names:
        return [None] * n
    return [None if place == _NONE else names[int(place)] for place in _column(columns["unit"].split(), n)]


def _errors(values: Sequence[str], units: Sequence[str | None]) -> list[float | None]:
    """The errors of all questions, of the values of those that ask for a number."""
    left = iter(_column(values, sum(unit is not None for unit in units)))
    found = [None if unit is None or (value := next(left)) == _NONE else float(value) for unit in units]
    if not all(value is None or 0 <= value < inf for value in found):
        raise ValueError("an error is none")
    return found


def _at(flags: Mapping[EvidenceKind, Sequence[str]], i: int) -> dict[EvidenceKind, bool]:
    return {kind: bool(("0", "1").index(values[i])) for kind, values in flags.items()}
