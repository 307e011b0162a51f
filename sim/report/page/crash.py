"""The report of one run: what happened, to whom, who paid, and what else could have happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sim.measures import book as books
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
from sim.report import caveats, given
from sim.report.page import expected, falls, market, provenance
from sim.report.page.content import (
    Cell,
    Page,
    Part,
    Section,
    Table,
    Value,
    count,
    money,
    ratio,
    share,
)
from sim.report.page.losses import waterfall
from sim.report.page.source import Crash
from sim.report.page.timeline import timeline
from sim.report.text import clock, listed, owing, span, usd
from sim.tape import Frames

_BPS = 10_000


def page(source: Crash) -> Page:
    """Everything that a tape says."""
    tape = source.tape
    run = tape.run.iloc[0]
    scenario = books.scenario_of(tape)
    moved = books.moving(tape)
    begun, pools = books.book(tape), books.pools(tape)
    accounts = tape.accounts["account"].nunique()
    length = (tape.steps["time_utc"].iloc[-1] - tape.steps["time_utc"].iloc[0]).total_seconds()
    sections = [
        Section("summary", "Summary", [*summary(tape, moved), key_figures([tape], [""])]),
        Section("cascade", "The cascade", [cascade_table(tape), timeline(tape, moved)]),
        Section("losses", "What was lost, and who paid", [waterfall(tape), parties_table(tape)]),
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


def key_figures(tapes: list[Frames], names: list[str]) -> Table:
    """One figure per row, one run per column."""
    columns = [
        {figure: of_whom(cell, name) for figure, cell in _key_figures(tape).items()}
        for tape, name in zip(tapes, names, strict=True)
    ]
    rows: list[list[Cell]] = [[name, *(column[name] for column in columns)] for name in columns[0]]
    header = ["figure", *(names if len(names) > 1 else ["value"])]
    lines = [f"{name}: {given.of_run(tape)}" for name, tape in zip(names, tapes, strict=True)]
    note = " ".join(lines) if len(names) > 1 else ""
    whose = f", {given.books_of_run(tapes[0]).heading}" if len(names) == 1 else ""
    return Table(f"Key figures of the run{whose}", header, rows, note=note)


def _key_figures(tape: Frames) -> Mapping[str, Cell]:
    total = in_usd(losses(tape)).sum()
    did, solvency, peak = liquidations(tape), solvency_ratio(tape), peak_loss(tape)
    lowest, usage, stuck = lowest_health(tape), largest_usage(tape), unpaid(tape)
    before = {"of both there before the run": money(total["before"], "before_usd")}
    return {
        "bad debt": money(total["reported"], "bad_debt_usd"),
        "shortfall, not realised": money(total["shortfall"], "shortfall_usd"),
        **(before if total["before"] else {}),
        "peak loss: bad debt so far and shortfall": money(peak.loss_usd, "peak_loss_usd"),
        "of it shortfall": money(peak.shortfall_usd, "shortfall_at_peak_usd"),
        "peak shortfall": money(peak.largest_shortfall_usd, "peak_shortfall_usd"),
        "borne by suppliers": money(total["suppliers"], "by_suppliers_usd"),
        "liquidations": count(did.number, "liquidations"),
        "debt repaid by liquidators": money(did.repaid_usd, "repaid_usd"),
        "collateral they took": money(did.seized_usd, "seized_usd"),
        "their profit after gas": money(did.profit_usd, "profit_usd"),
        "gas they paid": money(did.gas_usd, "gas_usd"),
        "accounts nobody is paid to liquidate, at the end": count(stuck.accounts, "unpaid"),
        "what these owe": money(stuck.usd, "unpaid_usd"),
        "the same when they owe most": money(stuck.most_usd, "most_unpaid_usd"),
        "solvency ratio at the end": share(solvency.iloc[-1], 4, "solvency_end"),
        "solvency ratio at the lowest": share(solvency.min(), 4, "solvency_lowest"),
        "lowest health factor": ratio(lowest.value if lowest else None, 3, "lowest_health"),
        "largest usage of an asset": share(usage.value, 1, "largest_usage"),
    }


def figures(tape: Frames) -> dict[str, Value]:
    """Every figure of the summary and of the cascade that there is, by its name."""
    cells = [*_key_figures(tape).values(), *(row[1] for row in cascade_table(tape).rows)]
    return {cell.name: cell for cell in cells if isinstance(cell, Value)}


def of_whom(cell: Cell, name: str) -> Cell:
    """A figure that says whose it is, where there are several."""
    if not name or not isinstance(cell, Value):
        return cell
    return cell._replace(name=f"{cell.name} of {name}")


def cascade_table(tape: Frames) -> Table:
    """What the fall from outside did by itself, what sales added, and how the two hang together."""
    worst, did, past = spirals(tape)[0], rounds(tape), toxic(tape)
    asset, hours, waited = worst.asset, hours_to_exhaustion(tape), waiting(tape)
    expected = expected_branching_ratio(tape, asset, max(worst.fall_alone, 0.01))
    rows: list[list[Cell]] = [
        ["liquidations by the shock itself", count(did.first, "first_round")],
        ["debt repaid in them", money(did.first_usd, "first_round_usd")],
        ["liquidations induced by sales", count(did.induced, "induced")],
        ["debt repaid in these", money(did.induced_usd, "induced_usd")],
        [f"fall of {asset} from outside", share(worst.fall_alone, 1, "fall_alone")],
        [f"fall of {asset} with sales", share(worst.fall, 1, "fall")],
        ["branching ratio", ratio(worst.branching_ratio, 3, "branching_ratio")],
        ["the same by the book at the start", ratio(expected, 3, "expected_branching_ratio")],
        ["amplification", ratio(worst.amplification, 3, "amplification")],
        [
            "hours from the first liquidation to the last",
            "-" if hours is None else ratio(hours, 1, "hours_to_exhaustion"),
        ],
    ]
    if waited:
        rows += [
            ["liquidations that waited for room in blocks", count(waited.calls, "waited")],
            [
                "minutes that the longest waited",
                ratio(waited.longest_seconds / 60, 0, "longest_wait_minutes"),
            ],
            ["accounts that waited at once, at the most", count(waited.largest_backlog, "backlog")],
        ]
    rows += [
        ["accounts past the toxic frontier, at the most", count(past.alone, "toxic")],
        ["the same with the impact of their sale", count(past.with_sale, "toxic_with_sale")],
        [
            "withdrawals refused for want of cash",
            money(withdrawals_refused_usd(tape), "withdrawals_refused_usd"),
        ],
    ]
    return Table(
        "What the shock did by itself, and what liquidations added",
        ["figure", "value"],
        rows,
        note="By itself: accounts that prices without anybody's sales make liquidatable at some "
        "time of the run; induced: all others. Branching ratio: the share of the fall that sales "
        "caused, in logarithms; amplification: the whole fall over that from outside, 1 / (1 - "
        "branching ratio). Without a reference market sales move pools, but no reference price. "
        "Past the toxic frontier a liquidation lowers the health of what is left.",
    )


def parties_table(tape: Frames) -> Table:
    """Profit and loss of everyone, and its sum, which is 0."""
    table = parties.profit_and_loss(tape)
    rows: list[list[Cell]] = [
        [str(party), *(money(float(row[name]), f"{name} of {party}") for name in parties.COLUMNS)]
        for party, row in parties.in_usd(table).iterrows()
    ]
    sums = (float(table[name].sum() / parties.PER_USD) for name in parties.COLUMNS)
    rows.append(["sum", *(money(value) for value in sums)])
    return Table(
        "Profit and loss of all parties, USD at reference prices",
        ["party", "price moves", "dealings", "profit"],
        rows,
        note="Price moves: what a party had at the start, at what its price did; dealings: what "
        "it got from the others less what it gave, at the prices of the end. Who borrows beyond "
        "his collateral leaves the rest of the debt to nobody yet. The outside market brought all "
        "tokens and is the other side of every price move.",
    )


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
    """The vault's configuration, one asset per row."""
    reserves = scenario["protocol"]["reserves"]
    liquidation = scenario["protocol"]["liquidation"]
    names = {
        "ltv_bps": "borrow limit",
        "lt_bps": "liquidation threshold",
        "max_bonus_bps": "largest bonus",
        "liquidation_fee_bps": "fee on the bonus",
    }
    caps = {"supply_cap": "supply cap", "borrow_cap": "borrow cap"}
    rows: list[list[Cell]] = [
        [
            symbol,
            *(share(reserve[field] / _BPS) for field in names),
            *("none" if reserve.get(cap) is None else f"{reserve[cap]:,.0f}" for cap in caps),
            share(scenario["protocol"]["rates"][symbol]["optimal_usage_bps"] / _BPS),
            money(scenario["protocol"]["insurance"]["capital_usd"].get(symbol, 0)),
        ]
        for symbol, reserve in reserves.items()
    ]
    return Table(
        "What the protocol was set to",
        [
            "asset",
            *names.values(),
            *(f"{cap} (tokens)" for cap in caps.values()),
            "kink of the rate",
            "insurance",
        ],
        rows,
        note=f"Liquidation engine {liquidation['engine']}, delay "
        f"{liquidation['delay_seconds']} seconds, dust line ${liquidation['dust_value_usd']:,.0f}.",
    )


def _largest_fall(tape: Frames, symbol: str) -> float:
    prices: pd.Series[float] = tape.assets[tape.assets["asset"] == symbol]["reference_price_usd"]
    return float((1 - prices / prices.cummax()).max())
