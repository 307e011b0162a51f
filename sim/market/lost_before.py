"""Bad debt from before a run, kept apart from what the run adds.

What an account owes beyond its collateral when the run begins was lost before it:

    lost_i = sum over accounts of debt_i max(0, D - C) / D

with D and C the values of debt and collateral at the first reference prices, and C = 0 where it is
below the vault's dust value, so that the debt is written off whole. It goes on to bear interest
until it is realised, which it is before any other bad debt of its asset:

    lost_i <- lost_i + max(0, lost_i - realised_i) (index' / index - 1)

What a run adds is bad debt and shortfall of an asset beyond that, never less than nothing. Should
the price of a collateral come back, such an account can lose less than it had lost before, and that
hides as much of what others lose in the same asset.
"""

from __future__ import annotations

import numpy as np

from sim.market.market import INDEX_THEN, LOST, Market
from sim.market.shortfall import debt_value, shortfall
from sim.protocol import vault_accounts
from sim.protocol.fixed_point import jitable, mul_div_up, zero
from sim.protocol.state import (
    BORROW_INDEX,
    DEFICIT_REPORTED,
    DUST_VALUE,
    POSITION_DEBT,
    Array,
    State,
)

ROUNDING = 10**6
"""What was lost before counts for one part in so many more, and `UNITS` units of its token: more
than roundings of exact or compiled runs make of it, so that these are no losses of a run."""
UNITS = 4


@jitable
def begin(s: State, w: Market) -> None:
    """Note what is lost when the run begins."""
    begin_of(s, w, np.arange(s.account.shape[0]))


@jitable
def begin_of(s: State, w: Market, accounts: Array) -> None:
    """The same where only `accounts` may owe more than they have."""
    w.lost_before.fill(zero())
    for i in range(s.unit.shape[0]):
        w.lost_before[i, INDEX_THEN] = s.hub[i, BORROW_INDEX]
    for a in accounts:
        missing = shortfall(s, w, 0, a)
        if missing > 0:
            _add(s, w, a, missing)


@jitable
def accrue(s: State, w: Market) -> None:
    """After interest was booked and before anything else happens in a step: let what is not
    realised yet grow with it.
    """
    for i in range(s.unit.shape[0]):
        index, then = s.hub[i, BORROW_INDEX], w.lost_before[i, INDEX_THEN]
        rest = w.lost_before[i, LOST] - s.hub[i, DEFICIT_REPORTED]
        if rest > 0:
            w.lost_before[i, LOST] += mul_div_up(rest, index - then, then)
        w.lost_before[i, INDEX_THEN] = index


@jitable
def lost(w: Market, i: int) -> int:
    """Of asset i, lost before the run, token units; see `ROUNDING`."""
    units = w.lost_before[i, LOST]
    if units == 0:
        return zero()
    return units + mul_div_up(units, 1, ROUNDING) + UNITS


@jitable
def _add(s: State, w: Market, a: int, missing: int) -> None:
    """Add what account a, which lacks the value `missing`, has lost."""
    owed = zero()
    for i in range(s.unit.shape[0]):
        if s.position[a, i, POSITION_DEBT] != 0:
            owed += debt_value(s, w, 0, a, i)
    if owed - missing < s.policy[s.account_vault[a], DUST_VALUE]:
        missing = owed
    for i in range(s.unit.shape[0]):
        if s.position[a, i, POSITION_DEBT] != 0:
            debt = vault_accounts.debt_assets(s, a, i)
            w.lost_before[i, LOST] += mul_div_up(debt, missing, owed)
