"""What a measure gives: the overall scores, each question's, and what was noticed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores of some predictions.

    Args:
        overall: the measure's scores by the names and in the units of its authors.
        per_question: the score of each question by its id, in [0, 1].
        by_measure: where there are several, each measure's own scores, by its name and then by the question's id.
        notes: what whoever reads the scores should know, a line each.
    """

    overall: Mapping[str, Any]
    per_question: Mapping[str, float]
    by_measure: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def noted(self, *notes: str) -> "Scored":
        """The same with these notes before its own."""
        return replace(self, notes=(*notes, *self.notes))

    def as_json(self) -> dict[str, Any]:
        """The scores as JSON holds them; `by_measure` is left out where there is none."""
        found: dict[str, Any] = {"overall": dict(self.overall), "per_question": dict(self.per_question)}
        if self.by_measure:
            found["by_measure"] = {name: dict(scores) for name, scores in self.by_measure.items()}
        return found | {"notes": list(self.notes)}
