"""What was lost and who paid: the waterfall of a run, and the loss of many paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.measures.clusters import Clusters
from sim.report import series
from sim.report.page.content import Cell, Chart, Table, money, share
from sim.report.page.plot import (
    DASHES,
    Trace,
    band,
    figure,
    line,
    log_share_axis,
    points,
    some,
    usd_axis,
)
from sim.report.sweep_words import levels

_BANDS = ("rgba(0,114,178,0.18)", "rgba(213,94,0,0.16)")
_MOST_ROWS = 40


class Curve(NamedTuple):
    """Of a sweep."""

    name: str
    lost: npt.NDArray[np.float64]
    """Of each path, USD."""
    books: Clusters | None
    """Of each path; None: all of one."""
    table: pd.DataFrame
    """`sim.sweeps.loss_table.loss_table`"""


def exceedance_chart(samples: Sequence[Curve], id: str = "exceedance") -> Chart:
    """P(loss > x) with its band, of one sweep or of several."""
    edge = series.loss_end(*(one.lost for one in samples))
    curves = [(one.name, series.loss_curve(one.lost, one.books, edge)) for one in samples]
    lowest = 0.4 / max(len(one.lost) for one in samples)
    traces: list[Trace] = []
    for n, (name, curve) in enumerate(curves):
        traces += band(
            f"95% band of {name}",
            curve["loss"],
            curve["low"].clip(lower=lowest / 2),
            curve["high"],
            _BANDS[n % len(_BANDS)],
            shape="hv",
        )
        traces.append(
            line(
                name,
                curve["loss"],
                curve["probability"].clip(lower=lowest / 2),
                n,
                line={"shape": "hv", "dash": DASHES[n]},
                hovertemplate="P(loss > %{x:$,.0f}) = %{y:.3%}",
            )
        )
    if len(samples) == 1:
        traces += _levels(samples[0].table)
    return Chart(
        id,
        "Loss exceedance",
        "How likely a loss larger than x is. The band holds the true probability at every point "
        "with 95% confidence; the curve ends where no path lost more.",
        figure(
            traces,
            usd_axis("loss of a path (USD)", range=[0, edge]),
            log_share_axis("probability of a larger loss (%, log scale)", lowest),
        ),
        _exceedance_table(curves),
        height=440,
    )


def _levels(table: pd.DataFrame) -> list[Trace]:
    """VaR as markers on the curve; the legend says ES too."""
    return [
        points(one.said, [one.value], [one.share], n + 1) for n, one in enumerate(levels(table))
    ]


def _exceedance_table(curves: Sequence[tuple[str, pd.DataFrame]]) -> Table:
    rows: list[list[Cell]] = []
    for name, curve in curves:
        for i in some(len(curve) - 1, _MOST_ROWS // len(curves)):
            row = curve.iloc[i]
            shown = [share(row[column], 3) for column in ("probability", "low", "high")]
            rows.append([name, money(row["loss"]), *shown])
    return Table(
        "Loss exceedance: probability of a loss larger than x",
        ["of", "loss x", "probability", "95% from", "95% to"],
        rows,
        note="Evenly spread points of the curve; the losses of all paths are in blocks/.",
    )
