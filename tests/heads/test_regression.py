"""Numbers: the density against SciPy, the tolerance, the interval, and what temperature does to them."""

import math

import numpy as np
import pytest
import torch
from asked_heads import asked, read
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ravlm.evaluation.calibration import expected_calibration_error
from ravlm.heads.calibration import Validated, calibrate
from ravlm.heads.regression import NumberPrediction, RegressionHead, laplace_below
from ravlm.heads.targets import NumberTargets
from ravlm.heads.units import UnitScale, standardise
from ravlm.records import Example

GRAMS = UnitScale.of("g", [0.0, 0.1, 1.5, 3.2, 4.9, 13.0])
YEARS = UnitScale.of("", [1900.0, 1945.0, 1960.0, 1962.0, 2006.0])
PEOPLE = UnitScale.of("people", [9_800.0, 450_000.0, 10_860_000.0, 60_000_000.0, 1_410_000_000.0])
NUMBERS = st.lists(st.floats(-1e7, 1e9).map(lambda y: round(y, 2)), min_size=1, max_size=20)


def head(*units):
    return RegressionHead(width=10, units=units or (GRAMS, YEARS))


def says(location, scale=0.1, units=(5.0, 0.0)):
    n = len(units)
    return NumberPrediction(torch.tensor([units]), torch.full((1, n), location), torch.full((1, n), scale))


def number(value, unit):
    return Example("q", (), "?", "number", value=value, unit=unit)


@given(NUMBERS)
def test_a_unit_centres_its_numbers_and_gives_them_back(values):
    unit = UnitScale.of("x", values)
    z = [unit.standardise(y) for y in values]
    assert np.median(z) == pytest.approx(0.0, abs=1e-6)
    if unit.deviation != 1.0:
        assert np.mean(np.abs(z)) == pytest.approx(1.0)
    for y, inside in zip(values, z, strict=True):
        assert unit.restore(inside) == pytest.approx(y, rel=1e-6, abs=1e-6 * unit.size)


def test_the_space_is_one_of_factors_for_populations_and_of_differences_for_years():
    def per_step(unit, y, step):
        return unit.standardise(step(y)) - unit.standardise(y)

    factors = [per_step(PEOPLE, y, lambda y: 1.1 * y) for y in (1e8, 1e9)]
    assert factors[0] == pytest.approx(factors[1], rel=0.02)
    differences = [per_step(YEARS, y, lambda y: y + 1) for y in (1900.0, 2000.0)]
    assert differences[0] == pytest.approx(differences[1], rel=0.05)


def test_the_tensors_space_is_that_of_the_unit():
    one = head(GRAMS, YEARS, PEOPLE)
    y, unit = torch.tensor([3.2, 1962.0, 5e6]), torch.tensor([0, 1, 2])
    z = standardise(y, one.size[unit], one.centre[unit], one.deviation[unit])
    assert z.tolist() == pytest.approx(
        [GRAMS.standardise(3.2), YEARS.standardise(1962.0), PEOPLE.standardise(5e6)], abs=1e-4
    )
    for kept, unit in zip(one.scales, (GRAMS, YEARS, PEOPLE), strict=True):
        assert (kept.name, kept.decimals, kept.nonnegative) == (unit.name, unit.decimals, unit.nonnegative)
        assert (kept.size, kept.spread) == pytest.approx((unit.size, unit.spread), rel=1e-6)


def test_one_number_alone_is_a_unit_too():
    unit = UnitScale.of("dl", [3.0, 3.0])
    assert (unit.deviation, unit.spread, unit.restore(0.0)) == (1.0, 3.0, pytest.approx(3.0))
    assert UnitScale.of("x", [0.0]).size == 1.0


@pytest.mark.parametrize(
    ("unit", "y", "within", "written"),
    [
        (GRAMS, 3.2157, 0.32157, 3.2),
        (GRAMS, 0.0, 0.05, 0.0),
        (GRAMS, 0.1, 0.05, 0.1),
        (YEARS, 1961.7, 8.82, 1962.0),
        (PEOPLE, 10_423_187.0, 1_042_318.7, 10_420_000.0),
        (PEOPLE, 9_812.4, 981.24, 9_812.0),
    ],
)
def test_how_near_is_right_and_how_exactly_it_is_said(unit, y, within, written):
    assert unit.within(y, 0.1) == pytest.approx(within, rel=1e-3)
    assert unit.rounded(y) == written


@given(st.floats(-5, 5), st.floats(-3, 3), st.floats(0.01, 10))
def test_the_mass_below_is_scipys(z, location, scale):
    assert laplace_below(z, location, scale) == pytest.approx(stats.laplace.cdf(z, location, scale), abs=1e-12)


def test_the_loss_is_minus_the_log_density_of_unit_and_number():
    units, location, scale = (
        torch.tensor([[0.3, -0.4]] * 3),
        torch.tensor([[0.1, 0.7]] * 3),
        torch.tensor([[0.5, 2.0]] * 3),
    )
    targets = NumberTargets(torch.tensor([4.9, 1945.0, 7.0]), torch.tensor([0, 1, -1]))
    p = np.exp([0.3, -0.4]) / np.exp([0.3, -0.4]).sum()
    expected = -np.mean(
        [
            np.log(p[0]) + stats.laplace.logpdf(GRAMS.standardise(4.9), 0.1, 0.5),
            np.log(p[1]) + stats.laplace.logpdf(YEARS.standardise(1945.0), 0.7, 2.0),
        ]
    )
    assert float(head().loss(NumberPrediction(units, location, scale), targets)) == pytest.approx(expected, rel=1e-5)


def test_alternatives_fall_and_are_never_likelier_than_the_answer():
    many = [UnitScale.of(name, [1.0, 2.0, 5.0]) for name in ("a", "b", "c", "d")]
    sureness = torch.tensor([[0.5, 0.01, 2.0, 0.3]])  # of the second, whose number is all but certain, most
    prediction = NumberPrediction(torch.tensor([[1.0, 0.5, 0.4, 0.3]]), torch.zeros(1, 4), sureness)
    one = head(*many)
    (answer,) = one.decode(prediction, read(["x"]))
    likely = {q.unit: q.probability for q in one.quantities(prediction)[0]}
    assert likely["b"] > likely["a"] > likely["d"] > likely["c"]
    assert [text.split()[1] for text, _ in answer.alternatives] == ["a", "d", "c"]
    assert [p for _, p in answer.alternatives] == [likely["a"], likely["d"], likely["c"]]


def test_it_says_the_median_with_its_unit_and_how_likely_it_is_within_tolerance():
    prediction = says(GRAMS.standardise(3.2), scale=0.3)
    (answer,) = head().decode(prediction, read(["x"]))
    assert answer.text == "3.2 g"
    assert answer.alternatives[1][0].isdigit()  # a year, unlikely
    low, high = GRAMS.standardise(3.2 - 0.32), GRAMS.standardise(3.2 + 0.32)
    inside = stats.laplace(GRAMS.standardise(3.2), 0.3)
    share = math.exp(5) / (math.exp(5) + 1)
    assert answer.confidence == pytest.approx(share * (inside.cdf(high) - inside.cdf(low)), abs=1e-4)


def test_the_interval_holds_its_level_and_goes_no_lower_than_the_unit_does():
    ((grams, _),) = head().quantities(says(GRAMS.standardise(3.2), scale=0.3))
    inside = stats.laplace(GRAMS.standardise(3.2), 0.3)
    assert [GRAMS.standardise(y) for y in (grams.low, grams.high)] == pytest.approx(inside.interval(0.9), abs=1e-4)
    ((low, _),) = head().quantities(says(-9.0))
    assert (low.value, low.low) == (0.0, 0.0)
    assert low.probability == pytest.approx(math.exp(5) / (math.exp(5) + 1), abs=1e-6)  # nothing is below 0
    deep = UnitScale.of("°", [-5.0, 5.0, 20.0])
    ((cold,),) = head(deep).quantities(says(-1.5, units=(0.0,)))
    assert cold.low < cold.value < 0.0


def test_a_number_too_far_to_be_one_is_not_believed():
    (answer,) = head().decode(says(1e6), read(["x"]))
    assert answer.confidence == 0.0


@given(st.floats(-3, 3), st.floats(0.01, 3))
@settings(deadline=None)
def test_the_temperature_moves_no_answer_and_above_1_makes_less_sure(location, scale):
    one, seen = head(GRAMS, PEOPLE), []
    for temperature in (0.5, 1.0, 2.0):
        one.set_calibration(temperature=temperature)
        (answer,) = one.decode(says(location, scale, units=(1.0, 0.0)), read(["x"]))
        seen.append((answer.text, answer.confidence))
    assert len({text for text, _ in seen}) == 1
    assert seen[0][1] == pytest.approx(seen[1][1] ** 0.5)
    assert seen[2][1] == pytest.approx(seen[1][1] ** 2)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0, 20.0])
def test_alternatives_are_never_likelier_than_the_answer_and_never_have_more_than_it_leaves(temperature):
    one = head(*(UnitScale.of(name, [1.0, 2.0, 5.0]) for name in ("a", "b", "c")))
    prediction = says(0.3, scale=0.4, units=(0.2, 0.1, 0.0))
    plain = one.decode(prediction, read(["x"]))[0].alternatives
    one.set_calibration(temperature=temperature)
    (answer,) = one.decode(prediction, read(["x"]))
    (_, c), *others = answer.alternatives
    assert c == answer.confidence
    assert all(p <= c for _, p in others)
    assert sum(p for _, p in others) <= 1 - c + 1e-12
    assert others[0][1] / others[1][1] == pytest.approx(plain[1][1] / plain[2][1])


def test_the_widening_multiplies_the_interval_alone():
    one = head(GRAMS)
    ((wide,),) = one.quantities(says(0.3, scale=0.4, units=(0.0,)))
    ((narrow,),) = one.quantities(says(0.3, scale=0.2, units=(0.0,)))
    one.set_widening(2.0)
    ((same,),) = one.quantities(says(0.3, scale=0.2, units=(0.0,)))
    assert [same.low, same.high] == pytest.approx([wide.low, wide.high], rel=1e-5)
    assert same.probability == narrow.probability != wide.probability
    with pytest.raises(ValueError, match="widening 0"):
        one.set_widening(0.0)


def test_what_is_observed_is_the_given_answer_right_or_not_and_how_far_numbers_were_off():
    y, unit = torch.tensor([0.1, 3.2, 13.0]), torch.tensor([0, 0, -1])
    prediction = NumberPrediction(
        torch.tensor([[9.0, 0.0]] * 3), torch.full((3, 2), GRAMS.standardise(3.2)), torch.full((3, 2), 0.25)
    )
    examples = [number(0.1, "g"), number(3.2, "g"), number(3.2, "parsec")]  # the third's unit is none of the head's
    one = head()
    one.set_calibration(temperature=7.0)  # from before: it does not count
    seen = one.observe(Validated(prediction, NumberTargets(y, unit), read(["x"]), examples))
    assert seen.right.tolist() == [False, True, False]
    assert seen.log_probability.exp().tolist() == pytest.approx([q[0].probability for q in one.quantities(prediction)])
    off = abs(GRAMS.standardise(0.1) - GRAMS.standardise(3.2)) / 0.25
    assert seen.residuals.tolist() == pytest.approx([off, 0.0], rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("factor", [0.2, 4.0])
def test_calibrating_a_head_whose_scales_are_off_makes_confidence_true_and_intervals_hold(factor):
    rng, n, one = np.random.default_rng(0), 1500, head(GRAMS)
    location, scale = rng.normal(size=n) * 0.8, rng.uniform(0.05, 0.6, size=n)
    truth = [round(GRAMS.restore(z), 3) for z in stats.laplace.rvs(location, scale, random_state=rng)]
    column = [torch.tensor(part, dtype=torch.float32)[:, None] for part in (location, scale * factor)]
    prediction, examples = NumberPrediction(torch.zeros(n, 1), *column), [number(y, "g") for y in truth]
    targets = NumberTargets(torch.tensor(truth), torch.zeros(n, dtype=torch.long))

    def measured():
        decoded = one.decode(prediction, read(["x"]))
        right = [one.judge(example, answer) for example, answer in zip(examples, decoded, strict=True)]
        inside = [a.interval[0] <= y <= a.interval[1] for a, y in zip(decoded, truth, strict=True)]
        return expected_calibration_error([a.confidence for a in decoded], right), np.mean(inside)

    before, _ = measured()
    calibrate(one, lambda: [Validated(prediction, targets, read(["x"]), examples)])
    after, inside = measured()
    assert after < before / 2
    assert inside == pytest.approx(0.9, abs=0.05)  # nothing is below 0, where the distribution has some mass


def test_the_widening_is_kept_with_the_weights_and_what_was_kept_before_there_was_one_loads():
    one, other = head(), head()
    assert "calibration" not in one.state_dict()
    one.set_widening(1.5)
    other.load_state_dict(one.state_dict())
    assert (other.temperature, other.threshold, other.widening) == (1.0, 0.0, 1.5)
    one.set_calibration(temperature=2.0, threshold=0.3)
    other.load_state_dict(one.state_dict())
    assert (other.temperature, other.threshold, other.widening) == (2.0, 0.3, 1.5)
    before = one.state_dict() | {"calibration": torch.tensor([1.7, 0.3], dtype=torch.float64)}
    other.load_state_dict(before)
    assert (other.temperature, other.threshold, other.widening) == (1.0, 0.3, 1.7)
    other.load_state_dict(head().state_dict())
    assert (other.temperature, other.threshold, other.widening) == (1.0, 0.0, 1.0)
    for wrong in ([1.0, 0.0, -1.0], [1.0, 0.0, 1.0, 1.0], [1.0]):
        with pytest.raises(RuntimeError, match="calibration"):
            other.load_state_dict(before | {"calibration": torch.tensor(wrong, dtype=torch.float64)})


def test_right_is_what_is_within_tolerance_in_the_same_unit():
    one = head(GRAMS, YEARS)
    (answer,) = one.decode(says(GRAMS.standardise(3.2)), read(["x"]))
    assert one.judge(number(3.52, "g"), answer)
    assert one.judge(number(2.88, "g"), answer)
    assert not one.judge(number(3.6, "g"), answer)
    assert not one.judge(number(3.2, "kg"), answer)
    assert not one.judge(number(3.2, None), answer)


def test_confidence_is_the_share_of_right_answers_where_the_distribution_is_the_true_one():
    rng, n, one = np.random.default_rng(0), 1500, head(GRAMS)
    location, scale = rng.normal(size=n) * 0.8, rng.uniform(0.05, 0.6, size=n)
    truth = [GRAMS.restore(z) for z in stats.laplace.rvs(location, scale, random_state=rng)]
    column = [torch.tensor(part, dtype=torch.float32)[:, None] for part in (location, scale)]
    decoded = one.decode(NumberPrediction(torch.zeros(n, 1), *column), read(["x"]))
    right = [one.judge(number(y, "g"), answer) for y, answer in zip(truth, decoded, strict=True)]
    assert np.mean([answer.confidence for answer in decoded]) == pytest.approx(np.mean(right), abs=0.03)
    rows = one.quantities(NumberPrediction(torch.zeros(n, 1), *column))
    inside = [row[0].low <= y <= row[0].high for row, y in zip(rows, truth, strict=True)]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.03)


def test_it_learns_two_numbers_and_how_far_they_vary():
    torch.manual_seed(0)
    found = read(["x"], b=64)
    fused, batch = asked(found)
    fused.pooled[:] = torch.randn(2, 10).repeat(32, 1)
    noise = torch.distributions.Laplace(0.0, 0.2).sample((64,))
    y = torch.where(torch.arange(64) % 2 == 0, 3.0, 8.0) + noise
    one = head(UnitScale.of("g", y.tolist()))
    optimizer = torch.optim.Adam(one.parameters(), lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        loss = one.loss(
            one(type(fused)(**{**vars(fused), "pooled": fused.pooled.detach()}), found, batch),
            NumberTargets(y, torch.zeros(64, dtype=torch.long)),
        )
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        rows = one.quantities(one(fused, found, batch))
    assert [rows[0][0].value, rows[1][0].value] == pytest.approx([3.0, 8.0], abs=0.15)
    assert np.mean([r[0].low <= v <= r[0].high for r, v in zip(rows, y.tolist(), strict=True)]) == pytest.approx(
        0.9, abs=0.08
    )
