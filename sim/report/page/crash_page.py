"""The report of one run: what happened, to whom, who paid, and what else could have happened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
from pydantic.fields import FieldInfo

from sim.measures import borrowers as books
from sim.measures import registry
from sim.measures.cascade import (
    rounds,
    spirals,
    unpaid,
)
from sim.measures.solvency import (
    in_usd,
    liquidations,
    losses,
    peak_loss,
)
from sim.report import caveats, given
from sim.report.page import falls, provenance
from sim.report.page import market_costs as market
from sim.report.page import published_section as expected
from sim.report.page.content import (
    Cell,
    Page,
    Part,
    Section,
    Table,
    money,
    share,
)
from sim.report.page.source import Crash
from sim.report.page.timeline import timeline
from sim.report.run_tables import cascade_table, figures_table, loss_table, parties_table
from sim.report.text import clock, listed, owing, short_usd, span, usd
from sim.report.vault_tables import vault_table
from sim.schema.deployment import Reserve
from sim.tape import Frames

_BPS = 10_000
_SELDOM = ("tiers", "concentration_bps", "concentration_floor_usd")
"""Parameters that are shown where a reserve has one."""


def page(source: Crash) -> Page:
    """Everything that a tape says."""
    tape = source.tape
    run = tape.run.iloc[0]
    scenario = books.scenario_of(tape)
    moved, figures = books.moving(tape), registry.found(tape)
    begun, pools = books.book(tape), books.pools(tape)
    accounts = tape.accounts["account"].nunique()
    length = (tape.steps["time_utc"].iloc[-1] - tape.steps["time_utc"].iloc[0]).total_seconds()
    sections = [
        Section("summary", "Summary", [*summary(tape, moved), figures_table(tape, figures)]),
        Section("cascade", "The cascade", [cascade_table(figures), timeline(tape, moved)]),
        Section("losses", "What was lost, and who paid", _lost(tape)),
        Section(
            "falls",
            "What falls of prices do to this book",
            [
                falls.liquidation_chart({"liquidatable at once": (begun, moved)}, tape),
                falls.bad_debt_chart(begun, pools, moved),
            ],
        ),
        Section(
            "liquidity",
            "Liquidity and rates",
            [
                market.slippage_chart(begun, pools, bonuses(scenario, moved)),
                market.depth_table(begun, pools),
                market.rate_chart(
                    borrowed(tape, scenario["protocol"]["rates"]), market.usages(tape)
                ),
                market.usage_chart(tape),
            ],
        ),
        Section("accounts", "The largest accounts", [falls.accounts_table(tape)]),
        *expected.sections(tape, scenario),
        Section("parameters", "Parameters", [parameter_table(scenario)]),
        provenance.of_crash(source),
    ]
    subtitle = (
        f"{accounts:,} accounts, {span(length)} of simulated time from "
        f"{clock(tape.steps['time_utc'].iloc[0])}, engine {run['engine']}, seed {run['seed']}"
    )
    return Page(str(run["title"]), "crash", subtitle, sections)


def summary(tape: Frames, moved: list[str]) -> list[Part]:
    """What happened, in plain words."""
    total = in_usd(losses(tape)).sum()
    did = liquidations(tape)
    first = tape.steps.iloc[0]
    fell = [
        f"{symbol} fell by {fall:.0%}"
        for symbol in moved
        if (fall := _largest_fall(tape, symbol)) >= 0.005
    ]
    worst, by_cause = spirals(tape)[0], rounds(tape)
    spiral = (
        f" Their sales took part in the fall: without them {worst.asset} would have been down by "
        f"{worst.fall_alone:.1%} instead of {worst.fall:.1%} when it was lowest, and "
        f"{by_cause.induced:,} of these liquidations would not have come about."
        if worst.fall_alone < worst.fall
        else ""
    )
    reported, missing, added = (float(total[name]) for name in ("reported", "shortfall", "added"))
    said = (
        f"{tape.accounts['account'].nunique():,} accounts owed {usd(first['debt_usd'])} against "
        f"{usd(first['collateral_usd'])} of collateral when the run began. "
        + (f"From the highest to the lowest price after it, {listed(fell)}. " if fell else "")
        + f"Liquidators acted {did.number:,} times, repaid {usd(did.repaid_usd)} of debt and "
        f"took {usd(did.seized_usd)} of collateral for it.{spiral}"
    )
    if reported:
        borne = {
            "accrued fees": total["fees"],
            "the insurance fund": total["fund"],
            "suppliers": total["suppliers"],
            "nobody yet": total["open"],
        }
        paid = listed(
            [f"{usd(value)} by {name}" for name, value in borne.items() if round(value, 2) > 0]
        )
        lost = f"Of the debt, {usd(reported)} could not be paid by anything and was borne: {paid}."
    else:
        lost = "No debt had to be written off."
    if missing:
        lost += (
            f" At the end another {usd(missing)} of debt exceeded its collateral and had not been "
            "liquidated: it may recover, or become bad debt."
        )
    peak = peak_loss(tape)
    if before := float(total["before"]):
        lost += f" Of this {usd(before)} was lost before the run, which added {usd(added)}."
    if peak.loss_usd > added:
        lost += (
            f" It was worst at {clock(peak.time_utc)}: {usd(peak.loss_usd)}, of which "
            f"{usd(peak.shortfall_usd)} was shortfall, some of it covered since."
        )
    stuck = unpaid(tape)
    left = []
    if stuck.accounts:
        left.append(
            f"At the end nobody is paid to liquidate {owing(stuck.accounts, stuck.usd)}: they may "
            "be liquidated, but on no pair of a debt and a collateral, in no size, would a "
            "liquidator of this run gain its gas and the profit it wants."
        )
    return [said, lost, *left, given.of_run(tape), *caveats.of_run(tape)]


def _lost(tape: Frames) -> list[Part]:
    vaults = vault_table(tape)
    return [loss_table(tape), *([vaults] if vaults else []), parties_table(tape)]


def bonuses(scenario: Mapping[str, Any], symbols: list[str]) -> dict[str, float]:
    """The largest liquidation bonus of those that are collateral, a fraction."""
    reserves = scenario["protocol"]["reserves"]
    return {
        symbol: reserves[symbol]["max_bonus_bps"] / _BPS
        for symbol in symbols
        if reserves[symbol]["collateral_enabled"]
    }


def borrowed(tape: Frames, rates: Mapping[str, Any]) -> dict[str, Any]:
    """The rate curves of the assets that somebody owes."""
    owed = tape.assets.groupby("asset", sort=False)["usage"].max()
    return {symbol: rates[symbol] for symbol in rates if float(owed.get(symbol, 0)) > 0}


def parameter_table(scenario: Mapping[str, Any]) -> Table:
    """The vault's configuration, a parameter of its declaration per row, an asset per column."""
    protocol = scenario["protocol"]
    reserves, liquidation = protocol["reserves"], protocol["liquidation"]
    rows: list[list[Cell]] = [
        [_said(field), *(_setting(name, one.get(name)) for one in reserves.values())]
        for name, field in Reserve.model_fields.items()
        if name not in _SELDOM or any(one.get(name) for one in reserves.values())
    ]
    kinks = (protocol["rates"][symbol]["optimal_usage_bps"] for symbol in reserves)
    rows.append(["kink of the rate", *(share(kink / _BPS) for kink in kinks)])
    calls = liquidation.get("margin_call_health")  # not there where it was not known yet
    capital = protocol["insurance"]["capital_usd"]
    rows.append(["insurance", *(money(capital.get(symbol, 0)) for symbol in reserves)])
    return Table(
        "What the protocol was set to",
        ["parameter", *reserves],
        rows,
        note=f"Caps are in tokens. Liquidation engine {liquidation['engine']}, delay "
        f"{liquidation['delay_seconds']} seconds, dust line ${liquidation['dust_value_usd']:,.0f}"
        f"{f', margin calls below a health of {calls:g}' if calls else ''}."
        f"{_differing(protocol.get('vaults') or {})}",
    )


def _differing(vaults: Mapping[str, Any]) -> str:
    """What several vaults do otherwise, a sentence each."""
    said = ""
    for name, one in vaults.items():
        takes, lends = (
            "all" if one[side] is None else listed(one[side]) for side in ("collateral", "borrow")
        )
        parts = [f"collateral {takes}", f"lends {lends}"]
        parts += [f"{key} {one[key]}" for key in ("reserves", "liquidation", "feeds") if one[key]]
        parts += [f"draws at most {cap:,.0f} {asset}" for asset, cap in one["draw_caps"].items()]
        said += f" Vault {name}: {', '.join(parts)}."
    return said


def _said(field: FieldInfo) -> str:
    """What a parameter is: its description without unit and range."""
    return re.split(r"[,;]", (field.description or "").removeprefix("true: "))[0]


def _setting(name: str, value: Any) -> Cell:
    """The value of a parameter."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        tiers = (f"{share(t['lt_bps'] / _BPS)} above {short_usd(t['above_usd'])}" for t in value)
        return ", ".join(tiers) or "none"
    return share(value / _BPS) if name.endswith("_bps") else f"{value:,.0f}"


def _largest_fall(tape: Frames, symbol: str) -> float:
    prices: pd.Series[float] = tape.assets[tape.assets["asset"] == symbol]["reference_price_usd"]
    return float((1 - prices / prices.cummax()).max())
