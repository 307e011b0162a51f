"""The invariants of the protocol, by their number in the specification, on the twin's states.

The twin equals the chain after every operation, so what holds here holds there.
"""

from __future__ import annotations

from sim.protocol import hub, oracle, vault
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import mul_div_up, ray, wad
from sim.protocol.liquidation import MIN_LEFTOVER
from sim.protocol.state import (
    ADD_CAP,
    ADDED_SHARES,
    BASE_RATE,
    BORROW_CAP,
    BORROW_INDEX,
    BORROW_RATE,
    CASH,
    COVERED_BY_FEES,
    COVERED_BY_FUND,
    DEFICIT,
    DEFICIT_REPORTED,
    DRAW_CAP,
    DRAWN_SCALED,
    DUST_VALUE,
    ENGINE,
    ESCROW,
    ESCROWED,
    FEE_SHARES,
    HUB_SHARES,
    IS_COLLATERAL,
    ISOLATED,
    LP_SUPPLY,
    MAX_BONUS,
    POOL_ASSETS,
    POOL_SHARES,
    POSITION_DEBT,
    REHYPOTHECATE,
    REPORTED_DEFICIT,
    RESERVE0,
    RESERVE1,
    SCALED_DEBT,
    SLOPE1,
    SLOPE2,
    SOCIALISED,
    STAKE,
    SUPPLIED,
    TARGET_HEALTH,
    TARGET_HEALTH_ENGINE,
    TOTAL_SHARES,
    WALLET,
    Entry,
    State,
)
from sim.protocol.vault_accounts import (
    collateral_value,
    debt_assets,
    debt_value,
    has_debt,
    health,
    supplied_assets,
)
from sim.protocol.vault_reserves import threshold

USER_RISK = (op.borrow.kind, op.withdraw.kind, op.set_collateral.kind)
LIQUIDATIONS = (op.liquidate.kind, op.flash_liquidate.kind)
MINIMUM_LIQUIDITY = 1_000


def check(before: State, after: State, row: Entry, minted: list[int]) -> None:
    """All invariants that apply to one operation; `before` has the same clock as `after`."""
    check_state(after, minted)
    _check_transition(before, after, row)
    if row.code == OK and row.kind in LIQUIDATIONS:
        _check_liquidation(before, after, row)
    if row.code == OK and row.kind == op.write_off.kind:  # nobody loses more than he owes
        h = health(before, row.account)
        assert h.debt_prices_usable and h.collateral_value < h.debt_value, "20"
        assert h.factor < wad(), "20"


def check_state(s: State, minted: list[int]) -> None:
    """Invariants of a single state."""
    vaults = s.policy.shape[0]
    for i in range(len(s.unit)):
        h = s.hub[i]
        assets = hub.preview(s, i).total_assets
        # 2 claims never exceed what is there, but for a unit each and the virtual claim
        claims = [hub.to_assets_down(s, i, shares) for shares in s.spoke[:, i, ADDED_SHARES]]
        claims.append(hub.to_assets_down(s, i, h[FEE_SHARES]))
        assert sum(claims) <= assets + hub.VIRTUAL + len(claims), "2"
        # 3, 4 the parts sum to the whole
        of_vault = [s.account_vault == v for v in range(vaults)]
        for v in range(vaults):
            debts = sum(s.position[of_vault[v], i, POSITION_DEBT])
            supplied = sum(s.position[of_vault[v], i, SUPPLIED])
            lent = s.reserve[v, i, REHYPOTHECATE]
            assert debts == s.spoke[v, i, DRAWN_SCALED], "3"
            assert supplied == s.spoke[v, i, ADDED_SHARES if lent else ESCROWED], "4"
            assert s.spoke[v, i, ESCROWED if lent else ADDED_SHARES] == 0, "4"
        assert sum(s.spoke[:, i, DRAWN_SCALED]) == h[SCALED_DEBT], "3"
        assert sum(s.holding[:, i, HUB_SHARES]) == s.spoke[vaults, i, ADDED_SHARES], "4"
        assert sum(s.spoke[:, i, ADDED_SHARES]) + h[FEE_SHARES] == h[TOTAL_SHARES], "4"
        assert sum(s.spoke[:, i, ESCROWED]) == h[ESCROW], "4"
        assert sum(s.holding[:, i, STAKE]) == s.pool[i, POOL_SHARES], "4"
        # 7 the rate stays on its curve
        low, high = s.rates[i, BASE_RATE], s.rates[i, [BASE_RATE, SLOPE1, SLOPE2]].sum()
        assert low * 10**23 <= h[BORROW_RATE] <= high * 10**23, "7"
        # 21 losses are conserved and reported by someone
        borne = h[COVERED_BY_FEES] + h[COVERED_BY_FUND] + h[SOCIALISED]
        assert h[DEFICIT_REPORTED] == borne + h[DEFICIT], "21"
        assert h[DEFICIT_REPORTED] == sum(s.spoke[:, i, REPORTED_DEFICIT]), "21"
        # 30 tokens are only made by minting
        reserves = sum(
            s.pair[p, RESERVE0 + side]
            for p, tokens in enumerate(s.pair_tokens)
            for side in range(2)
            if tokens[side] == i
        )
        held = sum(s.holding[:, i, WALLET]) + h[CASH] + h[ESCROW] + s.pool[i, POOL_ASSETS]
        assert held + reserves == minted[i], "30"
    assert all(
        x >= 0 for array in (s.hub, s.pool, s.pair, s.position, s.holding) for x in array.flat
    )
    for p in range(len(s.pair)):
        shares = sum(s.lp[:, p])
        assert s.pair[p, LP_SUPPLY] in (0, shares + MINIMUM_LIQUIDITY), "4"
    for a in range(len(s.account)):  # 24 an isolated account holds one collateral and one debt
        if s.account[a, ISOLATED]:
            assert sum(s.position[a, :, IS_COLLATERAL] != 0) <= 1, "24"
            assert sum(s.position[a, :, POSITION_DEBT] != 0) <= 1, "24"
        for i in range(len(s.unit)):  # a collateral flag means a balance
            assert s.position[a, i, IS_COLLATERAL] == 0 or s.position[a, i, SUPPLIED] > 0


def _check_transition(before: State, after: State, row: Entry) -> None:
    kind, account, x, code = row.kind, row.account, row.x, row.code
    mine = after.account_vault[account] if account >= 0 else -1
    for i in range(len(after.unit)):
        b, a = before.hub[i], after.hub[i]
        assert a[BORROW_INDEX] >= b[BORROW_INDEX] >= ray(), "5"
        # 6 the share price falls only by a socialised loss, and then by exactly it
        _, shares_b, _, assets_b = hub.preview(before, i)
        _, shares_a, _, assets_a = hub.preview(after, i)
        if a[SOCIALISED] != b[SOCIALISED]:
            assert kind == op.socialise.kind and x == i, "6"
            by_fees = a[COVERED_BY_FEES] - b[COVERED_BY_FEES]
            assert assets_b - assets_a == a[SOCIALISED] - b[SOCIALISED] + by_fees, "6"
            # 22 earlier layers are empty
            assert after.pool[i, POOL_ASSETS] == 0 and _fees(after, i) == 0, "22"
        else:
            price_b = (assets_b + hub.VIRTUAL) * (shares_a + hub.VIRTUAL)
            assert (assets_a + hub.VIRTUAL) * (shares_b + hub.VIRTUAL) >= price_b, "6"
        if a[COVERED_BY_FUND] > b[COVERED_BY_FUND]:  # 22 the fund pays after the fees
            assert _fees(after, i) == 0, "22"
        for v in range(len(after.policy)):
            if code == OK and kind == op.supply.kind and (v, i) == (mine, x):
                supplied = hub.to_assets_down(after, i, after.spoke[v, i, ADDED_SHARES])
                assert supplied + after.spoke[v, i, ESCROWED] <= after.spoke[v, i, ADD_CAP], "25"
            if code == OK and kind == op.borrow.kind and (v, i) == (mine, x):
                drawn = hub.debt_of(after, i, after.spoke[v, i, DRAWN_SCALED])
                assert drawn <= after.reserve[v, i, BORROW_CAP], "25"
                total = drawn + after.spoke[v, i, REPORTED_DEFICIT]
                assert total <= after.spoke[v, i, DRAW_CAP], "23"
            if v != mine and account >= 0:  # 23 the other vault's ledger is untouched
                assert (before.spoke[v, i] == after.spoke[v, i]).all(), "23"
    for p in range(len(after.pair)):
        if kind not in (op.remove_liquidity.kind, op.add_liquidity.kind):
            k_b = before.pair[p, RESERVE0] * before.pair[p, RESERVE1]
            assert after.pair[p, RESERVE0] * after.pair[p, RESERVE1] >= k_b, "29"
    _check_health(before, after, row)


def _fees(s: State, i: int) -> int:
    """What the protocol's fee shares are worth now, interest included."""
    return hub.to_assets_down(s, i, hub.preview(s, i).fee_shares)


def _check_health(before: State, after: State, row: Entry) -> None:
    kind, account, code = row.kind, row.account, row.code
    mine = after.account_vault[account]
    prices_move = kind in (
        op.post_price.kind,
        op.set_feed_mode.kind,
        op.set_reserve.kind,
        op.socialise.kind,
    )
    touched = {account, int(after.own_account[after.account_vault[account], row.actor])}
    for a in range(len(after.account)):
        if a not in touched and not prices_move and not _is_repriced(before, after, a):
            # 13 nobody else's health falls
            assert health(after, a).factor >= health(before, a).factor, "13"
    if code == OK and kind in (op.supply.kind, op.repay.kind):  # 12
        assert health(after, account).factor >= health(before, account).factor, "12"
        # and neither shields an account that stays unhealthy, but for one that was eligible only
        # because it was urgent and is no longer: the delay of everyone begins
        factor = health(after, account).factor
        eligible = vault.is_liquidatable(before, account)
        if eligible and factor < wad() and vault.delay_passed(before, account, factor):
            assert vault.is_liquidatable(after, account), "12"
    if code == OK and kind in USER_RISK and has_debt(after, account):  # 11, 27
        if kind == op.set_collateral.kind and row.option == 1:
            return
        h = health(after, account)
        assert h.factor >= wad() and h.debt_value * 10_000 <= h.weighted_limit, "11"
        assert h.prices_ok, "11"
        for i in range(len(after.unit)):  # nobody leaves his part of a haircut to others
            lent = after.reserve[mine, i, REHYPOTHECATE] != 0
            if lent and after.position[account, i, IS_COLLATERAL] != 0:
                assert after.hub[i, DEFICIT] == 0, "11"


def _is_repriced(before: State, after: State, a: int) -> bool:
    """Whether another price was accepted of a collateral that counts at the last one accepted."""
    v = before.account_vault[a]
    return any(
        before.position[a, i, IS_COLLATERAL] != 0
        and not oracle.read(before, v, i).usable
        and oracle.accepted(before, v, i) != oracle.accepted(after, v, i)
        for i in range(len(before.unit))
    )


def _check_liquidation(before: State, after: State, row: Entry) -> None:
    a, d, c, asked = row.account, row.x, row.y, row.amount
    repaid, out = row.result0, row.result1
    v = before.account_vault[a]
    was, now = health(before, a), health(after, a)
    assert was.debt_prices_usable and was.factor < wad(), "14"
    assert vault.delay_passed(before, a, was.factor), "14"
    assert oracle.read(before, v, c).usable, "14"
    assert repaid <= min(asked, debt_assets(before, a, d)), "15"
    price_d = oracle.read(before, v, d).price
    price_c = oracle.read(before, v, c).price
    bonus = before.reserve[v, c, MAX_BONUS]
    paid_value = debt_value(repaid + 1, price_d, before.unit[d])
    seized_value = collateral_value(out, price_c, before.unit[c])
    assert seized_value * 10_000 <= paid_value * (10_000 + bonus), "15"

    if now.factor < wad():  # 20 no unhealthy debt without collateral
        assert now.collateral_value >= min(before.policy[v, DUST_VALUE], now.debt_value), "20"
    if not has_debt(after, a):
        return
    # The smallest units of both tokens are worth this much: nothing can be exact beyond it.
    unit = price_d // before.unit[d] + price_c // before.unit[c] + 2
    slack = 4 * unit * wad() // max(now.debt_value, 1) + 10
    if was.factor * 10_000**2 > (10_000 + bonus) * threshold(before, v, c) * wad():
        assert now.factor + slack >= was.factor, "16"
    debt_left, held = debt_assets(after, a, d), supplied_assets(after, a, c)
    closed = debt_left == 0 or not after.position[a, c, IS_COLLATERAL]
    if not closed:  # 19 no dust legs
        assert mul_div_up(debt_left, price_d, before.unit[d]) >= MIN_LEFTOVER, "19"
        assert held * price_c // before.unit[c] >= MIN_LEFTOVER - 4 * unit, "19"
        if before.policy[v, ENGINE] == TARGET_HEALTH_ENGINE:  # 17 the target is not overshot
            target = before.policy[v, TARGET_HEALTH]
            assert now.factor <= target + slack, "17"
