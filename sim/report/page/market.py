"""The market around a book: what selling costs, and what borrowing costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sim.measures.book import Book, Pools
from sim.report.page.content import Cell, Chart, Table, money, share
from sim.report.page.plot import (
    Trace,
    figure,
    line,
    log_axis,
    plain,
    points,
    share_axis,
    some,
    time_axis,
)
from sim.report.text import short_usd, usd
from sim.tape import Frames

_BPS = 10_000
_SALES = np.geomspace(1e3, 1e9, 61)  # USD
_EVERY = 5  # of them in a table
_MOST_IMPACT = 0.5
_USAGES = np.linspace(0, 1, 101)
_MOST_ROWS = 40
_MOST_TIMES = 600


def slippage_chart(
    book: Book,
    pools: Pools,
    bonuses: Mapping[str, float],
    proposed: Mapping[str, float] | None = None,
) -> Chart:
    """Average loss of a sale against the price before it, per pool, with the bonus of each asset.

    A constant-product pool with reserve R of what is sold gives for a sale of x, fee f:

        1 - (1 - f) R / (R + (1 - f) x)
    """
    traces: list[Trace] = []
    columns: dict[str, Any] = {}
    for n, (base, quotes, side_usd, fee) in enumerate(_sides(book, pools, bonuses)):
        impact = 1 - (1 - fee) * side_usd / (side_usd + (1 - fee) * _SALES)
        name = f"{base} for {' or '.join(quotes)}"
        columns[name] = impact
        drawn = impact < _MOST_IMPACT
        traces.append(
            line(
                f"{name} ({short_usd(side_usd)} a side)",
                _SALES[drawn],
                impact[drawn],
                n,
                hovertemplate="%{x:$,.0f}: %{y:.2%}",
            )
        )
    rules, notes = [], []
    by_bonus: dict[tuple[float, str], list[str]] = {}
    for when, those in (("", bonuses), (" as proposed", proposed or {})):
        for symbol, bonus in those.items():
            by_bonus.setdefault((bonus, when), []).append(symbol)
    for (bonus, when), symbols in by_bonus.items():
        rules.append(
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": bonus,
                "y1": bonus,
                "line": {"color": "#000000", "width": 1.5, "dash": "dot" if when else "dash"},
            }
        )
        notes.append(
            {
                "xref": "paper",
                "x": 0.6 if when else 0.01,
                "y": bonus,
                "yanchor": "bottom",
                "xanchor": "right" if when else "left",
                "showarrow": False,
                "text": f"bonus {', '.join(symbols)} {bonus:.2%}{when}",
            }
        )
    rows: list[list[Cell]] = [
        [usd(_SALES[i]), *(share(column[i]) for column in columns.values())]
        for i in range(0, len(_SALES), _EVERY)
        if not columns or min(column[i] for column in columns.values()) < _MOST_IMPACT
    ]
    return Chart(
        "slippage",
        "Slippage against the liquidation bonus",
        "What a single sale into one pool loses on average against the price before it, fee "
        "included, at the depth the run begins with. Where a curve crosses its asset's dashed "
        "bonus line, seizing and selling at once stops paying.",
        figure(
            traces,
            log_axis("size of the sale (USD, log scale)", short_usd),
            share_axis("average loss (%)", range=[0, 0.3]),
            shapes=rules,
            annotations=notes,
        ),
        Table("Average loss of a sale, share of its worth", ["sale", *columns], rows),
        height=420,
    )


def _sides(
    book: Book, pools: Pools, bonuses: Mapping[str, float]
) -> list[tuple[str, list[str], float, float]]:
    """What is sold, for what, worth of the pool's side in USD and fee; equal pools as one."""
    worth = dict(zip(book.symbols, book.prices, strict=True))
    found: dict[tuple[str, int, float], list[str]] = {}
    for pair, reserves, fee in zip(pools.pairs, pools.reserves, pools.fees, strict=True):
        for side in (0, 1):
            base, quote = pair[side], pair[1 - side]
            # Of two that have a bonus the first is what is sold.
            if base in bonuses and (side == 0 or quote not in bonuses):
                side_usd = round(reserves[side] * worth[base])
                found.setdefault((base, side_usd, float(fee)), []).append(quote)
    return [(base, quotes, side_usd, fee) for (base, side_usd, fee), quotes in found.items()]


def rate_per_year(rates: Mapping[str, Any], usage: Any) -> Any:
    """The borrow rate at a usage: base, first slope up to the kink, second slope beyond it."""
    kink = rates["optimal_usage_bps"] / _BPS
    base, first, second = (
        rates[name] / _BPS for name in ("base_rate_bps", "slope1_bps", "slope2_bps")
    )
    below = base + first * np.minimum(usage, kink) / kink
    return below + second * np.maximum(np.asarray(usage) - kink, 0) / (1 - kink)


def rate_chart(
    curves: Mapping[str, Mapping[str, Any]], marks: Mapping[str, Mapping[str, float]]
) -> Chart:
    """Rate curves by name, and usages to mark on them: name of the mark -> curve -> usage.

    Curves that are equal are drawn once.
    """
    merged: dict[str, tuple[list[str], Mapping[str, Any]]] = {}
    for name, rates in curves.items():
        merged.setdefault(repr(sorted(rates.items())), ([], rates))[0].append(name)
    traces: list[Trace] = []
    for n, (names, rates) in enumerate(merged.values()):
        traces.append(
            line(
                ", ".join(names),
                _USAGES,
                rate_per_year(rates, _USAGES),
                n,
                hovertemplate="usage %{x:.0%}: %{y:.2%} a year",
            )
        )
    for n, (mark, usages) in enumerate(marks.items()):
        known = [name for name in usages if name in curves]
        x = [usages[name] for name in known]
        y = [float(rate_per_year(curves[name], usages[name])) for name in known]
        traces.append(
            points(mark, x, y, n + 3, text=known, hovertemplate="%{text}: %{x:.1%}, %{y:.2%}")
        )
    rows: list[list[Cell]] = [
        [f"{usage:.0%}", *(share(float(rate_per_year(rates, usage))) for rates in curves.values())]
        for usage in np.linspace(0, 1, 21)
    ]
    return Chart(
        "rates",
        "Utilisation and borrow rate",
        "The yearly rate that borrowers pay at every usage, debt over cash and debt. The markers "
        "say where each asset stood.",
        figure(
            traces,
            share_axis("usage (%)", range=[0, 1.02]),
            share_axis("borrow rate per year (%)", rangemode="tozero"),
        ),
        Table("Borrow rate per year by usage", ["usage", *curves], rows),
    )


def usage_chart(tape: Frames) -> Chart:
    """Usage of every asset that is borrowed, over simulated time."""
    traces: list[Trace] = []
    columns: dict[str, list[float]] = {}
    shown = some(len(tape.steps), _MOST_TIMES)
    times = plain(tape.steps["time_utc"].take(shown))
    for asset, rows in tape.assets.groupby("asset", sort=False):
        usage = rows["usage"].astype(float)
        if usage.max() > 0:
            columns[str(asset)] = usage.tolist()
            traces.append(
                line(
                    str(asset),
                    times,
                    usage.take(shown),
                    len(traces),
                    hovertemplate="%{x}: %{y:.1%}",
                )
            )
    rows_: list[list[Cell]] = [
        [
            f"{tape.steps['time_utc'].iloc[i]:%Y-%m-%d %H:%M}",
            *(share(column[i], 1) for column in columns.values()),
        ]
        for i in some(len(tape.steps), _MOST_ROWS)
    ]
    return Chart(
        "usage",
        "Utilisation over time",
        "Debt over cash and debt of every asset that is borrowed. At 100% nobody can withdraw.",
        figure(traces, time_axis(), share_axis("usage (%)", rangemode="tozero")),
        Table("Usage", ["time (UTC)", *columns], rows_),
        height=320,
    )


def usages(tape: Frames) -> dict[str, dict[str, float]]:
    """Usage at the start, at its largest and at the end, by asset."""
    steps = {"at the start": "first", "largest": "max", "at the end": "last"}
    by_asset = tape.assets.astype({"usage": float}).groupby("asset", sort=False)["usage"]
    return {
        name: {str(asset): float(usage) for asset, usage in by_asset.agg(which).items()}
        for name, which in steps.items()
    }


def depth_table(book: Book, pools: Pools) -> Table:
    """What each pool holds as the run begins."""
    worth = dict(zip(book.symbols, book.prices, strict=True))
    rows: list[list[Cell]] = [
        [f"{a} / {b}", money(reserves[0] * worth[a]), money(reserves[1] * worth[b]), share(fee)]
        for (a, b), reserves, fee in zip(pools.pairs, pools.reserves, pools.fees, strict=True)
    ]
    return Table(
        "Exit liquidity as the run begins", ["pool", "first side", "second side", "fee"], rows
    )
