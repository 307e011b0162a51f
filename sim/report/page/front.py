"""The Pareto front of a tuning study, with hover."""

from __future__ import annotations

from typing import Any

from sim.measures.measure import Unit
from sim.report.page.content import Cell, Chart, Part, Table, shown, text_of
from sim.report.page.plot import (
    COLOURS,
    Trace,
    axis,
    figure,
    line,
    plain,
    points,
    share_axis,
    usd_axis,
)
from sim.report.study_tables import CHOICES, setting_text, spread
from sim.report.text import sentence
from sim.tuning.result import Figure, Measure, Trial, TuningResult, Value, short_path

_MOST_CHARTS = 3
UNITS: dict[Unit, str] = {
    "USD": "USD",
    "share": "%",
    "ratio": "ratio",
    "number": "number",
    "hours": "h",
    "minutes": "min",
    "seconds": "s",
    "price": "USD per token",
    "tokens": "tokens",
    "gwei": "gwei",
    "times": "times",
}
_FAINT = "rgba(85,85,85,0.4)"
"""Of the bars of a front: there are many, and the points are what matters."""
_STATES = {"complete": "tried", "raced-out": "stopped early, dominated"}


def front_charts(result: TuningResult) -> list[Part]:
    """Every harm against the first benefit; the trials in order where there is one objective."""
    pairs = result.pairs()
    if not pairs:
        (only,) = (one for one in result.measures if one.name in result.objectives)
        return [_trials_chart(result, only)]
    charts: list[Part] = [front_chart([("", result)], *pair) for pair in pairs[:_MOST_CHARTS]]
    return charts


def front_chart(results: list[tuple[str, TuningResult]], x: Measure, y: Measure) -> Chart:
    """Two objectives of every trial; the front as a line, or its third objective as a shade; and
    the settings pointed out.
    """
    traces: list[Trace] = []
    rows: list[list[Cell]] = []
    shade = _third(results[0][1], x, y) if len(results) == 1 else None
    for n, (name, result) in enumerate(results):
        of = f" of {name}" if name else ""
        front = sorted(
            (trial for trial in result.trials if trial.number in result.front),
            key=lambda trial: trial.objectives[x.name].value,
        )
        if not name:
            traces += _others(result, x, y)
        look = {"size": 8, "symbol": ("circle", "square")[n], "color": COLOURS[n]}
        if len(result.objectives) == 2:
            trace = line(f"front{of}", [], [], n, mode="lines+markers", marker=look)
        else:  # in more dimensions a line through the front would say nothing
            trace = points(f"front{of}", [], [], n, marker=look)
            if shade is not None:
                trace["marker"] |= _shades(front, shade)
        traces.append(_at(trace, front, result, x, y))
        traces += _pointed_out(result, x, y, of, n)
        rows += [
            [
                f"trial {trial.number:,}{of}",
                shown(
                    trial.objectives[x.name].value, x.unit, name=f"{x.name} of {trial.number}{of}"
                ),
                spread(trial.objectives[x.name], x.unit),
                shown(
                    trial.objectives[y.name].value, y.unit, name=f"{y.name} of {trial.number}{of}"
                ),
                spread(trial.objectives[y.name], y.unit),
                _settings(result, trial.values),
            ]
            for trial in front
        ]
    order = ", ".join(short_path(one.path) for one in results[0][1].parameters)
    return Chart(
        f"front-{y.name}",
        f"{sentence(y.title)} against {x.title}",
        f"Each point is a setting. Better is farther to the {_better(x, 'right', 'left')} and "
        f"farther {_better(y, 'up', 'down')}; no setting that was tried beats one on the front in "
        "all objectives. " + _more(results, shade) + "Bars are 95% intervals"
        f"{_unbounded(results, x, y)}; pointing at a setting shows its values. All of it is on "
        "the paths of the search, on which the settings were chosen and so look a little too "
        "good; the tables above judge them on others.",
        figure(traces, _axis(x), _axis(y)),
        Table(
            "The front",
            ["setting", x.title, "95% interval", y.title, "95% interval", "values"],
            rows,
            words=(0, 5),
            note=f"Values in this order: {order}.",
        ),
        height=520 if shade is not None else 460,
    )


def _third(result: TuningResult, x: Measure, y: Measure) -> Measure | None:
    """The objective that a chart of two of three leaves out."""
    left = [name for name in result.objectives if name not in (x.name, y.name)]
    measures = {one.name: one for one in result.measures}
    return measures[left[0]] if len(left) == 1 else None


def _shades(front: list[Trial], third: Measure) -> dict[str, Any]:
    """A third objective as the shade of a marker, dark to light also in grey and to the colour
    blind, with its scale below the chart.
    """
    return {
        "color": plain(trial.objectives[third.name].value for trial in front),
        "colorscale": "Cividis",
        "line": {"color": "#222222", "width": 0.75},
        "colorbar": {
            "title": {
                "text": f"{third.title} ({UNITS[third.unit]})",
                "side": "top",
                "font": {"size": 13},
            },
            "orientation": "h",
            "y": -0.2,
            "yanchor": "top",
            "thickness": 10,
            "len": 0.7,
            **({"tickprefix": "$", "exponentformat": "B"} if third.unit == "USD" else {}),
            **({"tickformat": ",~%"} if third.unit == "share" else {}),
        },
    }


def _more(results: list[tuple[str, TuningResult]], shade: Measure | None) -> str:
    """What to know of a front of more than two objectives."""
    most = max(len(result.objectives) for _, result in results)
    if most < 3:
        return ""
    said = f"With {most} objectives a setting on the front may look beaten here"
    if shade is None:
        return f"{said}: it is better in another one. "
    return f"{said}: it is better in {shade.title}, which the shade shows. "


def _unbounded(results: list[tuple[str, TuningResult]], x: Measure, y: Measure) -> str:
    """How many intervals of the front have no end that a bar could be drawn to."""
    figures = [
        trial.objectives[measure.name]
        for _, result in results
        for trial in result.trials
        if trial.number in result.front
        for measure in (x, y)
    ]
    count = sum(one.low is None or one.high is None for one in figures)
    if not count:
        return ""
    return (
        f", without a bar on a side where the paths are too few for a bound ({count:,} of "
        f"{len(figures):,} intervals: the truth may lie far beyond)"
    )


def interval(figures: list[Figure]) -> dict[str, Any]:
    """Error bars of 95 %; none on a side that is not bounded."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [0 if one.high is None else one.high - one.value for one in figures],
        "arrayminus": [0 if one.low is None else one.value - one.low for one in figures],
    }


def _others(result: TuningResult, x: Measure, y: Measure) -> list[Trace]:
    """Trials that are not on the front, by what became of them."""
    traces = []
    for n, (state, name) in enumerate(_STATES.items()):
        trials = [
            trial
            for trial in result.trials
            if trial.state == state
            and trial.number not in result.front
            and {x.name, y.name} <= trial.objectives.keys()
        ]
        if trials:
            look = {"color": "#666666", "size": 8, "symbol": ("circle-open", "x-thin-open")[n]}
            others = points(name, [], [], marker=look)
            traces.append(_at(others, trials, result, x, y, bars=False))
    return traces


def _pointed_out(result: TuningResult, x: Measure, y: Measure, of: str, n: int) -> list[Trace]:
    traces = []
    by_number = {trial.number: trial for trial in result.trials}
    symbols = ("star", "square", "diamond", "triangle-up", "cross")
    for k, (name, choice) in enumerate(result.choices.by_name().items()):
        title, at = CHOICES[name], by_number[choice.trial].objectives
        if {x.name, y.name} <= at.keys():
            recommended = " (recommended)" if name == result.recommended else ""
            trace = points(
                f"{title}{recommended}{of}",
                [at[x.name].value],
                [at[y.name].value],
                k + 1,
                text=[_hover(f"{title}, trial {choice.trial:,}", by_number[choice.trial], result)],
                hovertemplate="%{text}<extra></extra>",
                marker={"size": 14, "symbol": symbols[k]},
            )
            if n:
                trace["marker"]["symbol"] += "-open"
                trace["marker"]["line"] = {"width": 2}
            traces.append(trace)
    return traces


def _at(
    trace: Trace,
    trials: list[Trial],
    result: TuningResult,
    x: Measure,
    y: Measure,
    bars: bool = True,
) -> Trace:
    """The trace at the objectives of trials, with their intervals."""
    for side, measure in (("x", x), ("y", y)):
        found = [trial.objectives[measure.name] for trial in trials]
        trace[side] = plain(one.value for one in found)
        if bars:
            look = {"thickness": 1, "width": 2, "color": _FAINT}
            trace[f"error_{side}"] = {**interval(found), **look}
    trace["text"] = [_hover(f"trial {trial.number:,}", trial, result) for trial in trials]
    trace["hovertemplate"] = "%{text}<extra></extra>"
    return trace


def _trials_chart(result: TuningResult, measure: Measure) -> Chart:
    trials = [trial for trial in result.trials if measure.name in trial.objectives]
    numbers = [trial.number for trial in trials]
    values = [trial.objectives[measure.name].value for trial in trials]
    rows: list[list[Cell]] = [
        [f"trial {number:,}", shown(value, measure.unit)]
        for number, value in zip(numbers, values, strict=True)
    ]
    return Chart(
        "trials",
        f"{sentence(measure.title)}, trial by trial",
        "Every setting that was tried, in order.",
        figure([points("trials", numbers, values)], axis("trial"), _axis(measure)),
        Table("Trials", ["trial", measure.title], rows),
    )


def _axis(measure: Measure) -> dict[str, object]:
    title = f"{measure.title} ({UNITS[measure.unit]})"
    if measure.unit == "USD":
        return usd_axis(title, rangemode="normal")
    return share_axis(title) if measure.unit == "share" else axis(title)


def _better(measure: Measure, more: str, less: str) -> str:
    return more if measure.side == "benefit" else less


def _hover(title: str, trial: Trial, result: TuningResult) -> str:
    """All of a setting: its objectives with their intervals, and its values."""
    measures = {one.name: one for one in result.measures}
    lines = [f"<b>{title}</b>"]
    for name, found in trial.objectives.items():
        unit = measures[name].unit
        lines.append(
            f"{measures[name].title}: {shown(found.value, unit).text} "
            f"({text_of(spread(found, unit))})"
        )
    lines += [f"{short_path(path)}: {setting_text(value)}" for path, value in trial.values.items()]
    return "<br>".join(lines)


def _settings(result: TuningResult, values: dict[str, Value]) -> str:
    """Values in the order of the parameters."""
    return " / ".join(setting_text(values.get(one.path, one.current)) for one in result.parameters)
