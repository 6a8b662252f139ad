"""The index of token vectors: stage by stage against exact MaxSim, appended to, kept, the same at any thread count."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from ravlm.errors import UnknownChoice
from ravlm.retrieval.late import index as stages
from ravlm.retrieval.late.index import LateIndex
from ravlm.retrieval.late.maxsim import maxsim

WIDTH, TOKENS = 32, 8
TOPICS = np.random.default_rng(1).standard_normal((60, WIDTH))


def passages(n, seed=0, tokens=TOKENS):
    """Passages on 3 topics of 60 each."""
    rng = np.random.default_rng(seed)
    centres = TOPICS[rng.integers(0, 60, (n, 3))][np.arange(n)[:, None], rng.integers(0, 3, (n, tokens))]
    vectors = centres + 0.7 * rng.standard_normal((n, tokens, WIDTH))
    return (vectors / np.linalg.norm(vectors, axis=2, keepdims=True)).astype(np.float32)


QUERIES = passages(15, seed=7, tokens=6)
ONES = np.ones(6, np.float32)


def exact(some, query, k=10):
    return np.argsort(-maxsim(query, some, np.ones(some.shape[:2], bool)), kind="stable")[:k]


def best(index, query, wanted=3200, allowed=None, k=10):
    found = index.candidates(query, np.ones(len(query), np.float32), wanted, allowed)
    return found[np.argsort(-index.similarities(query, found).sum(axis=1), kind="stable")[:k]]


def recall(found, wanted):
    return np.mean([len({*a} & {*b}) / len(b) for a, b in zip(found, wanted, strict=True)])


@pytest.fixture(scope="module")
def many():
    return passages(6000)


@pytest.fixture(scope="module")
def large(many):
    return LateIndex.build(iter(many), len(many), WIDTH)


def test_stage_by_stage_finds_what_exact_maxsim_finds(many, large, monkeypatch):
    wanted = [exact(many, query) for query in QUERIES]
    staged = [best(large, query) for query in QUERIES]
    assert {len(large.candidates(query, ONES, 3200, None)) for query in QUERIES} == {200}
    assert recall(staged, wanted) >= 0.9
    monkeypatch.setattr(stages, "FEW", len(many))
    whole = [best(large, query) for query in QUERIES]
    assert recall(whole, wanted) >= 0.92
    assert recall(staged, whole) >= 0.98, "what the stages lose beside what the codes lose"


def test_few_passages_are_all_ranked_by_exact_maxsim(many):
    some = many[:300]
    index = LateIndex.build(iter(some), 300, WIDTH, bits=8)
    assert index.candidates(QUERIES[0], ONES, 16, None).tolist() == list(range(300))
    scores = index.similarities(QUERIES[0], np.arange(300)).sum(axis=1)
    assert np.allclose(scores, maxsim(QUERIES[0], some, np.ones((300, TOKENS), bool)), atol=0.02)


def test_only_what_is_allowed_is_looked_at(many, large):
    allowed = np.arange(len(many)) % 2 == 1
    odd = [np.flatnonzero(allowed)[exact(many[allowed], query)] for query in QUERIES]
    found = [best(large, query, allowed=allowed) for query in QUERIES]
    assert all(allowed[row] for each in found for row in each)
    assert recall(found, odd) >= 0.9
    assert best(large, QUERIES[0], allowed=np.zeros(len(many), bool)).tolist() == []
    assert best(large, QUERIES[0], allowed=np.arange(len(many)) == 77).tolist() == [77]


def test_weights_choose_and_leave_out(large, many):
    alone = QUERIES[0][:2]
    weights = np.array([1, 1, 0, 0, 0, 0], np.float32)
    found = large.candidates(QUERIES[0], weights, 3200, None)
    assert {*exact(many, alone).tolist()} <= {*found.tolist()}
    assert np.array_equal(found, large.candidates(alone, weights[:2], 3200, None))


def test_the_same_at_any_number_of_threads(large):
    runs = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            rows = [large.candidates(query, ONES, 1600, None) for query in QUERIES]
            runs.append([(r.tobytes(), large.similarities(q, r).tobytes()) for q, r in zip(QUERIES, rows, strict=True)])
    assert runs[0] == runs[1]


def test_passages_of_any_length_and_none(monkeypatch):
    monkeypatch.setattr(stages, "FEW", 0)
    lengths = [0, 3, 1, 0, 8, 2]
    some = [tokens[:n] for tokens, n in zip(passages(6), lengths, strict=True)]
    index = LateIndex.build(iter(some), 6, WIDTH)
    assert len(index) == 6
    assert index.tokens == 14
    assert index.candidates(QUERIES[0], ONES, 96, None).tolist() == [1, 2, 4, 5], "those without tokens are not found"
    empty = LateIndex.build(iter([]), 0, WIDTH)
    assert empty.candidates(QUERIES[0], ONES, 96, None).tolist() == []
    assert empty.similarities(QUERIES[0], np.zeros(0, np.int64)).shape == (0, 6)


def test_appended_passages_are_found_and_segments_stay_few(many):
    index = LateIndex.build(iter(many[:600]), 600, WIDTH)
    added = many[600:700]
    before = index.segments[0]
    for number, tokens in enumerate(added):
        changed = index.append([tokens])
        assert changed <= index.files().keys()
        assert not any(role.endswith("-0") for role in changed), "what was there is not written again"
        assert len(index.segments) <= 2 + np.log2(1 + number)
    assert len(index) == 700
    assert index.built == 600
    assert index.segments[0] is before
    for row in (600, 650, 699):
        assert best(index, many[row], k=1).tolist() == [row]
    together = LateIndex(index.codebook, [stages.Segment.of(many[:700], index.codebook)], 600, 0.0)
    rows = np.arange(700)
    assert np.allclose(index.similarities(QUERIES[0], rows), together.similarities(QUERIES[0], rows), atol=1e-5)


def test_what_is_learned_from_is_bounded_and_nothing_is_lost(monkeypatch, many):
    monkeypatch.setattr(stages, "_HELD", 4 * WIDTH * 100)  # 100 vectors: the 13th passage is cut in two
    index = LateIndex.build(iter(many[:40]), 40, WIDTH, bits=8)
    assert index.tokens == 40 * TOKENS
    told = index.codebook.decode(index.codebook.encode(many[:40].reshape(-1, WIDTH)))
    scores = maxsim(QUERIES[0], told.reshape(40, TOKENS, WIDTH), np.ones((40, TOKENS), bool))
    assert np.allclose(index.similarities(QUERIES[0], np.arange(40)).sum(axis=1), scores, atol=1e-4)
    assert len(LateIndex.build([np.concatenate(many[:20])], 1, WIDTH)) == 1, "one that is larger than all that is held"


def test_saved_and_read_it_gives_the_same_bytes(tmp_path, large):
    large.append(passages(50, seed=3))
    settings, files = large.settings(), large.files()
    wanted = [large.similarities(query, np.arange(5950, 6050)).tobytes() for query in QUERIES]
    chosen = large.candidates(QUERIES[1], ONES, 800, None).tobytes()
    for role, write in files.items():
        write(tmp_path / role)
    read = LateIndex.read({role: tmp_path / role for role in files}, settings)
    assert read.settings() == settings
    for index in (read, large):
        assert [index.similarities(query, np.arange(5950, 6050)).tobytes() for query in QUERIES] == wanted
        assert index.candidates(QUERIES[1], ONES, 800, None).tobytes() == chosen
    sizes = sum((tmp_path / f"{role}-0").stat().st_size for role in ("lead", "rest"))
    assert sizes == 6000 * TOKENS * WIDTH // 2, "four bits a number"


def test_bits_are_checked_before_anything_is_taken():
    with pytest.raises(UnknownChoice, match="number of bits '3'"):
        LateIndex.build(iter([]), 0, WIDTH, bits=3)
