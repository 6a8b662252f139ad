"""Intervals: the same draws everywhere, tails that few clusters need, and the truth held as often as they say."""

import tracemalloc
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, t

from ravlm.evaluation import bootstrap as b
from ravlm.evaluation.measures import macro_average

STUDIES = 1000
# A share of a thousand studies that is .95 in truth is in here but once in 2,000 times.
ABOUT_95 = (0.926, 0.974)


@pytest.fixture(autouse=True)
def _fresh_draws() -> Iterator[None]:
    b._drawn.cache_clear()
    yield
    b._drawn.cache_clear()


def test_nothing_and_a_single_cluster_say_nothing() -> None:
    assert b.clustered_interval([], []) is None
    assert b.clustered_interval([1, 0, 1], ["a", "a", "a"]) is None
    assert b.interval_over_seeds([], []) is None
    assert b.interval_over_seeds([[1, 0], [0, 0]], [["a", "a"], ["a", "a"]]) is None
    assert b.clustered_score([], []) == b.Score(None, None)
    assert b.Score(None, None).as_json() == {"value": None, "interval": None}


def test_a_score_is_its_mean_and_interval() -> None:
    values, clusters = [1.0, 0.0, 1.0, 1.0], ["a", "a", "b", "c"]
    score = b.clustered_score(values, clusters, seed=4)
    assert score == b.Score(0.75, b.clustered_interval(values, clusters, seed=4))
    assert score.interval is not None
    assert score.as_json() == {"value": 0.75, "interval": list(score.interval)}


def test_clusters_that_agree_make_a_point() -> None:
    assert b.clustered_interval([1, 0, 1, 0], ["a", "a", "b", "b"]) == (0.5, 0.5)
    assert b.interval_over_seeds([[1, 0, 1, 0]] * 3, [["a", "a", "b", "b"]] * 3) == (0.5, 0.5)


def test_unequal_numbers_of_names_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        b.clustered_interval([1, 0, 1], ["a", "b"])
    with pytest.raises(ValueError, match="zip"):
        b.interval_over_seeds([[1], [0, 1]], [["a", "b"], ["a"]])


def test_the_draws_are_the_words_of_the_bit_generator_and_stay_so() -> None:
    """Written out, so that a NumPy that gave other words would be noticed."""
    words = [int(word) for word in np.random.PCG64(0).random_raw(3)]
    assert words == [11749869230777074271, 4976686463289251617, 755828109848996024]
    counts = b._drawn(3, (0,), 1)
    assert counts.tolist() == [[sum(word % 3 == i for word in words) for i in range(3)]]
    assert not counts.flags.writeable


def test_two_clusters_by_hand() -> None:
    # Of two clusters with the values 0 and 1, a quarter of all draws has 0 alone and a quarter 1 alone.
    assert b.clustered_interval([0, 1], ["a", "b"]) == (0.0, 1.0)
    assert b.clustered_interval([0, 1], ["a", "b"], level=0.1) == (0.5, 0.5)


@pytest.mark.parametrize("n", [2, 3, 5, 12, 40, 1000])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_tail_turns_a_normal_quantile_into_students(n: int, level: float) -> None:
    """Scaled as draws from n values scatter, the normal quantile at the expanded tail is Student's."""
    assert norm.isf(b.expanded_tail(n, level)) * np.sqrt((n - 1) / n) == pytest.approx(t.isf((1 - level) / 2, n - 1))


def test_the_tail_narrows_to_the_plain_one_as_clusters_grow() -> None:
    tails = [b.expanded_tail(n) for n in (2, 5, 20, 100, 10**8)]
    assert tails == sorted(tails)
    assert tails[-1] == pytest.approx(0.025, abs=1e-6)


def test_an_interval_of_many_clusters_is_about_the_normal_one() -> None:
    values = np.random.default_rng(2).random(900)
    found = b.clustered_interval(values, range(900), draws=8000)
    error = values.std(ddof=1) / 30
    assert found == pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=error / 10)


def test_the_same_seed_gives_the_same_interval_and_names_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    values, clusters = rng.random(200).round(), np.repeat(np.arange(20), 10)
    found = b.clustered_interval(values, clusters)
    assert found == b.clustered_interval(values, clusters)
    assert found == b.clustered_interval(values, [f"entry {c}" for c in clusters])
    assert found != b.clustered_interval(values, clusters, seed=1)


def test_questions_that_stand_or_fall_together_make_it_wider() -> None:
    whole, clusters = np.repeat([0.0, 1.0], 100), np.repeat(np.arange(20), 10)
    apart, together = b.clustered_interval(whole, range(200)), b.clustered_interval(whole, clusters)
    assert apart is not None
    assert together is not None
    assert together[1] - together[0] > 2.5 * (apart[1] - apart[0])  # sqrt(10) in theory


def test_the_interval_of_a_macro_average_holds_it() -> None:
    rng = np.random.default_rng(5)
    relations = rng.choice(["a", "b", "c"], 300, p=[0.8, 0.15, 0.05])
    values = (rng.random(300) < np.where(relations == "a", 0.9, 0.3)).astype(float)
    clusters = rng.integers(0, 40, 300)
    interval, micro = b.clustered_interval(values, clusters, relations), b.clustered_interval(values, clusters)
    average = macro_average(values, relations)
    assert interval is not None
    assert micro is not None
    assert average is not None
    assert interval[0] <= average <= interval[1] < micro[0]


def test_a_draw_without_a_relation_averages_the_others() -> None:
    # Relation "b" is in one of two clusters: draws of the other one alone have "a", 1, alone; else (1 + 0) / 2.
    values, clusters, relations = [1, 1, 0], ["x", "y", "y"], ["a", "a", "b"]
    assert b.clustered_interval(values, clusters, relations) == (0.5, 1.0)


def test_draws_do_not_depend_on_how_they_are_parted(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    values, clusters = rng.random(90), rng.integers(0, 31, 90)
    whole = b.clustered_interval(values, clusters)
    for cached, at_once in ((2**25, 100), (0, 2**21), (0, 100), (0, 7)):
        b._drawn.cache_clear()
        monkeypatch.setattr(b, "_CACHED", cached)
        monkeypatch.setattr(b, "_AT_ONCE", at_once)
        assert b.clustered_interval(values, clusters) == pytest.approx(whole, rel=1e-12)
        assert b._drawn.cache_info().currsize == int(cached > 0)


def test_many_clusters_need_little_memory_and_are_drawn_once() -> None:
    values = np.random.default_rng(0).random(13_000)
    tracemalloc.start()
    first, again = (b.clustered_interval(values, range(13_000)) for _ in range(2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert first == again
    assert b._drawn.cache_info().hits == 1
    assert peak < 200e6  # all counts at once, eight bytes each: 208 MB, and the words as much again


@pytest.mark.parametrize("n", [40, 12])
def test_it_holds_the_truth_as_often_as_it_says(n: int) -> None:
    """Made-up studies of n clusters with rates of their own, mean .6: 95 % intervals hold .6 in 95 % of them.

    Drawing single questions holds it in two thirds.
    """
    rng = np.random.default_rng(11)
    clusters = np.repeat(np.arange(n), 12).tolist()
    held = held_by_questions = 0
    for study in range(STUDIES):
        values = (rng.random(n * 12) < np.repeat(rng.beta(1.2, 0.8, n), 12)).astype(float)
        held += _holds(b.clustered_interval(values, clusters, seed=study, draws=1000), 0.6)
        if study < 300:
            held_by_questions += _holds(b.clustered_interval(values, range(n * 12), seed=study, draws=300), 0.6)
    assert ABOUT_95[0] <= held / STUDIES <= ABOUT_95[1]
    assert held_by_questions / 300 < 0.8


def test_it_holds_the_difference_of_two_systems_and_uses_that_they_are_paired() -> None:
    """Two systems that answer the same 30 clusters, the second .1 better: unpaired, the interval would be far wider."""
    rng = np.random.default_rng(12)
    clusters = np.repeat(np.arange(30), 8).tolist()
    held, paired, alone = 0, [], []
    for study in range(STUDIES):
        rates = np.repeat(rng.beta(0.6, 0.6, 30), 8)
        luck = rng.random(240)
        first, second = (luck < 0.85 * rates).astype(float), (luck < 0.85 * rates + 0.1).astype(float)
        interval = b.clustered_interval(second - first, clusters, seed=study, draws=1000)
        held += _holds(interval, 0.1)
        paired.append(_width(interval))
        if study < 50:
            alone.append(_width(b.clustered_interval(first, clusters, seed=study, draws=300)))
    assert ABOUT_95[0] <= held / STUDIES <= ABOUT_95[1]
    assert np.mean(paired) < 0.5 * np.mean(alone)


@pytest.mark.parametrize("spread", [0.0, 0.03, 0.1])
def test_over_seeds_it_holds_the_truth_whether_or_not_seeds_differ(spread: float) -> None:
    """5 seeds whose rates differ by this standard deviation, 30 clusters: conservative, or nominal where seeds rule.

    An interval over clusters alone misses the truth in a third of the studies where seeds rule.
    """
    rng = np.random.default_rng(13)
    clusters = np.repeat(np.arange(30), 4).tolist()
    held = held_by_one = 0
    for study in range(STUDIES // 2):
        rates = 0.5 + 0.7 * (rng.beta(1.5, 1.5, 30) - 0.5) + rng.normal(0, spread, (5, 1))
        values = (rng.random((5, 30, 4)) < rates.clip(0, 1)[:, :, None]).astype(float).reshape(5, -1)
        held += _holds(b.interval_over_seeds(values, [clusters] * 5, seed=study, draws=600), 0.5)
        held_by_one += _holds(b.clustered_interval(values[0], clusters, seed=study, draws=600), 0.5)
    assert 0.92 <= held / (STUDIES // 2) <= 0.995
    assert (held_by_one / (STUDIES // 2) < 0.85) == (spread == 0.1)


def test_over_one_seed_it_is_the_interval_over_clusters() -> None:
    rng = np.random.default_rng(6)
    values, clusters, relations = rng.random(50).round(), rng.integers(0, 9, 50), rng.choice(["a", "b"], 50)
    assert b.interval_over_seeds([values], [clusters], seed=2) == b.clustered_interval(values, clusters, seed=2)
    assert b.interval_over_seeds([values], [clusters], [relations]) == b.clustered_interval(values, clusters, relations)


def test_seeds_that_agree_add_next_to_nothing() -> None:
    rng = np.random.default_rng(6)
    values, clusters = rng.random(50).round(), rng.integers(0, 9, 50)
    assert b.interval_over_seeds([values] * 4, [clusters] * 4) == pytest.approx(b.clustered_interval(values, clusters))


def test_a_cluster_is_the_same_in_every_seed() -> None:
    rng = np.random.default_rng(7)
    rates = np.repeat(rng.random(12).round(), 5)
    same = [np.repeat(np.arange(12), 5).tolist()] * 4
    other = [[f"{seed} {cluster}" for cluster in row] for seed, row in enumerate(same)]
    crossed, nested = (b.interval_over_seeds([rates] * 4, names) for names in (same, other))
    assert _width(crossed) > 1.3 * _width(nested)


def test_seeds_weigh_as_often_as_they_are_drawn() -> None:
    """Every draw by hand: three seeds, five clusters, each with a value of its own."""
    values = np.add(np.random.default_rng(9).random((3, 5)), [[0.0], [0.5], [0.7]])
    draws = 400
    seeds, names = b._drawn(3, (0, 1), draws).astype(float), b._drawn(5, (0,), draws).astype(float)
    by_hand = []
    for s, c in zip(seeds, names, strict=True):
        weights = {(i, j): s[i] * c[j] for i, j in product(range(3), range(5))}
        by_hand.append(sum(w * values[i, j] for (i, j), w in weights.items()) / sum(weights.values()))
    of_clusters, of_seeds = np.var(names @ values.mean(axis=0) / 5), np.var(seeds @ values.mean(axis=1) / 3)
    freedom = (of_clusters + of_seeds) ** 2 / (of_clusters**2 / 4 + of_seeds**2 / 2)
    tail = b.expanded_tail(1 + freedom, 0.5)
    found = b.interval_over_seeds(values, [list("abcde")] * 3, draws=draws, level=0.5)
    assert found == pytest.approx(tuple(np.quantile(by_hand, [tail, 1 - tail])))


def test_seeds_and_clusters_are_drawn_apart() -> None:
    # As many of both: the same draws would make the two stand or fall together.
    assert not np.array_equal(b._drawn(4, (0, 1), 50), b._drawn(4, (0,), 50))


def test_draws_in_which_no_seed_has_a_drawn_cluster_are_left_out() -> None:
    assert b.interval_over_seeds([[0.25], [0.75]], [["a"], ["b"]]) == (0.25, 0.75)


def _holds(interval: Any, truth: float) -> bool:
    return bool(interval[0] - 1e-12 <= truth <= interval[1] + 1e-12)


def _width(interval: Any) -> float:
    return float(interval[1] - interval[0])
