"""Visual question answering: where an answer stands in a passage, and which class it is."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import torch

from ravlm.grading import ARTICLES, is_right, normalise, parse_set, reference_answer
from ravlm.heads.candidates import CandidateHead, span_mask
from ravlm.heads.classification import ClassificationHead
from ravlm.heads.targets import Targets
from ravlm.knowledge.passages import word_spans
from ravlm.records import Example, Passage
from ravlm.tensors import Kind, Knowledge

_MINUS = ("-", "−")


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
        self._reads = isinstance(output_layer, CandidateHead)
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

    def covered(self, examples: Sequence[Example], knowledge: Knowledge) -> list[bool]:
        """Whether a right answer is among the candidates: in the passages, or in the vocabulary where none was read.

        A passage of a wrong entry counts, since an answer read there is right too: the ceiling of accuracy.
        """
        targets = self.targets([replace(e, entries=()) for e in examples], knowledge)
        in_passages = targets.right.flatten(1).any(1).tolist()
        readable = (knowledge.kind == Kind.TEXT).any(1).tolist()
        known = (targets.label >= 0).tolist()
        rows = zip(in_passages, readable, known, strict=True)
        return [span if self._reads and text else label for span, text, label in rows]

    def _spans(self, example: Example, passage: Passage, offsets: list[list[int]]) -> list[tuple[int, int]]:
        key = (passage.id, (example.kind, example.answers, example.value, example.unit))
        if key not in self._found:
            self._found[key] = find_spans(example, passage.text, offsets, self._max_span)
        return self._found[key]


def find_spans(example: Example, text: str, offsets: Sequence[Sequence[int]], max_span: int) -> list[tuple[int, int]]:
    """All (start token, width - 1) whose text is a right answer, as tight as can be, in whole words and numbers.

    Tokens with an empty range of characters (the class token) belong to no span.
    """
    whole = set(word_spans(text))
    begins, stops = {a for a, _ in whole}, {b for _, b in whole}
    pieces = [normalise(text[a:b]) if b > a else "" for a, b in offsets]
    if not any(normalise(answer) in ARTICLES for answer in example.answers):
        pieces = ["" if p in ARTICLES and tuple(at) in whole else p for p, at in zip(pieces, offsets, strict=True)]
    ends = list(accumulate(map(len, pieces)))
    starts = [end - len(piece) for end, piece in zip(ends, pieces, strict=True)]
    first_at = {s: t for t, s in reversed(list(enumerate(starts))) if pieces[t]}
    last_at = {e: t for t, e in enumerate(ends) if pieces[t]}
    spans = set()
    for low, high in _ranges(example, "".join(pieces)):
        first, last = first_at.get(low), last_at.get(high)
        if first is None or last is None:
            continue
        if (example.value or 0.0) < 0 and first > 0 and text[slice(*offsets[first - 1])] in _MINUS:
            first -= 1
        a, b = offsets[first][0], offsets[last][1]
        if 0 <= last - first < max_span and a in begins and b in stops and is_right(example, text[a:b]):
            spans.add((first, last - first))
    return sorted(spans)


def _ranges(example: Example, joined: str) -> list[tuple[int, int]]:
    """Where the answer may stand in the text without spaces, punctuation and articles."""
    if example.kind == "all_of":
        members = parse_set("、".join(example.answers))
        found = [(at, at + len(member)) for member in members for at in _places(joined, member)]
        least = sum(map(len, members))
        return [(low, high) for low, _ in found for _, high in found if high - low >= least]
    wanted = {normalise(answer) for answer in example.answers}
    if example.kind == "number" and example.value is not None:
        number = normalise(f"{abs(example.value):.15g}")
        wanted = {number, number + normalise(example.unit or "")}
    return [(at, at + len(answer)) for answer in sorted(wanted) for at in _places(joined, answer)]


def _places(joined: str, wanted: str) -> list[int]:
    """Every place where it stands, those that overlap too."""
    return [found.start() for found in re.finditer(f"(?={re.escape(wanted)})", joined)] if wanted else []
