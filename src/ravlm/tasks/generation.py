"""Generation: the tokens that a decoder should write, in a passage's own words where the answer stands in one."""

from collections.abc import Sequence

import torch

from ravlm.grading import reference_answer
from ravlm.heads.generation import GenerationHead, TokenTargets
from ravlm.records import Example, Passage
from ravlm.tasks.spans import find_spans
from ravlm.tensors import Kind, Knowledge


class AnswerWriter:
    """The right tokens for an example, the end mark behind them.

    Where the answer stands in a passage of the example's entries (of any, where it names none), it is to be written as
    it stands in the first: only so can it be copied. Where passages were found, but none of the example's entries, the
    right answer is empty: "none of these". Else it is the reference answer, which must then be known by heart.
    A caption is always its first reference, whatever was found: there is no right entry to be found, and its words may
    be copied out of the captions of similar pictures.
    Answers longer than the head writes are cut, without the end mark.
    """

    def __init__(self, output_layer: GenerationHead) -> None:
        self._tokens = output_layer.tokens
        self._longest = output_layer.longest
        self._found: dict[tuple[str, tuple[object, ...]], list[int] | None] = {}

    def targets(self, examples: Sequence[Example], knowledge: Knowledge) -> TokenTargets:
        """Targets for a batch, `ids` [b, t] and `mask` [b, t], on the knowledge's device."""
        kinds = knowledge.kind.tolist()
        rows = []
        for example, passages, kind in zip(examples, knowledge.passages, kinds, strict=True):
            read = [p for p, what in zip(passages, kind, strict=True) if p is not None and what == Kind.TEXT]
            rows.append([*self.answer(example, read), self._tokens.end][: self._longest])
        width = max((len(row) for row in rows), default=1)
        ids = torch.full((len(rows), width), self._tokens.pad)
        mask = torch.zeros(len(rows), width, dtype=torch.bool)
        for i, row in enumerate(rows):
            ids[i, : len(row)], mask[i, : len(row)] = torch.tensor(row), True
        return TokenTargets(ids.to(knowledge.mask.device), mask.to(knowledge.mask.device))

    def answer(self, example: Example, passages: Sequence[Passage]) -> list[int]:
        """The ids to be written when these passages are read, without the end mark."""
        if example.kind == "captions":
            return self._tokens.encode(reference_answer(example))
        right = [p for p in passages if not example.entries or p.entry_id in example.entries]
        if passages and not right:
            return []
        written = next((ids for p in right if (ids := self._standing(example, p)) is not None), None)
        return self._tokens.encode(reference_answer(example)) if written is None else written

    def _standing(self, example: Example, passage: Passage) -> list[int] | None:
        """The answer's ids where it first stands in a passage; None where it does not."""
        key = (passage.text, (example.kind, example.answers, example.value, example.unit))
        if key not in self._found:
            ids, places = self._tokens.places(passage.text)
            spans = find_spans(example, passage.text, places, self._longest - 1)
            self._found[key] = ids[spans[0][0] : sum(spans[0]) + 1] if spans else None
        return self._found[key]
