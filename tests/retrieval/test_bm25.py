import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lance.dataset import DatasetOptimizer

from ravlm.errors import ConfigError, IndexStale, KnowledgeCorrupt, KnowledgeError, QuestionError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Filters, Hit, Piece, Query, Section
from ravlm.retrieval import bm25, bm25_lance
from ravlm.retrieval import bm25 as module
from ravlm.retrieval.bm25 import Bm25Retriever

ENTRIES = (
    Entry("apple", "Apple", text="A red fruit that grows on trees.", source="fruit", meta={"colour": "red"}),
    Entry("banana", "Banana", text="A yellow fruit, about 18 cm long.", source="fruit", meta={"colour": "yellow"}),
    Entry("beet", "Beet", text="A red root.", source="root", meta={"colour": "red"}),
    Entry("pear", "梨", text="梨是一种水果。", language="zh", source="fruit"),
    Entry("fig", "Fig", sections=(Section("Tree", "It grows 9 m tall."), Section("果", "无花果是水果。", "zh"))),
)
PLUM = Entry("plum", "Plum", text="Plums are red or yellow, and grow on trees.", source="fruit")
QUERIES = [Query(text) for text in ("red fruit", "哪种水果", "18 cm", "a tree of 9 m", "yellow plums", "zebra")]
ENGINES = ("bm25s", "lance")

Build = Callable[..., Bm25Retriever]


@pytest.fixture
def base(tmp_path: Path) -> KnowledgeBase:
    made = KnowledgeBase.create(tmp_path / "kb")
    made.add(ENTRIES)
    return made


@pytest.fixture(params=ENGINES)
def build(request: pytest.FixtureRequest, base: KnowledgeBase) -> Build:
    return lambda **options: Bm25Retriever.build(base, engine=request.param, **options)


def ids(hits: list[Hit]) -> list[str]:
    return [hit.entry_id for hit in hits]


def found(retriever: Bm25Retriever, text: str, k: int = 10, **filters: tuple[object, ...]) -> list[str]:
    return ids(retriever.search([Query(text, filters=Filters(**filters))], k)[0])  # type: ignore[arg-type]


def test_what_shares_more_and_rarer_terms_comes_first(build: Build):
    retriever = build()
    assert found(retriever, "red fruits") == ["apple", "beet", "banana"]
    assert [hit.passage_id for hit in retriever.search([Query("哪种水果")], 9)[0]] == ["pear#0", "fig#1"]
    assert found(retriever, "how tall in m?") == ["fig"]
    assert found(retriever, "red fruits", k=1) == ["apple"]
    assert retriever.search([]) == []


def test_nothing_is_found_by_stop_words_marks_and_unknown_words(build: Build):
    retriever = build()
    assert retriever.search([Query("which of the"), Query("?!"), Query("zebra")]) == [[], [], []]
    assert retriever.unread(Query("Which of the fruits?")) == ["which", "of", "the"]
    assert retriever.unread(Query("?!")) == retriever.unread(Query("fruits")) == []
    with pytest.raises(QuestionError, match="neither words nor a picture"):
        retriever.search([Query("")])


def test_filters_let_through_before_ranking(build: Build, monkeypatch: pytest.MonkeyPatch):
    retriever = build()
    for few in (1000, 0):  # Lance is told the rows, or looks on until there are enough
        monkeypatch.setattr(bm25_lance, "_FEW", few)
        monkeypatch.setattr(bm25_lance, "_MORE", 1)
        assert found(retriever, "red fruits", k=1, sources=("root",)) == ["beet"]
        assert found(retriever, "red fruits", k=2, meta=(("colour", "yellow"),)) == ["banana"]
        assert found(retriever, "水果 tall", languages=("en",)) == ["fig"]
        assert found(retriever, "red fruits", sources=("nobody",)) == []
    alone, both = Query("red fruits"), Query("red fruits", filters=Filters(sources=("root",)))
    assert [ids(hits) for hits in retriever.search([alone, both, alone], 1)] == [["apple"], ["beet"], ["apple"]]


def test_pieces_weigh_and_say_what_they_gave(build: Build):
    retriever = build()
    pieces = (Piece("question", 1.0, "red"), Piece("title", 2.0, "banana"), Piece("alias", 0.0, "pear 梨"))
    query = Query("never read", pieces=pieces)
    hits = retriever.search([query], 10)[0]
    assert ids(hits) == ["banana", "beet", "apple"]
    explained = retriever.explain(query, hits)
    for hit, parts in zip(hits, explained, strict=True):
        assert [part.piece for part in parts] == list(pieces)
        assert sum(part.amount for part in parts) == pytest.approx(hit.scores["bm25"], rel=1e-5)
    assert [part.amount > 0 for part in explained[0]] == [False, True, False]
    assert retriever.explain(query, [Hit("nobody", "nobody#0", None, 1, {})]) == [[]]
    assert retriever.explain(query, []) == []
    doubled = Query(pieces=tuple(Piece(piece.kind, 2 * piece.weight, piece.text) for piece in pieces))
    assert ids(retriever.search([doubled], 10)[0]) == ids(hits)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_weights_that_are_none_are_refused(build: Build, weight: float):
    with pytest.raises(QuestionError, match="Give 0 or more"):
        build().search([Query(pieces=(Piece("title", weight, "red"),))])


def test_entries_are_ranked_whole_where_that_is_the_unit(build: Build):
    hits = build(unit="entry").search([Query("tall 无花果")], 10)[0]
    assert [(hit.entry_id, hit.passage_id) for hit in hits if hit.entry_id == "fig"] == [("fig", None)]


def test_kept_and_refreshed_it_is_as_one_built_anew(build: Build, base: KnowledgeBase, tmp_path: Path):
    before = build()
    before.save(tmp_path / "index")
    assert Bm25Retriever.load(tmp_path / "index").search(QUERIES) == before.search(QUERIES)
    base.add([PLUM])
    followed = Bm25Retriever.load(tmp_path / "index")
    with pytest.raises(IndexStale, match="refresh"):
        followed.check(base)
    assert followed.refresh(base)
    assert not followed.refresh(base)
    assert followed.search(QUERIES) == build().search(QUERIES)
    followed.save(tmp_path / "index")
    followed.save(tmp_path / "other")
    for folder in ("index", "other"):
        read = Bm25Retriever.load(tmp_path / folder)
        read.check(base)
        assert read.search(QUERIES) == followed.search(QUERIES)
        assert read.settings() == followed.settings()


def test_what_is_gone_is_not_found_and_what_changed_is_found_by_what_it_says(build: Build, base: KnowledgeBase):
    retriever = build()
    base.delete(["apple"])
    base.upsert([Entry("beet", "Beet", text="A purple root."), PLUM])
    retriever.refresh(base)
    assert found(retriever, "red") == ["plum"]
    assert found(retriever, "purple root") == ["beet"]
    assert retriever.rows.hashes() == base.hashes()
    base.upsert([ENTRIES[0], ENTRIES[2]])
    retriever.refresh(base)
    assert set(found(retriever, "red")) == {"apple", "beet", "plum"}
    assert found(retriever, "purple") == []


def test_many_changes_of_a_lance_index_are_joined(base: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bm25_lance, "_FILES", 3)
    monkeypatch.setattr(bm25_lance, "_INDEX_PARTS", 2)
    retriever = Bm25Retriever.build(base, engine="lance")
    for number in range(8):
        base.upsert([Entry(f"x{number}", "Common", text=f"thing number{number}"), PLUM])
        base.delete([f"x{number - 2}"] if number > 1 else [])
        retriever.refresh(base)
        assert found(retriever, f"number{number}") == [f"x{number}"]
        assert set(found(retriever, "common thing")) == {f"x{n}" for n in (number - 1, number) if n >= 0}
    retriever.save(tmp_path / "index")
    assert Bm25Retriever.load(tmp_path / "index").search(QUERIES) == retriever.search(QUERIES)


def test_a_lance_index_is_made_anew_when_most_of_its_rows_are_gone(base: KnowledgeBase):
    retriever = Bm25Retriever.build(base, engine="lance")
    base.delete(["apple", "banana", "beet", "pear"])
    retriever.refresh(base)
    assert len(retriever.rows) == retriever.rows.count == 2
    assert retriever.search(QUERIES) == Bm25Retriever.build(base, engine="lance").search(QUERIES)


def test_a_change_that_fails_is_made_the_next_time(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch):
    retriever = Bm25Retriever.build(base, engine="lance")
    before = retriever.search(QUERIES)
    base.delete(["apple"])
    base.add([PLUM])
    with monkeypatch.context() as patched:
        patched.setattr(DatasetOptimizer, "optimize_indices", lambda *a, **k: 1 / 0)
        with pytest.raises(IndexStale, match="division by zero"):
            retriever.refresh(base)
    assert retriever.search(QUERIES) == before
    assert retriever.refresh(base)
    assert found(retriever, "red") == ["beet", "plum"]
    with monkeypatch.context() as patched:
        patched.setattr(bm25, "entries_of", lambda *a: (_ for _ in ()).throw(KnowledgeError("gone")))
        base.add([ENTRIES[0]])
        with pytest.raises(KnowledgeError):
            retriever.refresh(base)
    assert found(retriever, "red") == ["beet", "plum"]


def test_an_open_index_outlives_that_another_process_replaces_it(build: Build, base: KnowledgeBase, tmp_path: Path):
    build().save(tmp_path / "index")
    reader, writer = (Bm25Retriever.load(tmp_path / "index") for _ in range(2))
    base.add([PLUM])
    writer.refresh(base)
    writer.save(tmp_path / "index")
    assert found(reader, "yellow") == ["banana"]
    assert set(found(Bm25Retriever.load(tmp_path / "index"), "yellow")) == {"banana", "plum"}
    assert len(list((tmp_path / "index").glob("rows-*"))) == 1
    assert len(list((tmp_path / "index").glob("table-*"))) == (writer.settings()["engine"] == "lance")


def test_where_no_links_can_be_made_the_table_is_read_in_place(
    base: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    Bm25Retriever.build(base, engine="lance").save(tmp_path / "index")
    files = {path: path.read_bytes() for path in (tmp_path / "index").rglob("*") if path.is_file()}
    reader = Bm25Retriever.load(tmp_path / "index")
    base.add([PLUM])
    reader.refresh(base)
    assert set(found(reader, "yellow")) == {"banana", "plum"}
    assert {path: path.read_bytes() for path in files} == files
    other = Bm25Retriever.load(tmp_path / "index")
    shutil.rmtree(next((tmp_path / "index").glob("table-*")))
    with pytest.raises(IndexStale, match="build it again"):
        other.search(QUERIES)


@pytest.mark.parametrize("texts", [[], ["..."]])
def test_a_base_without_words_is_one_in_which_nothing_is_found(tmp_path: Path, texts: list[str]):
    base = KnowledgeBase.create(tmp_path / "kb")
    base.upsert([Entry(f"x{number}", "?!", text=text) for number, text in enumerate(texts)])
    for engine in ENGINES:
        made = Bm25Retriever.build(base, engine=engine)
        made.save(tmp_path / engine)
        assert made.search(QUERIES) == Bm25Retriever.load(tmp_path / engine).search(QUERIES) == [[]] * len(QUERIES)
    base.add([PLUM])
    for engine in ENGINES:
        followed = Bm25Retriever.load(tmp_path / engine)
        followed.refresh(base)
        assert found(followed, "plums") == ["plum"]


def test_auto_chooses_by_size_and_says_so(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch):
    settings = Bm25Retriever.build(base).settings()
    assert (settings["engine"], settings["k1"], settings["b"]) == ("bm25s", 0.9, 0.4)
    assert "6 passages are no more than 1,000,000" in settings["why"]
    monkeypatch.setattr(module, "AT_MOST", 6)
    assert Bm25Retriever.build(base).settings()["engine"] == "bm25s"
    monkeypatch.setattr(module, "AT_MOST", 5)
    large = Bm25Retriever.build(base)
    assert (large.settings()["engine"], large.settings()["k1"], large.settings()["b"]) == ("lance", 1.2, 0.75)
    assert "6 passages are more than 5" in large.settings()["why"]
    assert Bm25Retriever.build(base, k1=1.2, b=0.75).settings()["engine"] == "lance"
    told = Bm25Retriever.build(base, b=0.4).settings()
    assert told["engine"] == "bm25s"
    assert "Lance does not take" in told["why"]
    monkeypatch.setattr(module, "_LOOKED_AT", 2)
    assert "about 5 passages" in Bm25Retriever.build(base).settings()["why"]


def test_a_refresh_chooses_anew(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch):
    retriever = Bm25Retriever.build(base)
    monkeypatch.setattr(module, "AT_MOST", 6)
    base.add([PLUM])
    retriever.refresh(base)
    assert retriever.settings()["engine"] == "lance"
    assert set(found(retriever, "yellow")) == {"banana", "plum"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"engine": "lance", "k1": 0.9}, "Lance has k1 1.2 and b 0.75 alone"),
        ({"engine": "lance", "b": 0.4}, "choose the engine bm25s"),
        ({"engine": "lucene"}, "Choose one of auto, bm25s, lance"),
        ({"k1": -1}, "k1 is 0 or more"),
        ({"b": 1.5}, "from 0 to 1"),
        ({"k1": float("nan")}, "k1 is 0 or more"),
    ],
)
def test_parameters_that_can_not_be_are_refused(base: KnowledgeBase, options: dict[str, object], says: str):
    with pytest.raises(ConfigError, match=says):
        Bm25Retriever.build(base, **options)  # type: ignore[arg-type]


def test_a_damaged_index_is_refused(build: Build, tmp_path: Path):
    build().save(tmp_path / "index")
    for path in sorted((tmp_path / "index").rglob("*")):
        if not path.is_file() or path.name in ("index.json", "lock"):
            continue
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]) if whole else b"x")
        with pytest.raises(IndexStale, match="damaged"):
            Bm25Retriever.load(tmp_path / "index")
        path.write_bytes(whole)
    about = json.loads((tmp_path / "index" / "index.json").read_text())
    about["settings"]["analyzer"]["ideographs"] = "words"
    (tmp_path / "index" / "index.json").write_text(json.dumps(about))
    with pytest.raises(IndexStale, match="damaged"):
        Bm25Retriever.load(tmp_path / "index")


def test_damage_of_the_base_is_told_in_its_own_words(build: Build, monkeypatch: pytest.MonkeyPatch):
    def damaged(_: KnowledgeBase) -> Iterator[Entry]:
        yield ENTRIES[0]
        raise KnowledgeCorrupt("entries are lost")

    monkeypatch.setattr(KnowledgeBase, "iterate", damaged)
    with pytest.raises(KnowledgeCorrupt, match="entries are lost"):
        build()


def test_progress_is_told(build: Build):
    told: list[tuple[str, int, int]] = []
    build(progress=lambda *step: told.append(step))
    assert told[-1] == ("words", len(ENTRIES), len(ENTRIES))
