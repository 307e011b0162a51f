"""What auto-deleveraging may do, worked out of two states and nothing of the twin's functions: when
its mode turns, whom it takes from, and that both sides are worth the same.
"""

from __future__ import annotations

from fractions import Fraction

from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import (
    ADL_MAX_HEALTH,
    ADL_ON_SINCE,
    ADL_RAMP,
    ADL_SEEN_AT,
    ADL_TARGET,
    ADL_TURNING_SINCE,
    ADL_USAGE,
    ADL_USAGE_FOR,
    CASH,
    DEFICIT,
    DEFICIT_OWED,
    HUB_SHARES,
    POSITION_DEBT,
    REHYPOTHECATE,
    SCALED_DEBT,
    SUPPLIED,
    TOTAL_SHARES,
    WALLET,
    Entry,
)
from tests.lockstep.look import Look

WAD, BPS, USD = 10**18, 10**4, 10**8
GAP = 600
LEFTOVER = 1_000 * USD


def check(before: Look, after: Look, row: Entry) -> None:
    """Of one operation."""
    if row.code != OK or row.kind not in (op.poke_deleveraging.kind, op.deleverage.kind):
        assert before.adl == after.adl, "only who looks turns a mode"
        return
    i, v = row.x, row.y
    if row.kind == op.deleverage.kind:
        v = before.vault[row.account]
    _turns(before, after, v, i)
    others = [(w, j) for w in after.vaults for j in after.assets if (w, j) != (v, i)]
    assert all(before.adl[w][j] == after.adl[w][j] for w, j in others)
    if row.kind == op.deleverage.kind:
        _who(before, after, row, v)
        _how_much(before, after, row, v)


def strain(s: Look, i: int, usage_bps: int) -> tuple[bool, bool]:
    """(whether lenders are stuck or bear a loss beyond the fund, whether the latter)."""
    lost = s.hub[i][DEFICIT] - s.shares[i].recovered - s.hub[i][DEFICIT_OWED]
    lost += min(s.hub[i][DEFICIT_OWED], s.shares[i].recovered)
    if lost > 0 and s.insures[i] < lost:
        return True, True
    debt, cash = s.owed(i, s.hub[i][SCALED_DEBT]), s.hub[i][CASH]
    return cash + debt > 0 and Fraction(debt, cash + debt) > Fraction(usage_bps, BPS), False


def _turns(before: Look, after: Look, v: int, i: int) -> None:
    """What speaks against the mode counts from its first sighting in a row; long enough, or with a
    loss at once, it turns.
    """
    was, now, clock = before.adl[v][i], after.adl[v][i], after.clock
    strained, lost = strain(before, i, was[ADL_USAGE])
    seen = clock - was[ADL_SEEN_AT] <= GAP
    on = seen and was[ADL_ON_SINCE] > 0
    assert now[ADL_SEEN_AT] == clock
    if strained == on:
        assert now[ADL_TURNING_SINCE] == 0 and bool(now[ADL_ON_SINCE]) == on
        assert not on or now[ADL_ON_SINCE] == was[ADL_ON_SINCE]
        return
    first = was[ADL_TURNING_SINCE] if seen and was[ADL_TURNING_SINCE] else clock
    if lost or clock - first > was[ADL_USAGE_FOR]:
        assert now[ADL_TURNING_SINCE] == 0
        assert now[ADL_ON_SINCE] == (0 if on else clock)
    else:
        assert now[ADL_TURNING_SINCE] == first
        assert now[ADL_ON_SINCE] == (was[ADL_ON_SINCE] if on else 0)


def _who(before: Look, after: Look, row: Entry, v: int) -> None:
    """Only while it is on and strained, below the line that rises, at prices that may be used; its
    health neither falls nor passes the target.
    """
    terms = after.adl[v][row.x]
    assert terms[ADL_ON_SINCE] and strain(before, row.x, terms[ADL_USAGE])[0]
    up = terms[ADL_MAX_HEALTH] - WAD
    part = min(Fraction(after.clock - terms[ADL_ON_SINCE], max(terms[ADL_RAMP], 1)), 1)
    quotes = after.quotes[v]
    h, now = before.health_at(row.account, quotes), after.health(row.account)
    assert h.factor < WAD + up * part
    debt, collateral = quotes[row.x], quotes[row.y]
    lost = debt.collateral_price == 0 < debt.debt_price
    assert (debt.usable or lost) and collateral.usable
    assert now.factor >= h.factor
    assert now.factor <= terms[ADL_TARGET] or not after.has_debt(row.account)


def _how_much(before: Look, after: Look, row: Entry, v: int) -> None:
    """Both legs move, by equal value, rounded against who pays; shares move no cash."""
    a, d, c, k = row.account, row.x, row.y, row.actor
    repaid, seized, burnt = row.result0, row.result1, row.result2
    debt, collateral = after.quotes[v][d], after.quotes[v][c]
    mine, was = after.holding[k], before.holding[k]
    assert 0 < repaid <= row.amount and seized > 0
    paid = Fraction(repaid * debt.debt_price, debt.unit)
    unit = Fraction(collateral.collateral_price, collateral.unit)
    if d == c:
        unit = Fraction(debt.debt_price, debt.unit)
    assert paid - unit - Fraction(debt.debt_price, debt.unit) < seized * unit <= paid
    in_wallet = mine[d][WALLET] - was[d][WALLET] - (seized if d == c else 0)
    assert d == c or mine[c][WALLET] - was[c][WALLET] == seized
    assert was[d][HUB_SHARES] - mine[d][HUB_SHARES] == burnt
    assert in_wallet == (0 if row.option else -repaid) and bool(burnt) == bool(row.option)
    cash = after.hub[d][CASH] - before.hub[d][CASH]
    if d == c and after.reserve[v][c][REHYPOTHECATE]:
        cash += seized
    assert cash == (0 if row.option else repaid)
    if row.option:
        total = after.hub[d][TOTAL_SHARES] + burnt + 10**6
        if d == c:
            total += before.position[a][c][SUPPLIED] - after.position[a][c][SUPPLIED]
        assert burnt >= Fraction(repaid * total, before.shares[d].total_assets + 1) - 1
    owed = after.owed(d, after.position[a][d][POSITION_DEBT])
    left = after.position[a][c][SUPPLIED]
    left = after.worth(c, left) if collateral.lent else left
    if owed and left:
        assert Fraction(owed * debt.debt_price, debt.unit) > LEFTOVER - 1, "19"
        assert left * unit > LEFTOVER - 1 - 2 * unit, "19"
