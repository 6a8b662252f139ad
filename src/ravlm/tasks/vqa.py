"""Visual question answering: where an answer stands in a passage, and which class it is."""

from collections import Counter
from collections.abc import Sequence

import torch

from ravlm.grading import normalise, reference_answer
from ravlm.heads.candidates import CandidateHead, span_mask
from ravlm.heads.classification import ClassificationHead
from ravlm.heads.targets import Targets
from ravlm.records import Example, Passage
from ravlm.tasks.spans import find_spans
from ravlm.tensors import Kind, Knowledge


def answer_vocabulary(examples: Sequence[Example], size: int) -> list[str]:
    """The most frequent training answers, the commonest first, ties by text."""
    written: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for example in examples:
        if example.question is not None and example.kind != "captions":
            answer = reference_answer(example)
            written.setdefault(normalise(answer), answer)
            counts[normalise(answer)] += 1
    ranked = sorted(counts, key=lambda key: (-counts[key], key))
    return [written[key] for key in ranked[:size]]


class TargetFinder:
    """Marks the spans of retrieved passages that answer an example, and its place in the vocabulary.

    Spans in passages of other entries than the gold ones are wrong even where the text is the same, when the example
    names its entries: an answer must come from the right article.
    """

    def __init__(self, output_layer: object) -> None:
        closed = output_layer.vocabulary if isinstance(output_layer, CandidateHead) else output_layer
        if not isinstance(closed, ClassificationHead):
            raise TypeError("targets are known for candidate and classification layers only")
        self._label = {normalise(answer): i for i, answer in enumerate(closed.vocabulary)}
        self._max_span = output_layer.max_span if isinstance(output_layer, CandidateHead) else 1
        self._found: dict[tuple[str, tuple[object, ...]], list[tuple[int, int]]] = {}

    def targets(self, examples: Sequence[Example], knowledge: Knowledge) -> Targets:
        """Targets for a batch: `right` [b, k, p, w] and `label` [b], on the knowledge's device."""
        b, k, p = knowledge.mask.shape
        right = torch.zeros(b, k, p, self._max_span, dtype=torch.bool)
        kinds, offsets, masks = knowledge.kind.tolist(), knowledge.offsets.cpu(), knowledge.mask.sum(-1).tolist()
        for i, example in enumerate(examples):
            for j, passage in enumerate(knowledge.passages[i]):
                if kinds[i][j] != Kind.TEXT or passage is None:
                    continue
                if example.entries and passage.entry_id not in example.entries:
                    continue
                for start, width in self._spans(example, passage, offsets[i, j, : masks[i][j]].tolist()):
                    right[i, j, start, width] = True
        right &= span_mask(knowledge, self._max_span).cpu()
        label = torch.tensor([self._label.get(normalise(reference_answer(e)), -1) for e in examples])
        device = knowledge.mask.device
        return Targets(right.to(device), label.to(device))

    def _spans(self, example: Example, passage: Passage, offsets: list[list[int]]) -> list[tuple[int, int]]:
        key = (passage.id, (example.kind, example.answers, example.value, example.unit))
        if key not in self._found:
            self._found[key] = find_spans(example, passage.text, offsets, self._max_span)
        return self._found[key]
