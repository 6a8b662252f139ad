"""A model answers questions of a dataset under several kinds of evidence; what was asked, read and answered is kept."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from ravlm.answering.answerer import Answerer, Asked, Found
from ravlm.data.dataset import Dataset
from ravlm.errors import TrainingError
from ravlm.evaluation.attribution.stating import support
from ravlm.evaluation.evidence import hits_of
from ravlm.evaluation.prior import Prior
from ravlm.evaluation.runs.records import (
    EVIDENCE,
    AskedQuestion,
    CitedPassage,
    EvidenceKind,
    QueryPiece,
    ReadHit,
    RunAnswer,
    RunPassage,
)
from ravlm.grading import normalise
from ravlm.knowledge.passages import passages
from ravlm.knowledge.rows import picture_id
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Answer, Example, Hit, Passage, Wanted
from ravlm.safe.images import decode_image, read_image_bytes
from ravlm.tasks.captioning import prompted

AT_ONCE = 64  # questions a batch
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Observed:
    """What an evaluation saw: the lines of a run; see `runs.records`. Answers are in the order of the questions."""

    questions: list[AskedQuestion]
    passages: dict[str, RunPassage]
    answers: dict[EvidenceKind, list[RunAnswer]]


def questions_of(dataset: Dataset, split: str, groups: Sequence[str] = (), *, describes: bool = False) -> list[Example]:
    """The examples of a split that ask what can be right or wrong; of these groups alone, where any are given.

    A model that `describes` is asked for captions too, with its prompt where the example has no question.
    """
    examples = dataset.split(split)
    asked = [prompted(e) for e in examples] if describes else [e for e in examples if e.kind != "captions"]
    return [e for e in asked if not groups or set(groups) & set(e.groups)]


def evaluate(
    answerer: Answerer,
    dataset: Dataset,
    examples: Sequence[Example],
    kinds: Sequence[EvidenceKind] = EVIDENCE,
    *,
    progress: Progress = lambda *_: None,
) -> Observed:
    """Answer each example once for each kind of evidence; see `evidence.hits_of` for what is read.

    A picture is looked at once for all kinds. Kind `removed` says something beside `retrieved` alone, which is answered
    with it.
    The prior is that of the dataset's train split, and left out where it has none.
    """
    kinds = [kind for kind in EVIDENCE if kind in kinds or (kind == "retrieved" and "removed" in kinds)]
    known = _Base(answerer.knowledge, examples)
    questions: list[AskedQuestion] = []
    answers: dict[EvidenceKind, list[RunAnswer]] = {kind: [] for kind in kinds if kind != "prior"}
    for some in _batches(examples):
        bytes_of = [read_image_bytes(dataset.image_path(e.images[0])) for e in some]
        asked = [
            Asked(decode_image(b), e.question or "", e.language, Wanted(choices=e.choices))
            for b, e in zip(bytes_of, some, strict=True)
        ]
        began = time.perf_counter()
        found = answerer.find(asked)
        seconds = (time.perf_counter() - began) / len(some)
        fresh = [
            AskedQuestion(e, picture_id(b), known.names(e), known.support(e, hits))
            for e, b, hits in zip(some, bytes_of, found.hits, strict=True)
        ]
        questions += fresh
        for kind, given in _answer(answerer, asked, found, fresh, list(answers), seconds).items():
            known.note(given)
            answers[kind] += given
        progress("answering", len(questions), len(examples))
    if "prior" in kinds and "train" in dataset.splits:
        learnt = questions_of(dataset, "train", describes=answerer.describes)
        answers = {"prior": prior_answers(learnt, examples), **answers}
    return Observed(questions, known.read(), answers)


def prior_answers(train: Sequence[Example], examples: Sequence[Example]) -> list[RunAnswer]:
    """The commonest answer of the most similar training questions, for each example; see `prior.Prior`."""
    prior = Prior.fit(train)
    return [RunAnswer(e.id, prior.answer(e.question or "", e.language), 0.0, abstained=False) for e in examples]


def _batches(examples: Sequence[Example]) -> Iterator[Sequence[Example]]:
    for start in range(0, len(examples), AT_ONCE):
        yield examples[start : start + AT_ONCE]


def _answer(
    answerer: Answerer,
    asked: Sequence[Asked],
    found: Found,
    questions: Sequence[AskedQuestion],
    kinds: Iterable[EvidenceKind],
    finding: float,
) -> dict[EvidenceKind, list[RunAnswer]]:
    """A batch's answers under each kind of evidence; `finding` is how long each question's search took, in seconds."""
    given: dict[EvidenceKind, list[RunAnswer]] = {}
    for kind in kinds:
        began = time.perf_counter()
        hits = hits_of(
            kind,
            answerer.retriever,
            asked,
            found,
            gold=[set(q.example.entries) for q in questions],
            support=[set(q.support) for q in questions],
        )
        answers = answerer.answer(asked, found.seen, hits)
        seconds = {"find": finding, "answer": (time.perf_counter() - began) / len(asked)}
        lines = [_line(q.example.id, answer, seconds) for q, answer in zip(questions, answers, strict=True)]
        if kind == "retrieved":
            lines = [replace(line, **_query(answerer, asked[i], found.ranked[i])) for i, line in enumerate(lines)]
        given[kind] = lines
    return given


def _query(answerer: Answerer, asked: Asked, ranked: Sequence[tuple[str, str, float]]) -> dict[str, Any]:
    """What was asked of the retriever, and the entries that it ranked."""
    return {
        "pieces": tuple(QueryPiece(p.kind, p.weight, p.text, p.origin) for p in answerer.pieces(asked)),
        "ranked": tuple((entry_id, score) for entry_id, _, score in ranked),
    }


def _line(name: str, answer: Answer, seconds: Mapping[str, float]) -> RunAnswer:
    if not isfinite(answer.confidence + sum(answer.weights.values())):
        raise TrainingError(
            f"The model's confidence in its answer to {name!r}, or a weight, is no number: it is damaged, or its "
            "training diverged. Train it again, with a smaller learning rate."
        )
    return RunAnswer(
        id=name,
        answer=answer.text,
        confidence=answer.confidence,
        abstained=answer.abstained,
        hits=tuple(_read(hit) for hit in answer.hits),
        citations=tuple(CitedPassage(c.passage_id, c.span, c.image_id, c.probability) for c in answer.citations),
        alternatives=answer.alternatives,
        weights=dict(answer.weights),
        timings={step: round(value, 6) for step, value in seconds.items()},
    )


def _read(hit: Hit) -> ReadHit:
    scores = {stage: round(score, 6) for stage, score in hit.scores.items()}
    return ReadHit(hit.entry_id, hit.passage_id, hit.image_id if hit.passage_id is None else None, scores)


class _Base:
    """What the knowledge base says of questions and answers: support, other names, and the passages that were met."""

    def __init__(self, knowledge: KnowledgeBase, examples: Sequence[Example]) -> None:
        self._knowledge = knowledge
        self._cut: dict[str, dict[str, Passage]] = {}
        self._titles: dict[str, str] = {}
        self._met: dict[str, None] = {}
        self._names = _other_names(knowledge, {normalise(answer) for e in examples for answer in e.answers})

    def names(self, example: Example) -> tuple[str, ...]:
        """Other names of what its right answers name."""
        given = {normalise(answer) for answer in example.answers}
        found = {name for answer in given for name in self._names[answer]}
        return tuple(sorted(name for name in found if normalise(name) not in given))

    def support(self, example: Example, hits: Sequence[Hit]) -> tuple[str, ...]:
        """The passages of its right entries that support a right answer; they are kept with the run.

        Where it names no entry, those of its hits that state one.
        """
        there = [entry_id for entry_id in example.entries if entry_id in self._knowledge]
        some = [passage for entry_id in there for passage in self._passages(entry_id).values()]
        if not example.entries:
            read = dict.fromkeys(hit.passage_id for hit in hits if hit.passage_id is not None)
            some = [self._passages(name.rpartition("#")[0])[name] for name in read]
        found = support(example, some)
        self._met.update(dict.fromkeys(found))
        return found

    def note(self, answers: Iterable[RunAnswer]) -> None:
        """Keep the passages that were read."""
        self._met.update(dict.fromkeys(hit.passage for answer in answers for hit in answer.hits if hit.passage))

    def read(self) -> dict[str, RunPassage]:
        """Every passage that was kept, by its id, in their order."""
        found = {}
        for passage_id in sorted(self._met):
            entry_id = passage_id.rpartition("#")[0]
            passage = self._passages(entry_id)[passage_id]
            found[passage_id] = RunPassage(
                passage_id, entry_id, self._titles[entry_id], passage.section, passage.language, passage.text
            )
        return found

    def _passages(self, entry_id: str) -> dict[str, Passage]:
        if entry_id not in self._cut:
            entry = self._knowledge.get(entry_id)
            self._titles[entry_id] = entry.title
            self._cut[entry_id] = {passage.id: passage for passage in passages(entry)}
        return self._cut[entry_id]


def _other_names(knowledge: KnowledgeBase, wanted: set[str]) -> dict[str, set[str]]:
    """For each wanted name, normalised, the titles and other names of every entry that bears it."""
    found: dict[str, set[str]] = defaultdict(set)
    for entry in knowledge.iterate():
        names = [name for name in (entry.title, *entry.aliases) if name]
        for name in wanted.intersection(map(normalise, names)):
            found[name].update(names)
    return found
