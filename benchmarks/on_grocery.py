"""Grocery photos: the product by its picture and its section by the question, products never trained on apart."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from late_vectors import minilm
from ravlm.data.dataset import Dataset
from ravlm.encoders.choose import load_encoder
from ravlm.evaluation.bootstrap import clustered_interval
from ravlm.evaluation.evaluate import questions_of
from ravlm.evaluation.floors import KINDS, floor_recall
from ravlm.evaluation.measures import mean
from ravlm.knowledge.passages import passages
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Example, Hit, Query
from ravlm.retrieval.bm25 import Bm25Retriever
from ravlm.retrieval.dense import DenseRetriever
from ravlm.retrieval.entity_first import EntityFirstRetriever
from ravlm.retrieval.late.retriever import LateInteractionRetriever
from ravlm.retrieval.picture import ImageRetriever
from ravlm.retrieval.queries.compose import compose
from ravlm.retrieval.queries.question import QuestionStep
from ravlm.retrieval.queries.regions import RegionsStep
from ravlm.retrieval.queries.titles import reference_query
from ravlm.retrieval.regions import middle
from ravlm.retrieval.tfidf import TfidfRetriever
from ravlm.safe.images import decode_image, read_image
from recalls import by_group, gain, ranked

GROUPS = ("seen", "unseen")
_AT = (1, 5)
_QUICK = 30
VIEWS: Mapping[str, tuple[Any, ...]] = {
    "whole": ("whole",),
    "centre": ("centre",),
    "whole and centre": ("whole", "centre"),
    "whole, centre and grid": ("whole", "centre", "grid"),
    "centre and attention": ("centre", "attention"),
}


def measure(model: Path, data: Path, quick: bool) -> dict[str, Any]:
    """Recall of the right product of each retriever, and of the right section, over the test photos and questions."""
    dataset, base = Dataset.open(data), KnowledgeBase.open(model)
    questions = _one_a_photo([e for e in questions_of(dataset, "test") if set(GROUPS) & set(e.groups)])
    questions = questions[:: max(1, len(questions) // _QUICK)] if quick else questions
    eye: Any = load_encoder(model / "visual", side="visual")
    image = ImageRetriever.build(base, eye)
    seen = [Query(images=(read_image(dataset.image_path(e.images[0])),), id=e.id) for e in questions]
    views = {name: compose(seen, [RegionsStep(kinds, encoder=eye)]) for name, kinds in VIEWS.items()}
    late = LateInteractionRetriever.build(base, eye)
    found = {f"eye, {name}": ranked(image, queries) for name, queries in views.items()}
    found["late interaction, centre"] = ranked(late, views["centre"])
    gold, groups = [e.entries for e in questions], [_group(e) for e in questions]
    told = {name: by_group(rows, gold, gold, groups, _AT) for name, rows in found.items()}
    told |= {f"{kind}, no learning": _floor(kind, dataset, base, questions) for kind in KINDS}
    asked = [
        Query(e.question or "", (read_image(dataset.image_path(e.images[0])),), e.language, id=e.id) for e in questions
    ]
    made_of = json.loads((model / "config.json").read_text(encoding="utf-8"))["model"]
    return {
        "eye": made_of["visual"],
        "photos": len(questions),
        "questions": len(questions),
        "recall": told | _by_text(base, asked, questions),
        "section": _sections(base, image, asked, questions),
        "late over single": {
            group: gain(*(_part(rows, groups, group) for rows in (*_pair(found), gold, gold)), at=_AT)
            for group in GROUPS
        },
    }


def _one_a_photo(questions: Sequence[Example]) -> list[Example]:
    """One question about every second photo, in turn of those that there are about it."""
    about: dict[str, list[Example]] = {}
    for example in questions:
        about.setdefault(example.images[0], []).append(example)
    return [its[place % len(its)] for place, its in enumerate(about.values())][::2]


def _pair(found: Mapping[str, list[list[str]]]) -> tuple[list[list[str]], list[list[str]]]:
    return found["late interaction, centre"], found["eye, centre"]


def _group(example: Example) -> str:
    return next(group for group in GROUPS if group in example.groups)


def _part(rows: Sequence[Any], groups: Sequence[str], group: str) -> list[Any]:
    return [row for row, name in zip(rows, groups, strict=True) if name == group]


def _floor(kind: Any, dataset: Dataset, base: KnowledgeBase, photos: Sequence[Example]) -> dict[str, Any]:
    """Features without learning, over seen and unseen products."""
    pictures = [(e.id, decode_image(base.picture(image_id))) for e in base.iterate() for image_id in e.images]
    told = {}
    for group in GROUPS:
        some = [e for e in photos if group in e.groups]
        looked = [middle(read_image(dataset.image_path(e.images[0]))) for e in some]
        told[group] = floor_recall(kind, looked, pictures, [e.entries for e in some]) | {"n": len(some)}
    return told


def _by_text(base: KnowledgeBase, asked: Sequence[Query], questions: Sequence[Example]) -> dict[str, Any]:
    """The right product by the question alone: it does not name it, so this is what a picture is needed for."""
    plain = compose(asked, [QuestionStep()])
    encoder: Any = load_encoder(minilm(), side="language")
    retrievers = {
        "bm25": Bm25Retriever.build(base),
        "tfidf": TfidfRetriever.build(base),
        "dense": DenseRetriever.build(base, encoder),
    }
    gold, groups = [e.entries for e in questions], [_group(e) for e in questions]
    return {
        f"question alone, {name}": by_group(ranked(retriever, plain), gold, gold, groups, _AT)
        for name, retriever in retrievers.items()
    }


def _sections(
    base: KnowledgeBase, image: ImageRetriever, asked: Sequence[Query], questions: Sequence[Example]
) -> dict[str, Any]:
    """Product and section in which the answer stands: by entry first, and by the reference query; beside text alone."""
    words = TfidfRetriever.build(base)
    centred = compose(asked, [RegionsStep(("centre",))])
    first = EntityFirstRetriever(image, words, text_weight=0.3)
    rows = {
        "entity, then section": first.search(compose(centred, [QuestionStep()]), 10),
        "reference query": words.search(compose(centred, reference_query(image, base)), 10),
        "question alone": words.search(compose(asked, [QuestionStep()]), 10),
    }
    section = {p.id: p.section for entry in base.iterate() for p in passages(entry)}
    return {name: _with_sections(hits, section, questions) for name, hits in rows.items()}


def _with_sections(
    hits: Sequence[Sequence[Hit]], section: Mapping[str, str], questions: Sequence[Example]
) -> dict[str, Any]:
    gold = [e.entries for e in questions]
    entries = [list(dict.fromkeys(hit.entry_id for hit in row)) for row in hits]
    told = by_group(entries, gold, gold, [_group(e) for e in questions], _AT)
    for group in GROUPS:
        chosen = [i for i, e in enumerate(questions) if group in e.groups]
        clusters = [gold[i] for i in chosen]
        for k in _AT:
            right = [
                float(
                    any(
                        (hit.entry_id, section.get(hit.passage_id or "")) in questions[i].evidence
                        for hit in hits[i][:k]
                    )
                )
                for i in chosen
            ]
            told[group] |= {f"section@{k}": mean(right), f"section@{k} interval": clustered_interval(right, clusters)}
    return told
