"""BM25 over a whole base, by one of two engines with one formula."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from math import inf
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import CountVectorizer

from ravlm.errors import ConfigError, IndexStale
from ravlm.knowledge.differences import Differences
from ravlm.knowledge.store import KnowledgeBase
from ravlm.retrieval import bm25_lance
from ravlm.retrieval.bm25_engines import AtRest, Engine, score_matrix
from ravlm.retrieval.bm25_lance import LanceTable
from ravlm.retrieval.folder import Contents, Stamp
from ravlm.retrieval.lexical import LexicalRetriever, Reading, Terms, fitted
from ravlm.retrieval.lexical_matrix import Found, TermMatrix
from ravlm.retrieval.retriever import Progress
from ravlm.retrieval.rows import Mask, Rows, Unit, entries_of, rows_of
from ravlm.retrieval.words import Analyzer

EngineName = Literal["auto", "bm25s", "lance"]

K1, B = 0.9, 0.4
"""What Anserini searches with (Trotman, Jia and Crane, 2012, Towards an Efficient and Effective Search Engine)."""
AT_MOST = 1_000_000
"""Rows that bm25s keeps, unless told otherwise: 1.3 GB and 40 seconds of building at the most."""
_LOOKED_AT = 1000  # entries whose rows are counted to see how many there are in all


class Bm25Retriever(LexicalRetriever):
    """Rows by BM25, whose formula `ravlm.retrieval.bm25_engines` says.

    The engine "bm25s" is the quickest, and a refresh makes its index anew; "lance" follows a change at the change's
    cost, builds in a fraction of the time and memory, and has one k1 and b (1.2 and .75). "auto" takes bm25s up to
    `AT_MOST` rows, and for more where k1 or b are given.
    """

    kind = stage = "bm25"

    def __init__(
        self,
        rows: Rows,
        stamp: Stamp,
        engine: Engine,
        *,
        unit: Unit,
        analyzer: Analyzer,
        k1: float,
        b: float,
        asked: Mapping[str, Any],
        why: str,
    ) -> None:
        super().__init__()
        self.rows, self.stamp, self.unit, self.analyzer = rows, stamp, unit, analyzer
        self.k1, self.b = k1, b
        self._engine = engine
        self._asked_for = dict(asked)  # engine, k1 and b as they were asked for: a refresh chooses anew
        self._why = why

    @classmethod
    def build(
        cls,
        knowledge: KnowledgeBase,
        *,
        unit: Unit = "passage",
        k1: float | None = None,
        b: float | None = None,
        engine: EngineName = "auto",
        analyzer: Analyzer | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Index a base's passages or entries.

        Args:
            knowledge: the base, at the version that it reads.
            unit: what is ranked.
            k1: how slowly more of the same term count less; without it .9, with Lance 1.2.
            b: how much longer rows are held back, from 0 to 1; without it .4, with Lance .75.
            engine: what searches.
            analyzer: what makes terms of texts.
            progress: is told how far it is.

        Raises:
            ConfigError: k1 or b can't be, or not with this engine.
        """
        asked = {"engine": engine, "k1": k1, "b": b}
        name, why = _chosen(knowledge, unit, engine, k1, b)
        analyzer = analyzer or Analyzer()
        texts = Reading(knowledge, unit, progress)
        made: Engine
        if name == "lance":
            made = LanceTable.build(texts, analyzer)
            k1, b = bm25_lance.K1, bm25_lance.B
        else:
            k1, b = K1 if k1 is None else k1, B if b is None else b
            counts, terms = fitted(CountVectorizer(analyzer=analyzer, dtype=np.int32), texts)
            made = AtRest(TermMatrix.of(score_matrix(counts, k1, b), terms))
        stamp = Stamp(knowledge.fingerprint, version=knowledge.version)
        return cls(texts.rows, stamp, made, unit=unit, analyzer=analyzer, k1=k1, b=b, asked=asked, why=why)

    def settings(self) -> dict[str, Any]:
        """The unit, the analyser, k1 and b, and what searches and why."""
        return {
            "engine": self._engine.name,
            "why": self._why,
            "asked": self._asked_for,
            "k1": self.k1,
            "b": self.b,
            "unit": self.unit,
            "analyzer": self.analyzer.settings(),
        }

    def _best(self, queries: Sequence[Terms], masks: Sequence[Mask | None], k: int) -> list[Found]:
        return self._engine.best(queries, masks, k)

    def _amounts(self, query: Terms, rows: Sequence[int]) -> npt.NDArray[np.float64]:
        return self._engine.amounts(query, rows)

    def _follow(self, knowledge: KnowledgeBase, differences: Differences) -> None:
        if not (isinstance(self._engine, LanceTable) and self._change(self._engine, knowledge, differences)):
            made = self.build(knowledge, unit=self.unit, analyzer=self.analyzer, **self._asked_for)
            self.rows, self._engine, self._why = made.rows, made._engine, made._why
            self.k1, self.b = made.k1, made.b
        self._unsaved = set(self._files())

    def _change(self, table: LanceTable, knowledge: KnowledgeBase, differences: Differences) -> bool:
        """Change the table alone, where most of its rows stay; True when that is done."""
        by_entry = self.rows.rows_by_entry([*differences.changed, *differences.gone])
        gone = [row for rows in by_entry.values() for row in rows]
        if 2 * (self.rows.count - len(gone)) < len(self.rows):
            return False
        new = [
            row
            for entry in entries_of(knowledge, (*differences.added, *differences.changed))
            for row in rows_of(entry, self.unit)
        ]
        table.change(gone, enumerate((row.text for row in new), len(self.rows)), self.analyzer)
        self.rows.drop(by_entry)
        self.rows.add(Rows.of(new))
        return True

    def _files(self) -> Mapping[str, Callable[[Path], None]]:
        return {**self.rows.files(), **self._engine.files()}

    @classmethod
    def _read(cls, folder: Path, contents: Contents, **parts: Any) -> Self:
        settings, files = contents.settings, contents.files
        try:
            rows = Rows.read({role: folder / name for role, name in files.items()})
            engine: Engine
            if settings["engine"] == "lance":
                engine = LanceTable.read(folder / files["table"])
            else:
                engine = AtRest(TermMatrix.read(folder, files, len(rows)))
            return cls(
                rows,
                contents.stamp,
                engine,
                unit=settings["unit"],
                analyzer=Analyzer.of(settings["analyzer"]),
                k1=settings["k1"],
                b=settings["b"],
                asked=settings["asked"],
                why=settings["why"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise IndexStale(f"The index in {folder} is damaged: {error}. Build it again.") from error


def _chosen(
    knowledge: KnowledgeBase, unit: Unit, engine: EngineName, k1: float | None, b: float | None
) -> tuple[str, str]:
    """The engine, and why it is that one."""
    if engine not in get_args(EngineName):
        raise ConfigError(f"There is no engine {engine!r} for BM25. Choose one of {', '.join(get_args(EngineName))}.")
    if not (0 <= (k1 or 0) < inf and 0 <= (b or 0) <= 1):
        raise ConfigError(f"BM25 was asked for with k1 {k1} and b {b}. k1 is 0 or more, and b from 0 to 1.")
    others = k1 not in (None, bm25_lance.K1) or b not in (None, bm25_lance.B)
    if engine == "lance":
        if others:
            raise ConfigError(
                f"BM25 was asked for by Lance with k1 {k1} and b {b}, and Lance has k1 {bm25_lance.K1} and b "
                f"{bm25_lance.B} alone. Leave them out, or choose the engine bm25s."
            )
        return engine, "it was asked for"
    if engine == "bm25s":
        return engine, "it was asked for"
    looked_at = [sum(1 for _ in rows_of(entry, unit)) for entry in islice(knowledge.iterate(), _LOOKED_AT)]
    rows = round(sum(looked_at) / max(len(looked_at), 1) * knowledge.count())
    about = "" if len(looked_at) == knowledge.count() else "about "
    size = f"{about}{rows:,} {LexicalRetriever.names[unit]}"
    if rows <= AT_MOST:
        return "bm25s", f"{size} are no more than {AT_MOST:,}: quickest at rest; a change makes the index anew"
    if others:
        return "bm25s", f"k1 and b are given, which Lance does not take, though {size} are more than {AT_MOST:,}"
    return "lance", f"{size} are more than {AT_MOST:,}: builds in less memory, and a change costs what it changes"
