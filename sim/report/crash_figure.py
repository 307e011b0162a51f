"""One figure of a run: prices, health of the borrowers, liquidations and gas, and the losses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from sim.measures.solvency import loss_history
from sim.report import series
from sim.report.colours import BLACK, BLUE, GREEN, ORANGE, PURPLE, RED, SKY
from sim.report.figure import STYLE, Picture, log_axis, save, time_axis
from sim.report.text import short_usd, span
from sim.tape import Frames

_ASSET_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, SKY)
_MOVED = 0.02  # an asset whose price never moves this far from its start is not worth a line
_HATCHES = {"suppliers": "....", "shortfall": "////"}
_ORACLE: dict[str, Any] = {"color": BLACK, "lw": 0.9, "ls": (0, (3, 1.5))}


def write_crash_figure(tape: Frames, folder: Path) -> list[Path]:
    """Draw the figure into `folder` as crash.svg and crash.png; their paths."""
    return save(crash_figure(tape), folder, "crash")


def crash_figure(tape: Frames) -> Figure:
    """Four panels over simulated time (UTC) of everything on the tape."""
    with matplotlib.rc_context(STYLE):
        figure = Picture(figsize=(9.5, 11))
        axes = figure.subplots(4, 1, sharex=True)
        figure.subplots_adjust(left=0.09, right=0.725, bottom=0.05, top=0.92, hspace=0.18)
        _prices(axes[0], tape)
        _health(axes[1], tape)
        _liquidations(axes[2], tape)
        _losses(axes[3], tape)
        _time_axis(axes[3], tape)
        figure.align_ylabels(axes)
        figure.suptitle(_title(tape), x=0.01, y=0.985, ha="left", fontsize=11)
        return figure


def _title(tape: Frames) -> str:
    run = tape.run.iloc[0]
    accounts = tape.accounts["account"].nunique()
    facts = [f"{accounts:,} accounts", f"engine {run['engine']}", f"seed {run['seed']}"]
    if not run["complete"]:
        facts.append(f"stopped after {run['steps_done']} of {run['steps_total']} steps")
    return f"{run['title']}\n{', '.join(facts)}"


def _prices(axes: Axes, tape: Frames) -> None:
    """Reference and oracle prices of the assets that move, as an index on a log axis."""
    by_asset = {str(asset): rows for asset, rows in tape.assets.groupby("asset", sort=False)}
    moving = {asset: rows for asset, rows in by_asset.items() if _moves(rows)} or by_asset
    times = tape.steps["time_utc"]
    for (asset, rows), colour in zip(moving.items(), _ASSET_COLOURS, strict=False):
        reference, oracle = series.prices(rows)
        label = f"{asset} (100 = ${rows['reference_price_usd'].iloc[0]:,.2f})"
        axes.plot(times, reference, color=colour, lw=2.4, label=label)
        axes.step(times, oracle, where="post", **_ORACLE)
    axes.plot([], [], label="its oracle price", **_ORACLE)
    doubtful = tape.assets["asset"].isin(list(moving)) & (tape.assets["oracle_status"] != "ok")
    marked = doubtful.groupby(tape.assets["step"]).any().to_numpy(dtype=bool)
    if marked.any():
        axes.fill_between(
            times,
            0,
            1,
            where=marked.tolist(),
            step="post",
            transform=axes.get_xaxis_transform(),
            color="#BBBBBB",
            alpha=0.45,
            lw=0,
            label="an oracle is not ok",
        )
    axes.set_title("Prices")
    axes.set_ylabel("index, start = 100 (log)")
    log_axis(axes, (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9), "{:g}")
    _legend(axes)


def _moves(rows: pd.DataFrame) -> bool:
    prices = rows["reference_price_usd"]
    return bool((prices / prices.iloc[0] - 1).abs().max() > _MOVED)


def _health(axes: Axes, tape: Frames) -> None:
    """Quantiles of the health factors as a fan, the lowest of all, and where liquidation begins."""
    steps, times = tape.steps, tape.steps["time_utc"]
    for low, high, colour in (("p05", "p95", "#CDE3F1"), ("p25", "p75", "#8FC3E3")):
        axes.fill_between(
            times,
            steps[f"health_{low}"].astype(float),
            steps[f"health_{high}"].astype(float),
            color=colour,
            lw=0,
            label=f"{low[1:].lstrip('0')}% to {high[1:]}% of accounts",
        )
    axes.plot(times, series.health(steps, "health_p50"), color=BLUE, lw=1.4, label="median")
    axes.plot(times, series.health(steps, "lowest_health"), color=RED, lw=1, label="lowest")
    axes.axhline(1, color=BLACK, lw=1, ls="--", label="liquidation below 1")
    axes.set_title("Health factor of the accounts with debt")
    axes.set_ylabel("health factor (log)")
    log_axis(axes, (0.1, 0.2, 0.5), "{:g}")
    _legend(axes)


def _liquidations(axes: Axes, tape: Frames) -> None:
    """Debt repaid by liquidators per interval as bars, the gas price as a line."""
    steps = tape.steps
    if bars := series.repaid(steps):
        axes.bar(
            bars.starts,
            bars.usd,
            width=bars.seconds / 86_400,
            align="edge",
            color=BLUE,
            label=f"debt repaid in {span(bars.seconds)}",
        )
    axes.set_title("Liquidations and gas price")
    axes.set_ylabel("repaid (USD)")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_usd(value)))
    gas = axes.twinx()
    gas.plot(steps["time_utc"], steps["gas_price_gwei"], color=ORANGE, lw=1.2, label="gas price")
    gas.set_ylabel("gas price (gwei)")
    gas.set_ylim(bottom=0)
    gas.grid(visible=False)
    gas.spines["right"].set_visible(True)
    _legend(axes, gas)


def _losses(axes: Axes, tape: Frames) -> None:
    """Bad debt so far by who bears it, stacked, and on top what is not realised yet."""
    history = loss_history(tape)
    floor = np.zeros(len(history))
    times = history.index.to_numpy()
    for column, (label, colour) in series.LOSSES.items():
        top, hatch = floor + history[column].to_numpy(), _HATCHES.get(column, "")
        axes.fill_between(
            times, floor, top, step="post", facecolor=colour, hatch=hatch, lw=0, label=label
        )
        floor = top
    axes.plot(times, floor, drawstyle="steps-post", color="#444444", lw=0.6)
    axes.set_title("Bad debt so far, at the prices of the time")
    axes.set_ylabel("bad debt (USD)")
    axes.set_ylim(0, max(float(floor.max()) * 1.05, 1))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_usd(value)))
    _legend(axes, reverse=True)


def _time_axis(axes: Axes, tape: Frames) -> None:
    time_axis(axes)
    times = tape.steps["time_utc"]
    if len(times) > 1:
        axes.set_xlim(times.iloc[0], times.iloc[-1])


def _legend(*axes: Axes, reverse: bool = False) -> None:
    """Right of the panel, where it covers nothing; from top to bottom as the stack is."""
    handles: list[Any] = []
    labels: list[str] = []
    for one in axes:
        found = one.get_legend_handles_labels()
        handles += found[0]
        labels += found[1]
    if reverse:
        handles, labels = handles[::-1], labels[::-1]
    # Beyond the second axis' numbers, in every panel alike.
    axes[0].legend(handles, labels, loc="upper left", bbox_to_anchor=(1.08, 1.02), fontsize=8.5)
