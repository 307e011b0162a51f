"""Invariant 31, and what a steward may do: written once more, from the specification."""

from __future__ import annotations

from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import BORROW_CAP, LT, LTV, MAX_BONUS, MIN_BONUS, SUPPLY_CAP, Entry
from tests.lockstep.look import Look

LIMITS = (100, 2_000, 90_000)
"""BPS of a ratio or a slope, BPS of a cap, seconds from one change of a parameter to the next; as
`support.genesis` has them.
"""
CHANGED = (LTV, LT, MAX_BONUS, MIN_BONUS, SUPPLY_CAP, BORROW_CAP)
"""Columns of a reserve by the number of the parameter."""
RAMP = slice(BORROW_CAP + 1, None)
SLOPES = (3, 4)


def check(before: Look, after: Look, row: Entry) -> None:
    """Of one operation; both at the same time."""
    for v in after.vaults:
        for was, now in zip(before.quotes[v], after.quotes[v], strict=True):
            if row.kind not in (op.update_parameter.kind, op.set_reserve.kind):
                assert now.threshold == was.threshold, "31"
            assert now.threshold >= was.threshold, "31"
    if row.kind != op.update_parameter.kind:
        assert after.changes == before.changes
        return
    if row.code != OK:
        assert after.reserve == before.reserve and after.rates == before.rates
        assert after.changes == before.changes
        return
    _check_update(before, after, row)


def passes(before: Look, after: Look) -> None:
    """Of time that passes: a threshold in force never rises, and falls a percent a day at most."""
    seconds = after.clock - before.clock
    for v in after.vaults:
        for was, now in zip(before.quotes[v], after.quotes[v], strict=True):
            fallen = was.threshold - now.threshold
            assert fallen >= 0 and (fallen - 1) * 864 < seconds, "31"


def _check_update(before: Look, after: Look, row: Entry) -> None:
    i, v, n, value, clock = row.x, row.y, row.option, row.amount, after.clock
    assert row.actor == 0
    assert clock - 6 * 3_600 <= row.limit <= clock
    assert row.limit >= before.changes[v][i][-1]
    most, of_cap, delay = LIMITS
    assert clock - before.changes[v][i][n] >= delay
    assert after.changes[v][i][n] == clock and after.changes[v][i][-1] == row.limit
    if n >= len(CHANGED):
        column, was, now = SLOPES[n - len(CHANGED)], before.rates, after.rates
        assert v == len(after.vaults) and after.reserve == before.reserve
        bound = most
    else:
        column, was, now = CHANGED[n], before.reserve[v], after.reserve[v]
        assert after.rates == before.rates
        bound = was[i][column] * of_cap // 10_000 if n >= CHANGED.index(SUPPLY_CAP) else most
        others = [one for one in after.vaults if one != v]
        assert all(after.reserve[one] == before.reserve[one] for one in others)
    assert row.result0 == was[i][column]
    assert now[i][column] == value != 0 and 0 < abs(value - was[i][column]) <= bound
    for j, (old, new) in enumerate(zip(was, now, strict=True)):
        old, new = old.copy(), new.copy()
        if j == i:
            old[column] = new[column]
            if n < len(CHANGED):
                old[RAMP] = new[RAMP]
        assert old == new
    if n < len(CHANGED) and n != CHANGED.index(LT):  # what is in force stays so, and as long
        end, then = before.reserve[v][i][-1], after.reserve[v][i][-1]
        assert then in (0, max(end, 0))
        assert after.quotes[v][i].threshold == before.quotes[v][i].threshold
