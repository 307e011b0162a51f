"""Random paths against closed forms: moments of every model, pins, latency, and reproducibility.

Statistics are compared within 4 standard errors, which each test states; seeds are fixed.
"""

import math
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from sim.market.draws import REPLICATES, Floats, Sampler, streams
from sim.market.level_tables import price_table
from sim.market.paths import draw, jump_noise, log_noise, observed
from sim.protocol.units import USD
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from sim.schema.paths import Jumps

YEAR = 365 * 86_400
SIGMA, RHO = {"WETH": 1.2, "WBTC": 0.8}, 0.7
JUMPS = {
    "per_year": 400.0,
    "mean_log": {"WETH": -0.05, "WBTC": -0.03},
    "sd_log": {"WETH": 0.04, "WBTC": 0.02},
}
MODELS: dict[str, dict[str, object]] = {
    "gbm": {},
    "student-t": {"paths.copula": "student-t", "paths.degrees_of_freedom": 4},
    "merton": {"paths.model": "merton", "paths.jumps": JUMPS},
    "bridge": {"paths.model": "bridge"},
    "student-day": {"paths.model": "student-day", "paths.degrees_of_freedom": 4},
    "garch-t": {
        "paths.model": "garch-t",
        "paths.degrees_of_freedom": 4,
        "paths.garch": {
            "alpha": {"WETH": 0.08, "WBTC": 0.06},
            "beta": {"WETH": 0.9, "WBTC": 0.9},
        },
    },
}


@pytest.fixture(scope="module")
def base() -> Scenario:
    """A day of 96 steps through the crash: two assets with noise, two that follow their level."""
    return with_overrides(
        load("black-thursday"),
        {
            "duration_hours": 24,
            "step_seconds": 900,
            "paths": {
                "model": "gbm",
                "volatility_per_sqrt_year": SIGMA,
                "correlation": [{"assets": ["WBTC", "WETH"], "value": RHO}],
            },
        },
    )


def flat(base: Scenario, **changes: object) -> Scenario:
    """`base` with constant levels."""
    levels = {"assets.WETH.price_usd": 200.0, "assets.WBTC.price_usd": 8_000.0}
    return with_overrides(base, levels | changes)


def log_returns(prices: Floats) -> Floats:
    """Of WETH and WBTC per step, (paths * steps, 2)."""
    return np.diff(np.log(prices[:, :, :2]), axis=1).reshape(-1, 2)


# --- the law ----------------------------------------------------------------------------------


def assert_volatility(changes: Floats, seconds: int, volatility: list[float]) -> None:
    """se of a standard deviation of n normal numbers: sigma / sqrt(2 n)."""
    realised = changes.std(axis=0) * math.sqrt(YEAR / seconds)
    for estimate, sigma in zip(realised, volatility, strict=True):
        assert abs(estimate - sigma) < 4 * sigma / math.sqrt(2 * len(changes))


@pytest.mark.parametrize("sampler", ["mc", "sobol"])
@pytest.mark.parametrize("model", ["gbm", "student-t"])
def test_realised_volatility_and_correlation(base: Scenario, model: str, sampler: Sampler) -> None:
    """Correlation of normal scores: the t copula's is a little below the parameter."""
    changes = log_returns(draw(flat(base, **MODELS[model]), sampler, 0, 500))
    assert_volatility(changes, 900, list(SIGMA.values()))
    realised = np.corrcoef(changes.T)[0, 1]
    error = (1 - RHO**2) / math.sqrt(len(changes))
    if model == "gbm":
        assert abs(realised - RHO) < 4 * error
    else:
        assert RHO - 0.05 < realised < RHO


def test_volatility_check_would_notice_a_square() -> None:
    """A simulator that multiplies a covariance by sigma again realises sigma^2: .8 becomes .64."""
    steps = np.random.default_rng(3).standard_normal((500, 96, 2))
    for power in (1, 2):
        noise = log_noise(steps, 900, [sigma**power for sigma in SIGMA.values()], [[], []])
        changes = np.diff(noise, axis=1).reshape(-1, 2)
        if power == 1:
            assert_volatility(changes, 900, list(SIGMA.values()))
        else:
            with pytest.raises(AssertionError):
                assert_volatility(changes, 900, list(SIGMA.values()))


@pytest.mark.parametrize("model", MODELS)
def test_mean_path_is_the_named_level(base: Scenario, model: str) -> None:
    """In every row, of all four assets; se of a mean: sd / sqrt(n). One in 15,000 exceeds 4 se."""
    scenario = with_overrides(base, MODELS[model])
    prices = draw(scenario, "mc", 0, 4_000)
    level = price_table(scenario).astype(float)
    error = prices.std(axis=0) / math.sqrt(len(prices))
    assert (np.abs(prices.mean(axis=0) - level) <= 4 * error + 0.5).all()
    assert (prices[:, 0] == level[0]).all(), "all paths share their opening state"
    assert (prices[:, :, 2:] == level[:, 2:]).all(), "an asset not listed follows its level"
    assert error[1:, :2].max() > 0


def test_jumps_are_a_common_poisson_process() -> None:
    """Their number has mean and variance lambda T (se of the variance: sqrt((m + 2 m^2) / n));
    all assets jump in the same steps, at any step alike.
    """
    n, steps, seconds = 4_000, 50, 3_600
    jumps = Jumps(per_year=500, mean_log={"A": -0.1, "B": 0.2}, sd_log={"A": 0, "B": 0})
    noise = jump_noise(streams(1, 0, n), steps, seconds, jumps, ["A", "none", "B"])
    expected = 500 * steps * seconds / YEAR
    drift = np.array([math.expm1(-0.1), 0, math.expm1(0.2)]) * expected / steps
    counts = (noise + drift * np.arange(1, steps + 1)[:, None])[:, :, [0, 2]] / [-0.1, 0.2]
    assert np.abs(counts - np.rint(counts)).max() < 1e-9
    assert np.abs(counts[..., 0] - counts[..., 1]).max() < 1e-9
    assert (noise[..., 1] == 0).all()
    total = counts[:, -1, 0]
    assert abs(total.mean() - expected) < 4 * math.sqrt(expected / n)
    assert abs(total.var() - expected) < 4 * math.sqrt((expected + 2 * expected**2) / n)
    by_step = np.diff(counts[..., 0], axis=1, prepend=0).sum(axis=0)
    chi_square = ((by_step - by_step.mean()) ** 2 / by_step.mean()).sum()
    assert abs(chi_square - (steps - 1)) < 4 * math.sqrt(2 * (steps - 1))


def test_jumps_are_compensated() -> None:
    """E[exp J] = 1 where the spread of the sizes matters most; se of a mean: sd / sqrt(n)."""
    n = 4_000
    jumps = Jumps(per_year=2_000, mean_log={"A": -0.1, "B": 0}, sd_log={"A": 0.2, "B": 0.3})
    growth = np.exp(jump_noise(streams(2, 0, n), 50, 3_600, jumps, ["A", "B"]))
    error = growth.std(axis=0) / math.sqrt(n)
    assert (np.abs(growth.mean(axis=0) - 1) < 4 * error).all()
    assert error.max() < 0.05


def test_merton_moments(base: Scenario) -> None:
    """Variance sigma^2 T + lambda T (mu^2 + delta^2), third moment lambda T (mu^3 + 3 mu delta^2),
    covariance of the Brownian parts and of mu_i mu_j lambda T; errors from the sample itself.
    """
    noise = np.log(draw(flat(base, **MODELS["merton"]), "mc", 0, 8_000)[:, -1, :2])
    centred = noise - noise.mean(axis=0)
    years, rate = 1 / 365, 400 / 365
    for i, symbol in enumerate(SIGMA):
        mu, delta = JUMPS["mean_log"][symbol], JUMPS["sd_log"][symbol]  # type: ignore[index]
        for power, moment in (
            (2, SIGMA[symbol] ** 2 * years + rate * (mu**2 + delta**2)),
            (3, rate * (mu**3 + 3 * mu * delta**2)),
        ):
            powers = centred[:, i] ** power
            assert abs(powers.mean() - moment) < 4 * powers.std() / math.sqrt(len(powers))
    products = centred.prod(axis=1)
    covariance = RHO * 1.2 * 0.8 * years + rate * 0.05 * 0.03
    assert abs(products.mean() - covariance) < 4 * products.std() / math.sqrt(len(products))


# --- the bridge -------------------------------------------------------------------------------


def test_bridge_meets_every_waypoint_exactly(base: Scenario) -> None:
    scenario = with_overrides(base, MODELS["bridge"])
    prices, level = draw(scenario, "mc", 0, 50), price_table(scenario).astype(float)
    met = 0
    for i, symbol in enumerate(SIGMA):
        waypoints: Any = scenario.assets[symbol].price_usd
        for waypoint in waypoints:
            row, rest = divmod(waypoint.at - scenario.start, timedelta(seconds=900))
            if row <= scenario.steps and not rest:
                assert (prices[:, row, i] == level[row, i]).all()
                met += 1
    assert met > 12
    between = int(5 * 3_600 / 900)  # 05:00, from 01:00 to 10:00 nothing is named
    assert len(np.unique(prices[:, between, 0])) == 50


def test_bridge_has_the_variance_of_a_brownian_bridge() -> None:
    """sigma^2 (t-a)(b-t)/(b-a) between pins, on the grid or off it, and covariance
    sigma^2 (s-a)(b-t)/(b-a); sigma^2 (t-a) after the last. se of a variance: v sqrt(2/n).
    """
    n, seconds, sigma = 20_000, 60, 900.0
    pins = [[600.0, 1_330.0], []]  # row 10, and between rows 22 and 23
    steps = np.random.default_rng(4).standard_normal((n, 30, 2))
    noise = log_noise(steps, seconds, [sigma, sigma], pins)
    assert (noise[:, 9, 0] == 0).all()
    times = np.arange(1, 31) * seconds
    edges = np.searchsorted([0, 600, 1_330], times) - 1  # the pin before each time
    a = np.array([0.0, 600, 1_330])[edges]
    b = np.array([600.0, 1_330, np.inf])[edges]
    variance = (
        sigma**2
        / YEAR
        * np.where(np.isinf(b), times - a, (times - a) * (1 - (times - a) / (b - a)))
    )
    free = sigma**2 / YEAR * times
    for column, expected in enumerate((variance, free)):
        realised = noise[:, :, column].var(axis=0)
        assert (np.abs(realised - expected) <= 4 * expected * math.sqrt(2 / n)).all()
        mean = noise[:, :, column].mean(axis=0)
        assert (np.abs(mean + expected / 2) <= 4 * np.sqrt(expected / n)).all()
    covariance = np.cov(noise[:, 2, 0], noise[:, 6, 0])[0, 1]  # 180 s and 420 s, of 600 s
    assert covariance == pytest.approx(sigma**2 / YEAR * 180 * 180 / 600, rel=4 * math.sqrt(4 / n))
    assert abs(np.corrcoef(noise[:, 5, 0], noise[:, 12, 0])[0, 1]) < 4 / math.sqrt(n)


def test_constant_level_is_pinned_at_the_start_only(base: Scenario) -> None:
    assert (draw(flat(base, **MODELS["bridge"]), "mc", 0, 5) == draw(flat(base), "mc", 0, 5)).all()


# --- reproducibility --------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["mc", "sobol"])
@pytest.mark.parametrize("model", MODELS)
def test_a_path_depends_on_its_number_only(base: Scenario, model: str, sampler: Sampler) -> None:
    """Bit for bit, however the paths are cut into blocks and however many there are."""
    scenario = with_overrides(base, MODELS[model])
    whole = draw(scenario, sampler, 0, 70)
    for cuts in ((0, 1, 2, 19, 70), (0, 33, 70), (5, 6), (64, 70)):
        for begin, end in pairwise(cuts):
            block = draw(scenario, sampler, begin, end - begin)
            assert block.tobytes() == whole[begin:end].tobytes()
    assert draw(scenario, sampler, 3, 0).shape == (0, 97, 4)
    assert len({path.tobytes() for path in whole}) == 70


def test_noise_does_not_depend_on_the_block_either() -> None:
    """Before anything is rounded to price units."""
    steps = np.random.default_rng(1).standard_normal((40, 200, 3))
    pins = [[], [450.0, 3_600.0], [1.0]]
    whole = log_noise(steps, 60, [1.1, 0.7, 0.3], pins)
    for rows in (slice(0, 1), slice(7, 8), slice(3, 36)):
        block = log_noise(steps[rows].copy(), 60, [1.1, 0.7, 0.3], pins)
        assert block.tobytes() == whole[rows].tobytes()


def test_seed_and_sampler_change_the_paths_and_the_order_of_a_mapping_does_not(
    base: Scenario,
) -> None:
    paths = draw(base, "mc", 0, 2)
    assert (
        draw(with_overrides(base, {"seed": 1}), "mc", 0, 2)[:, 1:, :2] != paths[:, 1:, :2]
    ).all()
    assert (draw(base, "sobol", 0, 2)[:, 1:, :2] != paths[:, 1:, :2]).all()
    turned = {"paths.volatility_per_sqrt_year": dict(reversed(SIGMA.items()))}
    assert (draw(with_overrides(base, turned), "mc", 0, 2) == paths).all()


# --- quasi-random paths -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payoff", "times_better"),
    [
        pytest.param(lambda prices: prices[:, :, 0].mean(axis=1), 3, id="average price"),
        pytest.param(lambda prices: prices[:, :, :2].min(axis=1).sum(axis=1), 3, id="lowest"),
    ],
)
def test_sobol_paths_reduce_the_variance(
    base: Scenario, payoff: Callable[[Floats], Floats], times_better: float
) -> None:
    """Of a mean over 1,024 paths. That of 16 replicates has a relative se of sqrt(2/15) = 37%."""
    n = 64 * REPLICATES
    scenario = flat(base)
    quasi, plain = (payoff(draw(scenario, sampler, 0, n)) for sampler in ("sobol", "mc"))
    replicates = quasi.reshape(-1, REPLICATES).mean(axis=0)
    quasi_variance, plain_variance = replicates.var(ddof=1) / REPLICATES, plain.var(ddof=1) / n
    assert times_better * quasi_variance < plain_variance
    error = math.sqrt(quasi_variance + plain_variance)
    assert abs(quasi.mean() - plain.mean()) < 4 * error


# --- what feeds see ---------------------------------------------------------------------------


def seen_after(base: Scenario, seconds: int, prices: Floats) -> Floats:
    latency = {f"feeds.{symbol}.latency_seconds": seconds for symbol in base.symbols}
    return observed(with_overrides(base, latency), prices)


def test_latency_of_whole_steps_shifts(base: Scenario) -> None:
    prices = draw(base, "mc", 0, 3)
    assert (seen_after(base, 0, prices) == prices).all()
    for shift in (1, 3):
        seen = seen_after(base, shift * 900, prices)
        assert (seen[:, shift:] == prices[:, :-shift]).all()
        assert (seen[:, :shift] == prices[:, :1]).all()


def test_latency_is_log_linear_between_rows(base: Scenario) -> None:
    """Also beyond a step; before the start feeds see the first row."""
    prices = np.array([100, 200, 50, 50, 400.0])[:, None] * USD * np.ones(4)
    half = seen_after(base, 450, prices)[:, 0] / USD
    assert half == pytest.approx([100, 100 * 2**0.5, 100, 50, 50 * 8**0.5], abs=1e-8)
    longer = seen_after(base, 900 + 225, prices)[:, 1] / USD
    assert longer == pytest.approx([100, 100, 100 * 2**0.75, 200 * 0.25**0.75, 50], abs=1e-8)
    assert (seen_after(base, 10_000, prices) == prices[0]).all()


def test_a_price_that_rests_is_seen_exactly(base: Scenario) -> None:
    prices = np.full((2, 9, 4), 2.0**53 - 1)
    assert (seen_after(base, 401, prices) == prices).all()


# --- refusals ---------------------------------------------------------------------------------


def test_scenario_without_paths_is_refused(base: Scenario) -> None:
    with pytest.raises(ScenarioError, match="paths: is missing"):
        draw(with_overrides(base, {"paths": None}), "mc", 0, 1)


@pytest.mark.parametrize(
    ("sampler", "first", "count"), [("qmc", 0, 1), ("mc", -1, 1), ("mc", 0, -1)]
)
def test_paths_that_do_not_exist(base: Scenario, sampler: Any, first: int, count: int) -> None:
    with pytest.raises(ValueError, match="no such paths"):
        draw(base, sampler, first, count)


@pytest.mark.parametrize(
    ("level", "sigma"), [(1e-8, 50.0), (200.0, 100.0)], ids=["rounds to 0", "far too wild"]
)
def test_prices_out_of_range_name_their_path(base: Scenario, level: float, sigma: float) -> None:
    wild = flat(
        base,
        **{
            "assets.WETH.price_usd": level,
            "assets.WETH.decimals": 18,
            "duration_hours": 240,
            "paths.volatility_per_sqrt_year.WETH": sigma,
        },
    )
    with pytest.raises(ValueError, match=r"path \d+ takes WETH to .* USD in step \d+"):
        draw(wild, "mc", 0, 200)
