"""What retrievers that are made of others need: one id for a hit, and a stage's part in a score told by its pieces."""

from collections.abc import Sequence

from ravlm.records import Hit, Query
from ravlm.retrieval.retriever import Contribution, Retriever


def hit_id(hit: Hit) -> str:
    """What ties are broken by: the passage's id, else the entry's, and behind it the picture's."""
    if hit.passage_id is not None:
        return hit.passage_id
    return hit.entry_id if hit.image_id is None else f"{hit.entry_id}#{hit.image_id}"


def shared(part: Retriever, query: Query, hits: Sequence[Hit], shares: Sequence[float]) -> list[list[Contribution]]:
    """What a retriever says of its hits, with amounts that add up to its share in each hit's score.

    A share is divided among the pieces in proportion to the size of what each gave, evenly where none gave anything.
    """
    told = part.explain(query, hits) if hits else []
    return [_divided(part.stage, query, given, share) for given, share in zip(told, shares, strict=True)]


def _divided(stage: str, query: Query, given: Sequence[Contribution], share: float) -> list[Contribution]:
    given = given or [Contribution(piece, stage, 0.0) for piece in (*query.words, *query.views)]
    total = sum(abs(one.amount) for one in given)
    parts = [abs(one.amount) / total if total else 1 / len(given) for one in given]
    return [Contribution(one.piece, one.stage, share * part) for one, part in zip(given, parts, strict=True)]
