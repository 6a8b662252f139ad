"""Picture to the entries' pictures: entries are ranked, over several views and pictures, exactly."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from builders import tokenizer
from pictures import noise, picture
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.errors import ConfigError, IndexStale, QuestionError
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Filters, Hit, Piece, Query
from ravlm.retrieval.image import ImageIndex, Stamp
from ravlm.retrieval.keys import Keys, unit
from ravlm.retrieval.picture import ImageRetriever
from ravlm.retrieval.rows import Row, Rows
from ravlm.retrieval.vectors.entries import Ask, best_entries
from ravlm.retrieval.vectors.index import VectorIndex
from ravlm.retrieval.vectors.side import Side
from ravlm.retrieval.vectors.store import Vectors
from small_search import eye


@pytest.fixture(scope="module")
def encoder():
    return eye()


def seeded(name):
    return picture(int(name))


ENTRIES = [
    Entry("a", "A", text="A.", images=("1", "2", "3"), source="s"),
    Entry("b", "B", text="B.", images=("4",), source="s"),
    Entry("c", "C", text="C.", images=("5", "6"), source="t"),
    Entry("d", "D", text="No picture.", source="t"),
]


@pytest.fixture
def base(tmp_path):
    made = KnowledgeBase.create(tmp_path / "kb")
    made.upsert(ENTRIES, seeded)
    return made


def views(*numbers):
    return Query(images=tuple(noise(number) for number in numbers))


def found(rows):
    return [[(h.entry_id, h.passage_id, h.image_id, h.rank, h.scores["image"]) for h in row] for row in rows]


def test_the_same_picture_is_found_with_its_entry(base, encoder):
    made = ImageRetriever.build(base, encoder)
    for entry_id, names in (("a", "123"), ("b", "4"), ("c", "56")):
        for name in names:
            first, *others = made.search([views(int(name))], 10)[0]
            assert (first.entry_id, first.passage_id, first.rank) == (entry_id, None, 1)
            assert first.image_id in base.get(entry_id).images
            assert first.scores["image"] == pytest.approx(1, abs=1e-6)
            assert sorted(hit.entry_id for hit in [first, *others]) == ["a", "b", "c"], "one hit an entry"
    assert made.settings()["without"] == 1


def test_parity_with_the_index_of_the_model(base, encoder):
    def embed(image_ids):
        return np.concatenate([Keys(encoder).pictures([base.picture(image_id)]) for image_id in image_ids])

    index = ImageIndex.build(list(base.iterate()), embed, Stamp("", ""))
    made = ImageRetriever.build(base, encoder)
    for number in range(10, 20):
        query = unit(np.random.default_rng(number).normal(size=(1, 10)))
        rows, scores = made.search_vectors(query, 3)
        expected = index.search(query, 3)[0]
        pairs = [(made.rows.entry(row), made.rows.table["image_id"][row].as_py()) for row in rows[0].tolist()]
        assert pairs == [(entry_id, image_id) for entry_id, image_id, _ in expected]
        assert scores[0] == pytest.approx([score for _, _, score in expected], abs=1e-6)


def test_the_best_view_decides_and_is_said_to(base, encoder):
    made = ImageRetriever.build(base, encoder)
    pieces = (
        Piece("region", 0.5, image=noise(4), origin="whole"),
        Piece("region", 1.0, image=noise(5), origin="centre"),
        Piece("region", 0.9, image=noise(30), origin="grid"),
    )
    query = Query(pieces=pieces)
    (row,) = made.search([query], 3)
    assert row[0].entry_id == "c"
    assert row[0].scores["image"] == pytest.approx(1, abs=1e-6)
    explained = made.explain(query, [*row, Hit("d", None, None, 4, {})])
    assert explained[-1] == []
    assert [c.amount for c in explained[0]] == [0.0, row[0].scores["image"], 0.0]
    for hit, gave in zip(row, explained, strict=False):
        assert [c.piece for c in gave] == list(pieces)
        assert sum(c.amount for c in gave) == hit.scores["image"]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 6), st.integers(1, 3), st.integers(0, 10_000), st.sampled_from([1, 7, 40]))
def test_entries_by_their_best_picture_over_all_views(n, k, v, seed, owners):
    """Of small whole numbers, which tie often; an entry may have most pictures, so many are asked for."""
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-2, 3, size=(n, 3)).astype(np.float32)
    asked = rng.integers(-2, 3, size=(2, v, 3)).astype(np.float32)
    entry = [f"e{min(rng.integers(0, owners), rng.integers(0, owners)):02}" for _ in range(n)]
    image = [f"i{place:02}" for place in rng.permutation(n)]
    rows = Rows.of([Row(e, None, i, "", "en", "", b"\0" * 32, "") for e, i in zip(entry, image, strict=True)])
    side = Side(None, "picture", rows, VectorIndex(Vectors(3, [vectors])), 0)
    ranked = best_entries([[Ask(side, each)] for each in asked], k, [Filters()] * 2)
    for each, its in zip(asked, ranked, strict=True):
        scores = (each @ vectors.T).max(axis=0)
        best = {e: min((-scores[p], image[p]) for p in range(n) if entry[p] == e) for e in set(entry)}
        expected = sorted((score, e, i) for e, (score, i) in best.items())[:k]
        assert [(-x.score, rows.entry(x.row), image[x.row]) for x in its] == expected


def test_one_view_among_others_is_as_alone(base, encoder):
    made = ImageRetriever.build(base, encoder)
    together = found(made.search([views(1), views(20, 4), views(9)], 3))
    assert together == [found(made.search([query], 3))[0] for query in (views(1), views(20, 4), views(9))]


def test_filters_and_k_beyond(base, encoder):
    made = ImageRetriever.build(base, encoder)
    queries = [Query(images=(noise(1),), filters=Filters(sources=(source,))) for source in "st?"]
    assert [sorted(hit.entry_id for hit in row) for row in made.search(queries, 99)] == [["a", "b"], ["c"], []]


def test_a_base_without_any_picture(tmp_path, encoder):
    base = KnowledgeBase.create(tmp_path / "kb")
    base.upsert([ENTRIES[3]])
    made = ImageRetriever.build(base, encoder)
    assert made.search([views(1)]) == [[]]
    assert made.settings()["without"] == 1
    made.save(tmp_path / "index")
    read = ImageRetriever.load(tmp_path / "index", encoder=encoder)
    base.upsert(ENTRIES, seeded)
    assert read.refresh(base)
    assert read.search([views(4)])[0][0].entry_id == "b"
    assert read.settings()["without"] == 1


def test_what_is_gone_is_not_found_and_known_pictures_are_not_encoded_again(base, tmp_path, encoder):
    made = ImageRetriever.build(base, encoder)
    made.save(tmp_path / "index")
    base.delete(["b"])
    base.upsert([Entry("a", "A", text="Another text.", images=("1", "2", "7")), Entry("e", "E", images=("4",))], seeded)
    asked = []
    keys = made.sides["pictures"].keys
    encode = keys.pictures

    def counting(contents):
        given = list(contents)
        asked.extend(given)
        return encode(given)

    keys.pictures = counting
    made.refresh(base)
    assert asked == [seeded("7")], "a picture of an entry that is gone, or that changed otherwise, is known"
    made.save(tmp_path / "index")
    read = ImageRetriever.load(tmp_path / "index", encoder=encoder)
    anew = ImageRetriever.build(base, encoder)
    for number in range(1, 9):
        (ours,), (theirs,) = (retriever.search([views(number)], 9) for retriever in (read, anew))
        assert [(h.entry_id, h.image_id) for h in ours] == [(h.entry_id, h.image_id) for h in theirs]
        assert "b" not in {hit.entry_id for hit in ours}
    assert read.search([views(4)])[0][0].entry_id == "e"


def test_queries_without_a_picture_and_other_encoders_are_refused(base, tmp_path, encoder):
    made = ImageRetriever.build(base, encoder)
    with pytest.raises(QuestionError, match="picture"):
        made.search([Query("only words")])
    with pytest.raises(ConfigError, match="encoder of pictures"):
        ImageRetriever.build(base, CompactLanguageEncoder(tokenizer=tokenizer(), width=8, layers=1, heads=2))
    made.save(tmp_path / "index")
    with pytest.raises(IndexStale, match="Give that encoder"):
        ImageRetriever.load(tmp_path / "index", encoder=eye(seed=1))


def test_a_query_sees_what_a_file_of_it_would_give(encoder):
    data = io.BytesIO()
    noise(3, 90, 70).save(data, "PNG")
    from_file = Keys(encoder).pictures([data.getvalue()])[0]
    image = Image.open(io.BytesIO(data.getvalue()))
    assert Keys(encoder).views([Piece("region", image=image)])[0] == pytest.approx(from_file, abs=1e-5)


def test_an_entry_with_many_pictures_hides_no_other(encoder):
    """More pictures of one entry are near than are asked for at first: the others are found all the same."""
    rng = np.random.default_rng(0)
    crowd = unit(np.array([1.0, 0, 0, 0]) + 0.01 * rng.normal(size=(300, 4)))
    others = unit(np.array([[0.5, 1, 0, 0], [0.4, 0, 1, 0]]))
    rows = Rows.of(
        [Row("crowd", None, f"{i:03}", "", "en", "", bytes(32), "") for i in range(300)]
        + [Row(name, None, "0", "", "en", "", bytes(32), "") for name in ("near", "far")]
    )
    vectors = Vectors.of([np.concatenate([crowd, others]).astype(np.float32)], 4)
    side = Side(Keys(encoder), "picture", rows, VectorIndex(vectors), 0)
    query = np.array([[1.0, 0, 0, 0]], dtype=np.float32)
    [ranked] = best_entries([[Ask(side, query)]], 3, [Filters()])
    assert [rows.entry(each.row) for each in ranked] == ["crowd", "near", "far"]
