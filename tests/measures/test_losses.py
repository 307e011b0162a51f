"""Loss measures against closed forms and published figures, and their intervals against the share
of repeats in which they hold the truth.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from math import ceil, exp, inf, isnan, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, t

from sim.measures.exceedance import exceedance
from sim.measures.intervals import Estimate, mean_of
from sim.measures.losses import (
    expected_loss,
    expected_shortfall,
    loss_given_loss,
    paired_difference,
    probability_of_loss,
    value_at_risk,
)

TO_1000 = np.arange(1.0, 1_001.0)
FAR = 1_000.0
"""Added to laws that reach below 0, which losses do not. VaR, ES and means move along."""


def losing(k: int, n: int) -> np.ndarray:
    """n paths of which k lose 1."""
    return np.repeat([1.0, 0.0], [k, n - k])


def normal_es(level: float) -> float:
    return float(norm.pdf(norm.ppf(level)) / (1 - level))


def student_es(nu: float, level: float) -> float:
    q = t.ppf(level, nu)
    return float(t.pdf(q, nu) * (nu + q**2) / ((1 - level) * (nu - 1)))


# --- published figures and sums by hand -----------------------------------------------------------


def test_one_to_a_thousand() -> None:
    """VaR95 = 950, and ES95 = 950 + (1 + ... + 50) / 1000 / .05, the mean of the top 50."""
    assert value_at_risk(TO_1000, 0.95).value == 950
    shortfall = expected_shortfall(TO_1000, 0.95)
    assert shortfall.value == pytest.approx(975.5)
    # sd of (L-v)^+: sums 1275 and 1^2 + ... + 50^2 = 42,925 over 1,000 paths.
    variance = (42_925 - 1_275**2 / 1_000) / 999
    assert shortfall.standard_error == pytest.approx(sqrt(variance / 1_000) / 0.05)


def test_mean_and_hurdle_by_hand() -> None:
    losses = [0, 0, 0, 0, 0, 2, 4, 6, 8, 10]
    mean, given_loss = expected_loss(losses), loss_given_loss(losses)
    assert mean[:2] == pytest.approx((3, sqrt((220 - 10 * 3**2) / 9 / 10)))
    assert given_loss[:2] == pytest.approx((6, sqrt(10) / sqrt(5)))
    probability = probability_of_loss(losses)
    assert probability[:2] == pytest.approx((0.5, sqrt(0.5 * 0.5 / 10)))
    assert probability.value * given_loss.value == pytest.approx(mean.value)


def test_interval_without_skewness_is_students() -> None:
    """t is 2.776 at 97.5 % with 4 degrees of freedom (any table)."""
    low, high = mean_of([8, 9, 10, 11, 12])[2:]
    assert (low, high) == pytest.approx((10 - 2.776 * sqrt(0.5), 10 + 2.776 * sqrt(0.5)), abs=1e-3)


def test_interval_of_a_skewed_mean_solves_halls_equation() -> None:
    """g(T) = T + a T^2/3 + a^2 T^3/27 + a/6 is the quantile of t at both ends."""
    losses = np.array([0.0] * 12 + [1, 1, 2, 3, 7])
    estimate, n = mean_of(losses), losses.size
    s = losses.std(ddof=1)
    a = np.mean((losses - losses.mean()) ** 3) / s**3 / sqrt(n)
    for end, q in ((estimate.high, 0.025), (estimate.low, 0.975)):
        deviation = (losses.mean() - end) / estimate.standard_error
        g = deviation + a * deviation**2 / 3 + a**2 * deviation**3 / 27 + a / 6
        assert g == pytest.approx(t.ppf(q, n - 1))
    assert estimate.high - estimate.value > 1.2 * (estimate.value - estimate.low)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"), [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)]
)
def test_wilson_as_published(k: int, n: int, low: float, high: float) -> None:
    """R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3."""
    assert probability_of_loss(losing(k, n))[2:] == pytest.approx((low, high), abs=5e-5)


@given(st.integers(2, 500), st.data(), st.sampled_from([0.9, 0.95, 0.99]))
def test_wilson_as_in_scipy(n: int, data: st.DataObject, confidence: float) -> None:
    k = data.draw(st.integers(1, n - 1))
    published = binomtest(k, n).proportion_ci(confidence, method="wilson")
    ours = probability_of_loss(losing(k, n), confidence=confidence)
    assert ours[2:] == pytest.approx((published.low, published.high))


def test_no_loss_among_ten_thousand_paths() -> None:
    none = np.zeros(10_000)
    assert probability_of_loss(none) == pytest.approx((0, 0, 0, 2.995e-4), abs=5e-8)
    assert value_at_risk(none, 0.99) == (0, 0, 0, 0)
    for unbounded in (expected_loss(none), expected_shortfall(none, 0.99)):
        assert unbounded == (0, inf, 0, inf)
    value, error, *interval = loss_given_loss(none)
    assert isnan(value) and isnan(error) and interval == [0, inf]
    # The 5 % quantile is at least 1 at 95 %, so the mean is at least .05.
    assert loss_given_loss(losing(1, 10_000)) == pytest.approx((1, inf, 0.05, inf))


@pytest.mark.parametrize(("level", "ranks"), [(0.95, (9_457, 9_542)), (0.99, (9_880, 9_919))])
def test_ranks_of_the_interval_of_a_quantile(level: float, ranks: tuple[int, int]) -> None:
    estimate = value_at_risk(np.arange(1.0, 10_001.0), level)
    assert (estimate.low, estimate.high) == ranks
    assert estimate.standard_error == pytest.approx((ranks[1] - ranks[0]) / 2 / 1.959964)


@pytest.mark.parametrize(("level", "fewest"), [(0.95, 51), (0.99, 284), (0.999, 2_816)])
def test_too_few_paths_for_the_level(level: float, fewest: int) -> None:
    """The largest of n losses is below the quantile with probability level^n, still 6 % here."""
    assert level ** (fewest - 1) > 0.05
    few, enough = np.arange(1.0, fewest), np.arange(1.0, fewest + 1.0)
    for measure in (value_at_risk, expected_shortfall):
        assert measure(few, level).high == inf and measure(few, level).standard_error == inf
        assert measure(few, level).low == value_at_risk(few, level).low > 0
    assert np.isfinite(value_at_risk(enough, level)).all()
    assert value_at_risk([5.0], 0.5) == (5, inf, 0, inf)


@given(st.integers(1, 3_000), st.integers(1, 999))
@example(100, 70)
def test_rank_is_that_of_exact_arithmetic(n: int, thousandths: int) -> None:
    """Not so in floats: 100 * .07 is above 7."""
    rank = ceil(Fraction(n * thousandths, 1_000))
    assert value_at_risk(np.arange(1.0, n + 1.0), thousandths / 1_000).value == rank


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("nu", [3, 5, inf])
def test_closed_forms(nu: float, level: float) -> None:
    """On the law itself, cut into 100,000 equally likely pieces: no chance is involved."""
    pieces = t.ppf((np.arange(100_000) + 0.5) / 100_000, nu) + FAR
    shortfall = normal_es(level) if nu == inf else student_es(nu, level)
    assert value_at_risk(pieces, level).value - FAR == pytest.approx(t.ppf(level, nu), abs=1e-3)
    assert expected_shortfall(pieces, level).value - FAR == pytest.approx(shortfall, rel=2e-3)


# --- intervals hold the truth in 92 to 98 of 100 repeats ------------------------------------------

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def bernoulli_lognormal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Lost with probability .1, and then lognormal with sigma = .8: mean exp(.32)."""
    return (rng.random(shape) < 0.1) * rng.lognormal(0, 0.8, shape)


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.standard_normal(shape) + FAR


def student(rng: np.random.Generator, shape: tuple[int, int], nu: float) -> np.ndarray:
    return rng.standard_t(nu, shape) + FAR


def coverage(estimates: list[Estimate], truth: float) -> float:
    return float(np.mean([estimate.low <= truth <= estimate.high for estimate in estimates]))


VAR, ES = value_at_risk, expected_shortfall
T5_ES95, T5_ES99 = FAR + student_es(5, 0.95), FAR + student_es(5, 0.99)


@pytest.mark.parametrize(
    ("measure", "truth", "draw", "paths"),
    [
        (probability_of_loss, 0.1, bernoulli_lognormal, 1_000),
        (expected_loss, 0.1 * exp(0.32), bernoulli_lognormal, 1_000),
        (loss_given_loss, exp(0.32), bernoulli_lognormal, 1_000),
        (partial(VAR, level=0.95), exp(0.8 * norm.ppf(0.5)), bernoulli_lognormal, 1_000),
        (partial(VAR, level=0.95), FAR + t.ppf(0.95, 5), partial(student, nu=5), 1_000),
        (partial(VAR, level=0.99), FAR + t.ppf(0.99, 5), partial(student, nu=5), 1_000),
        (partial(ES, level=0.95), T5_ES95, partial(student, nu=5), 1_000),
        (partial(ES, level=0.99), T5_ES99, partial(student, nu=5), 1_000),
        (partial(ES, level=0.99), T5_ES99, partial(student, nu=5), 10_000),
        (partial(ES, level=0.99), FAR + student_es(4, 0.99), partial(student, nu=4), 2_000),
        (partial(ES, level=0.95), FAR + normal_es(0.95), normal, 1_000),
    ],
)
def test_coverage(measure: Callable[..., Estimate], truth: float, draw: Draw, paths: int) -> None:
    rng = np.random.default_rng(20200312)
    repeats = min(1_000, 4_000_000 // paths)
    estimates = [measure(losses) for losses in draw(rng, (repeats, paths))]
    assert 0.92 <= coverage(estimates, truth) <= 0.98


@pytest.mark.parametrize("confidence", [0.8, 0.99])
def test_coverage_at_other_confidence(confidence: float) -> None:
    rng = np.random.default_rng(3)
    samples = student(rng, (1_000, 1_000), 5)
    for measure, truth in ((partial(VAR, level=0.95), FAR + t.ppf(0.95, 5)), (expected_loss, FAR)):
        estimates = [measure(losses, confidence=confidence) for losses in samples]
        assert coverage(estimates, truth) == pytest.approx(confidence, abs=0.03)


def test_standard_errors_are_those_of_the_estimates() -> None:
    """The mean standard error is the deviation of the estimates over 500 repeats, within 10 %."""
    rng = np.random.default_rng(5)
    hurdle, heavy = bernoulli_lognormal(rng, (500, 2_000)), student(rng, (500, 2_000), 8)
    for measure, samples in (
        (probability_of_loss, hurdle),
        (expected_loss, hurdle),
        (loss_given_loss, hurdle),
        (partial(VAR, level=0.95), heavy),
        (partial(ES, level=0.95), heavy),
    ):
        estimates = np.array([measure(losses) for losses in samples])
        assert estimates[:, 1].mean() == pytest.approx(estimates[:, 0].std(), rel=0.1)


# --- the exceedance curve -------------------------------------------------------------------------


def test_exceedance_by_hand() -> None:
    curve = exceedance([5, 0, 2, 2])
    assert curve["loss"].tolist() == [0, 2, 5]
    assert curve["probability"].tolist() == [0.75, 0.25, 0]
    first = probability_of_loss([5, 0, 2, 2])
    assert curve.loc[0, ["low", "high"]].tolist() == pytest.approx(list(first[2:]))
    assert curve["high"].iloc[-1] == pytest.approx(1 - 0.05 ** (1 / 4))


def test_exceedance_never_rises_and_lies_in_its_band() -> None:
    curve = exceedance(bernoulli_lognormal(np.random.default_rng(11), (1, 5_000))[0])
    for column in ("probability", "low", "high"):
        assert (curve[column].diff().iloc[1:] <= 0).all(), column
    assert (curve["low"] <= curve["probability"]).all()
    assert (curve["probability"] <= curve["high"]).all()
    assert curve["loss"].is_monotonic_increasing and curve["loss"].iloc[0] == 0


def test_coverage_of_the_exceedance_band() -> None:
    """P(L > 2) = .1 P(Z > ln 2 / .8) of the hurdle law."""
    rng = np.random.default_rng(13)
    truth, held = 0.1 * norm.sf(np.log(2) / 0.8), []
    for losses in bernoulli_lognormal(rng, (500, 5_000)):
        curve = exceedance(losses)
        row = curve.iloc[curve["loss"].searchsorted(2, side="right") - 1]
        held.append(row["low"] <= truth <= row["high"])
    assert 0.92 <= np.mean(held) <= 0.98


# --- properties -----------------------------------------------------------------------------------

samples = st.lists(st.integers(0, 10**9).map(float), min_size=2, max_size=120).map(np.array)
levels = st.sampled_from([0.5, 0.75, 0.9, 0.95, 0.99])


@given(samples, levels)
def test_measures_are_ordered(losses: np.ndarray, level: float) -> None:
    """Mean <= ES, VaR <= ES <= largest loss, both rise with the level; ends enclose the value."""
    quantile, shortfall = VAR(losses, level), ES(losses, level)
    tiny = 1e-9 * losses.max()
    assert losses.mean() - tiny <= shortfall.value <= losses.max() + tiny
    assert quantile.value <= shortfall.value + tiny
    assert quantile.value >= VAR(losses, level / 2).value
    assert shortfall.value >= ES(losses, level / 2).value - tiny
    mean, probability = expected_loss(losses), probability_of_loss(losses)
    for estimate in (quantile, shortfall, mean, probability):
        assert 0 <= estimate.low <= estimate.value + tiny and estimate.standard_error >= 0
        assert estimate.value - tiny <= estimate.high
    assert probability.high <= 1


@given(samples, levels, st.integers(0, 2**32))
def test_order_of_paths_does_not_matter(losses: np.ndarray, level: float, seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(losses)
    for measure in (partial(VAR, level=level), partial(ES, level=level), expected_loss):
        assert measure(shuffled) == pytest.approx(measure(losses), rel=1e-6, abs=1e-6)


@given(samples, levels, st.integers(1, 1_000))
def test_measures_scale_with_the_unit(losses: np.ndarray, level: float, factor: int) -> None:
    """Dollars to cents changes the unit and nothing else."""
    measures = (partial(VAR, level=level), partial(ES, level=level), expected_loss, loss_given_loss)
    for measure in measures:
        scaled = [factor * x for x in measure(losses)]
        assert measure(factor * losses) == pytest.approx(scaled, rel=1e-6, abs=1e-3, nan_ok=True)
    assert probability_of_loss(factor * losses) == probability_of_loss(losses)


@given(samples, levels, st.integers(0, 10**9))
def test_a_sure_loss_adds_to_every_measure(losses: np.ndarray, level: float, sure: int) -> None:
    for measure in (partial(VAR, level=level), partial(ES, level=level)):
        before, after = measure(losses), measure(losses + sure)
        assert after.value == pytest.approx(before.value + sure)
        if before.low:  # at rank 0, and where an interval is cut at 0, nothing is added
            assert after == pytest.approx(
                (before.value + sure, before[1], before.low + sure, before.high + sure), abs=1e-3
            )


# --- what is no sample ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ([], "one per path"),
        ([[1, 2], [3, 4]], r"shape \(2, 2\)"),
        ([1, float("nan")], "nan is not finite"),
        ([1, inf], "inf is not finite"),
        ([100, -1e-3], "-0.001 is negative"),
        ([-1e-3], "-0.001 is negative"),
    ],
)
def test_no_sample_of_losses(losses: list[Any], message: str) -> None:
    for measure in (
        probability_of_loss,
        expected_loss,
        loss_given_loss,
        partial(value_at_risk, level=0.95),
        exceedance,
        partial(ES, level=0.95),
        partial(paired_difference, [1, 2]),
    ):
        with pytest.raises(ValueError, match=message):
            measure(losses)


@pytest.mark.parametrize("level", [0, 1, -0.1, 95])
def test_no_level(level: float) -> None:
    for measure in (VAR, ES, partial(paired_difference, TO_1000)):
        with pytest.raises(ValueError, match=f"between 0 and 1, got {level}"):
            measure(TO_1000, level=level)
    with pytest.raises(ValueError, match="confidence must be between 0 and 1, got 95"):
        VAR(TO_1000, 0.95, confidence=95)


def test_losses_below_zero_by_rounding_are_none() -> None:
    """A difference of balances of $10^8 is right to about 10^-8."""
    assert probability_of_loss([1e8, -1e-8, 0, 0]).value == 0.25
