"""CACM: words, vectors, both together, token vectors; beside the published scores, scored by ir_measures."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ir_measures
from ir_measures import AP, P, R

import cacm
from late_vectors import minilm
from ravlm.encoders.choose import load_encoder
from ravlm.evaluation.bootstrap import clustered_interval
from ravlm.evaluation.measures import mean
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Query
from ravlm.retrieval.bm25 import Bm25Retriever
from ravlm.retrieval.dense import DenseRetriever
from ravlm.retrieval.hybrid import HybridRetriever
from ravlm.retrieval.late.retriever import LateInteractionRetriever
from ravlm.retrieval.retriever import Retriever
from ravlm.retrieval.tfidf import TfidfRetriever
from recalls import ranked

PUBLISHED = {"MAP": 0.3123, "P@30": 0.1942}  # BM25, k1 .9, b .4: published.yaml
WHOLE = "bm25, whole files"
"""As published: with the numbers by which documents cite each other, which the others do not read."""
_MEASURES = {"MAP": AP, "P@30": P @ 30, "recall@10": R @ 10, "recall@100": R @ 100}
_DEPTH = 1000
_FOLDS = 5
Scores = Mapping[str, Mapping[str, float]]
"""By measure, by topic."""


def measure(quick: bool) -> dict[str, Any]:
    """The scores of every retriever, and what joining and token vectors gain, with intervals over topics."""
    judged = cacm.judgements()
    topics = [query for query in cacm.topics() if query.id in judged]
    topics = topics[:6] if quick else topics
    kept = {document for query in topics for document in judged[query.id]} if quick else set()
    texts = {whole: [e for e in cacm.entries(whole=whole) if not quick or e.id in kept] for whole in (True, False)}
    encoder: Any = load_encoder(minilm(), side="language")
    with tempfile.TemporaryDirectory() as folder:
        files = KnowledgeBase.create(Path(folder) / "whole")
        files.upsert(texts[True])
        base = KnowledgeBase.create(Path(folder) / "kb")
        base.upsert(texts[False])
        bm25 = Bm25Retriever.build(base, unit="entry", k1=0.9, b=0.4)
        tfidf = TfidfRetriever.build(base, unit="entry")
        dense = DenseRetriever.build(base, encoder, unit="entry")
        late = LateInteractionRetriever.build(base, encoder, unit="entry")
        pair = [bm25, dense]
        runs = {
            WHOLE: _run(Bm25Retriever.build(files, unit="entry", k1=0.9, b=0.4), topics),
            "bm25": _run(bm25, topics),
            "tfidf": _run(tfidf, topics),
            "dense": _run(dense, topics),
            "late": _run(late, topics),
            "hybrid, reciprocal rank": _run(HybridRetriever(pair, depth=_DEPTH), topics),
            "hybrid, weighted sum": _run(HybridRetriever(pair, method="weighted sum", depth=_DEPTH), topics),
            "hybrid, learned": _learned(pair, topics, judged),
            "hybrid, with late": _run(HybridRetriever([*pair, late], depth=_DEPTH), topics),
        }
    scores = {name: _scores(run, judged, topics) for name, run in runs.items()}
    return {
        "documents": len(texts[False]),
        "topics": len(topics),
        "published": PUBLISHED,
        **{name: _means(found) for name, found in scores.items()},
        "from the published MAP": (mean(scores[WHOLE]["MAP"].values()) or 0.0) - PUBLISHED["MAP"],
        "gains": {
            f"{better} over {worse}": _gain(scores[better], scores[worse])
            for better, worse in (
                *((name, part) for name in runs if name.startswith("hybrid") for part in ("bm25", "dense")),
                ("late", "dense"),
            )
        },
    }


def _run(retriever: Retriever, topics: Sequence[Query]) -> dict[str, list[str]]:
    return dict(zip((query.id for query in topics), ranked(retriever, topics, _DEPTH), strict=True))


def _learned(
    parts: Sequence[Retriever], topics: Sequence[Query], judged: Mapping[str, Mapping[str, int]]
) -> dict[str, list[str]]:
    """Each topic by weights that the topics of the other folds gave."""
    run: dict[str, list[str]] = {}
    for fold in range(_FOLDS):
        rest = [query for place, query in enumerate(topics) if place % _FOLDS != fold]
        plain = HybridRetriever(parts, method="weighted sum", depth=_DEPTH)
        learned = plain.learn(rest, [_right(judged[query.id]) for query in rest])
        run |= _run(learned, topics[fold::_FOLDS])
    return run


def _right(documents: Mapping[str, int]) -> list[str]:
    return [document for document, grade in documents.items() if grade > 0]


def _scores(
    run: Mapping[str, Sequence[str]], judged: Mapping[str, Mapping[str, int]], topics: Sequence[Query]
) -> dict[str, dict[str, float]]:
    """Every measure of every topic; the order is the ranking's own, whatever ties its scores had."""
    falling = {topic: {document: -float(place) for place, document in enumerate(row)} for topic, row in run.items()}
    grades = {query.id: dict(judged[query.id]) for query in topics}
    found: dict[str, dict[str, float]] = {name: {} for name in _MEASURES}
    names = {measure: name for name, measure in _MEASURES.items()}
    for value in ir_measures.iter_calc(list(_MEASURES.values()), grades, falling):
        found[names[value.measure]][value.query_id] = value.value
    return found


def _means(scores: Scores) -> dict[str, Any]:
    found: dict[str, Any] = {name: mean(values.values()) for name, values in scores.items()}
    topics = sorted(scores["MAP"])
    return found | {"MAP interval": clustered_interval([scores["MAP"][topic] for topic in topics], topics)}


def _gain(better: Scores, worse: Scores) -> dict[str, Any]:
    """The mean difference over topics and its paired 95 % interval (bootstrap over topics)."""
    found: dict[str, Any] = {}
    for name in ("MAP", "recall@10", "recall@100"):
        topics = sorted(better[name])
        differences = [better[name][topic] - worse[name][topic] for topic in topics]
        found |= {name: mean(differences), f"{name} interval": clustered_interval(differences, topics)}
    return found
