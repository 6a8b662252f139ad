"""Words to words by the vectors of a language encoder (Karpukhin et al. 2020, Dense Passage Retrieval)."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from ravlm.encoders.features.cache import FeatureCache
from ravlm.errors import UnknownChoice
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Filters, Hit, Query
from ravlm.retrieval.folder import Stamp
from ravlm.retrieval.keys import Keys, needs
from ravlm.retrieval.retriever import Contribution, Progress
from ravlm.retrieval.vectors.exact import Scores
from ravlm.retrieval.vectors.retriever import VectorRetriever, checked
from ravlm.retrieval.vectors.side import Side
from ravlm.retrieval.vectors.store import Floats, Places

TextUnit = Literal["passage", "entry"]


class DenseRetriever(VectorRetriever):
    """Passages, or entries, by the cosine of their vector with the query's.

    The query's vector is the sum of weight times unit vector of its pieces of words, made of unit length.
    """

    kind = "dense"
    stage = "dense"
    reads = "words"

    @classmethod
    def build(
        cls,
        knowledge: KnowledgeBase,
        encoder: Any,
        *,
        unit: TextUnit = "passage",
        structure: str = "auto",
        memory: int | None = None,
        cache: FeatureCache | None = None,
        progress: Progress | None = None,
    ) -> "DenseRetriever":
        """Encode a base's texts.

        Args:
            knowledge: the base, at the version that it reads.
            encoder: a language encoder.
            unit: what is ranked.
            structure: `auto`, `flat`, `hnsw`, `ivf` or `rabitq`; see `ravlm.retrieval.vectors.structures`.
            memory: bytes that searching may take.
            cache: keeps what is encoded.
            progress: is told of the entries that are done.

        Raises:
            ConfigError: the encoder reads no texts.
            UnknownChoice: there is no such unit or structure.
        """
        if unit not in get_args(TextUnit):
            raise UnknownChoice("unit", unit, get_args(TextUnit))
        needs(encoder, "tokenize", "Dense retrieval")
        keys = Keys(encoder, cache)
        side = Side.build(knowledge, keys, unit, structure=structure, memory=memory, progress=progress)
        return cls(encoder, {"texts": side}, Stamp(knowledge.fingerprint, encoder.fingerprint(), knowledge.version))

    def search_vectors(
        self, vectors: Floats, k: int = 10, filters: Filters | Sequence[Filters] | None = None
    ) -> tuple[Places, Scores]:
        """The k best rows of queries that are vectors [b, width], of unit length for cosines, and their scores [b, k].

        Where there are fewer, -1 and minus infinity fill up. `filters` are those of all, or one for each query.

        Raises:
            ConfigError: the vectors are of another shape.
        """
        vectors, each = checked(vectors, self._side.keys.width, filters)
        found = self._side.search(vectors, k, each)
        return found.rows, found.scores

    def explain(self, query: Query, hits: Sequence[Hit]) -> list[list[Contribution]]:
        _, parts = self._side.keys.words(query.words)
        explained: list[list[Contribution]] = []
        for row in self.rows.of_hits(hits):
            if row is None:
                explained.append([])
                continue
            vector = self._side.index.vectors.take(np.array([row]))
            amounts = (parts * vector).sum(axis=1).tolist()
            explained.append(
                [Contribution(piece, self.stage, amount) for piece, amount in zip(query.words, amounts, strict=True)]
            )
        return explained

    def _search(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        vectors = np.stack([self._side.keys.words(query.words)[0] for query in queries])
        found = self._side.search(vectors, k, [query.filters for query in queries])
        return self.rows.hits_of_many([found.of(number) for number in range(len(queries))], self.stage)

    @property
    def _side(self) -> Side:
        return self.sides["texts"]

    @classmethod
    def _keys(cls, encoder: Any) -> Mapping[str, Keys]:
        needs(encoder, "tokenize", "Dense retrieval")
        return {"texts": Keys(encoder)}
