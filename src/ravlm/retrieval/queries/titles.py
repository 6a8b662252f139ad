"""What the picture shows, by name: titles and aliases of the entries whose pictures are nearest."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from ravlm.errors import ConfigError, UnknownChoice
from ravlm.knowledge.passages import is_written_as
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Hit, Piece, Query
from ravlm.retrieval.queries.compose import WEIGHTS, Step, checked_count, checked_weight, extended, language_of
from ravlm.retrieval.queries.question import QuestionStep
from ravlm.retrieval.retriever import Retriever

Weighting = Literal["softmax", "rank", "equal"]
WEIGHTINGS: tuple[Weighting, ...] = ("softmax", "rank", "equal")
_TITLE = 2 / 3  # of an entry's weight, where it has aliases too


def reference_query(image_retriever: Retriever, knowledge: KnowledgeBase, *, entries: int = 3) -> tuple[Step, ...]:
    """The mission's reference query: the question, and the titles of the entries whose pictures are nearest.

    It is how retrieval by words alone, such as TF-IDF, takes the picture in. Put a `RegionsStep` before it to look at
    more than whole pictures.
    """
    return QuestionStep(), TitlesStep(image_retriever, knowledge, entries=entries, aliases=False)


class TitlesStep:
    """Adds the names of the entries whose pictures are nearest to the query's views, nearest first.

    Names in the query's language are taken alone where an entry has any: a Chinese question gets the Chinese aliases of
    an entry with an English title. An entry's weight goes to its title, and where aliases are taken beside it, one
    third of it to them together. The origin of a piece is the entry's id.

    The retriever sees the query's views and filters, none of its words. A query without pictures gets no names.

    Args:
        image_retriever: finds entries by pictures.
        knowledge: the base that it searches.
        entries: how many of the nearest count.
        aliases: whether to add these too.
        weight: of all names of a query together.
        weighting: how the entries share it: by "softmax" of score / temperature, by "rank" (1, 1/2, 1/3, ...), or
            "equal".
        temperature: in the scores' unit; 0.05 makes an entry that is nearer by a cosine of 0.05 weigh e times as much.

    Raises:
        ConfigError: `entries` is below 1, or the weight or the temperature not above 0; the retriever reads no
            pictures.
        UnknownChoice: there is no such weighting.
        KnowledgeError: when called, the retriever found an entry that the base does not hold: it is of another version.
    """

    def __init__(
        self,
        image_retriever: Retriever,
        knowledge: KnowledgeBase,
        *,
        entries: int = 3,
        aliases: bool = True,
        weight: float = WEIGHTS["title"],
        weighting: Weighting = "softmax",
        temperature: float = 0.05,
    ) -> None:
        if image_retriever.reads == "words":
            raise ConfigError(
                f"Entries with the nearest pictures were asked for from retrieval by {image_retriever.stage}, which "
                "reads words alone. Give one that reads pictures: image or crossmodal."
            )
        if weighting not in WEIGHTINGS:
            raise UnknownChoice("weighting of the nearest entries", weighting, WEIGHTINGS)
        if not temperature > 0:
            raise ConfigError(f"The temperature is {temperature}. Give a number above 0, in the unit of the scores.")
        self.image_retriever = image_retriever
        self.knowledge = knowledge
        self.entries = checked_count("entries", entries)
        self.aliases = aliases
        self.weight = checked_weight(weight)
        self.weighting = weighting
        self.temperature = temperature

    def __call__(self, queries: Sequence[Query]) -> list[Query]:
        seeing = [replace(query, text="", pieces=query.views) for query in queries if query.views]
        found = iter(self.image_retriever.search(seeing, self.entries))
        hits = [next(found) if query.views else [] for query in queries]
        return extended(queries, [self._pieces(query, row) for query, row in zip(queries, hits, strict=True)])

    def _pieces(self, query: Query, hits: Sequence[Hit]) -> list[Piece]:
        nearest = list({hit.entry_id: hit for hit in reversed(hits)}.values())[::-1]
        pieces = []
        for hit, share in zip(nearest, self._shares(nearest), strict=True):
            pieces += named(self.knowledge.get(hit.entry_id), self.weight * share, language_of(query), self.aliases)
        return pieces

    def _shares(self, hits: Sequence[Hit]) -> list[float]:
        """How the entries share the weight; adds up to 1."""
        scores = [hit.scores[self.image_retriever.stage] for hit in hits]
        best = max(scores, default=0.0)
        if self.weighting == "softmax":
            parts = [math.exp((score - best) / self.temperature) for score in scores]
        else:
            parts = [1 / rank if self.weighting == "rank" else 1.0 for rank in range(1, len(hits) + 1)]
        return [part / sum(parts) for part in parts]


def named(entry: Entry, weight: float, language: str | None, aliases: bool) -> list[Piece]:
    """The names of an entry as pieces that share a weight, those in this language alone where there are any.

    >>> duck = Entry("q3736439", "Duck", aliases=("Ducks", "鸭"))
    >>> [(piece.kind, piece.text, round(piece.weight, 2)) for piece in named(duck, 1.0, "en", aliases=True)]
    [('title', 'Duck', 0.67), ('alias', 'Ducks', 0.33)]
    >>> [(piece.kind, piece.text, round(piece.weight, 2)) for piece in named(duck, 1.0, "zh", aliases=True)]
    [('alias', '鸭', 1.0)]
    """
    names = list(dict.fromkeys(name for name in (entry.title, *entry.aliases) if name.strip()))
    same = [name for name in names if language is not None and is_written_as(name, language)]
    chosen = same or names
    titles = [name for name in chosen if name == entry.title]
    others = [name for name in chosen if name != entry.title and (aliases or not titles)]
    others = others if aliases else others[:1]
    share = (_TITLE if others else 1.0) if titles else 0.0
    pieces = [Piece("title", weight * share, name, origin=entry.id) for name in titles]
    return pieces + [Piece("alias", weight * (1 - share) / len(others), name, origin=entry.id) for name in others]
