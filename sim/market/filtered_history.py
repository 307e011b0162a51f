"""Filtered historical simulation: recorded days at the variance of the day they are played on.

    z_j(t) = [log P(d_j + t) - log P(d_j)] / (s sqrt(h_j)),   s = sigma sqrt(1/365)

are the days of a history, j = 1..n, by the standard deviation that a GARCH(1,1) gives them
(`sim.market.volatility`), as paths over the day t, their mean taken off and their final variance
set to 1. Day d of a run plays one of them, drawn with equal chances, of all assets at once:

    X(d + t) = X(d) + s sqrt(h(d)) z_j(t) - K_t(s sqrt(h(d))),   K_t(u) = log mean_j exp(u z_j(t))

with h(d) carried on from day to day as in garch-t. So dependence between assets, and how a day
goes, are the recorded ones (Barone-Adesi, Giannopoulos, Vosper, VaR without correlations for
portfolios of derivative securities, 1999). E[exp X] = 1 at the rows of the history; between them X
is linear, and the mean is less by up to an eighth of the variance of a row: 1e-5 for ETH by the
hour.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sim.market.draws import SOBOL_DIMENSIONS, Draw, Floats, sobol_points, streams
from sim.market.history import History, read_history
from sim.market.volatility import DAY, HIGHEST_STATE, garch_states, parameters, start_states
from sim.protocol.fixed_point import YEAR
from sim.schema.paths import Garch, Paths
from sim.schema.problems import Problem, ScenarioError, nearest

FEWEST_DAYS = 30
_NODES = 65  # K(u) / u^2, linear between them, is off by less than 1e-5 (tests)


class Days(NamedTuple):
    """The days of a history by their own standard deviation."""

    seconds: int
    """Between two of their rows."""
    residuals: Floats
    """z after each row, from 0 on: (days, rows + 1, assets)."""
    states: Floats
    """h of each day, (days, assets)."""


def spacing_seconds(history: History) -> int:
    """Between two rows: the median, the longest fraction of a day that is not above it."""
    median = float(np.median(np.diff(history.times))) if len(history.times) > 1 else float(DAY)
    return DAY // max(1, round(DAY / median))


def filtered(history: History, symbols: Sequence[str], sigma: Floats, garch: Garch) -> Days:
    """The days of `history` for `symbols`, with `sigma` their volatility per root of a year.

    Needs two whole days or more.
    """
    seconds = spacing_seconds(history)
    rows = DAY // seconds
    days = int(history.times[-1] - history.times[0]) // DAY
    at = history.times[0] + np.arange(days * rows + 1) * seconds
    columns = [history.prices[:, history.symbols.index(symbol)] for symbol in symbols]
    logs = np.stack([np.interp(at, history.times, np.log(prices)) for prices in columns], axis=1)
    begins = logs[:-1:rows]
    moves = np.stack([logs[k : k + days * rows : rows] for k in range(rows)] + [logs[rows::rows]])
    moves = moves.transpose(1, 0, 2) - begins[:, None]
    moves -= moves.mean(axis=0)
    per_day = sigma * np.sqrt(DAY / YEAR)
    alpha, beta = parameters(garch, symbols)
    returns = moves[:, -1] / per_day
    states = np.ones((days, len(symbols)))
    for d in range(days - 1):
        after = 1 - alpha - beta + alpha * returns[d] ** 2 + beta * states[d]
        states[d + 1] = np.minimum(after, HIGHEST_STATE)
    residuals = moves / (per_day * np.sqrt(states))[:, None]
    residuals -= residuals.mean(axis=0)
    residuals /= residuals[:, -1].std(axis=0)
    return Days(seconds, residuals, states)


def filtered_noise(
    paths: Paths, symbols: Sequence[str], which: Draw, steps: int, step_seconds: int
) -> Floats:
    """X at the end of each step, (paths, steps, symbols); 0 without a volatility.

    Raises ScenarioError, as `read_history` does, for a history without a column for one of
    `symbols`, of fewer than 30 days, or with rows further apart than an hour and a step.
    """
    volatility, garch = paths.volatility_per_sqrt_year, paths.garch
    assert paths.history is not None and garch is not None  # `Paths` has seen to it
    history = read_history(paths.history, paths.history_max_gap_seconds, paths.history_zone)
    varied = [symbol for symbol in symbols if volatility[symbol]]
    if problems := list(_problems(history, varied, step_seconds)):
        raise ScenarioError(paths.history, problems)
    drawn = np.zeros((which.paths, steps, len(symbols)))
    if varied:
        sigma = np.array([volatility[symbol] for symbol in varied])
        days = filtered(history, varied, sigma, garch)
        ends = np.arange(1.0, steps + 1) * step_seconds
        columns = [symbol in varied for symbol in symbols]
        drawn[:, :, columns] = _played(days, varied, volatility, garch, which, ends)
    return drawn


def _problems(history: History, varied: Sequence[str], step_seconds: int) -> Iterator[Problem]:
    for symbol in varied:
        if symbol not in history.symbols:
            yield Problem(
                "line 1", f"has no column {symbol}", nearest(symbol, history.symbols, "it has")
            )
        elif np.ptp(history.prices[:, history.symbols.index(symbol)]) == 0:
            remedy = f"prices that do, or no volatility of {symbol}"
            yield Problem(f"(file), {symbol}", "never moves", remedy)
    seconds, length = spacing_seconds(history), history.times[-1] - history.times[0]
    if length < FEWEST_DAYS * DAY:
        problem = f"covers {length / DAY:.1f} days"
        yield Problem("(file)", problem, f"{FEWEST_DAYS} whole days or more")
    if seconds > max(3_600, step_seconds):
        problem = f"has a row every {seconds / 3600:g} h, and days are played row by row"
        yield Problem("(file)", problem, "a row per hour or per step, whichever is longer")


def _played(
    days: Days,
    symbols: Sequence[str],
    volatility: Mapping[str, float],
    garch: Garch,
    which: Draw,
    ends: Floats,
) -> Floats:
    """X at `ends`, seconds after the start, (paths, ends, symbols)."""
    played = int(-(-ends[-1] // DAY))
    sampler, seed, first, count, every = which
    sources = streams(seed, first, count, every)
    shares = np.reshape([source.random(played + 1) for source in sources], (count, played + 1))
    if sampler == "sobol":
        dimensions = min(played + 1, SOBOL_DIMENSIONS)
        shares[:, :dimensions] = sobol_points(seed, first, count, dimensions)
    recorded = (shares * len(days.residuals)).astype(np.intp)
    before, rows = recorded[:, 0], recorded[:, 1:]  # the first says what day it was until now
    alpha, beta = parameters(garch, symbols)
    start = start_states(volatility, garch, symbols, days.states[before])
    states = garch_states(start, days.residuals[rows, -1], alpha, beta)[:, :-1]
    sigma = np.array([volatility[symbol] for symbol in symbols])
    deviations = sigma * np.sqrt(states * (DAY / YEAR))
    most = sigma * np.sqrt(HIGHEST_STATE * (DAY / YEAR))
    within = deviations[:, :, None] * days.residuals[rows]
    within -= _log_mean_growth(days.residuals, deviations, most)
    # Rows of all days one after the other, each day from where the one before ended.
    grid = np.zeros((count, played * (within.shape[2] - 1) + 1, len(symbols)))
    for d in range(played):
        begin = d * (within.shape[2] - 1)
        grid[:, begin : begin + within.shape[2]] = grid[:, begin, None] + within[:, d]
    after = ends / days.seconds
    row = np.minimum(after.astype(np.intp), grid.shape[1] - 2)
    share = (after - row)[:, None]
    return (1 - share) * grid[:, row] + share * grid[:, row + 1]


def _log_mean_growth(residuals: Floats, deviations: Floats, most: Floats) -> Floats:
    """K of `deviations` (paths, days, assets) at all rows, (paths, days, rows + 1, assets).

    Linear in K(u) / u^2 between _NODES deviations from 0 to `most`, (assets,).
    """
    nodes = np.linspace(0, 1, _NODES)[:, None] * most
    table = np.empty((_NODES, *residuals.shape[1:]))
    table[0] = residuals.var(axis=0) / 2
    for node, u in zip(table[1:], nodes[1:], strict=True):
        np.divide(np.log(np.exp(u * residuals).mean(axis=0)), u**2, out=node)
    at = deviations / most * (_NODES - 1)
    below = np.minimum(at.astype(np.intp), _NODES - 2)
    share = (at - below)[:, :, None]
    grown = np.empty((*deviations.shape[:2], *residuals.shape[1:]))
    for i in range(len(most)):
        low, high = table[below[..., i], :, i], table[below[..., i] + 1, :, i]
        grown[..., i] = (1 - share[..., i]) * low + share[..., i] * high
    return grown * deviations[:, :, None] ** 2
