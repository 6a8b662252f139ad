"""What the benchmarks of effectiveness share: rankings of entries, and recall with its interval."""

from collections.abc import Collection, Hashable, Sequence
from typing import Any

from ravlm.evaluation.bootstrap import clustered_interval
from ravlm.evaluation.measures import first_rank, mean
from ravlm.records import Query
from ravlm.retrieval.retriever import Retriever

AT = (1, 5, 10)
_ONCE = 256  # queries searched together


def ranked(retriever: Retriever, queries: Sequence[Query], hits: int = 40) -> list[list[str]]:
    """The different entries among the first hits of each query, best first."""
    found: list[list[str]] = []
    for at in range(0, len(queries), _ONCE):
        for row in retriever.search(queries[at : at + _ONCE], hits):
            found.append(list(dict.fromkeys(hit.entry_id for hit in row)))
    return found


def recalls(
    rankings: Sequence[Sequence[str]],
    gold: Sequence[Collection[str]],
    clusters: Sequence[Hashable],
    at: Sequence[int] = AT,
) -> dict[str, Any]:
    """Recall at several depths, each with its 95 % interval (bootstrap over clusters)."""
    ranks = [first_rank(row, right) for row, right in zip(rankings, gold, strict=True)]
    found: dict[str, Any] = {"n": len(ranks)}
    for k in at:
        values = [float(rank is not None and rank <= k) for rank in ranks]
        found |= {f"recall@{k}": mean(values), f"recall@{k} interval": clustered_interval(values, clusters)}
    return found


def by_group(
    rankings: Sequence[Sequence[str]],
    gold: Sequence[Collection[str]],
    clusters: Sequence[Hashable],
    groups: Sequence[str],
    at: Sequence[int] = AT,
) -> dict[str, Any]:
    """`recalls` over all queries and over those of each group."""
    made = {"all": recalls(rankings, gold, clusters, at)}
    for name in sorted(set(groups)):
        chosen = [i for i, group in enumerate(groups) if group == name]
        made[name] = recalls(*([column[i] for i in chosen] for column in (rankings, gold, clusters)), at)
    return made


def gain(
    better: Sequence[Sequence[str]],
    worse: Sequence[Sequence[str]],
    gold: Sequence[Collection[str]],
    clusters: Sequence[Hashable],
    at: Sequence[int] = (1, 5),
) -> dict[str, Any]:
    """What one ranking has more in recall than another, with the paired interval (bootstrap over clusters)."""
    found: dict[str, Any] = {}
    for k in at:
        values = [
            float(bool(set(right) & set(a[:k]))) - float(bool(set(right) & set(b[:k])))
            for a, b, right in zip(better, worse, gold, strict=True)
        ]
        found |= {f"recall@{k}": mean(values), f"recall@{k} interval": clustered_interval(values, clusters)}
    return found
