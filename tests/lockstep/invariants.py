"""The invariants of the protocol, by their number in the specification, on the twin's states.

The twin equals the chain after every operation, so what holds here holds there. What an operation
left as it was is not checked again.
"""

from __future__ import annotations

from itertools import product

from sim.protocol import hub
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import mul_div_up, ray, wad
from sim.protocol.liquidation import MIN_LEFTOVER
from sim.protocol.pair import MINIMUM_LIQUIDITY
from sim.protocol.state import (
    ACTIVE,
    ADD_CAP,
    ADDED_SHARES,
    ANCHOR,
    BASE_RATE,
    BORROW_CAP,
    BORROW_INDEX,
    BORROW_RATE,
    CALLED_AT,
    CANDIDATE_SINCE,
    CASH,
    CONCENTRATION,
    CONCENTRATION_FLOOR,
    COVERED_BY_FEES,
    COVERED_BY_FUND,
    DEFICIT,
    DEFICIT_OWED,
    DEFICIT_REPORTED,
    DRAW_CAP,
    DRAWN_SCALED,
    DUST_VALUE,
    ENGINE,
    ESCROW,
    ESCROWED,
    EXIT_SHARES,
    FEE_SHARES,
    FLAGGED_AT,
    HALTED,
    HOLD_OFF,
    HUB_SHARES,
    IS_COLLATERAL,
    ISOLATED,
    LAST_ACCRUAL,
    LEAVES_AT,
    LEAVING,
    LEAVING_AFTER,
    LP_SUPPLY,
    MARGIN_CALL_HEALTH,
    NEXT_EXIT,
    PENDING_EPOCH,
    PENDING_STAKE,
    POOL_ASSETS,
    POOL_EPOCH,
    POOL_SHARES,
    POSITION_DEBT,
    REHYPOTHECATE,
    REPORTED_DEFICIT,
    RESERVE0,
    RESERVE1,
    SCALED_DEBT,
    SEEN_AT,
    SLOPE1,
    SLOPE2,
    SOCIALISED,
    STAKE,
    SUPPLIED,
    SUPPLY_CAP,
    TARGET_HEALTH,
    TARGET_HEALTH_ENGINE,
    THIN,
    THIN_AT,
    THIN_FOR,
    TOTAL_SHARES,
    UNCOLLECTED,
    URGENT,
    WALLET,
    WELL_AT,
    WELL_SINCE,
    Entry,
    State,
)
from sim.protocol.vault_accounts import Health, collateral_value, debt_value
from tests.lockstep.look import Look, Quote

USER_RISK = (op.borrow.kind, op.withdraw.kind, op.set_collateral.kind)
LIQUIDATIONS = (op.liquidate.kind, op.flash_liquidate.kind)
MEASURES = (
    *(*USER_RISK, *LIQUIDATIONS, op.supply.kind, op.repay.kind, op.margin_call.kind),
    *(op.end_margin_call.kind, op.flag.kind, op.unflag.kind),
)
"""What looks at the health of the account that it is about, if that is called."""
PRICES_MOVE = (
    op.post_price.kind,
    op.set_feed_mode.kind,
    op.forget_anchor.kind,
    op.set_reserve.kind,
)


def check(before: Look, after: Look, row: Entry, own: int, minted: list[int]) -> None:
    """All invariants that apply to one operation; both at the same time. `own` is the account of
    the actor that may have changed besides the row's, -1 if he has none.
    """
    _check_state(after, before, minted)
    _check_transition(before, after, row)
    _check_firewall(before, after, row)
    _check_health(before, after, row, own)
    _check_flags(before, after, row, own)
    _check_calls(before, after, row, own)
    if row.code == OK and row.kind in LIQUIDATIONS:
        _check_liquidation(before, after, row)
    if row.code == OK and row.kind == op.write_off.kind:  # nobody loses more than he owes
        h = before.health_at(row.account, after.quotes[after.vault[row.account]])
        assert h.collateral_value < h.debt_value, "20"
        assert h.factor < wad(), "20"


def check_state(s: State, minted: list[int]) -> None:
    """Invariants of a single state."""
    _check_state(Look(s), None, minted)


def _check_state(s: Look, last: Look | None, minted: list[int]) -> None:
    """Of what is other than in a state in which they held."""
    assets, accounts, actors, pairs = s.changed(last)
    for i in assets:
        _check_asset(s, i, minted)
    rows = [s.hub[i] for i in assets] + [s.pool[i] for i in assets] + [s.pair[p] for p in pairs]
    rows += [row for a in accounts for row in s.position[a]]
    rows += [row for k in actors for row in s.holding[k]]
    assert all(min(row) >= 0 for row in rows)
    for p in range(len(s.pair)):
        if p in pairs or actors:
            shares = sum(row[p] for row in s.lp)
            assert s.pair[p][LP_SUPPLY] in (0, shares + MINIMUM_LIQUIDITY), "4"
    for a in accounts:
        if s.account[a][ISOLATED]:  # 24 an isolated account holds one collateral and one debt
            assert sum(row[IS_COLLATERAL] != 0 for row in s.position[a]) <= 1, "24"
            assert sum(row[POSITION_DEBT] != 0 for row in s.position[a]) <= 1, "24"
        for row in s.position[a]:  # a collateral flag means a balance
            assert row[IS_COLLATERAL] == 0 or row[SUPPLIED] > 0


def _check_asset(s: Look, i: int, minted: list[int]) -> None:
    h, assets = s.hub[i], s.shares[i].total_assets
    spokes = [spoke[i] for spoke in s.spoke]
    # 2 claims never exceed what is there
    claims = [s.worth(i, spoke[ADDED_SHARES]) for spoke in spokes]
    claims.append(s.worth(i, h[FEE_SHARES]))
    assert sum(claims) <= assets, "2"
    # 3, 4 the parts sum to the whole
    debts, supplied = [0 for _ in s.vaults], [0 for _ in s.vaults]
    for position, v in zip(s.position, s.vault, strict=True):
        debts[v] += position[i][POSITION_DEBT]
        supplied[v] += position[i][SUPPLIED]
    for v in s.vaults:
        lent = s.reserve[v][i][REHYPOTHECATE]
        assert debts[v] == spokes[v][DRAWN_SCALED], "3"
        assert supplied[v] == spokes[v][ADDED_SHARES if lent else ESCROWED], "4"
        assert spokes[v][ESCROWED if lent else ADDED_SHARES] == 0, "4"
    holdings = [holding[i] for holding in s.holding]
    assert sum(spoke[DRAWN_SCALED] for spoke in spokes) == h[SCALED_DEBT], "3"
    assert sum(row[HUB_SHARES] for row in holdings) == spokes[-1][ADDED_SHARES], "4"
    assert sum(spoke[ADDED_SHARES] for spoke in spokes) + h[FEE_SHARES] == h[TOTAL_SHARES], "4"
    assert sum(spoke[ESCROWED] for spoke in spokes) == h[ESCROW], "4"
    _check_pool(s.pool[i], holdings)
    # 7 the rate stays on its curve
    rates = s.rates[i]
    low, high = rates[BASE_RATE], rates[BASE_RATE] + rates[SLOPE1] + rates[SLOPE2]
    assert low * 10**23 <= h[BORROW_RATE] <= high * 10**23, "7"
    for quotes in s.quotes:
        _check_brackets(quotes[i])
    # 21 losses are conserved and reported by someone
    borne = h[COVERED_BY_FEES] + h[COVERED_BY_FUND] + h[SOCIALISED]
    assert h[DEFICIT_REPORTED] == borne + h[DEFICIT], "21"
    assert 0 <= h[DEFICIT_OWED] <= h[DEFICIT], "21"
    assert h[DEFICIT_REPORTED] == sum(spoke[REPORTED_DEFICIT] for spoke in spokes), "21"
    # 30 tokens are only made by minting
    reserves = sum(
        s.pair[p][RESERVE0 + side]
        for p, tokens in enumerate(s.pair_tokens)
        for side in range(2)
        if tokens[side] == i
    )
    held = sum(row[WALLET] for row in holdings) + h[CASH] + h[ESCROW]
    held += s.pool[i][POOL_ASSETS] + s.pool[i][UNCOLLECTED]
    assert held + reserves == minted[i], "30"


def _check_brackets(q: Quote) -> None:
    """26 more collateral counts for more, but no more in proportion, and for no more to borrow than
    for health.
    """
    for value, counted, limit in q.counts:
        assert limit <= counted <= value * q.threshold, "26"
    for (x, low, _), (y, middle, _), (z, high, _) in zip(
        q.counts, q.counts[1:], q.counts[2:], strict=False
    ):
        assert low <= middle <= high, "26"
        assert (middle - low) * (z - y) >= (high - middle) * (y - x), "26"


def _check_pool(pool: list[int], holdings: list[list[int]]) -> None:
    """4 who stays and who leaves when sum to the pool; what left before is paid of what it took."""
    waits = [
        row for row in holdings if row[PENDING_EPOCH] == pool[POOL_EPOCH] and not row[EXIT_SHARES]
    ]
    leaving = sum(row[PENDING_STAKE] for row in waits if row[LEAVES_AT] == pool[NEXT_EXIT])
    assert leaving == pool[LEAVING], "4"
    waiting = sum(row[PENDING_STAKE] for row in waits)
    assert waiting == pool[LEAVING] + pool[LEAVING_AFTER], "4"
    assert waiting + sum(row[STAKE] for row in holdings) == pool[POOL_SHARES], "4"


def _check_transition(before: Look, after: Look, row: Entry) -> None:
    _check_anchors(before, after)
    kind, account, x, code = row.kind, row.account, row.x, row.code
    mine = after.vault[account] if account >= 0 else -1
    for i in after.assets:
        b, a = before.hub[i], after.hub[i]
        if a == b:
            continue
        if kind != op.borrow.kind:  # 23 beside draws only interest adds to what a spoke may lose
            for was, now in zip(before.spoke, after.spoke, strict=True):
                assert _at_risk(after, i, now[i]) <= _at_risk(before, i, was[i]) + 1, "23"
        assert a[BORROW_INDEX] >= b[BORROW_INDEX] >= ray(), "5"
        # 6 the share price falls only by what suppliers bear of a loss
        now_b, now_a = before.shares[i], after.shares[i]
        # What moves in and out of escrow books no interest.
        recovered = now_b.recovered if a[LAST_ACCRUAL] != b[LAST_ACCRUAL] else 0
        if (kind, x, code) == (op.make_good.kind, i, OK):
            recovered += max(b[DEFICIT_OWED] - recovered, 0) - a[DEFICIT_OWED]
        borne = a[DEFICIT] + a[SOCIALISED] + recovered - b[DEFICIT] - b[SOCIALISED]
        price_b = (now_b.total_assets + hub.VIRTUAL_ASSETS) * (
            now_a.total_shares + hub.VIRTUAL_SHARES
        )
        at_par = now_a.total_assets + borne + hub.VIRTUAL_ASSETS
        assert at_par * (now_b.total_shares + hub.VIRTUAL_SHARES) >= price_b, "6"
        loss = a[DEFICIT_REPORTED] - b[DEFICIT_REPORTED]
        by_fund = a[COVERED_BY_FUND] - b[COVERED_BY_FUND]
        if loss == 0:
            assert borne == by_fund == 0, "6"
        else:
            assert kind in (*LIQUIDATIONS, op.write_off.kind), "6"
            if kind == op.write_off.kind and not before.position[account][i][IS_COLLATERAL]:
                assert now_a.total_assets - now_b.total_assets + loss - by_fund in (0, 1), "6"
        # 22 fees, then the fund, then suppliers
        by_fees = a[COVERED_BY_FEES] - b[COVERED_BY_FEES] - recovered
        assert by_fees == loss or _fees(after, i) == 0, "22"
        owed = a[DEFICIT_OWED] - max(b[DEFICIT_OWED] - recovered, 0)
        if kind == op.write_off.kind:  # for what the collateral was worth the fund does not pay
            h = before.health_at(account, after.quotes[mine])
            worth = loss * h.forfeit_value // h.debt_value
            assert owed == max(worth - by_fees, 0), "22"
        assert 0 <= owed <= borne, "22"
        assert by_fund == min(loss - by_fees - owed, before.insures[i]), "22"
    if code == OK and kind == op.supply.kind:
        spoke = after.spoke[mine][x]
        total = after.worth(x, spoke[ADDED_SHARES]) + spoke[ESCROWED]
        most = min(spoke[ADD_CAP], after.reserve[mine][x][SUPPLY_CAP])
        if not spoke[ACTIVE] or total > most:  # 25 but for who is beyond his borrow limit, still
            h = after.health(account)
            assert h.debt_value * 10_000 > h.weighted_limit, "25"
            assert after.position[account][x][IS_COLLATERAL], "25"
    if code == OK and kind in (op.supply.kind, op.set_collateral.kind):
        _check_concentration(after, account, x)
    if code == OK and kind == op.withdraw.kind:
        assert not after.spoke[mine][x][HALTED], "36"
    if code == OK and kind == op.borrow.kind:
        spoke = after.spoke[mine][x]
        drawn = after.owed(x, spoke[DRAWN_SCALED])
        assert drawn <= after.reserve[mine][x][BORROW_CAP], "25"
        assert drawn + spoke[REPORTED_DEFICIT] <= spoke[DRAW_CAP], "23"
    if kind not in (op.remove_liquidity.kind, op.add_liquidity.kind):
        for p, b in enumerate(before.pair):
            a = after.pair[p]
            assert a[RESERVE0] * a[RESERVE1] >= b[RESERVE0] * b[RESERVE1], "29"


def _check_firewall(before: Look, after: Look, row: Entry) -> None:
    """23 what becomes of an account touches nothing of other vaults, and its loss no asset that its
    own did not draw, by no more than it drew.
    """
    if row.account < 0:
        return
    mine, owes = after.vault[row.account], before.position[row.account]
    for v in after.vaults:
        if v != mine:
            for name in ("spoke", "reserve", "oracle"):
                assert getattr(before, name)[v] == getattr(after, name)[v], "23"
            assert before.policy[v] == after.policy[v], "23"
    for a, v in enumerate(after.vault):
        if v != mine:
            assert before.position[a] == after.position[a], "23"
            assert before.account[a] == after.account[a], "23"
    for i in after.assets:
        was, now = before.spoke[mine][i], after.spoke[mine][i]
        loss = now[REPORTED_DEFICIT] - was[REPORTED_DEFICIT]
        assert loss == after.hub[i][DEFICIT_REPORTED] - before.hub[i][DEFICIT_REPORTED], "23"
        assert 0 <= loss <= before.owed(i, owes[i][POSITION_DEBT]), "23"
        has = owes[i][SUPPLIED] or owes[i][POSITION_DEBT] or i in (row.x, row.y)
        if row.kind in (*LIQUIDATIONS, op.write_off.kind) and not has:
            assert before.shares[i] == after.shares[i], "23"  # to the unit


def _check_anchors(before: Look, after: Look) -> None:
    """An anchor moves once in a hold-off, to a price that is no further than the one that is seen,
    and was seen by somebody a third of a hold-off ago at the most.
    """
    for v, i in product(after.vaults, after.assets):
        b, a = before.oracle[v][i], after.oracle[v][i]
        was, now = b[ANCHOR], a[ANCHOR]
        if was == now or 0 in (was, now) or b[HOLD_OFF] == 0:
            continue
        seen, clock = after.quotes[v][i].price, after.clock
        assert b[CANDIDATE_SINCE] + b[HOLD_OFF] <= clock <= b[SEEN_AT] + b[HOLD_OFF] // 3
        assert min(was, seen) <= now <= max(was, seen), "persists"


def _check_concentration(s: Look, a: int, i: int) -> None:
    """38 collateral that grew is no more than its share of the vault's, or small, or of an account
    beyond its borrow limit.
    """
    v, position = s.vault[a], s.position[a][i]
    most, floor = s.reserve[v][i][CONCENTRATION], s.reserve[v][i][CONCENTRATION_FLOOR]
    if not most or not position[IS_COLLATERAL]:
        return
    total = sum(row[i][SUPPLIED] for row, own in zip(s.position, s.vault, strict=True) if own == v)
    q, h = s.quotes[v][i], s.health(a)
    held = s.worth(i, position[SUPPLIED]) if q.lent else position[SUPPLIED]
    small = held * q.collateral_price // q.unit <= floor
    beyond = h.debt_value * 10_000 > h.weighted_limit
    assert position[SUPPLIED] * 10_000 <= total * most or small or beyond, "38"


def _at_risk(s: Look, i: int, spoke: list[int]) -> int:
    """What a spoke owes, interest to now included, and every loss that it ever reported."""
    return s.owed(i, spoke[DRAWN_SCALED]) + spoke[REPORTED_DEFICIT]


def _fees(s: Look, i: int) -> int:
    """What the protocol's fee shares are worth now, interest included."""
    return s.worth(i, s.shares[i].fee_shares)


def _check_health(before: Look, after: Look, row: Entry, own: int) -> None:
    kind, account, code = row.kind, row.account, row.code
    if kind not in PRICES_MOVE:
        for a in range(len(after.account)):  # 13 nobody else's health falls
            was, now = before.health(a), after.health(a)
            if now is not was and a not in (account, own) and not _is_repriced(before, after, a):
                if _shares_a_loss(before, after, a):
                    continue
                assert now.factor >= was.factor, "13"
    if code == OK and kind in (op.supply.kind, op.repay.kind):  # 12
        factor = after.health(account).factor
        assert factor >= before.health(account).factor, "12"
    if code == OK and kind not in PRICES_MOVE:  # 12 and nothing shields who stays unhealthy
        for a in {account, own} - {-1}:
            quotes = after.quotes[after.vault[a]]
            if before.is_eligible(a, quotes) and after.health(a).factor < wad():
                assert after.is_eligible(a), "12"
    if code == OK and kind in USER_RISK and after.has_debt(account):  # 11, 27
        if kind == op.set_collateral.kind and row.option == 1:
            return
        h = after.health(account)
        assert h.factor >= wad() and h.debt_value * 10_000 <= h.weighted_limit, "11"
        assert h.prices_ok, "11"
        assert h.least_debt_value >= after.policy[after.vault[account]][DUST_VALUE], "35"


def _check_flags(before: Look, after: Look, row: Entry, own: int) -> None:
    """A flag is set on who is ill, and ends by time or by a recovery that was seen for long."""
    for a, (was, now) in enumerate(zip(before.account, after.account, strict=True)):
        if was == now or was[:ISOLATED] == now[:ISOLATED]:
            continue
        assert row.code == OK and a in (row.account, own), "34"
        quotes = after.quotes[after.vault[a]]
        if after.is_flagged(a) and not before.is_flagged(a):
            assert now[FLAGGED_AT] == after.clock, "34"
            assert before.health_at(a, quotes).factor < wad(), "34"
        if before.is_flagged(a) and not after.is_flagged(a) and after.has_debt(a):
            seen = 0 < was[WELL_SINCE] <= after.clock - 1_800 and after.clock - was[WELL_AT] <= 600
            assert seen and after.health(a).factor * 100 >= 101 * wad(), "34"
        if was[THIN:ISOLATED] != now[THIN:ISOLATED] and now[THIN_AT]:
            assert now[THIN_AT] == after.clock and after.is_flagged(a), "34"
            seen = before.is_due_and_thin(a, quotes), after.is_due_and_thin(a, quotes)
            assert now[THIN] in seen, "34"
            stands = before.is_flagged(a) and was[FLAGGED_AT] == now[FLAGGED_AT]
            passed = after.clock - was[THIN_AT]
            grew = passed if stands and was[THIN] and passed <= 600 else 0
            assert 0 <= now[THIN_FOR] <= min(was[THIN_FOR] * stands + grew, 1_800), "34"
        if now[URGENT] > was[URGENT]:
            assert before.is_eligible(a, quotes) and after.is_eligible(a), "34"


def _check_calls(before: Look, after: Look, row: Entry, own: int) -> None:
    """Who is healthy but near is called; while he is he raises no risk; he is no more once he is
    seen at the health of calls, at prices that are known, or owes nothing.
    """
    for a, (was, now) in enumerate(zip(before.account, after.account, strict=True)):
        least, called = after.policy[after.vault[a]][MARGIN_CALL_HEALTH], now[CALLED_AT] != 0
        if was[CALLED_AT] != now[CALLED_AT]:
            assert row.code == OK and a in (row.account, own), "called"
            assert 0 in (was[CALLED_AT], now[CALLED_AT]), "called"
            h = after.health(a)
            if called:
                assert now[CALLED_AT] == after.clock and row.kind == op.margin_call.kind, "called"
                assert wad() <= h.factor < least, "called"
            elif after.has_debt(a):
                assert least and h.factor >= least and h.prices_usable, "called"
        elif row.code == OK and a == row.account and row.kind in MEASURES and before.is_called(a):
            h = after.health(a)  # who answered a call is not kept under it
            answered = h.factor >= least and (h.prices_usable or not after.has_debt(a))
            assert not answered, "called"
            raised = row.kind in USER_RISK and after.position[a] != before.position[a]
            raised = raised and not (row.kind == op.set_collateral.kind and row.option == 1)
            assert not raised, "called"


def _is_repriced(before: Look, after: Look, a: int) -> bool:
    """Whether a price that the account counts at changed: one was accepted, or seen for too
    long.
    """
    v = before.vault[a]
    was, now = before.quotes[v], after.quotes[v]
    return any(
        (row[IS_COLLATERAL] != 0 and was[i].collateral_price != now[i].collateral_price)
        or (row[POSITION_DEBT] != 0 and was[i].debt_price != now[i].debt_price)
        for i, row in enumerate(before.position[a])
    )


def _shares_a_loss(before: Look, after: Look, a: int) -> bool:
    """Whether a loss was reported of a collateral that is lent on."""
    return any(
        row[IS_COLLATERAL] != 0
        and before.hub[i][DEFICIT_REPORTED] != after.hub[i][DEFICIT_REPORTED]
        for i, row in enumerate(before.position[a])
    )


def _check_liquidation(before: Look, after: Look, row: Entry) -> None:
    a, d, c, asked = row.account, row.x, row.y, row.amount
    repaid, out = row.result0, row.result1
    v = before.vault[a]
    was, now = before.health_at(a, after.quotes[v]), after.health(a)
    debt, collateral = after.quotes[v][d], after.quotes[v][c]
    price_debt, price_collateral = debt.debt_price, collateral.collateral_price
    if d == c:
        price_collateral = price_debt
    assert was.factor < wad(), "14"
    assert before.delay_passed(a, was.factor), "14"
    lost = debt.collateral_price == 0 < debt.debt_price  # for a day: what it counts at decides
    assert (debt.usable or lost) and collateral.usable, "14"
    assert repaid <= min(asked, before.owed(d, before.position[a][d][POSITION_DEBT])), "15"
    bonus = before.max_bonus(a, c)
    paid_value = debt_value(repaid + 1, price_debt, debt.unit)
    seized_value = collateral_value(out, price_collateral, collateral.unit)
    assert seized_value * 10_000 <= paid_value * (10_000 + bonus), "15"

    if now.factor < wad():  # 20 no unhealthy debt without collateral
        assert now.forfeit_value >= min(before.policy[v][DUST_VALUE], now.debt_value), "20"
    if not after.has_debt(a):
        return
    # The smallest units of both tokens are worth this much: nothing can be exact beyond it.
    unit = price_debt // debt.unit + price_collateral // collateral.unit + 2
    slack = 4 * unit * wad() // max(now.debt_value, 1) + 10
    if was.factor * 10_000**2 > (10_000 + bonus) * after.reached(a, c, 0) * wad():
        assert now.factor + slack >= was.factor, "16"
    left, backs = after.position[a][d], after.position[a][c]
    debt_left = after.owed(d, left[POSITION_DEBT])
    held = after.worth(c, backs[SUPPLIED]) if collateral.lent else backs[SUPPLIED]
    if debt_left and backs[IS_COLLATERAL]:  # 19 no dust legs
        assert mul_div_up(debt_left, price_debt, debt.unit) >= MIN_LEFTOVER, "19"
        assert held * price_collateral // collateral.unit >= MIN_LEFTOVER - 4 * unit, "19"
        if before.policy[v][ENGINE] == TARGET_HEALTH_ENGINE:  # 17 the target is not overshot
            target = before.policy[v][TARGET_HEALTH]
            if _is_short_of_prices(was, bonus):
                gap = target - (10_000 + bonus) * collateral.threshold * wad() // 10**8
                heals = was.debt_value * (target - was.factor) + 3 * unit * target
                assert debt_value(repaid, price_debt, debt.unit) <= heals // gap + 2 * unit, "17"
            else:
                assert now.factor <= target + slack, "17"


def _is_short_of_prices(h: Health, bonus: int) -> bool:
    """Whether collateral without a price that can be used bounds the bonus: what was to heal to the
    target at the bonus that the engine quoted heals further at a smaller one.
    """
    return h.usable_value < min(
        h.collateral_value, mul_div_up(h.debt_value, 10_000 + bonus, 10_000)
    )
