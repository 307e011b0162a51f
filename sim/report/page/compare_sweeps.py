"""Two sweeps: losses next to each other, and path by path where the paths are the same."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sim.measures.intervals import holm, significance
from sim.measures.registry import MEASURES, of_paths
from sim.questions.store import QuestionError
from sim.report import given
from sim.report.page import provenance
from sim.report.page.content import (
    NONE,
    Cell,
    Part,
    Section,
    Table,
    money,
    shown,
)
from sim.report.page.loss_charts import Curve, exceedance_chart
from sim.report.page.pairs import NAMES, parameters, said, twice
from sim.report.page.source import SourceError, Sweep
from sim.report.sweep_tables import interval
from sim.report.text import counted
from sim.sweeps.loss_table import book_of, loss_table, loss_usd, replicates
from sim.sweeps.outcome_columns import paths_of


def sections(one: Sweep, other: Sweep) -> list[Section]:
    sweeps = (one, other)
    try:
        for sweep in sweeps:
            if len(sweep.outcomes) < sweep.stored.plan.paths:
                sweep.stored.check_finished()
    except QuestionError as error:
        raise SourceError(str(error)) from error
    plans = [sweep.stored.plan for sweep in sweeps]
    tables = [
        loss_table(sweep.outcomes, plan.sampler, plan.scenario.step_seconds)
        for sweep, plan in zip(sweeps, plans, strict=True)
    ]
    lost = [loss_usd(sweep.outcomes) for sweep in sweeps]
    books = [book_of(sweep.outcomes) for sweep in sweeps]
    curves = [Curve(*one) for one in zip(NAMES, lost, books, tables, strict=True)]
    paired = _paired(one, other)
    parts: list[Part] = [
        said("expected loss of a path", *(float(sample.mean()) for sample in lost)),
        paired,
    ]
    return [
        Section("summary", "Summary", parts),
        parameters(*(sweep.stored.plan.scenario.model_dump(mode="json") for sweep in sweeps)),
        Section(
            "risk", "How likely which loss is", [_risk(sweeps, tables), exceedance_chart(curves)]
        ),
        *twice(provenance.of_sweep(one), provenance.of_sweep(other)),
    ]


def _risk(sweeps: Sequence[Sweep], tables: Sequence[pd.DataFrame]) -> Table:
    known: dict[str, dict[Any, dict[Any, Any]]] = {
        name: table.to_dict("index") for name, table in zip(NAMES, tables, strict=True)
    }
    rows: list[list[Cell]] = []
    for measure in map(str, tables[0].index):
        row: list[Cell] = [MEASURES[measure].heading]
        for name, found in ((n, one.get(measure)) for n, one in known.items()):
            if found is None or np.isnan(found["value"]):
                row += [NONE, NONE]
                continue
            ends = interval(pd.Series({**found, "needs": None}), found["unit"])
            row += [shown(found["value"], found["unit"], name=f"{measure} of {name}"), ends]
        rows.append(row)
    counts = ", ".join(
        f"{name} {sweep.stored.plan.paths:,}" for name, sweep in zip(NAMES, sweeps, strict=True)
    )
    return Table(
        f"Loss of a path: bad debt and shortfall at its end; paths: {counts}",
        ["measure", "A", "95% of A", "B", "95% of B"],
        rows,
        note=" ".join(
            f"{name}: {given.of_plan(sweep.stored.plan)}"
            for name, sweep in zip(NAMES, sweeps, strict=True)
        ),
    )


def _paired(one: Sweep, other: Sweep) -> Table | str:
    """B less A path by path, where path j of both has the same random numbers."""
    plans = [sweep.stored.plan for sweep in (one, other)]
    drawn = [
        [
            plan.sampler,
            plan.books,
            plan.book_seed,
            *(
                plan.scenario.model_dump(mode="json")[part]
                for part in ("seed", "start", "duration_hours", "step_seconds", "assets", "paths")
            ),
        ]
        for plan in plans
    ]
    if drawn[0] != drawn[1]:
        return (
            "The two sweeps draw their books or price paths differently, so that they cannot be "
            "compared path by path: the difference of two independent means has a wider interval."
        )
    n = min(plan.paths for plan in plans)
    if plans[0].sampler == "sobol" and plans[0].paths != plans[1].paths:
        return "The two sweeps have numbers of paths whose Sobol replicates differ."
    parts = replicates(one.outcomes.iloc[:n], plans[0].sampler)
    a, b = (
        paths_of(sweep.outcomes.iloc[:n], plan.scenario.step_seconds)
        for sweep, plan in zip((one, other), plans, strict=True)
    )
    judged = list(of_paths("paired").values())
    found_at = {
        measure.name: partial(measure.difference, measure.on(b), measure.on(a), parts)
        for measure in judged
    }
    called = holm({name: significance(interval) for name, interval in found_at.items()})
    rows: list[list[Cell]] = []
    for measure in judged:
        name = measure.name
        then = [measure.estimate(measure.on(paths)).value for paths in (a, b)]
        found = found_at[name](0.95)
        rows.append(
            [
                measure.heading,
                *map(money, then),
                money(found.value, f"paired {name}"),
                *(money(x) if np.isfinite(x) else "unbounded" for x in (found.low, found.high)),
                ("B loses less" if found.value < 0 else "A loses less")
                if name in called
                else "not settled",
            ]
        )
    return Table(
        f"B less A on the same {n:,} paths of {counted(plans[0].books, 'book')}",
        ["measure", "A", "B", "difference", "95% from", "95% to", "verdict"],
        rows,
        words=(0, 6),
        note="Verdicts hold at 95% for all measures together (Holm's correction). Unbounded: too "
        "few paths tell the two apart in the measure; where none does, others still may.",
    )
