"""Noise whose variance changes from day to day.

Averaged over the steps of a day, extremes of single steps vanish: heavy tails of daily returns come
from a variance that is common to a whole day and to all assets. Day d of a run, counted from its
start, has for asset i

    dX_i = sigma_i sqrt(v_i) dW_i - sigma_i^2/2 v_i dt,   v_i = h_i(d) V(d)

    student-day   h = 1,  V = (nu - 2) / chi^2_nu:  a day's return is Student-t with nu degrees of
                  freedom, its variance that of sigma, the returns of all assets jointly so
    garch-t       h(d + 1) = (1 - a - b) + h(d) (a z(d)^2 + b),  z the day's return by its standard
                  deviation sigma sqrt(h / 365): a GARCH(1,1) of daily returns (Bollerslev, 1987)

A Student-t return has no finite mean of its exponential. Here v is drawn before the day's Brownian
motion, and the drift is that of the v drawn: given v, and so in the mean, E[exp X] = 1. A daily
return is then a little less than Student-t, by sigma^2/2 (v - 1) of a day. V is cut where one day
in a million is: all moments are finite.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from numpy.random import Generator
from scipy.stats import chi2

from sim.market.draws import Floats
from sim.protocol.fixed_point import YEAR
from sim.schema.paths import Garch

DAY = 86_400
HIGHEST_STATE = 100.0
"""Of h: days of ten times the volatility are the wildest that a variance is carried on from."""
SETTLING_DAYS = 1_000
"""Days before the start after which h has forgotten that it began at 1."""
_RAREST = 1e-6


def days_of(steps: int, step_seconds: int) -> npt.NDArray[np.intp]:
    """The day, counted from 0 at the start, that each step begins in, (steps,)."""
    return np.arange(steps, dtype=np.intp) * step_seconds // DAY


def day_variances(sources: Sequence[Generator], days: int, degrees: float) -> Floats:
    """V of each day, (paths, days): mean 1, at most that of one day in a million."""
    drawn = [source.chisquare(degrees, days) for source in sources]
    return variances_of(np.reshape(drawn, (len(sources), days)), degrees)


def variances_of(chi_square: Floats, degrees: float) -> Floats:
    """V of days whose chi-square numbers, with `degrees` of freedom, are these; same shape."""
    least = chi2.ppf(_RAREST, degrees)
    # E[1/C; C > c] of a chi-square with nu is P(C' > c) / (nu - 2), C' one with nu - 2.
    mean = chi2.sf(least, degrees - 2) / (degrees - 2) + _RAREST / least
    variances: Floats = 1 / (np.maximum(chi_square, least) * mean)
    return variances


def day_shocks(steps: Floats, day: npt.NDArray[np.intp], variances: Floats) -> Floats:
    """z of each day, (paths, days, assets), from normal `steps` (paths, steps, assets).

    `day` is the day of each step, (steps,); `variances` are V of all days, (paths, days).
    """
    shocks = np.zeros((len(steps), variances.shape[1], steps.shape[2]))
    for d in np.unique(day):
        rows = slice(np.searchsorted(day, d, "left"), np.searchsorted(day, d, "right"))
        total = np.cumsum(steps[:, rows], axis=1)[:, -1]
        shocks[:, d] = total * np.sqrt(variances[:, d, None] / (rows.stop - rows.start))
    return shocks


def garch_states(start: Floats, shocks: Floats, alpha: Floats, beta: Floats) -> Floats:
    """h at the beginning of each day and after the last, (paths, days + 1, assets).

    `start` is h of the first day, (paths, assets) or (assets,); `shocks` are z, (paths, days,
    assets); `alpha` and `beta` are (assets,).
    """
    paths, days, assets = shocks.shape
    states = np.empty((paths, days + 1, assets))
    states[:, 0] = start
    for d in range(days):
        following = 1 - alpha - beta + states[:, d] * (alpha * shocks[:, d] ** 2 + beta)
        states[:, d + 1] = np.minimum(following, HIGHEST_STATE)
    return states


def parameters(garch: Garch, symbols: Sequence[str]) -> tuple[Floats, Floats]:
    """(alpha, beta) of `symbols`, each (assets,)."""
    return (
        np.array([garch.alpha.get(symbol, 0.0) for symbol in symbols]),
        np.array([garch.beta.get(symbol, 0.0) for symbol in symbols]),
    )


def start_states(
    volatility: Mapping[str, float], garch: Garch, symbols: Sequence[str], drawn: Floats
) -> Floats:
    """h of the first day, (paths, assets): as named, else as `drawn`."""
    start = drawn.copy()
    for i, symbol in enumerate(symbols):
        named = garch.start_volatility_per_sqrt_year.get(symbol)
        if named is not None and volatility[symbol]:
            start[:, i] = min((named / volatility[symbol]) ** 2, HIGHEST_STATE)
    return start


def varying_noise(
    steps: Floats, step_seconds: int, volatility: Sequence[float], variance: Floats
) -> Floats:
    """X at the end of each step, from standard normal `steps` (paths, steps, assets); same shape.

    `volatility` is per square root of a year; `variance` is v of each step, (paths, steps, assets)
    or (paths, steps, 1).
    """
    per_step = np.square(volatility) * (step_seconds / YEAR) * variance
    return np.cumsum(np.sqrt(per_step) * steps - per_step / 2, axis=1)
