"""Invariant 32 as a model of its own: a stake that was asked to leave leaves at the fixed instant,
at what it was worth then, whoever calls what in between.

Nothing of the twin's functions. Time is what moves this model: at every instant that passes those
who asked for it leave, in the order of time, whether or not anybody touches the pool then. What was
lost comes from the hub's books.
"""

from __future__ import annotations

from fractions import Fraction

from sim.protocol import operations as op
from sim.protocol.errors import (
    COOLING_DOWN,
    INSUFFICIENT_SHARES,
    OK,
    REQUEST_PENDING,
    ZERO_AMOUNT,
)
from sim.protocol.state import (
    COOLDOWN,
    COVERED_BY_FUND,
    POOL_ASSETS,
    POOL_EPOCH,
    STAKE,
    UNCOLLECTED,
    WALLET,
    Entry,
    State,
)
from tests.lockstep.look import Look

VIRTUAL_SHARES, VIRTUAL_ASSETS = 10**6, 1
MILLION = 10**6


class _Pool:
    """Of one asset."""

    def __init__(self, assets: int, stays: dict[int, int]) -> None:
        self.assets, self.stays = assets, stays
        self.waits = dict[int, tuple[int, int]]()
        """Of an actor the instant and the shares."""
        self.begun = 0
        """Times that it began anew."""
        self.left = dict[int, int]()
        """Of an actor what he can collect; nothing if it was lost before it left."""

    @property
    def shares(self) -> int:
        return sum(self.stays.values()) + sum(shares for _, shares in self.waits.values())

    def pass_until(self, now: int) -> None:
        """Everybody who is due leaves."""
        for instant in sorted({at for at, _ in self.waits.values() if at <= now}):
            leave = {k: n for k, (at, n) in self.waits.items() if at == instant}
            together = sum(leave.values())
            worth = together * (self.assets + VIRTUAL_ASSETS) // (self.shares + VIRTUAL_SHARES)
            self.assets -= worth
            for k, shares in leave.items():
                self.left[k] = worth * shares // together
                del self.waits[k]

    def lose(self, amount: int) -> None:
        """So much for the hub; with less than a millionth of it left nobody has anything. So all
        stakers together lose the loss, a millionth of the pool and a unit at the most.
        """
        assert 0 <= amount <= self.assets, "32"
        had, of_all = self._theirs(), self.assets
        self.assets -= amount
        if amount and Fraction(self.assets, of_all) < Fraction(1, MILLION):
            self._begin_anew()
        assert had - self._theirs() < amount + Fraction(of_all, MILLION) + 1, "32"

    def take(self, actor: int, amount: int) -> None:
        """A stake at the price there is, or, where shares lost all but a millionth of what they
        cost at first and all of them are less than a millionth of the stake, in place of theirs.
        """
        at_first = Fraction(self.shares, VIRTUAL_SHARES)
        if self.assets < min(at_first / MILLION, Fraction(amount, MILLION)):
            self._begin_anew()
        price = Fraction(self.assets + VIRTUAL_ASSETS, self.shares + VIRTUAL_SHARES)
        self.stays[actor] = self.stays.get(actor, 0) + int(amount / price)
        self.assets += amount

    def _theirs(self) -> Fraction:
        """What all shares are worth, unrounded."""
        price = Fraction(self.assets + VIRTUAL_ASSETS, self.shares + VIRTUAL_SHARES)
        return self.shares * price

    def _begin_anew(self) -> None:
        """Nobody has anything, and who waited leaves with nothing."""
        self.begun += 1
        self.stays.clear()
        self.left |= dict.fromkeys(self.waits, 0)
        self.waits.clear()


class Stakers:
    """All pools of a machine, from a state in which nobody leaves."""

    def __init__(self, s: State) -> None:
        self.cooldown = int(s.losses[COOLDOWN])
        self.pools = [
            _Pool(int(row[POOL_ASSETS]), dict(enumerate(s.holding[:, i, STAKE].tolist())))
            for i, row in enumerate(s.pool)
        ]
        self.epochs = [int(row[POOL_EPOCH]) for row in s.pool]

    def follow(self, before: Look, after: Look, row: Entry) -> None:
        """One operation, refused or not."""
        for i, pool in enumerate(self.pools):
            pool.pass_until(after.clock)
            assert before.insures[i] == pool.assets, "32"
            by_fund = after.hub[i][COVERED_BY_FUND] - before.hub[i][COVERED_BY_FUND]
            pool.lose(by_fund)
            touched = by_fund > 0
            if row.x == i and row.kind in _FOLLOWED:
                _FOLLOWED[row.kind](self, pool, before, after, row)
                touched = touched or row.code == OK
            self._compare(i, after, touched)

    def _compare(self, i: int, after: Look, touched: bool) -> None:
        pool, there = self.pools[i], after.pool[i]
        assert after.insures[i] == pool.assets, "32"
        assert not touched or there[POOL_ASSETS] == pool.assets, "32"
        assert there[POOL_EPOCH] == self.epochs[i] + pool.begun, "32"
        in_fund = there[POOL_ASSETS] + there[UNCOLLECTED]
        owed = pool.assets + sum(pool.left.values())
        assert in_fund >= owed, "claims on the fund exceed what it has"
        for k, holding in enumerate(after.holding):
            assert holding[i][STAKE] == pool.stays.get(k, 0), "32"

    def _stake(self, pool: _Pool, before: Look, after: Look, row: Entry) -> None:
        if row.code != OK:
            return
        pool.take(row.actor, row.amount)
        assert _paid(before, after, row) == -row.amount, "32"

    def _ask(self, pool: _Pool, before: Look, after: Look, row: Entry) -> None:
        k, instant = row.actor, (after.clock // self.cooldown + 2) * self.cooldown
        at, shares = pool.waits.get(k, (instant, 0))
        why = OK
        if row.amount == 0:
            why = ZERO_AMOUNT
        elif k in pool.left or at != instant:
            why = REQUEST_PENDING
        elif row.amount > pool.stays.get(k, 0):
            why = INSUFFICIENT_SHARES
        assert row.code == why, "32"
        if why == OK:
            pool.stays[k] -= row.amount
            pool.waits[k] = instant, shares + row.amount

    def _collect(self, pool: _Pool, before: Look, after: Look, row: Entry) -> None:
        k = row.actor
        if k in pool.left:
            assert row.code == OK and _paid(before, after, row) == pool.left.pop(k), "32"
        else:
            assert row.code == (COOLING_DOWN if k in pool.waits else ZERO_AMOUNT), "32"


def _paid(before: Look, after: Look, row: Entry) -> int:
    return after.holding[row.actor][row.x][WALLET] - before.holding[row.actor][row.x][WALLET]


_FOLLOWED = {
    op.stake.kind: Stakers._stake,
    op.request_unstake.kind: Stakers._ask,
    op.unstake.kind: Stakers._collect,
}
