"""The market around a book: what selling costs, and what borrowing costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sim.measures.borrowers import Book, Pools
from sim.report.page.content import Cell, Chart, Table, money, share
from sim.report.page.plot import (
    DASHES,
    MARKERS,
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
from sim.report.text import listed, short_usd, usd
from sim.tape import Frames

_BPS = 10_000
_PER_DECADE = 10  # sizes of a sale
_EVERY = 5  # of them in a table
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
    sides = _sides(book, pools, bonuses)
    sales = _sales([side_usd for _, _, side_usd, _ in sides])
    for n, (base, quotes, side_usd, fee) in enumerate(sides):
        impact = 1 - (1 - fee) * side_usd / (side_usd + (1 - fee) * sales)
        name = f"{base} for {' or '.join(quotes)}"
        columns[name] = impact
        traces.append(
            line(
                f"{name} ({short_usd(side_usd)} a side)",
                sales,
                impact,
                n,
                hovertemplate="%{x:$,.0f}: %{y:.2%}",
            )
        )
    lines = _bonus_lines(bonuses, proposed or {})
    for n, (name, bonus) in enumerate(lines.items()):
        look = {"color": "#000000", "width": 1.2, "dash": DASHES[1 + n % (len(DASHES) - 2)]}
        ends = [sales[0], sales[-1]]
        rule = line(name, ends, [bonus, bonus], line=look, hovertemplate=f"{name}<extra></extra>")
        # A mark at its beginning: where several lines are close, the legend tells them apart.
        mark = {"size": 7, "symbol": MARKERS[n % len(MARKERS)], "color": "#000000"}
        traces.append({**rule, "mode": "lines+markers", "marker": mark})
    highest = max([0.05, *lines.values()])
    rows: list[list[Cell]] = [
        [usd(sales[i]), *(share(column[i]) for column in columns.values())]
        for i in range(0, len(sales), _EVERY)
    ]
    return Chart(
        "slippage",
        "Slippage against the liquidation bonus",
        "What a single sale into one pool loses on average against the price before it, fee "
        "included, at the depth the run begins with. The level lines in black are the bonuses: "
        "where a curve crosses that of its asset, seizing and selling at once stops paying.",
        figure(
            traces,
            log_axis("size of the sale (USD, log scale)", short_usd, at=(1,)),
            share_axis("average loss (%)", range=[0, 3 * highest]),
        ),
        Table(
            "Average loss of a sale, share of its worth",
            ["sale", *columns],
            rows,
            note=f"For comparison: {listed(list(lines))}." if lines else "",
        ),
        height=420,
    )


def _sales(sides_usd: list[float]) -> Any:
    """Sizes of a sale, USD: from a thousandth of the smallest side to the largest and beyond."""
    least, most = min(sides_usd, default=1e6) / 1_000, max(sides_usd, default=1e6)
    first, last = np.floor(np.log10(least)), np.ceil(2 * np.log10(most)) / 2
    return np.logspace(first, last, round((last - first) * _PER_DECADE) + 1)


def _bonus_lines(now: Mapping[str, float], proposed: Mapping[str, float]) -> dict[str, float]:
    """Bonuses by what a legend calls them: assets with the same one share a line."""
    lines: dict[float, list[str]] = {}
    for symbol, bonus in now.items():
        when = " now" if symbol in proposed else ""
        lines.setdefault(bonus, []).append(f"{symbol}{when}")
    for symbol, bonus in proposed.items():
        lines.setdefault(bonus, []).append(f"{symbol} proposed")
    return {f"bonus {bonus:.2%}: {', '.join(whose)}": bonus for bonus, whose in lines.items()}


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
    # The second slope is far steeper than anything before the kink: what matters is below it.
    seen, top = [0.01], 0.01
    for n, (names, rates) in enumerate(merged.values()):
        full = float(rate_per_year(rates, 1.0))
        seen.append(3 * float(rate_per_year(rates, rates["optimal_usage_bps"] / _BPS)))
        top = max(top, full)
        traces.append(
            line(
                f"{', '.join(names)} ({full:.0%} at full usage)",
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
        seen += [1.2 * rate for rate in y]
        traces.append(
            points(
                mark,
                x,
                y,
                n + 3,
                text=known,
                hovertemplate="%{text}: usage %{x:.1%}, %{y:.2%} a year",
                marker={"size": 11, "line": {"color": "#222222", "width": 1}},
            )
        )
    rows: list[list[Cell]] = [
        [f"{usage:.0%}", *(share(float(rate_per_year(rates, usage))) for rates in curves.values())]
        for usage in np.linspace(0, 1, 21)
    ]
    stood = [
        f"{mark}: " + ", ".join(f"{k} {v:.1%}" for k, v in at.items() if k in curves)
        for mark, at in marks.items()
    ]
    cut = max(seen) < top
    return Chart(
        "rates",
        "Utilisation and borrow rate",
        "The yearly rate that borrowers pay at every usage, debt over cash and debt. The markers "
        "say where each asset stood: which is which stands below the source table."
        + (" Where a line leaves the chart, the legend says where it ends." if cut else ""),
        figure(
            traces,
            share_axis("usage (%)", range=[0, 1.02]),
            share_axis("borrow rate per year (%)", range=[0, min(max(seen), 1.05 * top)]),
        ),
        Table(
            "Borrow rate per year by usage",
            ["usage", *curves],
            rows,
            note=f"Usage {'; '.join(stood)}." if stood else "",
        ),
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
        [
            name.replace("/", " / ", 1),
            *(money(amount * worth[one]) for one, amount in zip(pair, reserves, strict=True)),
            share(fee),
        ]
        for name, pair, reserves, fee in zip(
            pools.names, pools.pairs, pools.reserves, pools.fees, strict=True
        )
    ]
    return Table(
        "Exit liquidity as the run begins", ["pool", "first side", "second side", "fee"], rows
    )
