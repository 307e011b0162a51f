"""What prices are believed, and what nobody gains by those that are not: on twin and EVM side by
side. A hold-off lasts half an hour here, and the largest move is 30%.
"""

from __future__ import annotations

import pytest

from sim.engines.artifacts import contracts
from sim.engines.calldata import actor_address
from sim.engines.chain import Call
from sim.protocol import operations as op
from sim.protocol import oracle, vault
from sim.protocol.errors import (
    ACCOUNT_HEALTHY,
    OK,
    PRICE_NOT_OK,
    PRICE_NOT_USABLE,
)
from sim.protocol.fixed_point import wad
from sim.protocol.state import ANCHOR, ANSWER, DISPUTED_FOR, POSITION_DEBT
from sim.protocol.vault_accounts import health
from tests.lockstep.machine import ProtocolMachine
from tests.lockstep.test_attacks import later, post

pytestmark = pytest.mark.chain

WETH, WBTC, USDC, DAI = range(4)
USD = 10**8
KEEPER, BORROWER, LIQUIDATOR = 0, 1, 3
ACCOUNT, SAME = 4, 3
"""Both of the borrower, in vault 0: $50,000 of WETH owe $33,750 of USDC, 90% of its limit; $50,000
of DAI owe WETH.
"""
HOLD_OFF, GAP, DAY = 1_800, 600, 86_400
BROKEN = 1


def accepted() -> ProtocolMachine:
    """A deployed protocol with open positions, whose prices are accepted."""
    m = ProtocolMachine()
    for i in range(4):
        assert m.do(op.poke, KEEPER, i, 0) == OK
    return m


@pytest.fixture
def market() -> ProtocolMachine:
    """As `accepted`."""
    return accepted()


def poke(m: ProtocolMachine, i: int = WETH) -> None:
    """Anyone shows a price to the router of vault 0."""
    assert m.do(op.poke, LIQUIDATOR, i, 0) == OK


def anchor(m: ProtocolMachine, i: int = WETH) -> float:
    """The price that the router of vault 0 accepted last, USD."""
    return float(m.s.oracle[0, i, ANCHOR]) / USD


def status(m: ProtocolMachine, i: int = WETH) -> int:
    """Of an asset in vault 0."""
    return int(oracle.read(m.s, 0, i).status)


def sell(m: ProtocolMachine, usd: int = 10, d: int = USDC, c: int = WETH) -> int:
    """Liquidate a little of the account."""
    return m.do(op.liquidate, LIQUIDATOR, ACCOUNT, d, c, m.amount(d, usd), 0, 0)


def breaks(m: ProtocolMachine, i: int, mode: int = BROKEN) -> None:
    """Primary and fallback of an asset; 0: both work again."""
    for slot in range(2):
        assert m.do(op.set_feed_mode, KEEPER, i, slot, mode) == OK


def post_others(m: ProtocolMachine, silent: int) -> None:
    """Every feed but one reports its last answer now."""
    for i in {WETH, WBTC, USDC, DAI} - {silent}:
        assert m.do(op.post_price, KEEPER, i, 0, int(m.s.feed[0, i, ANSWER])) == OK


# --- what is believed -----------------------------------------------------------------------------


@pytest.mark.parametrize("apart", [0, 12, 300])
def test_an_anchor_is_not_walked(market: ProtocolMachine, apart: int) -> None:
    """Three times 29% up, in one block or in blocks of a few minutes: the anchor is where it was,
    and nobody borrows at $429.
    """
    price = 200.0
    for _ in range(3):
        price *= 1.29
        market.s.clock[0] += apart
        post(market, WETH=price)
        for _ in range(2):
            poke(market)
    assert anchor(market) == 200 and status(market) == oracle.STATUS_DEVIATED
    assert market.do(op.borrow, BORROWER, ACCOUNT, USDC, 1) == PRICE_NOT_OK


@pytest.mark.parametrize(
    ("apart", "honest_pokes"), [(GAP, True), (HOLD_OFF, False)], ids=["poked", "unpoked"]
)
def test_spikes_of_a_block_are_not_believed(
    market: ProtocolMachine, apart: int, honest_pokes: bool
) -> None:
    """$120 in single blocks, $200 reported between them: every ten minutes, or where nobody pokes
    between every half hour. No number of them is accepted, nor does anyone count at it.
    """
    for _ in range(14):
        later(market, apart - 12, WETH=120)
        poke(market)
        assert status(market) == oracle.STATUS_DEVIATED
        assert market.do(op.flag, LIQUIDATOR, ACCOUNT) == ACCOUNT_HEALTHY
        later(market, 12, WETH=200)
        if honest_pokes:
            poke(market)
    assert anchor(market) == 200 and status(market) == oracle.STATUS_OK


def test_a_move_that_is_seen_to_persist_is_accepted_to_the_second(market: ProtocolMachine) -> None:
    """Seen at 0, 10, 20 and 30 minutes, a little nearer in between: accepted is the nearest."""
    post(market, WETH=120)
    poke(market)
    later(market, GAP, WETH=125)
    poke(market)
    later(market, GAP, WETH=118)
    poke(market)
    later(market, GAP - 1, WETH=119)
    poke(market)
    assert (anchor(market), status(market)) == (200, oracle.STATUS_DEVIATED)
    market.s.clock[0] += 1
    poke(market)
    assert (anchor(market), status(market)) == (125, oracle.STATUS_OK)


@pytest.mark.parametrize("gap", [GAP, GAP + 1])
def test_what_was_not_seen_for_a_third_of_the_hold_off_is_void(
    market: ProtocolMachine, gap: int
) -> None:
    post(market, WETH=120)
    poke(market)
    for _ in range(3):
        later(market, gap)
        poke(market)
    assert anchor(market) == (120 if gap == GAP else 200)


@pytest.mark.parametrize("back", [200.0, 201.0])
def test_a_price_that_was_back_starts_again(market: ProtocolMachine, back: float) -> None:
    """At the anchor, or on its other side, in one of the four."""
    for price in (120, 120, back):
        later(market, GAP, WETH=price)
        poke(market)
    later(market, GAP, WETH=120)
    poke(market)
    assert anchor(market) == 200
    for _ in range(3):
        later(market, GAP)
        poke(market)
    assert anchor(market) == 120


def test_the_last_answer_of_a_dead_feed_is_never_accepted(market: ProtocolMachine) -> None:
    """$120, and silence: poked every ten minutes while it is fresh, and for a day after that."""
    post(market, WETH=120)
    for _ in range(4 * 36):
        poke(market)
        market.s.clock[0] += GAP
    assert anchor(market) == 200
    price, *_ = oracle.read(market.s, 0, WETH)
    assert price == 120 * USD


def test_what_the_owner_configures_keeps_the_anchor(market: ProtocolMachine) -> None:
    """The same settings again, as a transaction that the twin never hears of: nothing changes, and
    a hold-off goes on.
    """
    post(market, WETH=120)
    poke(market)
    chain, d = market.lockstep.chain, market.lockstep.deployment
    router, abi, token = d.routers[0], contracts()["OracleRouter"], d.tokens[WETH]
    (out,) = chain.view([(router, abi.call("getFeed", token))])
    again = abi.selector("setFeed") + bytes(12) + bytes.fromhex(token[2:]) + out
    (done,) = chain.block([Call(actor_address(0), router, again)], int(market.s.clock[0]))
    assert done.ok
    for _ in range(3):
        later(market, GAP)
        poke(market)
    assert anchor(market) == 120


# --- a debt or a collateral that is disputed shields nobody ---------------------------------------


def owes_dai(m: ProtocolMachine) -> None:
    """$2,000 of the account's debt becomes DAI; at $141 it is unhealthy by its USDC alone: .8 x
    $35,250 against $30,750.
    """
    assert m.do(op.repay, BORROWER, ACCOUNT, USDC, m.amount(USDC, 3_000)) == OK
    assert m.do(op.borrow, BORROWER, ACCOUNT, DAI, m.amount(DAI, 2_000)) == OK
    post(m, WETH=141)


def test_a_second_debt_that_is_kept_deviated_shields_nobody(market: ProtocolMachine) -> None:
    """DAI at $1.31 and $.69 in turn, each for half an hour, for a day. Of its price and the one
    accepted, $1, the debt counts at the lower one, after an hour at the higher one.
    """
    owes_dai(market)
    began = market.s.clock[0]
    for k in range(48):
        post(market, DAI=1.31 if k % 2 == 0 else 0.69)
        for _ in range(3):
            poke(market, DAI)
            assert sell(market) == OK
            seen = 1.31 if k % 2 == 0 else 0.69
            side = min if market.s.clock[0] < began + 2 * HOLD_OFF else max
            counted = side(1, seen)
            owed = int(market.s.position[ACCOUNT, DAI, POSITION_DEBT])
            assert oracle.read(market.s, 0, DAI).debt_price == int(counted * USD)
            assert owed > 0
            later(market, GAP)
    assert anchor(market, DAI) == 1


def test_a_return_of_a_moment_starts_no_new_dispute(market: ProtocolMachine) -> None:
    """DAI is back at $1 for a block in every ten minutes: 576 s of dispute that somebody saw, less
    24 s, come to an hour the seventh time. Then it counts at $1.31, and is repaid at that.
    """
    owes_dai(market)
    for k in range(7):
        post(market, DAI=1.31)
        poke(market, DAI)
        later(market, GAP - 24)
        poke(market, DAI)
        assert (sell(market, d=DAI) == OK) == (k == 6)
        later(market, 12, DAI=1)
        poke(market, DAI)
        market.s.clock[0] += 12


def test_a_return_within_a_block_starts_no_new_dispute(market: ProtocolMachine) -> None:
    """DAI is back at $1 while nothing else can happen: the hour is an hour."""
    owes_dai(market)
    for k in range(7):
        post(market, DAI=1.31)
        poke(market, DAI)
        assert (sell(market, d=DAI) == OK) == (k == 6)
        post(market, DAI=1)
        poke(market, DAI)
        market.s.clock[0] += GAP


def test_one_answer_and_silence_decide_nothing(market: ProtocolMachine) -> None:
    """DAI reports $1.31 and is never heard of again: in the owner's favour for as long as a report
    is fresh, then at what was accepted, however long somebody looks.
    """
    owes_dai(market)
    post(market, DAI=1.31)
    for k in range(12):
        poke(market, DAI)
        seen = oracle.read(market.s, 0, DAI)
        assert not seen.usable and seen.debt_price == USD
        assert seen.collateral_price == (131 * USD // 100 if k * GAP <= GAP else USD)
        assert market.s.oracle[0, DAI, DISPUTED_FOR] <= GAP
        assert sell(market, d=DAI) != OK
        market.s.clock[0] += GAP
        post_others(market, DAI)


def test_the_first_answer_after_an_outage_decides_nothing(market: ProtocolMachine) -> None:
    """WETH is down for an hour that everybody sees, and then at half its price for a block: nobody
    who was healthy is liquidated, for no price beyond the anchor was there for any time.
    """
    breaks(market, WETH)
    for _ in range(7):
        poke(market)
        market.s.clock[0] += GAP
        post_others(market, WETH)
    breaks(market, WETH, 0)
    post(market, WETH=100)
    poke(market)
    assert not vault.is_liquidatable(market.s, ACCOUNT)
    assert sell(market) == ACCOUNT_HEALTHY


def test_what_is_down_in_between_ends_no_dispute(market: ProtocolMachine) -> None:
    """Own collateral beyond the anchor, and every ten minutes none at all, as where its price is
    below its feed's bound: an hour of that is an hour of dispute, as soon as a report says so.
    """
    assert market.do(op.supply, BORROWER, ACCOUNT, WBTC, market.amount(WBTC, 20_000)) == OK
    post(market, WETH=141)
    for k in range(7):
        post(market, WBTC=8_000 * 0.39 if k % 2 == 0 else 0)
        poke(market, WBTC)
        assert vault.is_liquidatable(market.s, ACCOUNT) == (k == 6)
        later(market, GAP)


@pytest.mark.parametrize("mode", [1, 2, 3, 4], ids=["reverts", "incomplete", "garbled", "burns"])
def test_one_unit_of_a_debt_whose_feed_is_broken_shields_nobody(
    market: ProtocolMachine, mode: int
) -> None:
    """It counts at the price last accepted, and only itself cannot be repaid for collateral."""
    assert market.do(op.repay, BORROWER, ACCOUNT, USDC, market.amount(USDC, 3_000)) == OK
    assert market.do(op.borrow, BORROWER, ACCOUNT, DAI, market.amount(DAI, 1)) == OK
    assert market.do(op.repay, BORROWER, ACCOUNT, DAI, market.amount(DAI, 1) - 1) == OK
    post(market, WETH=141)
    breaks(market, DAI, mode)
    assert health(market.s, ACCOUNT).debt_value == 30_750 * USD + 1
    assert market.do(op.flag, LIQUIDATOR, ACCOUNT) == OK
    assert sell(market, d=DAI) == PRICE_NOT_USABLE
    assert sell(market) == OK
    assert market.do(op.borrow, BORROWER, ACCOUNT, USDC, 1) == PRICE_NOT_OK


def test_own_collateral_that_is_kept_deviated_shields_for_two_hold_offs(
    market: ProtocolMachine,
) -> None:
    """$20,000 of WBTC beside the WETH at $141: .8 x 35,250 + .7 x 20,000 = 42,200 against 33,750,
    and .8 x 35,250 + .7 x 20,000 x .4 = 33,800. Alternating between 39% and 131% of the price it
    counts at the better of that and the price accepted, and after an hour at the worse.
    """
    assert market.do(op.supply, BORROWER, ACCOUNT, WBTC, market.amount(WBTC, 20_000)) == OK
    post(market, WETH=141)
    part = 0.39
    for k in range(8):
        post(market, WBTC=8_000 * (part if k % 2 == 0 else 1.31))
        poke(market, WBTC)
        assert vault.is_liquidatable(market.s, ACCOUNT) == (k == 6)
        later(market, GAP)
    post(market, WBTC=8_000 * part)
    poke(market, WBTC)
    expected = 0.8 * 35_250 + 0.7 * 20_000 * part
    assert health(market.s, ACCOUNT).factor / wad() == pytest.approx(expected / 33_750, rel=1e-5)
    assert sell(market) == OK


def test_a_crash_that_goes_on_is_believed(market: ProtocolMachine) -> None:
    """WETH falls by 40% every ten minutes. Once the first fall has lasted for half an hour it is
    accepted; an hour after it began the collateral counts, and is sold, at the price that is seen.
    """
    price = 200.0
    began = int(market.s.clock[0])
    while market.s.clock[0] <= began + 2 * HOLD_OFF:
        price *= 0.6
        post(market, WETH=price)
        poke(market)
        since = market.s.clock[0] - began
        assert anchor(market) == (200 if since < HOLD_OFF else 120)
        assert (sell(market) == OK) == (since >= 2 * HOLD_OFF)
        later(market, GAP)
    answer = oracle.read(market.s, 0, WETH)
    assert answer.status == oracle.STATUS_DEVIATED


def test_a_token_pays_for_itself_whatever_it_is_worth(market: ProtocolMachine) -> None:
    """WETH owed and held, disputed for an hour at $139: who repays 1 gets 1.05, less the fee."""
    assert market.do(op.repay, BORROWER, ACCOUNT, USDC, market.amount(USDC, 3_000)) == OK
    assert market.do(op.borrow, BORROWER, ACCOUNT, WETH, 10 * wad()) == OK
    for k in range(7):
        later(market, GAP, WETH=139 if k % 2 == 0 else 270)
        poke(market)
    code = market.do(op.liquidate, LIQUIDATOR, ACCOUNT, WETH, WETH, wad(), 0, 0)
    assert code == OK
    repaid, out = market.s.result[:2]
    assert (repaid, out) == (wad(), wad() * 1_045 // 1_000)
