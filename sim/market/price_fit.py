"""Path models fitted to recorded prices, as `ape run calibrate` offers them.

volatility, correlation   of daily log returns, as they are
degrees of freedom        those under which the numbers of falls beyond 3, 4 and 5 standard
                          deviations are likeliest: a fit of all returns is one of calm days
alpha, beta               GARCH(1,1) with Student-t days, likeliest given that its long-run
                          variance is the sample's (variance targeting: Engle, Mezrich, 1996).
                          Unconstrained, alpha + beta of ETH and BTC is 1, which has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from arch import arch_model
from scipy.optimize import minimize
from scipy.stats import chi2, norm

from sim.market.draws import Draw, Floats
from sim.market.history import recorded
from sim.market.paths import noise
from sim.market.volatility import DAY, variances_of
from sim.schema.paths import Paths
from sim.schema.price_file import PriceFile
from sim.schema.problems import Problem, ScenarioError

MODELS = ("student-day", "garch-t", "filtered-history", "gbm")
FEWEST_RETURNS = 100
FALLS_IN_DEVIATIONS = (3, 4, 5)
_DEGREES = np.round(np.geomspace(2.1, 50, 80), 2)
_WITHIN_95 = chi2.ppf(0.95, 1) / 2  # of log likelihoods: the interval of a likelihood ratio
_EVEN = (np.arange(10_000) + 0.5) / 10_000
MOST_LASTING = 0.995
"""Of alpha + beta: what lasts longer forgets its start in years only."""


class Fit(NamedTuple):
    """What daily returns say about the parameters of every model."""

    symbols: tuple[str, ...]
    volatility: Floats
    """Per square root of a year, (assets,)."""
    correlation: Floats
    """Of returns, (assets, assets)."""
    degrees: float
    """Of the falls of all assets together."""
    degrees_each: Floats
    """Of each asset's: the likeliest and its 95% interval, (assets, 3)."""
    alpha: Floats
    beta: Floats
    garch_degrees: Floats
    """Of returns by their GARCH deviation, (assets,) as the two before."""
    garch_correlation: Floats
    """Of returns by their GARCH deviation, (assets, assets)."""


def daily_closes(files: Sequence[PriceFile]) -> Floats:
    """The price a whole number of days after the first row, (days, columns), of the columns of a
    price file.

    Raises ScenarioError as the reader does, and if rows are more than a day apart or days are fewer
    than 100 returns.
    """
    closes = []
    for one in files:
        times, prices = recorded(one)
        apart = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        days = int((times[-1] - times[0]) // DAY)
        if apart > DAY or days < FEWEST_RETURNS:
            problem = f"has {days} days, with rows {apart / 3600:g} h apart"
            remedy = f"{FEWEST_RETURNS} days or more with a row each, or more often"
            raise ScenarioError(one.file, [Problem("(file)", problem, remedy)])
        if np.ptp(prices) == 0:
            still = Problem(f"column {one.column}", "never moves", "another column")
            raise ScenarioError(one.file, [still])
        at = times[0] + np.arange(days + 1) * DAY
        closes.append(prices[np.searchsorted(times, at, side="right") - 1])
    return np.stack(closes, axis=1)


def fit(symbols: tuple[str, ...], returns: Floats) -> Fit:
    """All parameters from daily log returns (days, assets)."""
    deviation = returns.std(axis=0, ddof=1)
    each = _falls_likelihood(returns, deviation)
    fitted = [garch(one - one.mean()) for one in returns.T]
    alpha, beta, degrees, residuals = map(np.array, zip(*fitted, strict=True))
    return Fit(
        symbols,
        deviation * np.sqrt(365),
        np.atleast_2d(np.corrcoef(returns.T)),
        float(_DEGREES[each.sum(axis=0).argmax()]),
        np.stack([_best(one) for one in each]),
        alpha,
        beta,
        degrees,
        np.atleast_2d(np.corrcoef(residuals)),
    )


def section(found: Fit, model: str, history: str, zone: str | None = None) -> dict[str, Any]:
    """The paths section of a scenario for one of MODELS, in rounded numbers; `zone` is that of
    times of the history that name none.
    """
    symbols = found.symbols
    correlation = found.garch_correlation if model == "garch-t" else found.correlation
    parts: dict[str, Any] = {"model": model}
    if model in ("student-day", "garch-t"):
        degrees = found.degrees if model == "student-day" else np.median(found.garch_degrees)
        parts["degrees_of_freedom"] = round(float(degrees), 2)
    parts["volatility_per_sqrt_year"] = _rounded(symbols, found.volatility)
    if model != "filtered-history" and len(symbols) > 1:
        parts["correlation"] = [
            {"assets": [symbols[i], symbols[j]], "value": round(float(correlation[i, j]), 3)}
            for i, j in zip(*np.triu_indices(len(symbols), 1), strict=True)
        ]
    if model in ("garch-t", "filtered-history"):
        parts["garch"] = {
            "alpha": _rounded(symbols, found.alpha),
            "beta": _rounded(symbols, found.beta),
        }
    if model == "filtered-history":
        parts["history"] = history
        parts |= {"history_zone": zone} if zone else {}
    return parts


def simulated(paths: Paths, symbols: tuple[str, ...], seed: int, years: int) -> Floats:
    """Daily log returns of a model, (years, 365, assets): every year is a path."""
    x = noise(paths, symbols, Draw("mc", seed, 0, years), 365, DAY)
    return np.diff(x, axis=1, prepend=0)


def _rounded(symbols: tuple[str, ...], values: Floats) -> dict[str, float]:
    return {symbol: round(float(v), 3) for symbol, v in zip(symbols, values, strict=True)}


def _falls_likelihood(returns: Floats, deviation: Floats) -> Floats:
    """Log likelihood of how many returns fall between the bounds, (assets, degrees)."""
    bounds = -np.multiply.outer(FALLS_IN_DEVIATIONS, deviation)
    beyond = np.zeros((len(bounds) + 2, len(deviation)))
    beyond[0], beyond[1:-1] = len(returns), (returns < bounds[:, None]).sum(axis=1)
    likelihood = np.empty((len(deviation), len(_DEGREES)))
    for column, degrees in enumerate(_DEGREES):
        # The chance of a fall is the mean of a normal one's over the variances of days.
        variance = np.multiply.outer(variances_of(chi2.ppf(_EVEN, degrees), degrees), deviation**2)
        chances = np.zeros_like(beyond)
        chances[0] = 1
        for row, bound in enumerate(bounds, start=1):
            chances[row] = norm.cdf((bound + variance / 2) / np.sqrt(variance)).mean(axis=0)
        counts, shares = -np.diff(beyond, axis=0), -np.diff(chances, axis=0)
        likelihood[:, column] = np.sum(counts * np.log(shares), axis=0)
    return likelihood


def _best(likelihood: Floats) -> tuple[float, float, float]:
    """The likeliest of _DEGREES and the lowest and highest that are nearly as likely."""
    near = _DEGREES[likelihood > likelihood.max() - _WITHIN_95]
    return float(_DEGREES[likelihood.argmax()]), float(near[0]), float(near[-1])


def garch(returns: Floats) -> tuple[float, float, float, Floats]:
    """(alpha, beta, nu, returns by their deviation) of one asset's demeaned returns."""
    scaled = returns / returns.std()
    model = arch_model(scaled, mean="Zero", vol="GARCH", p=1, q=1, dist="t", rescale=False)

    def parameters(x: Floats) -> list[float]:
        alpha, lasting, degrees = x
        return [1 - lasting, alpha, lasting - alpha, degrees]

    found = minimize(
        lambda x: -model.fix(parameters(x)).loglikelihood,
        [0.08, 0.97, 4.0],
        bounds=[(1e-4, 0.5), (0.5, MOST_LASTING), (2.05, 100.0)],
        method="L-BFGS-B",
    )
    _, alpha, beta, degrees = parameters(found.x)
    deviation = model.fix(parameters(found.x)).conditional_volatility
    return alpha, beta, degrees, scaled / deviation
