"""Which parameter matters: Sobol' indices as bars, and changes taken back one by one."""

from __future__ import annotations

from sim.report.page.choices import (
    setting,
    shown_difference,
    spread,
    spread_of_difference,
)
from sim.report.page.content import Cell, Chart, Table, shown
from sim.report.page.front import interval
from sim.report.page.plot import COLOURS, Trace, axis, figure, plain, share_axis
from sim.tuning.recommend import called
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
        rows: list[list[Cell]] = [
            [
                one.path,
                shown(one.first_order.value, "share", name=f"S {one.path}"),
                spread(one.first_order, "share"),
                shown(one.total.value, "share", name=f"ST {one.path}"),
                spread(one.total, "share"),
            ]
            for one in reversed(found)
        ]
        charts.append(
            Chart(
                f"sensitivity-{measure.name}",
                f"What moves {measure.title}",
                "Share of its variance over the searched ranges that is due to each parameter, by "
                "itself and with all its interactions (Sobol' indices, 95% intervals). An interval "
                "that reaches 0 does not tell the parameter from one that does nothing.",
                figure(bars, _SHARES, axis("parameter")),
                Table(
                    "Sobol' indices",
                    ["parameter", "by itself", "95% interval", "with interactions", "95% interval"],
                    rows,
                ),
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


def one_by_one_table(result: TuningResult) -> Table:
    """What the loss would be with one parameter at its old value."""
    measures = {one.name: one for one in result.measures}
    rows: list[list[Cell]] = []
    verdicts = called(
        {one.path: one.difference for one in result.one_by_one},
        {one.path: measures[one.measure].side for one in result.one_by_one},
    )
    for one in result.one_by_one:
        measure = measures[one.measure]
        # Taking a change back makes worse what the change makes better.
        change = {"worse": "pays", "better": "costs", "same": "does nothing"}
        rows.append(
            [
                short_path(one.path),
                setting(one.old),
                setting(one.new),
                measure.title,
                shown(one.loss.value, measure.unit, name=f"old {one.path}"),
                shown_difference(one.difference.value, measure.unit),
                spread_of_difference(one.difference, measure.unit),
                change.get(verdicts[one.path], "not settled"),
            ]
        )
    return Table(
        "One change taken back at a time, all others as recommended",
        [
            "parameter",
            "old",
            "new",
            "measure",
            "under the old value",
            "difference",
            "95% interval",
            "the change",
        ],
        rows,
        words=(0, 3, 7),
        note="A difference above 0 says that the change pays: without it more would be lost. What "
        "is said holds at 95% for all rows together (Holm's correction). Not settled: the interval "
        "holds 0, the row does not pass the correction, or too few paths lose anything.",
    )
