"""Parts of an expected shortfall, and how often a reserve bears its loss, by closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import expon

from sim.measures.losses import expected_shortfall
from sim.measures.reserves import coverage, euler


def test_parts_of_a_gaussian_sum() -> None:
    """w_i (S w)_i / (w' S w) of the expected shortfall, about a mean m that all parts share; with
    losses far from 0, which a part may not be below.
    """
    cov = 0.04**2 * np.array([[1, 0.8], [0.8, 1]])
    weights, mean, n = np.array([0.6, 0.4]), 1.0, 400_000
    draws = np.random.default_rng(4).multivariate_normal([mean, mean], cov, n) * weights
    share = weights * (cov @ weights) / (weights @ cov @ weights)
    beyond = expected_shortfall(draws.sum(axis=1), 0.99).value - mean
    parts = euler(draws, 0.99)
    assert parts - mean * weights == pytest.approx(share * beyond, rel=0.01)
    assert parts.sum() == pytest.approx(mean + beyond, rel=1e-12)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.987])
def test_parts_add_up_also_where_paths_tie(level: float) -> None:
    rng = np.random.default_rng(1)
    losses = rng.integers(0, 3, (250, 4)).astype(float)
    whole = expected_shortfall(losses.sum(axis=1), level).value
    parts = euler(losses, level)
    assert parts.sum() == pytest.approx(whole, rel=1e-12)
    for part, own in zip(parts, losses.T, strict=True):
        assert part <= expected_shortfall(own, level).value * (1 + 1e-12)


def test_coverage_of_a_known_law() -> None:
    """Losses exponential, 7 to bear them: 7 / VaR, in the interval in 19 of 20 samples."""
    true, inside = 7 / expon.ppf(0.99), 0
    rng = np.random.default_rng(8)
    for _ in range(300):
        found = coverage(rng.exponential(1.0, 2_000), np.full(2_000, 7.0), 0.99)
        inside += found.low <= true <= found.high
    assert 0.92 <= inside / 300 <= 0.98
    assert found.value == pytest.approx(true, rel=0.2)


def test_what_can_be_borne_may_vary_with_the_loss() -> None:
    """Half of every loss on every path: .5, whatever the losses; it is no ratio of two means."""
    losses = np.random.default_rng(8).pareto(2.0, 1_000)
    found = coverage(losses, losses / 2, 0.99)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_coverage_of_nothing() -> None:
    nothing, some = np.zeros(1_000), np.ones(1_000)
    assert coverage(nothing, nothing, 0.99).value == math.inf
    assert coverage(some, nothing, 0.99)[:1] + coverage(some, nothing, 0.99)[2:] == (0, 0, 0)
    rare = np.where(np.arange(1_000) < 5, 1.0, 0.0)  # on fewer than a hundredth of the paths
    assert coverage(rare, nothing, 0.99).value == math.inf
    few = coverage(np.arange(1.0, 101), np.full(100, 50.0), 0.99)
    assert few.value == pytest.approx(50 / 99) and few.low == 0  # too few paths for a bound
