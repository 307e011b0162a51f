"""What brakes a vault and the hub, on twin and EVM side by side: at the boundaries, against closed
forms, and against who wants past it.
"""

from __future__ import annotations

import pytest

from sim.engines.failures import LockstepError
from sim.protocol import hub
from sim.protocol import operations as op
from sim.protocol.errors import (
    ACTION_PAUSED,
    BREAKER_OPEN,
    EXCEEDED_MAX_WITHDRAW,
    IN_GRACE,
    INVALID_OUTFLOW_LIMIT,
    INVALID_PAUSE,
    INVALID_STRESS,
    NOT_MOVED,
    OK,
    OUTFLOW_LIMITED,
    PAUSED_LATELY,
    UNAUTHORISED,
)
from sim.protocol.fixed_point import BPS, max_uint, wad
from sim.protocol.risk_guard import BORROW, LIQUIDATE, WITHDRAW
from sim.protocol.state import (
    CAPACITY,
    CASH,
    LEVEL,
    NEXT,
    POSITION_DEBT,
    RING,
    SEEN_FIRST,
    SUPPLIED,
)
from sim.protocol.vault import is_liquidatable
from sim.protocol.vault_accounts import health
from tests.lockstep.brakes import BrakedMachine
from tests.lockstep.side_by_side import GUARDED_VAULT as V
from tests.lockstep.support import GUARDIAN, START_PRICES

pytestmark = pytest.mark.chain

WETH, WBTC, USDC, DAI = range(4)
SUPPLIER = 1
OWNER, ACCOUNT = 2, 8
"""In the guarded vault: WETH, and owes DAI, 90% of what it may."""
ILL = 8_000
"""Of its price at the start: the account is liquidatable, and not urgent."""
HOUR = 3_600
EVERYTHING = 7
BITS = {BORROW: 1, WITHDRAW: 2, LIQUIDATE: 4}


class Market(BrakedMachine):
    """Every price is believed at once, and nobody waits for a liquidation."""

    hold_off = 0
    delay = 0
    guarded = True


@pytest.fixture
def m() -> Market:
    return Market()


def later(m: Market, seconds: int) -> None:
    """With prices of then."""
    m.s.clock[0] += seconds
    m._fresh()


def price(m: Market, i: int, share_bps: int) -> None:
    """What it was at the start, times so much; the router accepts it."""
    m.do(op.post_price, 0, i, 0, START_PRICES[i] * share_bps // BPS)
    m.do(op.poke, 1, i, V)


def available(m: Market, i: int) -> int:
    """What can leave: the same on both sides."""
    return int(hub.available(m.s, i))


# --- the outflow limit ----------------------------------------------------------------------------


def test_a_bucket_lets_out_a_capacity_and_what_drains_of_it(m: Market) -> None:
    """At once C, 10% of all there is, after t seconds floor(C t / window), and not a unit more."""
    assert m.do(op.set_outflow_limit, 0, USDC, 1_000, 0, HOUR) == OK
    capacity = m.look().shares[USDC].total_assets // 10
    assert available(m, USDC) == capacity < m.s.hub[USDC, CASH]
    assert m.do(op.withdraw_assets, SUPPLIER, USDC, capacity + 1) == EXCEEDED_MAX_WITHDRAW
    assert m.do(op.withdraw_assets, SUPPLIER, USDC, capacity) == OK
    assert available(m, USDC) == 0
    for seconds in (1, 1_234, 17):
        later(m, seconds)
        drained = capacity * seconds // HOUR
        assert available(m, USDC) == drained
        assert m.do(op.withdraw_assets, SUPPLIER, USDC, drained + 1) == EXCEEDED_MAX_WITHDRAW
        assert m.do(op.withdraw_assets, SUPPLIER, USDC, drained) == OK


def test_a_run_of_two_windows_takes_three_capacities(m: Market) -> None:
    """Whoever takes all that there is every minute: C (1 + t / window), but for a unit a minute."""
    assert m.do(op.set_outflow_limit, 0, DAI, 500, 0, HOUR) == OK
    capacity, taken, minutes = available(m, DAI), 0, 120
    for _ in range(minutes + 1):
        amount = available(m, DAI)
        assert m.do(op.withdraw_assets, SUPPLIER, DAI, amount) == OK
        taken += amount
        later(m, 60)
    assert 3 * capacity - minutes <= taken <= 3 * capacity
    assert m.s.outflow[DAI, CAPACITY] == capacity  # it never was empty


def test_every_way_out_is_the_same_way(m: Market) -> None:
    """Shares, both vaults, borrowers, fees, liquidators: together no more than the capacity."""
    floor = m.amount(DAI, 20_000)
    assert m.do(op.set_outflow_limit, 0, DAI, 0, floor, HOUR) == OK
    before, part = int(m.s.hub[DAI, CASH]), floor // 3
    assert m.do(op.withdraw_assets, SUPPLIER, DAI, part) == OK
    assert m.do(op.supply, OWNER, ACCOUNT, WETH, m.amount(WETH, 40_000)) == OK
    assert m.do(op.borrow, OWNER, ACCOUNT, DAI, part) == OK
    assert m.do(op.supply, 0, 0, WETH, m.amount(WETH, 40_000)) == OK
    assert m.do(op.borrow, 0, 0, DAI, part + 3) == OUTFLOW_LIMITED
    assert m.do(op.borrow, 0, 0, DAI, floor - 2 * part) == OK
    for code in (
        m.do(op.borrow, OWNER, ACCOUNT, DAI, 1),
        m.do(op.withdraw, 1, 3, DAI, 1),
    ):
        assert code == OUTFLOW_LIMITED
    assert m.do(op.withdraw_assets, SUPPLIER, DAI, 1) == EXCEEDED_MAX_WITHDRAW
    assert before - int(m.s.hub[DAI, CASH]) == floor


def test_who_pays_in_can_take_it_out_again(m: Market) -> None:
    """What comes makes room for as much, and no more than the bucket holds: no credit is saved."""
    floor = m.amount(USDC, 10_000)
    assert m.do(op.set_outflow_limit, 0, USDC, 0, floor, HOUR) == OK
    assert m.do(op.deposit, 3, USDC, 5 * floor) == OK
    assert available(m, USDC) == floor
    assert m.do(op.withdraw_assets, 3, USDC, floor) == OK
    assert m.do(op.deposit, 3, USDC, floor // 2) == OK
    assert available(m, USDC) == floor // 2


def test_a_flash_deposit_buys_nothing(m: Market) -> None:
    """A deposit of a hundred times the pool, withdrawn again as far as it is let: less than it was,
    and the others find no more of a bucket than before.
    """
    assert m.do(op.set_outflow_limit, 0, USDC, 1_000, 0, HOUR) == OK
    before, wealth = available(m, USDC), m.amount(USDC, 9 * 10**6)
    assert m.do(op.deposit, 3, USDC, wealth) == OK
    out = available(m, USDC)
    assert m.do(op.withdraw_assets, 3, USDC, out) == OK
    assert out == (wealth + 10 * before + 9) // 10  # a tenth of all there is now
    assert out - wealth < before
    assert available(m, USDC) == 0


def test_a_liquidator_takes_what_is_let_out_or_shares(m: Market) -> None:
    """The limit is on what leaves; who takes shares takes all."""
    ill, liquidator = ACCOUNT, 4
    price(m, WETH, 8_000)
    assert is_liquidatable(m.s, ill)
    floor = m.amount(WETH, 2_000)
    assert m.do(op.set_outflow_limit, 0, WETH, 0, floor, HOUR) == OK
    assert m.do(op.liquidate, liquidator, ill, DAI, WETH, max_uint(), 0, 0) == OK
    paid = int(m.s.result[1])
    assert floor * 99 // 100 < paid <= floor
    assert is_liquidatable(m.s, ill)
    assert m.do(op.liquidate, liquidator, ill, DAI, WETH, max_uint(), 0, 1) == OK
    assert int(m.s.result[1]) > 2 * paid


def test_a_false_price_lets_nobody_out_past_the_limit(m: Market) -> None:
    """Accounts of both vaults are ill at a price that nobody pays, and somebody who may be their
    owner liquidates all of them: his tokens are the capacity, but for a hundredth of rounding to
    sizes, and what he takes as shares leaves no sooner.
    """
    liquidator, floor = 5, m.amount(WETH, 2_000)
    assert m.do(op.set_outflow_limit, 0, WETH, 0, floor, HOUR) == OK
    price(m, WETH, 6_000)
    assert m.do(op.poke, 1, WETH, 0) == OK
    ill = [a for a in range(15) if m.s.position[a, WETH, SUPPLIED] and is_liquidatable(m.s, a)]
    assert {int(m.s.account_vault[a]) for a in ill} == {0, 1}
    cash, paid = int(m.s.hub[WETH, CASH]), 0
    for shares in (0, 1):
        for a in ill:
            (d,) = (i for i in range(4) if m.s.position[a, i, POSITION_DEBT])
            code = m.do(op.liquidate, liquidator, a, d, WETH, max_uint(), 0, shares)
            paid += int(m.s.result[1]) if code == OK and not shares else 0
    assert floor * 99 // 100 < paid <= floor and cash - int(m.s.hub[WETH, CASH]) == paid
    own = int(m.s.own_account[0, liquidator])
    taken = hub.to_assets_down(m.s, WETH, m.s.position[own, WETH, SUPPLIED])
    assert taken > 10 * floor
    assert m.do(op.withdraw, liquidator, own, WETH, floor) == OUTFLOW_LIMITED


def test_a_limit_is_refused_or_replaced(m: Market) -> None:
    for limit, floor, window in ((0, 0, 1), (BPS + 1, 0, 1), (1, 0, 30 * 86_400 + 1)):
        assert m.do(op.set_outflow_limit, 0, DAI, limit, floor, window) == INVALID_OUTFLOW_LIMIT
    assert m.do(op.set_outflow_limit, 0, DAI, 1_000, 0, HOUR) == OK
    half = available(m, DAI) // 2
    assert m.do(op.withdraw_assets, SUPPLIER, DAI, half) == OK
    assert m.do(op.set_outflow_limit, 0, DAI, 0, half, HOUR) == OK  # what left counts on
    assert (m.s.outflow[DAI, LEVEL], available(m, DAI)) == (half, 0)
    assert m.do(op.set_outflow_limit, 0, DAI, 0, 0, 0) == OK
    assert available(m, DAI) == m.s.hub[DAI, CASH]


def test_a_twin_that_forgets_faster_is_found(m: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison bites: a bucket that drains a unit more."""
    assert m.do(op.set_outflow_limit, 0, DAI, 1_000, 0, HOUR) == OK
    assert m.do(op.withdraw_assets, SUPPLIER, DAI, available(m, DAI)) == OK
    later(m, 100)
    found = hub.bucket
    monkeypatch.setattr(hub, "bucket", lambda s, i: (found(s, i)[0] - 1, found(s, i)[1]))
    with pytest.raises((LockstepError, AssertionError)):
        m.do(op.withdraw_assets, SUPPLIER, DAI, 1)


# --- pauses ---------------------------------------------------------------------------------------


def test_a_pause_ends_by_itself_and_does_not_begin_again_at_once(m: Market) -> None:
    """To the second: until is the first moment at which it goes on, and a gap later the first at
    which it may stop again, whoever has the key.
    """
    pause = (op.pause, GUARDIAN, USDC, V, HOUR, BITS[BORROW])
    borrow = (op.borrow, OWNER, ACCOUNT, USDC, m.amount(USDC, 100))
    assert m.do(*borrow) == OK
    assert m.do(op.pause, GUARDIAN, USDC, V, HOUR + 1, 1) == INVALID_PAUSE
    assert m.do(op.pause, GUARDIAN, USDC, V, 0, 1) == INVALID_PAUSE
    for bits in (0, EVERYTHING + 1):
        assert m.do(op.pause, GUARDIAN, USDC, V, HOUR, bits) == INVALID_PAUSE
    assert m.do(*pause) == OK
    assert m.do(*borrow) == ACTION_PAUSED
    later(m, HOUR - 1)
    assert m.do(*borrow) == ACTION_PAUSED
    assert m.do(*pause) == PAUSED_LATELY
    later(m, 1)
    assert m.do(*borrow) == OK
    later(m, HOUR - 1)
    assert m.do(*pause) == PAUSED_LATELY
    later(m, 1)
    assert m.do(*pause) == OK


def test_a_lost_key_pauses_half_of_the_time_at_most(m: Market) -> None:
    """Tries every ten minutes for a day: an hour of every two, and nothing of the other assets."""
    stopped = 0
    for _ in range(24 * 6):
        m.do(op.pause, GUARDIAN, DAI, V, HOUR, EVERYTHING)
        code = m.do(op.borrow, OWNER, ACCOUNT, DAI, 10**15)
        assert code in (OK, ACTION_PAUSED)
        stopped += code == ACTION_PAUSED
        assert m.do(op.borrow, OWNER, ACCOUNT, USDC, m.amount(USDC, 2)) == OK
        later(m, 600)
    assert stopped == 12 * 6


def test_who_may_do_what(m: Market) -> None:
    """The guardian stops, the owner lets go on; neither can do the other's, nobody else either."""
    for actor in (0, 1, 3):
        assert m.do(op.pause, actor, DAI, V, 60, EVERYTHING) == UNAUTHORISED
        assert m.do(op.lower_stress, actor, V, 9_000) == UNAUTHORISED
    assert m.do(op.pause, GUARDIAN, DAI, V, HOUR, EVERYTHING) == OK
    for actor in (GUARDIAN, 1):
        assert m.do(op.unpause, actor, DAI, V, EVERYTHING) == UNAUTHORISED
        assert m.do(op.set_stress, actor, V, BPS) == UNAUTHORISED
    assert m.do(op.unpause, 0, DAI, V, BITS[BORROW]) == OK
    assert m.do(op.borrow, OWNER, ACCOUNT, DAI, 10**18) == OK
    assert m.do(op.withdraw, OWNER, ACCOUNT, DAI, 1) != OK
    later(m, HOUR - 1)
    assert m.do(op.pause, GUARDIAN, DAI, V, 60, BITS[BORROW]) == PAUSED_LATELY  # of its end
    later(m, 1)
    assert m.do(op.pause, GUARDIAN, DAI, V, 60, BITS[BORROW]) == OK


def test_nothing_keeps_anyone_from_healing(m: Market) -> None:
    """All paused, every breaker open, the sequencer down, nothing let out: supply and repay go on,
    and the other vault does not notice.
    """
    m.do(op.note_price, 1, WETH, V)
    price(m, WETH, 7_500)
    assert m.do(op.trip, 3, WETH, V) == OK
    price(m, WETH, BPS)
    for i in range(4):
        assert m.do(op.pause, GUARDIAN, i, V, HOUR, EVERYTHING) == OK
        assert m.do(op.set_outflow_limit, 0, i, 0, 1, HOUR) == OK
    m.do(op.post_sequencer, 0, 1)
    assert m.do(op.supply, OWNER, ACCOUNT, WETH, m.amount(WETH, 100)) == OK
    assert m.do(op.repay, OWNER, ACCOUNT, DAI, m.amount(DAI, 100)) == OK
    assert m.do(op.repay, 5, ACCOUNT, DAI, m.amount(DAI, 100)) == OK
    assert m.do(op.deposit, 3, DAI, m.amount(DAI, 100)) == OK
    assert m.do(op.withdraw, OWNER, ACCOUNT, WETH, 1) == ACTION_PAUSED
    assert m.do(op.withdraw, 1, 3, USDC, 1) != ACTION_PAUSED


def test_borrowers_act_before_liquidators_after_a_pause(m: Market) -> None:
    """Ten minutes of grace, but for whom no delay applies to; in a pause for nobody."""
    liquidate = (op.liquidate, 4, ACCOUNT, DAI, WETH, m.amount(DAI, 2_000), 0, 1)
    price(m, WETH, ILL)
    assert is_liquidatable(m.s, ACCOUNT) and health(m.s, ACCOUNT).factor > wad() * 9 // 10
    assert m.do(op.pause, GUARDIAN, WETH, V, 60, BITS[LIQUIDATE]) == OK
    assert m.do(*liquidate) == ACTION_PAUSED
    later(m, 60)
    assert m.do(*liquidate) == IN_GRACE
    price(m, WETH, 7_400)
    assert health(m.s, ACCOUNT).factor < wad() * 9 // 10
    assert m.do(*liquidate) == OK  # urgent
    price(m, WETH, ILL)
    later(m, 599)
    assert m.do(*liquidate) == IN_GRACE
    later(m, 1)
    assert m.do(*liquidate) == OK


@pytest.mark.parametrize(("seconds", "verdict"), [(599, IN_GRACE), (600, OK)])
def test_nobody_is_liquidated_at_once_after_an_outage(
    m: Market, seconds: int, verdict: int
) -> None:
    liquidate = (op.liquidate, 4, ACCOUNT, DAI, WETH, m.amount(DAI, 2_000), 0, 1)
    price(m, WETH, ILL)
    m.do(op.post_sequencer, 0, 1)
    later(m, 10 * HOUR)
    price(m, WETH, ILL)
    assert m.do(*liquidate) == IN_GRACE
    m.do(op.post_sequencer, 0, 0)
    later(m, seconds)
    price(m, WETH, ILL)
    assert m.do(*liquidate) == verdict


# --- the breaker ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share_bps", "verdict"), [(8_000, NOT_MOVED), (7_999, OK), (12_000, NOT_MOVED), (12_001, OK)]
)
def test_a_move_of_more_than_a_fifth_trips(m: Market, share_bps: int, verdict: int) -> None:
    m.do(op.note_price, 1, WETH, V)
    price(m, WETH, share_bps)
    assert m.do(op.trip, 5, WETH, V) == verdict


@pytest.mark.parametrize(("seconds", "verdict"), [(HOUR, OK), (HOUR + 1, NOT_MOVED)])
def test_the_move_must_have_happened_within_the_window(
    m: Market, seconds: int, verdict: int
) -> None:
    """The old price was in force until the new one was noted, so long ago."""
    m.do(op.note_price, 1, WETH, V)
    later(m, 30 * HOUR)
    price(m, WETH, 7_000)
    m.do(op.note_price, 1, WETH, V)
    later(m, seconds)
    assert m.do(op.trip, 5, WETH, V) == verdict


def test_nobody_washes_the_ring_out(m: Market) -> None:
    """A price that falls a percent a minute, and somebody who notes each of them: after twenty the
    first is still known.
    """
    for minute in range(22):
        price(m, WETH, BPS - 100 * minute)
        m.do(op.note_price, 3, WETH, V)
        later(m, 60)
    assert m.s.brake[V, WETH, NEXT] <= RING // 2
    assert START_PRICES[WETH] in m.s.brake[V, WETH, SEEN_FIRST : SEEN_FIRST + RING]
    assert m.do(op.trip, 3, WETH, V) == OK


def test_what_an_open_breaker_stops(m: Market) -> None:
    """Borrowing of the asset and against it, taking it out with debts; nothing else, for half an
    hour, and the same move opens it no second time.
    """
    other = 11  # of actor 3: DAI, and owes WETH
    m.do(op.note_price, 1, WETH, V)
    price(m, WETH, 12_100)
    assert m.do(op.trip, 5, WETH, V) == OK
    assert m.do(op.trip, 5, WETH, V) == NOT_MOVED
    assert m.do(op.borrow, OWNER, ACCOUNT, DAI, 10**18) == BREAKER_OPEN
    assert m.do(op.borrow, 3, other, WETH, 10**15) == BREAKER_OPEN
    assert m.do(op.withdraw, OWNER, ACCOUNT, WETH, 1) == BREAKER_OPEN
    assert m.do(op.supply, 0, 2, WETH, m.amount(WETH, 10)) == OK
    for i in range(4):
        if m.s.position[2, i, POSITION_DEBT]:
            assert m.do(op.repay, 0, 2, i, max_uint()) == OK
    assert m.do(op.withdraw, 0, 2, WETH, m.amount(WETH, 1)) == OK  # owes nothing
    later(m, 1_799)
    assert m.do(op.trip, 5, WETH, V) == NOT_MOVED
    assert m.do(op.borrow, OWNER, ACCOUNT, DAI, 10**18) == BREAKER_OPEN
    later(m, 1)
    assert m.do(op.borrow, OWNER, ACCOUNT, DAI, 10**18) == OK
    price(m, WETH, 9_000)
    assert m.do(op.trip, 5, WETH, V) == OK  # another move


def test_liquidation_goes_on_while_the_breaker_is_open(m: Market) -> None:
    m.do(op.note_price, 1, WETH, V)
    price(m, WETH, 7_900)
    assert m.do(op.trip, 5, WETH, V) == OK
    assert m.do(op.liquidate, 4, ACCOUNT, DAI, WETH, m.amount(DAI, 2_000), 0, 1) == OK


# --- the stress multiplier ------------------------------------------------------------------------


def test_stress_narrows_the_limit_and_makes_nobody_liquidatable(m: Market) -> None:
    """Limit x multiplier, down; health is what it was."""
    before = health(m.s, ACCOUNT)
    assert m.do(op.lower_stress, GUARDIAN, V, 10_000) == INVALID_STRESS
    assert m.do(op.lower_stress, GUARDIAN, V, 4_999) == INVALID_STRESS
    assert m.do(op.lower_stress, GUARDIAN, V, 5_001) == OK
    assert m.do(op.lower_stress, GUARDIAN, V, 5_001) == INVALID_STRESS
    after = health(m.s, ACCOUNT)
    assert after.weighted_limit == before.weighted_limit * 5_001 // BPS
    assert after._replace(weighted_limit=before.weighted_limit) == before
    assert not is_liquidatable(m.s, ACCOUNT)
    assert m.do(op.borrow, OWNER, ACCOUNT, DAI, 10**18) != OK
    assert m.do(op.set_stress, 0, V, BPS) == OK
    assert m.do(op.borrow, OWNER, ACCOUNT, DAI, 10**18) == OK
    for bps in (4_999, BPS + 1):
        assert m.do(op.set_stress, 0, V, bps) == INVALID_STRESS
