"""Suppliers who were refused for want of cash, and take collateral instead once deleveraging is on.

    first-come  of each account that may be deleveraged, as much as they want. The protocol lets
                them at the most levered first, so that is the order.
    pro-rata    of every account that may be, the same share of what it owes. Whom to take from is
                theirs to choose; with no ramp everyone below the largest health may be at once.

They pay with their shares, take the collateral that an account has most of, and keep it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.health.watchers import look_at
from sim.market.market import Market
from sim.protocol import hub, oracle
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import collateral_value, jitable, mul_div_down, zero
from sim.protocol.state import (
    ADL_ON_SINCE,
    HUB_SHARES,
    IS_COLLATERAL,
    POSITION_DEBT,
    Array,
    State,
)
from sim.protocol.vault_deleveraging import health_below, see_strain
from sim.protocol.vault_health import health
from sim.protocol.vault_positions import debt_assets, supplied_assets

HOW = ("wait", "first-come", "pro-rata")
WAIT, FIRST_COME, PRO_RATA = range(len(HOW))


class Instead(NamedTuple):
    """What they do, and did, instead of withdrawing: F assets whose suppliers may leave."""

    how: Array  # (F,) int64: WAIT, FIRST_COME or PRO_RATA
    paid: Array  # (F,) units of the asset that they gave up for collateral so far
    received: Array  # (m,) units that they took as collateral so far


def of(stuck: Sequence[str], assets: int) -> Instead:
    """Nothing yet."""
    return Instead(
        how=np.array([HOW.index(one) for one in stuck], dtype=np.int64),
        paid=np.full(len(stuck), 0, dtype=object),
        received=np.full(assets, 0, dtype=object),
    )


@jitable
def take(s: State, w: Market, actor: int, own: Instead, f: int, i: int, refused: int) -> None:
    """Take collateral for as much of asset i as was refused, where any mode is on."""
    for v in range(s.policy.shape[0]):
        if s.adl[v, i, ADL_ON_SINCE] == 0 or refused <= 0:
            continue
        seen = see_strain(s, v, i)
        if seen.on_since == 0 or not seen.strained:
            continue
        below = health_below(s, v, i, seen.on_since)
        owed = zero()
        if own.how[f] == PRO_RATA:
            for a in range(s.account.shape[0]):
                if may_be(s, v, a, i, below):
                    owed += debt_assets(s, a, i)
        wanted = refused
        for a in range(s.account.shape[0]):
            if refused > 0 and may_be(s, v, a, i, below):
                amount = refused
                if own.how[f] == PRO_RATA:
                    amount = mul_div_down(wanted, debt_assets(s, a, i), owed)
                refused -= _take_from(s, w, actor, own, f, i, a, min(amount, refused))


@jitable
def may_be(s: State, v: int, a: int, i: int, below: int) -> bool:
    """Whether the account owes asset i and may be deleveraged for it."""
    if s.account_vault[a] != v or s.position[a, i, POSITION_DEBT] == 0:
        return False
    return health(s, a).factor < below


@jitable
def _take_from(
    s: State, w: Market, actor: int, own: Instead, f: int, i: int, a: int, amount: int
) -> int:
    """Up to `amount` of the account's debt for the collateral it has most of; what was paid."""
    worth = hub.to_assets_down(s, i, s.holding[actor, i, HUB_SHARES])
    amount, c, most = min(amount, worth), -1, zero()
    for j in range(s.unit.shape[0]):
        if s.position[a, j, IS_COLLATERAL] != 0:
            price = oracle.read(s, s.account_vault[a], j).collateral_price
            value = collateral_value(supplied_assets(s, a, j), price, s.unit[j])
            if value > most:
                most = value
                c = j
    if c < 0 or amount <= 0:
        return zero()
    if op.deleverage(s, actor, a, i, c, amount, 1) != OK:
        return zero()
    paid = s.result[0]
    own.paid[f] += paid
    own.received[c] += s.result[1]
    look_at(s, w, a)
    return paid
