"""A model put to the test on a dataset: beside what guessing, no evidence and the right evidence would give."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ravlm.answering.answerer import MODALITIES, Answerer
from ravlm.data.dataset import Dataset
from ravlm.evaluation.comparison import RELATION, compare, wide
from ravlm.evaluation.evaluate import evaluate, evaluate_prior, questions_of
from ravlm.evaluation.floors import KINDS, floor_recall
from ravlm.evaluation.measures import mean
from ravlm.evaluation.results import QuestionResult
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Example
from ravlm.retrieval.regions import middle
from ravlm.safe.images import decode_image, read_image

Progress = Callable[[str, int, int], None]
MODEL = "model"


@dataclass(frozen=True)
class Modality:
    """What the fusion's mean weight of a modality is, and the accuracy that is left when it is taken away."""

    weight: float | None
    accuracy_without: float | None
    drop: float | None


@dataclass(frozen=True)
class Modalities:
    """The modalities by name, measured on `n` questions, and the accuracy with all of them."""

    accuracy: float | None
    n: int
    by_name: dict[str, Modality]


@dataclass(frozen=True)
class Trial:
    """What came out.

    `answered` are the model's results on every question of the groups, `table` is that of `comparison.compare` with
    the runs prior, none, model and oracle, over `relations`; `floors` hold recall of features without learning by
    kind, on `floor_photos` photos.
    """

    answered: list[QuestionResult]
    relations: list[str]
    table: dict[str, dict[str, Any]]
    floors: dict[str, dict[str, float | None]]
    floor_photos: int
    modalities: Modalities


def run_trial(
    answerer: Answerer,
    dataset: Dataset,
    groups: Sequence[str],
    *,
    closely: str,
    sample: int = 400,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Trial:
    """Answer the test questions of these groups.

    The model answers all of them; without evidence, with the right entry, and the prior answer those of the relations
    with many answers (`comparison.wide`), which alone are compared. Floors and modalities are measured in the group
    `closely`, the modalities on `sample` of its questions, drawn by the seed.
    """
    questions = [e for e in questions_of(dataset, "test") if set(groups) & set(e.groups)]
    answered = evaluate(answerer, dataset, questions, progress=progress)
    relations = wide(answered)
    compared = [e for e in questions if _relation(e) in relations]
    runs = {
        "prior": evaluate_prior(questions_of(dataset, "train"), compared),
        "none": evaluate(answerer, dataset, compared, evidence="none", progress=progress),
        MODEL: answered,
        "oracle": evaluate(answerer, dataset, compared, evidence="oracle", progress=progress),
    }
    photos = {e.images[0]: e for e in questions if closely in e.groups}
    floors = _floors(dataset, answerer.knowledge, list(photos.values()), progress)
    close = [
        (e, r) for e, r in zip(questions, answered, strict=True) if closely in e.groups and _relation(e) in relations
    ]
    drawn = np.random.default_rng(seed).permutation(len(close))[:sample]
    modalities = _modalities(answerer, dataset, [close[i] for i in sorted(drawn)], progress)
    return Trial(answered, relations, compare(runs, groups, MODEL), floors, len(photos), modalities)


def _relation(example: Example) -> str:
    return next((name.removeprefix(RELATION) for name in example.groups if name.startswith(RELATION)), "")


def _floors(
    dataset: Dataset, knowledge: KnowledgeBase, examples: Sequence[Example], progress: Progress
) -> dict[str, dict[str, float | None]]:
    """Recall of the right entry by plain features of the photo, against every picture in the base."""
    base = [(e.id, decode_image(knowledge.picture(image_id))) for e in knowledge.iterate() for image_id in e.images]
    photos = [middle(read_image(dataset.image_path(e.images[0]))) for e in examples]  # as the model looks at them
    gold = [e.entries for e in examples]
    floors: dict[str, dict[str, float | None]] = {}
    for done, kind in enumerate(KINDS):
        progress("finding entries without learning", done, len(KINDS))
        floors[kind] = floor_recall(kind, photos, base, gold)
    progress("finding entries without learning", len(KINDS), len(KINDS))
    return floors


def _modalities(
    answerer: Answerer, dataset: Dataset, pairs: Sequence[tuple[Example, QuestionResult]], progress: Progress
) -> Modalities:
    accuracy = mean(result.right for _, result in pairs)
    found = {}
    for name in MODALITIES:
        without = evaluate(answerer, dataset, [example for example, _ in pairs], without=name, progress=progress)
        left = mean(result.right for result in without)
        drop = None if accuracy is None or left is None else accuracy - left
        found[name] = Modality(mean(_weights(pairs, name)), left, drop)
    return Modalities(accuracy, len(pairs), found)


def _weights(pairs: Sequence[tuple[Example, QuestionResult]], name: str) -> Iterator[float]:
    return (result.weights[name] for _, result in pairs if name in result.weights)


def draw_examples(results: Sequence[QuestionResult], languages: Sequence[str], seed: int = 0) -> list[QuestionResult]:
    """One result for each language, drawn by the seed, right or wrong as it comes; no photo and no relation twice."""
    drawn: list[QuestionResult] = []
    order = [results[i] for i in np.random.default_rng(seed).permutation(len(results))]
    for language in languages:
        used = {(result.image, name) for result in drawn for name in result.groups if name.startswith(RELATION)}
        images, relations = {image for image, _ in used}, {name for _, name in used}
        fits = (r for r in order if r.language == language and r.image not in images and not relations & set(r.groups))
        drawn += [result for result in [next(fits, None)] if result is not None]
    return drawn
