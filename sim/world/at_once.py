"""The same start without operations of the accounts, for whoever needs no list of them: everyone of
a book supplies at once and borrows at once, in columns of Python integers.

At the start there was no interest and no loss yet: a million shares are worth a unit, a scaled debt
is the debt, and nobody's operation changes what another's comes to. So what the operations leave
behind are sums, and none was refused exactly if the last one was not: cash only falls while
accounts borrow, totals under caps only rise, and an account's last debt is its largest. What is
otherwise is carried out one by one, and so is everything if one would be refused: whoever reads of
it reads of the operation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.protocol import hub, oracle
from sim.protocol.brackets import limits, weighted
from sim.protocol.fixed_point import BPS, div_down, max_amount, max_shares, mul_div_half, ray, wad
from sim.protocol.state import (
    ACTIVE,
    ADD_CAP,
    ADDED_SHARES,
    BORROW_CAP,
    BORROW_ENABLED,
    BORROW_INDEX,
    CASH,
    COLLATERAL_ENABLED,
    DEFICIT,
    DRAW_CAP,
    DRAWN_SCALED,
    DUST_VALUE,
    ESCROW,
    ESCROWED,
    HALTED,
    IS_COLLATERAL,
    ISOLATED,
    LAST_ACCRUAL,
    POSITION_DEBT,
    REHYPOTHECATE,
    REPORTED_DEFICIT,
    SCALED_DEBT,
    SUPPLIED,
    SUPPLY_CAP,
    TOTAL_SHARES,
    WALLET,
    Array,
)
from sim.protocol.vault_accounts import collateral_value, debt_value
from sim.world.opening import Opening

_VAULT = 0
_SHARES = hub.VIRTUAL_SHARES // hub.VIRTUAL_ASSETS
"""For a unit, before there was interest or loss."""


class AtOnce(Opening):
    """An opening that leaves the same state, but for the journal and what undoes operations."""

    def _supply_all(self) -> None:
        amounts, unpledged = self._supplied, self._book.unpledged
        isolated = np.asarray(self._book.isolated, dtype=bool)
        told_apart = unpledged is not None and isolated.any()
        if self._seeds or told_apart or not self._all_can_be_supplied():
            super()._supply_all()
            return
        s = self._s
        for i in range(len(s.unit)):
            total = amounts[:, i].sum()
            if s.reserve[_VAULT, i, REHYPOTHECATE] != 0:
                s.hub[i, CASH] += total
                s.hub[i, TOTAL_SHARES] += total * _SHARES
                s.spoke[_VAULT, i, ADDED_SHARES] += total * _SHARES
                hub.update_rate(s, i)
            else:
                s.hub[i, ESCROW] += total
                s.spoke[_VAULT, i, ESCROWED] += total
        accounts = len(amounts)
        pledges = (amounts != 0) & (s.reserve[_VAULT, :, COLLATERAL_ENABLED] != 0)
        first = np.cumsum(pledges, axis=1) == 1
        pledges &= first | ~isolated[:, np.newaxis]
        if unpledged is not None:
            pledges &= unpledged == 0
        s.account[:accounts, ISOLATED] += isolated.astype(int).astype(object)
        lent = s.reserve[_VAULT, :, REHYPOTHECATE] != 0
        s.position[:accounts, :, SUPPLIED] = amounts * np.where(lent, _SHARES, 1).astype(object)
        s.position[:accounts, :, IS_COLLATERAL] = pledges.astype(int).astype(object)
        s.holding[s.account_owner[:accounts], :, WALLET] += self._reserves

    def _all_can_be_supplied(self) -> bool:
        """Whether none would be refused, and each comes to `_SHARES` for a unit."""
        s = self._s
        for i in range(len(s.unit)):
            amounts, row, of_vault = self._supplied[:, i], s.hub[i], s.spoke[_VAULT, i]
            total = amounts.sum()
            if total == 0:
                continue
            lent = s.reserve[_VAULT, i, REHYPOTHECATE] != 0
            held, most = (row[CASH], row[TOTAL_SHARES]) if lent else (row[ESCROW], 0)
            added = of_vault[ADDED_SHARES] // _SHARES
            of_vault_now = total + (added if lent else of_vault[ESCROWED])
            refused = (
                not self._is_untouched(i)
                or of_vault[ACTIVE] == 0
                or held + total >= max_amount()
                or most + total * _SHARES >= max_shares()
                or total + added + of_vault[ESCROWED] > of_vault[ADD_CAP]
                or of_vault_now > s.reserve[_VAULT, i, SUPPLY_CAP]
            )
            if refused:
                return False
        return True

    def _borrow_all(self, accounts: Sequence[int]) -> None:
        rows = np.asarray(accounts, dtype=np.intp)
        rows = rows[(self._book.debt[rows] != 0).any(axis=1)]
        if not self._all_can_borrow(rows):
            super()._borrow_all(accounts)
            return
        s, owed = self._s, self._book.debt[rows]
        for i in range(len(s.unit)):
            total = owed[:, i].sum()
            s.hub[i, CASH] -= total
            s.hub[i, SCALED_DEBT] += total
            s.spoke[_VAULT, i, DRAWN_SCALED] += total
            hub.update_rate(s, i)
        s.position[rows, :, POSITION_DEBT] = owed
        s.holding[s.account_owner[rows], :, WALLET] += owed

    def _all_can_borrow(self, rows: Array) -> bool:
        """Whether none would be refused, and each comes to as much scaled debt as debt."""
        s, owed = self._s, self._book.debt[rows]
        for i in range(len(s.unit)):
            row, of_vault, total = s.hub[i], s.spoke[_VAULT, i], owed[:, i].sum()
            if total == 0:
                continue
            drawn = of_vault[DRAWN_SCALED] + total
            refused = (
                not self._is_untouched(i)
                or of_vault[ACTIVE] == 0
                or of_vault[HALTED] != 0
                or s.reserve[_VAULT, i, BORROW_ENABLED] == 0
                or total > row[CASH]
                or drawn + of_vault[REPORTED_DEFICIT] > of_vault[DRAW_CAP]
                or drawn > s.reserve[_VAULT, i, BORROW_CAP]
            )
            if refused:
                return False
        several = (owed != 0).sum(axis=1) > 1
        if (several & (s.account[rows, ISOLATED] != 0)).any():
            return False
        return self._all_are_safe(rows, owed)

    def _all_are_safe(self, rows: Array, owed: Array) -> bool:
        """What the vault asks of each after it borrowed the last time."""
        s, position = self._s, self._s.position[rows]
        limit, counted, debt = np.full((3, len(rows)), 0, dtype=object)
        dust = s.policy[_VAULT, DUST_VALUE]
        for i in range(len(s.unit)):
            backs = np.flatnonzero(position[:, i, IS_COLLATERAL] != 0)
            owes = np.flatnonzero(owed[:, i] != 0)
            if not len(backs) and not len(owes):
                continue
            oracle.poke(s, _VAULT, i)
            seen = oracle.read(s, _VAULT, i)
            if seen.status != oracle.STATUS_OK or not self._is_untouched(i):
                return False
            lent = s.reserve[_VAULT, i, REHYPOTHECATE] != 0
            supplied = position[backs, i, SUPPLIED] // (_SHARES if lent else 1)
            value = collateral_value(supplied, seen.price, s.unit[i])
            limit[backs] += limits(s.reserve[_VAULT, i], value)
            counted[backs] += weighted(s, _VAULT, i, value)
            owing = debt_value(owed[owes, i], seen.price, s.unit[i])
            if (owing < dust).any():
                return False
            debt[owes] += owing
        factor = div_down(mul_div_half(counted, wad(), debt), BPS)
        return not ((debt * BPS > limit) | (factor < wad())).any()

    def _is_untouched(self, i: int) -> bool:
        """Whether of asset i `_SHARES` are worth a unit, and a scaled debt is the debt."""
        s, row = self._s, self._s.hub[i]
        return bool(
            row[LAST_ACCRUAL] == s.clock[0]
            and row[BORROW_INDEX] == ray()
            and row[DEFICIT] == 0
            and row[TOTAL_SHARES] == hub.total_assets(s, i) * _SHARES
        )
