"""What collateral counts for by brackets of its value and by categories, of many accounts at once:
on columns, as `vault_reserves.weigh` does for one. Exact on Python integers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sim.protocol.state import (
    BACKS_IN,
    CATEGORY,
    CATEGORY_LTV,
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
from sim.protocol.vault_reserves import in_force, threshold_of


def weigh_all(values: Any, thresholds: Sequence[float], above: Sequence[float]) -> Array:
    """Sum over the brackets of their thresholds times what of a value is in them: the first begins
    at 0, each other one where `above` says; in the units of values times thresholds.
    """
    weighted: Array = values * thresholds[0]
    for k, begins in enumerate(above):
        weighted = weighted - np.maximum(values - begins, 0) * (thresholds[k] - thresholds[k + 1])
    return weighted


def weighted(s: State, v: int, i: int, accounts: Array, values: Any) -> Array:
    """What collateral in asset i of these accounts of vault v counts for in health, USD x BPS."""
    counted = _by_reserve(s, v, i, values)
    for k, those in _in_categories(s, v, i, accounts):
        counted[those] = values[those] * threshold_of(s, v, k)
    return counted


def borrowable(s: State, v: int, i: int, accounts: Array, values: Any) -> Array:
    """What they can borrow against it, USD x BPS, down."""
    lent = limits(s.reserve[v, i], values)
    for k, those in _in_categories(s, v, i, accounts):
        lent[those] = values[those] * s.category[v, k, CATEGORY_LTV]
    return lent


def _in_categories(s: State, v: int, i: int, accounts: Array) -> Iterator[tuple[int, Array]]:
    """Every category of which asset i is collateral, and which of the accounts are in it."""
    for k in range(1, s.category.shape[1]):
        if s.member[v, k, i, BACKS_IN]:
            yield k, s.account[accounts, CATEGORY] == k


def _by_reserve(s: State, v: int, i: int, values: Any) -> Array:
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
