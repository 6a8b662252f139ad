"""Explanations by taking away: what an answer stands on is what changes it when it is gone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

import torch
from PIL import Image

from ravlm.answering.answerer import MODALITIES, Answerer, Asked, Found, check_question
from ravlm.answering.explanation import (
    Effect,
    Explanation,
    WithoutEntry,
    WithoutModality,
    WithoutPassage,
    WithoutRegion,
    WithoutWord,
)
from ravlm.answering.occlusion import cells, covered, question_words, without
from ravlm.heads.likelihood import likelihoods, same_answer
from ravlm.heads.wanted import ANYTHING
from ravlm.knowledge.passages import guess_language
from ravlm.records import Answer, Hit, Wanted
from ravlm.retrieval.queries.terms import term_spans
from ravlm.tensors import Encoded

GRID = 7  # cells a side of the picture
WORDS, PASSAGES, ENTRIES = 32, 32, 8  # the most that are taken away, one at a time
_AT_ONCE = 16  # rows of one pass
_LEAST = 0.005  # a drop that is not 0.00
Some = TypeVar("Some")


@dataclass(frozen=True)
class _Variant:
    """A question as it would be asked: `seen` is one row."""

    asked: Asked
    seen: Encoded
    hits: list[Hit]


def explain(
    answerer: Answerer,
    image: Image.Image,
    question: str,
    language: str | None = None,
    *,
    wanted: Wanted = ANYTHING,
    follow: bool = True,
) -> Explanation:
    """Answer as `Answerer.ask` does, then again without one thing after the other.

    What counts is the drop in the probability of the answer that was given (of the best guess, where it abstained).
    So it can be had of any model, and is what the model does, not what it looks at: attention weights are reported
    beside it and are no explanation (Jain and Wallace 2019, Attention is not Explanation).

    - Regions: a grid of at most 7 x 7 cells over what is looked at; around one at a time, a square twice as wide is
      covered by grey (Zeiler and Fergus 2014, sec. 4.2, slide a square too). Retrieval is done again, since finding the
      entry is what the picture does here.
    - Words: one word of the question erased at a time (Li et al. 2016, Understanding Neural Networks through
      Representation Erasure), 32 at most, content words first. Passages are chosen again, as when that is asked.
    - Entries and passages: one at a time is not read, the first 8 entries, and 32 passages, the cited ones first.
      Nothing comes in their place, and all else stays.
    - Image: masked out everywhere while the same is read. The fusion has its `absent` vector in place of the picture,
      and no entry's picture fits better than another's. `nothing_found` is without image and without hits.
    - Question: an empty one; passages are chosen again. Knowledge: nothing is read.

    One thing at a time: where two say the same, taking one away costs little, and each seems not to matter.

    Raises:
        QuestionError: as `Answerer.ask`.
    """
    answer = answerer.ask(image, question, language, wanted=wanted, follow=follow)
    question = check_question(question)
    asked = Asked(image, question, language or guess_language(question), wanted)
    return _Taking(answerer, answer, asked).explanation()


class _Taking:
    """One answer, and what is left of it."""

    def __init__(self, answerer: Answerer, answer: Answer, asked: Asked) -> None:
        self.answerer, self.answer, self.asked = answerer, answer, asked
        self.found = answerer.find([asked])
        self.whole = _Variant(asked, self.found.seen, self.found.hits[0])
        output = answerer.read([asked], self.found.seen, self.found.hits)
        head = answerer.model.output_layer
        self.probability = likelihoods(head, output.prediction, output.knowledge, answer.text)[0].probability
        weights = output.fused.passage_weights
        self.passage_weights = () if weights is None else tuple(weights[0].tolist()[: len(self.whole.hits)])

    def explanation(self) -> Explanation:
        """All of it."""
        words = self._words()
        modalities, nothing_found = self._modalities()
        return Explanation(
            answer=self.answer,
            probability=self.probability,
            passage_weights=self.passage_weights,
            modalities=modalities,
            nothing_found=nothing_found,
            entries=self._entries(),
            passages=self._passages(),
            regions=self._regions(),
            words=words,
            key_term=self._key_term(words),
            skipped={
                "entries": max(len(self._entry_ids()) - ENTRIES, 0),
                "passages": max(len(self._places()) - PASSAGES, 0),
                "words": max(len(question_words(self.asked.question)) - WORDS, 0),
            },
        )

    def _modalities(self) -> tuple[tuple[WithoutModality, ...], Effect]:
        """Without each modality, and without the picture and what it found."""
        whole, blind = self.whole, _masked(self.whole.seen)
        empty = replace(self.asked, question="")
        variants = [
            replace(whole, seen=blind),
            _Variant(empty, whole.seen, self.answerer.find([empty], whole.seen).hits[0]),
            replace(whole, hits=[]),
            replace(whole, seen=blind, hits=[]),
        ]
        *effects, nothing_found = self._effects(variants)
        weights = self.answer.weights
        named = zip(MODALITIES, effects, strict=True)
        return tuple(WithoutModality(name, weights.get(name), effect) for name, effect in named), nothing_found

    def _entries(self) -> tuple[WithoutEntry, ...]:
        ids = self._entry_ids()[:ENTRIES]
        variants = [replace(self.whole, hits=[h for h in self.whole.hits if h.entry_id != name]) for name in ids]
        titles = [self.answerer.knowledge.get(name).title for name in ids]
        return tuple(map(WithoutEntry, ids, titles, self._effects(variants)))

    def _passages(self) -> tuple[WithoutPassage, ...]:
        cited = {citation.passage_id for citation in self.answer.citations}
        hits = self.whole.hits
        tried = sorted(sorted(self._places(), key=lambda place: hits[place].passage_id not in cited)[:PASSAGES])
        effects = self._effects([replace(self.whole, hits=hits[:place] + hits[place + 1 :]) for place in tried])
        ids = [hits[place].passage_id or "" for place in tried]
        return tuple(map(WithoutPassage, ids, tried, [name in cited for name in ids], effects))

    def _words(self) -> tuple[WithoutWord, ...]:
        question, content = self.asked.question, set(term_spans(self.asked.question))
        spans = sorted(question_words(question), key=lambda span: (span not in content, span))[:WORDS]
        spans.sort()
        asked = [replace(self.asked, question=without(question, span)) for span in spans]
        variants = []
        for some in _parts(asked):
            found = self.answerer.find(some, _repeated(self.whole.seen, len(some)))
            variants += [_Variant(a, self.whole.seen, hits) for a, hits in zip(some, found.hits, strict=True)]
        texts = [question[start:end] for start, end in spans]
        return tuple(map(WithoutWord, texts, spans, [a.question for a in asked], self._effects(variants)))

    def _key_term(self, words: Sequence[WithoutWord]) -> WithoutWord | None:
        """The content word with the largest drop."""
        content = set(term_spans(self.asked.question))
        terms = [word for word in words if word.span in content and word.effect.drop >= _LEAST]
        return max(terms, key=lambda word: word.effect.drop, default=None)

    def _regions(self) -> tuple[WithoutRegion, ...]:
        grid = cells(self.asked.image.size, GRID)
        views = covered(self.asked.image, [cell.covered for cell in grid])
        variants: list[_Variant] = []
        for some in _parts(views):
            found = self.answerer.find([self.asked] * len(some), self.answerer.look(some))
            variants += _rows(found, self.asked)
        effects = self._effects(variants)
        return tuple(
            WithoutRegion(cell.row, cell.column, cell.box, cell.covered, effect)
            for cell, effect in zip(grid, effects, strict=True)
        )

    def _entry_ids(self) -> list[str]:
        return list(dict.fromkeys(hit.entry_id for hit in self.whole.hits))

    def _places(self) -> list[int]:
        """The places of the passages among the hits."""
        return [place for place, hit in enumerate(self.whole.hits) if hit.passage_id is not None]

    @torch.no_grad()
    def _effects(self, variants: Sequence[_Variant]) -> list[Effect]:
        """What becomes of the answer in each of these, some at once."""
        model, effects = self.answerer.model, []
        for some in _parts(variants):
            seen = _joined([variant.seen for variant in some])
            output = self.answerer.read([v.asked for v in some], seen, [v.hits for v in some])
            likely = likelihoods(model.output_layer, output.prediction, output.knowledge, self.answer.text)
            for variant, decoded, now in zip(some, model.decode(output), likely, strict=True):
                effects.append(
                    Effect(
                        probability=now.probability,
                        exact=now.exact,
                        drop=self.probability - now.probability,
                        text=decoded.text,
                        confidence=decoded.confidence,
                        abstained=decoded.abstained,
                        entry=variant.hits[0].entry_id if variant.hits else None,
                        changed=not same_answer(model.output_layer, self.answer.text, decoded.text),
                    )
                )
        return effects


def _parts(items: Iterable[Some]) -> Iterator[list[Some]]:
    """So many at a time as go through the model together; no more are asked for."""
    left = iter(items)
    while part := list(islice(left, _AT_ONCE)):
        yield part


def _rows(found: Found, asked: Asked) -> list[_Variant]:
    """Each row of what was found, by itself."""
    seen = found.seen
    return [
        _Variant(asked, Encoded(seen.tokens[i : i + 1], seen.mask[i : i + 1], seen.pooled[i : i + 1]), hits)
        for i, hits in enumerate(found.hits)
    ]


def _joined(rows: Sequence[Encoded]) -> Encoded:
    """Rows of equal length as one batch."""
    return Encoded(
        tokens=torch.cat([row.tokens for row in rows]),
        mask=torch.cat([row.mask for row in rows]),
        pooled=torch.cat([row.pooled for row in rows]),
    )


def _repeated(row: Encoded, n: int) -> Encoded:
    """One row, n times."""
    return Encoded(row.tokens.expand(n, -1, -1), row.mask.expand(n, -1), row.pooled.expand(n, -1))


def _masked(seen: Encoded) -> Encoded:
    """No picture: every token masked, and a key that is like no other."""
    return Encoded(torch.zeros_like(seen.tokens), torch.zeros_like(seen.mask), torch.zeros_like(seen.pooled))
