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

from collections.abc import Iterator, Sequence

import numpy as np

from sim.protocol import hub, oracle
from sim.protocol.brackets import borrowable, weighted
from sim.protocol.fixed_point import BPS, div_down, max_amount, max_shares, mul_div_half, ray, wad
from sim.protocol.state import (
    ACTIVE,
    ADD_CAP,
    ADDED_SHARES,
    BORROW_CAP,
    BORROW_ENABLED,
    BORROW_INDEX,
    CASH,
    CATEGORY,
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
    LENT_IN,
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

_SHARES = hub.VIRTUAL_SHARES // hub.VIRTUAL_ASSETS
"""For a unit, before there was interest or loss."""


class AtOnce(Opening):
    """An opening that leaves the same state, but for the journal and what undoes operations."""

    def _vaults(self) -> Iterator[tuple[int, Array]]:
        """Every vault with the accounts of the book that are in it."""
        vault = self._s.account_vault[: len(self._book.debt)]
        for v in range(len(self._s.policy)):
            yield v, np.flatnonzero(vault == v)

    def _supply_all(self) -> None:
        amounts, unpledged = self._supplied, self._book.unpledged
        isolated = np.asarray(self._book.isolated, dtype=bool)
        told_apart = unpledged is not None and isolated.any()
        if self._seeds or told_apart or not self._all_can_be_supplied():
            super()._supply_all()
            return
        s, accounts = self._s, len(amounts)
        for v, rows in self._vaults():
            for i in range(len(s.unit)):
                total = amounts[rows, i].sum()
                if s.reserve[v, i, REHYPOTHECATE] != 0:
                    s.hub[i, CASH] += total
                    s.hub[i, TOTAL_SHARES] += total * _SHARES
                    s.spoke[v, i, ADDED_SHARES] += total * _SHARES
                    hub.update_rate(s, i)
                else:
                    s.hub[i, ESCROW] += total
                    s.spoke[v, i, ESCROWED] += total
        reserve = s.reserve[s.account_vault[:accounts]]
        pledges = (amounts != 0) & (reserve[:, :, COLLATERAL_ENABLED] != 0)
        first = np.cumsum(pledges, axis=1) == 1
        pledges &= first | ~isolated[:, np.newaxis]
        if unpledged is not None:
            pledges &= unpledged == 0
        s.account[:accounts, ISOLATED] += isolated.astype(int).astype(object)
        if self._book.category is not None:
            s.account[:accounts, CATEGORY] += self._book.category.astype(object)
        lent = reserve[:, :, REHYPOTHECATE] != 0
        s.position[:accounts, :, SUPPLIED] = amounts * np.where(lent, _SHARES, 1).astype(object)
        s.position[:accounts, :, IS_COLLATERAL] = pledges.astype(int).astype(object)
        s.holding[s.account_owner[:accounts], :, WALLET] += self._reserves

    def _all_can_be_supplied(self) -> bool:
        """Whether none would be refused, and each comes to `_SHARES` for a unit."""
        return all(
            self._can_be_supplied(v, i, self._supplied[rows, i].sum())
            for v, rows in self._vaults()
            for i in range(len(self._s.unit))
        )

    def _can_be_supplied(self, v: int, i: int, total: int) -> bool:
        s, row, of_vault = self._s, self._s.hub[i], self._s.spoke[v, i]
        if total == 0:
            return True
        lent = s.reserve[v, i, REHYPOTHECATE] != 0
        # Of all vaults: what one of them adds counts for the others.
        everyone = self._supplied[:, i].sum()
        held, most = (row[CASH], row[TOTAL_SHARES]) if lent else (row[ESCROW], 0)
        added = of_vault[ADDED_SHARES] // _SHARES
        of_vault_now = total + (added if lent else of_vault[ESCROWED])
        refused = (
            not self._is_untouched(i)
            or of_vault[ACTIVE] == 0
            or held + everyone >= max_amount()
            or most + everyone * _SHARES >= max_shares()
            or total + added + of_vault[ESCROWED] > of_vault[ADD_CAP]
            or of_vault_now > s.reserve[v, i, SUPPLY_CAP]
        )
        return not refused

    def _borrow_all(self, accounts: Sequence[int]) -> None:
        rows = np.asarray(accounts, dtype=np.intp)
        rows = rows[(self._book.debt[rows] != 0).any(axis=1)]
        if not self._all_can_borrow(rows):
            super()._borrow_all(accounts)
            return
        s, owed, vault = self._s, self._book.debt[rows], self._s.account_vault[rows]
        for i in range(len(s.unit)):
            total = owed[:, i].sum()
            s.hub[i, CASH] -= total
            s.hub[i, SCALED_DEBT] += total
            for v in range(len(s.policy)):
                s.spoke[v, i, DRAWN_SCALED] += owed[vault == v, i].sum()
            hub.update_rate(s, i)
        s.position[rows, :, POSITION_DEBT] = owed
        s.holding[s.account_owner[rows], :, WALLET] += owed

    def _all_can_borrow(self, rows: Array) -> bool:
        """Whether none would be refused, and each comes to as much scaled debt as debt."""
        s, owed, vault = self._s, self._book.debt[rows], self._s.account_vault[rows]
        for v in range(len(s.policy)):
            for i in range(len(s.unit)):
                if not self._can_be_drawn(v, i, owed[vault == v, i].sum()):
                    return False
        for i in range(len(s.unit)):
            if owed[:, i].sum() > s.hub[i, CASH]:
                return False
        if not self._all_are_lent_in_their_category(rows):
            return False
        several = (owed != 0).sum(axis=1) > 1
        if (several & (s.account[rows, ISOLATED] != 0)).any():
            return False
        return all(
            self._all_are_safe(v, rows[vault == v], owed[vault == v]) for v in range(len(s.policy))
        )

    def _all_are_lent_in_their_category(self, rows: Array) -> bool:
        s = self._s
        category = s.account[rows, CATEGORY].astype(int)
        lent = s.member[s.account_vault[rows], category][:, :, LENT_IN] != 0
        return not ((self._book.debt[rows] != 0) & ~lent & (category != 0)[:, np.newaxis]).any()

    def _can_be_drawn(self, v: int, i: int, total: int) -> bool:
        s, of_vault = self._s, self._s.spoke[v, i]
        if total == 0:
            return True
        drawn = of_vault[DRAWN_SCALED] + total
        refused = (
            not self._is_untouched(i)
            or of_vault[ACTIVE] == 0
            or of_vault[HALTED] != 0
            or s.reserve[v, i, BORROW_ENABLED] == 0
            or drawn + of_vault[REPORTED_DEFICIT] > of_vault[DRAW_CAP]
            or drawn > s.reserve[v, i, BORROW_CAP]
        )
        return not refused

    def _all_are_safe(self, v: int, rows: Array, owed: Array) -> bool:
        """What vault v asks of each after it borrowed the last time."""
        s, position = self._s, self._s.position[rows]
        limit, counted, debt = np.full((3, len(rows)), 0, dtype=object)
        dust = s.policy[v, DUST_VALUE]
        for i in range(len(s.unit)):
            backs = np.flatnonzero(position[:, i, IS_COLLATERAL] != 0)
            owes = np.flatnonzero(owed[:, i] != 0)
            if not len(backs) and not len(owes):
                continue
            oracle.poke(s, v, i)
            seen = oracle.read(s, v, i)
            if seen.status != oracle.STATUS_OK or not self._is_untouched(i):
                return False
            lent = s.reserve[v, i, REHYPOTHECATE] != 0
            supplied = position[backs, i, SUPPLIED] // (_SHARES if lent else 1)
            value = collateral_value(supplied, seen.price, s.unit[i])
            limit[backs] += borrowable(s, v, i, rows[backs], value)
            counted[backs] += weighted(s, v, i, rows[backs], value)
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
