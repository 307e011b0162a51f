"""What was lost and who paid: the waterfall of a run, and the loss of many paths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.measures.clusters import Clusters
from sim.measures.exceedance import exceedance
from sim.report.page.content import NONE, Cell, Chart, Table, money, ratio, share
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
from sim.report.sweep_figure import thinned
from sim.report.sweep_words import levels, losing_assets, times

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
    """`sim.sweeps.losses.loss_table`"""


def reserve_table(assets: pd.DataFrame, below: str = "") -> Table | str:
    """`sim.sweeps.reserves.by_asset`: what each asset loses, and whether it can bear it."""
    if not len(assets):
        return (
            "This sweep was made before losses were kept by asset and at their peak: these are not "
            "shown. Sweep again, into another folder, to have them."
        )
    losing = losing_assets(assets)
    if not losing:
        return "No path lost anything in any asset."
    measures = list(assets.loc[losing[0]].index)
    rows: list[list[Cell]] = []
    for asset in losing:
        for measure in measures:
            row = assets.loc[(asset, measure)]
            known = not math.isnan(row["low"])
            rows.append(
                [
                    f"{asset}: {measure}",
                    _of_asset(row["value"], row["unit"], f"{measure} of {asset}"),
                    _of_asset(row["low"], row["unit"]) if known else NONE,
                    _of_asset(row["high"], row["unit"]) if known else NONE,
                ]
            )
    return Table(
        "Loss by the asset that was owed, and what its reserve can bear",
        ["asset and measure", "value", "95% from", "95% to"],
        rows,
        note="The part of an asset in the ES 99% is its mean loss on the worst hundredth of the "
        "paths of all assets; the parts add up to that ES. Fees and fund: what they bore and have "
        "left, in the mean over paths. Coverage: how many times over fees and fund can bear the "
        f"loss of their asset, or more, on 99% of the paths; below 1, suppliers lose too. {below}",
    )


def _of_asset(value: float, unit: str, name: str = "") -> Cell:
    if unit == "times":
        return ratio(value, 2, name) if math.isfinite(value) else times(value)
    return money(value, name) if math.isfinite(value) else "unbounded"


def exceedance_chart(samples: Sequence[Curve], id: str = "exceedance") -> Chart:
    """P(loss > x) with its band, of one sweep or of several."""
    curves = [(one.name, thinned(exceedance(one.lost, clusters=one.books))) for one in samples]
    edge = max(max(float(one.lost.max()) for one in samples) * 1.05, 1.0)
    lowest = 0.4 / max(len(one.lost) for one in samples)
    traces: list[Trace] = []
    for n, (name, curve) in enumerate(curves):
        curve = pd.concat([curve, curve.tail(1).assign(loss=edge)])
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
        for i in some(len(curve), _MOST_ROWS // len(curves)):
            row = curve.iloc[i]
            shown = [share(row[column], 3) for column in ("probability", "low", "high")]
            rows.append([name, money(row["loss"]), *shown])
    return Table(
        "Loss exceedance: probability of a loss larger than x",
        ["of", "loss x", "probability", "95% from", "95% to"],
        rows,
        note="Evenly spread points of the curve; the losses of all paths are in blocks/.",
    )
