"""Cascades: how far liquidations drive themselves, and what that comes to.

Liquidations sell collateral, sales lower its price, a lower price makes more accounts
liquidatable. With Liq(p) the amount that is liquidated once the price has fallen to p, and kappa
the lasting fall of the price per unit sold,

    R = kappa |dLiq / dp|                          branching ratio: fall caused per fall
    fall = shock + R fall = shock / (1 - R)        amplification A = 1 / (1 - R)

and from R = 1 on nothing but the end of the book stops it. R and A of a run are read off its
prices; those of a book are known before anything happens.

Token amounts are in whole tokens, prices and values in USD, all floats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.measures.borrowers import book as opening_book
from sim.measures.borrowers import scenario_of
from sim.protocol.operations import LIQUIDATIONS
from sim.tape import Frames

Floats = npt.NDArray[np.float64]
_BPS, _PERCENT = 10_000, 100


# --- closed forms ---------------------------------------------------------------------------------


def amplification(branching_ratio: float) -> float:
    """Fall of the price per fall from outside, 1 / (1 - R); infinite from R = 1 on."""
    return 1 / (1 - branching_ratio) if branching_ratio < 1 else float("inf")


def branching_ratio(
    prices: npt.ArrayLike, amounts: npt.ArrayLike, kappa: float, high: float, low: float
) -> float:
    """R of a book, kappa (Liq(low) - Liq(high)) / (high - low): its mean between two prices.

    `prices` are the liquidation prices of the accounts, `amounts` what each sells, `kappa` the
    lasting fall in USD per unit sold. In a reference market of depth L (`sim.market.reference`) a
    small sale at price p has kappa = p^2 / L.
    """
    sold = liquidated(prices, amounts, low) - liquidated(prices, amounts, high)
    return kappa * sold / (high - low)


def liquidated(prices: npt.ArrayLike, amounts: npt.ArrayLike, price: float) -> float:
    """Liq(p): what accounts with liquidation prices above `price` sell, a step function."""
    above = np.asarray(prices, dtype=np.float64) > price
    return float(np.asarray(amounts, dtype=np.float64)[above].sum())


class LinearCascade(NamedTuple):
    """What a fall from outside comes to when every sale lowers the price by kappa per unit."""

    prices: Floats
    """After the shock and after every round, falling."""
    first_round: int
    """Accounts liquidated by the shock alone."""
    induced: int
    """Accounts liquidated because others were."""
    amplification: float
    """The whole fall over the fall from outside."""


def linear_cascade(
    prices: npt.ArrayLike, amounts: npt.ArrayLike, kappa: float, start: float, shock: float
) -> LinearCascade:
    """Rounds p_{n+1} = start - shock - kappa Liq(p_n) until nobody is left to liquidate.

    Accounts that are liquidatable at `start` already take no part. Each is liquidated once and
    whole. With an even density of liquidation prices the amplification is 1 / (1 - R) while R < 1
    and the book reaches far enough; a price of 0 ends it.
    """
    at, sells = np.asarray(prices, dtype=np.float64), np.asarray(amounts, dtype=np.float64)
    healthy = at <= start
    order = np.argsort(-at[healthy], kind="stable")
    at, sold = at[healthy][order], np.concatenate([[0.0], np.cumsum(sells[healthy][order])])
    path, gone = [start - shock], int((at > start - shock).sum())
    first = gone
    while True:
        price = max(start - shock - kappa * sold[gone], 0.0)
        path.append(price)
        now = int((at > price).sum())
        if now == gone:
            return LinearCascade(np.array(path), first, gone - first, (start - price) / shock)
        gone = now


def toxic_frontier(bonus: float, collateral_per_reserve: float = 0.0) -> float:
    """Debt over collateral value above which a liquidation lowers health: 1 / ((1+b) (1 + 2 c/R)).

    d ln(C/D) = [1/D - (1 + b)(1 + 2 c/R) / C] dx for a repayment dx. With c / R = 0 the sale does
    not reach the price that counts (Warmuz et al., arXiv:2212.07306); with c the account's
    collateral and R the reserve of it on a constant-product pool it does, at once (McFarlane,
    arXiv:2510.10171). Times LT it is a health factor: HF < LT (1 + b) (1 + 2 c/R).
    """
    return 1 / ((1 + bonus) * (1 + 2 * collateral_per_reserve))


# --- of a book ------------------------------------------------------------------------------------


def liquidatable(tape: Frames, assets: Sequence[str], drops: npt.ArrayLike) -> pd.DataFrame:
    """What can be liquidated of the book at the start after these assets have fallen by each of
    `drops` (0 to 1) at once: accounts, collateral_usd and debt_usd, rows by drop.

    Collateral and debt are those of the accounts with HF < 1, at the prices after the fall.
    """
    book = _Book(tape)
    falling = np.array([symbol in assets for symbol in book.symbols])
    rows = []
    for drop in np.atleast_1d(np.asarray(drops, dtype=np.float64)):
        prices = book.prices[0] * np.where(falling, 1 - drop, 1.0)
        collateral, debt = book.collateral @ prices, book.debt @ prices
        hit = (debt > 0) & (book.opened.weighted(prices) < debt)
        rows.append((drop, int(hit.sum()), collateral[hit].sum(), debt[hit].sum()))
    columns = ["drop", "accounts", "collateral_usd", "debt_usd"]
    return pd.DataFrame(rows, columns=columns).set_index("drop")


def expected_branching_ratio(tape: Frames, asset: str, drop: float) -> float:
    """R of the book at the start for a fall of `asset` by `drop`, in (0, 1), its mean over it.

        R = ln(1 + v / L) / -ln(1 - drop),   L = 100 x depth_usd_per_percent

    with v what accounts which become liquidatable sell, at the price after the fall: all they have
    of the asset, or what their debt and the bonus are worth; each account whole. An estimate from
    above: no liquidation is partial or not worth its gas, and nothing decays. 0 where the reference
    market is deep without bound.
    """
    book, scenario = _Book(tape), scenario_of(tape)
    depth = _depth_usd(scenario, asset)
    if not depth:
        return 0.0
    i = book.symbols.index(asset)
    before, after = book.prices[0], book.prices[0].copy()
    after[i] *= 1 - drop
    owed = book.debt @ after
    now = (owed > 0) & (book.opened.weighted(after) < owed)
    new = now & ~(book.opened.weighted(before) < book.debt @ before)
    bonus = scenario["protocol"]["reserves"][asset]["max_bonus_bps"] / _BPS
    sold = np.minimum(book.collateral[:, i] * after[i], owed * (1 + bonus))[new].sum()
    return float(np.log1p(sold / depth) / -np.log1p(-drop))


def _depth_usd(scenario: Mapping[str, Any], asset: str) -> float:
    """L of an asset's reference market, USD; 0 if it is deep without bound."""
    market = scenario.get("reference_market") or {"assets": {}}
    return _PERCENT * float(market["assets"].get(asset, {}).get("depth_usd_per_percent", 0))


# --- of a run -------------------------------------------------------------------------------------


class Spiral(NamedTuple):
    """The largest fall of an asset's reference price in a run, and how much of it trades caused."""

    asset: str
    start_utc: datetime
    end_utc: datetime
    fall: float
    """1 - lowest / highest price, from the highest to the lowest after it."""
    fall_alone: float
    """The same, of the price without what trades left in it."""

    @property
    def branching_ratio(self) -> float:
        """Fall caused by trades over the whole fall, in logarithms, in which they add up:

        R = 1 - ln(1 - fall_alone) / ln(1 - fall)
        """
        return 1 - 1 / self.amplification

    @property
    def amplification(self) -> float:
        """The whole fall over the fall from outside, in logarithms; infinite if nothing came from
        outside.
        """
        if self.fall == self.fall_alone:
            return 1.0
        if self.fall_alone <= 0:
            return float("inf")
        return float(np.log1p(-self.fall) / np.log1p(-self.fall_alone))


def spirals(tape: Frames) -> list[Spiral]:
    """Of every asset, largest fall caused by trades first.

    The price without them is the reference price over `impact`. That the fall caused is a share R
    of the whole is the definition of the branching ratio solved for what a run shows.
    """
    times = tape.steps.set_index("step")["time_utc"]
    found = []
    for asset, rows in tape.assets.groupby("asset", sort=False):
        price = rows["reference_price_usd"].to_numpy(dtype=np.float64)
        alone = price / rows["impact"].to_numpy(dtype=np.float64)
        end = int((price / np.maximum.accumulate(price)).argmin())
        start = int(price[: end + 1].argmax())
        steps = rows["step"].to_numpy()
        fall, own = 1 - price[end] / price[start], 1 - alone[end] / alone[start]
        found.append(Spiral(str(asset), times[steps[start]], times[steps[end]], fall, own))
    return sorted(found, key=lambda one: one.fall_alone - one.fall)


class Rounds(NamedTuple):
    """Liquidations by what caused them."""

    first: int
    """Of accounts that the fall from outside alone makes liquidatable."""
    induced: int
    """Of accounts that are so only because trades lowered prices."""
    first_usd: float
    """Debt repaid, at the reference prices of the time."""
    induced_usd: float


def rounds(tape: Frames) -> Rounds:
    """First-round and induced liquidations.

    An account counts as first-round if its positions at the start, with interest on the debt, have
    HF < 1 at the oracle's prices over `impact` at some step of the run: sooner or later it would
    have been liquidated without anybody's sales. A feed that lags behind a move of the reference
    price by its deviation threshold may put an account on the wrong side by as much.
    """
    done = _liquidations(tape)
    if done.empty:
        return Rounds(0, 0, 0.0, 0.0)
    book = _Book(tape)
    impact = book.by_step("impact")
    oracle = book.by_step("oracle_price_usd") / impact
    first = pd.Series(True, index=done.index)
    if (impact != 1).any():
        a = done["account"].unique().astype(np.intp)
        collateral = book.opened.weighted(oracle, a)
        debt = (oracle * book.interest()) @ book.debt[a].T
        from_outside = pd.Series((collateral < debt).any(axis=0), index=a)
        first = from_outside.loc[done["account"]].set_axis(done.index)
    usd = done["repaid_usd"]
    return Rounds(int(first.sum()), int((~first).sum()), usd[first].sum(), usd[~first].sum())


def hours_to_exhaustion(tape: Frames) -> float | None:
    """Hours from the first liquidation of the run to the last one; None without any."""
    done = _liquidations(tape)
    if done.empty:
        return None
    times = tape.steps.set_index("step")["time_utc"]
    span: pd.Timedelta = times[done["step"].max()] - times[done["step"].min()]
    return span.total_seconds() / 3600


class Toxic(NamedTuple):
    """The most accounts past the toxic frontier after any step."""

    alone: int
    with_sale: int
    """Where the vault sees the impact of their sale at once."""


def toxic(tape: Frames) -> Toxic:
    """Accounts whose liquidation would lower their health, see `sim.tape.toxic`; the two maxima."""
    return Toxic(int(tape.steps["toxic"].max()), int(tape.steps["toxic_with_sale"].max()))


class Unpaid(NamedTuple):
    """Accounts that nobody is paid to liquidate, see `sim.tape.unpaid`, and what they owe."""

    accounts: int
    """After the last step."""
    usd: float
    most_accounts: int
    """After the step after which they owe most."""
    most_usd: float


def unpaid(tape: Frames) -> Unpaid:
    """Accounts that may be liquidated and whose liquidation would pay no liquidator, in any size of
    any pair: after the last step, and after the one after which they owe most.
    """
    owed = tape.steps["unpaid_usd"]
    end, most = tape.steps.iloc[-1], tape.steps.loc[owed.idxmax()]
    return Unpaid(
        int(end["unpaid"]), float(end["unpaid_usd"]), int(most["unpaid"]), float(most["unpaid_usd"])
    )


def cash_and_usage(tape: Frames) -> pd.DataFrame:
    """Cash in tokens and usage, debt / (cash + debt), after every step; rows by time_utc, columns
    (cash or usage, asset).
    """
    rows = tape.assets.assign(
        cash=tape.assets["cash"].astype(float) / 10.0 ** tape.assets["decimals"].astype(float)
    )
    times = tape.steps.set_index("step")["time_utc"]
    by_step = rows.pivot(index="step", columns="asset", values=["cash", "usage"])
    return by_step.set_axis(pd.Index(times.loc[by_step.index], name="time_utc"), axis=0)


# --- what the tape says ---------------------------------------------------------------------------


class _Book:
    """The book at the start and prices over time, as arrays: accounts x assets, steps x assets."""

    def __init__(self, tape: Frames) -> None:
        self.opened = opened = opening_book(tape)
        self._tape, self.symbols = tape, opened.symbols
        self.collateral, self.debt = opened.collateral, opened.debt
        first = tape.assets[tape.assets["step"] == 0]
        self.units = 10.0 ** first["decimals"].to_numpy(dtype=np.float64)
        self.prices = self.by_step("oracle_price_usd")

    def by_step(self, column: str) -> Floats:
        """A column of table `assets`, (steps, assets)."""
        values: Floats = self._tape.assets[column].to_numpy(dtype=np.float64)
        return values.reshape(-1, len(self.symbols))

    def interest(self) -> Floats:
        """Growth of debt since the start by the rates of every step, (steps, assets)."""
        times = self._tape.steps["time_utc"].to_numpy()
        years = np.diff(times)[:, np.newaxis] / np.timedelta64(365, "D")
        rates = self.by_step("borrow_rate_per_year")[:-1]
        grown: Floats = np.exp(np.cumsum(rates * years, axis=0))
        return np.concatenate([np.ones((1, len(self.symbols))), grown])


def _liquidations(tape: Frames) -> pd.DataFrame:
    """Liquidations that were carried out: step, account, repaid_usd."""
    rows = tape.operations
    done = rows[rows["kind"].isin(LIQUIDATIONS) & (rows["verdict"] == "ok")]
    sizes = tape.assets[["step", "asset", "decimals", "reference_price_usd"]]
    done = done.merge(sizes, on=["step", "asset"], how="left")
    tokens = done["result0"].astype(float) / 10.0 ** done["decimals"].astype(float)
    return (
        done[["step", "account"]]
        .astype(int)
        .assign(repaid_usd=tokens * done["reference_price_usd"])
    )
