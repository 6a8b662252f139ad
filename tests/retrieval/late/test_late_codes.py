"""Codes: what they lose, and that inner products are not biased by it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravlm.errors import UnknownChoice
from ravlm.retrieval.late.codes import STEPS, Codebook, check_bits

# The mean squared error that Max 1960, table II, gives for a normal number.
LEAST = {1: 0.3634, 2: 0.1188, 4: 0.01154, 8: 0.0001}


def clustered(n, d=64, seed=0):
    """Vectors of unit length near one of 20 directions, flat along most axes."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).standard_normal((20, d))
    vectors = centres[rng.integers(0, 20, n)] + rng.standard_normal((n, d)) * np.linspace(1.5, 0.2, d)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("bits", STEPS)
def test_what_is_lost_is_about_the_least_for_normal_numbers(bits):
    sample, others = clustered(4000), clustered(2000, seed=1)
    codebook = Codebook.fit(sample, 4000, bits)
    left = others - codebook.centres[codebook.nearest(others)]
    error = np.square(others - codebook.decode(codebook.encode(others))).sum()
    bound = LEAST[bits] * (1 / (1 - LEAST[bits]))  # the scale that frees of bias makes it larger by so much
    assert error / np.square(left).sum() < 1.15 * bound


def test_more_bits_lose_less_and_take_more():
    vectors = clustered(1000)
    made = [(Codebook.fit(vectors, 1000, bits), bits) for bits in STEPS]
    errors = [np.square(vectors - book.decode(book.encode(vectors))).sum(axis=1).mean() for book, _ in made]
    assert errors == sorted(errors, reverse=True)
    for book, bits in made:
        coded = book.encode(vectors)
        assert coded.lead.shape[1] + coded.rest.shape[1] == 64 * bits // 8
        assert coded.lead.shape[1] == 16 * bits // 8


def test_the_scale_frees_an_inner_product_of_bias():
    vectors = clustered(2000)
    book = Codebook.fit(vectors, 2000, 1)
    coded = book.encode(vectors)
    left = vectors - book.centres[coded.nearest]
    told = book.decode(coded) - book.centres[coded.nearest]
    assert (told * left).sum(axis=1) == pytest.approx(np.square(left).sum(axis=1), rel=1e-3)


def test_the_first_numbers_tell_most():
    vectors = clustered(3000)
    book = Codebook.fit(vectors, 3000, 4)
    turned = (vectors - book.centres[book.nearest(vectors)]) @ book.axes.T
    shares = np.square(turned).sum(axis=0) / np.square(turned).sum()
    assert shares[:16].sum() > 0.5 > 16 / 64
    assert np.allclose(book.axes @ book.axes.T, np.eye(64), atol=1e-4)


@given(st.integers(0, 40), st.integers(1, 13), st.sampled_from(list(STEPS)))
@settings(max_examples=60, deadline=None)
def test_few_vectors_of_any_width_come_back(n, width, bits):
    rng = np.random.default_rng(n)
    vectors = rng.standard_normal((n, width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    book = Codebook.fit(vectors, n, bits)
    back = book.decode(book.encode(vectors))
    assert back.shape == vectors.shape
    assert np.isfinite(back).all()
    if bits == 8:
        assert np.allclose(back, vectors, atol=0.05)


def test_vectors_that_are_all_the_same_are_kept_exactly():
    vectors = np.tile(clustered(1), (300, 1))
    book = Codebook.fit(vectors, 300, 2)
    assert book.decode(book.encode(vectors)) == pytest.approx(vectors, abs=1e-6)


def test_it_is_saved_and_loaded(tmp_path):
    vectors = clustered(500)
    book = Codebook.fit(vectors, 500, 4)
    book.save(tmp_path / "codebook")
    read = Codebook.load(tmp_path / "codebook", 4)
    assert read.decode(read.encode(vectors)).tobytes() == book.decode(book.encode(vectors)).tobytes()


def test_other_numbers_of_bits_are_refused():
    with pytest.raises(UnknownChoice, match="1, 2, 4, 8"):
        check_bits(3)
