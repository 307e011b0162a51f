"""Who was hit: every account at the start and at the end, and what liquidators did to it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sim.protocol.operations import LIQUIDATIONS
from sim.tape import Frames


def liquidation_events(tape: Frames) -> pd.DataFrame:
    """Liquidations that were carried out, in order: step, account, name (of the account), debt
    (symbol), collateral (symbol), repaid_usd at the reference prices of the time, and fall, by how
    much the collateral's reference price was below its start then (a fraction, below 0 if it was
    above).
    """
    rows = tape.operations
    done = rows[rows["kind"].isin(LIQUIDATIONS) & (rows["verdict"] == "ok") & (rows["step"] > 0)]
    symbols = list(dict.fromkeys(tape.assets["asset"]))
    seized = pd.Series([symbols[int(y)] for y in done["y"]], index=done.index, dtype=object)
    sizes = tape.assets.set_index(["step", "asset"])
    key = pd.MultiIndex.from_arrays([done["step"], done["asset"]])
    unit = 10.0 ** sizes["decimals"].reindex(key).to_numpy(dtype=np.float64)
    worth = sizes["reference_price_usd"].reindex(key).to_numpy(dtype=np.float64)
    start = tape.assets[tape.assets["step"] == 0].set_index("asset")["reference_price_usd"]
    now = sizes["reference_price_usd"].reindex(pd.MultiIndex.from_arrays([done["step"], seized]))
    return pd.DataFrame(
        {
            "step": done["step"].astype(int),
            "account": done["account"].astype(int),
            "name": done["account_name"],
            "debt": done["asset"],
            "collateral": seized,
            "repaid_usd": done["result0"].astype(float) / unit * worth,
            "fall": 1 - now.to_numpy(dtype=np.float64) / start.reindex(seized).to_numpy(),
        }
    ).reset_index(drop=True)


def largest_accounts(tape: Frames, most: int = 20) -> pd.DataFrame:
    """The accounts that owe most at the start, rows by account, values at oracle prices, USD:

    name, with its owner where that is another; collateral_start, debt_start, collateral_end,
    debt_end; health_start and health_end; pledged and owed, the symbols of most of it at the start;
    repaid_usd and liquidations of the whole run.
    """
    first, last = tape.assets["step"].min(), tape.assets["step"].max()
    worth = {}
    for name, step in (("start", first), ("end", last)):
        rows = tape.assets[tape.assets["step"] == step]
        price = rows["oracle_price_usd"].where(rows["oracle_price_usd"] > 0)
        price = price.fillna(rows["reference_price_usd"])  # a feed that is down says nothing
        unit = 10.0 ** rows["decimals"].astype(float)
        worth[name] = dict(zip(rows["asset"], price / unit, strict=True))
    held = tape.accounts[["account", "asset"]].copy()
    for name, prices in worth.items():
        for column, short in (("supplied", "collateral"), ("debt", "debt")):
            units = tape.accounts[f"{column}_{name}"].astype(float)
            held[f"{short}_{name}"] = units * tape.accounts["asset"].map(prices).astype(float)
    whole = held.groupby("account").sum(numeric_only=True)
    # To the cent: accounts that owe the same stay in the order of their numbers.
    order = whole["debt_start"].round(2).sort_values(ascending=False, kind="stable").index
    whole = whole.loc[order[:most]].copy()
    for name, column in (("pledged", "collateral_start"), ("owed", "debt_start")):
        largest = held.loc[held.groupby("account")[column].idxmax()].set_index("account")
        whole[name] = largest["asset"].reindex(whole.index)
    columns = ["name", "owner", "health_start", "health_end"]
    factors = tape.accounts.groupby("account")[columns].first()
    whole[factors.columns] = factors.reindex(whole.index)
    whole["name"] = [
        name if owner in (name, f"borrower {account}") else f"{name} of {owner}"
        for account, name, owner in zip(whole.index, whole["name"], whole["owner"], strict=True)
    ]
    events = liquidation_events(tape).groupby("account")["repaid_usd"].agg(["sum", "count"])
    events = events.reindex(whole.index).fillna(0)
    return whole.assign(repaid_usd=events["sum"], liquidations=events["count"].astype(int))
