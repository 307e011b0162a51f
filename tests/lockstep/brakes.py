"""Random operations on what brakes a vault and the hub: pauses, breakers, outflow limits, the
sequencer; and what must be true of them, worked out of the rows of two states.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from hypothesis import strategies as st
from hypothesis.stateful import rule

from sim.protocol import operations as op
from sim.protocol.errors import (
    ACTION_PAUSED,
    BREAKER_OPEN,
    EXCEEDED_MAX_WITHDRAW,
    IN_GRACE,
    OK,
    OUTFLOW_LIMITED,
)
from sim.protocol.fixed_point import BPS
from sim.protocol.state import (
    BREAKER_STOPS_LIQUIDATION,
    CAPACITY,
    CASH,
    COOL_OFF,
    FLOOR_AMOUNT,
    GRACE,
    GUARDED,
    HUB_SHARES,
    IS_COLLATERAL,
    LEVEL,
    LEVEL_AT,
    MAX_PAUSE,
    OUTFLOW_LIMIT,
    PAUSED_UNTIL,
    POSITION_DEBT,
    REHYPOTHECATE,
    SEQUENCER_FEED,
    TIERED,
    TRIPPED_AT,
    URGENT_EXEMPT,
    URGENT_HEALTH,
    WINDOW,
    Entry,
)
from sim.protocol.transaction import Operation
from tests.lockstep.look import Look
from tests.lockstep.machine import actors, assets
from tests.lockstep.side_by_side import GUARDED_VAULT
from tests.lockstep.strained import StrainedMachine
from tests.lockstep.support import ACTORS, GUARDIAN

BORROW, WITHDRAW, LIQUIDATE = range(3)
_REFUSALS = (ACTION_PAUSED, BREAKER_OPEN, IN_GRACE, OUTFLOW_LIMITED)
_LIQUIDATIONS = (op.liquidate.kind, op.flash_liquidate.kind)
_IN = (op.deposit.kind, op.mint_shares.kind, op.supply.kind, op.repay.kind)
_OUT = (
    *(op.withdraw.kind, op.borrow.kind, op.withdraw_assets.kind),
    *(op.redeem.kind, op.claim_fees.kind),
)
_WITHDRAWALS = (op.withdraw.kind, op.withdraw_assets.kind, op.redeem.kind)


class BrakedMachine(StrainedMachine):
    """What everyone may do, and what brakes it: the second vault has a guard."""

    def __init__(self) -> None:
        super().__init__()
        self._flows: dict[int, list[tuple[int, int, int]]] = {}
        """Of each limited asset: when, net outflow, the largest capacity since it is limited."""

    def do(self, operation: Operation[...], actor: int, *arguments: int) -> int:
        """One operation on both sides, held against what brakes there are."""
        before = self.look()
        code = super().do(operation, actor, *arguments)
        after, row = self.look(), operation.declared.asked(actor, *arguments)
        row = row._replace(code=code, result0=self._moved(0), result1=self._moved(1))
        check_brakes(before, after, row)
        for case in cases(before, after, row):
            self.cases[case, code == OK] += 1
        for i in after.assets:
            self._check_outflow(before, after, row, i)
        return code

    def _moved(self, n: int) -> int:
        return int(self.s.result[n])

    def _check_outflow(self, before: Look, after: Look, row: Entry, i: int) -> None:
        """28, over time: since no moment more has left than a capacity and what drained since."""
        if row.kind == op.set_outflow_limit.kind and row.x == i and row.code == OK:
            self._flows[i] = [(after.clock, 0, after.outflow[i][CAPACITY])]
        window = after.outflow[i][WINDOW]
        moved = list(flows(before, row, i)) if row.code == OK else []
        if window == 0 or not moved or i not in self._flows:
            return
        log = self._flows[i]
        most = max(log[-1][2], after.outflow[i][CAPACITY])
        for amount in moved:
            log.append((after.clock, amount, most))
        total = 0
        for at, net, _ in reversed(log):
            total += net
            assert total <= most * (1 + Fraction(after.clock - at, window)), "28"

    # --- the hub ----------------------------------------------------------------------------------

    @rule(
        i=assets,
        limit=st.sampled_from([0, 1, 100, 1_000, 5_000, 10_000, 10_001]),
        usd=st.sampled_from([0, 1_000, 50_000]),
        window=st.sampled_from([0, 1, 3_600, 3_600, 86_400, 30 * 86_400, 30 * 86_400 + 1]),
        actor=actors,
    )
    def limit_outflow(self, i: int, limit: int, usd: int, window: int, actor: int) -> None:
        """The admin limits what leaves; everyone wants out, all that there is and a unit more."""
        self.do(op.set_outflow_limit, 0, i, limit, self.amount(i, usd), window)
        for seconds in (0, 0, 700, 1_800):
            self.s.clock[0] += seconds
            self._fresh()
            left = self._available(i)
            own = 3 * actor + 2
            self.do(op.withdraw_assets, 1, i, left // 3)
            self.do(op.borrow, actor, own, i, min(left // 3, self.amount(i, 500)))
            self.do(op.borrow, actor, own, i, self._available(i) + 1)
            self.do(op.withdraw_assets, 1, i, self._available(i) + 1)
            self.do(op.withdraw, actor, own, i, self._available(i) + 1)
            self.do(op.withdraw, actor, own, i, self._available(i))
            self.do(op.withdraw_assets, 1, i, self._available(i))
            self.do(op.deposit, actor, i, left // 5)
            self.do(op.repay, actor, own, i, left // 7)
        if window != 3_600:
            assert self.do(op.set_outflow_limit, 0, i, 0, 0, 0) == OK
        else:
            self.do(op.set_outflow_limit, 0, i, limit // 2, self.amount(i, 2_000), window)

    def _available(self, i: int) -> int:
        look = self.look()
        return min(look.hub[i][CASH], lets_out(look, i))

    # --- the guard --------------------------------------------------------------------------------

    @rule(
        actor=st.sampled_from([GUARDIAN, GUARDIAN, GUARDIAN, GUARDIAN, GUARDIAN, 0, 1]),
        i=assets,
        bits=st.integers(0, 8),
        seconds=st.sampled_from([0, 1, 600, 3_600, 3_600, 3_601]),
        waits=st.sampled_from([0, 599, 600, 3_600, 7_200]),
        ends=st.booleans(),
        n=st.integers(0, ACTORS - 1),
    )
    def pause(
        self, actor: int, i: int, bits: int, seconds: int, waits: int, ends: bool, n: int
    ) -> None:
        """Somebody pauses; everyone tries; it ends, by itself or by the owner; everyone tries; it
        begins again, and of the next asset, and ends in part.
        """
        self.do(op.pause, actor, i, GUARDED_VAULT, seconds, bits)
        self._everyone(n, i)
        self.do(op.pause, GUARDIAN, i, GUARDED_VAULT, 60, bits)
        if ends:
            self.do(op.unpause, actor % 2, i, GUARDED_VAULT, bits)
        self.s.clock[0] += waits
        self._fresh()
        self._everyone(n, i)
        for k in (i, (i + 1) % 4):
            self.do(op.pause, GUARDIAN, k, GUARDED_VAULT, 60, bits)
            self.do(op.unpause, 0, k, GUARDED_VAULT, bits & seconds)

    @rule(
        i=assets,
        move=st.sampled_from([7_000, 7_000, 7_999, 8_000, 8_001, 12_000, 12_001, 15_000]),
        later=st.sampled_from([0, 1_700, 3_600]),
        n=st.integers(0, ACTORS - 1),
    )
    def trip(self, i: int, move: int, later: int, n: int) -> None:
        """A price moves and is accepted; anyone trips the breaker if that was far; and again, when
        it has not moved since, and when it is back.
        """
        v, price = GUARDED_VAULT, self._price(i)
        self.do(op.note_price, n, i, v)
        self._settle(i, price * move // BPS)
        self.do(op.note_price, n, i, v)
        self.do(op.trip, n, i, v)
        self._everyone(n, i)
        self.s.clock[0] += later
        self._fresh()
        self.do(op.trip, n, i, v)
        self._everyone(n, i)
        self._settle(i, price)
        self.do(op.trip, n, i, v)

    @rule(
        actor=st.sampled_from([0, GUARDIAN]),
        bps=st.sampled_from([4_999, 5_000, 5_001, 8_000, 9_999, 10_000, 10_001]),
        n=st.integers(0, ACTORS - 1),
        i=assets,
    )
    def stress(self, actor: int, bps: int, n: int, i: int) -> None:
        """The multiplier is set, and falls; somebody borrows; it falls again, and is as before."""
        self.do(op.set_stress, actor, GUARDED_VAULT, bps)
        for who in (actor, GUARDIAN):
            self.do(op.lower_stress, who, GUARDED_VAULT, bps - 1)
        self._everyone(n, i)
        self.do(op.lower_stress, GUARDIAN, GUARDED_VAULT, 5_000)
        assert self.do(op.set_stress, 0, GUARDED_VAULT, BPS) == OK

    @rule(status=st.integers(0, 1), waits=st.sampled_from([0, 599, 600]), n=st.integers(0, 5))
    def sequencer(self, status: int, waits: int, n: int) -> None:
        """The sequencer goes down, or comes back some time ago, and the other way round."""
        for now in (status, 1 - status):
            self.do(op.post_sequencer, 0, now)
            self.s.clock[0] += waits
            self._fresh()
            self._everyone(n, n % 4)
        self.do(op.post_sequencer, 0, 0)

    def _everyone(self, n: int, i: int) -> None:
        """An account of the guarded vault borrows, withdraws, supplies and repays; another of it is
        liquidated and written off.
        """
        account, d = 3 * n + 2, (i + 1) % 4
        self.do(op.supply, n, account, i, self.amount(i, 300))
        self.do(op.borrow, n, account, d, self.amount(d, 100))
        self.do(op.borrow, n, account, i, self.amount(i, 10))
        self.do(op.repay, n, account, d, self.amount(d, 20))
        self.do(op.withdraw, n, account, i, self.amount(i, 50))
        for a in range(2, 3 * ACTORS, 3):
            if a == account or not self.look().is_eligible(a):
                continue
            for owed in self._debts(a):
                for held in self._backing(a):
                    self.do(op.liquidate, n, a, owed, held, self.amount(owed, 200), 0, 1)
            self.do(op.write_off, n, a)


def cases(before: Look, after: Look, row: Entry) -> Iterator[str]:
    """What is to be seen often besides every kind of operation."""
    if row.kind == op.set_reserve.kind and row.code == OK and after.reserve[row.y][row.x][TIERED]:
        yield "tiers of a reserve"
    if row.kind in _WITHDRAWALS and before.outflow[row.x][WINDOW]:
        owned = before.worth(row.x, before.holding[row.actor][row.x][HUB_SHARES])
        held_back = lets_out(before, row.x) < row.amount <= min(before.hub[row.x][CASH], owned)
        exceeds = row.code == EXCEEDED_MAX_WITHDRAW and held_back
        if row.code in (OK, OUTFLOW_LIMITED) or exceeds:
            yield "limited withdrawal"


def flows(s: Look, row: Entry, i: int) -> Iterator[int]:
    """What an operation that was carried out takes out of the hub's cash of an asset, part by part;
    what it brings counts less than nothing.
    """
    v = s.vault[row.account] if row.account >= 0 else -1
    lent = v < 0 or s.reserve[v][i][REHYPOTHECATE] != 0
    if row.kind in _LIQUIDATIONS:
        if row.y == i and lent and not row.option:
            yield row.result1
        if row.x == i:
            yield -row.result0
    elif row.kind == op.deleverage.kind:
        if row.x == i and not row.option:
            yield -row.result0
        if row.y == i and lent:
            yield row.result1
    elif row.x == i and (lent or row.kind in (op.borrow.kind, op.repay.kind)):
        if row.kind in _OUT:
            yield row.result0
        if row.kind in _IN:
            yield -row.result0


def lets_out(s: Look, i: int) -> int:
    """What the limiter lets out now: everything if there is none."""
    level, capacity = _bucket(s, i)
    return max(capacity - level, 0) if s.outflow[i][WINDOW] else 2**112


def _bucket(s: Look, i: int) -> tuple[int, int]:
    """What is in it, and what it holds."""
    o = s.outflow[i]
    level = o[LEVEL]
    if o[WINDOW]:
        level -= Fraction(o[CAPACITY] * (s.clock - o[LEVEL_AT]), o[WINDOW]).__floor__()
    if level > 0:
        return level, o[CAPACITY]
    return 0, max(s.shares[i].total_assets * o[OUTFLOW_LIMIT] // BPS, o[FLOOR_AMOUNT])


def check_brakes(before: Look, after: Look, row: Entry) -> None:
    """28 and what a guard may and may not: of one operation."""
    if row.kind in (op.supply.kind, op.repay.kind, op.deposit.kind):
        assert row.code not in _REFUSALS, "12"
    for i in after.assets:
        _check_bucket(before, after, row, i)
    for v in after.vaults:
        for brake in after.brake[v]:
            until = max(brake[PAUSED_UNTIL : PAUSED_UNTIL + 3])
            assert until <= after.clock + after.guard[v][MAX_PAUSE], "pauses end"
    if row.account >= 0 and after.guard[after.vault[row.account]][GUARDED]:
        refused = row.code in (ACTION_PAUSED, BREAKER_OPEN, IN_GRACE)
        if row.code == OK or refused:
            assert _refuses(before, after, row) == refused, "guard"


def _check_bucket(before: Look, after: Look, row: Entry, i: int) -> None:
    """28 exactly: what was in it, drained, and what the operation moved."""
    if row.kind == op.set_outflow_limit.kind and row.x == i:
        if row.code == OK and after.outflow[i][WINDOW]:
            level = _bucket(before, i)[0] if before.outflow[i][WINDOW] else 0
            assert after.outflow[i][LEVEL] == level, "28"
        return
    if not after.outflow[i][WINDOW]:
        return
    moved = [part for part in flows(before, row, i) if part] if row.code == OK else []
    if not moved:
        assert after.outflow[i] == before.outflow[i], "28"
        return
    level, capacity = _bucket(before, i)
    for part in moved:
        level = max(level + part, 0)
        assert part < 0 or level <= capacity, "28"
    assert _bucket(after, i)[0] == level, "28"


def _refuses(before: Look, after: Look, row: Entry) -> bool:
    """Whether the guard of the account's vault stops the operation, at the time of it."""
    v, a, now = after.vault[row.account], row.account, after.clock
    terms, position = before.guard[v], before.position[a]
    backs = [i for i in after.assets if position[i][IS_COLLATERAL]]
    owes = [i for i in after.assets if position[i][POSITION_DEBT]]

    def paused(action: int, i: int, more: int = 0) -> bool:
        until = before.brake[v][i][PAUSED_UNTIL + action]
        return until > 0 and now < until + more

    def is_open(i: int) -> bool:
        at = before.brake[v][i][TRIPPED_AT]
        return at > 0 and now < at + terms[COOL_OFF]

    if row.kind == op.borrow.kind:
        return paused(BORROW, row.x) or any(is_open(i) for i in {row.x, *backs})
    if row.kind == op.withdraw.kind:
        return paused(WITHDRAW, row.x) or (bool(owes) and is_open(row.x))
    if row.kind in (*_LIQUIDATIONS, op.write_off.kind):
        asked = {*backs, *owes} if row.kind == op.write_off.kind else {row.x, row.y}
        factor = before.health_at(a, after.quotes[v]).factor
        urgent = factor < before.policy[v][URGENT_HEALTH] and terms[URGENT_EXEMPT] != 0
        grace = 0 if urgent else terms[GRACE]
        if any(paused(LIQUIDATE, i, grace) for i in asked):
            return True
        if terms[BREAKER_STOPS_LIQUIDATION] and any(is_open(i) for i in asked):
            return True
        status, since = before.sequencer[:2]
        if not terms[SEQUENCER_FEED]:
            return False
        return status != 0 or (since > 0 and now < since + grace)
    return False
