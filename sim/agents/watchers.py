"""Watchers: everyone sees the same health of every account, measured once per step and after every
action on it.
"""

from __future__ import annotations

from sim.market.market import COLLATERAL_VALUE, DEBT_VALUE, FACTOR, LIQUIDATABLE, USABLE, Market
from sim.protocol import vault
from sim.protocol.fixed_point import jitable, max_uint, wad, zero
from sim.protocol.state import State


@jitable
def look(s: State, w: Market) -> None:
    """Measure every account."""
    for a in range(s.account.shape[0]):
        look_at(s, w, a)


@jitable
def look_at(s: State, w: Market, a: int) -> None:
    """Measure one account; one without debt cannot be unhealthy and is not valued."""
    w.watch[a, USABLE] = zero()
    w.watch[a, LIQUIDATABLE] = zero()
    if not vault.has_debt(s, a):
        w.watch[a, FACTOR] = max_uint()
        w.watch[a, COLLATERAL_VALUE] = zero()
        w.watch[a, DEBT_VALUE] = zero()
        return
    _, _, collateral, debt, factor, _, usable = vault.health(s, a)
    w.watch[a, FACTOR] = factor
    w.watch[a, COLLATERAL_VALUE] = collateral
    w.watch[a, DEBT_VALUE] = debt
    if usable:
        w.watch[a, USABLE] = zero() + 1
        if factor < wad() and vault.delay_passed(s, a, factor):
            w.watch[a, LIQUIDATABLE] = zero() + 1
