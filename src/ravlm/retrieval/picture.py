"""Picture to the entries' pictures by the vectors of a visual encoder."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ravlm.encoders.features.cache import FeatureCache
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Filters, Hit, Query
from ravlm.retrieval.folder import Stamp
from ravlm.retrieval.keys import Keys, needs
from ravlm.retrieval.retriever import Contribution, Progress
from ravlm.retrieval.vectors.entries import Ask, best_entries, hits_of, nearest_within
from ravlm.retrieval.vectors.exact import NONE, Scores
from ravlm.retrieval.vectors.retriever import VectorRetriever, checked
from ravlm.retrieval.vectors.side import Side
from ravlm.retrieval.vectors.store import Floats, Places


class ImageRetriever(VectorRetriever):
    """Entries by the cosine of their nearest picture: one hit an entry, with that picture.

    Of a query with several views, an entry's score is the best of weight times cosine over its pictures and the views.
    Entries without a picture can't be found; `settings()["without"]` counts them.
    """

    kind = "image"
    stage = "image"
    reads = "views"

    @classmethod
    def build(
        cls,
        knowledge: KnowledgeBase,
        encoder: Any,
        *,
        structure: str = "auto",
        memory: int | None = None,
        cache: FeatureCache | None = None,
        progress: Progress | None = None,
    ) -> "ImageRetriever":
        """Encode a base's pictures; the arguments are those of `DenseRetriever.build`, the encoder a visual one.

        Raises:
            ConfigError: the encoder sees no pictures.
            UnknownChoice: there is no such structure.
        """
        needs(encoder, "preprocess", "Retrieval by picture")
        keys = Keys(encoder, cache)
        side = Side.build(knowledge, keys, "picture", structure=structure, memory=memory, progress=progress)
        stamp = Stamp(knowledge.fingerprint, encoder.fingerprint(), knowledge.version)
        return cls(encoder, {"pictures": side}, stamp)

    def search_vectors(
        self, vectors: Floats, k: int = 10, filters: Filters | Sequence[Filters] | None = None
    ) -> tuple[Places, Scores]:
        """The nearest picture of each of the k best entries, as rows [b, k], for vectors [b, width], and their scores.

        Where there are fewer, -1 and minus infinity fill up. `filters` are those of all, or one for each query.

        Raises:
            ConfigError: the vectors are of another shape.
        """
        vectors, each = checked(vectors, self._side.keys.width, filters)
        found = best_entries([[Ask(self._side, vector[None])] for vector in vectors], k, each)
        most = max(map(len, found), default=0)
        rows, scores = np.full((len(found), most), NONE), np.full((len(found), most), -np.inf)
        for number, ranked in enumerate(found):
            rows[number, : len(ranked)] = [nearest.row for nearest in ranked]
            scores[number, : len(ranked)] = [nearest.score for nearest in ranked]
        return rows, scores

    def explain(self, query: Query, hits: Sequence[Hit]) -> list[list[Contribution]]:
        entry_ids = [hit.entry_id for hit in hits]
        explained: list[list[Contribution]] = []
        for found in nearest_within(self._asks(query), entry_ids, query.filters):
            amounts = [0.0] * len(query.views)
            if found is not None:
                amounts[found[0]] = found[1].score
            pairs = zip(query.views, amounts, strict=True)
            explained.append([Contribution(view, self.stage, amount) for view, amount in pairs] if found else [])
        return explained

    def _search(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        found = best_entries([self._asks(query) for query in queries], k, [query.filters for query in queries])
        return [hits_of(ranked, self.stage) for ranked in found]

    def _asks(self, query: Query) -> list[Ask]:
        return [Ask(self._side, self._side.keys.views(query.views))]

    @property
    def _side(self) -> Side:
        return self.sides["pictures"]

    @classmethod
    def _keys(cls, encoder: Any) -> Mapping[str, Keys]:
        needs(encoder, "preprocess", "Retrieval by picture")
        return {"pictures": Keys(encoder)}
