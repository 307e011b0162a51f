"""What a run comes to, in two tables and a line for the terminal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
from rich.table import Table

from sim.measures import parties
from sim.measures.cascade import (
    expected_branching_ratio,
    hours_to_exhaustion,
    rounds,
    spirals,
    toxic,
    unpaid,
)
from sim.measures.expected import withdrawals_refused_usd
from sim.measures.solvency import (
    in_usd,
    largest_usage,
    liquidations,
    losses,
    lowest_health,
    peak_loss,
    solvency_ratio,
    waiting,
)
from sim.report import given
from sim.report.text import clock, owing, tokens, usd
from sim.tape import Frames
from sim.terminal.agents_table import signed

_COLUMNS = {
    "reported": "bad debt",
    "fees": "fees",
    "fund": "fund",
    "suppliers": "suppliers",
    "open": "still open",
    "shortfall": "shortfall",
}
_BARE: dict[str, Any] = {"box": None, "pad_edge": False, "header_style": "bold"}


def summary_table(tape: Frames) -> Table:
    """Liquidations, solvency and the cost of the run: one figure per row."""
    did, usage, lowest = liquidations(tape), largest_usage(tape), lowest_health(tape)
    solvency, run, peak = solvency_ratio(tape), tape.run.iloc[0], peak_loss(tape)
    rows = {
        "peak loss": f"{usd(peak.loss_usd)} at {clock(peak.time_utc)}" if peak.loss_usd else "$0",
        "of it shortfall": usd(peak.shortfall_usd),
        "peak shortfall": usd(peak.largest_shortfall_usd),
        "liquidations": f"{did.number:,}",
        "collateral seized": usd(did.seized_usd),
        "debt repaid": usd(did.repaid_usd),
        "liquidators' profit": f"{usd(did.profit_usd)} after {usd(did.gas_usd)} of gas",
        "solvency ratio": f"{solvency.iloc[-1]:.4%} at the end, {solvency.min():.4%} at the lowest",
        "lowest health factor": "nobody borrowed"
        if lowest is None
        else f"{lowest.value:.3f} at {clock(lowest.time_utc)}",
        "largest usage": f"{usage.value:.1%} of {usage.what} at {clock(usage.time_utc)}",
        "gas used": "not measured by this engine"
        if pd.isna(run["gas_used"])
        else f"{run['gas_used']:,}",
        "wall time": str(timedelta(seconds=round(run["duration_seconds"]))),
    }
    table = Table(show_header=False, padding=(0, 2), **_BARE)
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def loss_table(tape: Frames) -> Table:
    """Bad debt per asset and who bore it, in USD and below in tokens, at the end of the run; beside
    it what was lost before, if anything was.
    """
    lost = losses(tape)
    usd_lost = in_usd(lost)
    hit = [asset for asset in lost.index if lost.loc[asset, ["reported", "shortfall"]].any()]
    part = unfinished(tape)
    whose = given.books_of_run(tape).heading
    if not hit:
        none = f"No bad debt, and no shortfall, {whose}."
        return Table(f"{part}; nothing was lost until then." if part else none, **_BARE)
    title = f"Bad debt, who bore it, and the shortfall not realised yet, {whose}"
    if part:
        title = f"{part}.\n{title}"
    table = Table(title=title, title_justify="left", title_style="", padding=(0, 1), **_BARE)
    table.add_column("asset")
    for name in _COLUMNS.values():
        table.add_column(name, justify="right")
    columns = list(_COLUMNS)
    if lost["before"].any():
        for name, title in (("before", "there before"), ("added", "added")):
            table.add_column(title, justify="right")
            columns.append(name)
    for asset in hit:
        table.add_row(str(asset), *(usd(usd_lost.loc[asset, column]) for column in columns))
        decimals = int(lost.loc[asset, "decimals"])
        amounts = (tokens(lost.loc[asset, column], decimals) for column in columns)
        table.add_row("tokens", *amounts, style="dim")
    if len(hit) > 1:
        table.add_row("total", *(usd(usd_lost[column].sum()) for column in columns), style="bold")
    return table


def cascade_table(tape: Frames) -> Table:
    """How far liquidations drove themselves: one figure per row."""
    worst, did, past = spirals(tape)[0], rounds(tape), toxic(tape)
    hours, refused = hours_to_exhaustion(tape), withdrawals_refused_usd(tape)
    stuck = unpaid(tape)
    by_itself = f"{did.first:,} liquidations, {usd(did.first_usd)} repaid"
    by_sales = f"{did.induced:,} liquidations, {usd(did.induced_usd)} repaid"
    ratio = "no sale left a trace in a reference price"
    if worst.fall_alone < worst.fall:
        by_itself += f"; {worst.asset} fell {worst.fall_alone:.1%}"
        by_sales += f"; {worst.asset} fell {worst.fall:.1%}"
        expected = expected_branching_ratio(tape, worst.asset, max(worst.fall_alone, 0.01))
        ratio = f"{worst.branching_ratio:.3f} of {worst.asset}; by the book {expected:.3f}"
    queue = "blocks have room for all"
    if waited := waiting(tape):
        queue = "nobody waits for room in blocks"
        if waited.largest_backlog:
            queue = (
                f"{waited.calls:,} liquidations waited, {waited.longest_seconds / 60:,.0f} min "
                f"at most; {waited.largest_backlog:,} accounts at {clock(waited.time_utc)}"
            )
    rows = {
        "shock by itself": by_itself,
        "induced by sales": by_sales,
        "branching ratio": ratio,
        "amplification": f"{worst.amplification:.3f}",
        "backlog": queue,
        "time to exhaustion": f"nobody was liquidated{' so far' if unfinished(tape) else ''}"
        if hours is None
        else f"{hours:.1f} hours",
        "toxic accounts": f"{past.alone:,} at most, {past.with_sale:,} with the impact of sales",
        "nobody is paid": f"to liquidate {owing(stuck.accounts, stuck.usd)} at the end",
        "  at the most": owing(stuck.most_accounts, stuck.most_usd),
        "withdrawals refused": f"{usd(refused)} for want of cash",
    }
    table = Table(show_header=False, padding=(0, 2), **_BARE)
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def parties_table(tape: Frames) -> Table:
    """Profit and loss of everyone, and its sum as it comes out of exact integers."""
    table = parties.profit_and_loss(tape)
    shown = Table(
        title="Profit and loss of all parties, at reference prices",
        title_justify="left",
        title_style="",
        padding=(0, 1),
        **_BARE,
    )
    shown.add_column("party")
    for name in ("price moves", "dealings", "profit"):
        shown.add_column(name, justify="right")
    for party, row in parties.in_usd(table).iterrows():
        shown.add_row(str(party), *(signed(float(row[name])) for name in parties.COLUMNS))
    sums = [signed(float(table[name].sum() / parties.PER_USD)) for name in parties.COLUMNS]
    shown.add_row("sum", *sums, style="bold")
    return shown


def unfinished(tape: Frames) -> str | None:
    """How far a run came that did not end, None of one that did: what it did not come to is not
    known, least of all that there is none.
    """
    run = tape.run.iloc[0]
    if run["complete"]:
        return None
    done, total = run["steps_done"], run["steps_total"]
    return f"The run is incomplete: all figures are of {done:,} of {total:,} steps"


def verdict(tape: Frames) -> str:
    """How the run was checked, in one line."""
    run = tape.run.iloc[0]
    line = f"{run['engine']}: {run['operations']:,} operations"
    if run["engine"] == "exact":
        return f"{line} on the twin, none executed on a chain"
    return f"{line}, {run['values_compared']:,} values compared, {run['differences']:,} differ"
