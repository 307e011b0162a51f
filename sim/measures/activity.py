"""What was done in a run: counted in its operations, and in how fast they came."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sim.agents.start import SUPPLIERS
from sim.protocol.operations import LIQUIDATIONS, WITHDRAWALS
from sim.tape import Frames

MOST = 0.9
"""Of the debt repaid, what `hours_of_liquidations` is about."""
_NO_CASH = (
    *("InsufficientCash", "OutflowLimited"),
    *("ERC4626ExceededMaxWithdraw", "ERC4626ExceededMaxRedeem"),
)
_BRAKES = ("ActionPaused", "BreakerOpen", "InGrace", "OutflowLimited")


def liquidations(tape: Frames) -> pd.DataFrame:
    """Those carried out. x, the column `asset`, is the debt and y the collateral; results are what
    was repaid and what the liquidator got.
    """
    rows = _after_the_opening(tape, LIQUIDATIONS)
    return rows[rows["verdict"] == "ok"]


def liquidated_accounts(tape: Frames) -> int:
    """How many had a liquidation, or several."""
    return int(liquidations(tape)["account"].nunique())


def busiest_hour_liquidations(tape: Frames) -> float:
    """A step's are spread over the hour only by steps shorter than one."""
    done = tape.steps.set_index("time_utc")["liquidations"].astype(float).diff().fillna(0.0)
    return float(done.rolling("1h").sum().max())


def hours_of_liquidations(tape: Frames) -> float | None:
    """From step i to step j, both whole: the least of the ends that reach MOST beyond a start; None
    if nothing was repaid.
    """
    times = tape.steps["time_utc"].to_numpy(dtype="datetime64[s]").astype(float)
    so_far = tape.steps["repaid_usd"].to_numpy(dtype=float)
    total = so_far[-1] - so_far[0]
    if not total > 0:
        return None
    needed = so_far + MOST * total * (1 - 1e-12)  # after step i: a sum's rounding is no debt
    end = np.searchsorted(so_far, needed)
    reached = end < len(so_far)
    return float((times[end[reached]] - times[reached]).min() / 3_600)


def withdrawn_usd(tape: Frames) -> float:
    """Taken out after the opening by those who supplied, USD of the time."""
    done = _after_the_opening(tape, WITHDRAWALS)
    return in_usd(tape, done[done["verdict"] == "ok"], "result0")


def withdrawals_refused_usd(tape: Frames) -> float:
    """What was asked for and refused, for want of cash or by an outflow limit, USD of the time; of
    accounts and users' agents every try, at most what they have.

    The suppliers of the model ask the protocol only for what cash there is: their own tally says
    what they wanted besides. Everybody else is refused by the protocol.
    """
    tried = _after_the_opening(tape, WITHDRAWALS)
    others = tried["verdict"].isin(_NO_CASH) & (tried["actor"] != SUPPLIERS)
    return float(tape.steps["refused_usd"].iloc[-1]) + in_usd(tape, tried[others], "refused")


def deleveraged_usd(tape: Frames) -> float:
    """Debt that lenders who were stuck repaid for collateral of equal value, USD of the time."""
    return in_usd(tape, _deleveragings(tape), "result0")


def deleveraged_accounts(tape: Frames) -> int:
    """How many they took collateral of."""
    return int(_deleveragings(tape)["account"].nunique())


def stuck_usd(tape: Frames) -> float:
    """What suppliers were refused for want of cash and did not take as collateral, USD of the time
    at which each was.
    """
    taken = _deleveragings(tape)
    mine = in_usd(tape, taken[taken["actor"] == SUPPLIERS], "result0")
    return max(float(tape.steps["refused_usd"].iloc[-1]) - mine, 0.0)


def _deleveragings(tape: Frames) -> pd.DataFrame:
    rows = _after_the_opening(tape, ("deleverage",))
    return rows[rows["verdict"] == "ok"]


def refused_by_brakes(tape: Frames) -> int:
    """Operations that a pause, an open breaker, a grace period or an outflow limit refused."""
    return int(tape.operations["verdict"].isin(_BRAKES).sum())


def braked_hours(tape: Frames, cool_off_seconds: Sequence[int]) -> float:
    """In which a pause or an open breaker stopped something, of whatever asset; `cool_off_seconds`
    are those of each vault's guard.
    """
    rows = _after_the_opening(tape, ("pause", "trip"))
    rows = rows[rows["verdict"] == "ok"]
    times = tape.steps.set_index("step")["time_utc"]
    total, until = 0.0, times.iloc[0]
    columns = (rows[name] for name in ("step", "kind", "y", "amount"))
    for step, kind, v, amount in zip(*columns, strict=True):
        seconds = cool_off_seconds[int(v)] if kind == "trip" else int(amount)
        end = min(times[step] + pd.Timedelta(seconds=seconds), times.iloc[-1])
        total += max((end - max(times[step], until)).total_seconds(), 0.0)
        until = max(until, end)
    return total / 3_600


def repaid_tokens(tape: Frames, asset: str) -> float:
    """Debt in the asset that liquidators repaid."""
    done = liquidations(tape)
    return _tokens(tape, done[done["asset"] == asset]["result0"], asset)


def seized_tokens(tape: Frames, asset: str) -> float:
    """Collateral in the asset that liquidators got."""
    done = liquidations(tape)
    column = list(dict.fromkeys(tape.assets["asset"])).index(asset)
    return _tokens(tape, done[done["y"] == column]["result1"], asset)


def _after_the_opening(tape: Frames, kinds: Sequence[str]) -> pd.DataFrame:
    rows = tape.operations
    return rows[rows["kind"].isin(kinds) & (rows["step"] > 0)]


def _tokens(tape: Frames, units: pd.Series[str], asset: str) -> float:
    decimals = tape.assets.loc[tape.assets["asset"] == asset, "decimals"]
    unit: int = 10 ** int(decimals.iloc[0])
    return sum(map(int, units)) / unit


def in_usd(tape: Frames, rows: pd.DataFrame, column: str) -> float:
    """Units of each row's asset at the reference price of its step, in USD."""
    priced = rows.merge(
        tape.assets[["step", "asset", "decimals", "reference_price_usd"]], on=["step", "asset"]
    )
    tokens = priced[column].map(int).astype(float) / 10.0 ** priced["decimals"].astype(float)
    return float((tokens * priced["reference_price_usd"]).sum())
