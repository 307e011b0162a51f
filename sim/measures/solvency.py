"""Solvency: what was lost, who bore it, and whether what is left covers the claims.

Token amounts are Python integers in the smallest unit and exact; USD are floats at the reference
prices of the step in question.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sim.measures.borrowers import scenario_of
from sim.tape import Frames

BEARERS = {
    "fees": "covered_by_fees",
    "fund": "covered_by_fund",
    "suppliers": "socialised",
    "open": "deficit",
}
"""Who bears bad debt, in the order of the waterfall -> column of table `assets`."""


class Extreme(NamedTuple):
    """The most extreme value of a series: what, how much, when. `value` is dimensionless."""

    what: str
    value: float
    time_utc: datetime


class Liquidations(NamedTuple):
    """What liquidators did in the whole run."""

    number: int
    repaid_usd: float
    seized_usd: float
    profit_usd: float
    """Proceeds of selling what was seized, less repayments, less gas."""
    gas_usd: float


class Waiting(NamedTuple):
    """Liquidations that would have paid and found no room in blocks."""

    calls: int
    """Carried out later."""
    longest_seconds: int
    largest_backlog: int
    """Accounts, after any step."""
    time_utc: datetime
    """When it was first so large."""


def losses(tape: Frames) -> pd.DataFrame:
    """Bad debt at the end of the run, one row per asset, in token units.

    reported = fees + fund + suppliers + open is what was realised: debt that an account could not
    pay with any collateral. shortfall is not realised yet: debt above the collateral of its account
    at reference prices, see `sim.tape.exact_shortfall`. before is what of both was lost before the
    run, added what the run added to it, its loss (`sim.market.lost_before`):

        reported + shortfall = before + added

    `decimals` and `price_usd` turn units into USD:

        USD = units / 10^decimals * price_usd
    """
    last = tape.assets[tape.assets["step"] == tape.assets["step"].max()].set_index("asset")
    columns = {"reported": "deficit_reported", **BEARERS, "shortfall": "shortfall"}
    rows = pd.DataFrame({name: last[column] for name, column in columns.items()})
    both = rows["reported"] + rows["shortfall"]
    before = _smaller(last["lost_before"], both)
    rows = rows.assign(before=before, added=both - before)
    return rows.assign(decimals=last["decimals"], price_usd=last["reference_price_usd"])


class Peak(NamedTuple):
    """The moment at which most was lost, in USD at its own reference prices."""

    bad_debt_usd: float
    """Realised until then."""
    shortfall_usd: float
    """Not realised then."""
    time_utc: datetime
    largest_shortfall_usd: float
    """After any step, which need not be this one."""

    @property
    def loss_usd(self) -> float:
        """Both."""
        return self.bad_debt_usd + self.shortfall_usd


def peak_loss(tape: Frames) -> Peak:
    """The largest loss by bad debt so far and shortfall after any step: `peak_loss` of a sweep's
    outcomes. What was lost before the run is no part of it, and realised first.

    A rebound forgives: what is missing at the worst moment may be covered at the end. The opening
    is no step; on a tape of nothing else it stands for one.
    """
    steps = tape.steps if len(tape.steps) == 1 else tape.steps.iloc[1:]
    before, reported = tape.assets["lost_before"], tape.assets["deficit_reported"]
    realised = _smaller(before, reported)
    rest = _smaller(before - realised, tape.assets["shortfall"])
    bad_debt = steps["bad_debt_usd"] - _at_steps(tape, steps, realised)
    missing = (steps["shortfall_usd"] - _at_steps(tape, steps, rest)).clip(lower=0.0)
    at = int((bad_debt + missing).argmax())
    return Peak(
        float(bad_debt.iloc[at]),
        float(missing.iloc[at]),
        steps["time_utc"].iloc[at],
        float(missing.max()),
    )


def waterfall_balances(losses: pd.DataFrame) -> bool:
    """Whether in every asset, to the unit, reported = fees + fund + suppliers + open."""
    borne = [sum(row) for row in losses[list(BEARERS)].itertuples(index=False)]
    return borne == losses["reported"].tolist()


def in_usd(losses: pd.DataFrame) -> pd.DataFrame:
    """The amounts of `losses` in USD, one row per asset."""
    amounts = losses[["reported", *BEARERS, "shortfall", "before", "added"]].astype(float)
    return amounts.mul(losses["price_usd"] / 10.0 ** losses["decimals"].astype(float), axis=0)


def loss_history(tape: Frames) -> pd.DataFrame:
    """Bad debt in USD after every step: columns `BEARERS` and shortfall, rows by time_utc.

    The sum of the bearers is what was realised so far, at the prices of the step.
    """
    assets = tape.assets
    usd = pd.DataFrame({name: _usd(assets, column) for name, column in BEARERS.items()})
    usd["shortfall"] = _usd(assets, "shortfall")
    return _by_time(tape, usd.groupby(assets["step"]).sum())


def solvency_ratio(tape: Frames) -> pd.Series[float]:
    """Assets that can be recovered over what suppliers would own without haircuts, by time_utc:

        sum_i p_i (cash_i + debt_i - shortfall_i) / sum_i p_i (total_assets_i + lost_i)

    with i the assets, p the reference prices (USD), total_assets = cash + debt, and lost what
    suppliers bear: open deficits and haircuts. 1 says that every claim is backed; both, and
    unrealised shortfalls, lower it. Escrowed collateral is nobody's claim on the hub and counts on
    neither side. 1 without claims.
    """
    assets = tape.assets
    # The numerator is the denominator less what is missing; written so, 1 is exactly 1.
    lost = _usd(assets, "deficit") + _usd(assets, "socialised")
    missing = lost + _usd(assets, "shortfall")
    claims = _usd(assets, "total_assets") + lost
    sums = pd.DataFrame({"missing": missing, "claims": claims}).groupby(assets["step"]).sum()
    ratio = (1 - sums["missing"] / sums["claims"]).where(sums["claims"] > 0, 1.0)
    return _by_time(tape, ratio.to_frame("ratio"))["ratio"]


def lowest_health(tape: Frames) -> Extreme | None:
    """The lowest health factor of any account with debt after any step; None if nobody had debt."""
    lowest = tape.steps["lowest_health"]
    if lowest.isna().all():
        return None
    at = int(lowest.argmin())
    return Extreme("health factor", float(lowest.iloc[at]), tape.steps["time_utc"].iloc[at])


def largest_usage(tape: Frames) -> Extreme:
    """The largest usage, debt / (cash + debt), of any asset after any step."""
    assets = tape.assets
    at = int(assets["usage"].argmax())
    time = _times(tape).loc[assets["step"].iloc[at]]
    return Extreme(str(assets["asset"].iloc[at]), float(assets["usage"].iloc[at]), time)


def liquidations(tape: Frames) -> Liquidations:
    """What liquidators did in the whole run, at the reference prices of the time, in USD."""
    last = tape.steps.iloc[-1]
    gas_usd = float(last["gas_usd"])
    return Liquidations(
        int(last["liquidations"]),
        float(last["repaid_usd"]),
        float(last["seized_usd"]),
        float(last["liquidator_profit_usd"]) - gas_usd,
        gas_usd,
    )


def waiting(tape: Frames) -> Waiting | None:
    """How liquidations waited for room in blocks; None where the scenario bounds none."""
    if scenario_of(tape)["blocks"]["liquidation_calls_per_hour"] is None:
        return None
    steps = tape.steps
    at, last = int(steps["backlog"].argmax()), steps.iloc[-1]
    return Waiting(
        int(last["calls_waited"]),
        int(last["longest_wait_seconds"]),
        int(steps["backlog"].iloc[at]),
        steps["time_utc"].iloc[at],
    )


def _usd(assets: pd.DataFrame, column: str) -> pd.Series[float]:
    return _in_usd(assets, assets[column])


def _in_usd(assets: pd.DataFrame, units: pd.Series[Any]) -> pd.Series[float]:
    tokens = units.astype(float) / 10.0 ** assets["decimals"].astype(float)
    return tokens * assets["reference_price_usd"]


def _times(tape: Frames) -> pd.Series[pd.Timestamp]:
    return tape.steps.set_index("step")["time_utc"]


def _by_time(tape: Frames, by_step: pd.DataFrame) -> pd.DataFrame:
    return by_step.set_axis(pd.Index(_times(tape).loc[by_step.index], name="time_utc"), axis=0)


def _at_steps(tape: Frames, steps: pd.DataFrame, units: pd.Series[Any]) -> pd.Series[float]:
    """Amounts of the rows of table `assets` in USD, the sum of each of these steps."""
    sums = _in_usd(tape.assets, units).groupby(tape.assets["step"]).sum()
    return steps["step"].map(sums)


def _smaller(a: pd.Series[Any], b: pd.Series[Any]) -> pd.Series[Any]:
    """The smaller of two integers, row by row, exact."""
    return pd.Series(np.minimum(a, b), index=a.index, dtype=object)
