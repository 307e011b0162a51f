"""Flags, on twin and EVM side by side: each belongs to one fall, and nobody takes it away for a
block or for dust. The invariants are checked after every operation, too.
"""

from __future__ import annotations

import pytest

from sim.protocol import operations as op
from sim.protocol.errors import (
    ACCOUNT_HEALTHY,
    ALREADY_FLAGGED,
    DELAY_NOT_PASSED,
    NOT_FLAGGED,
    OK,
    UNHEALTHY,
)
from sim.protocol.fixed_point import max_uint, wad
from sim.protocol.state import ANSWER, FLAGGED_AT, IS_COLLATERAL, MAX_BONUS, MIN_BONUS
from sim.protocol.transaction import Operation
from sim.protocol.vault_accounts import health
from sim.protocol.vault_flags import is_flagged
from tests.lockstep.machine import ProtocolMachine

pytestmark = pytest.mark.chain

WETH, WBTC, USDC, DAI = range(4)
USD = 10**8
HOUR = 3_600
KEEPER, BORROWER, LIQUIDATOR = 0, 2, 3
ACCOUNT = 8
"""Of the borrower, in vault 1, which has a delay of ten minutes: $50,000 of WETH at $200 owe
$33,750 of DAI. At a threshold of 80% its health is 1 at $168.75, and .9, where the delay ends, at
$151.875.
"""
DELAY = 600


class WithAuctions(ProtocolMachine):
    """Vault 1 auctions, over an hour."""

    engines = (0, 2)


@pytest.fixture
def market() -> ProtocolMachine:
    """A deployed protocol with open positions; `do` does the same on both sides and compares."""
    return ProtocolMachine()


def post(m: ProtocolMachine, **prices: float) -> None:
    """Every feed reports now: the last answer unless another is given."""
    for i, symbol in enumerate(("WETH", "WBTC", "USDC", "DAI")):
        answer = int(prices[symbol] * USD) if symbol in prices else int(m.s.feed[0, i, ANSWER])
        assert m.do(op.post_price, KEEPER, i, 0, answer) == OK


def later(m: ProtocolMachine, seconds: int, **prices: float) -> None:
    """Time passes; then every feed reports."""
    m.s.clock[0] += seconds
    post(m, **prices)


def liquidate(m: ProtocolMachine, usd: int = 5_000) -> int:
    """What becomes of an attempt."""
    return m.do(op.liquidate, LIQUIDATOR, ACCOUNT, DAI, WETH, m.amount(DAI, usd), 0, 0)


def flagged_at(m: ProtocolMachine, price: float) -> None:
    """WETH falls to a price; somebody flags the account."""
    post(m, WETH=price)
    assert m.do(op.flag, LIQUIDATOR, ACCOUNT) == OK


# --- it lapses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [1, 30])
def test_a_dip_of_another_day_takes_nothing_from_the_delay_of_today(days: int) -> None:
    """Flagged in a dip; nobody looks again. In the next one the delay begins anew, and so does the
    auction: after ten minutes of sixty, a sixth of the way from the least bonus to the largest.
    """
    m = WithAuctions()
    flagged_at(m, 165)
    later(m, days * 24 * HOUR, WETH=200)
    later(m, 60, WETH=160)
    assert liquidate(m) == DELAY_NOT_PASSED
    assert m.do(op.unflag, KEEPER, ACCOUNT) == NOT_FLAGGED
    assert m.do(op.flag, LIQUIDATOR, ACCOUNT) == OK
    later(m, DELAY - 1)
    assert liquidate(m) == DELAY_NOT_PASSED
    later(m, 1)
    assert liquidate(m) == OK
    least, most = m.s.reserve[1, WETH, MIN_BONUS], m.s.reserve[1, WETH, MAX_BONUS]
    bonus = least + (most - least) * DELAY // HOUR
    seized_value = int(m.s.result[1]) * 160 / 1e18
    gain = seized_value / (int(m.s.result[0]) / 1e18) - 1
    assert gain == pytest.approx(bonus / 1e4 * 0.9, rel=1e-6)  # the fee is a tenth of the bonus


def test_a_flag_is_good_for_six_hours_after_its_delay(market: ProtocolMachine) -> None:
    """To the second; then it takes another."""
    flagged_at(market, 160)
    later(market, DELAY + 6 * HOUR - 1)
    assert liquidate(market, 1) == OK
    later(market, 1)
    assert liquidate(market, 1) == DELAY_NOT_PASSED
    assert market.do(op.flag, KEEPER, ACCOUNT) == OK


# --- it ends by a recovery that was seen ----------------------------------------------------------


def test_a_flag_ends_once_a_recovery_was_seen_for_half_an_hour(market: ProtocolMachine) -> None:
    """Every ten minutes: the fourth sighting ends it, and the next fall has its own delay."""
    flagged_at(market, 160)
    later(market, 60, WETH=171)  # a health of 1.0133
    for seen in range(4):
        assert is_flagged(market.s, ACCOUNT), seen
        assert market.do(op.unflag, KEEPER, ACCOUNT) == OK
        later(market, 600)
    assert not is_flagged(market.s, ACCOUNT)
    post(market, WETH=160)
    assert liquidate(market) == DELAY_NOT_PASSED


def test_a_recovery_by_less_than_the_margin_is_none(market: ProtocolMachine) -> None:
    """$170.43 is a health of 1.00996, $170.45 of 1.01007."""
    flagged_at(market, 160)
    post(market, WETH=170.43)
    assert market.do(op.unflag, KEEPER, ACCOUNT) == UNHEALTHY
    assert market.do(op.flag, KEEPER, ACCOUNT) == ALREADY_FLAGGED
    post(market, WETH=170.45)
    assert market.do(op.flag, KEEPER, ACCOUNT) == ACCOUNT_HEALTHY
    assert market.do(op.unflag, KEEPER, ACCOUNT) == OK


def test_what_nobody_saw_of_a_recovery_does_not_count(market: ProtocolMachine) -> None:
    """Two pumps of a block, half an hour apart, and sightings with a gap of a second too much."""
    flagged_at(market, 160)
    for _ in range(2):
        post(market, WETH=200)
        assert market.do(op.unflag, BORROWER, ACCOUNT) == OK
        later(market, 1_800, WETH=160)
    for _ in range(4):
        post(market, WETH=200)
        assert market.do(op.unflag, BORROWER, ACCOUNT) == OK
        later(market, 601, WETH=160)
    assert liquidate(market) == OK


@pytest.mark.parametrize("price", [160, 170])
def test_a_relapse_that_somebody_saw_ends_the_row(market: ProtocolMachine, price: float) -> None:
    """Pumps every ten minutes; one sighting between them is enough, also within the margin."""
    flagged_at(market, 160)
    for k in range(4):
        post(market, WETH=200)
        assert market.do(op.unflag, BORROWER, ACCOUNT) == OK
        later(market, 300, WETH=price)
        if k == 2:
            assert market.do(op.flag, LIQUIDATOR, ACCOUNT) == OK
        later(market, 300)
    post(market, WETH=160)
    assert liquidate(market) == OK


PUMPED: list[tuple[Operation[...], tuple[int, ...]]] = [
    (op.unflag, ()),
    (op.supply, (WETH, 10**9)),
    (op.repay, (DAI, 10**12)),
    (op.borrow, (DAI, 1)),
    (op.withdraw, (WETH, 1)),
]


@pytest.mark.parametrize(
    ("operation", "arguments"), PUMPED, ids=[one.declared.name for one, _ in PUMPED]
)
def test_a_pump_of_one_block_does_not_reset_a_flag(
    market: ProtocolMachine, operation: Operation[...], arguments: tuple[int, ...]
) -> None:
    """Within what the router believes at once, every ten minutes of a day: of the attempts that the
    flag allows, none is refused.
    """
    flagged_at(market, 160)
    later(market, DELAY)
    for _ in range(36):
        post(market, WETH=200)
        assert market.do(operation, BORROWER, ACCOUNT, *arguments) == OK
        post(market, WETH=160)
        assert liquidate(market, 1) == OK
        later(market, 600)


def test_closing_and_opening_again_in_a_block_does_not_reset_a_flag(
    market: ProtocolMachine,
) -> None:
    """All is repaid and borrowed again while the price is up."""
    flagged_at(market, 160)
    later(market, DELAY, WETH=200)
    owed = 33_750 * 10**18
    assert market.do(op.repay, BORROWER, ACCOUNT, DAI, max_uint()) == OK
    assert market.do(op.borrow, BORROWER, ACCOUNT, DAI, owed) == OK
    post(market, WETH=160)
    assert liquidate(market) == OK


def test_a_recovery_that_the_owner_pays_for_is_seen_like_any_other(
    market: ProtocolMachine,
) -> None:
    """$10,000 more at $160 make 1.19: his own operations are sightings."""
    flagged_at(market, 160)
    assert market.do(op.supply, BORROWER, ACCOUNT, WETH, market.amount(WETH, 10_000)) == OK
    for _ in range(3):
        assert market.s.account[ACCOUNT, FLAGGED_AT] != 0
        later(market, 600)
        assert market.do(op.repay, BORROWER, ACCOUNT, DAI, 10**12) == OK
    assert market.s.account[ACCOUNT, FLAGGED_AT] == 0
    for _ in range(4):
        later(market, 600, WETH=135)
        assert market.do(op.poke, KEEPER, WETH, 1) == OK
    assert wad() * 9 // 10 < health(market.s, ACCOUNT).factor < wad()
    assert liquidate(market) == DELAY_NOT_PASSED


# --- dust buys no delay ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "asset", "usd"),
    [(op.supply, WETH, 50), (op.repay, DAI, 40)],
    ids=["supply", "repay"],
)
def test_who_needed_no_delay_does_not_get_one_for_dust(
    market: ProtocolMachine, operation: Operation[...], asset: int, usd: int
) -> None:
    """At $151.80 the health is .8996, below .9: nobody has to flag it. Lifted above .9, it still
    is to be liquidated, until it is healthy for a while.
    """
    post(market, WETH=151.8)
    assert health(market.s, ACCOUNT).factor < wad() * 9 // 10
    assert market.do(operation, BORROWER, ACCOUNT, asset, market.amount(asset, usd)) == OK
    assert health(market.s, ACCOUNT).factor >= wad() * 9 // 10
    assert liquidate(market, 1) == OK
    later(market, 60, WETH=160)
    assert liquidate(market, 1) == OK


def test_a_liquidation_of_dust_does_not_buy_a_delay_either(market: ProtocolMachine) -> None:
    """By a second address: target health would be restored by more, but $200 are asked for."""
    post(market, WETH=151.85)
    assert liquidate(market, 200) == OK
    assert wad() * 9 // 10 <= health(market.s, ACCOUNT).factor < wad()
    assert liquidate(market, 200) == OK


def test_a_switch_does_not_buy_a_delay(market: ProtocolMachine) -> None:
    """$200 that backed nothing back the debt from now on: a little less ill, and still due."""
    assert market.do(op.supply, BORROWER, ACCOUNT, USDC, market.amount(USDC, 200)) == OK
    assert market.do(op.set_collateral, BORROWER, ACCOUNT, USDC, 0) == OK
    post(market, WETH=151.8)
    assert health(market.s, ACCOUNT).factor < wad() * 9 // 10
    assert market.do(op.set_collateral, BORROWER, ACCOUNT, USDC, 1) == OK
    assert wad() * 9 // 10 <= health(market.s, ACCOUNT).factor < wad()
    assert liquidate(market, 1) == OK


def test_what_is_seized_as_shares_does_not_buy_a_delay(market: ProtocolMachine) -> None:
    """The owner liquidates somebody else, and takes shares: they back the debt of his own."""
    post(market, WETH=151.8, USDC=0.75)
    other, repaid = 2, market.amount(DAI, 300)
    assert market.do(op.liquidate, BORROWER, other, DAI, USDC, repaid, 0, 1) == OK
    assert market.s.position[ACCOUNT, USDC, IS_COLLATERAL] == 1
    assert wad() * 9 // 10 <= health(market.s, ACCOUNT).factor < wad()
    assert liquidate(market, 1) == OK


def test_who_heals_an_urgent_account_has_his_delay(market: ProtocolMachine) -> None:
    """Topped up from .8996 to more than 1 it is not flagged: the next fall is one of its own."""
    post(market, WETH=151.8)
    assert market.do(op.supply, BORROWER, ACCOUNT, WETH, market.amount(WETH, 10_000)) == OK
    assert health(market.s, ACCOUNT).factor >= wad() and not is_flagged(market.s, ACCOUNT)
    later(market, 60, WETH=140)
    assert wad() * 9 // 10 < health(market.s, ACCOUNT).factor < wad()
    assert liquidate(market) == DELAY_NOT_PASSED


def test_who_was_to_wait_for_the_delay_waits_on(market: ProtocolMachine) -> None:
    """A top-up of an account that had a delay before waives nothing."""
    flagged_at(market, 160)
    assert market.do(op.supply, BORROWER, ACCOUNT, WETH, market.amount(WETH, 50)) == OK
    assert liquidate(market) == DELAY_NOT_PASSED
