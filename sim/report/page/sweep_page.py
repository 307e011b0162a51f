"""The report of a sweep: how likely which loss is, and the market and the book behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sim.measures import borrowers as books
from sim.report import caveats, given, series, sweep_tables
from sim.report.page import crash_page, falls, provenance
from sim.report.page import market_costs as market
from sim.report.page.content import Cell, Chart, Page, Part, Section, Table, count, money, share
from sim.report.page.loss_charts import Curve, exceedance_chart
from sim.report.page.plot import COLOURS, Trace, axis, band, figure, line, plain, some, time_axis
from sim.report.page.source import Sweep
from sim.report.sweep_words import scope, split_line
from sim.report.text import sentence, usd
from sim.report.vault_tables import vaults_of_paths
from sim.scenario import Scenario
from sim.sweeps.fan import QUANTILES, Fan
from sim.sweeps.kept import Kept
from sim.sweeps.loss_table import book_of, borne_by, loss_table, loss_usd, variance, worst_paths
from sim.sweeps.plan import Plan
from sim.sweeps.reserves import by_asset
from sim.sweeps.vaults import by_vault
from sim.tape import Frames

_MOST_ROWS = 30
_MOST_PANELS = 6
_MOST_TIMES = 1_000
_SHADES = ("rgba(0,114,178,0.12)", "rgba(0,114,178,0.16)", "rgba(0,114,178,0.24)")


def page(source: Sweep) -> Page:
    """Everything that a sweep says."""
    plan, outcomes = source.plan, source.outcomes
    scenario = plan.scenario
    table = loss_table(outcomes, plan.sampler, scenario.step_seconds)
    bearers = borne_by(outcomes, plan.sampler)
    lost = loss_usd(outcomes)
    document = scenario.model_dump(mode="json")
    books, line = given.books_of_plan(plan), given.of_plan(plan)
    vaults = vaults_of_paths(by_vault(outcomes, plan.sampler))
    risk: list[Part] = [
        sweep_tables.loss_table(table, plan.paths, books, variance(outcomes), line),
        exceedance_chart([Curve(f"{plan.paths:,} paths", lost, book_of(outcomes), table)]),
        sweep_tables.bearer_table(bearers, line),
        sweep_tables.reserve_table(by_asset(outcomes, plan.sampler), line),
        *([vaults] if vaults else []),
        worst_table(outcomes),
    ]
    kept = source.kept
    sections = [
        Section("summary", "Summary", summary(source, table)),
        Section("risk", "How likely which loss is", risk),
        *([_nothing_kept(kept)] if isinstance(kept, str) else _market(kept, plan, document)),
        Section("parameters", "Parameters", [crash_page.parameter_table(document)]),
        provenance.of_sweep(source),
    ]
    subtitle = (
        f"{plan.paths:,} paths of {scenario.steps:,} steps, {books.said}, sampler {plan.sampler}, "
        f"seed of paths {scenario.seed}"
    )
    return Page(scenario.title, "sweep", subtitle, sections)


def _market(kept: Kept, plan: Plan, document: Mapping[str, Any]) -> list[Section]:
    """Prices, the first book and pools, as the sweep began with them."""
    shown, scenario = given.books_of_plan(plan).shown, plan.scenario
    tape, falling = kept.opening, kept.fan.symbols
    begun, pools = books.book(tape), books.pools(tape)
    return [
        Section("prices", "The paths of the prices", fan_charts(scenario, kept.fan)),
        Section(
            "falls",
            "What falls of prices do to this book",
            [
                shown,
                falls.liquidation_chart({"liquidatable at once": (begun, falling)}),
                falls.bad_debt_chart(begun, pools, falling),
            ],
        ),
        Section(
            "liquidity",
            "Liquidity and rates",
            [
                market.slippage_chart(begun, pools, crash_page.bonuses(document, falling)),
                market.depth_table(begun, pools),
                market.rate_chart(
                    crash_page.borrowed(tape, document["protocol"]["rates"]),
                    {"at the start": market.usages(tape)["at the start"]},
                ),
            ],
        ),
        Section(
            "accounts", "The largest accounts", [shown, falls.accounts_table(tape, finished=False)]
        ),
    ]


def _nothing_kept(why: str) -> Section:
    """Why prices, book and pools are not there."""
    said = f"Left out, as are falls of prices, liquidity, rates and accounts: {why}"
    return Section("prices", "The paths of the prices", [said])


def _accounts(tape: Frames) -> int:
    return int(tape.accounts["account"].nunique())


def summary(source: Sweep, table: pd.DataFrame) -> list[Part]:
    """What the sweep says, in plain words."""
    plan, begun, of_debt = source.plan, "", ""
    losing = int((loss_usd(source.outcomes) > 0).sum())
    rows: dict[Any, dict[Any, Any]] = table.to_dict("index")
    chance, mean, tail = (rows[name] for name in ("p_loss", "expected_loss", "es_99"))
    if not isinstance(source.kept, str):
        tape = source.kept.opening
        first = tape.steps.iloc[0]
        of_first = f"In the first of {plan.books:,} books " if plan.books > 1 else ""
        begun = (
            f"{of_first}{_accounts(tape):,} accounts owe {usd(first['debt_usd'])} against "
            f"{usd(first['collateral_usd'])} of collateral. "
        )
        of_debt = f", {mean['value'] / first['debt_usd']:.2%} of the debt"
    said = (
        f"{begun}The scenario was run on {plan.paths:,} price paths "
        f"{given.books_of_plan(plan).heading}, and {losing:,} of them ended with a loss: a chance "
        f"of {chance['value']:.2%} ({chance['low']:.2%} to {chance['high']:.2%})."
    )
    ends = f" ({_interval(mean)})"
    lost = (
        f"On average a path loses {usd(mean['value'])}{ends}{of_debt}. The worst "
        f"hundredth of the paths loses {usd(tail['value'])} on average ({_interval(tail)}). "
        f"Liquidators repay {usd(source.outcomes['repaid_usd'].mean())} of debt on average."
        f"{_peak(rows)}"
        if losing
        else "No path lost anything. That bounds the chance of a loss, not how large one would be."
    )
    binding = caveats.of_scenario(plan.scenario.model_dump(mode="json"))
    binding += caveats.of_paths(source.outcomes, plan.scenario.step_seconds)
    split = variance(source.outcomes)
    over = scope(given.books_of_plan(plan)).partition(": ")[2]
    return [
        said,
        lost,
        f"Intervals in brackets hold with 95% confidence, {over}.",
        *([f"{sentence(split_line(split))}."] if split else []),
        given.of_plan(plan),
        *binding,
    ]


def _peak(rows: Mapping[Any, Mapping[Any, Any]]) -> str:
    """What a path loses at its worst moment; nothing for a sweep that did not keep it."""
    peak = rows.get("peak_loss")
    if peak is None:
        return ""
    return (
        f" At its worst moment a path has lost {usd(peak['value'])} on average "
        f"({_interval(peak)}): the largest bad debt so far and shortfall after any step."
    )


def worst_table(outcomes: pd.DataFrame, most: int = 10) -> Table:
    """The paths that lose most."""
    lost = pd.Series(loss_usd(outcomes), index=outcomes.index)
    rows: list[list[Cell]] = []
    for path in worst_paths(outcomes, most):
        row: dict[Any, Any] = outcomes.loc[path].to_dict()
        rows.append(
            [
                f"path {path:,}",
                money(lost[path], f"loss of {path}"),
                money(row["bad_debt_usd"]),
                money(row["shortfall_usd"]),
                money(row["by_suppliers_usd"]),
                count(row["liquidations"]),
                money(row["repaid_usd"]),
                share(row["largest_usage"], 1),
            ]
        )
    return Table(
        f"The {len(rows)} worst paths",
        [
            "path",
            "loss",
            "bad debt",
            "shortfall",
            "by suppliers",
            "liquidations",
            "repaid",
            "largest usage",
        ],
        rows,
    )


def fan_charts(scenario: Scenario, shown: Fan) -> list[Part]:
    """A chart per asset that moves: quantiles over paths, the named level, the worst path."""
    if not shown.symbols:
        return ["No price moves in this scenario."]
    charts: list[Part] = []
    for i, symbol in enumerate(shown.symbols[:_MOST_PANELS]):
        charts.append(_fan_chart(scenario, shown, i, symbol))
    if len(shown.symbols) > _MOST_PANELS:
        charts.append(f"Not shown: {', '.join(shown.symbols[_MOST_PANELS:])}.")
    return charts


def _fan_chart(scenario: Scenario, shown: Fan, i: int, symbol: str) -> Chart:
    at = plain(series.times(scenario, shown.rows))
    whole = some(len(shown.worst), _MOST_TIMES)
    traces: list[Trace] = []
    for n, (low, high) in enumerate(((0, 6), (1, 5), (2, 4))):
        name = f"{QUANTILES[low]:.0%} to {QUANTILES[high]:.0%} of paths"
        ends = (shown.quantiles[low, :, i], shown.quantiles[high, :, i])
        traces += band(name, at, *ends, _SHADES[n])
    price = "%{x}: $%{y:,.4~g}"
    traces += [
        line("median", at, shown.quantiles[3, :, i], 0, hovertemplate=price),
        line(
            "named level",
            at,
            shown.level[:, i],
            line={"color": "#000000", "dash": "dash", "width": 1.2},
            hovertemplate=price,
        ),
        line(
            f"path {shown.worst_path:,}, the worst",
            plain(series.times(scenario, whole)),
            shown.worst[whole, i],
            line={"color": COLOURS[1], "dash": "solid", "width": 1.2},
            hovertemplate=price,
        ),
    ]
    rows: list[list[Cell]] = [
        [
            at[k][:16],
            *(money(shown.quantiles[q, k, i]) for q in range(len(QUANTILES))),
            money(shown.level[k, i]),
        ]
        for k in some(len(at), _MOST_ROWS)
    ]
    return Chart(
        f"fan-{symbol}",
        f"{symbol}: fan of the paths",
        f"Quantiles of the price of {symbol} over {shown.paths:,} paths at every time, the level "
        "that the scenario names, and the path that loses most.",
        figure(
            traces,
            time_axis(),
            axis(
                "price (USD)", tickprefix="$", tickformat=",~r" if shown.level[0, i] < 10 else ","
            ),
        ),
        Table(
            f"Price of {symbol}, USD: quantiles over paths",
            ["time (UTC)", *(f"{q:.0%}" for q in QUANTILES), "named level"],
            rows,
        ),
    )


def _interval(row: Mapping[str, float]) -> str:
    high = row["high"]
    return f"{usd(row['low'])} to {usd(high)}" if high < float("inf") else "not bounded from above"
