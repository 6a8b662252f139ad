"""Late interaction over a knowledge base: words, pictures and both; explained, refreshed, kept."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import small_search
from pictures import encoded, noise
from ravlm.encoders.features.cache import FeatureCache
from ravlm.errors import ConfigError, IndexStale, PathError, QuestionError, UnknownChoice
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Filters, Hit, Piece, Query
from ravlm.retrieval.keys import unit
from ravlm.retrieval.late.maxsim import maxsim
from ravlm.retrieval.late.pooling import pooled
from ravlm.retrieval.late.retriever import LateInteractionRetriever
from small_search import WORDS, base_of, entry, reader

LATE = LateInteractionRetriever


def seer(width=20):
    return small_search.eye(1, width)


class Joint(SimpleNamespace):
    """Two towers under one name."""

    def fingerprint(self):
        return self.visual.fingerprint() + self.language.fingerprint()


@pytest.fixture(scope="module")
def encoder():
    return reader()


@pytest.fixture(scope="module")
def eye():
    return seer()


@pytest.fixture
def base(tmp_path):
    return base_of(tmp_path / "kb", [entry(i) for i in range(40)])


@pytest.fixture
def gallery(tmp_path):
    """Entry i has the pictures i and 100 + i; the last one has none."""
    made = KnowledgeBase.create(tmp_path / "gallery")
    files = {f"{i}.png": encoded(noise(i, 32, 32)) for i in [*range(8), *range(100, 108)]}
    entries = [entry(i, images=(f"{i}.png", f"{100 + i}.png")) for i in range(8)]
    made.upsert([*entries, entry(8)], files.__getitem__)
    return made


def queries(n=6):
    return [Query(f"the {WORDS[i]} of {WORDS[-i]}", id=str(i)) for i in range(n)]


def found(hits):
    return [[(h.entry_id, h.passage_id, h.image_id, h.rank, h.scores["late"]) for h in row] for row in hits]


def tokens_of(encoder, text):
    with torch.no_grad():
        return unit(encoder(encoder.tokenize([text])).tokens[0][encoder.tokenize([text]).mask[0]].numpy())


def seen_by(eye, image):
    with torch.no_grad():
        return unit(eye(eye.preprocess(image)[None]).tokens[0].numpy())


def one_maxsim(query, passage):
    return float(maxsim(query, passage[None], np.ones((1, len(passage)), bool))[0])


def test_hits_are_the_best_by_maxsim_of_pooled_tokens(base, encoder):
    made = LATE.build(base, encoder, bits=8)
    keys = {f"{e.id}#0": pooled(tokens_of(encoder, f"{e.title}\n{e.text}"), 2) for e in base.iterate()}
    for query, row in zip(queries(), made.search(queries(), 5), strict=True):
        scores = {p: one_maxsim(tokens_of(encoder, query.text), key) for p, key in keys.items()}
        assert [hit.scores["late"] for hit in row] == pytest.approx(sorted(scores.values())[:-6:-1], abs=0.05)
        assert [hit.scores["late"] for hit in row] == pytest.approx([scores[h.passage_id] for h in row], abs=0.05)
        assert [hit.rank for hit in row] == [1, 2, 3, 4, 5]


def test_the_same_alone_as_among_others_and_at_any_number_of_threads(base, encoder):
    made = LATE.build(base, encoder)
    before = torch.get_num_threads()
    runs = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            made.__dict__.pop("_tokens", None)  # nothing is remembered of the queries
            runs.append(repr(found(made.search(queries(), 8))))
            runs.append(repr([found(made.search([query], 8))[0] for query in queries()]))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert len(set(runs)) == 1


def test_equal_texts_are_ranked_by_id(tmp_path, encoder):
    base = KnowledgeBase.create(tmp_path / "kb")
    base.upsert([Entry(name, "Same", text="The same text.") for name in "dbca"])
    (row,) = LATE.build(base, encoder).search([Query("same")], 3)
    assert [hit.entry_id for hit in row] == ["a", "b", "c"]
    assert len({hit.scores["late"] for hit in row}) == 1


def test_pieces_weigh_and_explain_the_score(base, encoder):
    made = LATE.build(base, encoder)
    pieces = (Piece("question", 1.0, "the capital"), Piece("title", 0.5, "river island"), Piece("label", 0.2, "red"))
    query = Query("the capital", pieces=pieces)
    (row,) = made.search([query], 40)
    alone = [made.search([Query(piece.text)], 40)[0] for piece in pieces]
    scores = [{hit.entry_id: hit.scores["late"] for hit in each} for each in alone]
    explained = made.explain(query, [*row, Hit("nobody", "nobody#0", None, 5, {})])
    assert explained[-1] == []
    for hit, gave in zip(row, explained, strict=False):
        assert [c.piece for c in gave] == list(pieces)
        assert [c.stage for c in gave] == ["late"] * 3
        expected = [piece.weight * score[hit.entry_id] for piece, score in zip(pieces, scores, strict=True)]
        assert [c.amount for c in gave] == pytest.approx(expected, abs=1e-5)
        assert sum(c.amount for c in gave) == pytest.approx(hit.scores["late"], abs=1e-9)


def test_filters_are_a_mask_before_ranking(base, encoder):
    made = LATE.build(base, encoder, unit="entry")
    asked = [Query("the river", filters=Filters(sources=(s,))) for s in ("odd", "even", "none")] + [Query("the river")]
    odd, even, none, every = made.search(asked, 50)
    assert {hit.entry_id for hit in odd} == {f"e{i:03}" for i in range(1, 40, 2)}
    assert {hit.entry_id for hit in even} == {f"e{i:03}" for i in range(0, 40, 2)}
    assert none == []
    assert len(every) == 40, "k is beyond the base"
    assert all(hit.passage_id is None for hit in every), "entries are ranked"


def test_queries_may_be_given_as_tokens(base, encoder):
    made = LATE.build(base, encoder)
    tokens = [tokens_of(encoder, query.text) for query in queries()]
    rows, scores = made.search_tokens(tokens, 5)
    for row, values, hits in zip(rows, scores, made.search(queries(), 5), strict=True):
        assert [made.rows.id(r) for r in row] == [hit.passage_id for hit in hits]
        assert values == pytest.approx([hit.scores["late"] for hit in hits], abs=1e-4)
    rows, scores = made.search_tokens(tokens[:2], 30, [Filters(sources=("odd",)), Filters(sources=("none",))])
    assert (rows[0] >= 0).sum() == 20
    assert (rows[1] == -1).all()
    assert (scores[1] == -np.inf).all()
    assert made.search_tokens([np.zeros((0, 20))], 3)[0].shape == (1, 0)
    for wrong in (np.zeros((1, 3)), np.full((1, 20), np.nan), np.zeros(20)):
        with pytest.raises(ConfigError, match="without NaN"):
            made.search_tokens([wrong])


@pytest.mark.parametrize("saved", [False, True])
def test_a_refresh_encodes_what_is_new_and_finds_nothing_that_is_gone(base, tmp_path, encoder, saved):
    made = LATE.build(base, encoder)
    built = made.index.built
    if saved:
        made.save(tmp_path / "index")
        made = LATE.load(tmp_path / "index", encoder=encoder)
    base.upsert([entry(3, "Another text about a river."), entry(41), entry(40)])
    base.delete(["e007", "e008"])
    assert made.refresh(base)
    assert not made.refresh(base)
    assert made.index.built == built
    assert len(made.index) == built + 3
    if saved:
        before = {path.name for path in (tmp_path / "index").iterdir() if path.name.startswith("rest-0")}
        made.save(tmp_path / "index")
        assert before <= {path.name for path in (tmp_path / "index").iterdir()}, "old codes are not written again"
        made = LATE.load(tmp_path / "index", encoder=encoder)
    made.check(base)
    anew = LATE.build(base, encoder)
    for ours, theirs in zip(made.search(queries(), 50), anew.search(queries(), 50), strict=True):
        assert {hit.entry_id for hit in ours} == {f"e{i:03}" for i in range(42)} - {"e007", "e008"}
        scores = {hit.passage_id: hit.scores["late"] for hit in theirs}
        assert [hit.scores["late"] for hit in ours] == pytest.approx([scores[h.passage_id] for h in ours], abs=0.2)


def test_where_much_was_added_the_index_is_made_anew(base, tmp_path, encoder):
    made = LATE.build(base, encoder)
    made.save(tmp_path / "index")
    base.upsert([entry(i) for i in range(40, 60)])
    base.delete(["e000"])
    made.refresh(base)
    assert made.index.built == len(made.index) == len(made.rows) == 59
    made.save(tmp_path / "index")
    read = LATE.load(tmp_path / "index", encoder=encoder)
    anew = LATE.build(base, encoder)
    assert found(read.search(queries(), 60)) == found(made.search(queries(), 60)) == found(anew.search(queries(), 60))


def test_saved_and_loaded_it_finds_the_same_bytes(base, tmp_path, encoder):
    made = LATE.build(base, encoder, pooling=3, bits=2, candidates=77)
    made.save(tmp_path / "index")
    read = LATE.load(tmp_path / "index", encoder=encoder)
    assert repr(found(read.search(queries(), 9))) == repr(found(made.search(queries(), 9)))
    settings = read.settings()
    assert settings == made.settings()
    assert (settings["unit"], settings["pooling"], settings["candidates"]) == ("passage", 3, 77)
    assert "2-bit" in settings["engine"]
    assert "40 rows of" in settings["why"]
    assert "all ranked by exact" in settings["why"]
    made.save(tmp_path / "copy")
    assert LATE.load(tmp_path / "copy", encoder=encoder).settings() == settings


def test_a_damaged_index_and_another_encoder_are_refused(base, tmp_path, encoder):
    with pytest.raises(PathError, match="no index"):
        LATE.load(tmp_path / "index", encoder=encoder)
    LATE.build(base, encoder).save(tmp_path / "index")
    with pytest.raises(IndexStale, match="build the index again"):
        LATE.load(tmp_path / "index", encoder=reader(seed=1))
    for start in ("codebook", "marks-0", "lead-0", "rest-0", "rows"):
        (path,) = (tmp_path / "index").glob(f"{start}-*")
        whole = path.read_bytes()
        path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
        with pytest.raises(IndexStale, match="damaged"):
            LATE.load(tmp_path / "index", encoder=encoder)
        path.write_bytes(whole)
    LATE.load(tmp_path / "index", encoder=encoder)


def test_what_does_not_fit_is_refused_before_the_work(base, encoder):
    for options, error, match in (
        ({"unit": "picture"}, UnknownChoice, "passage, entry"),
        ({"bits": 3}, UnknownChoice, "1, 2, 4, 8"),
        ({"pooling": 0}, ConfigError, "Give 1 or more"),
        ({"candidates": 0}, ConfigError, "Give 1 or more"),
    ):
        with pytest.raises(error, match=match):
            LATE.build(base, encoder, **options)
    with pytest.raises(ConfigError, match="texts or of pictures"):
        LATE.build(base, torch.nn.Identity())
    with pytest.raises(ConfigError, match="20 and 10"):
        LATE.build(base, Joint(language=encoder, visual=seer(10)))
    made = LATE.build(base, encoder)
    with pytest.raises(ConfigError, match="Ask for 1"):
        made.search(queries(), 0)
    with pytest.raises(QuestionError, match="needs words"):
        made.search([Query("", images=(noise(),))])


def test_an_empty_base_and_a_text_without_words(tmp_path, encoder):
    base = KnowledgeBase.create(tmp_path / "kb")
    made = LATE.build(base, encoder)
    assert made.search(queries(2)) == [[], []]
    made.save(tmp_path / "index")
    read = LATE.load(tmp_path / "index", encoder=encoder)
    base.upsert([entry(1)])
    read.refresh(base)
    assert [hit.entry_id for hit in read.search([Query("river")])[0]] == ["e001"]
    read.search([Query(" "), Query("?!")])


def test_pictures_are_compared_token_by_token_and_an_entry_is_found_once(gallery, eye):
    made = LATE.build(gallery, eye, bits=8)
    assert made.settings()["without"] == 1
    views = [noise(103, 32, 32), noise(5, 32, 32)]
    for view, wanted in zip(views, ("e003", "e005"), strict=True):
        (row,) = made.search([Query(images=(view,))], 20)
        assert sorted(hit.entry_id for hit in row) == [f"e{i:03}" for i in range(8)]
        assert row[0].entry_id == wanted
        assert row[0].image_id in gallery.get(wanted).images
        tokens = seen_by(eye, view)
        best = one_maxsim(tokens, pooled(tokens, 2))
        assert row[0].scores["late"] == pytest.approx(best, abs=0.02 * len(tokens))
        assert [hit.rank for hit in row] == list(range(1, 9))
    pieces = (Piece("region", 1.0, image=views[0]), Piece("region", 0.5, image=views[1]))
    query = Query(pieces=pieces)
    (row,) = made.search([query], 3)
    assert row[0].entry_id == "e003", "it weighs twice as much"
    for hit, gave in zip(row, made.explain(query, row), strict=True):
        for view, piece, one in zip(views, pieces, gave, strict=True):
            alone = made.explain(Query(images=(view,)), [hit])[0][0].amount
            assert one.amount == pytest.approx(piece.weight * alone, abs=1e-6)
        assert sum(c.amount for c in gave) == pytest.approx(hit.scores["late"], abs=1e-9)
    with pytest.raises(QuestionError, match="needs a picture"):
        made.search([Query("words alone")])


def test_a_joint_encoder_has_passages_and_pictures_in_one_index(gallery, encoder, eye):
    made = LATE.build(gallery, Joint(language=encoder, visual=eye), bits=8)
    assert made.settings()["without"] == 0
    text = "\n".join((gallery.get("e008").title, gallery.get("e008").text))
    words, view, both = Query(text), Query(images=(noise(2, 32, 32),)), Query(text, (noise(2, 32, 32),))
    by_words, by_view, by_both = made.search([words, view, both], 30)
    assert (by_words[0].entry_id, by_words[0].passage_id) == ("e008", "e008#0")
    assert (by_view[0].entry_id, by_view[0].passage_id) == ("e002", None)
    for row in (by_words, by_view, by_both):
        assert len(row) == 17, "9 passages, and a picture of each of 8 entries"
    sums = {}
    for hit in (*made.search([words], 30)[0], *made.search([view], 30)[0]):
        if hit.passage_id:
            sums[hit.passage_id] = sums.get(hit.passage_id, 0) + hit.scores["late"]
    for hit, gave in zip(by_both, made.explain(both, by_both), strict=True):
        assert [c.piece.image is None for c in gave] == [True, False]
        if hit.passage_id:
            assert hit.scores["late"] == pytest.approx(sums[hit.passage_id], abs=1e-4)
    with pytest.raises(QuestionError, match="words or a picture"):
        made.search([Query()])


def test_the_cache_spares_the_encoder_and_progress_is_told(base, tmp_path, encoder):
    told = []
    with FeatureCache(tmp_path / "cache") as cache:
        made = LATE.build(base, encoder, cache=cache, progress=lambda *said: told.append(said))
        assert cache.info().entries == 40
        again = LATE.build(base, encoder, cache=cache)
        assert cache.info().entries == 40
    assert told == [("encode", 40, 40)]
    assert found(made.search(queries())) == found(again.search(queries()))


def test_searching_by_tokens_needs_no_torch():
    code = "import sys; import ravlm.retrieval.late.retriever; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
