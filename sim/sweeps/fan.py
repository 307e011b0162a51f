"""The fan of the price paths of a sweep: quantiles over paths, at every time."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim.files.whole import replacing
from sim.market.level_tables import price_table
from sim.market.paths import draw
from sim.protocol.units import USD
from sim.questions.moving import moving_assets
from sim.sweeps.plan import Plan

Floats = npt.NDArray[np.float64]

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
MOST_PATHS = 10_000
"""More would not change what the eye sees, and quantiles need all of them in memory."""
_CHUNK = 100  # paths drawn at once
_MOST_ROWS = 400  # of time, per path


class Fan(NamedTuple):
    """Prices in USD of the assets that move. T times, m assets."""

    symbols: list[str]
    rows: npt.NDArray[np.int64]
    """(T,) steps."""
    quantiles: Floats
    """(QUANTILES, T, m) over the first `paths` paths."""
    level: Floats
    """(T, m) as the scenario names it."""
    worst: Floats
    """(steps + 1, m) one path in full."""
    paths: int
    worst_path: int
    """Its number."""


def fan(plan: Plan, worst: int) -> Fan:
    """Draw the paths of a plan again, a few at a time, and sum them up; `worst` is kept in full.

    Memory is bounded by MOST_PATHS paths at _MOST_ROWS times: 32 MB per asset.
    """
    scenario = plan.scenario
    own = draw(scenario, plan.sampler, worst, 1)[0] / USD
    level = price_table(scenario).astype(np.float64) / USD
    count = min(plan.paths, MOST_PATHS)
    every = -(-(scenario.steps + 1) // _MOST_ROWS)
    rows = np.unique(np.append(np.arange(0, scenario.steps + 1, every), scenario.steps))
    drawn = np.empty((count, len(rows), len(scenario.symbols)), dtype=np.float64)
    for first in range(0, count, _CHUNK):
        some = slice(first, min(first + _CHUNK, count))
        drawn[some] = draw(scenario, plan.sampler, first, some.stop - first)[:, rows]
    drawn /= USD
    moving = moving_assets(drawn)
    quantiles = (
        np.stack([np.quantile(drawn[:, :, i], QUANTILES, axis=0) for i in moving], axis=-1)
        if moving
        else np.empty((len(QUANTILES), len(rows), 0))
    )
    symbols = [scenario.symbols[i] for i in moving]
    return Fan(symbols, rows, quantiles, level[rows][:, moving], own[:, moving], count, worst)


def save_fan(fan: Fan, path: Path) -> None:
    """Write a fan as a file of numpy arrays, whole or not at all."""
    with replacing(path) as draft:
        np.savez_compressed(draft, **{**fan._asdict(), "symbols": np.array(fan.symbols, dtype=str)})


def load_fan(path: Path) -> Fan:
    """The fan in a file. Raises what `numpy.load` does, and `KeyError`, if it is none."""
    with np.load(path) as found:
        parts = {name: found[name] for name in Fan._fields}
    return Fan(
        **{
            **parts,
            "symbols": [str(symbol) for symbol in parts["symbols"]],
            "paths": int(parts["paths"]),
            "worst_path": int(parts["worst_path"]),
        }
    )
