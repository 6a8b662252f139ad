"""The formula and the compiled loops against two plain loops."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ravlm.retrieval.late.codes import Codebook
from ravlm.retrieval.late.maxsim import coarse, fine, maxsim, products
from ravlm.retrieval.late.segment import Segment


def double_loop(query, passage, weights=None):
    total = 0.0
    for i, q in enumerate(query):
        best = float("-inf")
        for p in passage:
            best = max(best, sum(float(a) * float(b) for a, b in zip(q, p, strict=True)))
        total += best * (1.0 if weights is None else float(weights[i]))
    return total


def units(rng, *shape):
    vectors = rng.standard_normal(shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 4), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_formula_is_two_loops_whatever_fills_up(seed, lengths, m, opposite):
    rng = np.random.default_rng(seed)
    query = units(rng, m, 6)
    passages = rng.standard_normal((len(lengths), max(lengths), 6)).astype(np.float32)
    if opposite:  # every similarity is negative; filling of zeros would win
        passages[:] = -np.abs(passages)
        query = np.abs(query)
    there = np.arange(max(lengths)) < np.array(lengths)[:, None]
    passages[~there] = rng.choice([0.0, 9.0])
    expected = [double_loop(query, passage[:n]) for passage, n in zip(passages, lengths, strict=True)]
    assert np.allclose(maxsim(query, passages, there), expected, atol=1e-4)


def test_a_passage_without_tokens_is_below_all():
    there = np.array([[True], [False]])
    assert maxsim(np.ones((1, 2), np.float32), -np.ones((2, 1, 2), np.float32), there).tolist() == [-2.0, -np.inf]


@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.integers(0, 4), min_size=1, max_size=5),
    m=st.integers(1, 5),
    width=st.integers(1, 11),
    bits=st.sampled_from([1, 2, 4, 8]),
)
@settings(max_examples=60, deadline=None)
def test_the_loops_score_what_the_codes_stand_for(seed, lengths, m, width, bits):
    rng = np.random.default_rng(seed)
    codebook = Codebook.fit(units(rng, 200, width), 200, bits)
    vectors = [units(rng, n, width) for n in lengths]
    segment = Segment.of(vectors, codebook)
    decoded = np.split(codebook.decode(codebook.encode(np.concatenate(vectors))), segment.starts[1:-1])
    query, weights = units(rng, m, width), rng.standard_normal(m).astype(np.float32)
    asked = codebook.asked(query)
    some = np.flatnonzero(lengths)[::-1].copy()
    codes = (segment.nearest, segment.scales, segment.lead, segment.rest)
    found = fine(asked.table, asked.first, asked.second, *codes, segment.starts, some, bits)
    assert found.shape == (len(some), m)
    for row, passage in zip(found, some, strict=True):
        expected = [double_loop(query[i : i + 1], decoded[passage]) for i in range(m)]
        assert np.allclose(row, expected, atol=2e-4)
    near = coarse(asked.table, weights, segment.nearest, segment.starts, some)
    for score, passage in zip(near, some, strict=True):
        of_centres = codebook.centres[segment.nearest[segment.starts[passage] : segment.starts[passage + 1]]]
        assert np.isclose(score, double_loop(query, of_centres, weights), atol=1e-4)


def test_products():
    rng = np.random.default_rng(0)
    query, rows = units(rng, 3, 40), units(rng, 5, 40)
    rows.flags.writeable = False
    assert np.allclose(products(query, rows), rows @ query.T, atol=1e-6)
