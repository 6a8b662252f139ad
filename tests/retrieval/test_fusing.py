import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravlm.retrieval.fusing import min_max, reciprocal_ranks, weighted_sum, z_scores

SCORES = st.lists(st.floats(-1e6, 1e6).map(lambda s: round(s, 3)), min_size=1, max_size=30)


def ranked(names: str) -> dict[str, float]:
    return dict(zip(names, reciprocal_ranks(len(names)), strict=True))


def test_reciprocal_ranks_by_hand():
    assert reciprocal_ranks(0) == []
    assert reciprocal_ranks(1) == [1 / 61]
    assert reciprocal_ranks(3, k=1) == [1 / 2, 1 / 3, 1 / 4]


def test_reciprocal_rank_fusion_by_hand():
    fused = weighted_sum([ranked("abc"), ranked("bd")], [1, 1])
    assert fused == {
        "a": pytest.approx(1 / 61),
        "b": pytest.approx(1 / 62 + 1 / 61),
        "c": pytest.approx(1 / 63),
        "d": pytest.approx(1 / 62),
    }
    assert sorted(fused, key=lambda d: -fused[d]) == ["b", "a", "d", "c"]
    assert weighted_sum([{}, {}], [1, 1]) == {}, "nothing is found in nothing"
    assert weighted_sum([], []) == {}


def test_two_lists_that_are_reversed_tie_in_pairs():
    fused = weighted_sum([ranked("abcd"), ranked("dcba")], [1, 1])
    assert fused["a"] == fused["d"] > fused["b"] == fused["c"], "the ends of both lists, as 1/x is convex"


@given(st.lists(st.permutations("abcdef"), min_size=2, max_size=5))
def test_the_order_of_the_stages_makes_no_difference(lists: list[list[str]]):
    stages = [ranked("".join(names)) for names in lists]
    weights = [0.1 * (n + 1) for n in range(len(stages))]
    assert weighted_sum(stages, weights) == weighted_sum(stages[::-1], weights[::-1])


def test_min_max_by_hand():
    assert min_max([]) == []
    assert min_max([4.0]) == [1.0], "one hit is not nothing"
    assert min_max([2.0, 2.0]) == [1.0, 1.0]
    assert min_max([10.0, 7.5, 5.0]) == [1.0, 0.5, 0.0]


def test_the_theoretical_lowest_stands_in_for_the_lowest():
    assert min_max([10.0, 7.5, 5.0], lowest=0.0) == [1.0, 0.75, 0.5]
    assert min_max([0.5, 0.5], lowest=-1.0) == [1.0, 1.0]
    assert min_max([0.0, 0.0], lowest=0.0) == [0.0, 0.0], "nothing above the lowest was found"


def test_z_scores_by_hand():
    assert z_scores([]) == []
    assert z_scores([4.0]) == [2.0]
    assert z_scores([0.1, 0.1, 0.1]) == [2.0, 2.0, 2.0]
    assert z_scores([1e-200, 0.0]) == [2.0, 2.0], "their squares are too small to be told apart"
    assert z_scores([3.0, 1.0]) == [3.0, 1.0], "z of 1 and -1, moved up by 2"


def test_the_last_of_a_list_never_stands_below_what_is_not_listed():
    low = z_scores([1.0] * 20 + [0.0])
    assert low[-1] == 0.0
    assert low[0] - low[-1] == pytest.approx((1 - 0) / math.sqrt(20 / 21 * 1 / 21)), "still one unit a deviation"


@given(SCORES)
def test_normalised_scores_are_of_the_same_order_and_at_least_zero(scores: list[float]):
    for normal in (min_max(scores), min_max(scores, lowest=-1e6), z_scores(scores)):
        assert min(normal) >= 0
        pairs = sorted(zip(scores, normal, strict=True))
        assert [value for _, value in pairs] == sorted(normal)


@given(SCORES, st.floats(0.1, 100), st.floats(-100, 100))
def test_neither_scale_nor_shift_of_a_stage_counts(scores: list[float], scale: float, shift: float):
    if len(set(scores)) == 1 or max(scores) - min(scores) < 1:
        return
    moved = [scale * s + shift for s in scores]
    assert min_max(moved) == pytest.approx(min_max(scores), abs=1e-6)
    assert z_scores(moved) == pytest.approx(z_scores(scores), abs=1e-6)


def test_a_weight_for_each_stage_is_needed():
    with pytest.raises(ValueError, match="argument"):
        weighted_sum([{"a": 1.0}], [1.0, 2.0])
