"""What collateral counts for by brackets of its value, of many accounts at once: on columns, as
`vault_reserves.weigh` does for one. Exact on Python integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sim.protocol.state import (
    LT,
    LT_FROM,
    LTV,
    SECOND_ABOVE,
    SECOND_FROM,
    SECOND_LT,
    THIRD_ABOVE,
    THIRD_FROM,
    THIRD_LT,
    TIERED,
    Array,
    State,
)
from sim.protocol.vault_reserves import in_force


def weigh_all(values: Any, thresholds: Sequence[float], above: Sequence[float]) -> Array:
    """Sum over the brackets of their thresholds times what of a value is in them: the first begins
    at 0, each other one where `above` says; in the units of values times thresholds.
    """
    weighted: Array = values * thresholds[0]
    for k, begins in enumerate(above):
        weighted = weighted - np.maximum(values - begins, 0) * (thresholds[k] - thresholds[k + 1])
    return weighted


def weighted(s: State, v: int, i: int, values: Any) -> Array:
    """What collateral in asset i counts for in health, USD x BPS."""
    columns = [(LT_FROM, LT), (SECOND_FROM, SECOND_LT), (THIRD_FROM, THIRD_LT)]
    row = s.reserve[v, i]
    used = columns if row[TIERED] else columns[:1]
    return weigh_all(values, [in_force(s, v, i, *pair) for pair in used], _above(row))


def limits(row: Array, values: Any) -> Array:
    """What can be borrowed against collateral by a row of the reserves, USD x BPS, down."""
    if not row[TIERED]:
        lent: Array = values * row[LTV]
        return lent
    configured = weigh_all(values, [row[LT], row[SECOND_LT], row[THIRD_LT]], _above(row))
    return configured * row[LTV] // row[LT]


def _above(row: Array) -> list[int]:
    return [row[SECOND_ABOVE], row[THIRD_ABOVE]] if row[TIERED] else []
