"""Settings against each other, on the same paths and books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sim.front.asked import asked
from sim.front.sweeps import Sweep, sweep
from sim.measures.intervals import Estimate, Replicates, holm, significance
from sim.measures.losses import expected_loss, expected_shortfall, paired_difference
from sim.scenario import Scenario
from sim.sweeps.losses import PEAK, loss_usd, replicates

_LEVEL = 0.99
_MEASURES: dict[str, tuple[str | None, float | None]] = {
    "expected_loss_usd": (None, None),
    "es_99_usd": (None, _LEVEL),
    "expected_peak_loss_usd": (PEAK, None),
    "expected_repaid_usd": ("repaid_usd", None),
}
"""Name -> (column of the outcomes, None: the loss; level of an expected shortfall, None: mean)."""


def sweep_over(
    scenario: str | Path | Scenario,
    settings: Mapping[str, Sequence[object]],
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

    One row per combination and measure, a column per setting: value with its 95% interval (low,
    high), and difference with its own (difference_low, difference_high): of the combination from
    the scenario as it is, path by path. `verdict` is more or less where the difference is told from
    0 at 95% for the whole table together (Holm), otherwise not settled; the same where no path of
    both differs. Infinite ends say that the paths cannot bound it.

    expected_loss_usd and es_99_usd are of bad debt and shortfall at the end, expected_peak_loss_usd
    of their largest sum after any step, expected_repaid_usd of the debt that liquidators repaid.
    With a `folder`, each sweep is kept in one of its own there and not run again.
    """
    base = asked(scenario, accounts=accounts, seed=seed, hold_at_low=hold_at_low).scenario
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
        for measure in _MEASURES:
            row, p_values[str(len(rows))] = _row(measure, one, sweeps[0])
            rows.append({**chosen, "measure": measure, **row})
    told = holm(p_values)
    for number, row in enumerate(rows):
        if row["verdict"] is None:
            sign = "more" if row["difference"] > 0 else "less"
            row["verdict"] = sign if str(number) in told else "not settled"
    return pd.DataFrame(rows)


def _row(measure: str, one: Sweep, base: Sweep) -> tuple[dict[str, Any], float]:
    """A measure of a sweep and its difference from another's, and how likely one as large is."""
    column, level = _MEASURES[measure]
    mine, others = (_terms(each, column) for each in (one, base))
    parts = replicates(one.outcomes, one.study.plan.sampler)
    value = expected_loss(mine, parts) if level is None else expected_shortfall(mine, level, parts)
    interval = partial(_difference, mine, others, level, parts)
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


def _terms(one: Sweep, column: str | None) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if column is None:
        return loss_usd(one.outcomes)
    return one.outcomes[column].to_numpy(dtype=np.float64)


def _difference(
    mine: Any, others: Any, level: float | None, parts: Replicates, confidence: float
) -> Estimate:
    return paired_difference(mine, others, level, parts, confidence)
