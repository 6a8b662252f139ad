"""The steps in which an index is measured, each to be run in a process of its own (`processes`).

Steps: `build` (time, size, most memory), `bare` (the bare library's), `serve` (loaded and asked, most memory), `beside`
(both in one process, taking turns), `refresh` (after one change).
"""

import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import made_collection
from ravlm.knowledge.build import build
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Query
from ravlm.retrieval.indexed import IndexedRetriever

K = 10
Asking = Callable[[slice], Any]
"""Searches some of the queries: all at once, or one."""
_CHANGES = 5


@dataclass(frozen=True)
class Case:
    """An index to measure.

    `build` and `load` give ours; `bare` gives the bare library's search of the same queries, over the same tokens or
    vectors, and `rows` the numbers of the rows in what that returned. `at_once` queries are a batch, `alone` queries
    are asked one by one. `parts` are other ways to ask ours; `exact` gives the right rows, where ours may miss some.
    """

    build: Callable[[KnowledgeBase], IndexedRetriever]
    load: Callable[[Path], IndexedRetriever]
    bare: Callable[[KnowledgeBase, Path, Sequence[Query]], Asking]
    rows: Callable[[Any], Sequence[Sequence[int]]] = lambda found: found
    at_once: int = 500
    alone: int = 300
    parts: Mapping[str, Callable[[Any, Sequence[Query]], Asking]] = field(default_factory=dict)
    exact: Callable[[Path, Sequence[Query]], Sequence[Sequence[int]]] | None = None


def make_base(work: Path, count: int) -> dict[str, Any]:
    """The base of so many documents, built where it is not there yet."""
    path = work / f"base-{count}"
    if not path.exists():
        build(made_collection.collection(count), path)
    return {"entries": KnowledgeBase.open(path).count()}


def run(case: Case, step: str, work: Path, name: str, count: int, rounds: int) -> dict[str, Any]:
    """One step, in this process."""
    folder, base = work / f"{name}-{count}", KnowledgeBase.open(work / f"base-{count}")
    steps: dict[str, Callable[[], dict[str, Any]]] = {
        "build": lambda: _build(case, base, folder),
        "bare": lambda: _bare(case, base, folder),
        "serve": lambda: _serve(case, folder),
        "beside": lambda: _beside(case, base, folder, rounds),
        "refresh": lambda: _refresh(case, base, folder, count),
    }
    return steps[step]()


def _build(case: Case, base: KnowledgeBase, folder: Path) -> dict[str, Any]:
    began = time.perf_counter()
    index = case.build(base)
    built = time.perf_counter()
    index.save(folder)
    told = {name: index.settings()[name] for name in ("engine", "why")}
    return told | {
        "build, s": built - began,
        "save, s": time.perf_counter() - built,
        "rows": index.rows.count,
        "size, MB": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6,
        "peak MB": peak(),
    }


def _bare(case: Case, base: KnowledgeBase, folder: Path) -> dict[str, Any]:
    queries = made_collection.queries(1)
    began = time.perf_counter()
    case.bare(base, folder, queries)
    return {"build, s": time.perf_counter() - began, "peak MB": peak()}


def _serve(case: Case, folder: Path) -> dict[str, Any]:
    began = time.perf_counter()
    index = case.load(folder)
    loaded = time.perf_counter() - began
    queries = made_collection.queries(case.at_once)
    ask = asking(index, queries)
    for some in (slice(None), slice(0, 1)):
        ask(some)  # what is compiled or remembered is so now
    batch = seconds(lambda: ask(slice(None)))
    singles = alone(ask, min(case.alone, len(queries)))
    return {"load, s": loaded, "queries a second": len(queries) / batch, "one, ms": spread(singles), "peak MB": peak()}


def _beside(case: Case, base: KnowledgeBase, folder: Path, rounds: int) -> dict[str, Any]:
    """Ours and the bare library's by turns: the ratio of batches and the difference of single queries are medians."""
    queries = made_collection.queries(case.at_once)
    index = case.load(folder)
    sides = {"ours": asking(index, queries), **{name: ask(index, queries) for name, ask in case.parts.items()}}
    sides["bare"] = case.bare(base, folder, queries)
    batches: dict[str, list[float]] = {name: [] for name in sides}
    singles: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):  # the first round warms up and does not count
        for name, ask in _turned(sides, number):
            taken = seconds(lambda ask=ask: ask(slice(None)))
            batches[name] += [taken] if number else []
    for place in range(min(case.alone, len(queries))):
        for name, ask in _turned(sides, place):
            singles[name].append(1000 * seconds(lambda ask=ask, at=place: ask(slice(at, at + 1))))
    told: dict[str, Any] = {
        "queries a second": {name: len(queries) / statistics.median(taken) for name, taken in batches.items()},
        "one, ms": {name: spread(taken) for name, taken in singles.items()},
    }
    for name in (*case.parts, "ours"):
        label = "" if name == "ours" else f", {name}"
        ratios = [a / b for a, b in zip(batches[name], batches["bare"], strict=True)]
        more = [a - b for a, b in zip(singles[name], singles["bare"], strict=True)]
        told |= {
            f"of the bare time, batch{label}": statistics.median(ratios),
            f"more for one, ms{label}": statistics.median(more),
        }
    bare = case.rows(sides["bare"](slice(None)))
    ours = [index.rows.of_hits(hits) for hits in sides["ours"](slice(None))]
    told["of the first 10, the same"] = _overlap(ours, bare)
    if case.exact is not None:
        right = case.exact(folder, queries)
        told["recall@10 of exact"] = {"ours": _overlap(ours, right), "bare": _overlap(bare, right)}
    return told


def _turned(sides: Mapping[str, Asking], number: int) -> list[tuple[str, Asking]]:
    """The sides in an order that is turned around every other time."""
    return list(sides.items())[:: -1 if number % 2 else 1]


def _overlap(found: Sequence[Sequence[Any]], right: Sequence[Sequence[int]]) -> float:
    """The share of the right rows that are found."""
    shares = [len({*map(int, a)} & {*map(int, b)}) / max(1, len(b)) for a, b in zip(found, right, strict=True)]
    return statistics.fmean(shares)


def _refresh(case: Case, base: KnowledgeBase, folder: Path, count: int) -> dict[str, Any]:
    """Seconds until an index has followed one changed entry, the change itself not counted; saved, too."""
    index = case.load(folder)
    followed, saved = [], []
    for change in range(_CHANGES + 1):
        words = next(made_collection.documents(0, 1))
        base.upsert([made_collection.entry(count // 2 + change, [*words, f"change{base.version}"])])
        taken = seconds(lambda: index.refresh(base))
        kept = seconds(lambda: index.save(folder))
        if change:
            followed.append(taken)
            saved.append(kept)
    if index.stamp.knowledge != base.fingerprint:
        raise SystemExit(f"{folder.name} did not follow its base")
    return {"refresh, s": statistics.median(followed), "save, s": statistics.median(saved)}


def asking(retriever: Any, queries: Sequence[Query], k: int = K) -> Asking:
    """Ours, as a user calls it."""
    return lambda some: retriever.search(queries[some], k)


def alone(ask: Asking, count: int) -> list[float]:
    """Milliseconds of so many queries, one by one."""
    return [1000 * seconds(lambda at=at: ask(slice(at, at + 1))) for at in range(count)]


def seconds(action: Callable[[], Any]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile."""
    return {"p50": float(np.quantile(values, 0.5)), "p99": float(np.quantile(values, 0.99))}


def peak() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
