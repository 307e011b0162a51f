"""Several vaults on one hub: what each lost, and how far one vault's loss becomes another's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sim.tape import Frames


def losses(tape: Frames) -> pd.DataFrame:
    """What every vault lost until the end in every asset that its accounts owed: bad_debt_usd and
    shortfall_usd at reference prices, rows by (vault, asset).

    What was lost before the run is in it. Vaults sum to the assets of `sim.measures.solvency`, but
    for a unit of a shortfall each.
    """
    rows = tape.vaults.set_index(["vault", "asset"])
    last = tape.assets[tape.assets["step"] == tape.assets["step"].max()].set_index("asset")
    assets = rows.index.get_level_values("asset")
    worth = last["reference_price_usd"] / 10.0 ** last["decimals"].astype(float)
    usd = rows[["deficit_reported", "shortfall"]].astype(float).mul(worth.loc[assets].array, axis=0)
    return usd.set_axis(["bad_debt_usd", "shortfall_usd"], axis=1)


def by_vault(tape: Frames) -> pd.Series[float]:
    """Bad debt and shortfall of every vault, USD."""
    lost = losses(tape).sum(axis=1)
    return lost.groupby(level="vault", sort=False).sum()


def contagion(
    base: Mapping[str, float], shocked: Mapping[str, Mapping[str, float]]
) -> pd.DataFrame:
    """dL_j / dL_k: what a vault j loses more per USD that vault k does, if k's collateral falls.

    `base` has the loss of each vault, `shocked` those of each after the collateral of the vault of
    that name fell, USD. A row per vault k, a column per vault j; NaN where k itself lost no more.
    """
    rows: dict[str, Any] = {}
    for k, lost in shocked.items():
        more = {j: lost[j] - base[j] for j in base}
        rows[k] = {j: more[j] / more[k] if more[k] > 0 else np.nan for j in base}
    found = pd.DataFrame.from_dict(rows, orient="index", columns=list(base))
    return found.rename_axis(index="shocked", columns="vault")
