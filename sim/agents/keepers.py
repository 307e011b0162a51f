"""Keepers: the chores that anyone may do and that somebody does: accrual, pokes, flags, write-offs,
covering losses.

They act at any gas price (an assumption: these calls are rare and small).
"""

from __future__ import annotations

from sim.health.watchers import flags_matter, look_at
from sim.market.market import COLLATERAL_VALUE, DEBT_USABLE, DEBT_VALUE, FACTOR, USABLE, Market
from sim.protocol import hub, oracle
from sim.protocol import operations as op
from sim.protocol.fixed_point import jitable, wad
from sim.protocol.state import (
    ANCHOR,
    COVER_WINDOW,
    DEFICIT,
    DEFICIT_SINCE,
    DUST_VALUE,
    FLAGGED_AT,
    IMMEDIATE,
    POOL_ASSETS,
    State,
)

KEEPER = 0


@jitable
def accrue(s: State) -> None:
    """Book interest on every asset once per step."""
    for i in range(s.unit.shape[0]):
        op.accrue(s, KEEPER, i)


@jitable
def poke(s: State) -> None:
    """Show the routers the prices they have not accepted yet: hold-offs start and end in time."""
    for v in range(s.policy.shape[0]):
        for i in range(s.unit.shape[0]):
            price = oracle.read(s, v, i).price
            if price != 0 and price != s.oracle[v, i, ANCHOR]:
                op.poke(s, KEEPER, i, v)


@jitable
def flag(s: State, w: Market) -> None:
    """Where flags matter (a delay, or a bonus that grows with time): flag the unhealthy, unflag the
    recovered.
    """
    matter = False
    for v in range(s.policy.shape[0]):
        matter = matter or flags_matter(s, v)
    if not matter:
        return
    for n in range(w.hot_count[0]):
        a = w.hot[n]
        if not flags_matter(s, s.account_vault[a]):
            continue
        flagged = s.account[a, FLAGGED_AT] != 0
        unhealthy = w.watch[a, FACTOR] < wad()
        usable = w.watch[a, USABLE] if flagged else w.watch[a, DEBT_USABLE]
        if flagged == unhealthy or usable == 0:
            continue
        if flagged:
            op.unflag(s, KEEPER, a)
        else:
            op.flag(s, KEEPER, a)
        look_at(s, w, a)


@jitable
def write_off(s: State, w: Market) -> None:
    """Write off what has no collateral left."""
    for n in range(w.hot_count[0]):
        a = w.hot[n]
        collateral, dust = w.watch[a, COLLATERAL_VALUE], s.policy[s.account_vault[a], DUST_VALUE]
        no_collateral = collateral < dust and collateral < w.watch[a, DEBT_VALUE]
        if w.watch[a, FACTOR] < wad() and no_collateral and w.watch[a, DEBT_USABLE] != 0:
            op.write_off(s, KEEPER, a)
            look_at(s, w, a)


@jitable
def settle_losses(s: State, w: Market) -> None:
    """Let fees, fund and, after the window, suppliers bear what was written off."""
    for i in range(s.unit.shape[0]):
        if s.hub[i, DEFICIT] > 0 and (hub.fee_assets(s, i) > 0 or s.pool[i, POOL_ASSETS] > 0):
            op.cover(s, KEEPER, i)
        waited = s.clock[0] >= s.hub[i, DEFICIT_SINCE] + s.losses[COVER_WINDOW]
        if s.hub[i, DEFICIT] > 0 and (waited or s.losses[IMMEDIATE] != 0):
            op.socialise(s, KEEPER, i)
