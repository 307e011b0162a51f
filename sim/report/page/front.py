"""Charts of a tuning study: the Pareto front with hover, and the sensitivity bars."""

from __future__ import annotations

from typing import Any

from sim.report.page.choices import CHOICES, setting_text, shown, spread
from sim.report.page.content import Cell, Chart, Part, Table
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
from sim.report.text import sentence
from sim.tuning.result import Figure, Measure, Trial, TuningResult, Value

_MOST_CHARTS = 3
_STATES = {"complete": "tried", "raced-out": "stopped early, dominated"}


def front_charts(result: TuningResult) -> list[Part]:
    """Every harm against the first benefit; the trials in order where there is one objective."""
    measures = [one for one in result.measures if one.name in result.objectives]
    benefits = [one for one in measures if one.side == "benefit"]
    harms = [one for one in measures if one.side == "harm"]
    if benefits and harms:
        pairs = [(benefits[0], harm) for harm in harms]
    else:
        pairs = [(measures[0], other) for other in measures[1:]]
    if not pairs:
        return [_trials_chart(result, measures[0])]
    charts: list[Part] = [front_chart([("", result)], *pair) for pair in pairs[:_MOST_CHARTS]]
    return charts


def front_chart(results: list[tuple[str, TuningResult]], x: Measure, y: Measure) -> Chart:
    """Two objectives of every trial; the front as a line, and the settings pointed out."""
    traces: list[Trace] = []
    rows: list[list[Cell]] = []
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
        traces.append(_at(trace, front, x, y))
        traces += _pointed_out(result, x, y, of, n)
        rows += [
            [
                f"trial {trial.number:,}{of}",
                shown(trial.objectives[x.name].value, x.unit),
                spread(trial.objectives[x.name], x.unit),
                shown(trial.objectives[y.name].value, y.unit, f"{y.name} of {trial.number}"),
                spread(trial.objectives[y.name], y.unit),
                _settings(trial.values),
            ]
            for trial in front
        ]
    return Chart(
        f"front-{y.name}",
        f"{sentence(x.title)} against {y.title}",
        f"Each point is a setting. Better is farther to the {_better(x, 'right', 'left')} and "
        f"farther {_better(y, 'up', 'down')}; no setting that was tried beats one on the front in "
        "all objectives. Bars are 95% intervals; pointing at a setting shows its values. All of it "
        "is on the paths of the search, where settings are chosen and look a little too good.",
        figure(traces, _axis(x), _axis(y)),
        Table(
            "The front",
            ["setting", x.title, "95%", y.title, "95%", "values"],
            rows,
            words=(0, 5),
            note="With more than two objectives a setting of the front may look beaten here.",
        ),
        height=460,
    )


def sensitivity_charts(result: TuningResult) -> list[Chart]:
    """Sobol' indices as bars, one chart per measure."""
    charts = []
    for measure in result.measures:
        found = [one for one in result.sensitivity if one.measure == measure.name]
        if not found:
            continue
        found.sort(key=lambda one: one.total.value)
        paths = [one.path for one in found]
        bars = [
            _bars("by itself", paths, [one.first_order for one in found], 0),
            _bars("with its interactions", paths, [one.total for one in found], 1),
        ]
        rows: list[list[Cell]] = [
            [
                one.path,
                shown(one.first_order.value, "share", f"S {one.path}"),
                spread(one.first_order, "share"),
                shown(one.total.value, "share", f"ST {one.path}"),
                spread(one.total, "share"),
            ]
            for one in reversed(found)
        ]
        charts.append(
            Chart(
                f"sensitivity-{measure.name}",
                f"What moves {measure.title}",
                "Share of its variance over the searched ranges that is due to each parameter, by "
                "itself and with all its interactions (Sobol' indices, 95% intervals).",
                figure(bars, share_axis("share of the variance (%)"), axis("parameter")),
                Table(
                    "Sobol' indices",
                    ["parameter", "by itself", "95%", "with interactions", "95%"],
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
        "error_x": {**_interval(figures), "color": "#222222"},
        "hovertemplate": "%{y}: %{x:.1%}",
    }


def _interval(figures: list[Figure]) -> dict[str, Any]:
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
            traces.append(_at(points(name, [], [], marker=look), trials, x, y, bars=False))
    return traces


def _pointed_out(result: TuningResult, x: Measure, y: Measure, of: str, n: int) -> list[Trace]:
    traces = []
    by_number = {trial.number: trial for trial in result.trials}
    for k, (name, title) in enumerate(CHOICES.items()):
        choice = getattr(result.choices, name)
        at = by_number[choice.trial].objectives
        if {x.name, y.name} <= at.keys():
            recommended = " (recommended)" if name == result.recommended else ""
            trace = points(
                f"{title}{recommended}{of}",
                [at[x.name].value],
                [at[y.name].value],
                k + 1,
                text=[_hover(f"{title}, trial {choice.trial}", choice.values)],
                hovertemplate="%{text}<extra></extra>",
                marker={"size": 14, "symbol": ("star", "square", "diamond", "triangle-up")[k]},
            )
            if n:
                trace["marker"]["symbol"] += "-open"
                trace["marker"]["line"] = {"width": 2}
            traces.append(trace)
    return traces


def _at(trace: Trace, trials: list[Trial], x: Measure, y: Measure, bars: bool = True) -> Trace:
    """The trace at the objectives of trials, with their intervals."""
    for side, measure in (("x", x), ("y", y)):
        found = [trial.objectives[measure.name] for trial in trials]
        trace[side] = plain(one.value for one in found)
        if bars:
            trace[f"error_{side}"] = {**_interval(found), "thickness": 1, "width": 2}
    trace["text"] = [_hover(f"trial {trial.number:,}", trial.values) for trial in trials]
    trace["hovertemplate"] = (
        f"%{{text}}<br>{x.title}: %{{x:,.4~g}}<br>{y.title}: %{{y:,.4~g}}<extra></extra>"
    )
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
    if measure.unit == "USD":
        return usd_axis(f"{measure.title} (USD)", rangemode="normal")
    if measure.unit == "share":
        return share_axis(f"{measure.title} (%)")
    return axis(f"{measure.title} ({measure.unit})")


def _better(measure: Measure, more: str, less: str) -> str:
    return f"{more if measure.side == 'benefit' else less}"


def _hover(title: str, values: dict[str, Value]) -> str:
    lines = (f"{path}: {setting_text(value)}" for path, value in values.items())
    return "<br>".join([f"<b>{title}</b>", *lines])


def _settings(values: dict[str, Value]) -> str:
    return "; ".join(f"{path} {setting_text(value)}" for path, value in values.items())
