"""Variances that change from day to day, against their laws and an independent estimator.

Statistics are compared within 4 standard errors; seeds are fixed.
"""

import math
from typing import Any

import numpy as np
import pytest
from arch import arch_model
from scipy import stats

from sim.market.draws import Draw, Floats, streams
from sim.market.paths import noise
from sim.market.volatility import day_shocks, day_variances, days_of, garch_states, varying_noise
from sim.schema.paths import Paths

DAY = 86_400
SIGMA, RHO, NU = {"A": 0.9, "B": 0.7}, 0.8, 4.0
PATHS: dict[str, Any] = {
    "model": "student-day",
    "degrees_of_freedom": NU,
    "volatility_per_sqrt_year": SIGMA,
    "correlation": [{"assets": ["A", "B"], "value": RHO}],
}
CLUSTERS = {"alpha": {"A": 0.1, "B": 0.05}, "beta": {"A": 0.85, "B": 0.9}}


def drawn(count: int, days: int, steps_a_day: int = 1, **changes: object) -> Floats:
    """Daily log returns, (paths, days, assets)."""
    paths = Paths.model_validate(PATHS | changes)
    which = Draw("mc", 3, 0, count)
    x = noise(paths, list(SIGMA), which, days * steps_a_day, DAY // steps_a_day)
    closes = np.concatenate(
        [np.zeros((count, 1, len(SIGMA))), x[:, steps_a_day - 1 :: steps_a_day]], 1
    )
    return np.diff(closes, axis=1)


def falls(returns: Floats, share: float) -> Floats:
    return (returns.reshape(-1, len(SIGMA)) < math.log(1 - share)).mean(axis=0)


class Even:
    """A generator whose chi-square numbers are evenly spread quantiles."""

    def chisquare(self, degrees: float, size: int) -> Floats:
        return stats.chi2.ppf((np.arange(size) + 0.5) / size, degrees)


@pytest.mark.parametrize("degrees", [2.5, 3.5, 4.0, 30.0])
def test_variances_have_mean_one_and_a_bound(degrees: float) -> None:
    """By quadrature over the quantiles of chi-square; two in two million are beyond the cut."""
    variances = day_variances([Even()], 2_000_000, degrees)  # type: ignore[list-item]
    assert variances.mean() == pytest.approx(1, abs=2e-3)
    assert variances.max() == variances[0, 1], "both are cut to one value"
    assert variances[0, 2] < variances[0, 1]


def test_a_day_is_student_t_whatever_its_steps() -> None:
    """Kolmogorov-Smirnov against t_nu of unit variance; one normal day would be refused."""
    n, steps = 40_000, 24
    sources = streams(1, 0, n)
    normal = np.random.default_rng(7).standard_normal((n, steps, 1))
    shocks = day_shocks(normal, days_of(steps, 3_600), day_variances(sources, 1, NU))[:, 0, 0]
    law = stats.t(NU, scale=math.sqrt((NU - 2) / NU))
    assert stats.kstest(shocks, law.cdf).pvalue > 0.01
    assert stats.kstest(shocks, stats.norm.cdf).pvalue < 1e-6


@pytest.mark.parametrize("steps_a_day", [1, 24])
def test_daily_falls_and_joint_tail_are_those_of_the_mixture(steps_a_day: int) -> None:
    """P(r < l) = E Phi((l + s^2 V/2) / (s sqrt V)), over quantiles of V; the pair's tail at 5% is
    that of a bivariate t with the same nu, of which the drift changes less than the error.
    """
    returns = drawn(2_000, 40, steps_a_day)
    n = returns.shape[0] * returns.shape[1]
    v = day_variances([Even()], 200_000, NU)[0]  # type: ignore[list-item]
    for i, sigma in enumerate(SIGMA.values()):
        s = sigma / math.sqrt(365)
        for share in (0.1, 0.15, 0.2):
            cut = (math.log(1 - share) + s**2 * v / 2) / (s * np.sqrt(v))
            expected = stats.norm.cdf(cut).mean()
            error = math.sqrt(expected / n)
            assert abs(falls(returns, share)[i] - expected) < 4 * error
            assert expected > 4 * error, "the test would notice that there are none"
    both = returns.reshape(-1, 2)
    tail = (both < np.quantile(both, 0.05, axis=0)).all(axis=1).mean() / 0.05
    low = stats.t.ppf(0.05, NU)
    shape = [[1, RHO], [RHO, 1]]
    expected = stats.multivariate_t.cdf([low, low], shape=shape, df=NU, random_state=1) / 0.05
    assert abs(tail - expected) < 4 * math.sqrt(expected / (0.05 * n))


def test_a_copula_of_single_steps_does_not_do_it() -> None:
    """What the bases had: its daily falls beyond 15% are as rare as those of normal returns."""
    copula = {"model": "gbm", "copula": "student-t"}
    by_step, by_day = drawn(800, 30, 24, **copula), drawn(800, 30, 24)
    assert falls(by_step, 0.15)[0] < 0.2 * falls(by_day, 0.15)[0]


def test_garch_is_what_an_independent_estimator_finds() -> None:
    """alpha, beta and nu within 3 of arch's standard errors, and volatility clusters."""
    returns = drawn(1, 20_000, model="garch-t", degrees_of_freedom=8, garch=CLUSTERS)[0]
    for i, symbol in enumerate(SIGMA):
        fit = arch_model(100 * returns[:, i], vol="GARCH", p=1, q=1, dist="t").fit(disp="off")
        truth = {
            "alpha[1]": CLUSTERS["alpha"][symbol],
            "beta[1]": CLUSTERS["beta"][symbol],
            "nu": 8.0,
        }
        for name, value in truth.items():
            assert abs(fit.params[name] - value) < 3 * fit.std_err[name]
        size = np.abs(returns[:, i])
        assert np.corrcoef(size[1:], size[:-1])[0, 1] > 0.05


def test_garch_without_memory_is_student_day() -> None:
    nothing = {"alpha": {"A": 0, "B": 0}, "beta": {"A": 0, "B": 0}}
    assert (drawn(5, 20, 4, model="garch-t", garch=nothing) == drawn(5, 20, 4)).all()


def test_variance_starts_as_on_any_day_or_as_named() -> None:
    """Mean variance of the first and the tenth day: sigma^2/365, or what a start decays to:
    1 + (h - 1)(a + b)^d.
    """
    n = 20_000
    changes: dict[str, Any] = {"model": "garch-t", "degrees_of_freedom": 30}
    clusters = {"alpha": {"A": 0.05, "B": 0.05}, "beta": {"A": 0.9, "B": 0.85}}
    started = clusters | {"start_volatility_per_sqrt_year": {"A": 1.8}}
    for garch, start in ((clusters, 1), (started, 4)):
        returns = drawn(n, 10, garch=garch, **changes)
        for day in (0, 9):
            squares = returns[:, day] ** 2 / (np.array(list(SIGMA.values())) ** 2 / 365)
            error = squares.std(axis=0) / math.sqrt(n)
            expected = np.array([1 + (start - 1) * 0.95**day, 1])
            assert (np.abs(squares.mean(axis=0) - expected) < 4 * error).all()


def test_states_follow_the_recursion() -> None:
    """h' = .05 + h (.1 z^2 + .85), by hand; never above 100."""
    states = garch_states(
        np.ones(1), np.array([[[2.0], [0.0], [1e6]]]), np.array([0.1]), np.array([0.85])
    )
    assert states[0, :, 0] == pytest.approx([1, 1.3, 0.05 + 1.3 * 0.85, 100])


def test_noise_has_mean_one_given_its_variance() -> None:
    """E[exp X | v] = 1 at every step, for a variance of 9 and one of .1; 4 standard errors."""
    n = 40_000
    steps = np.random.default_rng(5).standard_normal((n, 2, 1))
    growth = np.exp(varying_noise(steps, DAY, [1.0], np.array([9.0, 0.1])[:, None]))
    error = growth.std(axis=0) / math.sqrt(n)
    assert (np.abs(growth.mean(axis=0) - 1) < 4 * error).all()
    assert error.max() < 0.002
