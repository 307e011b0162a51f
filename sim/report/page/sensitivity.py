"""Which parameter matters: Sobol' indices as bars."""

from __future__ import annotations

from sim.report.page.content import Chart
from sim.report.page.front import interval
from sim.report.page.plot import COLOURS, Trace, axis, figure, plain, share_axis
from sim.report.study_tables import sensitivity_table
from sim.tuning.result import Figure, TuningResult, short_path

_SHARES = share_axis("share of the variance (%)", range=[-0.25, 1.5])
"""Shares are from 0 to 1; an estimate from too few points, or its interval, may leave the chart."""


def sensitivity_charts(result: TuningResult) -> list[Chart]:
    """Sobol' indices as bars, one chart per measure."""
    charts = []
    for measure in result.measures:
        found = [one for one in result.sensitivity if one.measure == measure.name]
        if not found:
            continue
        found.sort(key=lambda one: one.total.value)
        paths = [short_path(one.path) for one in found]
        bars = [
            _bars("by itself", paths, [one.first_order for one in found], 0),
            _bars("with its interactions", paths, [one.total for one in found], 1),
        ]
        charts.append(
            Chart(
                f"sensitivity-{measure.name}",
                f"What moves {measure.title}",
                "Share of its variance over the searched ranges that is due to each parameter, by "
                "itself and with all its interactions (Sobol' indices, 95% intervals). An interval "
                "that reaches 0 does not tell the parameter from one that does nothing.",
                figure(bars, _SHARES, axis("parameter")),
                sensitivity_table(result, measure),
                height=160 + 44 * len(found),
            )
        )
    return charts


def _bars(name: str, paths: list[str], figures: list[Figure], n: int) -> Trace:
    """One bar per parameter with its interval; the second kind is hatched."""
    hatch = {"pattern": {"shape": "/", "bgcolor": COLOURS[n], "fgcolor": "#FFFFFF"}} if n else {}
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": paths,
        "x": plain(figure.value for figure in figures),
        "marker": {"color": COLOURS[n], **hatch},
        "error_x": {**interval(figures), "color": "#222222"},
        "hovertemplate": "%{y}: %{x:.1%}",
    }
