"""Which of its assets an account's owner and its liquidators turn to first."""

from __future__ import annotations

from sim.protocol import oracle
from sim.protocol.fixed_point import jitable, zero
from sim.protocol.state import IS_COLLATERAL, POSITION_DEBT, State
from sim.protocol.vault_accounts import collateral_value, debt_assets, debt_value, supplied_assets


@jitable
def largest_debt(s: State, a: int) -> int:
    """The asset of which the account owes most at oracle prices; -1 without debt."""
    d, most = -1, zero()
    for i in range(s.unit.shape[0]):
        if s.position[a, i, POSITION_DEBT] != 0:
            price = oracle.read(s, s.account_vault[a], i).price
            value = debt_value(debt_assets(s, a, i), price, s.unit[i])
            if d < 0 or value > most:
                d, most = i, value
    return d


@jitable
def largest_collateral(s: State, a: int, d: int) -> int:
    """The account's largest collateral at oracle prices that are usable, of those that a pair
    trades against d unless d is -1; -1 without any.
    """
    c, most = -1, zero()
    for i in range(s.unit.shape[0]):
        if s.position[a, i, IS_COLLATERAL] != 0 and (d < 0 or s.pair_of[i, d] >= 0):
            seen = oracle.read(s, s.account_vault[a], i)
            value = collateral_value(supplied_assets(s, a, i), seen.price, s.unit[i])
            if seen.usable and (c < 0 or value > most):
                c, most = i, value
    return c
