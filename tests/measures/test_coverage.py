"""Intervals hold the truth on laws of rare losses and heavy tails: docs/coverage.md, with fewer
repeats; and what they are made of, by hand.
"""

from __future__ import annotations

from math import inf, log, sqrt

import numpy as np
import pytest
from scipy.stats import beta, binom, t

from sim.measures.intervals import (
    holm,
    independent,
    mean_of,
    mean_of_losses,
    paired_mean,
    significance,
)
from sim.measures.losses import (
    expected_loss,
    expected_shortfall,
    loss_given_loss,
    paired_difference,
    probability_of_loss,
)
from tests.measures.coverage import LAWS, MEASURES, PAIRS, coverage, hurdle

REPEATS = 1_000
LEAST, MOST = 0.92, 0.99
CASES = [
    ("Pareto 1.5", "expected loss", 500),
    ("Pareto 1.5", "ES 95%", 500),
    ("Pareto 1.5", "ES 99%", 2_000),
    ("Pareto 1.5", "mean, a tenth more", 500),
    ("Pareto 1.5", "ES 99%, a tenth more", 2_000),
    ("lognormal hurdle, 5 %", "loss given a loss", 200),
    ("lognormal hurdle, 5 %", "expected loss", 500),
    ("lognormal hurdle, 5 %", "VaR 99%", 2_000),
    ("lognormal hurdle, 5 %", "mean, noise on one", 500),
    ("lognormal hurdle, 5 %", "mean, noise on one", 2_000),
    ("lognormal hurdle, 1 %", "expected loss", 2_000),
    ("lognormal hurdle, 1 %", "ES 99%", 500),
    ("lognormal hurdle, 1 %", "loss given a loss", 500),
    ("lognormal hurdle, 1 %", "mean, a tenth more", 200),
    ("lognormal hurdle, .1 %", "expected loss", 2_000),
    ("lognormal hurdle, .1 %", "mean, a tenth more", 2_000),
    ("three atoms", "expected loss", 2_000),
    ("three atoms", "mean, noise on one", 500),
    ("lognormal, every path", "ES 99%", 2_000),
]


@pytest.mark.parametrize(("law", "measure", "paths"), CASES)
def test_coverage(law: str, measure: str, paths: int) -> None:
    """In .92 to .99 of all samples, by what a binomial law may show once in a thousand times; or
    stated unbounded in some of them, and then there may be more.
    """
    case = {**MEASURES, **PAIRS}[measure]
    held, unbounded = coverage(case, LAWS[law], paths, REPEATS, seed=1)
    assert held * REPEATS >= binom.ppf(1e-3, REPEATS, LEAST)
    if unbounded < 0.02:
        assert held * REPEATS <= binom.isf(1e-3, REPEATS, MOST)


def test_the_truths_are_those_of_the_laws() -> None:
    """Means are integrals of quantiles, quantiles those of 100,000 draws."""
    rng = np.random.default_rng(1)
    # The share of paths beyond is (1-level) exp(-y), of which hardly anything is left at y = 20.
    weights = np.exp(-(np.arange(2_000) + 0.5) / 100)
    for law in LAWS.values():
        losses = law.draw(rng, 100_000)
        assert (losses > 0).mean() == pytest.approx(law.share, rel=0.3)
        for level in (0.0, 0.95, 0.99):
            quantiles = [law.quantile(1 - (1 - level) * weight) for weight in weights]
            truth = law.shortfall(level) if level else law.mean
            assert np.dot(quantiles, weights) / 100 == pytest.approx(truth, rel=1e-2)
        for level in (0.95, 0.99):
            assert (losses <= law.quantile(level)).mean() >= level - 2e-3
            assert (losses < law.quantile(level)).mean() <= level + 2e-3


def test_shortfalls_of_settings_that_few_paths_tell_apart_are_not_bounded() -> None:
    """Three paths of 500 lose ten times as much, and come into the tail. VaR moves, and with it the
    terms of every path beyond it, which is no evidence of what three paths make.
    """
    rng, law, bounded = np.random.default_rng(2), hurdle(1.0), 0
    for _ in range(50):
        loss = law.draw(rng, 500)
        other, order = loss.copy(), np.argsort(loss)
        other[order[400:403]] *= 10
        found = paired_difference(other, loss, 0.95)
        assert found.value > 0 and (found.low, found.high) == (-inf, inf)
        other[order[250:]] = 10 * loss[order[250:]]
        bounded += np.isfinite(paired_difference(other, loss, 0.95).low)
    assert bounded > 25


def test_a_rare_loss_by_hand() -> None:
    """Five of 100 lose: the larger of Hall's upper end, and that of the share times that of the
    five; above it 1 - .05^(1/100) of the paths, beyond 16 as the losses above 4 go on.
    """
    losses = np.array([0.0] * 95 + [1, 2, 4, 8, 16])
    found, hit = mean_of_losses(losses), losses[95:]
    rare = beta.ppf(0.975, 6, 95) * mean_of(hit).high
    assert rare > mean_of(losses).high
    weight = (log(8 / 4) + log(16 / 4)) / 2
    assert weight > 1 and found.high == inf  # of so heavy a tail there may be no mean
    losses[95:] = [10, 12, 14, 16, 18]
    found, hit = mean_of_losses(losses), losses[95:]
    rare = beta.ppf(0.975, 6, 95) * mean_of(hit).high
    weight = (log(16 / 14) + log(18 / 14)) / 2
    unseen = (1 - 0.05 ** (1 / 100)) * 18 * weight / (1 - weight)
    assert found.high == pytest.approx(max(rare, mean_of(losses).high) + unseen)
    assert expected_loss(losses) == found
    given = loss_given_loss(losses)
    unseen = (1 - 0.05 ** (1 / 5)) * 18 * weight / (1 - weight)
    assert given.high == pytest.approx(14 + t.ppf(0.975, 4) * sqrt(10) / sqrt(5) + unseen)


def test_losses_of_one_size_bound_no_larger_one() -> None:
    """As none does: with .95 confidence all of 40 paths tell no more than of .072 of the others."""
    for losses in (np.full(40, 7.0), np.repeat([0.0, 7.0], [30, 10])):
        assert mean_of_losses(losses).high == inf
        assert expected_shortfall(losses, 0.5).high == inf
    assert mean_of_losses(np.full(40, 7.0)).low == pytest.approx(7 * 0.05 ** (1 / 40))


def test_every_path_loses() -> None:
    """The mirror of nobody does: what 1,000 paths have not shown is at most 1 - .05^(1/1000)."""
    sure = probability_of_loss(np.ones(1_000))
    assert sure == pytest.approx((1, 0, 0.05 ** (1 / 1_000), 1))
    none = probability_of_loss(np.zeros(1_000))
    assert sure.low == pytest.approx(1 - none.high)
    # It holds every share that 1,000 paths would all lose under in more than one case in twenty.
    assert sure.low**1_000 == pytest.approx(0.05)


def test_settings_that_no_path_tells_apart() -> None:
    for losses in (np.zeros(500), np.arange(500.0)):
        for level in (None, 0.95):
            found = paired_difference(losses, losses, level)
            assert found == (0, inf, -inf, inf)


def test_clusters_are_the_unit() -> None:
    """Eight books of 2 to 9 paths that all lose the same: eight losses, whatever the paths."""
    sizes = np.arange(2, 10)
    books = np.repeat(np.arange(8), sizes)
    of_each = np.arange(1.0, 9.0)
    losses = np.repeat(of_each, sizes)
    mean = (sizes * of_each).sum() / 44
    parts = independent(losses, books)
    assert parts == pytest.approx(mean + sizes * 8 / 44 * (of_each - mean))
    assert parts.mean() == pytest.approx(losses.mean()) == pytest.approx(mean)
    shares = of_each * (mean / 4.5)
    assert mean_of_losses(losses, books) == pytest.approx(mean_of_losses(shares))
    change = np.repeat([1.0, -2, 3, 4, -5, 6, 7, 9], sizes)
    found = paired_mean(change, books)
    assert found[:2] == pytest.approx(paired_mean(independent(change, books))[:2])
    assert paired_mean(change, books).standard_error > 2 * paired_mean(change).standard_error
    with pytest.raises(ValueError, match="3 paths but numbers of the clusters of 2"):
        independent(np.ones(3), np.array([0, 1]))


def test_no_path_of_a_book_loses() -> None:
    """Then it is the books that say so: 10, not 1,000 paths."""
    found = probability_of_loss(np.zeros(1_000), np.repeat(np.arange(10), 100))
    assert found.high == pytest.approx(1 - 0.05 ** (1 / 10))


def test_significance_is_where_the_interval_ends_at_nothing() -> None:
    """Of terms without skewness it is Student's p-value."""
    terms = np.array([-1.0, 0, 1, 2, 3, 4, 5])
    found = significance(lambda confidence: mean_of(terms, None, confidence))
    statistic = terms.mean() / (terms.std(ddof=1) / sqrt(7))
    assert found == pytest.approx(2 * t.sf(statistic, 6), rel=2e-3)
    assert significance(lambda confidence: mean_of(-terms, None, confidence)) == found
    assert significance(lambda confidence: mean_of(terms - 2, None, confidence)) == 1
    assert significance(lambda confidence: mean_of(terms + 1e9, None, confidence)) == 1e-9


def test_holm_by_hand() -> None:
    """Of four, .01 <= .05 / 4 and .015 <= .05 / 3, but .03 > .05 / 2; and so .04 <= .05 is not."""
    assert holm({"a": 0.04, "b": 0.01, "c": 0.03, "d": 0.015}) == {"b", "d"}
    assert holm({"a": 0.04}) == {"a"}
    assert holm({}) == set()


def test_holm_keeps_its_level() -> None:
    """Of ten true hypotheses any is rejected in one case in twenty, by .05 each in eight."""
    rng = np.random.default_rng(3)
    cases = [dict(zip("abcdefghij", each, strict=True)) for each in rng.random((4_000, 10))]
    wrong = sum(bool(holm(case)) for case in cases)
    assert binom.ppf(1e-3, 4_000, 0.045) <= wrong <= binom.isf(1e-3, 4_000, 0.05)
