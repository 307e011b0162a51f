"""Auto-deleveraging on twin and EVM side by side: when its mode begins and ends, whom it takes
from, and for how much.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from sim.protocol import hub
from sim.protocol import operations as op
from sim.protocol.errors import (
    ACCOUNT_HEALTHY,
    DELEVERAGING_OFF,
    HEALTH_WOULD_FALL,
    INSUFFICIENT_BALANCE,
    INSUFFICIENT_CASH,
    MUST_NOT_LEAVE_DUST,
    NO_DEBT,
    NOT_COLLATERAL,
    OK,
    PRICE_NOT_USABLE,
    SELF_LIQUIDATION,
    SPOKE_HALTED,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import max_uint, wad
from sim.protocol.state import (
    ADL_ON_SINCE,
    ADL_SEEN_AT,
    ADL_TURNING_SINCE,
    ANSWER,
    CASH,
    DEFICIT,
    HUB_SHARES,
    POSITION_DEBT,
    WALLET,
)
from sim.protocol.vault_accounts import debt_assets, health, supplied_assets
from tests.lockstep.machine import ProtocolMachine
from tests.lockstep.support import ADL_TERMS, UNLIMITED

pytestmark = pytest.mark.chain

WETH, WBTC, USDC, DAI = range(4)
USD = 10**8
KEEPER, OWNER, LENDER, OTHER, WHALE = 0, 1, 2, 3, 5
ACCOUNT = 4
"""Of the owner, in vault 0: 250 WETH, $50,000 at $200, owe $33,750 of USDC; health 1.185."""
WHALES = 15
"""Of the whale, in vault 0: what he borrows is what nobody can withdraw."""
FOR, RAMP = 1_800, 3_600


@pytest.fixture
def market() -> ProtocolMachine:
    """A deployed protocol with open positions; `do` does the same on both sides and compares. The
    lender has shares of USDC worth $100,000.
    """
    m = ProtocolMachine()
    assert m.do(op.deposit, LENDER, USDC, 100_000 * 10**6) == OK
    return m


def later(m: ProtocolMachine, seconds: int) -> None:
    """Time passes; every feed reports what it did."""
    m.s.clock[0] += seconds
    for i in range(4):
        m.do(op.post_price, KEEPER, i, 0, int(m.s.feed[0, i, ANSWER]))


def post(m: ProtocolMachine, i: int, price: float) -> None:
    assert m.do(op.post_price, KEEPER, i, 0, round(price * USD)) == OK


def lend_out(m: ProtocolMachine, i: int = USDC) -> None:
    """The largest lender leaves, and the whale borrows what cash is left."""
    shares = int(m.s.holding[OWNER, i, HUB_SHARES])
    assert m.do(op.redeem, OWNER, i, shares) == OK
    assert m.do(op.supply, WHALE, WHALES, WETH, m.amount(WETH, 2_000_000)) == OK
    assert m.do(op.borrow, WHALE, WHALES, i, int(hub.available(m.s, i))) == OK
    assert m.s.hub[i, CASH] == 0


def give_back(m: ProtocolMachine, i: int = USDC) -> None:
    """The whale repays a third of what he owes."""
    assert m.do(op.repay, WHALE, WHALES, i, int(debt_assets(m.s, WHALES, i)) // 3) == OK


def poke(m: ProtocolMachine, i: int = USDC) -> bool:
    """A sighting; whether the mode is on."""
    assert m.do(op.poke_deleveraging, OTHER, i, 0) == OK
    return bool(m.s.adl[0, i, ADL_ON_SINCE])


def watch(m: ProtocolMachine, seconds: int, i: int = USDC) -> None:
    """Sightings every ten minutes for so long, none at the end."""
    while seconds > 600:
        later(m, 600)
        poke(m, i)
        seconds -= 600
    later(m, seconds)


def turn_on(m: ProtocolMachine, i: int = USDC, ramped: int = 0) -> None:
    """All is lent, the mode is on and rose for so many seconds."""
    lend_out(m, i)
    assert not poke(m, i)
    watch(m, FOR + 1, i)
    assert poke(m, i)
    if ramped:
        watch(m, ramped, i)


def take(m: ProtocolMachine, usd: int, shares: int = 1, actor: int = LENDER, **at: int) -> int:
    """Collateral of the account for so much of its debt."""
    a, d, c = at.get("a", ACCOUNT), at.get("d", USDC), at.get("c", WETH)
    return m.do(op.deleverage, actor, a, d, c, m.amount(d, usd), shares)


def moved(m: ProtocolMachine) -> tuple[int, int, int]:
    """(repaid, collateral, shares) of the operation that was last."""
    repaid, seized, shares = (int(x) for x in m.s.result)
    return repaid, seized, shares


# --- the mode -------------------------------------------------------------------------------------


def test_it_begins_once_usage_was_seen_high_for_longer_than_that(market: ProtocolMachine) -> None:
    """Not at half an hour, a second later; the health that may be deleveraged is 1 then."""
    m = market
    lend_out(m)
    assert not poke(m)
    watch(m, FOR)
    assert not poke(m)
    later(m, 1)
    assert poke(m)
    assert m.s.adl[0, USDC, ADL_ON_SINCE] == m.s.clock[0]
    assert take(m, 1_000) == ACCOUNT_HEALTHY


def test_high_is_above_and_not_at(market: ProtocolMachine) -> None:
    """At 90% of cash and debt exactly there is no strain, with a unit less of cash there is."""
    m = market
    lend_out(m)
    later(m, 0)
    debt = int(hub.debt_at(m.s.hub[USDC, 1], m.s.hub[USDC, 2]))
    cash = -(-debt // 9)
    assert m.do(op.deposit, OTHER, USDC, cash) == OK
    poke(m)
    assert m.s.adl[0, USDC, ADL_TURNING_SINCE] == 0
    assert m.do(op.withdraw_assets, OTHER, USDC, 1) == OK
    poke(m)
    strained = debt * 10_000 > 9_000 * (debt + int(m.s.hub[USDC, CASH]))
    assert strained and m.s.adl[0, USDC, ADL_TURNING_SINCE] == m.s.clock[0]


@pytest.mark.parametrize("how", ["seen low", "unseen for longer than ten minutes"])
def test_what_interrupts_begins_anew(market: ProtocolMachine, how: str) -> None:
    """Low usage that was seen, if only in one block; or ten minutes and a second unseen."""
    m = market
    lend_out(m)
    poke(m)
    watch(m, FOR - 600)
    if how == "seen low":
        poke(m)
        later(m, 300)
        give_back(m)
        poke(m)
        assert m.do(op.borrow, WHALE, WHALES, USDC, int(hub.available(m.s, USDC))) == OK
    else:
        poke(m)
        later(m, 601)
    assert not poke(m)
    since = int(m.s.clock[0])
    assert m.s.adl[0, USDC, ADL_TURNING_SINCE] == since
    watch(m, FOR)
    assert not poke(m)
    later(m, 1)
    assert poke(m)


def test_usage_of_two_blocks_that_nobody_else_saw_begins_nothing(market: ProtocolMachine) -> None:
    """Somebody lends everything out for a block, and again for another long after it."""
    m = market
    for _ in range(3):
        lend_out_and_back(m)
        later(m, FOR + 1)
    assert m.s.adl[0, USDC, ADL_ON_SINCE] == 0


def lend_out_and_back(m: ProtocolMachine) -> None:
    """In one block, with a sighting between."""
    shares, cash = int(m.s.holding[OWNER, USDC, HUB_SHARES]), int(hub.available(m.s, USDC))
    assert m.do(op.redeem, OWNER, USDC, shares) == OK
    assert m.do(op.supply, WHALE, WHALES, WETH, m.amount(WETH, 2_000_000)) == OK
    assert m.do(op.borrow, WHALE, WHALES, USDC, int(hub.available(m.s, USDC))) == OK
    assert not poke(m)
    assert m.do(op.repay, WHALE, WHALES, USDC, max_uint()) in (OK, INSUFFICIENT_BALANCE)
    wallet = int(m.s.holding[OWNER, USDC, WALLET])
    assert m.do(op.deposit, OWNER, USDC, min(cash, wallet)) == OK


def test_it_ends_once_usage_was_seen_low_for_longer_than_that(market: ProtocolMachine) -> None:
    """Nobody is deleveraged meanwhile; a block of low usage ends nothing, and sets back no ramp."""
    m = market
    turn_on(m, ramped=RAMP)
    on_since = int(m.s.adl[0, USDC, ADL_ON_SINCE])
    give_back(m)
    assert poke(m) and take(m, 5_000, shares=0) == DELEVERAGING_OFF
    assert m.do(op.borrow, WHALE, WHALES, USDC, int(hub.available(m.s, USDC))) == OK
    assert poke(m) and m.s.adl[0, USDC, ADL_ON_SINCE] == on_since
    assert take(m, 5_000) == OK
    give_back(m)
    poke(m)
    watch(m, FOR)
    assert poke(m)
    later(m, 1)
    assert not poke(m)


def test_what_nobody_saw_has_lapsed(market: ProtocolMachine) -> None:
    """Usage stays high, but nobody says so: what was on begins anew."""
    m = market
    turn_on(m, ramped=RAMP)
    later(m, 601)
    assert take(m, 5_000) == DELEVERAGING_OFF
    assert not poke(m)
    assert m.s.adl[0, USDC, ADL_SEEN_AT] == m.s.clock[0]
    watch(m, FOR + 1)
    assert poke(m)


def test_without_terms_there_is_no_mode(market: ProtocolMachine) -> None:
    """WETH of vault 0."""
    m = market
    assert m.do(op.poke_deleveraging, OTHER, WETH, 0) == DELEVERAGING_OFF
    assert take(m, 1_000, d=WETH) == DELEVERAGING_OFF


def test_a_loss_that_nobody_paid_begins_it_at_once(market: ProtocolMachine) -> None:
    """A crash leaves more bad debt than the fund had: the mode is on with the first sighting, and
    ends when the loss is closed and usage was seen low for long enough.
    """
    m = market
    for _ in range(4):
        later(m, 600)
        post(m, WETH, 60)
        m.do(op.poke, KEEPER, WETH, 0)
    assert m.do(op.liquidate, OTHER, ACCOUNT, USDC, WETH, max_uint(), 0, 0) == OK
    assert m.s.hub[USDC, DEFICIT] > 0
    assert poke(m) and m.s.adl[0, USDC, ADL_ON_SINCE] == m.s.clock[0]
    watch(m, 3_600)
    assert m.do(op.socialise, KEEPER, USDC) == OK
    poke(m)
    watch(m, FOR)
    assert poke(m)
    later(m, 1)
    assert not poke(m)


# --- whom -----------------------------------------------------------------------------------------


def test_the_most_levered_go_first(market: ProtocolMachine) -> None:
    """Health 1.185 may be deleveraged once 1 + 0.25 t / 3600 is above it."""
    m = market
    turn_on(m)
    factor = int(health(m.s, ACCOUNT).factor)
    exact = Fraction(factor - wad(), ADL_TERMS[3] - wad()) * RAMP
    reached = exact.numerator // exact.denominator
    watch(m, reached - 60)  # interest lowers the health a little meanwhile
    assert take(m, 5_000) == ACCOUNT_HEALTHY
    later(m, 60)
    assert take(m, 5_000) == OK


def test_nobody_takes_from_himself(market: ProtocolMachine) -> None:
    m = market
    turn_on(m, ramped=RAMP)
    assert take(m, 5_000, actor=OWNER, shares=0) == SELF_LIQUIDATION


def test_what_is_not_there_is_refused(market: ProtocolMachine) -> None:
    """A debt, a collateral, a payment; nothing at all."""
    m = market
    turn_on(m, ramped=RAMP)
    assert take(m, 5_000, d=DAI) == DELEVERAGING_OFF
    assert take(m, 5_000, c=WBTC) == NOT_COLLATERAL
    assert take(m, 5_000, a=10, c=USDC) == NO_DEBT
    assert take(m, 0) == ZERO_AMOUNT
    assert take(m, 5_000, actor=OTHER) == INSUFFICIENT_BALANCE  # he has no shares
    assert m.do(op.set_spoke, KEEPER, USDC, 2, UNLIMITED, UNLIMITED, 2) == OK
    assert take(m, 5_000) == SPOKE_HALTED


@pytest.mark.parametrize("i", [WETH, USDC])
def test_a_price_that_may_not_be_used_takes_from_nobody(market: ProtocolMachine, i: int) -> None:
    """As in a liquidation: what no feed can price is neither paid nor taken."""
    m = market
    turn_on(m, ramped=RAMP)
    for slot in range(2):
        assert m.do(op.set_feed_mode, KEEPER, i, slot, 1) == OK
    assert take(m, 5_000) in (PRICE_NOT_USABLE, ACCOUNT_HEALTHY)
    for slot in range(2):
        assert m.do(op.set_feed_mode, KEEPER, i, slot, 0) == OK
    assert take(m, 5_000) == OK


def test_a_price_in_dispute_takes_from_nobody(market: ProtocolMachine) -> None:
    """WETH falls by half at once: nobody believes it yet."""
    m = market
    turn_on(m, ramped=RAMP)
    post(m, WETH, 100)
    assert take(m, 5_000) in (PRICE_NOT_USABLE, ACCOUNT_HEALTHY)


# --- for how much ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shares", [0, 1])
def test_both_sides_are_worth_the_same(market: ProtocolMachine, shares: int) -> None:
    """$5,000 of debt for 25 WETH at $200, down; in shares no cash moves, and there is none."""
    m = market
    turn_on(m, ramped=RAMP)
    before, cash = int(debt_assets(m.s, ACCOUNT, USDC)), int(m.s.hub[USDC, CASH])
    held, wallet = int(supplied_assets(m.s, ACCOUNT, WETH)), int(m.s.holding[LENDER, WETH, WALLET])
    price = m.look().shares[USDC]
    assert take(m, 5_000, shares) == OK
    repaid, seized, burnt = moved(m)
    assert repaid == 5_000 * 10**6 and seized == 25 * 10**18
    assert m.s.holding[LENDER, WETH, WALLET] - wallet == seized
    left = int(debt_assets(m.s, ACCOUNT, USDC))
    assert before - repaid <= left <= before - repaid + 2
    assert held - seized - 1 <= supplied_assets(m.s, ACCOUNT, WETH) <= held - seized
    assert m.s.hub[USDC, CASH] == cash + (0 if shares else repaid)
    if shares:
        worth = Fraction(price.total_assets + 1, price.total_shares + 10**6)
        assert burnt - 1 < repaid / worth <= burnt
    else:
        assert burnt == 0


def test_health_reaches_the_target_and_no_further(market: ProtocolMachine) -> None:
    """D (T - HF) / (T - lt) of value, to a cent; once there, there is no more to take."""
    m = market
    turn_on(m, ramped=RAMP)
    h = health(m.s, ACCOUNT)
    target = Fraction(ADL_TERMS[4], wad())
    value = h.debt_value * (target - Fraction(h.factor, wad())) / (target - Fraction(8, 10))
    assert take(m, 10**6) == OK
    repaid, _, _ = moved(m)
    assert value - USD // 100 < repaid * 100 <= value
    factor = health(m.s, ACCOUNT).factor
    assert ADL_TERMS[4] - wad() // 10**6 < factor <= ADL_TERMS[4]
    assert take(m, 10**6) == ACCOUNT_HEALTHY


def test_splitting_takes_no_more(market: ProtocolMachine) -> None:
    """Ten parts come to the same debt and no more collateral than one."""
    whole, parts = [], []
    for n, found in ((1, whole), (10, parts)):
        m = ProtocolMachine()
        assert m.do(op.deposit, LENDER, USDC, 100_000 * 10**6) == OK
        turn_on(m, ramped=RAMP)
        for _ in range(n):
            assert m.do(op.deleverage, LENDER, ACCOUNT, USDC, WETH, 5_000 * 10**6 // n, 1) == OK
            found.append(moved(m))
    assert sum(one[0] for one in parts) == whole[0][0]
    assert sum(one[1] for one in parts) <= whole[0][1]


def test_dust_is_left_of_no_leg(market: ProtocolMachine) -> None:
    """Of $1,500 that are owed $500 can be repaid; of $900 nothing, since to close that would lift
    the account beyond the target.
    """
    m = market
    for a, owed in ((9, 1_500), (10, 900)):
        for i in range(4):
            if m.s.position[a, i, POSITION_DEBT]:
                assert m.do(op.repay, OTHER, a, i, max_uint()) == OK
        for i in range(4):
            if m.s.position[a, i, 0]:
                assert m.do(op.withdraw, OTHER, a, i, max_uint()) == OK
        assert m.do(op.supply, OTHER, a, WETH, m.amount(WETH, owed * 10 // 7)) == OK
        assert m.do(op.borrow, OTHER, a, USDC, m.amount(USDC, owed)) == OK
    turn_on(m, ramped=RAMP)
    assert take(m, 10**6, a=10) == MUST_NOT_LEAVE_DUST
    assert take(m, 10**6, a=9) == OK
    left = int(debt_assets(m.s, 9, USDC))
    assert 1_000 * 10**6 <= left <= 1_000 * 10**6 + 2


def test_health_below_the_threshold_of_what_is_taken_would_fall(market: ProtocolMachine) -> None:
    """(W - lt x) / (D - x) >= W / D iff HF >= lt: WETH at $140 leaves a health of 0.83, above 0.8;
    at $120 one of 0.71, below it.
    """
    m = market
    turn_on(m, ramped=RAMP)
    poke(m)
    for price, code in ((140, OK), (120, HEALTH_WOULD_FALL)):
        for _ in range(4):
            later(m, 600)
            post(m, WETH, price)
            m.do(op.poke, KEEPER, WETH, 0)
            poke(m)
        before = int(health(m.s, ACCOUNT).factor)
        assert (before >= 8 * wad() // 10) == (code == OK)
        assert take(m, 3_000) == code
        assert health(m.s, ACCOUNT).factor >= before


def test_collateral_that_is_lent_out_cannot_be_taken(market: ProtocolMachine) -> None:
    """As much as there is cash of it; with none the call is refused."""
    m = market
    turn_on(m, ramped=RAMP)
    assert m.do(op.redeem, OWNER, WETH, int(m.s.holding[OWNER, WETH, HUB_SHARES])) == OK
    assert m.do(op.supply, WHALE, WHALES, DAI, m.amount(DAI, 9_000_000)) == OK
    cash = int(hub.available(m.s, WETH))
    assert m.do(op.borrow, WHALE, WHALES, WETH, cash - 10**19) == OK
    assert take(m, 5_000) == OK
    assert moved(m)[1] == 10**19
    assert take(m, 5_000) == INSUFFICIENT_CASH


def test_all_of_a_collateral_is_paid_for_up(market: ProtocolMachine) -> None:
    """3/16 of a WBTC, less a satoshi, at $8,001 are $1,500.18741999: $1,500.187420 are paid."""
    m = market
    held = 3 * 10**8 // 16 - 1
    assert m.do(op.supply, OWNER, ACCOUNT, WBTC, held) == OK
    post(m, WBTC, 8_001)
    turn_on(m, ramped=RAMP)
    assert take(m, 10**6, c=WBTC) == OK
    repaid, seized, _ = moved(m)
    exact = Fraction(held * 8_001 * 10**6, 10**8)
    assert seized == held and repaid - 1 < exact <= repaid and exact != repaid
    assert supplied_assets(m.s, ACCOUNT, WBTC) == 0
