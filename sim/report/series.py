"""What a figure and the chart of a page both draw, computed once for the two."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.measures.clusters import Clusters
from sim.measures.exceedance import exceedance
from sim.report.colours import GREEN, ORANGE, RED, SKY
from sim.scenario import Scenario

LOSSES = {
    "fees": ("borne by fees", GREEN),
    "fund": ("borne by the fund", SKY),
    "suppliers": ("borne by suppliers", ORANGE),
    "open": ("still open", RED),
    "shortfall": ("shortfall, not realised", "#BBBBBB"),
}
"""Columns of `sim.measures.solvency.loss_history` as they are stacked, with name and colour."""
_BAR_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440)
_MOST_BARS = 100
_MOST_POINTS = 1_500  # of a curve: more than a page shows


class Bars(NamedTuple):
    """Debt repaid by liquidators, interval by interval."""

    starts: pd.Series
    """When each begins."""
    usd: npt.NDArray[np.float64]
    seconds: int
    """How long each is."""


def prices(asset: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Reference and oracle price over a run as an index, 100 where the reference begins; of the
    rows of one asset on a tape. No number where the oracle has no price.
    """
    reference, oracle = asset["reference_price_usd"], asset["oracle_price_usd"].replace(0, np.nan)
    return 100 * reference / reference.iloc[0], 100 * oracle / reference.iloc[0]


def health(steps: pd.DataFrame, column: str) -> pd.Series:
    """A column of health factors for a log axis: no number where it is 0 or nobody owes."""
    return steps[column].astype(float).replace(0, np.nan)


def repaid(steps: pd.DataFrame) -> Bars | None:
    """Few enough bars to see, a round number of minutes long if there is one; None of a run that
    has done no step.
    """
    times = steps["time_utc"]
    if len(steps) < 2:
        return None
    step_seconds = int((times.iloc[1] - times.iloc[0]).total_seconds())
    width = _bar_steps(len(steps) - 1, step_seconds)
    starts = np.arange(1, len(steps), width)
    sums = np.add.reduceat(steps["repaid_usd"].diff().fillna(0).to_numpy(), starts)
    return Bars(times.iloc[starts - 1], sums, width * step_seconds)


def loss_end(*samples: npt.NDArray[np.float64]) -> float:
    """Where a picture of losses ends, USD: a little beyond the largest."""
    return max(max(float(lost.max()) for lost in samples) * 1.05, 1.0)


def loss_curve(lost: npt.NDArray[np.float64], books: Clusters | None, end: float) -> pd.DataFrame:
    """The exceedance curve of few enough points to draw, and a last one where the picture ends:
    nobody saw a larger loss, which is no end either.
    """
    curve = thinned(exceedance(lost, clusters=books))
    return pd.concat([curve, curve.tail(1).assign(loss=end)])


def thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """A curve of few enough points to draw, the rare end whole: every point kept is one of it."""
    if len(curve) <= _MOST_POINTS:
        return curve
    from_the_end = np.geomspace(1, len(curve), _MOST_POINTS).round().astype(np.int64)
    kept: pd.DataFrame = curve.iloc[np.unique(len(curve) - from_the_end)]
    return kept


def times(scenario: Scenario, steps: Iterable[int]) -> list[datetime]:
    """When steps of a scenario are."""
    return [scenario.start + timedelta(seconds=int(k) * scenario.step_seconds) for k in steps]


def _bar_steps(steps: int, step_seconds: int) -> int:
    """Steps per bar."""
    least = -(-steps // _MOST_BARS)
    for minutes in _BAR_MINUTES:
        if minutes * 60 >= least * step_seconds and minutes * 60 % step_seconds == 0:
            return minutes * 60 // step_seconds
    return least
