"""The cascade over time: prices, health, liquidations and losses, and a slider through them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sim.measures.positions import liquidation_events
from sim.measures.solvency import loss_history
from sim.report import series
from sim.report.colours import BLUE
from sim.report.page.content import NONE, Cell, Chart, Table, Timeline, count, money, ratio
from sim.report.page.plot import (
    Trace,
    axis,
    figure,
    line,
    log_axis,
    plain,
    plain_number,
    some,
    time_axis,
    usd_axis,
)
from sim.report.text import span, usd
from sim.tape import Frames

_MOST_TIMES = 1_200  # of the slider
_MOST_EVENTS = 12  # named per time
_MOST_ROWS = 40
_HATCHES = {"fees": "-", "fund": "/", "suppliers": ".", "open": "x", "shortfall": "\\"}


def timeline(tape: Frames, moving: list[str]) -> Timeline:
    """Four panels over simulated time, what each moment's numbers are, and what happened then."""
    steps = tape.steps
    rows = _shown(steps)
    at = plain(steps["time_utc"].take(rows))
    return Timeline(
        _chart(tape, moving, rows),
        at,
        _readings(tape, moving, rows),
        _events(tape, rows),
        start=int(np.searchsorted(rows, steps["repaid_usd"].diff().fillna(0).to_numpy().argmax())),
    )


def _shown(steps: pd.DataFrame) -> list[int]:
    """Rows that are drawn: all, or evenly spread ones and the one with the lowest health."""
    rows = some(len(steps), _MOST_TIMES)
    lowest = steps["lowest_health"].astype(float)
    if lowest.notna().any():
        rows = sorted({*rows, int(lowest.argmin())})
    return rows


def _chart(tape: Frames, moving: list[str], rows: list[int]) -> Chart:
    steps = tape.steps.iloc[rows]
    times = plain(steps["time_utc"])
    traces: list[Trace] = []
    for n, symbol in enumerate(moving):
        asset = tape.assets[tape.assets["asset"] == symbol].iloc[rows]
        prices = asset["reference_price_usd"]
        reference, oracle = series.prices(asset)
        traces.append(
            line(
                f"{symbol} (100 = ${prices.iloc[0]:,.4g})",
                times,
                reference,
                n,
                customdata=plain(prices),
                hovertemplate="%{y:.1f} = $%{customdata:,.4g}",
            )
        )
        look = {"color": "#000000", "width": 1, "dash": "dot", "shape": "hv"}
        traces.append(
            line(
                "oracle",
                times,
                oracle,
                line=look,
                showlegend=n == 0,
                legendgroup="oracle",
                hoverinfo="skip",
            )
        )
    for n, (column, name) in enumerate({"health_p50": "median", "lowest_health": "lowest"}.items()):
        values = series.health(steps, column)
        traces.append(line(f"{name} health", times, values, n + 2, yaxis="y2"))
    traces += [*_repaid(tape), line("gas price", times, steps["gas_price_gwei"], 4, yaxis="y5")]
    history = loss_history(tape).iloc[rows]
    for column, (name, colour) in series.LOSSES.items():
        if history[column].any():
            traces.append(
                line(
                    name,
                    times,
                    history[column],
                    yaxis="y4",
                    stackgroup="losses",
                    line={"color": colour, "width": 1, "dash": "solid", "shape": "hv"},
                    fillpattern={
                        "shape": _HATCHES[column],
                        "fgcolor": "#222222",
                        "bgcolor": colour,
                        "size": 7,
                        "solidity": 0.15,
                    },
                )
            )
    gas = axis(
        "gas (gwei)", overlaying="y3", side="right", showgrid=False, tickmode="auto", nticks=5
    )
    del gas["gridcolor"]
    drawn = figure(
        traces,
        time_axis(anchor="y4"),
        log_axis("index (start = 100)", plain_number, domain=[0.79, 1.0]),
        yaxis2=log_axis("health factor", plain_number, domain=[0.53, 0.74]),
        yaxis3=usd_axis("repaid (USD)", domain=[0.27, 0.48]),
        yaxis4=usd_axis("loss (USD)", domain=[0.0, 0.21]),
        yaxis5=gas,
        hovermode="x unified",
        shapes=[
            _rule({"xref": "paper", "x0": 0, "x1": 1, "yref": "y2", "y0": 1, "y1": 1}, "dash"),
            _rule({"x0": times[0], "x1": times[0], "yref": "paper", "y0": 0, "y1": 1}, "solid"),
        ],
    )
    drawn["layout"]["margin"]["r"] = 72
    return Chart(
        "timeline",
        "The cascade, moment by moment",
        "From above: market prices with what the oracle said; the median and the lowest health "
        "factor, which can be liquidated below the dashed line at 1; debt repaid by liquidators "
        "with the gas price; the loss so far: bad debt by who bears it, and shortfall. The slider "
        "below moves the vertical line and shows the numbers of that moment.",
        drawn,
        _table(tape, moving),
        height=760,
    )


def _rule(where: dict[str, object], dash: str) -> dict[str, object]:
    return {"type": "line", "line": {"color": "#000000", "width": 1.2, "dash": dash}, **where}


def _repaid(tape: Frames) -> list[Trace]:
    bars = series.repaid(tape.steps)
    if bars is None:
        return []
    return [
        {
            "type": "bar",
            "name": f"debt repaid in {span(bars.seconds)}",
            "x": plain(bars.starts),
            "y": plain(bars.usd),
            "offset": 0,
            "width": 1_000 * bars.seconds,
            "yaxis": "y3",
            "marker": {"color": BLUE},
            "hovertemplate": "%{y:$,.0f}",
        }
    ]


def _readings(tape: Frames, moving: list[str], rows: list[int]) -> list[tuple[str, list[str]]]:
    steps = tape.steps.iloc[rows]
    found: list[tuple[str, list[str]]] = []
    for symbol in moving:
        asset = tape.assets[tape.assets["asset"] == symbol].iloc[rows]
        texts = [
            f"{_price(market)}, oracle {_price(seen)}" + ("" if status == "ok" else f" ({status})")
            for market, seen, status in zip(
                asset["reference_price_usd"],
                asset["oracle_price_usd"],
                asset["oracle_status"],
                strict=True,
            )
        ]
        found.append((f"{symbol} price", texts))
    health = [NONE if pd.isna(value) else f"{float(value):.3f}" for value in steps["lowest_health"]]
    found += [
        ("lowest health factor", health),
        ("accounts below 1", [f"{value:,}" for value in steps["unhealthy"]]),
        ("gas price", [f"{value:,.0f} gwei" for value in steps["gas_price_gwei"]]),
        ("liquidations so far", [f"{value:,}" for value in steps["liquidations"]]),
        ("debt repaid so far", [usd(value) for value in steps["repaid_usd"]]),
        ("bad debt so far", [usd(value) for value in steps["bad_debt_usd"]]),
        ("shortfall, not realised", [usd(value) for value in steps["shortfall_usd"]]),
    ]
    return found


def _events(tape: Frames, rows: list[int]) -> list[list[str]]:
    """Liquidations since the time before, the largest first."""
    events, columns = liquidation_events(tape), ("name", "repaid_usd", "debt", "collateral")
    slot = np.searchsorted(np.asarray(rows), events["step"].to_numpy())
    found: list[list[str]] = [[] for _ in rows]
    for n in np.unique(slot):
        group = events[slot == n]
        largest = group.sort_values("repaid_usd", ascending=False)
        found[int(n)] = [
            f"{name}: {usd(repaid)} of {debt} repaid for {collateral}"
            for name, repaid, debt, collateral in zip(
                *(largest[c].head(_MOST_EVENTS) for c in columns), strict=True
            )
        ]
        if len(largest) > _MOST_EVENTS:
            found[int(n)].append(f"and {len(largest) - _MOST_EVENTS:,} smaller ones")
    return found


def _table(tape: Frames, moving: list[str]) -> Table:
    rows: list[list[Cell]] = []
    for i in some(len(tape.steps), _MOST_ROWS):
        step = tape.steps.iloc[i]
        prices: list[Cell] = []
        for symbol in moving:
            asset = tape.assets[tape.assets["asset"] == symbol]
            prices.append(_price(asset["reference_price_usd"].iloc[i]))
        lowest = step["lowest_health"]
        rows.append(
            [
                f"{step['time_utc']:%Y-%m-%d %H:%M}",
                *prices,
                ratio(None if pd.isna(lowest) else float(lowest)),
                count(step["unhealthy"]),
                count(step["liquidations"]),
                money(step["repaid_usd"]),
                money(step["bad_debt_usd"]),
                money(step["shortfall_usd"]),
            ]
        )
    return Table(
        "The run over time; evenly spread steps, all of them are in table steps of the tape",
        [
            "time (UTC)",
            *(f"{symbol} price" for symbol in moving),
            "lowest health",
            "accounts below 1",
            "liquidations so far",
            "repaid so far",
            "bad debt so far",
            "shortfall",
        ],
        rows,
    )


def _price(dollars: float) -> str:
    return "none" if not dollars else f"${dollars:,.2f}" if dollars >= 10 else f"${dollars:.4f}"
