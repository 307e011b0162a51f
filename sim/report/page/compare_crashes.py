"""Two runs: what they came to, and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sim.measures import borrowers as books
from sim.measures import registry
from sim.measures.solvency import loss_history
from sim.report import given
from sim.report.page import falls, provenance
from sim.report.page.content import (
    Cell,
    Chart,
    Part,
    Section,
    Table,
    money,
)
from sim.report.page.pairs import NAMES, named, parameters, said, twice, with_difference
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
from sim.report.page.source import Crash
from sim.report.run_tables import loss_table, side_by_side
from sim.tape import Frames

_MOST_TIMES = 800
_MOST_ROWS = 20


def sections(one: Crash, other: Crash) -> list[Section]:
    tapes = [one.tape, other.tape]
    lines = [f"{name}: {given.of_run(tape)}" for name, tape in zip(NAMES, tapes, strict=True)]
    figures = side_by_side([registry.found(tape) for tape in tapes], NAMES, " ".join(lines))
    documents = [books.scenario_of(tape) for tape in tapes]
    opened = {
        f"book of {name}": (books.book(tape), books.moving(tape))
        for name, tape in zip(NAMES, tapes, strict=True)
    }
    parts: list[Part] = [
        said("bad debt and shortfall", *(_loss(tape) for tape in tapes)),
        with_difference(figures),
    ]
    return [
        Section("summary", "Summary", parts),
        parameters(*documents),
        Section(
            "losses",
            "What was lost, and who paid",
            [named(loss_table(tape), name) for name, tape in zip(NAMES, tapes, strict=True)],
        ),
        Section(
            "cascade",
            "The cascade",
            [
                _over_time(
                    tapes,
                    "lost",
                    "Bad debt and shortfall so far",
                    "loss (USD)",
                    lambda tape: loss_history(tape).sum(axis=1).to_numpy(),
                ),
                _over_time(
                    tapes,
                    "repaid",
                    "Debt repaid by liquidators so far",
                    "debt repaid (USD)",
                    lambda tape: tape.steps["repaid_usd"].to_numpy(),
                ),
                _over_time(
                    tapes,
                    "health",
                    "Lowest health factor",
                    "health factor",
                    lambda tape: tape.steps["lowest_health"].astype(float).to_numpy(),
                ),
            ],
        ),
        Section("falls", "What falls of prices do to the books", [falls.liquidation_chart(opened)]),
        *twice(provenance.of_crash(one), provenance.of_crash(other)),
    ]


def _loss(tape: Frames) -> float:
    return float(loss_history(tape).iloc[-1].sum())


def _over_time(
    tapes: Sequence[Frames],
    id: str,
    title: str,
    label: str,
    series: Callable[[Frames], Any],
) -> Chart:
    """One series of both runs over hours since their starts; `label` is that of its axis."""
    dollars = label.endswith("(USD)")
    traces: list[Trace] = []
    rows: list[list[Cell]] = []
    dates = len({tape.steps["time_utc"].iloc[0] for tape in tapes}) == 1
    for n, tape in enumerate(tapes):
        values, kept = series(tape), some(len(tape.steps), _MOST_TIMES)
        start = tape.steps["time_utc"].iloc[0]
        hours = (tape.steps["time_utc"] - start).dt.total_seconds() / 3_600
        x = plain((tape.steps["time_utc"] if dates else hours).take(kept))
        traces.append(line(NAMES[n], x, values[kept], n))
        rows += [
            [
                f"{NAMES[n]}, hour {hours.iloc[i]:,.1f}",
                money(values[i]) if dollars else f"{values[i]:.3f}",
            ]
            for i in some(len(values), _MOST_ROWS)
        ]
    along = time_axis() if dates else axis("hours since the start (h)")
    up = usd_axis(label) if dollars else log_axis(label, plain_number)
    return Chart(
        id,
        title,
        f"{title}, in both runs; the dashed line is B.",
        figure(traces, along, up),
        Table(title, ["run and time", "USD" if dollars else label], rows),
        height=320,
    )
