"""Flags: the reference query (question and titles of the nearest pictures) with TF-IDF, and what it is worth."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import fsum
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ravlm.answering.answerer import Answerer, Asked
from ravlm.data.dataset import Dataset
from ravlm.evaluation.bootstrap import clustered_interval
from ravlm.evaluation.evaluate import evaluate, questions_of
from ravlm.evaluation.measures import macro_average
from ravlm.evaluation.runs.scores import relation_of, relations_of
from ravlm.grading import is_right
from ravlm.records import Example, Hit, Query
from ravlm.retrieval.picture import ImageRetriever
from ravlm.retrieval.queries.compose import compose
from ravlm.retrieval.queries.titles import reference_query
from ravlm.retrieval.regions import middle
from ravlm.retrieval.tfidf import TfidfRetriever
from ravlm.safe.images import read_image
from recalls import recalls

GROUPS = ("seen", "unseen", "unseen_zh")
NAMES = {"question": ("question",), "titles": ("title", "alias")}
"""Kinds of pieces by what they are called here: an alias stands where the title is of another language."""
_PASSAGES = 24  # found for a question
_AT_ONCE = 64


def measure(model: Path, data: Path, quick: bool) -> dict[str, Any]:
    """Accuracy of the model that reads what the reference query found, beside the prior; recall, with each piece."""
    answerer, dataset = Answerer.open(model), Dataset.open(data)
    examples = [e for e in questions_of(dataset, "test") if set(GROUPS) & set(e.groups)]
    examples = examples[:: len(examples) // 40] if quick else examples
    photos = [read_image(dataset.image_path(e.images[0])) for e in examples]
    words = TfidfRetriever.build(answerer.knowledge)
    eye = ImageRetriever.build(answerer.knowledge, answerer.model.visual_encoder)
    asked = [
        Query(e.question or "", (middle(photo),), e.language, id=e.id)
        for e, photo in zip(examples, photos, strict=True)
    ]
    queries = compose(asked, reference_query(eye, answerer.knowledge))
    found = words.search(queries, _PASSAGES)
    answered = evaluate(answerer, dataset, examples, ("prior", "retrieved"))
    texts = {
        "prior": [line.answer for line in answered.answers["prior"]],
        "reference": _read(answerer, examples, photos, found),
        "model": [line.answer for line in answered.answers["retrieved"]],
    }
    relations = relations_of(answered.questions)
    without = {name: words.search([_without(query, name) for query in queries], _PASSAGES) for name in NAMES}
    rankings = {"reference query": found} | {f"without {name}": rows for name, rows in without.items()}
    return {
        "questions": len(examples),
        "accuracy": {group: _accuracy(examples, texts, group, relations) for group in GROUPS},
        "recall": {name: _by_group(examples, rows) for name, rows in rankings.items()},
        "brought by": _brought(words, queries, examples, found),
    }


def _accuracy(
    examples: Sequence[Example], texts: dict[str, list[str]], group: str, relations: Sequence[str]
) -> dict[str, Any]:
    """The macro average over relations of each one's answers, with intervals over entries."""
    chosen = [i for i, e in enumerate(examples) if group in e.groups and relation_of(e.groups) in relations]
    asked, clusters = [relation_of(examples[i].groups) for i in chosen], [examples[i].entries for i in chosen]
    told: dict[str, Any] = {}
    for name, answers in texts.items():
        right = [float(is_right(examples[i], answers[i])) for i in chosen]
        told[name] = macro_average(right, asked)
        told[f"{name} interval"] = clustered_interval(right, clusters, asked)
    return told | {"reference over prior": (told["reference"] or 0.0) - (told["prior"] or 0.0)}


def _by_group(examples: Sequence[Example], found: Sequence[Sequence[Hit]]) -> dict[str, Any]:
    told = {}
    for group in GROUPS:
        chosen = [i for i, example in enumerate(examples) if group in example.groups]
        entries = [list(dict.fromkeys(hit.entry_id for hit in found[i])) for i in chosen]
        gold = [examples[i].entries for i in chosen]
        told[group] = recalls(entries, gold, gold, (1, 5))
    return told


def _without(query: Query, name: str) -> Query:
    return replace(query, pieces=tuple(piece for piece in query.pieces if piece.kind not in NAMES[name]))


def _brought(
    words: TfidfRetriever, queries: Sequence[Query], examples: Sequence[Example], found: Sequence[Sequence[Hit]]
) -> dict[str, float]:
    """The share of each kind of piece: of the questions whose right entry is found, where it gave most to its hit."""
    counts: Counter[str] = Counter()
    for query, example, row in zip(queries, examples, found, strict=True):
        right = next((hit for hit in row if hit.entry_id in example.entries), None)
        if right is not None:
            told = words.explain(query, [right])[0]
            amounts = {name: fsum(c.amount for c in told if c.piece.kind in kinds) for name, kinds in NAMES.items()}
            counts[max(amounts, key=amounts.__getitem__)] += 1
    return {name: counts[name] / counts.total() for name in NAMES}


def _read(
    answerer: Answerer, examples: Sequence[Example], photos: Sequence[Image.Image], found: Sequence[Sequence[Hit]]
) -> list[str]:
    """The model's answers from the passages that were found; what it weighs them by is its own."""
    answers = []
    for at in range(0, len(examples), _AT_ONCE):
        some = examples[at : at + _AT_ONCE]
        asked = [Asked(p, e.question or "", e.language) for p, e in zip(photos[at : at + _AT_ONCE], some, strict=True)]
        seen = answerer.find(asked)
        rows = zip(seen.keys, found[at : at + _AT_ONCE], some, strict=True)
        hits = [_hits(answerer, key, row, example) for key, row, example in rows]
        answers += [answer.text for answer in answerer.answer(asked, seen.seen, hits)]
    return answers


def _hits(answerer: Answerer, key: np.ndarray, found: Sequence[Hit], example: Example) -> list[Hit]:
    """Found passages as the model reads them: behind the pictures of the first entries, with its own scores."""
    retriever = answerer.retriever
    by_entry: dict[str, list[str]] = {}
    for hit in found:
        by_entry.setdefault(hit.entry_id, []).append(hit.passage_id or "")
    hits: list[Hit] = []
    for entry_id in list(by_entry)[: retriever.entries]:
        _, image_id, cosine = retriever.images.compare(key, entry_id)
        fits = retriever.passages.within(entry_id, example.question or "", _PASSAGES * 10, example.language)
        own = {passage.id: score for passage, score in fits}
        if image_id:
            hits.append(Hit(entry_id, None, image_id, len(hits) + 1, {"image": cosine}))
        for passage_id in by_entry[entry_id][: retriever.passages_per_entry]:
            if passage_id in own:
                scores = {"image": cosine, "tfidf": own[passage_id]}
                hits.append(Hit(entry_id, passage_id, image_id or None, len(hits) + 1, scores))
    return hits
