"""Runs held against what was published of the event: the measures, and the comparison.

The borrowers of a run are drawn, and another draw comes to other figures. So a published figure is
held against the median over several books, beside their range.

measure                      of a finished run, at its reference prices unless said otherwise
bad_debt_usd                 written off until the end, and owed beyond collateral then, USD
liquidated_usd, seized_usd   debt repaid by liquidators, collateral they got, USD of the time
liquidations                 how many there were
liquidated_accounts          how many accounts had one or more
usd_per_liquidation          debt repaid in one of them, the mean, USD of the time
liquidations_per_account     how many an account had that had one, the mean
busiest_hour_liquidations    how many there were in the hour that had most, any sixty minutes
hours_of_liquidations        the shortest time in which 9/10 of the debt repaid was repaid, hours
withdrawn_usd                taken out after the opening by those who supplied, USD of the time
withdrawals_refused_usd      what they asked for and was refused for want of cash, USD of the time;
                             of accounts and users' agents every try, at most what they have
highest_gas_gwei             gas price
bad_debt_tokens.A            the part of it that is owed in A, tokens
liquidated_tokens.A          debt in A repaid by liquidators, tokens
seized_tokens.A              collateral in A that they got, tokens
lowest_price.A, highest_...  reference price, USD
oracle_lowest.A, ..highest   price that the vault went by while its feed was not down, USD
largest_usage.A              debt / (cash + debt), a share
hours_at_full_usage.A        time with a usage that rounds to 1.000, hours
highest_borrow_rate.A        per year, 0.05 is 5%
supply_left.A                cash + debt + deficit at the end, share of what it was at the start
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from sim.protocol.operations import LIQUIDATIONS, WITHDRAWALS
from sim.schema.expected import Expected
from sim.tape import Frames
from sim.world.actors import SUPPLIERS

FULL_USAGE = 0.9995
"""Published usages have three decimals."""
EQUAL, NEAR = 0.005, 0.10
"""A median within this share of the published figure is inside, as that is rounded; or near."""
MOST = 0.9
"""Of the debt repaid, what `hours_of_liquidations` is about."""


_NO_CASH = ("InsufficientCash", "ERC4626ExceededMaxWithdraw", "ERC4626ExceededMaxRedeem")


class Compared(NamedTuple):
    """One published figure and what the runs came to."""

    expected: Expected
    simulated: tuple[float, ...]
    """One a book, the one of the run first. NaN where a run has no such figure."""

    @property
    def median(self) -> float:
        """Over the books that have the figure; NaN if none has."""
        known = self._known
        return statistics.median(known) if known else math.nan

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest of the books; NaN if none has the figure."""
        known = self._known
        return (min(known), max(known)) if known else (math.nan, math.nan)

    @property
    def ratio(self) -> float | None:
        """Median over the nearest published figure; None if that is 0 or there is no figure."""
        low, high = self.expected.range
        median = self.median
        nearest = min(max(median, low), high)
        return median / nearest if nearest and median == median else None

    @property
    def verdict(self) -> str:
        """input (see `Expected.is_input`) or off, if it was not met; of all others inside (the
        range, or equal), near, or off.
        """
        low, high = self.expected.range
        away = math.inf if self.ratio is None else abs(self.ratio - 1)
        if low <= self.median <= high or away <= EQUAL:
            return "input" if self.expected.is_input else "inside"
        return "near" if away <= NEAR and not self.expected.is_input else "off"

    @property
    def _known(self) -> list[float]:
        return [one for one in self.simulated if one == one]


def measures(tape: Frames, expected: Sequence[Expected]) -> dict[str, float]:
    """What the run came to of everything that was published."""
    return {one.measure: measure(tape, one.measure) for one in expected}


def compare(books: Sequence[Mapping[str, float]], expected: Sequence[Expected]) -> list[Compared]:
    """Every published figure with those of the runs, see `measures`; the first is the run's."""
    return [Compared(one, tuple(book[one.measure] for book in books)) for one in expected]


def measure(tape: Frames, name: str) -> float:
    """The measure of the run, as the head of this file defines it."""
    kind, _, asset = name.partition(".")
    return OF_AN_ASSET[kind](tape, asset) if asset else OF_A_RUN[kind](tape)


# --- of a run -------------------------------------------------------------------------------------


def bad_debt_usd(tape: Frames) -> float:
    price = _last(tape)["price"]
    return sum((bad_debt_tokens(tape, str(a)) * float(price[a]) for a in price.index), 0.0)


def liquidated_accounts(tape: Frames) -> float:
    return float(_liquidations(tape)["account"].nunique())


def usd_per_liquidation(tape: Frames) -> float:
    count = float(tape.steps["liquidations"].iloc[-1])
    return float(tape.steps["repaid_usd"].iloc[-1]) / count if count else math.nan


def liquidations_per_account(tape: Frames) -> float:
    accounts = liquidated_accounts(tape)
    return len(_liquidations(tape)) / accounts if accounts else math.nan


def busiest_hour_liquidations(tape: Frames) -> float:
    """A step's are spread over the hour only by steps shorter than one."""
    done = tape.steps.set_index("time_utc")["liquidations"].astype(float).diff().fillna(0.0)
    return float(done.rolling("1h").sum().max())


def hours_of_liquidations(tape: Frames) -> float:
    """From step i to step j, both whole: the least of the ends that reach MOST beyond a start."""
    times = tape.steps["time_utc"].to_numpy(dtype="datetime64[s]").astype(float)
    so_far = tape.steps["repaid_usd"].to_numpy(dtype=float)
    total = so_far[-1] - so_far[0]
    if not total > 0:
        return math.nan
    needed = so_far + MOST * total * (1 - 1e-12)  # after step i: a sum's rounding is no debt
    end = np.searchsorted(so_far, needed)
    reached = end < len(so_far)
    return float((times[end[reached]] - times[reached]).min() / 3_600)


def withdrawn_usd(tape: Frames) -> float:
    done = _after_the_opening(tape, WITHDRAWALS)
    return _usd(tape, done[done["verdict"] == "ok"], "result0")


def withdrawals_refused_usd(tape: Frames) -> float:
    """The suppliers of the model ask the protocol only for what cash there is: their own tally says
    what they wanted besides. Everybody else is refused by the protocol.
    """
    tried = _after_the_opening(tape, WITHDRAWALS)
    others = tried["verdict"].isin(_NO_CASH) & (tried["actor"] != SUPPLIERS)
    return float(tape.steps["refused_usd"].iloc[-1]) + _usd(tape, tried[others], "refused")


OF_A_RUN: dict[str, Callable[[Frames], float]] = {
    "bad_debt_usd": bad_debt_usd,
    "liquidated_usd": lambda tape: float(tape.steps["repaid_usd"].iloc[-1]),
    "seized_usd": lambda tape: float(tape.steps["seized_usd"].iloc[-1]),
    "liquidations": lambda tape: float(tape.steps["liquidations"].iloc[-1]),
    "liquidated_accounts": liquidated_accounts,
    "usd_per_liquidation": usd_per_liquidation,
    "liquidations_per_account": liquidations_per_account,
    "busiest_hour_liquidations": busiest_hour_liquidations,
    "hours_of_liquidations": hours_of_liquidations,
    "withdrawn_usd": withdrawn_usd,
    "withdrawals_refused_usd": withdrawals_refused_usd,
    "highest_gas_gwei": lambda tape: float(tape.steps["gas_price_gwei"].max()),
}


# --- of an asset ----------------------------------------------------------------------------------


def bad_debt_tokens(tape: Frames, asset: str) -> float:
    """Written off, and of every account the share of its debt that its collateral does not cover:
    at reference prices, for the oracle's may be what was wrong.

        reported + sum over accounts of debt_A max(0, debt value - collateral value) / debt value

    without what of it was lost before the run.
    """
    last = _last(tape)
    rows = tape.accounts.join(last, on="asset")
    worth, owed = rows["price"] / rows["unit"], rows["debt_end"].astype(float)
    pledged = rows["supplied_end"].astype(float).where(rows["is_collateral"], 0.0)
    debt = (owed * worth).groupby(rows["account"]).sum()
    missing = (debt - (pledged * worth).groupby(rows["account"]).sum()).clip(lower=0.0)
    share = missing / debt.where(debt > 0, 1.0)
    uncovered = (owed * rows["account"].map(share))[rows["asset"] == asset].sum()
    added = last.loc[asset, "reported"] + uncovered - last.loc[asset, "before"]
    return float(max(added, 0.0) / last.loc[asset, "unit"])


def liquidated_tokens(tape: Frames, asset: str) -> float:
    done = _liquidations(tape)
    return _tokens(tape, done[done["asset"] == asset]["result0"], asset)


def seized_tokens(tape: Frames, asset: str) -> float:
    done = _liquidations(tape)
    column = list(dict.fromkeys(tape.assets["asset"])).index(asset)
    return _tokens(tape, done[done["y"] == column]["result1"], asset)


def oracle_price(tape: Frames, asset: str) -> pd.Series[float]:
    """The prices seen; 0 says that the feed was down."""
    seen = _of(tape, asset)["oracle_price_usd"]
    return seen[seen > 0]


def hours_at_full_usage(tape: Frames, asset: str) -> float:
    """Every step counts for the time until the next."""
    times = tape.steps["time_utc"]
    hours = (times.iloc[1] - times.iloc[0]).total_seconds() / 3_600 if len(times) > 1 else 0.0
    return float((_of(tape, asset)["usage"].iloc[1:] >= FULL_USAGE).sum() * hours)


def supply_left(tape: Frames, asset: str) -> float:
    total = _of(tape, asset)["total_assets"]
    return float(total.iloc[-1] / total.iloc[0]) if total.iloc[0] else float("nan")


OF_AN_ASSET: dict[str, Callable[[Frames, str], float]] = {
    "bad_debt_tokens": bad_debt_tokens,
    "liquidated_tokens": liquidated_tokens,
    "seized_tokens": seized_tokens,
    "lowest_price": lambda tape, asset: float(_of(tape, asset)["reference_price_usd"].min()),
    "highest_price": lambda tape, asset: float(_of(tape, asset)["reference_price_usd"].max()),
    "oracle_lowest": lambda tape, asset: float(oracle_price(tape, asset).min()),
    "oracle_highest": lambda tape, asset: float(oracle_price(tape, asset).max()),
    "largest_usage": lambda tape, asset: float(_of(tape, asset)["usage"].max()),
    "hours_at_full_usage": hours_at_full_usage,
    "highest_borrow_rate": lambda tape, asset: float(
        _of(tape, asset)["borrow_rate_per_year"].max()
    ),
    "supply_left": supply_left,
}


# --- rows of the tape -----------------------------------------------------------------------------


def _last(tape: Frames) -> pd.DataFrame:
    """At the end, by asset: price (USD), unit (of a token), reported (bad debt, units) and before
    (what was lost before the run, units).
    """
    rows = tape.assets[tape.assets["step"] == tape.assets["step"].max()].set_index("asset")
    return pd.DataFrame(
        {
            "price": rows["reference_price_usd"].astype(float),
            "unit": 10.0 ** rows["decimals"].astype(float),
            "reported": rows["deficit_reported"].astype(float),
            "before": rows["lost_before"].astype(float),
        }
    )


def _of(tape: Frames, asset: str) -> pd.DataFrame:
    return tape.assets[tape.assets["asset"] == asset]


def _after_the_opening(tape: Frames, kinds: Sequence[str]) -> pd.DataFrame:
    rows = tape.operations
    return rows[rows["kind"].isin(kinds) & (rows["step"] > 0)]


def _liquidations(tape: Frames) -> pd.DataFrame:
    """x, the column `asset`, is the debt and y the collateral; results are repaid and got."""
    rows = _after_the_opening(tape, LIQUIDATIONS)
    return rows[rows["verdict"] == "ok"]


def _tokens(tape: Frames, units: pd.Series[str], asset: str) -> float:
    unit: int = 10 ** int(_of(tape, asset)["decimals"].iloc[0])
    return sum(map(int, units)) / unit


def _usd(tape: Frames, rows: pd.DataFrame, column: str) -> float:
    """Units of each row's asset at the reference price of its step, in USD."""
    priced = rows.merge(
        tape.assets[["step", "asset", "decimals", "reference_price_usd"]], on=["step", "asset"]
    )
    tokens = priced[column].map(int).astype(float) / 10.0 ** priced["decimals"].astype(float)
    return float((tokens * priced["reference_price_usd"]).sum())
