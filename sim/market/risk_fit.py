"""What a history says of how a risk desk should carry its estimates on: GARCH(1,1) with Student-t
returns of each asset (`sim.market.price_fit`), and DCC(1,1) correlations of what is left of them.

With z(t) the returns by their GARCH deviation and C their correlation,

    Q(t + 1) = (1 - a - b) C + a z(t) z(t)' + b Q(t),   Q(1) = C,   R = Q scaled to a unit diagonal

and a, b those under which the z are likeliest: the most of -sum [log det R + z' R^-1 z] / 2 (Engle,
Dynamic conditional correlation, 2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from sim.market.draws import Floats
from sim.market.history import History, read_history
from sim.market.price_fit import FEWEST_RETURNS, MOST_LASTING, garch
from sim.schema.problems import Problem, ScenarioError


class RiskFit(NamedTuple):
    """By asset; what never moves, or is not in the history, is carried on as it is."""

    alpha: Floats
    beta: Floats
    weights: tuple[float, float]
    """a and b of the correlations."""
    correlation: Floats
    """C, (assets, assets)."""


def fitted(path: str, symbols: Sequence[str], seconds: int) -> RiskFit:
    """Of returns over so many seconds.

    Raises ScenarioError as `read_history` does, for fewer than 100 returns and for returns over
    less than from one price to the next: most of them would be 0.
    """
    history = read_history(path)
    apart = float(np.median(np.diff(history.times)))
    if seconds < apart:
        problem = f"has a price every {apart:g} s, and reviews are {seconds} s apart"
        remedy = f"risk_desk.review_seconds of at least {apart:g}"
        raise ScenarioError(path, [Problem("(file)", problem, remedy)])
    returns = returns_of(history, symbols, seconds)
    if len(returns) < FEWEST_RETURNS:
        problem = f"has {len(returns)} returns over {seconds} s"
        remedy = f"{FEWEST_RETURNS} or more, or a shorter risk_desk.review_seconds"
        raise ScenarioError(path, [Problem("(file)", problem, remedy)])
    alpha, beta = np.zeros(len(symbols)), np.ones(len(symbols))
    correlation, residuals = np.eye(len(symbols)), []
    moving = [i for i in range(len(symbols)) if np.ptp(returns[:, i]) > 0]
    for i in moving:
        alpha[i], beta[i], _, left = garch(returns[:, i] - returns[:, i].mean())
        residuals.append(left)
    weights = (0.0, 0.0)
    if len(moving) > 1:
        z = np.array(residuals).T
        correlation[np.ix_(moving, moving)] = np.corrcoef(z.T)
        weights = dcc(z)
    return RiskFit(alpha, beta, weights, correlation)


def returns_of(history: History, symbols: Sequence[str], seconds: int) -> Floats:
    """Log returns (times, assets) of the last price known at whole multiples of `seconds`; 0 of an
    asset that is not in the history.
    """
    at = np.arange(history.times[0], history.times[-1] + 1, seconds)
    rows = np.searchsorted(history.times, at, side="right") - 1
    found = np.zeros((len(at) - 1, len(symbols)))
    for i, symbol in enumerate(symbols):
        if symbol in history.symbols:
            column = history.prices[rows, history.symbols.index(symbol)]
            found[:, i] = np.diff(np.log(column))
    return found


def dcc(z: Floats) -> tuple[float, float]:
    """(a, b) of residuals (times, assets)."""
    found = minimize(
        lambda x: -dcc_likelihood(z, x[0], x[1] - x[0]),
        [0.03, 0.9],
        bounds=[(1e-4, 0.3), (0.31, MOST_LASTING)],
        method="L-BFGS-B",
    )
    a, lasting = found.x
    return float(a), float(lasting - a)


def dcc_likelihood(z: Floats, a: float, b: float) -> float:
    """See above; without what does not depend on a and b."""
    target = np.corrcoef(z.T)
    q, total = target, 0.0
    for one in z:
        scale = np.sqrt(np.diag(q))
        r = q / np.outer(scale, scale)
        total -= (np.linalg.slogdet(r)[1] + one @ np.linalg.solve(r, one)) / 2
        q = (1 - a - b) * target + a * np.outer(one, one) + b * q
    return float(total)
