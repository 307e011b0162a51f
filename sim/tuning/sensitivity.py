"""How much of a harm's variance over the searched ranges is due to each parameter: Sobol' indices.

    S_i = Var E[Y | X_i] / Var Y,      S_Ti = 1 - Var E[Y | all but X_i] / Var Y

with X the positions of `sim.tuning.space`, uniform and independent, and Y the harm over the paths
of the first rung (`sim.tuning.race`): those that matter most. SALib draws the points (Saltelli's
scheme on Sobol' points) and estimates the indices; its intervals are from a bootstrap.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from SALib.analyze import sobol as analysis
from SALib.sample import sobol as points

from sim.tuning.result import Figure, Sensitivity, Value
from sim.tuning.space import Position, Space

BASE = 32
"""Points that others are made of; settings to run: this times (parameters + 2)."""


def settings(space: Space, seed: int, base: int = BASE) -> list[dict[str, Value]]:
    """The settings whose harms `indices` needs, in order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of SALib about its own use of scipy
        drawn = points.sample(_problem(space), base, calc_second_order=False, seed=seed)
    return [space.values(_positions(space, row)) for row in drawn]


def indices(space: Space, measure: str, harms: npt.ArrayLike, seed: int) -> tuple[Sensitivity, ...]:
    """The indices from the harm of each of `settings`; nothing if the harm never varies."""
    y = np.asarray(harms, dtype=np.float64)
    if not np.ptp(y):
        return ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: Any = analysis.analyze(
            _problem(space), y / y.std(), calc_second_order=False, seed=seed, num_resamples=500
        )

    def figure(name: str, n: int) -> Figure:
        value, half = float(found[name][n]), float(found[f"{name}_conf"][n])
        return Figure.of(value, value - half, value + half)

    return tuple(
        Sensitivity(
            path=axis.path, measure=measure, first_order=figure("S1", n), total=figure("ST", n)
        )
        for n, axis in enumerate(space.axes)
    )


def _problem(space: Space) -> dict[str, Any]:
    names = [axis.path for axis in space.axes]
    return {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}


def _positions(space: Space, row: npt.NDArray[np.float64]) -> dict[str, Position]:
    positions: dict[str, Position] = {}
    for axis, place in zip(space.axes, row.tolist(), strict=True):
        names = axis.dimension.names
        positions[axis.path] = (
            names[min(int(place * len(names)), len(names) - 1)] if names else place
        )
    return positions
