"""Settings against each other, on the same paths and books."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from sim.front.asked import changed
from sim.front.sweeps import Sweep, sweep
from sim.measures.intervals import holm, significance
from sim.measures.measure import Measure, Paths
from sim.measures.registry import of_paths
from sim.questions.store import QuestionError
from sim.scenario import Scenario
from sim.sweeps.loss_table import replicates
from sim.sweeps.outcome_columns import paths_of


def sweep_over(
    scenario: str | Path | Scenario,
    settings: Mapping[str, Collection[object]],
    *,
    paths: int = 1_024,
    books: int | None = None,
    accounts: int | None = None,
    seed: int | None = None,
    hold_at_low: bool | None = None,
    workers: int | None = None,
    folder: str | Path | None = None,
) -> pd.DataFrame:
    """Sweep every combination of `settings` (path of a field -> values) and the scenario as it is,
    all on the same price paths and books of borrowers.

    One row per combination and measure, a column per setting: unit, value with its 95% interval
    (low, high), and difference with its own (difference_low, difference_high): of the combination
    from the scenario as it is, path by path. `verdict` is more or less where the difference is told
    from 0 at 95% for the whole table together (Holm), otherwise not settled; the same where no path
    of both differs. Infinite ends say that the paths cannot bound it.

    The measures are those of `sim.measures.of_paths` that stand in the grid, by the names that they
    have in `Sweep.losses` too: expected_loss and es_99 of bad debt and shortfall at the end,
    peak_loss the mean of their largest sum after any step, expected_repaid that of the debt that
    liquidators repaid.
    With a `folder`, each sweep is kept in one of its own there and not run again. Raises as
    `sim.sweep`, `QuestionError` also for settings that are no mapping of fields to lists.
    """
    if not isinstance(settings, Mapping):
        raise QuestionError(f"settings {settings!r}: a mapping of fields to lists is needed")
    if not settings:
        raise QuestionError("settings: none is given: a field and its values, one at least")
    for path, values in settings.items():
        if isinstance(values, str) or not isinstance(values, Collection) or not len(values):
            raise QuestionError(f"{path}: {values!r}: a list of values is needed, one at least")
    base = changed(scenario, accounts=accounts, seed=seed, hold_at_low=hold_at_low)
    combinations = [dict(zip(settings, one, strict=True)) for one in product(*settings.values())]
    # All are checked before the first is run.
    worlds = [base, *(base.with_(one) for one in combinations)]
    sweeps = [
        sweep(
            world,
            paths=paths,
            books=books,
            workers=workers,
            folder=None if folder is None else Path(folder) / f"{n:03}",
            resume=folder is not None,
        )
        for n, world in enumerate(worlds)
    ]
    rows: list[dict[str, Any]] = []
    p_values: dict[str, float] = {}
    for chosen, one in zip(combinations, sweeps[1:], strict=True):
        for name, measure in of_paths("grid").items():
            row, p_values[str(len(rows))] = _row(measure, one, sweeps[0])
            rows.append({**chosen, "measure": name, "unit": measure.unit, **row})
    told = holm(p_values)
    for number, row in enumerate(rows):
        if row["verdict"] is None:
            sign = "more" if row["difference"] > 0 else "less"
            row["verdict"] = sign if str(number) in told else "not settled"
    return pd.DataFrame(rows)


def _row(measure: Measure, one: Sweep, base: Sweep) -> tuple[dict[str, Any], float]:
    """A measure of a sweep and its difference from another's, and how likely one as large is."""
    mine, others = (measure.on(_paths(each)) for each in (one, base))
    parts = replicates(one.outcomes, one.stored.plan.sampler)
    value = measure.estimate(mine, parts)
    interval = partial(measure.difference, mine, others, parts)
    found, same = interval(0.95), bool((mine == others).all())
    return {
        "value": value.value,
        "low": value.low,
        "high": value.high,
        "difference": found.value,
        "difference_low": found.low,
        "difference_high": found.high,
        "verdict": "same" if same else None,
    }, 1.0 if same else significance(interval)


def _paths(one: Sweep) -> Paths:
    return paths_of(one.outcomes, one.scenario.step_seconds)
