"""Two reports of a kind side by side: what was set differently, and what it came to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sim.measures import book as books
from sim.measures.losses import expected_shortfall, paired_difference
from sim.measures.solvency import loss_history
from sim.report.page import crash, falls, provenance
from sim.report.page.choices import setting, shown, spread
from sim.report.page.content import (
    NONE,
    Cell,
    Chart,
    Page,
    Part,
    Section,
    Table,
    Value,
    money,
    share,
)
from sim.report.page.front import front_chart
from sim.report.page.losses import estimate, exceedance_chart, waterfall
from sim.report.page.plot import (
    Trace,
    axis,
    figure,
    line,
    log_axis,
    plain,
    plain_number,
    some,
    time_axis,
    usd_axis,
)
from sim.report.page.source import Crash, Source, SourceError, Sweep, Tuning
from sim.report.sweep_table import MEASURES
from sim.report.text import usd
from sim.sweep.losses import loss_table, loss_usd, replicates
from sim.tape import Frames

_NAMES = ("A", "B")
_MOST_TIMES = 800
_MOST_ROWS = 20


def page(one: Source, other: Source) -> Page:
    """A and B. Raises `SourceError` if they are not of a kind."""
    if isinstance(one, Crash) and isinstance(other, Crash):
        sections = _crashes(one, other)
        titles = [str(source.tape.run.iloc[0]["title"]) for source in (one, other)]
    elif isinstance(one, Sweep) and isinstance(other, Sweep):
        sections = _sweeps(one, other)
        titles = [source.study.plan.scenario.title for source in (one, other)]
    elif isinstance(one, Tuning) and isinstance(other, Tuning):
        sections = _studies(one, other)
        titles = [source.result.title for source in (one, other)]
    else:
        raise SourceError(
            f"{one.path} is a {one.kind} and {other.path} a {other.kind}; two of a kind can be "
            "compared"
        )
    title = titles[0] if titles[0] == titles[1] else " / ".join(titles)
    return Page(title, f"{one.kind} comparison", f"A: {one.path}; B: {other.path}", sections)


# --- runs -----------------------------------------------------------------------------------------


def _crashes(one: Crash, other: Crash) -> list[Section]:
    tapes = [one.tape, other.tape]
    figures = crash.key_figures(tapes, list(_NAMES))
    documents = [books.scenario_of(tape) for tape in tapes]
    opened = {
        f"book of {name}": (books.book(tape), books.moving(tape))
        for name, tape in zip(_NAMES, tapes, strict=True)
    }
    said: list[Part] = [
        _said("bad debt and shortfall", *(_loss(tape) for tape in tapes)),
        with_difference(figures),
    ]
    return [
        Section("summary", "Summary", said),
        _parameters(*documents),
        Section(
            "losses",
            "What was lost, and who paid",
            [
                waterfall(tape)._replace(caption=f"{name}: bad debt by asset and who bore it, USD")
                for name, tape in zip(_NAMES, tapes, strict=True)
            ],
        ),
        Section(
            "cascade",
            "The cascade",
            [
                _over_time(
                    tapes,
                    "lost",
                    "Bad debt and shortfall so far",
                    "usd",
                    lambda tape: loss_history(tape).sum(axis=1).to_numpy(),
                ),
                _over_time(
                    tapes,
                    "repaid",
                    "Debt repaid by liquidators so far",
                    "usd",
                    lambda tape: tape.steps["repaid_usd"].to_numpy(),
                ),
                _over_time(
                    tapes,
                    "health",
                    "Lowest health factor",
                    "health",
                    lambda tape: tape.steps["lowest_health"].astype(float).to_numpy(),
                ),
            ],
        ),
        Section("falls", "What falls of prices do to the books", [falls.liquidation_chart(opened)]),
        *_twice(provenance.of_crash(one), provenance.of_crash(other)),
    ]


def _loss(tape: Frames) -> float:
    return float(loss_history(tape).iloc[-1].sum())


def _over_time(
    tapes: Sequence[Frames],
    id: str,
    title: str,
    unit: str,
    series: Callable[[Frames], Any],
) -> Chart:
    """One series of both runs over hours since their starts."""
    traces: list[Trace] = []
    rows: list[list[Cell]] = []
    dates = len({tape.steps["time_utc"].iloc[0] for tape in tapes}) == 1
    for n, tape in enumerate(tapes):
        values, kept = series(tape), some(len(tape.steps), _MOST_TIMES)
        start = tape.steps["time_utc"].iloc[0]
        hours = (tape.steps["time_utc"] - start).dt.total_seconds() / 3_600
        x = plain((tape.steps["time_utc"] if dates else hours).take(kept))
        traces.append(line(_NAMES[n], x, values[kept], n))
        rows += [
            [
                f"{_NAMES[n]}, hour {hours.iloc[i]:,.1f}",
                money(values[i]) if unit == "usd" else f"{values[i]:.3f}",
            ]
            for i in some(len(values), _MOST_ROWS)
        ]
    along = time_axis() if dates else axis("hours since the start (h)")
    up = (
        usd_axis(f"{title.lower()} (USD)")
        if unit == "usd"
        else log_axis("health factor", plain_number)
    )
    return Chart(
        id,
        title,
        f"{title}, in both runs; the dashed line is B.",
        figure(traces, along, up),
        Table(title, ["run and time", "USD" if unit == "usd" else "health factor"], rows),
        height=320,
    )


# --- sweeps ---------------------------------------------------------------------------------------


def _sweeps(one: Sweep, other: Sweep) -> list[Section]:
    sweeps = (one, other)
    tables = [loss_table(sweep.outcomes, sweep.study.plan.sampler) for sweep in sweeps]
    lost = [loss_usd(sweep.outcomes) for sweep in sweeps]
    curves = list(zip(_NAMES, lost, tables, strict=True))
    paired = _paired(one, other)
    said: list[Part] = [
        _said("expected loss of a path", *(float(sample.mean()) for sample in lost)),
        paired,
    ]
    return [
        Section("summary", "Summary", said),
        _parameters(*(sweep.study.plan.scenario.model_dump(mode="json") for sweep in sweeps)),
        Section(
            "risk", "How likely which loss is", [_risk(sweeps, tables), exceedance_chart(curves)]
        ),
        *_twice(provenance.of_sweep(one), provenance.of_sweep(other)),
    ]


def _risk(sweeps: Sequence[Sweep], tables: Sequence[pd.DataFrame]) -> Table:
    known: dict[str, dict[str, dict[str, Any]]] = {
        name: table.to_dict("index") for name, table in zip(_NAMES, tables, strict=True)
    }
    rows: list[list[Cell]] = []
    for measure in map(str, tables[0].index):
        row: list[Cell] = [MEASURES.get(measure, measure)]
        for name, found in ((n, one.get(measure)) for n, one in known.items()):
            if found is None or np.isnan(found["value"]):
                row += [NONE, NONE]
                continue
            high = found["high"]
            end = estimate(high, found["unit"]).text if np.isfinite(high) else "unbounded"
            row += [
                estimate(found["value"], found["unit"], f"{measure} of {name}"),
                f"{estimate(found['low'], found['unit']).text} to {end}",
            ]
        rows.append(row)
    counts = ", ".join(
        f"{name} {sweep.study.plan.paths:,}" for name, sweep in zip(_NAMES, sweeps, strict=True)
    )
    return Table(
        f"Loss of a path: bad debt and shortfall at its end; paths: {counts}",
        ["measure", "A", "95% of A", "B", "95% of B"],
        rows,
    )


def _paired(one: Sweep, other: Sweep) -> Table | str:
    """B less A path by path, where path j of both has the same random numbers."""
    plans = [sweep.study.plan for sweep in (one, other)]
    drawn = [
        [
            plan.sampler,
            *(
                plan.scenario.model_dump(mode="json")[part]
                for part in ("seed", "start", "duration_hours", "step_seconds", "assets", "paths")
            ),
        ]
        for plan in plans
    ]
    if drawn[0] != drawn[1]:
        return (
            "The two sweeps draw their price paths differently, so that they cannot be compared "
            "path by path: the difference of two independent means has a wider interval."
        )
    n = min(plan.paths for plan in plans)
    if plans[0].sampler == "sobol" and plans[0].paths != plans[1].paths:
        return "The two sweeps have numbers of paths whose Sobol replicates differ."
    a, b = (loss_usd(sweep.outcomes)[:n] for sweep in (one, other))
    parts = replicates(plans[0].sampler)
    rows: list[list[Cell]] = []
    for name, level in (("expected loss", None), ("ES 99%", 0.99)):
        then = [x.mean() if level is None else expected_shortfall(x, level).value for x in (a, b)]
        found = paired_difference(b, a, level, parts)
        rows.append(
            [
                name,
                *(money(float(value)) for value in then),
                money(found.value, f"paired {name}"),
                money(found.low),
                money(found.high),
            ]
        )
    return Table(
        f"B less A on the same {n:,} price paths",
        ["measure", "A", "B", "difference", "95% from", "95% to"],
        rows,
        note="An interval that does not contain 0 says that the difference is not one of chance.",
    )


# --- studies --------------------------------------------------------------------------------------


def _studies(one: Tuning, other: Tuning) -> list[Section]:
    results = [one.result, other.result]
    choices = [result.recommendation for result in results]
    paths = list(dict.fromkeys(path for choice in choices for path in choice.values))
    rows: list[list[Cell]] = [
        [
            path,
            *(
                setting(choice.values[path]) if path in choice.values else NONE
                for choice in choices
            ),
        ]
        for path in paths
    ]
    measures = {measure.name: measure for result in results for measure in result.measures}
    come_to: list[list[Cell]] = []
    for name, measure in measures.items():
        row: list[Cell] = [measure.title]
        for choice in choices:
            found = choice.measures.get(name)
            row += (
                [NONE, NONE]
                if found is None
                else [
                    shown(found.value, measure.unit),
                    spread(found, measure.unit),
                ]
            )
        come_to.append(row)
    shared = [measures[name] for name in results[0].objectives if name in results[1].objectives]
    benefits = [one for one in shared if one.side == "benefit"]
    harms = [one for one in shared if one.side == "harm"]
    named = list(zip(_NAMES, results, strict=True))
    charts: list[Part] = (
        [front_chart(named, benefits[0], harm) for harm in harms]
        if benefits and harms
        else ["The two studies have no pair of objectives in common to draw fronts over."]
    )
    summary = Table("Recommended settings", ["parameter", *_NAMES], rows)
    header = ["measure", "A", "95% of A", "B", "95% of B"]
    again = [
        [name, result.command, ", ".join(used.name for used in result.scenarios), f"{result.seed}"]
        for name, result in named
    ]
    studies = Table("The studies", ["", "command", "scenarios", "seed"], again, words=(0, 1, 2))
    return [
        Section("summary", "Summary", [summary]),
        Section("risk", "What they come to", [Table("Measures", header, come_to)]),
        Section("front", "What one costs in the other", charts),
        provenance.section([studies]),
    ]


# --- both -----------------------------------------------------------------------------------------


def with_difference(table: Table) -> Table:
    """A table of A and B with what B is more than A."""
    rows: list[list[Cell]] = []
    for row in table.rows:
        a, b = row[1], row[2]
        if isinstance(a, Value) and isinstance(b, Value):
            rows.append([*row, _as(b.number - a.number, a.text)])
        else:
            rows.append([*row, NONE])
    return table._replace(header=[*table.header, "B less A"], rows=rows)


def _as(difference: float, like: str) -> Value:
    """A difference, written as the numbers it is of."""
    if "$" in like:
        return money(difference)
    if "%" in like:
        return share(difference, len(like.partition(".")[2]) - 1)
    decimals = len(like.partition(".")[2])
    return Value(f"{difference:,.{decimals}f}", difference)


def _said(what: str, a: float, b: float) -> str:
    if round(a, 2) == round(b, 2):
        return f"The {what} is the same in both: {usd(a)}."
    more = f"{usd(abs(b - a))} {'more' if b > a else 'less'}"
    share_of = f", {abs(b - a) / a:.1%}" if a else ""
    return f"The {what} is {usd(a)} in A and {usd(b)} in B: {more}{share_of}."


def _parameters(one: Mapping[str, Any], other: Mapping[str, Any]) -> Section:
    rows: list[list[Cell]] = [
        [path, _short(a), _short(b)] for path, (a, b) in provenance.differing(one, other).items()
    ]
    part: Part = (
        Table("Fields of the scenario that differ", ["field", *_NAMES], rows, words=(0, 1, 2))
        if rows
        else "Nothing in the scenarios differs."
    )
    return Section("parameters", "What was set differently", [part])


def _short(value: Any) -> str:
    text = "absent" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _twice(a: Section, b: Section) -> list[Section]:
    return [
        Section(
            f"{section.id}-{name}",
            f"{name}: {section.title[0].lower()}{section.title[1:]}",
            section.parts,
        )
        for name, section in zip(_NAMES, (a, b), strict=True)
    ]
