"""What each operation should have moved, worked out naively: fractions and the rows of two states,
nothing of the twin's functions. Roundings are against whoever acts, and by less than a unit. What
stakers have depends on the time that passes, see `stakers`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import (
    BASE_RATE,
    BORROW_INDEX,
    BORROW_RATE,
    BUCKET_FILLED,
    BUCKET_FILLED_AT,
    CASH,
    CLOSE_FACTOR,
    DEFICIT,
    DEFICIT_OWED,
    DUST_VALUE,
    ENGINE,
    FEE_BPS,
    FEE_REMAINDER,
    FEE_SHARES,
    FLAGGED_AT,
    HUB_SHARES,
    ISOLATED,
    LAST_ACCRUAL,
    LIQUIDATION_FEE,
    LT,
    LT_FROM,
    MESSAGE_AGE,
    MESSAGE_CAP,
    MESSAGE_WINDOW,
    OPTIMAL_USAGE,
    POSITION_DEBT,
    RAMP_END,
    RAMP_START,
    REHYPOTHECATE,
    RESERVE0,
    RESERVE_FACTOR,
    SCALED_DEBT,
    SECOND_FROM,
    SECOND_LT,
    SLOPE1,
    SLOPE2,
    SUPPLIED,
    THIN,
    THIN_AT,
    THIN_FOR,
    THIRD_FROM,
    THIRD_LT,
    TOTAL_SHARES,
    WALLET,
    WELL_SINCE,
    Entry,
)
from tests.lockstep.look import Look

RAY, WAD, BPS, YEAR, USD = 10**27, 10**18, 10**4, 365 * 86_400, 10**8
VIRTUAL_SHARES, VIRTUAL_ASSETS = 10**6, 1
MOST_IN_A_UNIT = 10**12
EVERYTHING = 2**256 - 1
LARGEST_INDEX = 2**96 - 1


def check(before: Look, after: Look, row: Entry) -> None:
    """Of one operation."""
    _rates(before, after)
    _thresholds(after)
    _swaps(before, after, row)
    if row.code == OK and (checked := _CHECKS.get(row.kind)):
        checked(before, after, row)


def _owed(scaled: int, index: int) -> int:
    return -(-scaled * index // RAY)


def _price(s: Look, i: int, assets: int = 0, shares: int = 0) -> Fraction:
    """Of a share, as it was before so many assets and shares came."""
    h = s.hub[i]
    held = h[CASH] + _owed(h[SCALED_DEBT], h[BORROW_INDEX]) - assets
    return Fraction(held + VIRTUAL_ASSETS, h[TOTAL_SHARES] - shares + VIRTUAL_SHARES)


def _price_of_new(s: Look, i: int, assets: int = 0, shares: int = 0) -> Fraction:
    """The same where they are minted: 1e12 in a unit at the most, whatever was lost."""
    total = s.hub[i][TOTAL_SHARES] - shares + VIRTUAL_SHARES
    return max(_price(s, i, assets, shares), Fraction(-(-total // MOST_IN_A_UNIT), total))


def _is_down(number: int, exact: Fraction) -> bool:
    return number <= exact < number + 1


def _is_up(number: int, exact: Fraction) -> bool:
    return number - 1 < exact <= number


# --- interest, rates, thresholds ------------------------------------------------------------------


def _rates(before: Look, after: Look) -> None:
    """The two lines of the curve, to a few hundred parts in 1e27."""
    for i, (b, a) in enumerate(zip(before.hub, after.hub, strict=True)):
        if (b[CASH], b[SCALED_DEBT]) == (a[CASH], a[SCALED_DEBT]):
            continue
        curve, debt = after.rates[i], _owed(a[SCALED_DEBT], a[BORROW_INDEX])
        usage = Fraction(debt, a[CASH] + debt) if debt else Fraction(0)
        kink = Fraction(curve[OPTIMAL_USAGE], BPS)
        rate = curve[BASE_RATE] + curve[SLOPE1] * min(usage / kink, 1)
        rate += curve[SLOPE2] * max(usage - kink, 0) / (1 - kink)
        assert abs(a[BORROW_RATE] - rate * RAY / BPS) <= 300, "7"


def _accrue(before: Look, after: Look, row: Entry) -> None:
    """A cubic of rate x time; the protocol's part of it in shares, what is below a unit kept."""
    b, a = before.hub[row.x], after.hub[row.x]
    passed, scaled = a[LAST_ACCRUAL] - b[LAST_ACCRUAL], b[SCALED_DEBT]
    if not passed or not scaled:
        return
    x = Fraction(b[BORROW_RATE] * passed, YEAR * RAY)
    index = b[BORROW_INDEX] * (1 + x + x**2 / 2 + x**3 / 6)
    if a[BORROW_INDEX] != LARGEST_INDEX:
        assert abs(a[BORROW_INDEX] - index) <= 8 + 4 * Fraction(b[BORROW_INDEX], RAY), "5"
    interest = _owed(scaled, a[BORROW_INDEX]) - _owed(scaled, b[BORROW_INDEX])
    fee, kept = divmod(interest * before.rates[row.x][RESERVE_FACTOR] + b[FEE_REMAINDER], BPS)
    assert a[FEE_REMAINDER] == kept, "fees"
    fee -= min(fee, b[DEFICIT])
    minted = a[FEE_SHARES] - b[FEE_SHARES]
    assert a[TOTAL_SHARES] - b[TOTAL_SHARES] == minted, "4"
    held = b[CASH] + _owed(scaled, a[BORROW_INDEX]) - fee
    total = b[TOTAL_SHARES] + VIRTUAL_SHARES
    worth = Fraction(max(held + VIRTUAL_ASSETS, -(-total // MOST_IN_A_UNIT)), total)
    assert _is_down(minted, fee / worth), "fees"


def _thresholds(after: Look) -> None:
    """A straight line in time, from what was in force when it was lowered."""
    for v, reserves in enumerate(after.reserve):
        for i, r in enumerate(reserves):
            left, whole = 0, 1
            if after.clock < r[RAMP_END]:
                left, whole = r[RAMP_END] - after.clock, r[RAMP_END] - r[RAMP_START]
            lines = [(LT_FROM, LT), (SECOND_FROM, SECOND_LT), (THIRD_FROM, THIRD_LT)]
            brackets = after.quotes[v][i].brackets
            assert brackets[0][1] == after.quotes[v][i].threshold, "31"
            for (begins, now, _), (from_, to) in zip(brackets, lines, strict=False):
                lt = r[to] * whole + (r[from_] - r[to]) * left
                if begins not in [x for x, _, _ in brackets[2:]] or to == THIRD_LT:
                    assert abs(now * whole - lt) < whole, "31"


# --- suppliers ------------------------------------------------------------------------------------


def _shares(before: Look, after: Look, row: Entry) -> None:
    i, mine, was = row.x, after.holding[row.actor][row.x], before.holding[row.actor][row.x]
    paid, got = was[WALLET] - mine[WALLET], mine[HUB_SHARES] - was[HUB_SHARES]
    price, of_new = _price(after, i, paid, got), _price_of_new(after, i, paid, got)
    if row.kind == op.deposit.kind:
        assert paid == row.amount and _is_down(got, paid / of_new), "8"
    elif row.kind == op.mint_shares.kind:
        assert got == row.amount and _is_up(paid, got * of_new), "8"
    elif row.kind == op.withdraw_assets.kind:
        assert -paid == row.amount and _is_up(-got, -paid / price), "8"
    else:
        assert -got == row.amount and _is_down(-paid, -got * price), "8"


# --- borrowers ------------------------------------------------------------------------------------


def _supply(before: Look, after: Look, row: Entry) -> None:
    a, i = row.account, row.x
    got = after.position[a][i][SUPPLIED] - before.position[a][i][SUPPLIED]
    assert before.holding[row.actor][i][WALLET] - after.holding[row.actor][i][WALLET] == row.amount
    if after.reserve[after.vault[a]][i][REHYPOTHECATE]:
        assert _is_down(got, row.amount / _price_of_new(after, i, row.amount, got)), "8"
    else:
        assert got == row.amount, "8"


def _withdraw(before: Look, after: Look, row: Entry) -> None:
    a, i, amount = row.account, row.x, row.result0
    burnt = before.position[a][i][SUPPLIED] - after.position[a][i][SUPPLIED]
    came = after.holding[row.actor][i][WALLET] - before.holding[row.actor][i][WALLET]
    assert (came == amount and amount == row.amount) or row.amount == EVERYTHING, "8"
    if not after.reserve[after.vault[a]][i][REHYPOTHECATE]:
        assert burnt == amount, "8"
        return
    price = _price(after, i, -amount, -burnt)
    if row.amount == EVERYTHING:
        assert after.position[a][i][SUPPLIED] == 0 and _is_down(amount, burnt * price), "8"
    else:
        assert _is_up(burnt, amount / price), "8"


def _borrow(before: Look, after: Look, row: Entry) -> None:
    a, i = row.account, row.x
    booked = after.position[a][i][POSITION_DEBT] - before.position[a][i][POSITION_DEBT]
    came = after.holding[row.actor][i][WALLET] - before.holding[row.actor][i][WALLET]
    assert came == row.amount, "8"
    assert _is_up(booked, Fraction(row.amount * RAY, after.hub[i][BORROW_INDEX])), "8"
    h, least = after.health(a), after.policy[after.vault[a]][DUST_VALUE]
    owed = _owed(after.position[a][i][POSITION_DEBT], after.hub[i][BORROW_INDEX])
    quote = after.quotes[after.vault[a]][i]
    assert -(-owed * quote.debt_price // quote.unit) >= least, "35"
    assert h.debt_value * BPS <= h.weighted_limit, "11"


def _repay(before: Look, after: Look, row: Entry) -> None:
    a, i, paid = row.account, row.x, row.result0
    gone = before.holding[row.actor][i][WALLET] - after.holding[row.actor][i][WALLET]
    assert gone == paid <= row.amount, "8"
    _burnt(before, after, a, i, paid)


def _burnt(before: Look, after: Look, a: int, i: int, paid: int) -> None:
    """All of a debt for what it is, up; of a part, down."""
    was, left = before.position[a][i][POSITION_DEBT], after.position[a][i][POSITION_DEBT]
    index = after.hub[i][BORROW_INDEX]
    if left == 0:
        assert paid == _owed(was, index), "8"
    else:
        assert _is_down(was - left, Fraction(paid * RAY, index)), "8"


# --- liquidation ----------------------------------------------------------------------------------


def _thin(before: Look, a: int, thin: bool, now: int) -> tuple[int, int, int]:
    """(is thin, for how long, as of when) of an account that is flagged or about to be, once it is
    seen to be thin or not: time between two such sightings, ten minutes apart at most, is added,
    all other time taken off; half an hour stays.
    """
    was, passed, counted = False, 0, 0
    if before.is_flagged(a):
        row = before.account[a]
        was, passed, counted = bool(row[THIN]), now - row[THIN_AT], row[THIN_FOR]
    if counted < 1_800:
        near = thin and was and passed <= 600
        counted = min(counted + passed, 1_800) if near else max(counted - passed, 0)
    if not (thin or was) and before.is_flagged(a) and counted == before.account[a][THIN_FOR]:
        return 0, counted, before.account[a][THIN_AT]
    return int(thin), counted, now if thin or was or before.is_flagged(a) else 0


def _liquidate(before: Look, after: Look, row: Entry) -> None:
    """What is paid comes off the debt; the liquidator gets its worth with the bonus, less the
    protocol's part of that; with the close factor no more than what heals and half of the rest. A
    bonus that the account cannot pay beyond its debt grows with time, once that was seen.
    """
    a, d, c, v = row.account, row.x, row.y, before.vault[row.account]
    repaid, out = row.result0, row.result1
    if d == c or not after.has_debt(a):
        return
    _burnt(before, after, a, d, repaid)
    debt, collateral = after.quotes[v][d], after.quotes[v][c]
    reserve, was = before.reserve[v][c], before.health_at(a, after.quotes[v])
    if row.kind == op.liquidate.kind and row.option:
        gained = _gained(before, after, c)
        assert gained <= (out / _price(after, c) if collateral.lent else out), "15"
    _no_dust(after, a, d, c)
    bonus, part = (Fraction(x, BPS) for x in (before.max_bonus(a, c), reserve[LIQUIDATION_FEE]))
    value = Fraction(repaid * debt.debt_price, debt.unit)
    unit = Fraction(collateral.collateral_price, collateral.unit)
    # A unit of either token, and of the share that it may be, is rounded away; of a bonus, a bps.
    slack = 4 * (unit + Fraction(debt.debt_price, debt.unit)) * (1 + bonus) + 4
    beyond = Fraction(was.usable_value, was.debt_value) - 1
    thin, waited = before.is_due_and_thin(a, after.quotes[v]), 0
    if before.is_flagged(a):
        _, waited, _ = _thin(before, a, thin, after.clock)
        waited = min(waited, debt.for_sale_for, collateral.for_sale_for)
    due = min(bonus, max(beyond, bonus * waited / 1_800))
    assert out * unit <= value * (1 + due * (1 - part)) + slack, "15"
    if before.policy[v][ENGINE] != CLOSE_FACTOR:
        return
    assert out * unit >= value * (1 + (due - Fraction(1, BPS)) * (1 - part)) - slack, "15"

    backs = before.position[a][c][SUPPLIED]
    held = before.worth(c, backs) if collateral.lent else backs
    price = collateral.debt_price if d == c else collateral.collateral_price
    lt = Fraction(after.reached(a, c, held * price // collateral.unit), BPS)
    if was.factor <= 95 * WAD // 100:
        return
    owed = before.owed(d, before.position[a][d][POSITION_DEBT])
    heals = was.debt_value * Fraction(WAD - was.factor, WAD) / (1 - (1 + bonus) * lt)
    rounded = 16 * slack / (1 - (1 + bonus) * lt)
    left = owed * debt.debt_price // debt.unit - heals, held * unit - heals * (1 + bonus)
    if min(left) < 2_000 * USD + rounded:
        return
    assert value <= heals + max(was.debt_value - heals, 0) / 2 + rounded


def _gained(before: Look, after: Look, i: int) -> int:
    """What all accounts that have more of an asset than before have more, shares or units."""
    pairs = zip(before.position, after.position, strict=True)
    return sum(max(now[i][SUPPLIED] - was[i][SUPPLIED], 0) for was, now in pairs)


def _no_dust(after: Look, a: int, d: int, c: int) -> None:
    """A part leaves $1,000 of both legs, to a unit of the collateral and of the share that it may
    be.
    """
    debt, collateral = (after.quotes[after.vault[a]][i] for i in (d, c))
    owed = after.owed(d, after.position[a][d][POSITION_DEBT])
    left = after.position[a][c][SUPPLIED]
    left = after.worth(c, left) if collateral.lent else left
    if not (owed and left):
        return
    unit = Fraction(collateral.collateral_price, collateral.unit)
    assert Fraction(owed * debt.debt_price, debt.unit) > 1_000 * USD - 1, "15"
    assert left * unit > 1_000 * USD - 1 - 2 * unit, "15"


def _write_off(before: Look, after: Look, row: Entry) -> None:
    v = before.vault[row.account]
    h = before.health_at(row.account, after.quotes[v])
    assert h.forfeit_value < min(before.policy[v][DUST_VALUE], h.debt_value), "20"
    assert not after.has_debt(row.account), "20"


def _flag(before: Look, after: Look, row: Entry) -> None:
    """Begun below a health of 1; of one that stands, sightings end below that of a recovery, and
    whether it is due and thin is noted.
    """
    quotes = after.quotes[before.vault[row.account]]
    h = before.health_at(row.account, quotes)
    was, now = before.account[row.account], after.account[row.account]
    stands = before.is_flagged(row.account)
    thin = _thin(before, row.account, after.is_due_and_thin(row.account, quotes), after.clock)
    assert tuple(now[THIN:ISOLATED]) == thin, "34"
    news = was[WELL_SINCE] or was[THIN] or thin[0] or thin[1] != was[THIN_FOR]
    assert news or not stands, "14"
    assert h.factor * 100 < (101 if stands else 100) * WAD, "14"
    assert now[FLAGGED_AT] == (was[FLAGGED_AT] if stands else after.clock), "14"
    assert now[WELL_SINCE] == 0, "14"


# --- losses ---------------------------------------------------------------------------------------


def _make_good(before: Look, after: Look, row: Entry) -> None:
    """Fees first, then the payer, of no more than is owed: suppliers have so much more."""
    i, paid = row.x, row.result0
    b, a = before.hub[i], after.hub[i]
    assert paid == a[CASH] - b[CASH] <= row.amount, "21"
    assert paid == before.holding[row.actor][i][WALLET] - after.holding[row.actor][i][WALLET], "21"
    left = a[FEE_SHARES] * _price(after, i, paid)  # which lifts it
    assert a[DEFICIT_OWED] == 0 or (paid == row.amount and left < 1), "21"
    assert paid == 0 or left < 1, "21"


def _claim_fees(before: Look, after: Look, row: Entry) -> None:
    """Not while anything is owed for collateral that was forfeited, of whatever asset."""
    assert all(h[DEFICIT_OWED] == 0 for h in after.hub), "37"


# --- venues ---------------------------------------------------------------------------------------


def _swaps(before: Look, after: Look, row: Entry) -> None:
    """x y = k of what is left of the amount after the fee: never more comes out."""
    if row.kind in (op.add_liquidity.kind, op.remove_liquidity.kind):
        return
    for b, a in zip(before.pair, after.pair, strict=True):
        moved = [a[RESERVE0 + side] - b[RESERVE0 + side] for side in range(2)]
        if moved == [0, 0]:
            continue
        side = 0 if moved[0] > 0 else 1
        paid = moved[side] * (BPS - b[FEE_BPS])
        fair = Fraction(paid * b[RESERVE0 + 1 - side], b[RESERVE0 + side] * BPS + paid)
        assert -moved[1 - side] <= fair, "29"


# --- tokens of other chains -----------------------------------------------------------------------


def _message(before: Look, after: Look, row: Entry) -> None:
    """Once, in its time, and no more than a bucket holds that drains in a straight line."""
    i, b, a = row.x, before.bridge[row.x], after.bridge[row.x]
    drained = Fraction(b[MESSAGE_CAP] * (after.clock - b[BUCKET_FILLED_AT]), b[MESSAGE_WINDOW])
    assert _is_up(a[BUCKET_FILLED] - row.amount, max(b[BUCKET_FILLED] - drained, Fraction(0))), "38"
    assert row.amount > 0 and a[BUCKET_FILLED] <= b[MESSAGE_CAP], "38"
    assert 0 <= after.clock - row.limit <= b[MESSAGE_AGE], "38"
    assert (before.received[i][row.option], after.received[i][row.option]) == (0, 1), "38"
    came = after.holding[row.y][i][WALLET] - before.holding[row.y][i][WALLET]
    assert came == row.amount, "30"


def _send_back(before: Look, after: Look, row: Entry) -> None:
    i, k = row.x, row.actor
    assert before.holding[k][i][WALLET] - after.holding[k][i][WALLET] == row.amount > 0, "30"
    assert before.bridge == after.bridge, "38"


_CHECKS: dict[int, Callable[[Look, Look, Entry], None]] = {
    op.accrue.kind: _accrue,
    op.deposit.kind: _shares,
    op.mint_shares.kind: _shares,
    op.withdraw_assets.kind: _shares,
    op.redeem.kind: _shares,
    op.supply.kind: _supply,
    op.withdraw.kind: _withdraw,
    op.borrow.kind: _borrow,
    op.repay.kind: _repay,
    op.liquidate.kind: _liquidate,
    op.flash_liquidate.kind: _liquidate,
    op.write_off.kind: _write_off,
    op.flag.kind: _flag,
    op.make_good.kind: _make_good,
    op.claim_fees.kind: _claim_fees,
    op.receive_message.kind: _message,
    op.send_back.kind: _send_back,
}
