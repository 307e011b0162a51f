"""The measures of a run, in the order in which tables show them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd

from sim.measures.activity import (
    busiest_hour_liquidations,
    deleveraged_accounts,
    deleveraged_usd,
    hours_of_liquidations,
    liquidated_accounts,
    stuck_usd,
    withdrawn_usd,
)
from sim.measures.borrowers import scenario_of
from sim.measures.brackets import has_tiers, largest_share, powers
from sim.measures.facts import Facts, clock
from sim.measures.measure import Found, Measure
from sim.measures.ratios import largest_cut
from sim.measures.solvency import largest_usage, lowest_health
from sim.tape import Frames


def _before(run: Facts) -> Found:
    return Found(float(run.lost["before"]) or None)


def _peak_loss(run: Facts) -> Found:
    loss = run.peak.loss_usd
    return Found(loss, clock(run.peak.time_utc) if loss else "")


def _lowest_health(run: Facts) -> Found:
    lowest = lowest_health(run.tape)
    if lowest is None:
        return Found(None, "nobody borrowed")
    return Found(lowest.value, clock(lowest.time_utc))


def _largest_usage(run: Facts) -> Found:
    usage = largest_usage(run.tape)
    return Found(usage.value, f"{usage.what}, {clock(usage.time_utc)}")


def _usd_per_liquidation(run: Facts) -> Found:
    did = run.liquidations
    return Found(did.repaid_usd / did.number if did.number else None)


def _liquidations_per_account(run: Facts) -> Found:
    accounts = liquidated_accounts(run.tape)
    return Found(run.liquidations.number / accounts if accounts else None)


def _gas_used(run: Facts) -> Found:
    gas = run.run["gas_used"]
    return Found(None, "not measured by this engine") if pd.isna(gas) else Found(int(gas))


def _if_deleveraging(run: Facts, measure: Callable[[Frames], float]) -> Found:
    """Nothing where the protocol deleverages nobody."""
    on = scenario_of(run.tape)["protocol"].get("deleveraging")
    return Found(measure(run.tape) if on else None)


def _cut(hours: float | None, run: Facts) -> Found:
    """Nothing where there is no steward."""
    steward = scenario_of(run.tape)["protocol"].get("steward")
    return Found(largest_cut(run.tape, hours) if steward else None)


def _kept_back(run: Facts) -> Found:
    seen = powers(run.tape)
    return Found(seen.flat - seen.by_account if has_tiers(run.tape) else None)


def _regained(run: Facts) -> Found:
    seen = powers(run.tape)
    return Found(seen.in_halves - seen.by_account if has_tiers(run.tape) else None)


def _gained_by_owners(run: Facts) -> Found:
    seen = powers(run.tape)
    return Found(seen.by_account - seen.by_owner if has_tiers(run.tape) else None)


def _largest(run: Facts, of: str) -> Found:
    share = largest_share(run.tape)
    return Found(None) if share is None else Found(getattr(share, of), share.asset)


OF_RUNS = (
    Measure(
        name="most_debt_usd",
        title="owed at the most",
        unit="USD",
        meaning="all debt after the step after which it was most",
        suites=frozenset({"more"}),
        of_run=lambda run: float(run.tape.steps["debt_usd"].max()),
    ),
    Measure(
        name="mean_debt_usd",
        title="owed in the mean",
        unit="USD",
        table="files",
        side="benefit",
        meaning="all debt, the mean of what it is after each step",
        of_run=lambda run: float(run.tape.steps["debt_usd"].mean()),
    ),
    Measure(
        name="bad_debt_usd",
        title="bad debt",
        unit="USD",
        meaning="debt written off because nothing backs it",
        suites=frozenset({"summary", "compared"}),
        of_run=lambda run: float(run.lost["reported"]),
    ),
    Measure(
        name="shortfall_usd",
        title="shortfall, not realised",
        short="shortfall",
        unit="USD",
        meaning="debt beyond its collateral that nobody has liquidated at the end",
        suites=frozenset({"summary", "compared"}),
        of_run=lambda run: float(run.lost["shortfall"]),
    ),
    Measure(
        name="loss_usd",
        title="bad debt and shortfall",
        unit="USD",
        table="files",
        meaning="both at the end, without what was there before the run",
        of_run=lambda run: float(run.lost["added"]),
    ),
    Measure(
        name="before_usd",
        title="of both there before the run",
        unit="USD",
        of_run=_before,
    ),
    Measure(
        name="peak_loss_usd",
        title="peak loss",
        short="peak",
        unit="USD",
        meaning="the largest loss after any step, by bad debt so far and shortfall",
        suites=frozenset({"summary", "compared"}),
        of_run=_peak_loss,
    ),
    Measure(
        name="shortfall_at_peak_usd",
        title="of it shortfall",
        unit="USD",
        of_run=lambda run: run.peak.shortfall_usd,
    ),
    Measure(
        name="peak_shortfall_usd",
        title="peak shortfall",
        unit="USD",
        meaning="the largest shortfall after any step",
        of_run=lambda run: run.peak.largest_shortfall_usd,
    ),
    Measure(
        name="by_suppliers_usd",
        title="borne by suppliers",
        unit="USD",
        suites=frozenset({"more"}),
        of_run=lambda run: float(run.lost["suppliers"]),
    ),
    Measure(
        name="liquidations",
        title="liquidations",
        short="liqu.",
        unit="number",
        suites=frozenset({"summary", "compared"}),
        of_run=lambda run: run.liquidations.number,
    ),
    Measure(
        name="repaid_usd",
        title="debt repaid by liquidators",
        short="debt repaid",
        unit="USD",
        suites=frozenset({"more"}),
        of_run=lambda run: run.liquidations.repaid_usd,
    ),
    Measure(
        name="seized_usd",
        title="collateral they took",
        unit="USD",
        of_run=lambda run: run.liquidations.seized_usd,
    ),
    Measure(
        name="profit_usd",
        title="their profit after gas",
        short="liquidators' profit",
        unit="USD",
        suites=frozenset({"more"}),
        of_run=lambda run: run.liquidations.profit_usd,
    ),
    Measure(
        name="gas_usd",
        title="gas they paid",
        unit="USD",
        of_run=lambda run: run.liquidations.gas_usd,
    ),
    Measure(
        name="auto_deleveraged_usd",
        title="debt repaid for collateral by lenders who were stuck",
        short="deleveraged",
        unit="USD",
        meaning="while auto-deleveraging was on: of equal value at oracle prices, without a bonus",
        of_run=lambda run: _if_deleveraging(run, deleveraged_usd),
    ),
    Measure(
        name="auto_deleveraged_accounts",
        title="accounts it was taken of",
        short="deleveraged accounts",
        unit="number",
        of_run=lambda run: _if_deleveraging(run, deleveraged_accounts),
    ),
    Measure(
        name="stuck_usd",
        title="refused to suppliers who stay stuck",
        short="stuck",
        unit="USD",
        meaning="withdrawals for which there was no cash, less what was taken as collateral",
        of_run=lambda run: _if_deleveraging(run, stuck_usd),
    ),
    Measure(
        name="power_usd",
        title="borrowing power at the start",
        unit="USD",
        table="files",
        side="benefit",
        meaning="what could be borrowed against all collateral after the opening",
        of_run=lambda run: powers(run.tape).by_account,
    ),
    Measure(
        name="power_kept_back_usd",
        title="borrowing power that tiers keep back",
        unit="USD",
        meaning="what could be borrowed besides if all collateral counted as its first bracket",
        of_run=_kept_back,
    ),
    Measure(
        name="regained_by_splitting_usd",
        title="of it regained by two accounts each",
        unit="USD",
        meaning="what brackets would let borrow besides, had everyone half of his collateral in an "
        "account more",
        of_run=_regained,
    ),
    Measure(
        name="gained_by_owners_usd",
        title="of it gained by who has several",
        unit="USD",
        meaning="what owners may borrow besides because brackets are of accounts and not of owners",
        of_run=_gained_by_owners,
    ),
    Measure(
        name="largest_account_share",
        title="largest share of an account",
        unit="ratio",
        meaning="of what is pledged of an asset in which shares are limited, after the opening",
        of_run=lambda run: _largest(run, "by_account"),
    ),
    Measure(
        name="largest_owner_share",
        title="largest share of an owner",
        unit="ratio",
        meaning="the same of all accounts of an owner, who is not limited",
        of_run=lambda run: _largest(run, "by_owner"),
    ),
    Measure(
        name="unpaid",
        title="accounts nobody is paid to liquidate",
        unit="number",
        of_run=lambda run: Found(run.unpaid.accounts, "at the end"),
    ),
    Measure(
        name="unpaid_usd",
        title="what these owe",
        unit="USD",
        of_run=lambda run: run.unpaid.usd,
    ),
    Measure(
        name="most_unpaid_usd",
        title="the same when they owe most",
        short="owed by those nobody is paid to liquidate, at the most",
        unit="USD",
        suites=frozenset({"more"}),
        of_run=lambda run: Found(run.unpaid.most_usd, f"accounts: {run.unpaid.most_accounts:,}"),
    ),
    Measure(
        name="solvency_end",
        title="solvency ratio at the end",
        unit="share",
        digits=4,
        meaning="what can be recovered over what suppliers would own without losses",
        of_run=lambda run: float(run.solvency_ratio.iloc[-1]),
    ),
    Measure(
        name="solvency_lowest",
        title="solvency ratio at the lowest",
        short="lowest solvency ratio",
        unit="share",
        digits=4,
        suites=frozenset({"more"}),
        of_run=lambda run: float(run.solvency_ratio.min()),
    ),
    Measure(
        name="lowest_health",
        title="lowest health factor",
        short="lowest health",
        unit="ratio",
        suites=frozenset({"more"}),
        of_run=_lowest_health,
    ),
    Measure(
        name="largest_usage",
        title="largest usage of an asset",
        short="largest usage",
        unit="share",
        digits=1,
        meaning="debt over cash and debt",
        suites=frozenset({"more"}),
        of_run=_largest_usage,
        of_asset=lambda run, asset: float(run.of(asset)["usage"].max()),
    ),
    Measure(
        name="liquidated_accounts",
        title="liquidated accounts",
        unit="number",
        table="files",
        meaning="those that had one liquidation or more",
        of_run=lambda run: liquidated_accounts(run.tape),
    ),
    Measure(
        name="usd_per_liquidation",
        title="debt repaid in a liquidation",
        unit="USD",
        table="files",
        meaning="the mean",
        of_run=_usd_per_liquidation,
    ),
    Measure(
        name="liquidations_per_account",
        title="liquidations per liquidated account",
        unit="ratio",
        table="files",
        meaning="the mean",
        of_run=_liquidations_per_account,
    ),
    Measure(
        name="busiest_hour_liquidations",
        title="liquidations in the busiest hour",
        unit="number",
        table="files",
        meaning="any sixty minutes",
        of_run=lambda run: busiest_hour_liquidations(run.tape),
    ),
    Measure(
        name="hours_of_liquidations",
        title="hours of liquidations",
        unit="hours",
        digits=1,
        table="files",
        meaning="the shortest time in which 9/10 of the debt repaid was repaid",
        of_run=lambda run: Found(hours_of_liquidations(run.tape)),
    ),
    Measure(
        name="withdrawn_usd",
        title="withdrawn",
        unit="USD",
        table="files",
        meaning="taken out after the opening by those who supplied, USD of the time",
        of_run=lambda run: withdrawn_usd(run.tape),
    ),
    Measure(
        name="highest_gas_gwei",
        title="highest gas",
        unit="gwei",
        table="files",
        meaning="price of gas",
        is_input=True,
        of_run=lambda run: float(run.tape.steps["gas_price_gwei"].max()),
    ),
    *(
        Measure(
            name=name,
            title=f"largest cut of a threshold {words}",
            unit="share",
            meaning="set by the steward; it comes into force by and by",
            of_run=partial(_cut, hours),
        )
        for name, words, hours in (
            ("largest_cut_1d", "in a day", 24.0),
            ("largest_cut_5d", "in five days", 120.0),
            ("peak_to_trough", "from the highest to the lowest after it", None),
        )
    ),
    Measure(
        name="operations",
        title="operations",
        unit="number",
        table="files",
        meaning="refused ones included",
        suites=frozenset({"played"}),
        of_run=lambda run: int(run.run["operations"]),
    ),
    Measure(
        name="values_compared",
        title="values compared",
        unit="number",
        table="files",
        meaning="of twin and contracts; 0 on the twin alone",
        suites=frozenset({"played"}),
        of_run=lambda run: int(run.run["values_compared"]),
    ),
    Measure(
        name="differences",
        title="differ",
        unit="number",
        table="files",
        meaning="values in which chain and twin were not equal",
        suites=frozenset({"played"}),
        of_run=lambda run: int(run.run["differences"]),
    ),
    Measure(
        name="gas_used",
        title="gas used",
        unit="number",
        meaning="of all transactions, by their receipts",
        of_run=_gas_used,
    ),
    Measure(
        name="seconds",
        title="wall time",
        short="time",
        unit="seconds",
        of_run=lambda run: float(run.run["duration_seconds"]),
    ),
)
