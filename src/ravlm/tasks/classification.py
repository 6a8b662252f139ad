"""Classification with several labels: which labels an example has."""

from collections import Counter
from collections.abc import Sequence

import torch

from ravlm.grading import normalise, reference_answer
from ravlm.heads.multilabel import MultiLabelHead
from ravlm.heads.targets import LabelTargets
from ravlm.records import Example
from ravlm.tensors import Knowledge


def labels_of(example: Example) -> tuple[str, ...]:
    """The labels that an answer is made of: all members of a set, else the one right answer; captions have none."""
    if example.kind == "captions":
        return ()
    return example.answers if example.kind == "all_of" else (reference_answer(example),)


def label_vocabulary(examples: Sequence[Example], size: int) -> list[str]:
    """The most frequent labels of the training questions, the commonest first, ties by text."""
    written: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for example in examples:
        if example.question is not None:
            for label in labels_of(example):
                written.setdefault(normalise(label), label)
                counts[normalise(label)] += 1
    ranked = sorted(counts, key=lambda key: (-counts[key], key))
    return [written[key] for key in ranked[:size]]


class LabelFinder:
    """Marks an example's labels among those of a head.

    A label outside the vocabulary is left out, and an example with no other label teaches nothing.
    """

    def __init__(self, head: MultiLabelHead) -> None:
        self._label = {normalise(label): i for i, label in enumerate(head.vocabulary)}

    def targets(self, examples: Sequence[Example], knowledge: Knowledge) -> LabelTargets:
        """Targets for a batch: `labels` [b, c], on the knowledge's device."""
        labels = torch.zeros(len(examples), len(self._label), dtype=torch.bool)
        for i, example in enumerate(examples):
            for label in labels_of(example):
                if (place := self._label.get(normalise(label))) is not None:
                    labels[i, place] = True
        return LabelTargets(labels.to(knowledge.mask.device))
