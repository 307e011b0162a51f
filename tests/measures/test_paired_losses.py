"""Two policies on the same paths, and randomised quasi-Monte Carlo."""

from collections.abc import Callable
from functools import partial
from math import exp, inf, sqrt

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import norm, qmc, t

from sim.measures.intervals import Estimate, mean_difference
from sim.measures.losses import (
    expected_loss,
    loss_given_loss,
    paired_difference,
    probability_of_loss,
    quantile_terms,
    value_at_risk,
)
from tests.measures.test_losses import (
    ES,
    FAR,
    T5_ES99,
    TO_1000,
    VAR,
    Draw,
    bernoulli_lognormal,
    coverage,
    losing,
    normal_es,
    student,
    student_es,
)


def two_books(rng: np.random.Generator, paths: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Student t, 5 degrees of freedom, correlation .9; the second times `scale`."""
    z, chi2 = rng.standard_normal((2, paths)), rng.chisquare(5, paths) / 5
    other = 0.9 * z[0] + sqrt(1 - 0.9**2) * z[1]
    return z[0] / np.sqrt(chi2) + FAR, scale * other / np.sqrt(chi2) + FAR


@pytest.mark.parametrize("scale", [1.0, 0.8])
@pytest.mark.parametrize("level", [None, 0.95])
def test_coverage_of_paired_differences(scale: float, level: float | None) -> None:
    """With scale 1 the two are alike: a difference is then found in 2 to 8 of 100 comparisons."""
    rng = np.random.default_rng(7)
    truth = 0.0 if level is None else (1 - scale) * student_es(5, level)
    pairs = [two_books(rng, 2_000, scale) for _ in range(1_000)]
    estimates = [paired_difference(a, b, level) for a, b in pairs]
    assert 0.92 <= coverage(estimates, truth) <= 0.98
    alone = expected_loss(pairs[0][0]) if level is None else ES(pairs[0][0], level)
    assert estimates[0].standard_error < 0.7 * alone.standard_error, "what pairing is for"


@pytest.mark.parametrize("gain", [0.0, 0.1])
def test_coverage_of_differences_of_rare_losses(gain: float) -> None:
    """Exchangeable books of which 3 paths in 100 lose, and one that always loses a tenth more."""
    rng, held = np.random.default_rng(8), []
    for _ in range(1_000):
        loss = (rng.random(1_000) < 0.03) * rng.lognormal(0, 0.8, 1_000)
        other = loss * rng.choice([0.9, 1.1], 1_000) if gain == 0 else (1 + gain) * loss
        found = paired_difference(other, loss)
        held.append(found.low <= gain * 0.03 * exp(0.32) <= found.high)
    assert 0.93 <= np.mean(held) <= 0.98


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_coverage_of_differences_of_quantiles(level: float) -> None:
    """Books whose quantiles differ by .2 of the Student law's, through their terms."""
    rng, truth = np.random.default_rng(9), 0.2 * t.ppf(level, 5)
    held, widths = [], []
    for _ in range(1_000):
        a, b = two_books(rng, 1_000, 0.8)
        terms = [quantile_terms(losses, level) for losses in (a, b)]
        assert terms[0].mean() == pytest.approx(value_at_risk(a, level).value)
        found = mean_difference(terms[0] - terms[1])
        held.append(found.low <= truth <= found.high)
        widths.append(found.standard_error / value_at_risk(a, level).standard_error)
    assert 0.92 <= np.mean(held) <= 0.98
    assert np.mean(widths) < 0.9, "what pairing is for"


def test_a_difference_of_tails_that_are_not_reached_is_not_bounded() -> None:
    """Below 284 paths the worst hundredth has no bound; with one value each it would have no width.
    Paths that all agree say nothing of those that have not been run.
    """
    rng = np.random.default_rng(5)
    a, b = rng.lognormal(0, 1.5, (2, 96))
    found = paired_difference(a, b, 0.99)
    assert (found.low, found.high) == (-np.inf, np.inf)
    assert found.value == pytest.approx(a.max() - b.max())
    many = paired_difference(*rng.lognormal(0, 1.5, (2, 2_000)), 0.99)
    assert np.isfinite([many.low, many.high]).all()


def test_paired_difference_by_hand() -> None:
    """Differences 1 to 6, of variance 3.5; and ES50 of (1..4) is 3.5, of (3, 3, 3, 5) 4."""
    found = paired_difference([3, 5, 7, 8, 9, 10], [2, 3, 4, 4, 4, 4])
    assert found[:2] == pytest.approx((3.5, sqrt(3.5 / 6)))
    assert paired_difference([1, 2, 3, 4], [5, 3, 3, 3], level=0.5).value == pytest.approx(-0.5)
    with pytest.raises(ValueError, match="one length, got 3 and 2"):
        paired_difference([1, 2, 3], [1, 2])


R = 16


def scrambled_sobol(seed: int) -> np.ndarray:
    """(Z - 1)^+ on 16 scramblings of 64 points, path k from k mod 16; Z a sum of two normals."""
    points = [qmc.Sobol(2, seed=R * seed + r).random(64) for r in range(R)]
    z = ndtri(np.stack(points, axis=1)).sum(axis=-1) / sqrt(2)
    return np.maximum(z.ravel() - 1, 0)


def test_coverage_on_scrambled_sobol_points() -> None:
    """The error is .22 (mean) to .58 (VaR) of that of as many independent paths, whose interval is
    so wide here that it nearly never misses.
    """
    z = norm.ppf(0.95)
    truths: list[tuple[Callable[..., Estimate], float]] = [
        (probability_of_loss, norm.sf(1)),
        (expected_loss, norm.pdf(1) - norm.sf(1)),
        (loss_given_loss, norm.pdf(1) / norm.sf(1) - 1),
        (partial(VAR, level=0.95), z - 1),
        (partial(ES, level=0.95), normal_es(0.95) - 1),
    ]
    runs = [scrambled_sobol(seed) for seed in range(300)]
    for measure, truth in truths:
        estimates = [measure(losses, replicates=R) for losses in runs]
        plain = [measure(losses) for losses in runs]
        assert 0.92 <= coverage(estimates, truth) <= 0.98, measure
        assert [e.value for e in estimates] == pytest.approx([e.value for e in plain])
        errors = [[e.standard_error for e in each] for each in (estimates, plain)]
        assert np.mean(errors[0]) < 0.7 * np.mean(errors[1]), measure
    assert coverage([expected_loss(losses) for losses in runs], truths[1][1]) > 0.99


@pytest.mark.parametrize(
    ("measure", "truth", "draw"),
    [
        (probability_of_loss, 0.1, bernoulli_lognormal),
        (expected_loss, 0.1 * exp(0.32), bernoulli_lognormal),
        (loss_given_loss, exp(0.32), bernoulli_lognormal),
        (partial(VAR, level=0.99), FAR + t.ppf(0.99, 5), partial(student, nu=5)),
        (partial(ES, level=0.99), T5_ES99, partial(student, nu=5)),
    ],
)
def test_coverage_where_scrambling_gains_nothing(
    measure: Callable[..., Estimate], truth: float, draw: Draw
) -> None:
    """Independent paths dealt to 16 replicates of 256: under 3 losses each beyond the quantile."""
    rng = np.random.default_rng(19)
    estimates = [measure(losses, replicates=R) for losses in draw(rng, (1_000, 4_096))]
    assert 0.92 <= coverage(estimates, truth) <= 0.98


def test_copies_of_a_path_add_no_knowledge() -> None:
    """Paths 0, 4, 8, ... are the same: 4 independent losses, not 4,000."""
    few = np.array([1.0, 2.0, 3.0, 6.0])
    many = np.tile(few, 1_000)
    assert expected_loss(many, replicates=4) == pytest.approx(expected_loss(few))
    assert loss_given_loss(many, replicates=4) == pytest.approx(loss_given_loss(few))
    pair = paired_difference(many, many[::-1], replicates=4)
    assert pair == pytest.approx(paired_difference(few, few[::-1]))
    for measure in (VAR, ES):
        assert measure(many, 0.95, replicates=4).high == inf
    half = probability_of_loss(np.tile([0.0, 1.0, 0.0, 1.0], 1_000), replicates=4)
    # Mean and error of 0, 1, 0, 1; the interval of a probability ends at 0 and 1.
    assert half == pytest.approx((0.5, sqrt(1 / 12), 0, 1))


def test_replicates_that_agree_leave_the_plain_interval() -> None:
    none, one = np.zeros(10_000), losing(1, 10_000)
    assert probability_of_loss(none, replicates=10) == probability_of_loss(none)
    assert expected_loss(none, replicates=10) == expected_loss(none)
    assert loss_given_loss(one, replicates=10) == loss_given_loss(one)
    assert value_at_risk(none, 0.95, replicates=10) == (0, 0, 0, 0)


@pytest.mark.parametrize("replicates", [1, 3, 0])
def test_replicates_of_unequal_size_are_refused(replicates: int) -> None:
    for measure in (
        probability_of_loss,
        expected_loss,
        loss_given_loss,
        partial(value_at_risk, level=0.95),
        partial(ES, level=0.95),
        partial(paired_difference, TO_1000),
    ):
        for losses in (TO_1000, 0 * TO_1000):
            with pytest.raises(ValueError, match=f"1000 paths are not {replicates} replicates"):
                measure(losses, replicates=replicates)
