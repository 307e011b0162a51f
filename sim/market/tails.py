"""What daily returns say about bad days: the statistics that a model of prices is judged by.

falls beyond x    share of days whose log return is below log(1 - x)
|r| on the next   autocorrelation of the sizes of returns, a day apart
joint tail        P(both below their own 5% quantile) / 5%: 5% if independent, 100% if the same
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from arch.bootstrap import StationaryBootstrap
from scipy.stats import binomtest

from sim.market.draws import Floats

FALLS = (0.10, 0.15, 0.20)
TAIL = 0.05
NEXT_DAY, JOINT_TAIL = "|r| next day", "joint tail"
BLOCK_DAYS = 20
"""Mean length of a block of the bootstrap: calm and wild weeks stay together."""
_RESAMPLES = 1_000
_GROUPS = 20


def statistics(returns: Floats, symbols: tuple[str, ...]) -> pd.Series[float]:
    """Of daily log returns (paths, days, assets), all days together; by (assets, measure)."""
    found: dict[tuple[str, str], float] = {}
    days = returns.reshape(-1, len(symbols))
    for i, symbol in enumerate(symbols):
        for fall in FALLS:
            share = np.mean(days[:, i] < np.log(1 - fall))
            found[symbol, f"falls beyond {fall:.0%}"] = float(share)
        size = np.abs(returns[:, :, i])
        before, after = size[:, :-1].ravel(), size[:, 1:].ravel()
        moves = before.std() * after.std()
        together = np.mean((before - before.mean()) * (after - after.mean()))
        found[symbol, NEXT_DAY] = float(together / moves) if moves else 0.0
    below = days < np.quantile(days, TAIL, axis=0)
    for (i, a), (j, b) in combinations(enumerate(symbols), 2):
        both = np.mean(below[:, i] & below[:, j])
        found[f"{a}, {b}", JOINT_TAIL] = float(both / TAIL)
    return pd.Series(found)


def of_data(returns: Floats, symbols: tuple[str, ...], seed: int) -> pd.DataFrame:
    """Columns value, low, high of recorded returns (days, assets): 95% intervals.

    By a stationary bootstrap of whole days (Politis, Romano, 1994); of a share of days the wider of
    that and the exact binomial interval, as a fall never seen has no spread.
    """

    def of_sample(sample: Floats) -> Floats:
        return statistics(sample[None], symbols).to_numpy()

    found = statistics(returns[None], symbols)
    bootstrap = StationaryBootstrap(BLOCK_DAYS, returns, seed=seed)
    resampled = bootstrap.apply(of_sample, _RESAMPLES)
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    for row, measure in enumerate(found.index.get_level_values(1)):
        if measure.startswith("falls"):
            count = round(found.iloc[row] * len(returns))
            exact = binomtest(count, len(returns)).proportion_ci(0.95)
            low[row], high[row] = min(low[row], exact.low), max(high[row], exact.high)
    return pd.DataFrame({"value": found, "low": low, "high": high})


def of_model(returns: Floats, symbols: tuple[str, ...]) -> pd.DataFrame:
    """Columns value, error of simulated returns (paths, days, assets): standard errors.

    From the spread over 20 groups of paths, which are independent.
    """
    groups = [statistics(group, symbols) for group in np.array_split(returns, _GROUPS)]
    error = pd.concat(groups, axis=1).std(axis=1) / np.sqrt(_GROUPS)
    return pd.DataFrame({"value": statistics(returns, symbols), "error": error})
