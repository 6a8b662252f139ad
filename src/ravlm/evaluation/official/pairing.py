"""Predictions beside the questions that they answer. What does not fit is counted, named and refused."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from ravlm.errors import DatasetError
from ravlm.evaluation.official.reading import Identifier, Records

P = TypeVar("P")
R = TypeVar("R")
_NAMED = 5  # ids or faults of a kind that a message names


@dataclass(frozen=True, slots=True)
class Leniency:
    """What is let pass, and how. Everything is refused unless told otherwise.

    Args:
        missing: questions without a prediction: refuse them, score them zero, or leave them out ("skip").
        unknown: predictions for questions that the references lack: refuse them or leave them out.
        duplicates: several predictions for a question: refuse them, or keep the first or the last.
        invalid: records of the wrong form: refuse them or leave them out.
    """

    missing: Literal["refuse", "zero", "skip"] = "refuse"
    unknown: Literal["refuse", "skip"] = "refuse"
    duplicates: Literal["refuse", "first", "last"] = "refuse"
    invalid: Literal["refuse", "skip"] = "refuse"


STRICT = Leniency()


@dataclass(frozen=True, slots=True)
class Paired(Generic[P, R]):
    """What is to be scored.

    Args:
        references: by the question's id; all of them are scored.
        predictions: by the question's id; a question without one scores zero.
        notes: what was let pass, a line each.
    """

    references: Mapping[str, R]
    predictions: Mapping[str, P]
    notes: tuple[str, ...] = ()


def pair(predictions: Records[P], references: Records[R], leniency: Leniency = STRICT) -> Paired[P, R]:
    """The predictions with their questions.

    Raises:
        DatasetError: something does not fit and is not let pass; `faults` has a line for each kind, with how many there
            are, the first of them, and the option that lets them pass.
    """
    faults, notes = _Told(predictions, references), list[str]()
    known = {str(name): name for name, _ in references.items}
    faults.told("repeated", _repeated(references.items))
    mistyped = _mistyped(predictions, references)
    wrong = [*predictions.faults, *mistyped.values()]
    lost = {str(name) for name in references.unfit}
    _decide(faults, notes, "invalid", wrong, leniency.invalid)
    _decide(faults, notes, "invalid references", references.faults, leniency.invalid)
    fit = [(str(name), value) for name, value in predictions.items if name not in mistyped]
    strange = [name for name in dict.fromkeys(name for name, _ in fit) if name not in known and name not in lost]
    _decide(faults, notes, "unknown", strange, leniency.unknown)
    _decide(faults, notes, "duplicates", _repeated(fit), leniency.duplicates)
    if leniency.duplicates == "first":
        fit.reverse()
    found = {name: value for name, value in fit if name in known}
    told = {str(name) for name in (*predictions.unfit, *mistyped)} if leniency.invalid == "refuse" else set()
    missing = [name for name in known if name not in found and name not in told]
    if not found and (fit or not wrong):
        faults.nothing_in_common(fit, known)
    elif missing:
        _decide(faults, notes, "missing", missing, leniency.missing)
    faults.refuse()
    wanted = {str(name): value for name, value in references.items if leniency.missing != "skip" or str(name) in found}
    return Paired(wanted, {name: found[name] for name in wanted if name in found}, tuple(notes))


_MISSING = "--missing zero scores them as wrong, --missing skip leaves them out."
_KINDS = {
    "repeated": ("questions that stand in the references more than once", "Mend the references."),
    "invalid": ("predictions of the wrong form", "--invalid skip leaves them out."),
    "invalid references": ("references of the wrong form", "--invalid skip leaves them out."),
    "unknown": ("predictions for questions that the references lack", "--unknown skip leaves them out."),
    "duplicates": ("questions with more than one prediction", "--duplicates first or last keeps one."),
    "missing": ("questions without a prediction", _MISSING),
}


class _Told:
    """Collects what is refused."""

    def __init__(self, predictions: Records[P], references: Records[R]) -> None:
        self._head = f"{predictions.path} does not fit {references.path}"
        self._lines: list[str] = []

    def told(self, kind: str, which: Sequence[str]) -> None:
        if which:
            self._lines.append(f"- {_count(kind, which)}. {_KINDS[kind][1]}")

    def nothing_in_common(self, fit: Iterable[tuple[str, object]], known: Mapping[str, Identifier]) -> None:
        asked, there = ([str(name) for name in some][:_NAMED] for some in (dict(fit), known))
        self._lines.append(
            f"- no prediction is for a question of the references (predictions: {', '.join(asked) or 'none'}; "
            f"references: {', '.join(there) or 'none'}). They may be another split's. Give those that belong together."
        )

    def refuse(self) -> None:
        if self._lines:
            raise DatasetError(f"{self._head}; nothing was scored:", self._lines)


def _decide(faults: _Told, notes: list[str], kind: str, which: Sequence[str], how: str) -> None:
    if not which:
        return
    if how == "refuse":
        faults.told(kind, which)
    else:
        done = {"skip": "left out", "zero": "scored as wrong", "first": "the first kept", "last": "the last kept"}[how]
        notes.append(f"{_count(kind, which)}; {done}")


def named(which: Sequence[str], separator: str = ", ") -> str:
    """How many there are, and the first of them.

    >>> named(["a", "b", "c", "d", "e", "f"])
    '6 (a, b, c, d, e and 1 more)'
    """
    more = f" and {len(which) - _NAMED:,} more" if len(which) > _NAMED else ""
    return f"{len(which):,} ({separator.join(which[:_NAMED])}{more})"


def _count(kind: str, which: Sequence[str]) -> str:
    return f"{_KINDS[kind][0]}: {named(which, '; ' if 'invalid' in kind else ', ')}"


def _repeated(items: Iterable[tuple[Identifier, object]]) -> list[str]:
    return [name for name, n in Counter(str(name) for name, _ in items).items() if n > 1]


def _mistyped(predictions: Records[P], references: Records[R]) -> dict[Identifier, str]:
    """Predictions whose id is text where the references have the number, or the other way round."""
    if predictions.keyed or references.keyed:
        return {}
    types = {str(name): type(name) for name, _ in references.items}
    said = {int: "a number; write the ids as numbers", str: "text; write the ids as text"}
    return {
        name: f"id {name!r}: the references have it as {said[types[str(name)]]}"
        for name, _ in predictions.items
        if types.get(str(name), type(name)) is not type(name)
    }
