"""Two figures of a sweep: how likely which loss is, and the prices it was exposed to."""

from __future__ import annotations

import textwrap
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from sim.measures.clusters import Clusters
from sim.report import series
from sim.report.colours import BLACK, BLUE, FAN, ORANGE, PURPLE, RED
from sim.report.figure import STYLE, Picture, save, time_axis
from sim.report.sweep_words import levels
from sim.report.text import short_usd
from sim.scenario import Scenario
from sim.sweeps.fan import MOST_PATHS, QUANTILES, Fan

_MOST_PANELS = 4
_LETTERS = 150  # in a line below the axes


def write_loss_figure(
    losses: np.ndarray[tuple[int], np.dtype[np.float64]],
    table: pd.DataFrame,
    title: str,
    folder: Path,
    books: Clusters | None = None,
    given: str = "",
) -> list[Path]:
    """Draw the exceedance curve into `folder` as losses.svg and losses.png; their paths."""
    return save(loss_figure(losses, table, title, books, given), folder, "losses")


def write_fan_figure(
    scenario: Scenario, shown: Fan, worst: int, loss_usd: float, title: str, folder: Path
) -> list[Path]:
    """Draw the fan of the prices into `folder` as prices.svg and prices.png; their paths."""
    return save(fan_figure(scenario, shown, worst, loss_usd, title), folder, "prices")


def loss_figure(
    losses: np.ndarray[tuple[int], np.dtype[np.float64]],
    table: pd.DataFrame,
    title: str,
    books: Clusters | None = None,
    given: str = "",
) -> Figure:
    """P(loss > x) over x in USD on a log axis, with its band, and VaR and ES of the loss table;
    `books` are the numbers of the paths' books, `given` what all of it is conditional on.
    """
    edge, n = series.loss_end(losses), len(losses)
    curve = series.loss_curve(losses, books, edge)
    with matplotlib.rc_context(STYLE):
        figure = Picture(figsize=(9.5, 5.2))
        axes = figure.subplots()
        figure.subplots_adjust(left=0.09, right=0.97, bottom=0.14, top=0.89)
        axes.set_yscale("log")
        lowest = 0.4 / n
        axes.fill_between(
            curve["loss"],
            curve["low"].clip(lower=lowest),
            curve["high"],
            step="post",
            color=FAN[1],
            lw=0,
            label="95% confidence, point by point",
        )
        # The largest loss is exceeded by no path: there the curve leaves the page.
        axes.step(
            curve["loss"],
            curve["probability"].clip(lower=lowest / 2),
            where="post",
            color=BLUE,
            lw=1.8,
            label=f"{n:,} paths",
        )
        _mark_levels(axes, table)
        axes.set_ylim(lowest, 1.3)
        axes.set_xlim(0, edge)
        axes.set_xlabel("loss of a path: bad debt and shortfall at its end (USD)")
        axes.set_ylabel("probability of a larger loss (log)")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_usd(value)))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(_share))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.legend(loc="lower left")
        figure.suptitle(title, x=0.01, y=0.98, ha="left", fontsize=11)
        figure.text(0.01, 0.01, textwrap.fill(given, _LETTERS), fontsize=8)
        return figure


def fan_figure(scenario: Scenario, shown: Fan, worst: int, loss_usd: float, title: str) -> Figure:
    """A panel per asset that moves: quantiles over paths, the named level, the worst path."""
    times = series.times(scenario, shown.rows)
    all_times = series.times(scenario, range(scenario.steps + 1))
    panels = min(len(shown.symbols), _MOST_PANELS)
    with matplotlib.rc_context(STYLE):
        figure = Picture(figsize=(9.5, 1.6 + 3.1 * max(panels, 1)))
        axes = np.atleast_1d(figure.subplots(max(panels, 1), 1, sharex=True))
        figure.subplots_adjust(left=0.09, right=0.745, bottom=0.08, top=0.9, hspace=0.14)
        for i, axis in enumerate(axes[:panels]):
            for band, (low, high) in enumerate(((0, 6), (1, 5), (2, 4))):
                axis.fill_between(
                    times,
                    shown.quantiles[low, :, i],
                    shown.quantiles[high, :, i],
                    color=FAN[band],
                    lw=0,
                    label=f"{QUANTILES[low]:.0%} to {QUANTILES[high]:.0%} of paths",
                )
            axis.plot(times, shown.quantiles[3, :, i], color=BLUE, lw=1.4, label="median")
            dashes = (0, (3, 1.5))
            axis.plot(times, shown.level[:, i], color=BLACK, lw=0.9, ls=dashes, label="named level")
            label = f"path {worst:,}, the worst:\nloses {short_usd(loss_usd)}"
            axis.plot(all_times, shown.worst[:, i], color=RED, lw=0.9, label=label)
            axis.set_title(shown.symbols[i])
            axis.set_ylabel("price (USD)")
            axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        if panels:
            axes[0].legend(loc="upper left", bbox_to_anchor=(1.02, 1.02), fontsize=8.5)
            axes[0].set_xlim(all_times[0], all_times[-1])
        else:
            axes[0].set_title("No price moves.")
        time_axis(axes[-1])
        figure.align_ylabels(axes)
        if len(shown.symbols) > panels > 0:
            title += f"; {', '.join(shown.symbols[panels:])} not shown"
        if shown.paths == MOST_PATHS:
            title += f"; quantiles of the first {shown.paths:,} paths"
        figure.suptitle(title, x=0.01, y=0.985, ha="left", fontsize=11)
        return figure


def _mark_levels(axes: Axes, table: pd.DataFrame) -> None:
    """VaR on the curve, and what is lost on average beyond it."""
    marks = zip(("o", "s", "D"), (ORANGE, PURPLE, RED), strict=True)
    for one, (marker, colour) in zip(levels(table), marks, strict=False):
        axes.plot([one.value], [one.share], marker, color=colour, ms=6, label=one.said)


def _share(probability: float, _: object) -> str:
    return f"{100 * probability:.3g}%"
