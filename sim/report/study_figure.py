"""A figure of a search: what was tried, the front, and what it recommends."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from sim.report.colours import BLACK, BLUE, ORANGE
from sim.report.figure import STYLE, Picture
from sim.report.text import sentence, short_usd
from sim.tuning.result import Measure, Trial, TuningResult

_GREY = "#888888"


def study_figure(result: TuningResult) -> Figure:
    """Every trial at its first benefit and each harm, with 95% intervals of the front; the current
    and the recommended setting. With one objective the trials in order.
    """
    pairs = result.pairs()
    with matplotlib.rc_context(STYLE):
        figure = Picture(figsize=(9.5, 4.2 * max(1, len(pairs))), layout="constrained")
        axes = figure.subplots(max(1, len(pairs)), 1, squeeze=False)[:, 0]
        for one, (x, y) in zip(axes, pairs, strict=False):
            _over_each_other(one, result, x, y)
        if not pairs:
            _in_order(axes[0], result)
        axes[0].legend(loc="best")
        figure.suptitle(f"{result.title}\n{result.given}", x=0.01, ha="left", fontsize=10)
        return figure


def _over_each_other(axes: Axes, result: TuningResult, x: Measure, y: Measure) -> None:
    both = [one for one in result.trials if {x.name, y.name} <= one.objectives.keys()]
    front = [one for one in both if one.number in result.front]
    for trials, label, colour in ((both, "tried", _GREY), (front, "front", BLUE)):
        at = _values(trials, x), _values(trials, y)
        axes.plot(*at, "o", color=colour, ms=5, label=label)
    right, up = _errors(front, x), _errors(front, y)
    at = _values(front, x), _values(front, y)
    axes.errorbar(*at, xerr=right, yerr=up, fmt="none", color=BLUE, lw=0.6)
    by_number = {one.number: one for one in both}
    choices = {"now": (result.choices.current, BLACK), result.recommended: (None, ORANGE)}
    for name, (choice, colour) in choices.items():
        trial = by_number.get((choice or result.recommendation).trial)
        if trial is not None:
            label = name if choice else f"recommended ({name})"
            axes.plot(
                _values([trial], x), _values([trial], y), "*", color=colour, ms=13, label=label
            )
    _label(axes.xaxis, x)
    _label(axes.yaxis, y)
    axes.set_title(f"{sentence(y.title)} against {x.title}")


def _in_order(axes: Axes, result: TuningResult) -> None:
    (measure,) = (one for one in result.measures if one.name in result.objectives)
    trials = [one for one in result.trials if measure.name in one.objectives]
    axes.plot([one.number for one in trials], _values(trials, measure), "o", ms=5, label="tried")
    axes.set_xlabel("trial")
    _label(axes.yaxis, measure)


def _label(axis: Axis, measure: Measure) -> None:
    axis.set_label_text(f"{measure.title} ({measure.unit})")
    if measure.unit == "USD":
        axis.set_major_formatter(FuncFormatter(lambda value, _: short_usd(value)))


def _values(trials: list[Trial], measure: Measure) -> list[float]:
    return [one.objectives[measure.name].value for one in trials]


def _errors(
    trials: list[Trial], measure: Measure
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """How far the intervals' ends are below and above; 0 where the paths do not bound them."""
    found = [one.objectives[measure.name] for one in trials]
    ends = [
        (
            one.value - (one.value if one.low is None else one.low),
            (one.value if one.high is None else one.high) - one.value,
        )
        for one in found
    ]
    return np.array(ends, np.float64).reshape(-1, 2).T
