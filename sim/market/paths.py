"""Random reference prices around the levels that a scenario names, and what feeds see of them.

    log S_i(t) = log level_i(t) + X_i(t),   E[exp X_i(t)] = 1

so the mean of all paths is the named level. X starts at 0: all paths share their opening state. A
year has 365 days, as in the protocol.

    gbm      dX = -sigma^2/2 dt + sigma dW
    merton   gbm, plus jumps that all assets have at the same Poisson times
    bridge   gbm pinned to 0 at the start and at every waypoint of the asset inside the run
    student-day, garch-t   variances that change from day to day, see `sim.market.volatility`
    filtered-history   recorded days at such variances, see `sim.market.filtered_history`
    replay   S_i(t) = level_i(0) h_i(t0 + t) / h_i(t0), a window of the history h from a drawn row
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.random import Generator

from sim.market.draws import (
    Draw,
    Floats,
    Sampler,
    correlate,
    normals,
    sobol_points,
    streams,
    student_t_dependence,
)
from sim.market.faults import ages
from sim.market.filtered_history import filtered_noise
from sim.market.history import read_history
from sim.market.levels import price_on_grid, waypoint_seconds
from sim.market.volatility import (
    SETTLING_DAYS,
    day_shocks,
    day_variances,
    days_of,
    garch_states,
    parameters,
    start_states,
    varying_noise,
)
from sim.protocol.fixed_point import YEAR
from sim.protocol.units import USD
from sim.scenario import Scenario, ScenarioError
from sim.schema.paths import Jumps, Paths
from sim.schema.problems import Problem, nearest

_PRICE_LIMIT = 2**53  # whole numbers below it are exact in float64


def draw(scenario: Scenario, sampler: Sampler, first: int, count: int, every: int = 1) -> Floats:
    """Reference prices of `count` paths, from path `first` on every `every`-th, (count, steps + 1,
    assets).

    In whole price units (USD with 8 decimals), rounded half to even; row 0 is the start. Path k
    depends on the scenario and on k only, bit for bit.

    Raises ScenarioError if the scenario does not say how paths are drawn or its history does not
    fit, ValueError for a sampler other than "mc" and "sobol", negative `first` or `count`, paths of
    "sobol" that are not in a row, or a price that leaves 1 to 2^53 units.
    """
    if scenario.paths is None:
        remedy = "a section with model and volatility_per_sqrt_year"
        raise _refusal(scenario, "paths", "is missing", remedy)
    if sampler not in ("mc", "sobol") or first < 0 or count < 0:
        raise ValueError(f"no such paths: sampler {sampler!r}, first {first}, count {count}")
    if every < 1 or (sampler == "sobol" and every > 1):
        raise ValueError(f"no such paths: sampler {sampler!r}, every {every}")
    _check_replays(scenario, scenario.paths)
    levels = [price_on_grid(scenario, symbol) * USD for symbol in scenario.symbols]
    prices = np.empty((count, scenario.steps + 1, len(levels)))
    prices[:] = np.stack(levels, axis=-1)
    # An overflow becomes an infinite price, which is refused below by name.
    with np.errstate(over="ignore"):
        if scenario.paths.model == "replay":
            _replay(scenario, scenario.paths, sampler, first, every, prices)
        else:
            _add_noise(scenario, scenario.paths, sampler, first, every, prices)
    for symbol, bridge in scenario.bridges.items():
        column, of = (scenario.symbols.index(one) for one in (symbol, bridge.of))
        prices[:, :, column] = prices[:, :, of]
    np.rint(prices, out=prices)
    if count and not (prices.min() >= 1 and prices.max() < _PRICE_LIMIT):
        path, row, i = np.argwhere(~((prices >= 1) & (prices < _PRICE_LIMIT)))[0]
        symbol, usd = scenario.symbols[i], prices[path, row, i] / USD
        raise ValueError(
            f"path {first + every * path} takes {symbol} to {usd:g} USD in step {row}: prices "
            "must stay within 1 and 2^53 units of 1e-8 USD"
        )
    return prices


def observed(scenario: Scenario, prices: Floats) -> Floats:
    """What feeds see of `prices`: each asset's price its age ago; same shape and unit.

        log seen(t) = (1 - w) log S(t_a) + w log S(t_b),   t_a <= t - age(t) <= t_b

    between the grid rows a and b around that moment, rounded to whole units; before the start it
    is the first row. The age is the feed's latency unless it has delays, see
    `sim.market.faults.ages`. `prices` are (..., rows, assets), as `draw` returns them.
    """
    seen = np.empty_like(prices)
    rows = np.arange(prices.shape[-2])
    for i, symbol in enumerate(scenario.symbols):
        age, step = ages(scenario, symbol), scenario.step_seconds
        if isinstance(age, np.ndarray):
            age = age[: len(rows)]
        behind = np.ceil(age / step).astype(np.intp)
        ahead = behind * step - age  # t - age = t_a + ahead
        price = prices[..., i]
        if price.ndim > 1 and len(price) and (price == price[:1]).all():
            price = price[:1]  # of an asset without noise: the same on all paths
        a = price[..., np.maximum(rows - behind, 0)]
        if np.any(ahead):
            b = price[..., np.clip(rows - behind + 1, 0, rows[-1])]
            # As a ratio: a price that does not move is seen exactly.
            moved = np.rint(a * (b / a) ** (ahead / step))
            a = np.where(rows >= behind, moved, price[..., :1])
        seen[..., i] = a
    return seen


def log_noise(
    steps: Floats, step_seconds: int, volatility: Sequence[float], pins: Sequence[Sequence[float]]
) -> Floats:
    """X at the end of each step, from standard normal `steps` (paths, steps, assets); same shape.

        X(t) = sigma B(t) - sigma^2/2 v(t),   v = Var B

    Up to an asset's last pin b, with a the pin before t (or the start), B is a Brownian bridge:
    v(t) = (t - a)(b - t) / (b - a), and (with s the last time before t, in a..b)

        B(t) / (b - t) = B(s) / (b - s) + sqrt[(t - s) / ((b - s)(b - t))] z

    After it, and everywhere without pins, B is a Brownian motion: v(t) = t - a. B(t) is normal, so
    E[exp X] = 1 at every t in either case. `volatility` is per square root of a year; `pins` are,
    per asset, rising seconds above 0 up to the end.
    """
    noise = np.zeros_like(steps)
    ends = np.arange(1.0, steps.shape[1] + 1) * step_seconds
    for i, (sigma, seconds) in enumerate(zip(volatility, pins, strict=True)):
        for a, b in pairwise((0.0, *seconds, np.inf)):
            # Without the pins themselves: there X is 0.
            rows = slice(np.searchsorted(ends, a, "right"), np.searchsorted(ends, b, "left"))
            t = ends[rows] / YEAR
            s = np.concatenate([[a / YEAR], t])[:-1]
            height: Floats | float = 1.0
            if b == np.inf:
                rise, variance = np.sqrt(t - s), t - a / YEAR
            else:
                height = b / YEAR - t
                rise = np.sqrt((t - s) / (height * (b / YEAR - s)))
                variance = (t - a / YEAR) * height / ((b - a) / YEAR)
            walk = np.cumsum(steps[:, rows, i] * (sigma * rise), axis=1)
            noise[:, rows, i] = height * walk - sigma**2 / 2 * variance
    return noise


def jump_noise(
    sources: Sequence[Generator],
    steps: int,
    step_seconds: int,
    jumps: Jumps,
    symbols: Sequence[str],
) -> Floats:
    """Compensated jumps up to the end of each step, (paths, steps, symbols).

        J_i(t) = sum_{jumps up to t} (mu_i + delta_i z_i) - lambda t [exp(mu_i + delta_i^2/2) - 1]

    Jump times are one Poisson process per path, of rate lambda, for all assets; sizes are
    independent. E[exp J_i(t)] = 1 (Merton, Option pricing when underlying stock returns are
    discontinuous, 1976). A symbol that `jumps` does not list does not jump.
    """
    mean = np.array([jumps.mean_log.get(symbol, 0.0) for symbol in symbols])
    sd = np.array([jumps.sd_log.get(symbol, 0.0) for symbol in symbols])
    per_step = jumps.per_year * step_seconds / YEAR
    noise = np.zeros((len(sources), steps, len(symbols)))
    for path, source in zip(noise, sources, strict=True):
        # Uniform over the run given their number, as the times of a Poisson process are.
        when = source.integers(0, steps, size=source.poisson(per_step * steps))
        sizes = mean + sd * source.standard_normal((len(when), len(symbols)))
        np.add.at(path, when, sizes)
    np.cumsum(noise, axis=1, out=noise)
    drift = np.expm1(mean + sd**2 / 2) * per_step
    noise -= np.arange(1, steps + 1)[:, None] * drift
    return noise


def noise(
    paths: Paths,
    symbols: Sequence[str],
    which: Draw,
    steps: int,
    step_seconds: int,
    pins: Sequence[Sequence[float]] = (),
) -> Floats:
    """X of any model but replay at the end of each step, (paths, steps, symbols).

    `symbols` are keys of its volatilities; `pins`, per symbol, are for bridge, see `log_noise`.
    Raises ScenarioError if its history does not fit, and as `read_history` does.
    """
    if paths.model == "filtered-history":
        return filtered_noise(paths, symbols, which, steps, step_seconds)
    sources = streams(which.seed, which.first, which.paths, which.every)
    normal = normals(which.sampler, which.seed, which.first, sources, (steps, len(symbols)))
    normal = correlate(normal, paths.correlation_matrix(symbols))
    volatility = [paths.volatility_per_sqrt_year[symbol] for symbol in symbols]
    if paths.model in ("student-day", "garch-t"):
        variance = _day_by_day(paths, symbols, sources, normal, step_seconds)
        return varying_noise(normal, step_seconds, volatility, variance)
    if paths.copula == "student-t" and paths.degrees_of_freedom:
        # Changes are dependent in each step and independent in time: each asset alone still
        # follows its model exactly.
        degrees = paths.degrees_of_freedom
        draws = [source.chisquare(degrees, steps) for source in sources]
        chi_square = np.reshape(draws, (len(sources), steps))
        normal = student_t_dependence(normal, chi_square, degrees)
    drawn = log_noise(normal, step_seconds, volatility, pins or [[] for _ in symbols])
    if paths.model == "merton" and paths.jumps:
        drawn += jump_noise(sources, steps, step_seconds, paths.jumps, symbols)
    return drawn


def _add_noise(
    scenario: Scenario, paths: Paths, sampler: Sampler, first: int, every: int, prices: Floats
) -> None:
    """Multiply levels (paths, steps + 1, assets) by exp X."""
    # In the order of the columns: that of a mapping carries no meaning.
    symbols = [symbol for symbol in scenario.symbols if symbol in paths.volatility_per_sqrt_year]
    which = Draw(sampler, scenario.seed, first, len(prices), every)
    pins = _pins(scenario, paths, symbols)
    drawn = noise(paths, symbols, which, scenario.steps, scenario.step_seconds, pins)
    np.exp(drawn, out=drawn)
    for i, symbol in enumerate(symbols):
        prices[:, 1:, scenario.symbols.index(symbol)] *= drawn[:, :, i]


def _day_by_day(
    paths: Paths,
    symbols: Sequence[str],
    sources: list[Generator],
    normal: Floats,
    step_seconds: int,
) -> Floats:
    """The variance v of each step, (paths, steps, symbols or 1)."""
    assert paths.degrees_of_freedom is not None  # `Paths` has seen to it, and to garch
    day = days_of(normal.shape[1], step_seconds)
    variances = day_variances(sources, day[-1] + 1, paths.degrees_of_freedom)
    if paths.model == "student-day":
        return variances[:, day, None]
    assert paths.garch is not None
    alpha, beta = parameters(paths.garch, symbols)
    before = [source.standard_normal((SETTLING_DAYS, len(symbols))) for source in sources]
    settling = correlate(
        np.reshape(before, (len(sources), SETTLING_DAYS, len(symbols))),
        paths.correlation_matrix(symbols),
    )
    settling *= np.sqrt(day_variances(sources, SETTLING_DAYS, paths.degrees_of_freedom))[..., None]
    drawn = garch_states(np.ones(len(symbols)), settling, alpha, beta)[:, -1]
    start = start_states(paths.volatility_per_sqrt_year, paths.garch, symbols, drawn)
    states = garch_states(start, day_shocks(normal, day, variances), alpha, beta)
    return states[:, day] * variances[:, day, None]


def _pins(scenario: Scenario, paths: Paths, symbols: Sequence[str]) -> list[list[float]]:
    """Per asset, the seconds after the start at which its noise is 0."""
    if paths.model != "bridge":
        return [[] for _ in symbols]
    end = scenario.steps * scenario.step_seconds
    levels = (scenario.assets[symbol].price_usd for symbol in symbols)
    return [[at for at in waypoint_seconds(scenario, level) if 0 < at <= end] for level in levels]


def _check_replays(scenario: Scenario, paths: Paths) -> None:
    """Raise ScenarioError if the price of a feed of recorded rounds varies."""
    for symbol, feed in scenario.feeds.items():
        if feed.replay and (paths.model == "replay" or paths.volatility_per_sqrt_year.get(symbol)):
            problem = "is of one path of prices, and others are drawn"
            remedy = f"null, or paths.volatility_per_sqrt_year.{symbol} 0"
            raise _refusal(scenario, f"feeds.{symbol}.replay", problem, remedy)


def _replay(
    scenario: Scenario, paths: Paths, sampler: Sampler, first: int, every: int, prices: Floats
) -> None:
    """Replace the levels of the assets in the history: the last known price at or before a time."""
    if scenario.hold_at_low:
        problem = "windows of a history go on after their lowest price"
        raise _refusal(scenario, "hold_at_low", problem, "another paths.model, or false")
    history = read_history(paths.history or "", paths.history_max_gap_seconds, paths.history_zone)
    for symbol in history.symbols:
        if symbol not in scenario.symbols:
            remedy = nearest(symbol, scenario.symbols, "the assets are")
            raise _refusal(scenario, "paths.history", f"{symbol} is not an asset", remedy)
        if symbol in scenario.bridges:
            remedy = f"a history without it: it moves as {scenario.bridges[symbol].of}"
            raise _refusal(scenario, "paths.history", f"{symbol} is bridged", remedy)
    after = np.arange(scenario.steps + 1) * scenario.step_seconds
    last_start = history.times[-1] - after[-1]
    starts = int(np.searchsorted(history.times, last_start, side="right"))
    if not starts:
        hours = (history.times[-1] - history.times[0]) / 3600
        problem = f"covers {hours:g} h, the run takes {scenario.duration_hours:g} h"
        raise _refusal(scenario, "paths.history", problem, "a longer history or a shorter run")
    if sampler == "sobol":
        share = sobol_points(scenario.seed, first, len(prices), 1)[:, 0]
    else:
        sources = streams(scenario.seed, first, len(prices), every)
        share = np.array([source.random() for source in sources])
    begin = (share * starts).astype(np.intp)
    at = history.times[begin, None] + after
    rows = np.searchsorted(history.times, at, side="right") - 1
    for i, symbol in enumerate(history.symbols):
        recorded = history.prices[:, i]
        column = prices[:, :, scenario.symbols.index(symbol)]
        column[:] = column[:, :1] * (recorded[rows] / recorded[begin, None])


def _refusal(scenario: Scenario, path: str, problem: str, remedy: str) -> ScenarioError:
    return ScenarioError(f"scenario '{scenario.name}'", [Problem(path, problem, remedy)])
