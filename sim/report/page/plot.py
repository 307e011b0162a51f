"""Charts as plotly reads them: the look that all share, and lines, bands and bars in it.

Plotly draws them in the reader's browser; here they are plain dictionaries, and a test has plotly
itself validate every one. Colours are Okabe and Ito's; whatever a colour says, a dash, a marker or
a hatch says too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from sim.report.colours import BLACK, BLUE, GREEN, ORANGE, PURPLE, RED, SKY

Figure = dict[str, Any]
Trace = dict[str, Any]

COLOURS = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, BLACK)
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid")
MARKERS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "star", "hexagon")
_DIGITS = 9  # significant ones of a number in a chart: more than a screen has
_GRID = "#E4E4E4"
_INK = "#222222"


def figure(
    traces: Sequence[Trace], x: Mapping[str, Any], y: Mapping[str, Any], **layout: Any
) -> Figure:
    """Traces over an x and a y axis; a legend where there is more than one."""
    legend = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
    return {
        "data": list(traces),
        "layout": {
            "font": {"family": "system-ui, sans-serif", "size": 13, "color": _INK},
            "paper_bgcolor": "#FFFFFF",
            "plot_bgcolor": "#FFFFFF",
            "margin": {"l": 76, "r": 24, "t": 16, "b": 56},
            **({"legend": legend} if len(traces) > 1 else {"showlegend": False}),
            "hovermode": "closest",
            "hoverlabel": {"bgcolor": "#FFFFFF", "font": {"color": _INK}},
            "xaxis": x,
            "yaxis": y,
            **layout,
        },
    }


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis with its title, which names the unit."""
    return {
        "title": {"text": title, "standoff": 8, "font": {"size": 13}},
        "automargin": True,
        "gridcolor": _GRID,
        "zeroline": False,
        "linecolor": _INK,
        "ticks": "outside",
        "ticklen": 4,
        **more,
    }


def usd_axis(title: str, **more: Any) -> dict[str, Any]:
    """USD: $5M, not 5000000."""
    ends = {} if "range" in more else {"rangemode": "tozero"}
    return axis(title, tickprefix="$", exponentformat="B", **{**ends, **more})


def share_axis(title: str, **more: Any) -> dict[str, Any]:
    """Fractions as percentages."""
    return axis(title, tickformat=",~%", **more)


def time_axis(**more: Any) -> dict[str, Any]:
    """Simulated time."""
    return axis("simulated time (UTC)", type="date", **more)


def log_axis(
    title: str, text: Callable[[float], str], at: Sequence[int] = (1, 2, 5), **more: Any
) -> dict[str, Any]:
    """A log axis with plain numbers `at` these places of every decade that a report can reach."""
    ticks = [m * 10.0**e for e in range(-9, 12) for m in at]
    return axis(
        title, **{"type": "log", "tickvals": ticks, "ticktext": list(map(text, ticks)), **more}
    )


def plain_number(value: float) -> str:
    """0.5, 20, 1,000."""
    return f"{value:,.10g}"


def log_share_axis(title: str, lowest: float) -> dict[str, Any]:
    """Probabilities on a log axis, from `lowest` to 1."""
    ends = [float(np.log10(lowest)), float(np.log10(1.3))]
    return log_axis(title, lambda tick: f"{100 * tick:.3g}%", range=ends)


def line(name: str, x: Iterable[Any], y: Iterable[Any], n: int = 0, **more: Any) -> Trace:
    """A line in the n-th of the looks."""
    look = {"color": COLOURS[n % len(COLOURS)], "dash": DASHES[n % len(DASHES)], "width": 2}
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": plain(x),
        "y": plain(y),
        **more,
        "line": {**look, **more.get("line", {})},
    }


def points(name: str, x: Iterable[Any], y: Iterable[Any], n: int = 0, **more: Any) -> Trace:
    """Markers in the n-th of the looks."""
    look = {
        "color": COLOURS[n % len(COLOURS)],
        "symbol": MARKERS[n % len(MARKERS)],
        "size": 10,
        "line": {"color": "#FFFFFF", "width": 0.5},
    }
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": plain(x),
        "y": plain(y),
        **more,
        "marker": {**look, **more.get("marker", {})},
    }


def band(
    name: str, x: Iterable[Any], low: Iterable[Any], high: Iterable[Any], colour: str, **more: Any
) -> list[Trace]:
    """The area between two lines."""
    xs = plain(x)
    edge = {
        "type": "scatter",
        "mode": "lines",
        "line": {"width": 0, **more},
        "hoverinfo": "skip",
        "legendgroup": name,
    }
    return [
        {**edge, "x": xs, "y": plain(low), "showlegend": False, "name": name},
        {**edge, "x": xs, "y": plain(high), "fill": "tonexty", "fillcolor": colour, "name": name},
    ]


def plain(values: Iterable[Any]) -> list[Any]:
    """Numbers, times and words as JSON has them; nothing where a number is not one."""
    return [_plain(value) for value in values]


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, datetime | np.datetime64):
        return pd.Timestamp(value).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, str):
        return value
    number = float(value)
    if not np.isfinite(number):
        return None
    return (
        int(number)
        if number.is_integer() and abs(number) < 2**53
        else float(f"{number:.{_DIGITS}g}")
    )


def some(length: int, most: int) -> list[int]:
    """Evenly spread row numbers, the first and the last among them, at most `most`."""
    if length <= most:
        return list(range(length))
    return [int(n) for n in np.unique(np.linspace(0, length - 1, most).round())]
