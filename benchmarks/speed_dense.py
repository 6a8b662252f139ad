"""Retrieval by vectors to be measured, by each structure, beside bare faiss; and joined with words.

Queries' vectors are given: each retriever remembers those of the last 256 texts, and no more are asked.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np

import made_collection
from made_encoder import MadeEncoder
from ravlm.records import Query
from ravlm.retrieval.bm25 import Bm25Retriever
from ravlm.retrieval.dense import DenseRetriever
from ravlm.retrieval.folder import look
from ravlm.retrieval.hybrid import HybridRetriever
from ravlm.retrieval.vectors.store import Vectors
from ravlm.retrieval.vectors.structures import build, choose
from speed import Asking, Case, K, alone, asking, peak, seconds, spread

STRUCTURES = ("flat", "hnsw", "ivf", "rabitq")
_ASKED = 200
_CANDIDATES = {"ivf": 100, "rabitq": 200}  # that our search takes of its codes for 10 hits


def cases() -> dict[str, Case]:
    """By name."""
    return {f"dense, {name}": _case(name) for name in STRUCTURES}


def hybrid(work: Path, count: int) -> dict[str, Any]:
    """BM25 and vectors joined by reciprocal rank, one query after the other, beside each alone."""
    encoder = MadeEncoder()
    words = Bm25Retriever.load(work / f"bm25-{count}")
    vectors = DenseRetriever.load(work / f"{best(count)}-{count}", encoder=encoder)
    queries = made_collection.queries(_ASKED)
    told: dict[str, Any] = {"of": ["bm25", best(count)]}
    for name, retriever in {
        "hybrid": HybridRetriever([words, vectors]),
        "bm25, 100 hits": words,
        "dense, 100 hits": vectors,
    }.items():
        deep = 100 if retriever in (words, vectors) else K
        ask = asking(retriever, queries, deep)
        ask(slice(None))
        batch = len(queries) / seconds(lambda ask=ask: ask(slice(None)))
        found = {"queries a second": batch, "one, ms": spread(alone(ask, _ASKED))}
        told |= found if name == "hybrid" else {name: found}
    return told | {"peak MB": peak()}


def best(count: int) -> str:
    """The structure that is chosen for so many rows where memory is no matter."""
    return f"dense, {choose('auto', count, made_collection.WIDTH, None).structure}"


def _case(structure: str) -> Case:
    return Case(
        lambda base: DenseRetriever.build(base, MadeEncoder(), structure=structure),
        lambda folder: DenseRetriever.load(folder, encoder=MadeEncoder()),
        lambda base, folder, queries: bare(structure, vectors_in(folder), asked(queries)),
        at_once=_ASKED,
        alone=_ASKED,
        parts={"rows alone": lambda index, queries: _rows_alone(index, asked(queries))},
        exact=lambda folder, queries: bare("flat", vectors_in(folder), asked(queries))(slice(None)),
    )


def _rows_alone(index: Any, vectors: made_collection.Vectors) -> Asking:
    """Ours, from vectors to rows: no hits are made."""
    return lambda some: index.search_vectors(vectors[some], K)[0]


def vectors_in(folder: Path) -> made_collection.Vectors:
    """The vectors that our index keeps, in memory."""
    return np.fromfile(folder / look(folder).files["texts-vectors-0"], "<f4").reshape(-1, made_collection.WIDTH)


def asked(queries: Sequence[Query]) -> made_collection.Vectors:
    """The vectors of queries."""
    encoder = MadeEncoder()
    return encoder(encoder.tokenize([query.text for query in queries])).pooled.numpy()


def bare(structure: str, vectors: made_collection.Vectors, queries: made_collection.Vectors) -> Asking:
    """Faiss alone: the same structure and parameters; where ours goes on from codes to vectors, so does faiss."""
    faiss.omp_set_num_threads(1)
    options: Any = None
    if structure == "flat":
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
    elif structure == "hnsw":
        index = build("hnsw", Vectors(vectors.shape[1], [vectors]))
        options = faiss.SearchParametersHNSW(efSearch=64)
    else:
        index = build(structure, Vectors(vectors.shape[1], [vectors]))
        lists = faiss.extract_index_ivf(index).nlist
        probes = min(lists, max(32, lists // 64))
        graph = faiss.SearchParametersHNSW(efSearch=2 * probes)
        if structure == "ivf":
            index = faiss.IndexRefineFlat(index, faiss.swig_ptr(vectors))
            within = faiss.SearchParametersIVF(nprobe=probes, quantizer_params=graph)
        else:
            within = faiss.IVFRaBitQSearchParameters(nprobe=probes, quantizer_params=graph)
        options = faiss.IndexRefineSearchParameters(k_factor=_CANDIDATES[structure] / K, base_index_params=within)
    kept = vectors  # what faiss only points at

    def search(some: slice) -> Any:
        return index.search(queries[some], K, params=options)[1] if len(kept) else None

    return search
