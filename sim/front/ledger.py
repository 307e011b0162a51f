"""The tables of a run: in tokens and USD as floats, or exactly, in token units as Python integers.

Times are UTC without a zone, as on a tape. USD are at the reference prices of their time unless a
column says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from sim.measures.attack import NAME as ATTACKER
from sim.measures.solvency import in_usd
from sim.measures.solvency import losses as lost_units
from sim.protocol import operations as op
from sim.protocol.state import Array, State
from sim.tape import Frames
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
    table = exact_assets(tape)

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
    """Every account, one row per asset, at the start and at the end: units and health factors."""
    return tape.accounts.drop(columns="account").rename(columns={"name": "account"})


def accounts(tape: Frames) -> pd.DataFrame:
    """The same in tokens, each with a column of USD: at the prices of the start or the end."""
    found = exact_accounts(tape)
    ends = {name: tape.assets["step"] == step for name, step in _ends(tape).items()}
    rows = {name: tape.assets[here].set_index("asset") for name, here in ends.items()}
    for column in _OF_ACCOUNTS:
        at = rows[column.rpartition("_")[2]]
        unit = 10.0 ** found["asset"].map(at["decimals"]).astype(float)
        found[column] = found[column].astype(float) / unit
        found[f"{column}_usd"] = found[column] * found["asset"].map(at["reference_price_usd"])
    return found


def _ends(tape: Frames) -> dict[str, int]:
    return {"start": int(tape.assets["step"].min()), "end": int(tape.assets["step"].max())}


def exact_assets(tape: Frames) -> pd.DataFrame:
    """The hub and the prices of every asset after every step, rows by time and asset: units."""
    times = tape.steps[["step", "time_utc"]].rename(columns=_TIME)
    return tape.assets.merge(times, on="step").drop(columns="step").set_index(["time", "asset"])


def assets(tape: Frames) -> pd.DataFrame:
    """The same in tokens."""
    found = exact_assets(tape)
    unit = 10.0 ** found["decimals"].astype(float)
    return found.assign(**{name: found[name].astype(float) / unit for name in _OF_ASSETS})


def exact_losses(tape: Frames) -> pd.DataFrame:
    """What was lost and who bore it at the end, units by asset; see `sim.measures.solvency`."""
    return lost_units(tape)


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
