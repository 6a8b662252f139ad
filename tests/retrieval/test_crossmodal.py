"""Words to pictures and pictures to words with a joint encoder."""

import numpy as np
import pytest
import torch

from pictures import noise, picture
from ravlm.errors import ConfigError, IndexStale, QuestionError, UnknownChoice
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Filters, Piece, Query
from ravlm.retrieval.crossmodal import CrossModalRetriever
from ravlm.safe.images import decode_image
from ravlm.tensors import Encoded
from small_search import towers

ENTRIES = [
    Entry("a", "A city", text="The capital. A city of people.", images=("1", "2"), source="s"),
    Entry("b", "This country", text="Freedonia. What is it?", images=("3",), source="s"),
    Entry("c", "Fredville", text="Of Freedonia.", source="t"),
]


def seeded(name):
    return picture(int(name))


@pytest.fixture(scope="module")
def encoder():
    return towers()


@pytest.fixture
def base(tmp_path):
    made = KnowledgeBase.create(tmp_path / "kb")
    made.upsert(ENTRIES, seeded)
    return made


def cosine(encoder, text, pixels):
    """By the encoder itself."""
    with torch.no_grad():
        words = encoder.language(encoder.language.tokenize([text])).pooled[0].double()
        seen = encoder.visual(encoder.visual.preprocess(pixels)[None]).pooled[0].double()
    return float(torch.nn.functional.cosine_similarity(words, seen, dim=0))


def test_words_find_pictures(base, encoder):
    made = CrossModalRetriever.build(base, encoder)
    (row,) = made.search([Query("the capital of Freedonia")], 9)
    expected = {
        e.id: max((cosine(encoder, "the capital of Freedonia", decode_image(base.picture(i))), i) for i in e.images)
        for e in base.iterate()
        if e.images
    }
    assert [hit.entry_id for hit in row] == sorted(expected, key=lambda e: -expected[e][0])
    for hit in row:
        assert (hit.passage_id, hit.image_id) == (None, expected[hit.entry_id][1])
        assert hit.scores["crossmodal"] == pytest.approx(expected[hit.entry_id][0], abs=1e-5)
    assert made.settings()["without"] == {"texts": 0, "pictures": 1}


@pytest.mark.parametrize("unit", ["entry", "passage"])
def test_pictures_find_names(base, encoder, unit):
    made = CrossModalRetriever.build(base, encoder, unit=unit)
    (row,) = made.search([Query(images=(noise(9),))], 9)
    expected = {e.id: cosine(encoder, f"{e.title}\n{e.text}", noise(9)) for e in base.iterate()}
    assert [hit.entry_id for hit in row] == sorted(expected, key=lambda e: -expected[e])
    assert [hit.scores["crossmodal"] for hit in row] == pytest.approx(sorted(expected.values(), reverse=True), abs=1e-5)
    assert all(hit.image_id is None for hit in row)
    assert [hit.passage_id for hit in row] == [f"{h.entry_id}#0" if unit == "passage" else None for h in row]


def test_with_both_the_best_of_them_decides_and_explains(base, encoder):
    made = CrossModalRetriever.build(base, encoder)
    pieces = (
        Piece("question", 1.0, "What is the capital"),
        Piece("label", 0.5, "city"),
        Piece("region", 0.8, image=noise(8)),
        Piece("region", 1.0, image=noise(9)),
    )
    both = Query(pieces=pieces)
    rows = made.search([both, Query(pieces=pieces[:2]), Query(pieces=pieces[2:])], 9)
    either = [{hit.entry_id: hit.scores["crossmodal"] for hit in row} for row in rows[1:]]
    assert {hit.entry_id for hit in rows[0]} == {"a", "b", "c"}
    assert [hit.rank for hit in rows[0]] == [1, 2, 3]
    for hit in rows[0]:
        assert hit.scores["crossmodal"] == max(scores.get(hit.entry_id, -np.inf) for scores in either)
    for query, row in zip((both, Query(pieces=pieces[:2]), Query(pieces=pieces[2:])), rows, strict=True):
        for hit, gave in zip(row, made.explain(query, row), strict=True):
            assert [c.piece for c in gave] == list(query.pieces)
            assert sum(c.amount for c in gave) == pytest.approx(hit.scores["crossmodal"], abs=1e-6)
            words = [c.amount for c in gave if c.piece.image is None]
            assert any(words) == (hit.image_id is not None), "words are compared with pictures alone"


def test_the_scores_are_the_models_similarity(base, encoder):
    """The model's own, without its scale."""
    made = CrossModalRetriever.build(base, encoder)
    (row,) = made.search([Query("a city")], 1)
    seen = encoder.visual(torch.stack([encoder.visual.preprocess(noise(i)) for i in (1, 2, 3)]))
    said = encoder.language(encoder.language.tokenize(["a city"]))
    similarity = encoder.similarity(Encoded(seen.tokens, seen.mask, seen.pooled), said)
    scale = encoder._whole[0].logit_scale.exp()
    assert row[0].scores["crossmodal"] == pytest.approx(float((similarity / scale).detach().max()), abs=1e-5)


def test_filters(base, encoder):
    made = CrossModalRetriever.build(base, encoder)
    asked = [Query("city", images=(noise(9),), filters=Filters(sources=(s,))) for s in "st?"]
    rows = made.search(asked, 9)
    assert [sorted(hit.entry_id for hit in row) for row in rows] == [["a", "b"], ["c"], []]


def test_saved_refreshed_and_loaded(base, tmp_path, encoder):
    made = CrossModalRetriever.build(base, encoder, unit="passage")
    made.save(tmp_path / "index")
    read = CrossModalRetriever.load(tmp_path / "index", encoder=encoder)
    query = Query("the city", images=(noise(9),))
    assert made.search([query]) == read.search([query])
    assert read.settings() == made.settings()
    base.delete(["b"])
    base.upsert([Entry("p", "Only a picture", images=("5",))], seeded)
    assert read.refresh(base)
    read.save(tmp_path / "index")
    again = CrossModalRetriever.load(tmp_path / "index", encoder=encoder)
    anew = CrossModalRetriever.build(base, encoder, unit="passage")
    for ours, theirs in zip(again.search([query])[0], anew.search([query])[0], strict=True):
        assert (ours.entry_id, ours.image_id, ours.passage_id) == (theirs.entry_id, theirs.image_id, theirs.passage_id)
        assert ours.scores["crossmodal"] == pytest.approx(theirs.scores["crossmodal"], abs=1e-6)
    assert again.settings()["without"] == anew.settings()["without"] == {"texts": 1, "pictures": 1}


def test_entries_of_either_side_are_told_apart_by_hashes(base, tmp_path, encoder):
    """Of another base no version is known: what is in either side counts, and nothing is there twice."""
    made = CrossModalRetriever.build(base, encoder, unit="passage")
    other = KnowledgeBase.create(tmp_path / "other")
    other.upsert([*ENTRIES[:2], Entry("p", "Only a picture", images=("5",))], seeded)
    made.refresh(other)
    assert made.sides["texts"].rows.hashes().keys() == {"a", "b"}
    assert made.sides["pictures"].rows.hashes().keys() == {"a", "b", "p"}
    other.delete(["p"])
    made.stamp = type(made.stamp)("unknown", made.stamp.encoder, 0)
    made.refresh(other)
    assert made.sides["pictures"].rows.count == 3


def test_what_does_not_fit_is_refused(base, tmp_path, encoder):
    with pytest.raises(ConfigError, match="joint encoder"):
        CrossModalRetriever.build(base, encoder.visual)
    with pytest.raises(UnknownChoice, match="passage, entry"):
        CrossModalRetriever.build(base, encoder, unit="picture")
    made = CrossModalRetriever.build(base, encoder)
    with pytest.raises(QuestionError, match="words or a picture"):
        made.search([Query()])
    made.save(tmp_path / "index")
    with pytest.raises(IndexStale):
        CrossModalRetriever.load(tmp_path / "index", encoder=towers(seed=1))
