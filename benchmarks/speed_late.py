"""Late interaction on token vectors of MiniLM, which are looked up: built as from any base, asked by token vectors."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import late_vectors
from late_vectors import FINGERPRINT, POOLED, TOKENS
from made_source import MadeSource
from ravlm.knowledge.build import build
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry
from ravlm.retrieval.late.retriever import LateInteractionRetriever
from speed import K, alone, peak, seconds, spread


def _passages(first: int, last: int) -> list[Entry]:
    """An entry for each passage; its text is the passage's number."""
    return [Entry(f"p{number:07}", "", text=f"p{number:07}") for number in range(first, last)]


class Given:
    """Stands for the encoder where queries are given as token vectors: nothing is encoded, so torch is not needed."""

    origin = revision = None

    def __init__(self, width: int) -> None:
        self.width = width

    def fingerprint(self) -> str:
        """That of `looked.Looked`."""
        return FINGERPRINT

    def tokenize(self, texts: Sequence[str]) -> None:
        """Says that the encoder is one of texts."""
        raise NotImplementedError


def measure(step: str, work: Path, rounds: int) -> dict[str, Any]:
    """One of the steps `exact` (what is right, on all cores), `build` and `serve`."""
    steps = {
        "exact": lambda: {"queries": len(late_vectors.exact(work))},
        "build": lambda: _build(work),
        "serve": lambda: _serve(work, rounds),
    }
    return steps[step]()


def _build(work: Path) -> dict[str, Any]:
    from looked import Looked

    encoder, path, folder = Looked(late_vectors.read(work)), work / "base", work / "index"
    if not path.exists():
        build(MadeSource(len(encoder.vectors.passages), _passages), path)
    base = KnowledgeBase.open(path)
    began = time.perf_counter()
    index = LateInteractionRetriever.build(base, encoder, pooling=POOLED)
    built = time.perf_counter() - began
    index.save(folder)
    told = {name: index.settings()[name] for name in ("engine", "why")}
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    return told | {"build, s": built, "rows": index.rows.count, "size, MB": size, "peak MB": peak()}


def _serve(work: Path, rounds: int) -> dict[str, Any]:
    """One query after the other, given as token vectors."""
    vectors = late_vectors.read(work)
    index = LateInteractionRetriever.load(work / "index", encoder=Given(vectors.passages.shape[2]))
    queries = [query.astype(np.float32) for query in vectors.queries]
    found: list[Any] = []

    def ask(some: slice) -> None:
        found[:] = index.search_tokens(queries[some], K)[0].tolist()

    ask(slice(None))
    rows = [[int(index.rows.entry(row)[1:]) for row in ranked] for ranked in found]
    singles = [taken for _ in range(rounds) for taken in alone(ask, len(queries))]
    right = late_vectors.exact(work)
    shares = [len(set(ranked) & set(wanted)) / K for ranked, wanted in zip(rows, right, strict=True)]
    return {
        "passages": len(vectors.passages),
        "tokens": TOKENS,
        "pooled by": POOLED,
        "queries": len(queries),
        "queries a second": len(queries) / seconds(lambda: ask(slice(None))),
        "one, ms": spread(singles),
        "recall@10 of exact": float(np.mean(shares)),
        "peak MB": peak(),
    }
