"""Which entries are right for a question: those that its example names, or those whose text states its answer."""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from ravlm.evaluation.attribution.stating import states
from ravlm.records import Example, Passage


class Relevance:
    """Relevance of `entry_ids` to examples; of what stands in the passages it is pseudo-relevance.

    An example that names its entries says itself which are right. Else those are that state its answer in whole words,
    in a passage of its language, or of any where the entry has none in that.
    """

    def __init__(self, entry_ids: Sequence[str], passages: Iterable[Passage]) -> None:
        self._place = {entry_id: place for place, entry_id in enumerate(entry_ids)}
        self._passages: list[list[Passage]] = [[] for _ in entry_ids]
        for passage in passages:
            if (place := self._place.get(passage.entry_id)) is not None:
                self._passages[place].append(passage)
        self._known: dict[tuple[object, ...], Bool[Tensor, " e"]] = {}

    def of(self, examples: Sequence[Example]) -> Bool[Tensor, "b e"]:
        """Which entries are right, a row an example."""
        return torch.stack([self._of(example) for example in examples])

    def _of(self, example: Example) -> Bool[Tensor, " e"]:
        key = (example.entries, example.kind, example.answers, example.value, example.unit, example.language)
        if key not in self._known:
            right = torch.zeros(len(self._place), dtype=torch.bool)
            for place in self._named(example) if example.entries else self._stating(example):
                right[place] = True
            self._known[key] = right
        return self._known[key]

    def _named(self, example: Example) -> list[int]:
        return [self._place[entry_id] for entry_id in example.entries if entry_id in self._place]

    def _stating(self, example: Example) -> list[int]:
        found = []
        for place, every in enumerate(self._passages):
            readable = [p for p in every if p.language == example.language] or every
            if any(states(example, passage.text, whole_words=True) for passage in readable):
                found.append(place)
        return found
