"""Words to words by a language encoder's vectors: searched, explained, refreshed, kept."""

import faiss
import numpy as np
import pytest
import torch

from ravlm.encoders.compact_visual import CompactVisualEncoder
from ravlm.encoders.features.cache import FeatureCache
from ravlm.errors import ConfigError, IndexStale, PathError, QuestionError, UnknownChoice
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Filters, Hit, Piece, Query
from ravlm.retrieval.dense import DenseRetriever
from ravlm.retrieval.keys import Keys, one_thread, unit
from small_search import WORDS, base_of, entry, reader


@pytest.fixture(scope="module")
def encoder():
    return reader()


@pytest.fixture
def base(tmp_path):
    return base_of(tmp_path / "kb", [entry(i) for i in range(40)])


def queries(n=6):
    return [Query(f"the {WORDS[i]} of {WORDS[-i]}", id=str(i)) for i in range(n)]


def found(hits):
    return [[(hit.entry_id, hit.passage_id, hit.rank, hit.scores["dense"]) for hit in row] for row in hits]


def same_hits(some, others):
    """The same texts in the same order; scores to what the encoder's other batches give."""
    for ours, theirs in zip(some, others, strict=True):
        assert [h.passage_id for h in ours] == [h.passage_id for h in theirs]
        assert [h.scores["dense"] for h in ours] == pytest.approx([h.scores["dense"] for h in theirs], abs=1e-6)


def test_hits_are_the_nearest_texts(base, encoder):
    made = DenseRetriever.build(base, encoder)
    texts = {f"{e.id}#0": f"{e.title}\n{e.text}" for e in base.iterate()}
    with torch.no_grad():
        keys = {p: encoder(encoder.tokenize([text])).pooled[0].double().numpy() for p, text in texts.items()}
        asked = [encoder(encoder.tokenize([q.text])).pooled[0].double().numpy() for q in queries()]
    for q, row in zip(asked, made.search(queries(), 5), strict=True):
        cosines = {p: q @ v / np.linalg.norm(q) / np.linalg.norm(v) for p, v in keys.items()}
        best = sorted(cosines, key=lambda p: -cosines[p])[:5]
        assert [hit.passage_id for hit in row] == best
        assert [hit.scores["dense"] for hit in row] == pytest.approx([cosines[p] for p in best], abs=1e-5)
        assert [hit.rank for hit in row] == [1, 2, 3, 4, 5]


def test_the_same_alone_as_among_others_and_at_any_number_of_threads(base, encoder):
    made = DenseRetriever.build(base, encoder)
    before = torch.get_num_threads(), faiss.omp_get_max_threads()
    runs = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            faiss.omp_set_num_threads(threads)
            made = DenseRetriever(encoder, made.sides, made.stamp)
            made.sides["texts"].keys = Keys(encoder)
            runs.append(found(made.search(queries(), 8)))
            runs.append([found(made.search([query], 8))[0] for query in queries()])
            assert (torch.get_num_threads(), faiss.omp_get_max_threads()) == (threads, threads)
    finally:
        torch.set_num_threads(before[0])
        faiss.omp_set_num_threads(before[1])
    assert all(repr(run) == repr(runs[0]) for run in runs)


def test_equal_texts_are_ranked_by_id(tmp_path, encoder):
    base = KnowledgeBase.create(tmp_path / "kb")
    base.upsert([Entry(name, "Same", text="The same text.") for name in "dbca"])
    (row,) = DenseRetriever.build(base, encoder).search([Query("same")], 3)
    assert [hit.entry_id for hit in row] == ["a", "b", "c"]
    assert len({hit.scores["dense"] for hit in row}) == 1


def test_pieces_weigh_and_explain_the_score(base, encoder):
    made = DenseRetriever.build(base, encoder)
    pieces = (Piece("question", 1.0, "the capital"), Piece("title", 0.5, "river island"), Piece("label", 0.2, "red"))
    query = Query("the capital", pieces=pieces)
    (row,) = made.search([query], 4)
    sums = [made.sides["texts"].keys.words([Piece("question", text=p.text)])[0] * p.weight for p in pieces]
    vector = unit(np.sum(sums, axis=0, dtype=np.float64)[None])
    assert made.search_vectors(vector, 4)[1][0] == pytest.approx([hit.scores["dense"] for hit in row], abs=1e-6)
    explained = made.explain(query, [*row, Hit("nobody", "nobody#0", None, 5, {})])
    assert explained[-1] == []
    for hit, gave in zip(row, explained, strict=False):
        assert [c.piece for c in gave] == list(pieces)
        assert sum(c.amount for c in gave) == pytest.approx(hit.scores["dense"], abs=1e-6)
    twice = Query("the capital", pieces=(Piece("question", 2.0, "the capital"),))
    assert found(made.search([twice], 3)) == found(made.search([Query("the capital")], 3)), "a weight alone is nothing"


def test_filters_are_a_mask_before_ranking(base, encoder):
    made = DenseRetriever.build(base, encoder, unit="entry")
    asked = [Query("the river", filters=Filters(sources=(s,))) for s in ("odd", "even", "none")] + [Query("the river")]
    odd, even, none, every = made.search(asked, 50)
    assert {hit.entry_id for hit in odd} == {f"e{i:03}" for i in range(1, 40, 2)}
    assert {hit.entry_id for hit in even} == {f"e{i:03}" for i in range(0, 40, 2)}
    assert none == []
    assert len(every) == 40
    assert [hit.rank for hit in odd] == list(range(1, 21))
    assert all(hit.passage_id is None for hit in every), "entries are ranked"
    rows, scores = made.search_vectors(np.eye(2, 20), 30, [Filters(sources=("odd",)), Filters(sources=("none",))])
    assert (rows[0] >= 0).sum() == 20
    assert (rows[1] == -1).all()
    assert (scores[1] == -np.inf).all()


@pytest.mark.parametrize("saved", [False, True])
def test_a_refresh_ends_where_building_anew_does(base, tmp_path, saved):
    encoder = reader()
    made = DenseRetriever.build(base, encoder)
    if saved:
        made.save(tmp_path / "index")
        made = DenseRetriever.load(tmp_path / "index", encoder=encoder)
    base.upsert([entry(3, "Another text about a river."), entry(41), entry(40)])
    base.delete(["e007", "e008"])
    asked = []
    keys = made.sides["texts"].keys
    keys.texts, encode = lambda texts: asked.extend(texts) or encode(texts), keys.texts
    assert made.refresh(base)
    assert not made.refresh(base)
    assert len(asked) == 3, "only what is new is encoded"
    if saved:
        made.save(tmp_path / "index")
        made = DenseRetriever.load(tmp_path / "index", encoder=encoder)
    made.check(base)
    anew = DenseRetriever.build(base, encoder)
    same_hits(made.search(queries(), 50), anew.search(queries(), 50))


def test_a_refresh_does_not_write_old_vectors_again(base, tmp_path, encoder):
    made = DenseRetriever.build(base, encoder)
    made.save(tmp_path / "index")
    before = {path.name for path in (tmp_path / "index").iterdir() if "vectors-" in path.name}
    base.upsert([entry(50)])
    made.refresh(base)
    made.save(tmp_path / "index")
    after = {path.name for path in (tmp_path / "index").iterdir() if "vectors-" in path.name}
    assert len(before) == 1
    assert len(after - before) == 1
    assert before <= after


def test_when_much_is_gone_the_index_is_made_anew(base, tmp_path, encoder):
    made = DenseRetriever.build(base, encoder)
    made.save(tmp_path / "index")
    base.delete([f"e{i:03}" for i in range(20)])
    made.refresh(base)
    assert len(made.rows) == len(made.sides["texts"].index) == 20
    made.save(tmp_path / "index")
    read = DenseRetriever.load(tmp_path / "index", encoder=encoder)
    anew = DenseRetriever.build(base, encoder)
    assert found(read.search(queries(), 30)) == found(made.search(queries(), 30))
    same_hits(read.search(queries(), 30), anew.search(queries(), 30))


def test_a_base_whose_old_version_is_not_kept_is_followed_by_hashes(base, tmp_path, encoder):
    made = DenseRetriever.build(base, encoder)
    other = KnowledgeBase.create(tmp_path / "other")
    other.upsert([entry(i) for i in range(10, 45)])
    made.refresh(other)
    anew = DenseRetriever.build(other, encoder)
    same_hits(made.search(queries(), 50), anew.search(queries(), 50))


def test_saved_and_loaded_it_finds_the_same_bytes(base, tmp_path, encoder):
    made = DenseRetriever.build(base, encoder)
    made.save(tmp_path / "index")
    read = DenseRetriever.load(tmp_path / "index", encoder=encoder)
    assert repr(found(read.search(queries(), 9))) == repr(found(made.search(queries(), 9)))
    assert read.settings() == made.settings()
    assert made.settings()["engine"] == "faiss, exact search"
    assert "40 rows of 20 numbers" in made.settings()["why"]
    assert made.settings()["unit"] == "passage"
    assert made.settings()["encoder"] == {"origin": None, "revision": None}
    made.save(tmp_path / "copy")
    assert DenseRetriever.load(tmp_path / "copy", encoder=encoder).settings() == made.settings()


def test_another_encoder_is_refused(base, tmp_path, encoder):
    DenseRetriever.build(base, encoder).save(tmp_path / "index")
    with pytest.raises(IndexStale, match="build the index again"):
        DenseRetriever.load(tmp_path / "index", encoder=reader(seed=1))


def test_a_damaged_or_missing_index_is_refused(base, tmp_path, encoder):
    with pytest.raises(PathError, match="no index"):
        DenseRetriever.load(tmp_path / "index", encoder=encoder)
    DenseRetriever.build(base, encoder).save(tmp_path / "index")
    (path,) = (tmp_path / "index").glob("texts-vectors-0-*")
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(IndexStale, match="damaged"):
        DenseRetriever.load(tmp_path / "index", encoder=encoder)


def test_what_does_not_fit_is_refused_before_the_work(base, encoder):
    with pytest.raises(ConfigError, match="encoder of texts"):
        DenseRetriever.build(base, CompactVisualEncoder(image_size=32, channels=(4, 8, 8), width=10))
    with pytest.raises(UnknownChoice, match="passage, entry"):
        DenseRetriever.build(base, encoder, unit="picture")
    with pytest.raises(UnknownChoice, match="rabitq"):
        DenseRetriever.build(base, encoder, structure="rabit")
    made = DenseRetriever.build(base, encoder)
    with pytest.raises(ConfigError, match="Ask for 1"):
        made.search(queries(), 0)
    with pytest.raises(QuestionError, match="words"):
        made.search([Query("")])
    for vectors in (np.zeros((1, 3)), np.full((1, 20), np.nan), np.zeros(20)):
        with pytest.raises(ConfigError, match="without NaN"):
            made.search_vectors(vectors)


def test_an_empty_base(tmp_path, encoder):
    base = KnowledgeBase.create(tmp_path / "kb")
    made = DenseRetriever.build(base, encoder)
    assert made.search(queries(2)) == [[], []]
    made.save(tmp_path / "index")
    read = DenseRetriever.load(tmp_path / "index", encoder=encoder)
    base.upsert([entry(1)])
    read.refresh(base)
    assert [hit.entry_id for hit in read.search([Query("river")])[0]] == ["e001"]


def test_the_cache_spares_the_encoder_and_progress_is_told(base, tmp_path, encoder):
    told = []
    with FeatureCache(tmp_path / "cache") as cache:
        made = DenseRetriever.build(base, encoder, cache=cache, progress=lambda *said: told.append(said))
        assert cache.info().entries == 40
        again = DenseRetriever.build(base, encoder, cache=cache)
        assert cache.info().entries == 40
    assert told[-1] == ("encode", 40, 40)
    assert found(made.search(queries())) == found(again.search(queries()))


def test_vectors_that_are_no_numbers_are_refused(base):
    broken = reader()
    with torch.no_grad():
        next(broken.parameters()).fill_(float("nan"))
    with pytest.raises(ConfigError, match="no numbers"):
        DenseRetriever.build(base, broken)


def test_unit_length_and_threads():
    vectors = unit(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32))
    assert vectors.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0]]
    before = torch.get_num_threads()
    inside = []
    with pytest.raises(ZeroDivisionError), one_thread(), one_thread():
        inside.append(1 / (torch.get_num_threads() - 1))
    assert not inside, "there is one inside"
    assert torch.get_num_threads() == before


def test_pieces_without_weight_find_every_text_alike(base, encoder):
    made = DenseRetriever.build(base, encoder)
    pieces = (Piece("question", 0.0, "river"), Piece("question", 0.0, "capital"))
    (row,) = made.search([Query("river", pieces=pieces)], 3)
    assert [(hit.entry_id, hit.scores["dense"]) for hit in row] == [("e000", 0), ("e001", 0), ("e002", 0)]
