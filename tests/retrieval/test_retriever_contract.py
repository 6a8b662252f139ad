"""What every retriever promises, held by one test each over all of them."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch

from pictures import noise, picture
from ravlm.errors import ConfigError, QuestionError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Filters, Hit, Piece, Query
from ravlm.retrieval.bm25 import Bm25Retriever
from ravlm.retrieval.crossmodal import CrossModalRetriever
from ravlm.retrieval.dense import DenseRetriever
from ravlm.retrieval.entity_first import EntityFirstRetriever
from ravlm.retrieval.gate import Gate, GatedRetriever
from ravlm.retrieval.hybrid import HybridRetriever
from ravlm.retrieval.indexed import IndexedRetriever
from ravlm.retrieval.late.retriever import LateInteractionRetriever
from ravlm.retrieval.picture import ImageRetriever
from ravlm.retrieval.rerank import RerankedRetriever
from ravlm.retrieval.retriever import Retriever
from ravlm.retrieval.tfidf import TfidfRetriever
from small_search import eye, reader, towers

TWINS = [f"twin-{letter}" for letter in "bca"]
COUNT = 11
Build = Callable[[KnowledgeBase], Retriever]
Made = Callable[[Build], Retriever]


def entry(i: int, **more: Any) -> Entry:
    """Every entry has the words that are asked for, so that each can be found."""
    text = f"The capital of Freedonia number {i} is a city. " + "It has a river. " * (i % 3)
    return Entry(f"e{i}", f"Country {i}", text=text, images=(str(i),), meta={"parity": i % 2}, **more)


def entries() -> list[Entry]:
    ones = [entry(i, source="odd" if i % 2 else "even", language="zh" if i == 3 else "en") for i in range(COUNT)]
    twins = [Entry(name, "Twin", text="The capital of the twin.", images=("99",), source="twins") for name in TWINS]
    return [*ones, *twins]


def base_of(folder: Path, held: Sequence[Entry]) -> KnowledgeBase:
    made = KnowledgeBase.create(folder)
    made.upsert(held, lambda name: picture(int(name)))
    return made


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    """The base; leave it as it is."""
    return base_of(tmp_path_factory.mktemp("held") / "kb", entries())


@pytest.fixture
def base(held: KnowledgeBase, tmp_path: Path) -> KnowledgeBase:
    """A copy of the base, to be changed."""
    return KnowledgeBase.open(shutil.copytree(held.location, tmp_path / "kb"))


@pytest.fixture(scope="module")
def made(held: KnowledgeBase) -> Made:
    """A retriever of the base, built once; leave it as it is."""
    return lru_cache(maxsize=None)(lambda build: build(held))


READER, EYE, TOWERS = reader(), eye(), towers()


class Lengths:
    """A reranker that likes short passages."""

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        return [-float(len(passage)) for _, passage in pairs]


def _gated(base: KnowledgeBase) -> Retriever:
    words = Bm25Retriever.build(base)
    rows = words.search([Query("capital of Freedonia"), Query("river")])
    none = [Hit("e1", "e1#0", None, 1, {"bm25": 0.01})]
    gate = Gate.fit([*rows, none, none], [True, True, False, False], stage="bm25")
    return GatedRetriever(words, replace(gate, threshold=0.0))  # lets everything through


def _entity_first(base: KnowledgeBase) -> Retriever:
    return EntityFirstRetriever(ImageRetriever.build(base, EYE), TfidfRetriever.build(base), n_entries=20)


BUILDS: dict[str, Build] = {
    "bm25": Bm25Retriever.build,
    "bm25, Lance": lambda base: Bm25Retriever.build(base, engine="lance"),
    "bm25, entries": lambda base: Bm25Retriever.build(base, unit="entry"),
    "tfidf": TfidfRetriever.build,
    "dense": lambda base: DenseRetriever.build(base, READER),
    "dense, entries": lambda base: DenseRetriever.build(base, READER, unit="entry"),
    "image": lambda base: ImageRetriever.build(base, EYE),
    "cross-modal": lambda base: CrossModalRetriever.build(base, TOWERS),
    "late": lambda base: LateInteractionRetriever.build(base, READER),
    "late, pictures": lambda base: LateInteractionRetriever.build(base, EYE),
    "hybrid": lambda base: HybridRetriever([Bm25Retriever.build(base), DenseRetriever.build(base, READER)]),
    "hybrid, with pictures": lambda base: HybridRetriever(
        [Bm25Retriever.build(base), ImageRetriever.build(base, EYE)], method="weighted sum"
    ),
    "entity first": _entity_first,
    "reranked": lambda base: RerankedRetriever(Bm25Retriever.build(base), Lengths(), base),
    "gated": _gated,
}
COMBINED = ("hybrid", "hybrid, with pictures", "entity first", "reranked", "gated")
LOSSY = ("bm25, Lance", "late", "late, pictures")  # deleted rows count in frequencies; new rows are coded as old ones


def _all_but(*names: str) -> pytest.MarkDecorator:
    left = {name: build for name, build in BUILDS.items() if name not in names}
    return pytest.mark.parametrize("build", left.values(), ids=left)


ALL = _all_but()


def queries() -> list[Query]:
    pieces = (
        Piece("question", text="the capital of Freedonia"),
        Piece("title", 0.5, "Country 3"),
        Piece("region", image=noise(3), origin="whole"),
        Piece("region", 0.5, image=noise(4, 30, 30), origin="centre"),
    )
    return [
        Query("the capital of Freedonia", (noise(1),), id="plain"),
        Query("capital of the twin", (noise(99),), id="twins"),
        Query("capital", pieces=pieces, id="pieces"),
    ]


def stage(retriever: Retriever, hit: Hit) -> float:
    return hit.scores[retriever.stage]


def what(hits: Sequence[Hit]) -> list[tuple[str, str | None, str | None]]:
    return [(hit.entry_id, hit.passage_id, hit.image_id) for hit in hits]


def same(some: Sequence[Hit], others: Sequence[Hit]) -> bool:
    """The same things with the same scores, to what other batches give in an encoder."""
    return what(some) == what(others) and all(
        a.scores == pytest.approx(b.scores, abs=1e-5) for a, b in zip(some, others, strict=True)
    )


@ALL
def test_hits_come_best_first_and_at_most_k(build: Build, made: Made) -> None:
    retriever = made(build)
    for row in retriever.search(queries(), 4):
        assert [hit.rank for hit in row] == [1, 2, 3, 4]
        scores = [stage(retriever, hit) for hit in row if retriever.stage in hit.scores]
        assert scores == sorted(scores, reverse=True)
        assert len(set(what(row))) == 4
    for row in retriever.search(queries(), 1000):
        assert len(set(what(row))) == len(row) < 1000
        assert {hit.entry_id for hit in row} <= {entry.id for entry in entries()}


@ALL
def test_more_hits_begin_with_the_fewer(build: Build, made: Made) -> None:
    retriever = made(build)
    for few, many in zip(retriever.search(queries(), 3), retriever.search(queries(), 9), strict=True):
        assert what(many)[:3] == what(few)


@ALL
def test_a_query_finds_the_same_alone_and_among_others(build: Build, made: Made) -> None:
    retriever = made(build)
    together = retriever.search(queries(), 6)
    assert retriever.search(queries(), 6) == together
    assert [retriever.search([query], 6)[0] for query in queries()] == together
    assert retriever.search(queries()[::-1], 6) == together[::-1]
    assert retriever.search([], 6) == []


@ALL
def test_any_number_of_threads_finds_the_same(build: Build, held: KnowledgeBase) -> None:
    pair, before = [build(held), build(held)], torch.get_num_threads()  # two: what one has encoded it remembers
    try:
        found = []
        for threads, retriever in zip((1, 2), pair, strict=True):
            torch.set_num_threads(threads)
            found.append(repr(retriever.search(queries(), 6)))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]


@ALL
def test_ties_go_by_id(build: Build, made: Made) -> None:
    retriever = made(build)
    found = [hit for hit in retriever.search(queries()[1:2], 50)[0] if hit.entry_id in TWINS]
    if any(stage(retriever, hit) != stage(retriever, found[0]) for hit in found):
        assert isinstance(retriever, HybridRetriever | EntityFirstRetriever)  # ranks tell twins apart
    assert [hit.entry_id for hit in found] == sorted(TWINS)


@_all_but("dense", "dense, entries", "late", "hybrid", "cross-modal")  # other batches give an encoder other last bits
def test_ties_go_by_id_whenever_they_came(build: Build, base: KnowledgeBase) -> None:
    base.delete(["twin-a"])
    retriever = build(base)
    base.upsert([held for held in entries() if held.id == "twin-a"], lambda name: picture(int(name)))
    retriever.refresh(base)
    found = retriever.search(queries()[1:2], 50)[0]
    assert [hit.entry_id for hit in found if hit.entry_id in TWINS] == sorted(TWINS)


@ALL
def test_the_pieces_add_up_to_the_score(build: Build, made: Made) -> None:
    retriever = made(build)
    for query, row in zip(queries(), retriever.search(queries(), 5), strict=True):
        told = retriever.explain(query, row)
        assert len(told) == len(row)
        for hit, given in zip(row, told, strict=True):
            if retriever.stage in hit.scores:
                assert sum(one.amount for one in given) == pytest.approx(stage(retriever, hit), abs=1e-4)
                assert all(one.piece in (*query.words, *query.views) for one in given)


@ALL
@pytest.mark.parametrize(
    "filters",
    [
        Filters(sources=("odd",)),
        Filters(languages=("zh",)),
        Filters(meta=(("parity", 0),)),
        Filters(entries=("e2", "e7")),
        Filters(sources=("odd",), meta=(("parity", 0),)),
        Filters(sources=("none",)),
    ],
    ids=str,
)
def test_filters_come_before_ranking(build: Build, made: Made, filters: Filters) -> None:
    def fits(held: Entry) -> bool:
        return (
            (not filters.sources or held.source in filters.sources)
            and (not filters.languages or held.language in filters.languages)
            and (not filters.entries or held.id in filters.entries)
            and all(held.meta.get(key) == value for key, value in filters.meta)
        )

    wanted = {held.id for held in entries() if fits(held)}
    asked = replace(queries()[0], filters=filters)
    assert {hit.entry_id for hit in made(build).search([asked], 50)[0]} == wanted


@ALL
def test_nothing_to_read_and_no_hits_at_all_are_refused(build: Build, made: Made) -> None:
    retriever = made(build)
    with pytest.raises(QuestionError, match="The query 'number 2' has neither words nor"):
        retriever.search([queries()[0], Query()])
    with pytest.raises(ConfigError, match="0 hits were asked for"):
        retriever.search(queries(), 0)


@_all_but("gated")  # it learned from scores that change
def test_a_refresh_forgets_what_is_gone_and_finds_what_is_new(build: Build, base: KnowledgeBase) -> None:
    retriever = build(base)
    asked = queries()[:2]
    first = retriever.search(asked, 1)[0][0].entry_id
    assert not retriever.refresh(base)
    base.delete([first, "twin-a"])
    base.upsert(
        [replace(entry(4 if first != "e4" else 5), text="The capital of Freedonia."), entry(40)],
        lambda name: picture(int(name)),
    )
    assert retriever.refresh(base)
    assert not retriever.refresh(base)
    found = retriever.search(asked, 50)
    gone = {first, "twin-a"}
    assert all(hit.entry_id not in gone for row in found for hit in row)
    assert "e40" in {hit.entry_id for hit in found[0]}
    assert retriever.search([replace(asked[0], filters=Filters(entries=tuple(gone)))], 5) == [[]]


@_all_but("gated", *LOSSY)
def test_a_refreshed_index_finds_what_one_built_anew_does(build: Build, base: KnowledgeBase) -> None:
    retriever = build(base)
    base.upsert([entry(40), Entry("text", "No picture", text="The capital.")], lambda name: picture(int(name)))
    base.delete(["e2"])
    retriever.refresh(base)
    for ours, anew in zip(retriever.search(queries(), 50), build(base).search(queries(), 50), strict=True):
        assert same(ours, anew)


@_all_but(*COMBINED)
def test_an_index_that_was_kept_finds_the_same(build: Build, made: Made, tmp_path: Path) -> None:
    retriever = made(build)
    assert isinstance(retriever, IndexedRetriever)
    retriever.save(tmp_path / "index")
    encoder = getattr(retriever, "encoder", None)
    again = type(retriever).load(tmp_path / "index", **({"encoder": encoder} if encoder else {}))
    assert again.search(queries(), 6) == retriever.search(queries(), 6)
    assert (again.stamp, again.settings()["engine"]) == (retriever.stamp, retriever.settings()["engine"])
    assert again.settings()["why"]


@ALL
def test_nothing_is_found_in_an_empty_base(build: Build, tmp_path: Path, base: KnowledgeBase) -> None:
    retriever = build(base)
    base.delete([held.id for held in entries()])
    retriever.refresh(base)
    assert retriever.search(queries(), 5) == [[], [], []]


def test_every_retriever_is_here() -> None:
    def below(kind: type) -> set[type]:
        return {kind}.union(*map(below, kind.__subclasses__()))

    kinds = {k for k in below(Retriever) if not k.__abstractmethods__ and k.__module__.startswith("ravlm.")}
    built = {Bm25Retriever, TfidfRetriever, DenseRetriever, ImageRetriever, CrossModalRetriever}
    built |= {LateInteractionRetriever, HybridRetriever, EntityFirstRetriever, RerankedRetriever, GatedRetriever}
    assert kinds == built
