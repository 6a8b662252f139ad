"""Token pooling in closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage

from ravlm.retrieval.late.pooling import pooled


def units(seed, n, d=8):
    vectors = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_factor_of_one_leaves_tokens_as_they_are():
    tokens = units(0, 9)
    assert pooled(tokens, 1) is tokens
    assert pooled(units(0, 1), 3).tolist() == units(0, 1).tolist()
    assert pooled(units(0, 0), 2).shape == (0, 8)


@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_there_are_as_many_as_n_over_the_factor_and_they_are_units(seed, n, factor):
    made = pooled(units(seed, n), factor)
    assert made.shape == (-(-n // factor), 8)
    assert made.dtype == np.float32
    assert np.linalg.norm(made, axis=1) == pytest.approx(1, abs=1e-6)


def test_tokens_that_are_alike_become_one_in_the_order_of_the_first():
    a, b, c = np.eye(3, dtype=np.float32)
    assert pooled(np.stack([a, b, b, c, a, c]), 2).tolist() == [a.tolist(), b.tolist(), c.tolist()]
    near = np.array([[1, 0, 0], [0.8, 0.6, 0], [0, 0, 1], [0, 0, -1]], np.float32)
    half = np.sqrt(0.5)
    mean = np.array([1.8, 0.6, 0]) / np.hypot(1.8, 0.6)
    made = pooled(near[:3], 2)
    assert made[0] == pytest.approx(mean, abs=1e-6)
    assert half < made[0] @ near[1]
    assert pooled(near[2:], 2).tolist() == [[0, 0, 0]], "opposite ones take each other away"


def test_the_groups_are_those_of_wards_tree():
    tokens = units(3, 30)
    labels = fcluster(linkage(tokens.astype(np.float64), "ward"), 10, "maxclust")
    means = [tokens[labels == label].mean(axis=0) for label in dict.fromkeys(labels)]
    expected = np.stack([mean / np.linalg.norm(mean) for mean in means])
    assert pooled(tokens, 3) == pytest.approx(expected, abs=1e-6)


def test_a_long_text_is_pooled_stretch_by_stretch():
    tokens = units(5, 1100)
    made = pooled(tokens, 3)
    assert len(made) == 367
    assert made[:170].tolist() == pooled(tokens[:510], 3).tolist()
