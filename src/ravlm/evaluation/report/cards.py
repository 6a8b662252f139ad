"""Which questions are shown, and a question as a card: what was asked, answered and cited, and why it counts."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ravlm.evaluation.report.marking import mark
from ravlm.evaluation.report.pictures import Shown, Thumbnails
from ravlm.evaluation.runs.folder import Run
from ravlm.evaluation.runs.records import CitedPassage, EvidenceKind, RunAnswer
from ravlm.grading import normalise, reference_answer
from ravlm.knowledge.passages import sentence_around

_OTHERS = 3  # next best answers shown
_WORTH_TELLING = 0.005  # probability; less is written 0.00
Verdict = Literal["right", "wrong", "none"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A cited passage, its sentence cut in three: before the answer, the answer, after it."""

    title: str
    section: str
    language: str
    sentence: tuple[str, str, str]
    picture: str | None
    probability: float


@dataclass(frozen=True, slots=True)
class Given:
    """An answer with its verdict: `none` where the model declined, and was not right."""

    text: str
    verdict: Verdict
    confidence: float


@dataclass(frozen=True, slots=True)
class Card:
    """A question as the report shows it.

    `without` is the answer after its evidence was taken away, where that is another one; `weights` are (input, where
    its part of the bar starts, its part); `place` is the right entry's, 0 where it was not found, None where none is
    named.
    """

    question: str
    language: str
    photo: str | None
    right_answer: str
    given: Given
    without: Given | None
    cause: str
    place: int | None
    evidence: tuple[Evidence, ...]
    weights: tuple[tuple[str, float, float], ...]
    others: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """The same question in two runs."""

    first: Card
    second: Card


def main_kind(run: Run) -> EvidenceKind | None:
    """The evidence whose answers are shown: what was retrieved, or the first that there is."""
    return "retrieved" if "retrieved" in run.answers else next(iter(run.answers), None)


def choose_examples(run: Run, kind: EvidenceKind, count: int = 30, seed: int = 0) -> list[int]:
    """Places of the questions to show, the right ones first.

    Half of them are right, from this kind of evidence, and half wrong
    where there are enough of each. They are drawn by the seed, wrong ones from
    every cause in turn, with different photos first.
    """
    photos: set[str] = set()
    fresh: list[int] = []
    again: list[int] = []
    for i in np.random.default_rng(seed).permutation(len(run.questions)).tolist():
        photo = run.questions[i].photo
        (again if photo in photos else fresh).append(i)
        photos.add(photo)
    drawn = [*fresh, *again]
    right = [i for i in drawn if run.outcomes[i].right[kind]]
    wrong = list(_in_turn([i for i in drawn if not run.outcomes[i].right[kind]], lambda i: run.outcomes[i].cause))
    rights = min(len(right), max(count - count // 2, count - len(wrong)))
    return [*right[:rights], *wrong[: count - rights]]


def card(run: Run, i: int, kind: EvidenceKind, shown: Shown) -> Card:
    """The card of the run's question in this place, with its answer from this kind of evidence."""
    example, outcome, answer = run.questions[i].example, run.outcomes[i], run.answers[kind][i]
    total = sum(answer.weights.values()) or 1.0
    start, weights = 0.0, []
    for name, weight in answer.weights.items():
        weights.append((name, start, weight / total))
        start += weight / total
    differs = kind == "retrieved" and not outcome.same.get("removed", True)
    return Card(
        question=example.question or "",
        language=example.language,
        photo=shown.photo(example.images[0]) if example.images else None,
        right_answer=reference_answer(example),
        given=_given(answer, outcome.right[kind]),
        without=_given(run.answers["removed"][i], outcome.right["removed"]) if differs else None,
        cause=outcome.cause if kind == "retrieved" else "",
        place=None if kind != "retrieved" or not outcome.gold else min(outcome.gold_ranks, default=0),
        evidence=tuple(_evidence(cited, run, shown.picture) for cited in answer.citations),
        weights=tuple(weights),
        others=tuple(_others(answer))[:_OTHERS],
    )


def _in_turn(places: Sequence[int], kind: Callable[[int], str]) -> Iterator[int]:
    """One of each kind, then another of each, and so on; in their order within a kind."""
    by_kind: dict[str, list[int]] = defaultdict(list)
    for place in places:
        by_kind[kind(place)].append(place)
    for turn in range(max(map(len, by_kind.values()), default=0)):
        yield from (found[turn] for found in by_kind.values() if turn < len(found))


def _others(answer: RunAnswer) -> Iterator[tuple[str, float]]:
    """The next best answers that are worth telling, with their probabilities."""
    for text, probability in answer.alternatives:
        if probability >= _WORTH_TELLING and normalise(text) != normalise(answer.answer):
            yield text, probability


def _given(answer: RunAnswer, right: bool) -> Given:
    return Given(answer.answer, "right" if right else "none" if answer.abstained else "wrong", answer.confidence)


def _evidence(cited: CitedPassage, run: Run, picture: Thumbnails) -> Evidence:
    passage = run.passages[cited.passage]
    return Evidence(
        title=passage.title,
        section=passage.section,
        language=passage.language,
        sentence=mark(passage.text, cited.span, sentence_around(passage.text, cited.span)),
        picture=None if cited.image is None else picture(cited.image),
        probability=cited.probability,
    )
