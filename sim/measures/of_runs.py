"""The measures of a run, in the order in which tables show them."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from sim.measures.cascade import expected_branching_ratio, hours_to_exhaustion
from sim.measures.expected import withdrawals_refused_usd
from sim.measures.facts import Facts
from sim.measures.measure import Found, Measure
from sim.measures.solvency import largest_usage, lowest_health


def _before(run: Facts) -> Found:
    return Found(float(run.lost["before"]) or None)


def _peak_loss(run: Facts) -> Found:
    loss = run.peak.loss_usd
    return Found(loss, _clock(run.peak.time_utc) if loss else "")


def _lowest_health(run: Facts) -> Found:
    lowest = lowest_health(run.tape)
    if lowest is None:
        return Found(None, "nobody borrowed")
    return Found(lowest.value, _clock(lowest.time_utc))


def _largest_usage(run: Facts) -> Found:
    usage = largest_usage(run.tape)
    return Found(usage.value, f"{usage.what}, {_clock(usage.time_utc)}")


def _gas_used(run: Facts) -> Found:
    gas = run.run["gas_used"]
    return Found(None, "not measured by this engine") if pd.isna(gas) else Found(int(gas))


def _branching_ratio(run: Facts) -> Found:
    worst = run.spiral
    if worst.fall_alone < worst.fall:
        return Found(worst.branching_ratio, worst.asset)
    return Found(worst.branching_ratio, "no sale left a trace in a reference price")


def _by_the_book(run: Facts) -> Found:
    worst = run.spiral
    ratio = expected_branching_ratio(run.tape, worst.asset, max(worst.fall_alone, 0.01))
    return Found(ratio, worst.asset)


def _hours_to_exhaustion(run: Facts) -> Found:
    hours = hours_to_exhaustion(run.tape)
    so_far = "" if run.run["complete"] else " so far"
    return Found(hours, f"nobody was liquidated{so_far}" if hours is None else "")


def _waited(run: Facts) -> Found:
    waited = run.waiting
    return Found(None, "blocks have room for all") if waited is None else Found(waited.calls)


def _longest_wait(run: Facts) -> Found:
    waited = run.waiting
    return Found(None if waited is None else waited.longest_seconds / 60)


def _backlog(run: Facts) -> Found:
    waited = run.waiting
    if waited is None:
        return Found(None)
    most = waited.largest_backlog
    return Found(most, _clock(waited.time_utc) if most else "")


def _clock(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


OF_RUNS = (
    Measure(
        name="most_debt_usd",
        title="owed at the most",
        unit="USD",
        meaning="all debt after the step after which it was most",
        of_run=lambda run: float(run.tape.steps["debt_usd"].max()),
    ),
    Measure(
        name="bad_debt_usd",
        title="bad debt",
        unit="USD",
        meaning="debt written off because nothing backs it",
        of_run=lambda run: float(run.lost["reported"]),
    ),
    Measure(
        name="shortfall_usd",
        title="shortfall, not realised",
        short="shortfall",
        unit="USD",
        meaning="debt beyond its collateral that nobody has liquidated at the end",
        of_run=lambda run: float(run.lost["shortfall"]),
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
        of_run=lambda run: float(run.lost["suppliers"]),
    ),
    Measure(
        name="liquidations",
        title="liquidations",
        short="liqu.",
        unit="number",
        of_run=lambda run: run.liquidations.number,
    ),
    Measure(
        name="repaid_usd",
        title="debt repaid by liquidators",
        short="debt repaid",
        unit="USD",
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
        of_run=lambda run: run.liquidations.profit_usd,
    ),
    Measure(
        name="gas_usd",
        title="gas they paid",
        unit="USD",
        of_run=lambda run: run.liquidations.gas_usd,
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
        of_run=lambda run: float(run.solvency_ratio.min()),
    ),
    Measure(
        name="lowest_health",
        title="lowest health factor",
        short="lowest health",
        unit="ratio",
        of_run=_lowest_health,
    ),
    Measure(
        name="largest_usage",
        title="largest usage of an asset",
        short="largest usage",
        unit="share",
        digits=1,
        meaning="debt over cash and debt",
        of_run=_largest_usage,
    ),
    Measure(
        name="first_round",
        title="liquidations by the shock itself",
        unit="number",
        table="cascade",
        meaning="of accounts that prices without anybody's sales make liquidatable at some time of "
        "the run",
        of_run=lambda run: run.rounds.first,
    ),
    Measure(
        name="first_round_usd",
        title="debt repaid in them",
        unit="USD",
        table="cascade",
        of_run=lambda run: run.rounds.first_usd,
    ),
    Measure(
        name="induced",
        title="liquidations induced by sales",
        short="induced",
        unit="number",
        table="cascade",
        meaning="those that prices without anybody's sales would not have brought about",
        of_run=lambda run: run.rounds.induced,
    ),
    Measure(
        name="induced_usd",
        title="debt repaid in these",
        unit="USD",
        table="cascade",
        of_run=lambda run: run.rounds.induced_usd,
    ),
    Measure(
        name="fall_alone",
        title="fall from outside",
        unit="share",
        digits=1,
        table="cascade",
        meaning="the largest fall of a price without what trades left in it",
        of_run=lambda run: Found(run.spiral.fall_alone, run.spiral.asset),
    ),
    Measure(
        name="fall",
        title="fall with sales",
        unit="share",
        digits=1,
        table="cascade",
        of_run=lambda run: Found(run.spiral.fall, run.spiral.asset),
    ),
    Measure(
        name="branching_ratio",
        title="branching ratio",
        short="ratio",
        unit="ratio",
        table="cascade",
        meaning="the share of the fall of a price that sales caused, in logarithms",
        of_run=_branching_ratio,
    ),
    Measure(
        name="expected_branching_ratio",
        title="the same by the book at the start",
        unit="ratio",
        table="cascade",
        of_run=_by_the_book,
    ),
    Measure(
        name="amplification",
        title="amplification",
        unit="ratio",
        table="cascade",
        meaning="the whole fall over that from outside, 1 / (1 - branching ratio)",
        of_run=lambda run: run.spiral.amplification,
    ),
    Measure(
        name="hours_to_exhaustion",
        title="from the first liquidation to the last",
        unit="hours",
        digits=1,
        table="cascade",
        of_run=_hours_to_exhaustion,
    ),
    Measure(
        name="waited",
        title="liquidations that waited for room",
        unit="number",
        table="cascade",
        of_run=_waited,
    ),
    Measure(
        name="longest_wait_minutes",
        title="the longest wait",
        unit="minutes",
        table="cascade",
        of_run=_longest_wait,
    ),
    Measure(
        name="backlog",
        title="accounts that waited at once, at most",
        unit="number",
        table="cascade",
        of_run=_backlog,
    ),
    Measure(
        name="toxic",
        title="accounts past the toxic frontier",
        unit="number",
        table="cascade",
        meaning="a liquidation lowers the health of what is left of them",
        of_run=lambda run: Found(run.toxic.alone, "at the most"),
    ),
    Measure(
        name="toxic_with_sale",
        title="the same with the impact of sales",
        unit="number",
        table="cascade",
        of_run=lambda run: Found(run.toxic.with_sale, "at the most"),
    ),
    Measure(
        name="withdrawals_refused_usd",
        title="withdrawals refused for want of cash",
        unit="USD",
        table="cascade",
        of_run=lambda run: withdrawals_refused_usd(run.tape),
    ),
    Measure(
        name="operations",
        title="operations",
        unit="number",
        table="files",
        meaning="refused ones included",
        of_run=lambda run: int(run.run["operations"]),
    ),
    Measure(
        name="values_compared",
        title="values compared",
        unit="number",
        table="files",
        meaning="of twin and contracts; 0 on the twin alone",
        of_run=lambda run: int(run.run["values_compared"]),
    ),
    Measure(
        name="differences",
        title="differ",
        unit="number",
        table="files",
        meaning="values in which chain and twin were not equal",
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
