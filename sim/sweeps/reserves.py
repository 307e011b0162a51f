"""What the paths of a sweep lost by the asset that was owed, and whether that reserve can bear it.

L_i = bad_debt_i + shortfall_i,   USD at the end of the path;   sum_i L_i = L

without what was lost before the path.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.market.draws import Sampler
from sim.measures.intervals import Estimate, mean_of
from sim.measures.losses import expected_loss, expected_shortfall, value_at_risk
from sim.measures.reserves import coverage, euler
from sim.sweeps.losses import replicates

LEVEL = 0.99
"""Of the coverage, and of the expected shortfall that is split."""
MEASURES = {
    "expected loss": "USD",
    "VaR 99%": "USD",
    "ES 95%": "USD",
    "ES 99%": "USD",
    "part of ES 99%": "USD",
    "fees and fund": "USD",
    "coverage 99%": "times",
}
"""Measure of an asset -> its unit."""
_OF = "bad_debt_usd."


def by_asset(outcomes: pd.DataFrame, sampler: Sampler) -> pd.DataFrame:
    """One row per asset and measure of `MEASURES`, columns those of an `Estimate` and unit.

    The losses are the asset's own, but "part of ES 99%": what it adds to that of all assets, see
    `sim.measures.reserves.euler`; it has no error of its own. "fees and fund" is the mean of what
    these bore and have left, "coverage 99%" `sim.measures.reserves.coverage`. Empty for a study
    that did not keep losses by asset.
    """
    symbols = [str(name)[len(_OF) :] for name in outcomes if str(name).startswith(_OF)]
    if not symbols:
        return pd.DataFrame()
    lost = np.stack([_lost(outcomes, symbol) for symbol in symbols], axis=1)
    n = replicates(outcomes, sampler)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for symbol, sample, part in zip(symbols, lost.T, euler(lost, LEVEL), strict=True):
        bearable = outcomes[f"bearable_usd.{symbol}"]
        found = (
            expected_loss(sample, n),
            value_at_risk(sample, LEVEL, n),
            expected_shortfall(sample, 0.95, n),
            expected_shortfall(sample, LEVEL, n),
            Estimate(float(part), math.nan, math.nan, math.nan),
            mean_of(bearable, n),
            coverage(sample, bearable, LEVEL, n),
        )
        for (name, unit), estimate in zip(MEASURES.items(), found, strict=True):
            rows[symbol, name] = {**estimate._asdict(), "unit": unit}
    index = pd.MultiIndex.from_tuples(rows, names=["asset", "measure"])
    return pd.DataFrame(list(rows.values()), index=index)


def _lost(outcomes: pd.DataFrame, symbol: str) -> npt.NDArray[np.float64]:
    if f"loss_usd.{symbol}" in outcomes:
        return np.asarray(outcomes[f"loss_usd.{symbol}"], dtype=np.float64)
    parts = outcomes[f"{_OF}{symbol}"] + outcomes[f"shortfall_usd.{symbol}"]
    return np.asarray(parts, dtype=np.float64)
