"""A model answers a split of a dataset, under one kind of evidence."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from ravlm.answering.answerer import Answerer, Asked, Evidence
from ravlm.data.dataset import Dataset
from ravlm.evaluation.measures import first_rank
from ravlm.evaluation.prior import Prior
from ravlm.evaluation.results import QuestionResult
from ravlm.grading import is_right, reference_answer
from ravlm.records import Answer, Example
from ravlm.safe.images import read_image
from ravlm.tasks.vqa import TargetFinder

_AT_ONCE = 64
Progress = Callable[[str, int, int], None]


def questions_of(dataset: Dataset, split: str) -> list[Example]:
    """The examples of a split that ask something that can be right or wrong."""
    return [e for e in dataset.split(split) if e.question is not None and e.kind != "captions"]


def evaluate(
    answerer: Answerer,
    dataset: Dataset,
    examples: Sequence[Example],
    *,
    evidence: Evidence = "retrieved",
    without: str | None = None,
    progress: Progress = lambda *_: None,
) -> list[QuestionResult]:
    """One result for each example, in their order; see `Answerer.answer` for `evidence` and `without`."""
    finder = TargetFinder(answerer.model.output_layer)
    title = f"answering, {evidence} evidence" if without is None else f"answering without {without}"
    results: list[QuestionResult] = []
    for some in _batches(examples):
        asked = [
            Asked(read_image(dataset.image_path(e.images[0])), e.question or "", e.language, e.entries) for e in some
        ]
        answered = answerer.answer(asked, evidence, without)
        covered = finder.covered(some, answered[0].output.knowledge)
        results += [_result(e, a.answer, a.ranked, c) for e, a, c in zip(some, answered, covered, strict=True)]
        progress(title, len(results), len(examples))
    return results


def evaluate_prior(train: Sequence[Example], examples: Sequence[Example]) -> list[QuestionResult]:
    """What the commonest answer of the most similar training questions would score."""
    prior = Prior.fit(train)
    answers = [Answer(prior.answer(e.question or "", e.language), confidence=0.0) for e in examples]
    return [_result(e, answer, ranked=(), covered=False) for e, answer in zip(examples, answers, strict=True)]


def _batches(examples: Sequence[Example]) -> Iterator[Sequence[Example]]:
    for start in range(0, len(examples), _AT_ONCE):
        yield examples[start : start + _AT_ONCE]


def _result(example: Example, answer: Answer, ranked: tuple[str, ...], covered: bool) -> QuestionResult:
    return QuestionResult(
        id=example.id,
        question=example.question or "",
        image=example.images[0],
        language=example.language,
        groups=example.groups,
        gold_answer=reference_answer(example),
        answer=answer.text,
        right=is_right(example, answer.text),
        confidence=answer.confidence,
        abstained=answer.abstained,
        gold_entries=example.entries,
        ranked=ranked,
        gold_rank=first_rank(ranked, set(example.entries)),
        covered=covered,
        citations=tuple(asdict(citation) for citation in answer.citations),
        weights=dict(answer.weights),
        alternatives=answer.alternatives,
    )
