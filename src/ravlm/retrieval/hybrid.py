"""Several retrievers as one: their ranked lists are joined, by reciprocal rank or by a weighted sum of their scores."""

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from math import isfinite
from typing import Literal, get_args

import numpy as np

from ravlm.errors import ConfigError, QuestionError, UnknownChoice
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Hit, Query
from ravlm.retrieval.fusing import K, min_max, reciprocal_ranks, weighted_sum, z_scores
from ravlm.retrieval.retriever import Contribution, Retriever
from ravlm.retrieval.sharing import hit_id, shared
from ravlm.retrieval.weights import learn_weights

Method = Literal["reciprocal rank", "weighted sum"]
Normalisation = Literal["min-max", "z-score"]
Join = Literal["hit", "entry"]
Key = tuple[str, str]
Lists = Mapping[str, Sequence[Hit]]


class HybridRetriever(Retriever):
    """Joins what its retrievers find; each hit keeps the score of every stage that found it.

    A query is given to those retrievers that can read it. What a stage does not list counts 0 for it: nothing by
    reciprocal rank, as much as its last hit by min-max, two deviations below the mean by z-score.

    Args:
        retrievers: each with a `stage` of its own.
        method: how lists are joined (`ravlm.retrieval.fusing`).
        weights: by stage; without them all count alike: 1 each by reciprocal rank, and in a weighted sum 1 in all.
        join: what is the same thing in two lists. By "hit" the same passage, picture or entry; by "entry" the same
            entry, whose rank in a list is that of its best hit, and which comes with the passage and the picture that
            counted most. Without it, by entry where a retriever looks at pictures (they are of the entry, not of a
            passage), else by hit.
        rank_constant: the k of reciprocal ranks.
        normalise: how a list's scores become comparable in a weighted sum.
        lowest: by stage, the least score that it can give, for min-max; without it, the least of the list.
        depth: how many hits are taken from each, or as many as are asked for where that is more.

    Raises:
        ConfigError: there is no retriever, two have the same stage, the weights don't fit the stages, or a number is
            out of its range.
        UnknownChoice: there is no such method, normalisation or way of joining.
    """

    stage = "hybrid"
    reads = "words or views"

    def __init__(
        self,
        retrievers: Sequence[Retriever],
        *,
        method: Method = "reciprocal rank",
        weights: Mapping[str, float] | None = None,
        join: Join | None = None,
        rank_constant: float = K,
        normalise: Normalisation = "min-max",
        lowest: Mapping[str, float] | None = None,
        depth: int = 100,
    ) -> None:
        self.retrievers = tuple(retrievers)
        stages = [part.stage for part in self.retrievers]
        if not stages or len({*stages, self.stage}) <= len(stages):
            raise ConfigError(
                f"A hybrid retriever was asked for of {', '.join(stages) or 'no retrievers'}. Give one or more, each "
                f"with a stage of its own other than {self.stage!r}: retriever.stage = 'another name'."
            )
        alike = 1.0 if method == "reciprocal rank" else 1 / len(stages)
        join = join or ("hit" if all(part.reads == "words" for part in self.retrievers) else "entry")
        _check("method of joining", method, get_args(Method))
        _check("normalisation", normalise, get_args(Normalisation))
        _check("way of joining hits", join, get_args(Join))
        if depth < 1 or not rank_constant > 0:
            raise ConfigError(f"depth is {depth} and rank_constant {rank_constant}. Both must be above 0.")
        self.method, self.normalise, self.join = method, normalise, join
        self.weights = _checked(weights, stages) if weights is not None else dict.fromkeys(stages, alike)
        self.rank_constant, self.lowest, self.depth = rank_constant, dict(lowest or {}), depth

    def learn(self, queries: Sequence[Query], relevant: Sequence[Collection[str]]) -> "HybridRetriever":
        """The same retriever with weights learned from queries and the ids of the entries that answer each.

        They add up to 1 (see `learn_weights`) and stand in `weights` as plain numbers.

        Raises:
            ConfigError: there are more queries than answers to them, or fewer, or nothing can be learned.
            QuestionError: a query has nothing that a retriever reads.
        """
        if len(queries) != len(relevant):
            raise ConfigError(
                f"{len(queries)} queries came with {len(relevant)} sets of entries. Give one set a query."
            )
        for number, query in enumerate(queries):
            self._check(query, query.id or f"number {number + 1}")
        values, right = [], []
        for lists, wanted in zip(self._lists(queries, self.depth), relevant, strict=True):
            listed = self._listed(lists)
            of_stage = self._values(listed)
            entries = {key: hit.entry_id for hits in listed.values() for key, hit in hits.items()}
            rows = [[of_stage.get(stage, {}).get(key, 0.0) for stage in self.weights] for key in entries]
            values.append(np.array(rows, dtype=np.float64).reshape(len(rows), len(self.weights)))
            right.append(np.array([entry_id in wanted for entry_id in entries.values()], dtype=np.bool_))
        made = copy(self)
        made.weights = dict(zip(self.weights, learn_weights(values, right), strict=True))
        return made

    def _search(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        return [self._joined(lists, k) for lists in self._lists(queries, max(k, self.depth))]

    def explain(self, query: Query, hits: Sequence[Hit]) -> list[list[Contribution]]:
        """For each hit what the pieces gave in each stage; the amounts add up to the fused score.

        A stage's share in the score is divided among its pieces as the stage itself explains the hit. The query is
        searched for again; a hit that is then not found has no contributions.
        """
        depth = max([self.depth, *(hit.rank for hit in hits)])
        listed = self._listed(self._lists([query], depth)[0])
        values = self._values(listed)
        fused = self._fused(values)
        told: list[list[Contribution]] = [[] for _ in hits]
        for part in self.retrievers:
            stage = part.stage
            there = [place for place, hit in enumerate(hits) if self._key(hit) in listed.get(stage, {})]
            keys = [self._key(hits[place]) for place in there]
            shares = [
                self.weights[stage] * values[stage][key] * hits[place].scores[self.stage] / (fused[key] or 1.0)
                for place, key in zip(there, keys, strict=True)
            ]
            given = shared(part, query, [listed[stage][key] for key in keys], shares)
            for place, one in zip(there, given, strict=True):
                told[place] += one
        return told

    def refresh(self, knowledge: KnowledgeBase) -> bool:
        """Let every retriever follow a knowledge base; True when one had something to do."""
        followed = [part.refresh(knowledge) for part in self.retrievers]
        return any(followed)

    def fits(self, query: Query) -> bool:
        """Whether one of the retrievers can read a query."""
        return any(part.fits(query) for part in self.retrievers)

    def _check(self, query: Query, name: str) -> None:
        if not self.fits(query):
            needs = ", ".join(f"{part.stage} {part.reads}" for part in self.retrievers)
            has = " and ".join(what for what, there in (("words", query.words), ("views", query.views)) if there)
            raise QuestionError(
                f"The query {name!r} has {has or 'neither words nor views of a picture'}, which no part of the hybrid "
                f"reads: {needs}. Give it what one of them reads, or add a retriever."
            )

    def _lists(self, queries: Sequence[Query], depth: int) -> list[dict[str, list[Hit]]]:
        """For each query the hits of each stage that can read it."""
        found: list[dict[str, list[Hit]]] = [{} for _ in queries]
        for part in self.retrievers:
            fitting = [place for place, query in enumerate(queries) if part.fits(query)]
            for place, hits in zip(fitting, part.search([queries[at] for at in fitting], depth), strict=True):
                found[place][part.stage] = hits
        return found

    def _listed(self, lists: Lists) -> dict[str, dict[Key, Hit]]:
        """For each stage the things that it lists, in its order, with its best hit of each."""
        listed: dict[str, dict[Key, Hit]] = {}
        for stage, hits in lists.items():
            first = listed[stage] = {}
            for hit in hits:
                first.setdefault(self._key(hit), hit)
        return listed

    def _values(self, listed: Mapping[str, Mapping[Key, Hit]]) -> dict[str, dict[Key, float]]:
        """For each stage the values of what it lists."""
        return {
            stage: dict(zip(first, self._normal(stage, first.values()), strict=True)) for stage, first in listed.items()
        }

    def _normal(self, stage: str, hits: Collection[Hit]) -> list[float]:
        if self.method == "reciprocal rank":
            return reciprocal_ranks(len(hits), self.rank_constant)
        scores = [hit.scores[stage] for hit in hits]
        return z_scores(scores) if self.normalise == "z-score" else min_max(scores, self.lowest.get(stage))

    def _fused(self, values: Mapping[str, Mapping[Key, float]]) -> dict[Key, float]:
        return weighted_sum(list(values.values()), [self.weights[stage] for stage in values])

    def _joined(self, lists: Lists, k: int) -> list[Hit]:
        listed = self._listed(lists)
        values = self._values(listed)
        fused = self._fused(values)
        best = sorted(fused, key=lambda key: (-fused[key], key))[:k]
        made = []
        for rank, key in enumerate(best, 1):
            by_stage = {stage: hits[key] for stage, hits in listed.items() if key in hits}
            most = sorted(by_stage, key=lambda stage: -self.weights[stage] * values[stage][key])
            made.append(self._hit(by_stage, [by_stage[stage] for stage in most], rank, fused[key]))
        return made

    def _hit(self, by_stage: Mapping[str, Hit], hits: Sequence[Hit], rank: int, score: float) -> Hit:
        """One hit of those of several stages, with the passage and the picture of the first of `hits` that has one."""
        passage = next((hit.passage_id for hit in hits if hit.passage_id is not None), None)
        image = next((hit.image_id for hit in hits if hit.image_id is not None), None)
        scores = {name: value for hit in by_stage.values() for name, value in hit.scores.items()}
        scores |= {stage: hit.scores[stage] for stage, hit in by_stage.items()}
        return Hit(hits[0].entry_id, passage, image, rank, scores | {self.stage: score})

    def _key(self, hit: Hit) -> Key:
        return (hit.entry_id, "") if self.join == "entry" else (hit_id(hit), hit.entry_id)


def _check(what: str, asked: str, allowed: Sequence[str]) -> None:
    if asked not in allowed:
        raise UnknownChoice(what, asked, allowed)


def _checked(weights: Mapping[str, float], stages: Sequence[str]) -> dict[str, float]:
    """Weights in the order of the stages."""
    fit = (
        set(weights) == set(stages) and all(isfinite(w) and w >= 0 for w in weights.values()) and any(weights.values())
    )
    if not fit:
        raise ConfigError(
            f"The weights are {dict(weights)}, and the stages {', '.join(stages)}. Give each stage a weight of 0 or "
            "more, not all of them 0."
        )
    return {stage: float(weights[stage]) for stage in stages}
