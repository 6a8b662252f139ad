"""By entry first: one retriever finds the entries, another ranks the passages of these."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ravlm.errors import ConfigError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Hit, Query
from ravlm.retrieval.fusing import min_max
from ravlm.retrieval.retriever import Contribution, Retriever
from ravlm.retrieval.sharing import hit_id, shared


@dataclass(frozen=True, slots=True)
class _Found:
    """A hit to be, what both steps gave to its score, and their own hits."""

    score: float
    hit: Hit
    entry: tuple[float, Hit]
    passage: tuple[float, Hit] | None


class EntityFirstRetriever(Retriever):
    """The passages of the entries that another retriever finds: a picture says what a thing is, words what is asked.

    A passage's score is (1 - t) e + t p: e is its entry's score among the entries, p its own among their passages, both
    by min-max, t the `text_weight`. Scores of both steps are kept; where both have one of the same name, the passage's
    stands. An entry none of whose passages is found comes as the first step found it, with p = 0.

    Args:
        entries: finds entries; of each the best hit counts.
        passages: ranks passages by words.
        n_entries: how many entries are looked into.
        text_weight: in [0, 1]; near 0 the passages of the first entry stand before those of the second.
        depth: how many hits are taken from each step, or as many as are asked for where that is more.

    Raises:
        ConfigError: a number is out of its range, or the two steps have the same stage.
    """

    stage = "entity"
    reads = "words"

    def __init__(
        self,
        entries: Retriever,
        passages: Retriever,
        *,
        n_entries: int = 10,
        text_weight: float = 0.5,
        depth: int = 100,
    ) -> None:
        if n_entries < 1 or depth < n_entries or not 0 <= text_weight <= 1:
            raise ConfigError(
                f"n_entries is {n_entries}, depth {depth} and text_weight {text_weight}. Look into 1 entry or more, at "
                "a depth of at least as many, with a weight from 0 to 1."
            )
        if len({entries.stage, passages.stage, self.stage}) < 3:
            raise ConfigError(
                f"Entries are found by {entries.stage!r} and their passages by {passages.stage!r}. Give each a stage "
                f"of its own other than {self.stage!r}: retriever.stage = 'another name'."
            )
        self.entries = entries
        self.passages = passages
        self.n_entries = n_entries
        self.text_weight = text_weight
        self.depth = depth

    def _search(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        return [
            [replace(one.hit, rank=rank) for rank, one in enumerate(found[:k], 1)]
            for found in self._found(queries, max(k, self.depth))
        ]

    def explain(self, query: Query, hits: Sequence[Hit]) -> list[list[Contribution]]:
        """For each hit what the pieces gave in each step; the amounts add up to the score.

        The query is searched for again; a hit that is then not found has no contributions.
        """
        depth = max([self.depth, *(hit.rank for hit in hits)])
        found = {hit_id(one.hit): one for one in self._found([query], depth)[0]}
        told: list[list[Contribution]] = [[] for _ in hits]
        for part in (self.entries, self.passages):
            there, given, shares = [], [], []
            for place, hit in enumerate(hits):
                one = found.get(hit_id(hit))
                step = one and (one.entry if part is self.entries else one.passage)
                if one and step:
                    there.append(place)
                    given.append(step[1])
                    shares.append(step[0] * hit.scores[self.stage] / (one.score or 1.0))
            for place, contributions in zip(there, shared(part, query, given, shares), strict=True):
                told[place] += contributions
        return told

    def refresh(self, knowledge: KnowledgeBase) -> bool:
        """Let both steps follow a knowledge base; True when one had something to do."""
        followed = [part.refresh(knowledge) for part in (self.entries, self.passages)]
        return any(followed)

    def fits(self, query: Query) -> bool:
        """Whether both steps can read a query."""
        return self.entries.fits(query) and self.passages.fits(query)

    def _check(self, query: Query, name: str) -> None:
        self.entries._check(query, name)
        self.passages._check(query, name)

    def _found(self, queries: Sequence[Query], depth: int) -> list[list[_Found]]:
        """All that is found for each query, best first, ties by id."""
        tops = [self._top(hits) for hits in self.entries.search(queries, depth)]
        narrow = [
            replace(query, filters=replace(query.filters, entries=tuple(top)))
            for query, top in zip(queries, tops, strict=True)
            if top
        ]
        rows = iter(self.passages.search(narrow, depth))
        return [self._scored(top, next(rows)) if top else [] for top in tops]

    def _top(self, hits: Sequence[Hit]) -> dict[str, Hit]:
        """The best hit of each of the first entries."""
        first: dict[str, Hit] = {}
        for hit in hits:
            first.setdefault(hit.entry_id, hit)
        return dict(list(first.items())[: self.n_entries])

    def _scored(self, top: dict[str, Hit], passages: Sequence[Hit]) -> list[_Found]:
        t = self.text_weight
        e = dict(zip(top, min_max([hit.scores[self.entries.stage] for hit in top.values()]), strict=True))
        p = min_max([hit.scores[self.passages.stage] for hit in passages])
        made = [
            self._one(top[hit.entry_id], (1 - t) * e[hit.entry_id], (t * own, hit))
            for hit, own in zip(passages, p, strict=True)
        ]
        read = {hit.entry_id for hit in passages}
        made += [self._one(hit, (1 - t) * e[entry_id], None) for entry_id, hit in top.items() if entry_id not in read]
        return sorted(made, key=lambda one: (-one.score, hit_id(one.hit)))

    def _one(self, entry: Hit, share: float, passage: tuple[float, Hit] | None) -> _Found:
        own = passage[1] if passage else entry
        score = share + (passage[0] if passage else 0.0)
        image = entry.image_id if own.image_id is None else own.image_id
        scores = {**entry.scores, **own.scores, self.stage: score}
        return _Found(score, Hit(entry.entry_id, own.passage_id, image, 0, scores), (share, entry), passage)
