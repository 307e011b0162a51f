"""How much of a harm's variance over the searched ranges is due to each parameter: Sobol' indices.

    S_i = Var E[Y | X_i] / Var Y,      S_Ti = 1 - Var E[Y | all but X_i] / Var Y

with X the positions of `sim.tuning.space`, uniform and independent, and Y the harm over the paths
of the first rung (`sim.tuning.race`): those that matter most. Two tables A and B of such points are
drawn, and for each parameter i a third, AB_i: A with the column of i from B. From f, the harm less
its mean, the indices are estimated as by Saltelli et al. (Computer Physics Communications 181
(2010), table 2):

    S_i = mean(f(B) (f(AB_i) - f(A))) / Var f,      S_Ti = mean((f(AB_i) - f(A))^2) / (2 Var f)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import qmc

from sim.tuning.result import Figure, Sensitivity, Value
from sim.tuning.space import Position, Space

BASE = 32
"""Rows of each table; settings to run: this times (parameters + 2)."""
_RESAMPLES = 500  # of the rows: an interval is 1.96 standard deviations of what they come to
_NORMAL_95 = 1.96

Floats = npt.NDArray[np.float64]


def settings(space: Space, seed: int, base: int = BASE) -> list[dict[str, Value]]:
    """The settings whose harms `indices` needs, in order: `base` rows of A, of B, of every AB_i."""
    count = len(space.axes)
    engine = qmc.Sobol(2 * count, rng=np.random.default_rng(seed))
    both = engine.random_base2((base - 1).bit_length())[:base]
    a, b = both[:, :count], both[:, count:]
    crossed = [np.where(np.arange(count) == i, b, a) for i in range(count)]
    return [space.values(_positions(space, row)) for row in np.concatenate([a, b, *crossed])]


def indices(space: Space, measure: str, harms: npt.ArrayLike, seed: int) -> tuple[Sensitivity, ...]:
    """The indices from the harm of each of `settings`; nothing if the harm never varies."""
    y = np.asarray(harms, dtype=np.float64)
    if not np.ptp(y):
        return ()
    table = y.reshape(len(space.axes) + 2, -1)
    table = table - table[:2].mean()
    rows = np.random.default_rng(seed).integers(table.shape[1], size=(_RESAMPLES, table.shape[1]))
    found = _shares(table)
    half = _NORMAL_95 * _shares(table[:, rows]).std(axis=-1, ddof=1)
    figures = [
        [Figure.of(v, v - h, v + h) for v, h in zip(values, ends, strict=True)]
        for values, ends in zip(found.tolist(), half.tolist(), strict=True)
    ]
    return tuple(
        Sensitivity(path=axis.path, measure=measure, first_order=first, total=total)
        for axis, first, total in zip(space.axes, *figures, strict=True)
    )


def _shares(table: Floats) -> Floats:
    """S and S_T, (2, parameters, ...), of centred harms (parameters + 2, ..., rows): of A, of B,
    of every AB_i. 0 where the harms of A and B are all the same.
    """
    a, b, crossed = table[0], table[1], table[2:]
    variance = np.concatenate([a, b], axis=-1).var(axis=-1)
    moved = crossed - a
    parts = np.stack([(b * moved).mean(axis=-1), (moved**2).mean(axis=-1) / 2])
    shares: Floats = np.divide(parts, variance, out=np.zeros_like(parts), where=variance > 0)
    return shares


def _positions(space: Space, row: Floats) -> dict[str, Position]:
    positions: dict[str, Position] = {}
    for axis, place in zip(space.axes, row.tolist(), strict=True):
        names = axis.dimension.names
        positions[axis.path] = (
            names[min(int(place * len(names)), len(names) - 1)] if names else place
        )
    return positions
