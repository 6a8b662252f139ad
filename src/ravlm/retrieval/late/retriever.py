"""Retrieval by the tokens of texts and pictures (Khattab & Zaharia 2020, ColBERT)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt

from ravlm.errors import ConfigError, UnknownChoice
from ravlm.knowledge.differences import Differences
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Filters, Hit, Piece, Query
from ravlm.retrieval.folder import Contents, Stamp
from ravlm.retrieval.indexed import IndexedRetriever
from ravlm.retrieval.late.codes import check_bits
from ravlm.retrieval.late.filling import filled
from ravlm.retrieval.late.index import CANDIDATES, FEW, FINAL, LateIndex, Scores
from ravlm.retrieval.late.maxsim import Floats, Places
from ravlm.retrieval.late.ranking import best_rows
from ravlm.retrieval.late.sides import Sides, TextUnit
from ravlm.retrieval.retriever import Contribution, Progress
from ravlm.retrieval.rows import Rows, entries_of

if TYPE_CHECKING:
    from ravlm.encoders.features.cache import FeatureCache
    from ravlm.retrieval.late.tokens import Tokens

GROWN = 0.2
"""The share of the rows that the codebook was learned from, above which added ones have all made anew."""
_OPTIONS = ("unit", "pooling", "candidates")


class LateInteractionRetriever(IndexedRetriever):
    """Rows by MaxSim: each token of the query counts with the similarity of the token that is most like it.

    Which rows there are, the encoder decides: of a language encoder texts, of a visual one the entries' pictures, of a
    joint one whose towers' tokens have the same width both, and words and views are compared with both. Of an entry's
    pictures only the best one is found. A score is the sum over the query's pieces of weight times the MaxSim of the
    piece's tokens, which are not pooled.
    """

    kind = "late"
    stage = "late"

    def __init__(
        self,
        encoder: Any,
        sides: Sides,
        *,
        unit: TextUnit,
        pooling: int,
        candidates: int,
        cache: FeatureCache | None,
    ) -> None:
        """What `build` and `load` make, before it has rows, an index and a stamp."""
        super().__init__()
        self.encoder, self.sides = encoder, sides
        self.unit, self.pooling, self.candidates = unit, pooling, candidates
        self.reads = sides.reads
        self.index: LateIndex
        self.without = 0
        self._cache = cache

    @classmethod
    def build(
        cls,
        knowledge: KnowledgeBase,
        encoder: Any,
        *,
        unit: TextUnit = "passage",
        pooling: int = 2,
        bits: int = 4,
        candidates: int = CANDIDATES,
        cache: FeatureCache | None = None,
        progress: Progress | None = None,
    ) -> LateInteractionRetriever:
        """Encode and compress a base's rows.

        Args:
            knowledge: the base, at the version that it reads.
            encoder: a language encoder, a visual one, or a joint one whose towers' tokens have the same width.
            unit: what is ranked of texts.
            pooling: how many tokens of a row become one vector.
            bits: of each number of a vector: 1, 2, 4 or 8.
            candidates: rows that are chosen by the tokens' centres; one in 16 of them is ranked by exact MaxSim.
            cache: keeps what is encoded.
            progress: is told of the rows that are done.

        Raises:
            ConfigError: the encoder gives no tokens that can be compared, or a number is below 1.
            UnknownChoice: there is no such unit, or number of bits.
            KnowledgeCorrupt: as for `KnowledgeBase.iterate` and `picture`.
        """
        if unit not in get_args(TextUnit):
            raise UnknownChoice("unit", unit, get_args(TextUnit))
        if pooling < 1 or candidates < 1:
            raise ConfigError(f"pooling is {pooling} and candidates is {candidates}. Give 1 or more.")
        check_bits(bits)
        made = cls(encoder, Sides.of(encoder), unit=unit, pooling=pooling, candidates=candidates, cache=cache)
        made._fill(knowledge, bits, progress)
        made.stamp = Stamp(knowledge.fingerprint, encoder.fingerprint(), knowledge.version)
        return made

    def search_tokens(
        self, tokens: Sequence[Floats], k: int = 10, filters: Filters | Sequence[Filters] | None = None
    ) -> tuple[Places, Scores]:
        """The k best rows of queries that are token vectors [t, width] each, of unit length, and their scores [b, k].

        Where there are fewer, -1 and minus infinity fill up. `filters` are those of all, or one for each query.

        Raises:
            ConfigError: the vectors are of another shape, hold no numbers, or are not as many as the filters.
        """
        each = list(filters) if isinstance(filters, Sequence) else [filters or Filters()] * len(tokens)
        given = [np.ascontiguousarray(vectors, dtype=np.float32) for vectors in tokens]
        width = self.sides.width
        wrong = [v.shape for v in given if v.ndim != 2 or v.shape[1] != width or not np.isfinite(v.sum())]
        if wrong or len(each) != len(given):
            raise ConfigError(
                f"{len(each)} filters and {len(given)} queries were given, {len(wrong)} of them not vectors "
                f"[tokens, {width}] of numbers without NaN. Give such vectors, and filters once or for each."
            )
        found = [
            self._ranked(vectors, np.ones(len(vectors), np.float32), k, one)
            for vectors, one in zip(given, each, strict=True)
        ]
        most = max(map(len, found), default=0)
        rows, scores = np.full((len(found), most), -1), np.full((len(found), most), -np.inf)
        for number, ranked in enumerate(found):
            rows[number, : len(ranked)] = [row for row, _ in ranked]
            scores[number, : len(ranked)] = [score for _, score in ranked]
        return rows, scores

    def explain(self, query: Query, hits: Sequence[Hit]) -> list[list[Contribution]]:
        pieces, tokens, weights, owners = self._asked(query)
        places = self.rows.of_hits(hits)
        there = sorted({row for row in places if row is not None})
        gave = self.index.similarities(tokens, np.array(there, np.int64)) * weights.astype(np.float64)
        amounts: dict[int | None, list[float]] = {
            row: np.bincount(owners, one, len(pieces)).tolist() for row, one in zip(there, gave, strict=True)
        }
        return [
            [
                Contribution(piece, self.stage, amount)
                for piece, amount in zip(pieces, amounts.get(row, []), strict=False)
            ]
            for row in places
        ]

    def settings(self) -> dict[str, Any]:
        """How it searches, and how the index was made; `without` counts entries that have nothing here."""
        index = self.index
        stages = (
            f"{len(index.codebook.centres):,} centres choose {self.candidates:,}, a quarter of the codes one in "
            f"{FINAL} of these, and exact MaxSim ranks those"
        )
        chosen = "so few are all ranked by exact MaxSim" if len(index) <= FEW else stages
        return {
            "engine": f"MaxSim over {index.codebook.bits}-bit codes, compiled by numba",
            "why": f"{len(index):,} rows of {index.tokens:,} vectors: {chosen}",
            **{name: getattr(self, name) for name in _OPTIONS},
            "without": self.without,
            "encoder": {
                "origin": getattr(self.encoder, "origin", None),
                "revision": getattr(self.encoder, "revision", None),
            },
            "index": index.settings(),
        }

    def _search(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        found = []
        for query in queries:
            _, tokens, weights, _ = self._asked(query)
            found.append(self.rows.hits(self._ranked(tokens, weights, k, query.filters), self.stage))
        return found

    def _follow(self, knowledge: KnowledgeBase, differences: Differences) -> None:
        """Rows of new entries are coded by the codebook as it is.

        Where they have become too many for it, all rows are encoded again, which a cache spares, and a new codebook is
        learned: from the codes that could not be done without loss.
        """
        new = {*differences.added, *differences.changed}
        rows = [row for entry in entries_of(knowledge, new) for row in self.sides.rows(entry, self.unit)]
        if len(self.index) + len(rows) > (1 + GROWN) * self.index.built:
            self._fill(knowledge, self.index.codebook.bits, None)
            return
        if rows:
            self._unsaved |= self.index.append(self._tokens.of_rows(rows, knowledge, self.pooling))
        self.rows.drop([*new, *differences.gone])
        self.rows.add(Rows.of(rows))
        self._unsaved |= set(Rows.CHANGING)
        self.without = knowledge.count() - self.rows.entries

    def _files(self) -> Mapping[str, Callable[[Path], None]]:
        return {**self.rows.files(), **self.index.files()}

    @classmethod
    def _read(cls, folder: Path, contents: Contents, **parts: Any) -> LateInteractionRetriever:
        encoder, settings = parts["encoder"], contents.settings
        cls._check_encoder(folder, contents, encoder)
        options = {name: settings[name] for name in _OPTIONS}
        made = cls(encoder, Sides.of(encoder), **options, cache=parts.get("cache"))
        files = {role: folder / name for role, name in contents.files.items()}
        made.rows, made.index = Rows.read(files), LateIndex.read(files, settings["index"])
        made.stamp, made.without = contents.stamp, settings["without"]
        return made

    @cached_property
    def _tokens(self) -> Tokens:
        """What encodes. Torch is imported with it: searching by given tokens does without."""
        from ravlm.retrieval.late.tokens import Tokens

        return Tokens(self.sides, self._cache)

    def _fill(self, knowledge: KnowledgeBase, bits: int, progress: Progress | None) -> None:
        """Make rows and index from nothing."""
        self.rows, self.index = filled(
            knowledge,
            self.sides,
            self._tokens,
            unit=self.unit,
            pooling=self.pooling,
            bits=bits,
            progress=progress,
        )
        self.without = knowledge.count() - self.rows.entries
        self._unsaved |= self._files().keys()

    def _asked(self, query: Query) -> tuple[list[Piece], Floats, Floats, npt.NDArray[np.int64]]:
        """A query's pieces, the vectors [m, width] of their tokens, the weight [m] and the piece [m] of each."""
        pieces = self.sides.pieces(query)
        parts = self._tokens.of_pieces(pieces)
        owners = np.repeat(np.arange(len(pieces)), [len(part) for part in parts])
        weights = np.array([piece.weight for piece in pieces], np.float32)[owners]
        return pieces, np.concatenate(parts), weights, owners

    def _ranked(self, tokens: Floats, weights: Floats, k: int, filters: Filters) -> list[tuple[int, float]]:
        allowed = self.rows.allowed(filters)
        return best_rows(self.index, self.rows, tokens, weights, k, self.candidates, allowed)
