"""Vectors searched by faiss: every structure against exact search, masks, changes, files, threads."""

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravlm.errors import ConfigError, PathError, UnknownChoice
from ravlm.retrieval.vectors import store
from ravlm.retrieval.vectors.exact import NONE, inner, slack
from ravlm.retrieval.vectors.index import Found, VectorIndex
from ravlm.retrieval.vectors.store import MOST_PARTS, Vectors
from ravlm.retrieval.vectors.structures import build, choose, one_thread

QUICK = ["hnsw", "ivf", "rabitq"]
FLOORS = {"flat": 1.0, "hnsw": 0.98, "ivf": 0.95, "rabitq": 0.95}
WIDTH = 32


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def clustered(n, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(200, WIDTH))
    return unit(centres[rng.integers(0, 200, n)] + 0.7 * rng.normal(size=(n, WIDTH)))


def by_place(rows, scores, k):
    """Ties by a row's place, as where ids are in that order."""
    return sorted(zip(rows, scores, strict=True), key=lambda pair: (-pair[1], pair[0]))[:k]


def brute(vectors, queries, k, allowed=None):
    """The k best rows and scores in float64, ties by place."""
    scores = queries.astype(np.float64) @ vectors.astype(np.float64).T
    places = np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed)
    order = np.stack([places[np.lexsort((places, -row[places]))][:k] for row in scores])
    return order, np.take_along_axis(scores, order, axis=1)


def index(vectors, structure="flat"):
    return VectorIndex(Vectors(vectors.shape[1], [vectors]), structure=structure)


def recall(found: Found, expected):
    return np.mean([np.isin(e, f).mean() for e, f in zip(expected, found.rows, strict=True)])


def same(one: Found, other: Found):
    return one.rows.tobytes() == other.rows.tobytes() and one.scores.tobytes() == other.scores.tobytes()


@pytest.fixture(scope="module")
def vectors():
    return clustered(20_000)


@pytest.fixture(scope="module")
def queries():
    return clustered(50, seed=1)


@pytest.fixture(scope="module")
def built(vectors):
    return {structure: index(vectors, structure) for structure in FLOORS}


@pytest.mark.parametrize("structure", FLOORS)
def test_recall_of_exact_search(structure, built, vectors, queries):
    expected, scores = brute(vectors, queries, 10)
    found = built[structure].search(queries, 10, by_place)
    assert recall(found, expected) >= FLOORS[structure]
    agree = found.rows == expected
    assert found.scores[agree] == pytest.approx(scores[agree], abs=1e-12)
    assert (np.diff(found.scores, axis=1) <= 0).all()
    if structure == "flat":
        assert agree.all()


@pytest.mark.parametrize("structure", FLOORS)
def test_a_query_finds_the_same_alone_as_among_others_and_with_any_number_of_threads(structure, built, queries):
    before = faiss.omp_get_max_threads()
    try:
        faiss.omp_set_num_threads(1)
        together = built[structure].search(queries, 10, by_place)
        alone = [built[structure].search(query[None], 10, by_place) for query in queries]
        faiss.omp_set_num_threads(2)
        assert same(built[structure].search(queries, 10, by_place), together)
    finally:
        faiss.omp_set_num_threads(before)
    assert same(Found(np.concatenate([f.rows for f in alone]), np.concatenate([f.scores for f in alone])), together)


@pytest.mark.parametrize("structure", QUICK)
def test_a_structure_is_built_alike_with_any_number_of_threads(structure, tmp_path):
    before = faiss.omp_get_max_threads()
    written = []
    try:
        for threads in (1, 2):
            faiss.omp_set_num_threads(threads)
            faiss.write_index(build(structure, Vectors(WIDTH, [clustered(2_000)])), str(tmp_path / str(threads)))
            written.append((tmp_path / str(threads)).read_bytes())
            assert faiss.omp_get_max_threads() == threads
    finally:
        faiss.omp_set_num_threads(before)
    assert written[0] == written[1]


@pytest.mark.parametrize("structure", FLOORS)
@pytest.mark.parametrize("share", [0.0001, 0.003, 0.2, 0.9])
def test_only_allowed_rows_are_found_and_all_that_are_wanted(structure, share, built, vectors, queries):
    allowed = np.random.default_rng(3).random(len(vectors)) < share
    expected, _ = brute(vectors, queries, 10, allowed)
    found = built[structure].search(queries, 10, by_place, allowed)
    assert found.rows.shape == expected.shape
    assert allowed[found.rows].all()
    assert recall(found, expected) >= (FLOORS[structure] if share > 0.05 else 1.0), "few are all looked at"


@pytest.mark.parametrize("structure", QUICK)
def test_a_mask_that_leaves_out_all_that_is_near_still_finds_k(structure, built, vectors, queries):
    allowed = vectors @ queries[0] < np.quantile(vectors @ queries[0], 0.3)
    found = built[structure].search(queries[:1], 10, by_place, allowed)
    assert (found.rows != NONE).all()
    assert allowed[found.rows].all()


@pytest.mark.parametrize("structure", FLOORS)
def test_more_than_there_are(structure):
    few = index(clustered(1_200), structure)
    found = few.search(clustered(2, seed=5), 5_000, by_place)
    assert [sorted(row) for row in found.rows.tolist()] == [list(range(1_200))] * 2
    assert index(clustered(1)).search(clustered(1, seed=5), 3, by_place).rows.tolist() == [[0]]


@pytest.mark.parametrize("structure", FLOORS)
def test_nothing_in_nothing(structure):
    empty = index(np.zeros((0, WIDTH), np.float32), structure)
    assert empty.search(clustered(2), 3, by_place).rows.shape == (2, 0)
    some = index(clustered(3))
    assert some.search(clustered(2), 3, by_place, np.zeros(3, np.bool_)).rows.shape == (2, 0)
    assert some.search(np.zeros((0, WIDTH), np.float32), 3, by_place).rows.shape == (0, 3)


@pytest.mark.parametrize("structure", FLOORS)
@pytest.mark.parametrize("copies", [15, 600])
def test_rows_as_near_are_ranked_by_id_however_many_there_are(structure, copies):
    """The same vector many times, among others: the first ids are found, in their order."""
    vectors = clustered(3_000)
    copied = np.random.default_rng(0).permutation(3_000)[:copies]
    vectors[copied] = vectors[copied[0]]
    last_first = index(vectors, structure).search(
        vectors[copied[:1]], 12, lambda rows, scores, k: sorted(zip(rows, scores, strict=True), reverse=True)[:k]
    )
    assert last_first.rows[0].tolist() == sorted(copied.tolist(), reverse=True)[:12]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 10_000), st.booleans())
def test_exact_search_is_brute_force(n, k, seed, masked):
    """Of small whole numbers, whose products tie often and are exact in float32 and float64."""
    rng = np.random.default_rng(seed)
    vectors, queries = (rng.integers(-2, 3, size=(m, 4)).astype(np.float32) for m in (n, 3))
    allowed = rng.random(n) < 0.5 if masked else None
    found = index(vectors).search(queries, k, by_place, allowed)
    expected, scores = brute(vectors, queries, k, allowed)
    assert (found.rows == expected).all()
    assert (found.scores == scores).all()


def test_float32_products_stay_within_the_slack():
    rng = np.random.default_rng(0)
    vectors, queries = (rng.normal(size=(200, 384)).astype(np.float32) for _ in range(2))
    error = np.abs(queries @ vectors.T - queries.astype(np.float64) @ vectors.astype(np.float64).T)
    longest = float(np.linalg.norm(vectors.astype(np.float64), axis=1).max())
    assert (error <= slack(queries, longest)[:, None]).all()


@pytest.mark.parametrize("width", [1, 2, 5, 64, 384, 1_001])
def test_a_score_is_the_same_whoever_asks_beside(width):
    rng = np.random.default_rng(width)
    queries, vectors = (rng.normal(size=shape).astype(np.float32) for shape in ((9, width), (9, 30, width)))
    together = inner(queries, vectors)
    assert together == pytest.approx(np.einsum("bd,bcd->bc", queries, vectors, dtype=np.float64), abs=1e-9)
    for b, c in [(0, 0), (3, 7), (8, 29)]:
        assert inner(queries[b : b + 1], vectors[b : b + 1])[0, c] == together[b, c]
        assert inner(queries[b : b + 1], vectors[b : b + 1, c : c + 1])[0, 0] == together[b, c]
        spread = np.broadcast_to(vectors[b], (9, 30, width))
        assert inner(queries, spread)[b, c] == together[b, c]


@pytest.mark.parametrize("structure", FLOORS)
def test_rows_that_come_later_are_found_beside_the_structure(structure, queries):
    vectors = clustered(2_200)
    grown = index(vectors[:2_000], structure)
    for at in range(2_000, 2_200, 20):
        grown.append(vectors[at : at + 20])
    assert len(grown.vectors.parts) <= 1 + MOST_PARTS
    assert recall(grown.search(queries, 10, by_place), brute(vectors, queries, 10)[0]) >= FLOORS[structure]
    new = grown.search(vectors[2_000:], 1, by_place)
    assert new.rows[:, 0].tolist() == list(range(2_000, 2_200))


def test_flat_after_changes_is_flat_built_anew(queries):
    vectors = clustered(500)
    grown = index(vectors[:300])
    grown.append(vectors[300:])
    assert same(grown.search(queries, 10, by_place), index(vectors).search(queries, 10, by_place))
    kept = np.flatnonzero(np.random.default_rng(0).random(500) < 0.7)
    assert same(grown.kept(kept).search(queries, 10, by_place), index(vectors[kept]).search(queries, 10, by_place))


def test_when_a_structure_is_made_anew():
    made = index(clustered(2_000), "hnsw")
    assert not made.crowded(1_600)
    assert made.crowded(1_599), "more than a fifth is gone"
    made.append(clustered(200))
    assert not made.crowded(2_200)
    made.append(clustered(1))
    assert made.crowded(2_201), "more than a tenth is beside it"
    assert not index(clustered(500), "auto").crowded(500)
    grown = index(clustered(990), "hnsw")
    grown.append(clustered(20))
    assert grown.crowded(1_010), "by now a structure pays"


@pytest.mark.parametrize("structure", FLOORS)
def test_from_its_files_it_finds_the_same(structure, tmp_path, queries):
    made = index(clustered(2_000), structure)
    made.append(clustered(30, seed=4))
    before = made.search(queries, 10, by_place)
    files = {role: tmp_path / role for role in made.files()}
    for role, write in made.files().items():
        write(files[role])
    assert (tmp_path / "vectors-0").stat().st_size == 2_000 * WIDTH * 4
    read = VectorIndex.read(files, made.settings())
    assert same(read.search(queries, 10, by_place), before)
    assert same(made.search(queries, 10, by_place), before), "it reads its vectors from the files now"
    assert read.settings() == made.settings()


def test_vectors_come_in_chunks_and_are_taken_across_parts():
    chunks = [clustered(n, seed=n) for n in (3, 1, 4)]
    vectors = Vectors.of([*chunks, np.zeros((0, WIDTH), np.float32)], WIDTH)
    assert (vectors.parts[0] == np.concatenate(chunks)).all()
    first, last = clustered(2, seed=9)
    vectors.append(np.stack([first, last]))
    assert (vectors.take(np.array([9, 0, 8])) == np.stack([last, chunks[0][0], first])).all()
    assert len(Vectors.of([], WIDTH)) == 0


def test_a_full_disk_is_told(monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.tempfile, "TemporaryFile", full)
    with pytest.raises(PathError, match="No space left"):
        Vectors.of([clustered(2)], WIDTH)


def test_the_choice_follows_rows_and_memory_and_says_why():
    assert choose("auto", 5_000, 384, None).structure == "flat"
    assert choose("auto", 100_000, 384, None).structure == "hnsw"
    assert choose("auto", 1_000_000, 384, None).structure == "ivf"
    assert choose("auto", 1_000_000, 384, 1_700_000_000).structure == "ivf"
    short = choose("auto", 1_000_000, 384, 500_000_000)
    assert short.structure == "rabitq"
    assert "1,000,000 rows of 384" in short.why
    assert "500,000,000" in short.why
    none = choose("auto", 1_000_000, 384, 1_000)
    assert none.structure == "flat"
    assert "slowly" in none.why
    assert choose("hnsw", 500, 384, None).structure == "flat", "few enough to look at all of them"
    assert choose("ivf", 5_000, 384, None).structure == "ivf"


def test_what_can_not_be_chosen():
    with pytest.raises(UnknownChoice, match="flat, hnsw"):
        choose("hsnw", 10, 4, None)
    with pytest.raises(ConfigError, match="more than 0"):
        choose("auto", 10, 4, 0)


def test_threads_of_faiss_are_as_before_also_after_an_error():
    before = faiss.omp_get_max_threads()
    inside = []
    with pytest.raises(ZeroDivisionError), one_thread():
        inside.append(1 / (faiss.omp_get_max_threads() - 1))
    assert not inside, "there is one inside"
    assert faiss.omp_get_max_threads() == before


@pytest.mark.parametrize("width", [1, 7, 12])
@pytest.mark.parametrize("structure", QUICK)
def test_any_width(structure, width):
    vectors = unit(np.random.default_rng(0).normal(size=(1_500, width)))
    found = index(vectors, structure).search(vectors[:5], 1, by_place)
    assert found.scores[:, 0] == pytest.approx(np.ones(5), abs=1e-6)
