"""The tables of a run: in tokens and USD as floats, or exactly, as Python integers.

Times are UTC without a zone, as on a tape. USD are at the reference prices of their time unless a
column says otherwise. Exact tables have tokens in the smallest unit of each, prices in 10^-8 USD
and None for what is absent.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from sim.measures.attack import NAME as ATTACKER
from sim.measures.solvency import in_usd
from sim.measures.solvency import losses as lost_units
from sim.protocol import operations as op
from sim.protocol.state import Array, State
from sim.tape import Frames
from sim.tape.columns import COUNT, TABLES
from sim.tape.moment import exact_health_factors, health_factors
from sim.tape.replay import replayed

_OF_ACCOUNTS = ("supplied_start", "debt_start", "supplied_end", "debt_end")
_OF_ASSETS = (
    "cash",
    "escrow",
    "debt",
    "total_assets",
    "deficit",
    "deficit_reported",
    "covered_by_fees",
    "covered_by_fund",
    "socialised",
    "shortfall",
    "insurance_pool",
    "lost_before",
)
_TIME = {"time_utc": "time"}
"""Of a tape's columns: here every time is UTC."""


def steps(tape: Frames) -> pd.DataFrame:
    """One row per step, the opening first: health, losses, liquidations and flows so far."""
    return tape.steps.rename(columns=_TIME).set_index("time")


def exact_steps(tape: Frames) -> pd.DataFrame:
    """The numbers of accounts, liquidations and operations in them, waits in seconds, gas, and
    gas_price in wei. Sums of tokens are in `exact_assets`, health factors in `exact_health`.
    """
    found = steps(tape)
    counts = [one.name for one in TABLES["steps"] if one.type == COUNT and one.name in found]
    columns = {name: _integers(found[name]) for name in counts}
    gas = units_of(tape.steps["gas_price_gwei"], 9).set_axis(found.index)
    return pd.DataFrame({"gas_price": gas, **columns})


def exact_liquidations(tape: Frames) -> pd.DataFrame:
    """Every liquidation that was carried out, in order: time, account, owner, debt and
    collateral (symbols), repaid and seized (units of these), profit (units of the debt asset that
    the sale left, before gas; None where the collateral was kept), liquidator.
    """
    done = tape.operations
    done = done[done["kind"].isin(op.LIQUIDATIONS) & (done["verdict"] == "ok")]
    symbols = list(dict.fromkeys(tape.assets["asset"]))
    times = tape.steps.set_index("step")["time_utc"]
    owners = tape.accounts.groupby("account")["owner"].first()
    rows = {
        "time": times.reindex(done["step"]).to_numpy(),
        "account": done["account_name"].to_numpy(),
        "owner": owners.reindex(done["account"]).to_numpy(),
        "debt": done["asset"].to_numpy(),
        "collateral": pd.Series([symbols[int(y)] for y in done["y"]], dtype=object),
        "repaid": pd.Series([int(n) for n in done["result0"]], dtype=object),
        "seized": pd.Series([int(n) for n in done["result1"]], dtype=object),
        "profit": pd.Series(
            [
                int(n) if kind == op.flash_liquidate.declared.name else None
                for kind, n in zip(done["kind"], done["result2"], strict=True)
            ],
            dtype=object,
        ),
        "liquidator": done["actor_name"].to_numpy(),
    }
    return pd.DataFrame(rows)


def liquidations(tape: Frames) -> pd.DataFrame:
    """The same in tokens, with repaid_usd, seized_usd, bonus (seized over repaid less 1, at the
    prices that the protocol went by: a fraction) and profit_usd before gas: what the sale left, or
    where the collateral was kept seized_usd - repaid_usd.
    """
    found = exact_liquidations(tape)
    table = _assets(tape)

    def of(column: str, side: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        at = pd.MultiIndex.from_arrays([found["time"], found[side]])
        return table[column].reindex(at).to_numpy(dtype=np.float64)

    tokens = {
        name: found[name].astype(float).to_numpy() / 10.0 ** of("decimals", side)
        for name, side in (("repaid", "debt"), ("seized", "collateral"), ("profit", "debt"))
    }
    usd = {
        "repaid_usd": tokens["repaid"] * of("reference_price_usd", "debt"),
        "seized_usd": tokens["seized"] * of("reference_price_usd", "collateral"),
    }
    went_by = tokens["seized"] * of("oracle_price_usd", "collateral")
    with np.errstate(divide="ignore", invalid="ignore"):
        bonus = went_by / (tokens["repaid"] * of("oracle_price_usd", "debt")) - 1
    sold = tokens["profit"] * of("reference_price_usd", "debt")
    profit = np.where(np.isnan(sold), usd["seized_usd"] - usd["repaid_usd"], sold)
    whole = found.assign(**tokens, **usd, bonus=bonus, profit_usd=profit)
    return whole[[*found.columns[:7], *usd, "bonus", "liquidator", "profit_usd"]]


def refusals(tape: Frames) -> pd.DataFrame:
    """What the protocol refused to the user's own agents, in order: time, step, agent, operation
    (as `sim.protocol.operations` calls it), account and asset where it names one, and reason, the
    error of the contracts. Amounts are in table `operations` of the tape.
    """
    names = tape.agents.groupby("actor")["agent"].first()
    asked = tape.operations
    own = asked["actor"].isin(names[names != ATTACKER].index)
    refused = asked[own & (asked["verdict"] != "ok")]
    times = tape.steps.set_index("step")["time_utc"]
    columns = {
        "time": times.reindex(refused["step"]),
        "step": refused["step"],
        "agent": names.reindex(refused["actor"]),
        "operation": refused["kind"],
        "account": refused["account_name"],
        "asset": refused["asset"],
        "reason": refused["verdict"],
    }
    return pd.DataFrame({name: column.to_numpy() for name, column in columns.items()})


def exact_accounts(tape: Frames) -> pd.DataFrame:
    """Every account, one row per asset: units at the start and at the end, whether they are
    collateral, whether the margin is isolated and the account flagged. Its health: `exact_health`.
    """
    floats = ["health_start", "health_end", "health_recorded"]
    return _accounts(tape).drop(columns=floats)


def accounts(tape: Frames) -> pd.DataFrame:
    """The same in tokens, each with a column of USD: at the prices of the start or the end; and
    with health factors, that in the file of the book among them.
    """
    found = _accounts(tape)
    ends = {name: tape.assets["step"] == step for name, step in _ends(tape).items()}
    rows = {name: tape.assets[here].set_index("asset") for name, here in ends.items()}
    for column in _OF_ACCOUNTS:
        at = rows[column.rpartition("_")[2]]
        unit = 10.0 ** found["asset"].map(at["decimals"]).astype(float)
        found[column] = found[column].astype(float) / unit
        found[f"{column}_usd"] = found[column] * found["asset"].map(at["reference_price_usd"])
    return found


def _accounts(tape: Frames) -> pd.DataFrame:
    return tape.accounts.drop(columns="account").rename(columns={"name": "account"})


def _ends(tape: Frames) -> dict[str, int]:
    return {"start": int(tape.assets["step"].min()), "end": int(tape.assets["step"].max())}


def exact_assets(tape: Frames) -> pd.DataFrame:
    """The hub and the prices of every asset after every step, rows by time and asset: units, and
    reference_price and oracle_price in 10^-8 USD.
    """
    found = _assets(tape)
    prices = {
        name: units_of(found[f"{name}_usd"], 8) for name in ("reference_price", "oracle_price")
    }
    words = {"decimals": _integers(found["decimals"]), "oracle_status": found["oracle_status"]}
    return pd.DataFrame({**words, **prices, **found[list(_OF_ASSETS)]})


def assets(tape: Frames) -> pd.DataFrame:
    """The same in tokens and USD, with the impact of trades in a price (a factor), usage (debt over
    cash and debt) and the borrow rate (a year, 0.05 is 5%).
    """
    found = _assets(tape)
    unit = 10.0 ** found["decimals"].astype(float)
    return found.assign(**{name: found[name].astype(float) / unit for name in _OF_ASSETS})


def _assets(tape: Frames) -> pd.DataFrame:
    times = tape.steps[["step", "time_utc"]].rename(columns=_TIME)
    return tape.assets.merge(times, on="step").drop(columns="step").set_index(["time", "asset"])


def exact_losses(tape: Frames) -> pd.DataFrame:
    """What was lost and who bore it at the end, by asset: units, decimals, and price in 10^-8 USD;
    see `sim.measures.solvency`.
    """
    found = lost_units(tape)
    exact = {"decimals": _integers(found["decimals"]), "price": units_of(found["price_usd"], 8)}
    return found.drop(columns="price_usd").assign(**exact)


def losses(tape: Frames) -> pd.DataFrame:
    """The same in USD: reported (bad debt) = fees + fund + suppliers + open; shortfall is debt
    beyond its collateral that is not realised yet.
    """
    return in_usd(lost_units(tape))


def exact_health(tape: Frames) -> pd.DataFrame:
    """Health factors in WAD, rows by time, a column per account by its name; None without debt,
    or where a feed that the account needs is down. The tape is played again for them.
    """
    return _of_accounts(tape, exact_health_factors)


def health(tape: Frames) -> pd.DataFrame:
    """The same as floats, NaN instead of None."""
    return _of_accounts(tape, health_factors)


def _of_accounts(tape: Frames, row: Callable[[State], Array]) -> pd.DataFrame:
    """What every account comes to after every step."""
    names = tape.accounts.groupby("account")["name"].first()
    return pd.DataFrame(
        np.array([row(state) for _, state in replayed(tape)]),
        index=pd.Index(tape.steps["time_utc"], name="time"),
        columns=pd.Index(names.to_numpy(), name="account"),
    )


def _integers(column: pd.Series[Any]) -> pd.Series[Any]:
    """Counts as Python integers, None where there is none."""
    found = [None if pd.isna(value) else int(value) for value in column]
    return pd.Series(found, column.index, dtype=object)


def units_of(column: pd.Series[float], decimals: int) -> pd.Series[Any]:
    """Numbers with so many decimals, which a tape has as doubles, as Python integers of the last
    one. Raises ValueError for one so large that its double is that of several.
    """
    units = [round(Fraction(value) * 10**decimals) for value in column]
    if units and max(units) >= 2**52:
        raise ValueError(f"{column.name}: {max(column):g} has no {decimals} decimals as a double")
    return pd.Series(units, column.index, dtype=object)
