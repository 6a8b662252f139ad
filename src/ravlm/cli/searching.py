"""How a search is made: which retriever, which steps add to the query, how deep it looks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ravlm.cli.console import warn
from ravlm.cli.extras import require_models
from ravlm.errors import ConfigError, UnknownChoice
from ravlm.retrieval.kinds import KINDS, LEXICAL

if TYPE_CHECKING:
    from ravlm.cli.indexes import Shelf
    from ravlm.knowledge.store import KnowledgeBase
    from ravlm.records import Filters, Hit, Query
    from ravlm.retrieval.interchange.beir import QueryLine
    from ravlm.retrieval.lexical import LexicalRetriever
    from ravlm.retrieval.queries.compose import Step
    from ravlm.retrieval.retriever import Retriever
    from ravlm.retrieval.rows import Rows

HYBRID = "hybrid"
PLAIN_WORDS = "words"
_READ_AGAIN = 50  # hits that a cross-encoder reads, or as many as are asked for
_DEEPER = 3  # times as many hits as entries are wanted, since an entry can have several
_MOST = 10**6  # hits of a query


@dataclass(frozen=True, slots=True)
class Search:
    """A retriever under the name that the user knows it by, and what is done to each query before.

    `note` is what to say of the choice once it has searched.
    """

    name: str
    retriever: "Retriever"
    knowledge: "KnowledgeBase"
    filters: "Filters"
    steps: "Sequence[Step]" = field(default_factory=tuple)
    note: str = ""

    @classmethod
    def plan(
        cls,
        shelf: "Shelf",
        asked: "Sequence[QueryLine]",
        filters: "Filters",
        *,
        retriever: str | None,
        titles: int | None,
        regions: str | None,
        key_terms: str | None,
        rerank: str | None,
        depth: int,
    ) -> "Search":
        """What the options ask for, its indexes opened.

        Raises:
            UnknownChoice: there is no such retriever or region.
            ConfigError: an option needs a picture or a question that no query has, or names an encoder in vain.
            PathError, IndexStale, FormatError: as `Shelf.take`.
        """
        if retriever not in (None, HYBRID, *KINDS):
            raise UnknownChoice("retriever", str(retriever), [*KINDS, HYBRID])
        words, views = any(line.text for line in asked), any(line.image for line in asked)
        if not views and (titles or regions):
            raise ConfigError(f"--{'titles' if titles else 'regions'} needs a picture. Give one with --image.")
        if not words and (key_terms or rerank):
            raise ConfigError(f"--{'key-terms' if key_terms else 'rerank'} needs a question. Give one.")
        steps = _steps(shelf, titles, regions, key_terms)
        name = retriever or _suiting(shelf, words=words or bool(titles), views=views and not titles)
        found: Retriever
        note = ""
        if name == HYBRID:
            found, note = _hybrid(shelf, words=words or bool(titles), views=views)
        else:
            found = shelf.take(name)
        shelf.check_encoder()
        if rerank is not None:
            found, name = _reranked(found, rerank, shelf.knowledge, depth), f"{name}+rerank"
        return cls(name, found, shelf.knowledge, filters, steps, note)

    @property
    def stage(self) -> str:
        """The stage that ranks."""
        return self.retriever.stage

    def composed(self, queries: "list[Query]") -> "list[Query]":
        """The queries with what the steps add."""
        if not self.steps:
            return queries
        from ravlm.retrieval.queries.compose import compose

        return compose(queries, self.steps)

    def search(self, queries: "list[Query]", k: int) -> "list[list[Hit]]":
        """The k best hits of each query."""
        return self.retriever.search(queries, k)

    def entries(self, queries: "list[Query]", k: int) -> "list[list[Hit]]":
        """Hits of each query, so many that they have k entries where there are so many."""
        deep = _DEEPER * k
        found = self.retriever.search(queries, deep)
        while deep < _MOST:
            short = [
                place for place, hits in enumerate(found) if len(hits) >= deep and len({h.entry_id for h in hits}) < k
            ]
            if not short:
                break
            deep *= _DEEPER
            for place, hits in zip(short, self.retriever.search([queries[p] for p in short], deep), strict=True):
                found[place] = hits
        return found

    def left_out(self, query: "Query") -> list[str]:
        """The words of a query that are not looked for: stop words, where words are counted."""
        words = self._lexical()
        return words.unread(query) if words else []

    def is_empty(self, query: "Query") -> bool:
        """Whether words are counted, and the query has none but those that are left out."""
        words = self._lexical()
        return words is not None and not any(words.analyzer(piece.text) for piece in query.words)

    def shut_out(self) -> bool:
        """Whether the filters let nothing through, of all that is indexed."""
        return not any(
            bool(rows.alive.any() if mask is None else mask.any())
            for rows in _rows(self.retriever)
            for mask in [rows.allowed(self.filters)]
        )

    def languages(self) -> list[str]:
        """The languages of what is indexed."""
        return sorted(
            {str(name) for rows in _rows(self.retriever) for name in rows.table["language"].unique().to_pylist()}
        )

    def _lexical(self) -> "LexicalRetriever | None":
        from ravlm.retrieval.lexical import LexicalRetriever

        return self.retriever if isinstance(self.retriever, LexicalRetriever) else None


def _rows(retriever: "Retriever") -> "Iterator[Rows]":
    """What a retriever's indexes rank."""
    from ravlm.retrieval.indexed import IndexedRetriever

    if isinstance(retriever, IndexedRetriever):
        sides = getattr(retriever, "sides", None)  # of vectors: texts and pictures
        yield from (side.rows for side in sides.values()) if isinstance(sides, Mapping) else (retriever.rows,)
        return
    whole: Any = retriever
    for part in getattr(whole, "retrievers", None) or (whole.retriever,):
        yield from _rows(part)


def _suiting(shelf: "Shelf", *, words: bool, views: bool) -> str:
    """The retriever for what the queries have, where none was asked for."""
    if not views:
        return LEXICAL[0]
    if not words:
        return "image"
    if "image" in shelf.kinds():
        return HYBRID
    warn(
        f"There is no index of pictures, so {LEXICAL[0]} looks at the question alone. Build one: `ravlm index build "
        f"{shelf.knowledge.location} --encoder NAME`"
    )
    return LEXICAL[0]


def _hybrid(shelf: "Shelf", *, words: bool, views: bool) -> "tuple[Retriever, str]":
    """All indexes that fit the queries, joined by reciprocal rank, and how to say it; of the two of words, one."""
    from ravlm.retrieval.hybrid import HybridRetriever

    there = shelf.kinds()
    lexical = [kind for kind in LEXICAL if kind in there][:1] or [LEXICAL[0]]
    has = {"words": words, "views": views, "words or views": True}
    kinds = [*lexical, *(kind for kind in there if kind not in LEXICAL)]
    taken = [shelf.take(kind) for kind in kinds if has[KINDS[kind].asks]]
    parts = [part for part in taken if has[part.reads]]
    fitting = [part.kind for part in parts]
    if not fitting:
        raise ConfigError(
            "There is no index that looks at pictures, and the queries have no words. Build one: `ravlm index build "
            f"{shelf.knowledge.location} --encoder NAME`"
        )
    if len(fitting) > 1:
        return HybridRetriever(parts), f"hybrid joins {', '.join(fitting[:-1])} and {fitting[-1]}."
    more = f"`ravlm index build {shelf.knowledge.location} --encoder NAME` builds more."
    return HybridRetriever(parts), f"hybrid has {fitting[0]} alone to join. {more}"


def _steps(shelf: "Shelf", titles: int | None, regions: str | None, key_terms: str | None) -> "list[Step]":
    """What adds to the queries: parts of the picture first, since titles are looked up by them."""
    steps: list[Step] = []
    if regions:
        from ravlm.retrieval.queries.regions import RegionsStep

        names: list[Any] = [name.strip() for name in regions.split(",")]
        looking: Any = shelf.take("image") if "attention" in names else None
        steps.append(RegionsStep(names, encoder=looking and looking.encoder))
    if titles:
        from ravlm.retrieval.queries.titles import reference_query

        steps += reference_query(shelf.take("image"), shelf.knowledge, entries=titles)
    if key_terms:
        from ravlm.retrieval.queries.key_terms import KeyTermsStep
        from ravlm.retrieval.queries.question import QuestionStep

        steps += [] if titles else [QuestionStep()]
        if key_terms == PLAIN_WORDS:
            steps.append(KeyTermsStep(method="words"))
        else:
            from ravlm.retrieval.catalogue import load_encoder_for

            require_models()
            steps.append(KeyTermsStep(load_encoder_for("dense", key_terms)))
    return steps


def _reranked(found: "Retriever", name: str, knowledge: "KnowledgeBase", depth: int) -> "Retriever":
    """The hits of a retriever in the order of a cross-encoder."""
    require_models()
    from ravlm.encoders.cross_encoder import CrossEncoder
    from ravlm.retrieval.rerank import RerankedRetriever

    return RerankedRetriever(found, CrossEncoder.from_pretrained(name), knowledge, depth=max(depth, _READ_AGAIN))
