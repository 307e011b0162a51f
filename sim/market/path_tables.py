"""Refuses tables of paths that compiled code must not see: it checks neither bounds nor units."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.protocol.fixed_point import max_price

_FAR = 10.0
"""No feed starts so far behind; cents, dollars and most other assets are further."""
_HOW = "in whole units of 1e-8 USD, as sim.market.paths.draw and observed return them"


def check_tables(prices: Any, observed: Any, steps: int, start: Any) -> None:
    """Raise ValueError unless both tables are of a world that starts at the prices `start`,
    (assets,): float64, C-contiguous, (paths, steps + 1, assets), whole price units from 1 to below
    2^64; row 0 of `prices` is `start`, and that of `observed` of its order.
    """
    begins = np.asarray(start, dtype=np.float64)
    wanted = f"(paths, {steps + 1}, {len(begins)})"
    for name, table in (("prices", prices), ("observed", observed)):
        if not isinstance(table, np.ndarray) or table.dtype != np.float64:
            what = getattr(table, "dtype", type(table).__name__)
            raise ValueError(f"{name} is of {what}: an array of float64 is needed, {_HOW}")
        if table.ndim != 3 or table.shape[1:] != (steps + 1, len(begins)):
            raise ValueError(f"{name} has shape {table.shape}: {wanted} is needed")
        if not table.flags.c_contiguous:
            raise ValueError(f"{name} is not C-contiguous: numpy.ascontiguousarray makes it so")
        _check_units(name, table, begins)
    if len(prices) != len(observed):
        raise ValueError(f"{len(prices)} paths of prices, {len(observed)} of what feeds see")
    if not (prices[:, 0] == begins).all():
        raise ValueError(
            f"row 0 of prices is {prices[:, 0][(prices[:, 0] != begins).any(axis=1)][0].tolist()}, "
            f"the world opened at {begins.tolist()}: a path starts where its world does"
        )


def _check_units(name: str, table: Any, begins: Any) -> None:
    first = table[:, 0]
    if not ((first > begins / _FAR) & (first < begins * _FAR)).all():
        raise ValueError(
            f"{name} starts at {first[0].tolist()}, the world at {begins.tolist()}: prices are "
            f"{_HOW}"
        )
    right = (np.rint(table) == table) & (table >= 1) & (table < float(max_price()))
    if not right.all():
        raise ValueError(f"{name} holds {table[~right][0]}: prices are 1 to below 2^64, {_HOW}")
