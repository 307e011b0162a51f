"""Whoever owes what he has, or more: on twin and EVM side by side.

The invariants are checked after every operation, too.
"""

from __future__ import annotations

import pytest

from sim.protocol import operations as op
from sim.protocol import oracle
from sim.protocol.errors import ALREADY_FLAGGED, OK, PRICE_NOT_USABLE
from sim.protocol.fixed_point import max_uint
from sim.protocol.soundness import RECOVERY_GAP, THIN_AUCTION
from sim.protocol.state import FLAGGED_AT, LIQUIDATION_FEE, MAX_BONUS, THIN, THIN_FOR, WALLET
from sim.protocol.vault_accounts import health
from tests.lockstep import exploits
from tests.lockstep.machine import ProtocolMachine
from tests.lockstep.test_attacks import ACCOUNT, BORROWER, believed, later
from tests.lockstep.test_prices import breaks

pytestmark = pytest.mark.chain

WETH, WBTC, USDC, DAI = range(4)
USD = 10**8
UNIT_OF_USDC = USD // 10**6
KEEPER, SECOND = 0, 3
"""The second address is the borrower's."""


@pytest.fixture
def market() -> ProtocolMachine:
    """A deployed protocol with open positions; `do` does the same on both sides and compares.

    The account owes $33,750 of USDC against 250 WETH, in a vault without a delay.
    """
    return ProtocolMachine()


def equity(m: ProtocolMachine) -> int:
    """What the account is worth to its owner, who may walk away from it; USD, 8 decimals."""
    h = health(m.s, ACCOUNT)
    return max(int(h.collateral_value - h.debt_value), 0)


def seized(m: ProtocolMachine, price: int, *amounts: int) -> tuple[int, int]:
    """(what owner and second address have more, what was repaid) after liquidations of up to these
    amounts of USDC through the second address; USD, 8 decimals.
    """
    had, before = equity(m), m.s.holding[SECOND, :, WALLET].copy()
    for amount in amounts:
        assert m.do(op.liquidate, SECOND, ACCOUNT, USDC, WETH, amount, 0, 0) == OK
    now = m.s.holding[SECOND, :, WALLET]
    repaid = int(before[USDC] - now[USDC]) * 100
    got = int(now[WETH] - before[WETH]) * price * USD // 10**18
    return got - repaid + equity(m) - had, repaid


def watched(m: ProtocolMachine, seconds: int, price: float) -> None:
    """So long at a price, at which keepers see the account as often as it takes."""
    while seconds > 0:
        later(m, min(seconds, RECOVERY_GAP), WETH=price)
        m.do(op.flag, KEEPER, ACCOUNT)
        seconds -= RECOVERY_GAP


# --- nobody gains by liquidating himself ----------------------------------------------------------


@pytest.mark.parametrize("price", [138, 135, 130, 110, 60])
@pytest.mark.parametrize("parts", [(1,), (3, 1), (9, 3, 1)])
@pytest.mark.parametrize("flagged", [False, True])
def test_liquidating_oneself_is_worth_no_more_than_walking_away(
    market: ProtocolMachine, price: int, parts: tuple[int, ...], flagged: bool
) -> None:
    """At $138 there are $34,500, of which a bonus of 5% would take $1,643 and leave $893 of the
    debt unpaid. At once there is none but what the account is worth beyond its debt, and rounding
    of less than a unit of what is repaid.
    """
    believed(market, 0, WETH=price)
    if flagged:
        assert market.do(op.flag, BORROWER, ACCOUNT) == OK
    amounts = [max_uint() if part == 1 else market.amount(USDC, 27_000 // part) for part in parts]
    gain, repaid = seized(market, price, *amounts)
    assert gain < UNIT_OF_USDC < repaid


@pytest.mark.parametrize("tenths", [1, 3, 10, 20])
def test_who_is_worth_too_little_is_bid_for(market: ProtocolMachine, tenths: int) -> None:
    """At $110 he has $27,500. Seen so for half an hour, the bonus is the largest, 5%, a tenth of it
    the protocol's; whoever is content with less comes first.
    """
    believed(market, 0, WETH=110)
    assert market.do(op.flag, KEEPER, ACCOUNT) == OK
    watched(market, THIN_AUCTION * tenths // 10, 110)
    gain, repaid = seized(market, 110, max_uint())
    bonus = int(market.s.reserve[0, WETH, MAX_BONUS]) * min(tenths, 10) // 10
    part = 10_000 - int(market.s.reserve[0, WETH, LIQUIDATION_FEE])
    assert abs(gain - repaid * bonus * part // 10**8) < USD // 1_000


@pytest.mark.parametrize("price", [130, 110, 60])
@pytest.mark.parametrize("minutes", [30, 300])
@pytest.mark.parametrize("wick", [160, 140])
def test_a_flag_from_before_is_no_head_start(
    market: ProtocolMachine, price: int, minutes: int, wick: int
) -> None:
    """At $160 his health is .9 and more than enough is there, at $140 there is too little for the
    bonus, for a block. He flags himself, and nobody else comes for as long as it takes. Then the
    price falls to where lenders would pay for the bonus: he gets none of it, at once, and it grows
    from there.
    """
    believed(market, 0, WETH=wick)
    assert market.do(op.flag, BORROWER, ACCOUNT) == OK
    assert market.s.account[ACCOUNT, THIN] == (wick == 140)
    later(market, 60 * minutes, WETH=160)
    believed(market, 0, WETH=price)
    gain, repaid = seized(market, price, market.amount(USDC, 5_000))
    assert gain < UNIT_OF_USDC < repaid
    assert market.s.account[ACCOUNT, THIN_FOR] == 0
    watched(market, THIN_AUCTION // 2, price)
    gain, repaid = seized(market, price, market.amount(USDC, 5_000))
    half = repaid * int(market.s.reserve[0, WETH, MAX_BONUS]) // 20_000
    assert 0.89 * half < gain <= half


UNSOLD = {
    "collateral disputed": ({WBTC: 50_000}, {WETH: 32_490}, {"WETH": 217, "WBTC": 4_000}),
    "but for dust": ({USDC: 90, WBTC: 50_000}, {WETH: 32_490}, {"WETH": 218, "WBTC": 4_000}),
    "debt disputed": ({WETH: 50_000}, {DAI: 37_490}, {"WETH": 155, "DAI": 1.4}),
    "collateral down": ({WBTC: 50_000}, {WETH: 32_490}, {"WETH": 217, "WBTC": 5_700}),
}
"""What an account has and owes, USD, and the prices after which nothing of it can be sold."""


@pytest.mark.parametrize("case", UNSOLD)
def test_while_nothing_can_be_sold_no_bonus_grows(case: str) -> None:
    """Seen due and thin for half an hour in which every liquidation is refused for a price: the
    first one after it, through a second address, finds no bonus that suppliers pay.
    """
    m, (held, owed, prices) = exploits.market(), UNSOLD[case]
    account, owner = exploits.ACCOUNT, exploits.ATTACKER
    for i, usd in held.items():
        assert m.do(op.supply, owner, account, i, m.amount(i, usd)) == OK
    for i, usd in owed.items():
        assert m.do(op.borrow, owner, account, i, m.amount(i, usd)) == OK
    (d,), c, down = owed, max(held, key=lambda i: held[i]), case == "collateral down"
    if down:
        breaks(m, WBTC)
    for _ in range(3):
        later(m, RECOVERY_GAP, **({"WETH": prices["WETH"]} if down else prices))
        for i in (WETH, WBTC, DAI):
            assert m.do(op.poke, KEEPER, i, 0) == OK
        assert m.do(op.flag, owner, account) in (OK, ALREADY_FLAGGED)
        sale = m.do(op.liquidate, exploits.LIQUIDATOR, account, d, c, max_uint(), 0, 0)
        assert sale == PRICE_NOT_USABLE
    if down:
        breaks(m, WBTC, 0)
    later(m, RECOVERY_GAP, **prices)
    assert m.s.clock[0] - m.s.account[account, FLAGGED_AT] == THIN_AUCTION
    both = (owner, SECOND)
    before = exploits.wealth(m, *both, **prices)
    assert m.do(op.liquidate, SECOND, account, d, c, max_uint(), 0, 0) == OK
    assert float(exploits.wealth(m, *both, **prices) - before) <= 1


@pytest.mark.parametrize("hours", [23, 25])
@pytest.mark.parametrize("seen_by", ["keepers", "repayments"])
def test_what_was_lost_comes_back_without_a_bonus_grown(hours: int, seen_by: str) -> None:
    """$35,625 of WBTC owe $35,253, and nobody knows their price for a day: they count for nothing.
    The account is seen due and thin for half an hour, by flags or by repayments of dust. Back at
    their price they are sold for no more than they are worth beyond the debt.
    """
    m, account, owner = exploits.market(), exploits.ACCOUNT, exploits.ATTACKER
    assert m.do(op.supply, owner, account, WBTC, m.amount(WBTC, 50_000)) == OK
    assert m.do(op.borrow, owner, account, WETH, m.amount(WETH, 32_490)) == OK
    later(m, 60, WETH=217)
    breaks(m, WBTC)
    for k in range(6 * hours + 4):
        later(m, RECOVERY_GAP, WETH=217)
        if seen_by == "keepers" or k < 6 * hours:
            for i in range(4):
                assert m.do(op.poke, KEEPER, i, 0) == OK
        if seen_by == "keepers" or k == 6 * hours:
            m.do(op.flag, KEEPER, account)
        elif k > 6 * hours:
            assert m.do(op.repay, KEEPER, account, WETH, 10**9) == OK
    breaks(m, WBTC, 0)
    prices = {"WETH": 217, "WBTC": 5_700}
    later(m, 12, **prices)
    both = (owner, SECOND)
    before = exploits.wealth(m, *both, **prices)
    assert m.do(op.liquidate, SECOND, account, WETH, WBTC, max_uint(), 0, 0) == OK
    assert float(exploits.wealth(m, *both, **prices) - before) <= 1


def test_a_spike_within_a_block_keeps_no_bonus_from_growing(market: ProtocolMachine) -> None:
    """Every ten minutes WETH is seen beyond the largest move, and back in the same block: the half
    hour goes on. Seen back a block later it begins anew.
    """
    believed(market, 0, WETH=110)
    for _ in range(4):
        later(market, RECOVERY_GAP, WETH=110)
        assert market.do(op.flag, KEEPER, ACCOUNT) in (OK, ALREADY_FLAGGED)
        for price in (150, 110):
            later(market, 0, WETH=price)
            assert market.do(op.poke, SECOND, WETH, 0) == OK
    assert oracle.read(market.s, 0, WETH).for_sale_for >= THIN_AUCTION
    for price in (150, 110):
        later(market, 12, WETH=price)
        assert market.do(op.poke, SECOND, WETH, 0) == OK
    assert oracle.read(market.s, 0, WETH).for_sale_for == 0


def test_what_nobody_sees_does_not_count(market: ProtocolMachine) -> None:
    """Ten minutes from one sighting to the next at most; what was seen well, and what nobody saw,
    takes off as much time. What was seen for half an hour stays.
    """
    row = market.s.account[ACCOUNT]
    believed(market, 0, WETH=130)
    for counted in (0, 600, 1_200):
        assert market.do(op.flag, KEEPER, ACCOUNT) == OK
        assert row[THIN_FOR] == counted
        later(market, 600, WETH=130)
    later(market, 1, WETH=130)
    assert market.do(op.flag, KEEPER, ACCOUNT) == OK
    assert row[THIN_FOR] == 1_200 - 601
    later(market, 100, WETH=160)
    assert market.do(op.flag, KEEPER, ACCOUNT) == OK
    assert (row[THIN], row[THIN_FOR]) == (0, 499)
    later(market, 100, WETH=160)
    assert market.do(op.flag, KEEPER, ACCOUNT) == OK
    assert row[THIN_FOR] == 399
    later(market, 400, WETH=160)
    assert market.do(op.flag, KEEPER, ACCOUNT) == OK
    assert market.do(op.flag, KEEPER, ACCOUNT) == ALREADY_FLAGGED
    watched(market, THIN_AUCTION + RECOVERY_GAP, 130)
    assert row[THIN_FOR] == THIN_AUCTION
    later(market, 3_600, WETH=160)
    assert market.do(op.flag, KEEPER, ACCOUNT) == OK
    assert (row[THIN], row[THIN_FOR]) == (0, THIN_AUCTION)


@pytest.mark.parametrize(("price", "thin"), [(141.76, False), (141.74, True)])
def test_thin_is_who_cannot_pay_the_largest_bonus(
    market: ProtocolMachine, price: float, thin: bool
) -> None:
    """250 x $141.75 = $33,750 x 1.05, but for a dollar of interest."""
    h = health(market.s, ACCOUNT)
    assert h.debt_value == 33_750 * USD and market.s.reserve[0, WETH, MAX_BONUS] == 500
    believed(market, 0, WETH=price)
    assert market.do(op.flag, KEEPER, ACCOUNT) == OK
    assert market.s.account[ACCOUNT, THIN] == thin


def test_who_is_worth_more_than_debt_and_bonus_pays_all_of_it_at_once(
    market: ProtocolMachine,
) -> None:
    """At $160 he has $40,000, and nobody waits."""
    believed(market, 0, WETH=160)
    before = market.s.holding[SECOND, WETH, WALLET]
    gain, repaid = seized(market, 160, max_uint())
    assert market.s.holding[SECOND, WETH, WALLET] > before
    # the bonus is what he had: all that is lost is the protocol's part of it
    fee = repaid * int(market.s.reserve[0, WETH, MAX_BONUS]) // 10**5
    assert abs(gain + fee) < USD // 1_000
