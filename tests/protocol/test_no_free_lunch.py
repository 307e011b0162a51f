"""What must never pay: coming and going within a block, and splitting a liquidation."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sim.protocol import liquidation
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import max_uint, wad
from sim.protocol.state import HUB_SHARES, STAKE, WALLET, State
from sim.protocol.vault_accounts import debt_assets, supplied_assets
from sim.protocol.vault_health import health_factor
from tests.lockstep.support import START_PRICES, genesis, opening
from tests.protocol.one_pair import context, pair

PRICE, UNIT = 10**8, 10**8


def _aged(seconds: int) -> State:
    """The opened protocol some time later, so that no index or share price is round."""
    s = genesis()
    s.clock[0] += 1
    opening(s)
    s.clock[0] += seconds
    for i in range(4):
        op.post_price(s, 0, i, 0, START_PRICES[i])
    return s


@settings(max_examples=60)
@given(
    i=st.integers(0, 3), amount=st.integers(1, 10**24), seconds=st.sampled_from([1, 7_777, 10**7])
)
def test_supplying_and_leaving_in_one_block_never_profits(
    i: int, amount: int, seconds: int
) -> None:
    """Deposit and redeem, supply and withdraw, stake: the wallet never grows, by at most dust."""
    s = _aged(seconds)
    actor, account = 2, 6
    before = int(s.holding[actor, i, WALLET])
    assume(amount <= before)
    if op.deposit(s, actor, i, amount) == OK:
        shares = int(s.holding[actor, i, HUB_SHARES])
        op.redeem(s, actor, i, shares)
        assert before - 2 <= s.holding[actor, i, WALLET] <= before or s.result[0] == 0
    before = int(s.holding[actor, i, WALLET])
    held = supplied_assets(s, account, i)
    if op.supply(s, actor, account, i, min(amount, before)) == OK:
        grown = supplied_assets(s, account, i) - held
        assert grown <= min(amount, before)
        out = op.withdraw(s, actor, account, i, min(amount, before))
        assert s.holding[actor, i, WALLET] <= before or out != OK
        assert supplied_assets(s, account, i) <= held + grown


@settings(max_examples=60)
@given(i=st.integers(0, 3), usd=st.integers(1, 400), seconds=st.sampled_from([1, 7_777, 10**6]))
def test_borrowing_and_repaying_in_one_block_never_profits(i: int, usd: int, seconds: int) -> None:
    """The debt is gone, and the wallet is at most what it was."""
    s = _aged(seconds)
    account, actor = 5, 1  # owes nothing in most assets
    before = int(s.holding[actor, i, WALLET])
    owed = debt_assets(s, account, i)
    amount = int(usd * 10**8 * s.unit[i] // START_PRICES[i])
    if op.borrow(s, actor, account, i, amount) == OK:
        asked = max_uint() if owed == 0 else amount
        assert op.repay(s, actor, account, i, asked) == OK
        assert s.holding[actor, i, WALLET] <= before
        assert debt_assets(s, account, i) >= owed


def test_a_stake_that_comes_and_goes_gains_nothing() -> None:
    """Down in, down out."""
    s = _aged(7_777)
    for i in range(4):
        before = int(s.holding[3, i, WALLET])
        assert op.stake(s, 3, i, 12_345_679) == OK
        stake = int(s.holding[3, i, STAKE])
        assert op.request_unstake(s, 3, i, stake) == OK
        s.clock[0] += 10**6
        assert op.unstake(s, 3, i) == OK
        assert s.holding[3, i, WALLET] <= before


@given(
    collateral=st.integers(10**13, 10**18),
    health_bps=st.integers(8_000, 9_999),
    lt=st.integers(4_000, 9_000),
    max_bonus=st.integers(0, 1_500),
    first=st.integers(1, 9_999),
)
def test_splitting_a_liquidation_never_pays(
    collateral: int, health_bps: int, lt: int, max_bonus: int, first: int
) -> None:
    """Under the no-split rule health rises with every part, so the bonus of the next part falls."""
    hf_for_max_bonus = 950 * 10**15
    assume((10_000 + max_bonus) * lt * 10**10 <= hf_for_max_bonus)
    debt = collateral * lt // health_bps
    health = health_factor(collateral * lt, debt)

    def part(collateral: int, debt: int, repay: int) -> tuple[int, int]:
        now = health_factor(collateral * lt, debt)
        seen = context(min(now, wad()), collateral, debt, lt, max_bonus)
        bonus = liquidation.target_health_bonus(seen, hf_for_max_bonus)
        repaid, seized, _ = liquidation.seize(repay, pair(collateral), bonus, 0)
        return repaid, seized

    whole = liquidation.target_health_max_repay(
        context(health, collateral, debt, lt, max_bonus), wad(), max_bonus
    )
    repaid, seized = part(collateral, debt, whole)
    assume(seized < collateral)
    one, seized_one = part(collateral, debt, repaid * first // 10_000)
    two, seized_two = part(collateral - seized_one, debt - one, repaid - one)
    assert one + two == repaid
    assert seized_one + seized_two <= seized + 2


@given(
    values=st.tuples(st.integers(10**12, 10**16), st.integers(10**12, 10**16)),
    lts=st.tuples(st.integers(4_000, 9_800), st.integers(4_000, 9_800)),
    bonuses=st.tuples(st.integers(0, 1_500), st.integers(0, 1_500)),
    above=st.integers(1, 9_999),
    part=st.integers(1, 10_000),
)
def test_no_collateral_opens_all_of_another_under_the_close_factor(
    values: tuple[int, int],
    lts: tuple[int, int],
    bonuses: tuple[int, int],
    above: int,
    part: int,
) -> None:
    """Two collaterals: what is allowed for one never lowers health to where all may be repaid for
    the other, if (1 + bonus) x threshold of both is at most that health.
    """
    returned = [lt * (10_000 + bonus) * 10**10 for lt, bonus in zip(lts, bonuses, strict=True)]
    assume(max(returned) < wad())
    full_close = max(95 * 10**16, *returned)
    counted = sum(value * lt for value, lt in zip(values, lts, strict=True))
    wanted = full_close + (wad() - full_close) * above // 10_000
    debt = counted * 10**14 // wanted
    health = health_factor(counted, debt)
    assume(full_close < health < wad())
    seen = context(health, values[0], debt, lts[0], bonuses[0])
    allowed = liquidation.close_factor_max_repay(seen, full_close) * part // 10_000
    repaid, seized, _ = liquidation.seize(allowed, pair(values[0]), bonuses[0], 0)
    assume(repaid < debt)
    a_unit = 2 * wad() // (debt - repaid)
    assert health_factor(counted - seized * lts[0], debt - repaid) >= health - a_unit
