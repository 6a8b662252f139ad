"""Words to pictures and pictures to words, in the one space of a joint encoder (Radford et al. 2021, CLIP)."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np

from ravlm.encoders.features.cache import FeatureCache
from ravlm.errors import ConfigError, UnknownChoice
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Hit, Query
from ravlm.retrieval.dense import TextUnit
from ravlm.retrieval.folder import Stamp
from ravlm.retrieval.keys import Keys
from ravlm.retrieval.retriever import Contribution, Progress
from ravlm.retrieval.rows import Unit
from ravlm.retrieval.vectors.entries import Ask, best_entries, hits_of, nearest_within
from ravlm.retrieval.vectors.retriever import VectorRetriever
from ravlm.retrieval.vectors.side import Side


class CrossModalRetriever(VectorRetriever):
    """Entries by what the query has and the other kind of what they have: one hit an entry.

    The query's words (one vector, as in `DenseRetriever`) are compared with the entries' pictures, each of its views
    with the entries' texts. An entry's score is the best over all of these: the cosine with a picture, or weight times
    cosine with a text; both are cosines of a picture and a text. The hit says which picture or passage it was.
    """

    kind = "crossmodal"
    stage = "crossmodal"
    reads = "words or views"

    @classmethod
    def build(
        cls,
        knowledge: KnowledgeBase,
        joint_encoder: Any,
        *,
        unit: TextUnit = "entry",
        structure: str = "auto",
        memory: int | None = None,
        cache: FeatureCache | None = None,
        progress: Progress | None = None,
    ) -> "CrossModalRetriever":
        """Encode a base's texts and its pictures.

        The arguments are those of `DenseRetriever.build`, the encoder a joint one. Half of the memory is for each.

        Raises:
            ConfigError: the encoder has not two towers.
            UnknownChoice: there is no such unit or structure.
        """
        if unit not in get_args(TextUnit):
            raise UnknownChoice("unit", unit, get_args(TextUnit))
        half = None if memory is None else -(-memory // 2)
        units: dict[str, Unit] = {"texts": unit, "pictures": "picture"}
        sides = {
            name: Side.build(knowledge, keys, units[name], structure=structure, memory=half, progress=progress)
            for name, keys in cls._keys(joint_encoder, cache).items()
        }
        stamp = Stamp(knowledge.fingerprint, joint_encoder.fingerprint(), knowledge.version)
        return cls(joint_encoder, sides, stamp)

    def explain(self, query: Query, hits: Sequence[Hit]) -> list[list[Contribution]]:
        asks, pieces = self._asks(query), [*query.words, *query.views]
        words = len(query.words)
        explained: list[list[Contribution]] = []
        for found in nearest_within(asks, [hit.entry_id for hit in hits], query.filters):
            if found is None:
                explained.append([])
                continue
            number, nearest = found
            amounts = np.zeros(len(pieces))
            if words and number == 0:
                _, parts = self.sides["texts"].keys.words(query.words)
                amounts[:words] = parts @ nearest.side.index.vectors.take(np.array([nearest.row]))[0]
            else:
                amounts[words + number - (words > 0)] = nearest.score
            pairs = zip(pieces, amounts.tolist(), strict=True)
            explained.append([Contribution(piece, self.stage, amount) for piece, amount in pairs])
        return explained

    def _search(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        found = best_entries([self._asks(query) for query in queries], k, [query.filters for query in queries])
        return [hits_of(ranked, self.stage) for ranked in found]

    def _asks(self, query: Query) -> list[Ask]:
        """The words' vector with the pictures, then the views' vectors with the texts."""
        texts, pictures = self.sides["texts"], self.sides["pictures"]
        asks = [Ask(pictures, texts.keys.words(query.words)[0][None])] if query.words else []
        return asks + ([Ask(texts, pictures.keys.views(query.views))] if query.views else [])

    @classmethod
    def _keys(cls, encoder: Any, cache: FeatureCache | None = None) -> Mapping[str, Keys]:
        if not hasattr(encoder, "visual") or not hasattr(encoder, "language"):
            raise ConfigError(
                f"Cross-modal retrieval needs a joint encoder, as CLIP or SigLIP, and {type(encoder).__name__} is "
                "none. Give one, both towers of it."
            )
        return {"texts": Keys(encoder.language, cache), "pictures": Keys(encoder.visual, cache)}
