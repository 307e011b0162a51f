"""Everyone's health at once, in exact runs: what a tape records of every account after every step.

Who is below 1 is decided by integers, but only where doubles cannot tell: an account that is
healthy by more than everything that rounding can do is valued in doubles, to 15 digits, and all
others by the twin's own arithmetic on columns of Python integers.
"""

from __future__ import annotations

import numpy as np

from sim.health.levels import LEAST_UNITS, counts_apart
from sim.market.market import (
    COLLATERAL_VALUE,
    DEBT_VALUE,
    FACTOR,
    LIQUIDATABLE,
    USABLE,
    WATCH,
)
from sim.protocol import hub, oracle
from sim.protocol.brackets import weighted
from sim.protocol.fixed_point import BPS, div_down, max_uint, mul_div_half, ray, wad
from sim.protocol.state import (
    IS_COLLATERAL,
    POSITION_DEBT,
    REHYPOTHECATE,
    SUPPLIED,
    Array,
    State,
)
from sim.protocol.vault_accounts import collateral_value, debt_value
from sim.protocol.vault_flags import delay_passed
from sim.protocol.vault_reserves import threshold

NEAR = 1e-4
"""Health in doubles that is this close above 1, or below it, is worked out in integers: several
times what roundings do to values of more than `LEAST_UNITS` of them.
"""


def census(s: State, doubles: Array | None = None) -> Array:
    """What `watchers.look_at` would find at every account now: float64 (n, WATCH), columns as
    there; `doubles` are the positions of the state as such, for whoever has them.

    The health factor is below 1e18 exactly where the contract's is. Rows of accounts that are
    healthy are right to the contract's roundings, all others are its integers as nearest doubles.
    """
    doubles = s.position.astype(np.float64) if doubles is None else doubles
    watch, small = _estimate(s, doubles)
    owing = watch[:, DEBT_VALUE] != 0
    near = np.flatnonzero(owing & ((watch[:, FACTOR] < float(wad()) * (1 + NEAR)) | small))
    if len(near):
        exact = counted(s, near)
        watch[near] = exact.astype(np.float64)
        below = near[exact[:, FACTOR] < wad()]  # the nearest double of 1e18 - 1 is 1e18
        watch[below, FACTOR] = np.minimum(watch[below, FACTOR], np.nextafter(float(wad()), 0))
    return watch


def _estimate(s: State, position: Array) -> tuple[Array, Array]:
    """(watch in doubles, whether a value is so small that roundings show).

    With P the price, u the unit, L the threshold, S the share price and I the index,

        collateral = sum x S P / u      debt = sum d I P / u      factor = sum x S P L / u / debt

    The contract rounds a value by at most one unit of it and one of the token; doubles add a few
    parts in 1e16.
    """
    n, m = s.position.shape[:2]
    debt, backs = position[:, :, POSITION_DEBT], position[:, :, IS_COLLATERAL]
    supplied = position[:, :, SUPPLIED] * backs
    owes = debt != 0
    watch = np.zeros((n, len(WATCH)))
    counted, excess, least = np.zeros((3, n))
    usable = np.ones(n, dtype=bool)
    for v in range(len(s.policy)):
        members = np.flatnonzero(s.account_vault == v)
        worth, counts, costs, rounds = np.zeros((4, m))
        for i in range(m):
            seen, now = oracle.read(s, v, i), hub.preview(s, i)
            worth[i] = seen.collateral_price / s.unit[i]
            rounds[i] = LEAST_UNITS * (1 + max(seen.collateral_price, seen.debt_price) / s.unit[i])
            if s.reserve[v, i, REHYPOTHECATE] != 0:
                held = now.total_assets + hub.VIRTUAL_ASSETS
                worth[i] *= held / (now.total_shares + hub.VIRTUAL_SHARES)
            counts[i] = worth[i] * threshold(s, v, i)
            if counts_apart(s, v, i):
                values = supplied[members, i] * worth[i]
                flat = values * threshold(s, v, i)
                excess[members] += flat - weighted(s, v, i, members, values)
            costs[i] = now.borrow_index * seen.debt_price / s.unit[i] / ray()
            if not seen.usable:
                usable[members] &= (backs[members, i] == 0) & ~owes[members, i]
        watch[members, COLLATERAL_VALUE] = supplied[members] @ worth
        watch[members, DEBT_VALUE] = debt[members] @ costs
        counted[members] = supplied[members] @ counts - excess[members]
        has = owes[members] | (backs[members] != 0)
        least[members] = has @ rounds
    owing = owes.any(axis=1)
    watch[~owing, COLLATERAL_VALUE] = 0
    watch[:, FACTOR] = float(max_uint())
    valued = watch[:, DEBT_VALUE] != 0
    watch[valued, FACTOR] = counted[valued] * (wad() / BPS) / watch[valued, DEBT_VALUE]
    watch[owing & usable, USABLE] = 1
    return watch, watch[:, (COLLATERAL_VALUE, DEBT_VALUE)].min(axis=1) < least


def counted(s: State, rows: Array) -> Array:
    """The same in the contract's integers, of some accounts: (rows, WATCH)."""
    rows = np.asarray(rows)
    n, position = len(rows), s.position[rows]
    watch = np.full((n, len(WATCH)), 0, dtype=object)
    counted = np.full(n, 0, dtype=object)
    usable = np.ones(n, dtype=bool)
    for v in range(len(s.policy)):
        members = s.account_vault[rows] == v
        for i in range(len(s.unit)):
            seen = oracle.read(s, v, i)
            backs = np.flatnonzero(members & (position[:, i, IS_COLLATERAL] != 0))
            owes = np.flatnonzero(members & (position[:, i, POSITION_DEBT] != 0))
            assets = position[backs, i, SUPPLIED]
            if s.reserve[v, i, REHYPOTHECATE] != 0:
                assets = hub.to_assets_down(s, i, assets)
            value = collateral_value(assets, seen.collateral_price, s.unit[i])
            watch[backs, COLLATERAL_VALUE] += value
            counted[backs] += weighted(s, v, i, rows[backs], value)
            debt = hub.debt_of(s, i, position[owes, i, POSITION_DEBT])
            watch[owes, DEBT_VALUE] += debt_value(debt, seen.debt_price, s.unit[i])
            if not seen.usable:
                usable[backs] = usable[owes] = False
    watch[:, FACTOR] = max_uint()
    valued = watch[:, DEBT_VALUE] != 0
    factors = mul_div_half(counted[valued], wad(), watch[valued, DEBT_VALUE])
    watch[valued, FACTOR] = div_down(factors, BPS)
    watch[usable, USABLE] = 1
    for n in np.flatnonzero(watch[:, FACTOR] < wad()):
        watch[n, LIQUIDATABLE] = int(delay_passed(s, rows[n], watch[n, FACTOR]))
    return watch
