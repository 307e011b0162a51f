"""What the paths of a sweep lost by the asset that was owed, and whether that reserve can bear it.

L_i = bad_debt_i + shortfall_i,   USD at the end of the path;   sum_i L_i = L

without what was lost before the path.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.market.draws import Sampler
from sim.measures.measure import Reserve
from sim.measures.of_reserves import LEVEL
from sim.measures.registry import of_reserves
from sim.measures.reserves import euler
from sim.sweeps.loss_table import replicates

_OF = "bad_debt_usd."


def by_asset(outcomes: pd.DataFrame, sampler: Sampler) -> pd.DataFrame:
    """One row per asset and measure of `sim.measures.of_reserves`, columns those of an `Estimate`
    and unit.

    The losses are the asset's own, but reserve_part_of_es_99: what it adds to that of all assets,
    see `sim.measures.reserves.euler`; it has no error of its own. reserve_fees_and_fund is the mean
    of what these bore and have left, reserve_coverage_99 `sim.measures.reserves.coverage`. Empty
    for a sweep that did not keep losses by asset.
    """
    symbols = [str(name)[len(_OF) :] for name in outcomes if str(name).startswith(_OF)]
    if not symbols:
        return pd.DataFrame()
    lost = np.stack([_lost(outcomes, symbol) for symbol in symbols], axis=1)
    n = replicates(outcomes, sampler)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for symbol, sample, part in zip(symbols, lost.T, euler(lost, LEVEL), strict=True):
        bearable = np.asarray(outcomes[f"bearable_usd.{symbol}"], dtype=np.float64)
        reserve = Reserve(sample, bearable, float(part), n)
        for name, measure in of_reserves().items():
            assert measure.of_reserve  # or it were not there
            rows[symbol, name] = {**measure.of_reserve(reserve)._asdict(), "unit": measure.unit}
    index = pd.MultiIndex.from_tuples(rows, names=["asset", "measure"])
    return pd.DataFrame(list(rows.values()), index=index)


def _lost(outcomes: pd.DataFrame, symbol: str) -> npt.NDArray[np.float64]:
    if f"loss_usd.{symbol}" in outcomes:
        return np.asarray(outcomes[f"loss_usd.{symbol}"], dtype=np.float64)
    parts = outcomes[f"{_OF}{symbol}"] + outcomes[f"shortfall_usd.{symbol}"]
    return np.asarray(parts, dtype=np.float64)
