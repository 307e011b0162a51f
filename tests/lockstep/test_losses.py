"""Who bears a loss, and who cannot get out of it: on twin and EVM side by side.

The invariants are checked after every operation, too: claims never exceed what is there, layers sum
to the loss, nobody's shares fall by more than his part.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from sim.protocol import hub
from sim.protocol import operations as op
from sim.protocol.errors import (
    COVER_WINDOW_OPEN,
    DRAW_CAP_EXCEEDED,
    INSUFFICIENT_BALANCE,
    LOSSES_FIRST,
    NO_DEFICIT,
    OK,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import max_uint
from sim.protocol.records import copy
from sim.protocol.state import (
    BORROW_INDEX,
    COOLDOWN,
    COVERED_BY_FEES,
    COVERED_BY_FUND,
    DEFICIT,
    DEFICIT_OWED,
    DEFICIT_REPORTED,
    DEFICIT_SINCE,
    DRAWN_SCALED,
    FEE_REMAINDER,
    FEE_SHARES,
    HUB_SHARES,
    IS_COLLATERAL,
    POOL_ASSETS,
    POSITION_DEBT,
    REPORTED_DEFICIT,
    RESERVE_FACTOR,
    SCALED_DEBT,
    SOCIALISED,
    STAKE,
    TOTAL_SHARES,
    WALLET,
    State,
)
from tests.lockstep.machine import ProtocolMachine
from tests.lockstep.support import UNLIMITED
from tests.lockstep.test_attacks import IN_DEBT, KEEPER, LIQUIDATOR, later, post

pytestmark = pytest.mark.chain

WETH, WBTC, USDC, DAI = range(4)
SUPPLIER, NEWCOMER = 1, 2
WINDOW = 3_600
DUST_ACCOUNT, DUST_OWNER = 16, 5
RICH = 5
"""The supplier's account in vault 1."""


@pytest.fixture
def market() -> ProtocolMachine:
    """A deployed protocol with open positions; `do` does the same on both sides and compares."""
    return ProtocolMachine()


def crash(m: ProtocolMachine) -> None:
    """WETH at $60, believed: what vault 1 lent in DAI against it will be lost in part."""
    for seconds in (1_860, 600, 600, 600):
        later(m, seconds, WETH=60)
        for v in range(2):
            assert m.do(op.poke, KEEPER, WETH, v) == OK
    assert m.do(op.accrue, KEEPER, DAI) == OK


def lose(m: ProtocolMachine) -> int:
    """Sell the collateral of that account; what suppliers bear of the rest of its debt."""
    before = int(m.s.hub[DAI, DEFICIT] + m.s.hub[DAI, SOCIALISED])
    assert m.do(op.liquidate, LIQUIDATOR, IN_DEBT, DAI, WETH, max_uint(), 0, 0) == OK
    return int(m.s.hub[DAI, DEFICIT] + m.s.hub[DAI, SOCIALISED]) - before


def worth(s: State, actor: int) -> Fraction:
    """What a supplier's shares of DAI would be redeemed for, unrounded."""
    now = hub.preview(s, DAI)
    shares = int(s.holding[actor, DAI, HUB_SHARES])
    return Fraction(shares * (now.total_assets + 1), now.total_shares + hub.VIRTUAL_SHARES)


def at_risk(s: State) -> int:
    """What vault 1 owes of DAI and ever lost of it."""
    owed = hub.debt_of(s, DAI, int(s.spoke[1, DAI, DRAWN_SCALED]))
    return int(owed + s.spoke[1, DAI, REPORTED_DEFICIT])


# --- all at once ----------------------------------------------------------------------------------


def test_fees_fund_and_suppliers_bear_a_loss_in_the_moment_it_is_reported(
    market: ProtocolMachine,
) -> None:
    """In this order, to the wei; no supplier can redeem at the old price afterwards."""
    crash(market)
    s = market.s
    fees, fund, par = hub.fee_assets(s, DAI), int(s.pool[DAI, POOL_ASSETS]), worth(s, SUPPLIER)
    price = Fraction(hub.total_assets(s, DAI), int(s.hub[DAI, TOTAL_SHARES]))
    assert fees > 0 and fund > 0
    borne = lose(market)
    h = s.hub[DAI]
    assert borne > 0 and h[DEFICIT_REPORTED] == fees + fund + borne
    assert (h[COVERED_BY_FEES], h[COVERED_BY_FUND], h[DEFICIT]) == (fees, fund, borne)
    assert h[FEE_SHARES] == s.pool[DAI, POOL_ASSETS] == 0
    # every share lost the same, and all of them what was borne
    lost = borne / Fraction(int(h[TOTAL_SHARES]))
    shares = int(s.holding[SUPPLIER, DAI, HUB_SHARES])
    assert abs(par - worth(s, SUPPLIER) - lost * shares) < 10 and lost < price
    before = int(s.holding[SUPPLIER, DAI, WALLET])
    assert market.do(op.redeem, SUPPLIER, DAI, shares // 2) == OK
    assert s.holding[SUPPLIER, DAI, WALLET] - before <= (par - lost * shares) / 2 + 10


def test_interest_is_at_risk_beyond_a_draw_cap_and_nothing_else(market: ProtocolMachine) -> None:
    """The cap is what vault 1 has drawn; three years later it owes more, draws no more, and what it
    loses is booked.
    """
    s, cap = market.s, at_risk(market.s)
    assert market.do(op.set_spoke, KEEPER, DAI, 1, UNLIMITED, cap, 0) == OK
    later(market, 3 * 365 * 86_400)
    crash(market)
    owed = at_risk(s)
    assert owed > cap
    assert market.do(op.supply, SUPPLIER, RICH, USDC, market.amount(USDC, 10**6)) == OK
    assert market.do(op.borrow, SUPPLIER, RICH, DAI, 1) == DRAW_CAP_EXCEEDED
    assert lose(market) > 0
    assert s.spoke[1, DAI, REPORTED_DEFICIT] > 0
    assert at_risk(s) <= owed


def test_who_comes_after_a_loss_neither_bears_nor_gains_anything(market: ProtocolMachine) -> None:
    """Ten times the market, deposited after the loss and taken out before and after it is closed,
    comes back but for a unit.
    """
    crash(market)
    assert lose(market) > 0
    for seconds in (0, WINDOW):
        market.s.clock[0] += seconds
        before = int(market.s.holding[NEWCOMER, DAI, WALLET])
        for operation in (op.deposit, op.socialise, op.redeem):
            if operation is op.deposit:
                code = market.do(op.deposit, NEWCOMER, DAI, market.amount(DAI, 5_000_000))
            elif operation is op.redeem:
                shares = int(market.s.holding[NEWCOMER, DAI, HUB_SHARES])
                code = market.do(op.redeem, NEWCOMER, DAI, shares)
            else:
                code = market.do(op.socialise, KEEPER, DAI)
                assert code == (OK if seconds else COVER_WINDOW_OPEN)
                continue
            assert code == OK
        assert 0 <= before - market.s.holding[NEWCOMER, DAI, WALLET] <= 1
    assert market.do(op.socialise, KEEPER, DAI) == NO_DEFICIT


def test_the_protocols_part_of_interest_makes_good_what_suppliers_bore(
    market: ProtocolMachine,
) -> None:
    """Within the window all interest is theirs, to the unit of it that is carried over; afterwards
    a tenth is the protocol's again. Nobody's shares jump at any of it.
    """
    crash(market)
    borne = lose(market)
    s = market.s
    held, fees = hub.total_assets(s, DAI), int(s.hub[DAI, FEE_SHARES])
    carried = int(s.hub[DAI, FEE_REMAINDER])
    market.s.clock[0] += WINDOW - 1
    assert market.do(op.accrue, KEEPER, DAI) == OK
    interest = hub.total_assets(s, DAI) - held
    recovered = borne - int(s.hub[DAI, DEFICIT])
    due = interest * int(s.rates[DAI, RESERVE_FACTOR]) + carried
    assert interest > 0 and recovered == due // 10_000
    assert s.hub[DAI, FEE_SHARES] == fees
    market.s.clock[0] += 1
    before = worth(s, SUPPLIER)
    assert market.do(op.socialise, KEEPER, DAI) == OK
    assert worth(s, SUPPLIER) == before and s.hub[DAI, DEFICIT] == 0
    market.s.clock[0] += WINDOW
    assert market.do(op.accrue, KEEPER, DAI) == OK
    assert s.hub[DAI, FEE_SHARES] > fees


def test_a_second_loss_has_a_window_of_its_own(market: ProtocolMachine) -> None:
    """The clock is that of the last loss."""
    crash(market)
    assert lose(market) > 0
    market.s.clock[0] += WINDOW - 10
    small_loss(market, DAI)
    since = int(market.s.clock[0])
    assert market.s.hub[DAI, DEFICIT_SINCE] == since
    market.s.clock[0] = since + WINDOW - 1
    assert market.do(op.socialise, KEEPER, DAI) == COVER_WINDOW_OPEN
    market.s.clock[0] = since + WINDOW
    assert market.do(op.socialise, KEEPER, DAI) == OK


def small_loss(m: ProtocolMachine, d: int) -> None:
    """$1.35 of WETH owe $1, and are $.97 a moment later: below the dust line."""
    price = int(m.s.feed[0, WETH, 0])
    if m.s.position[DUST_ACCOUNT, WBTC, POSITION_DEBT]:
        assert m.do(op.repay, DUST_OWNER, DUST_ACCOUNT, WBTC, max_uint()) == OK
        assert m.do(op.withdraw, DUST_OWNER, DUST_ACCOUNT, WETH, max_uint()) == OK
    post(m)
    assert m.do(op.supply, DUST_OWNER, DUST_ACCOUNT, WETH, 135 * 10**24 // price) == OK
    assert m.do(op.borrow, DUST_OWNER, DUST_ACCOUNT, d, int(m.s.unit[d])) == OK
    post(m, WETH=price * 0.72 / 10**8)
    assert m.do(op.write_off, KEEPER, DUST_ACCOUNT) == OK


# --- a small loss stops nobody --------------------------------------------------------------------


def test_the_smallest_loss_freezes_nobody(market: ProtocolMachine) -> None:
    """A dollar of USDC, which nobody insures. Whoever holds USDC as collateral, in either vault,
    borrows and withdraws as before, before and after it is closed.
    """
    s = market.s
    shares = int(s.holding[SUPPLIER, USDC, STAKE])
    assert market.do(op.request_unstake, SUPPLIER, USDC, shares) == OK
    later(market, 2 * int(s.losses[COOLDOWN]))
    assert market.do(op.unstake, SUPPLIER, USDC) == OK
    assert market.do(op.claim_fees, KEEPER, USDC) == OK
    small_loss(market, USDC)
    assert s.hub[USDC, DEFICIT] == s.hub[USDC, DEFICIT_REPORTED] > 0
    holders = [a for a in range(len(s.account)) if s.position[a, USDC, IS_COLLATERAL]]
    assert {int(s.account_vault[a]) for a in holders} == {0, 1}
    for a in holders:
        owner = int(s.account_owner[a])
        (owed,) = [i for i in range(4) if s.position[a, i, POSITION_DEBT]]
        assert market.do(op.borrow, owner, a, owed, market.amount(owed, 10)) == OK
        assert market.do(op.withdraw, owner, a, USDC, market.amount(USDC, 1)) == OK
    later(market, WINDOW)
    assert market.do(op.socialise, KEEPER, USDC) == OK


# --- nothing is lost to rounding ------------------------------------------------------------------


@pytest.mark.parametrize("every", [12, 3_600])
def test_fees_do_not_depend_on_how_often_interest_is_booked(
    market: ProtocolMachine, every: int
) -> None:
    """$100,000 of WBTC, eight decimals, owed for three days: a tenth of the interest is the
    protocol's, and earns its own part of what follows: with x the interest of a booking and A what
    there was, f' = f (1 + .9 x / A) + .1 x.
    """
    s = copy(market.s)
    for operation, i in ((op.supply, USDC), (op.borrow, WBTC)):
        usd = 300_000 if operation is op.supply else 100_000
        assert operation(s, NEWCOMER, 6, i, market.amount(i, usd)) == OK
    op.claim_fees(s, KEEPER, WBTC)
    debt, fees, held = _debt(s), Decimal(0), Decimal(hub.total_assets(s, WBTC))
    for _ in range(3 * 86_400 // every):
        s.clock[0] += every
        op.accrue(s, KEEPER, WBTC)
        interest, debt = _debt(s) - debt, _debt(s)
        fees += fees * interest * 9 / 10 / held + Decimal(interest) / 10
        held += interest
    assert fees > 50_000
    assert abs(hub.fee_assets(s, WBTC) - fees) <= 2


def _debt(s: State) -> int:
    return hub.debt_at(int(s.hub[WBTC, SCALED_DEBT]), int(s.hub[WBTC, BORROW_INDEX]))


# --- who has the collateral pays for it -----------------------------------------------------------


def test_forfeited_collateral_pays_for_the_loss_it_backed(market: ProtocolMachine) -> None:
    """$.97 of WETH, forfeited, owed $1 of USDC. The protocol has it now, and owes what it is worth:
    before the fund pays anything, and whatever the window, until its part of interest has paid.
    """
    s = market.s
    fund, kept = int(s.pool[USDC, POOL_ASSETS]), int(s.hub[WETH, FEE_SHARES])
    small_loss(market, USDC)
    loss, owed = int(s.hub[USDC, DEFICIT_REPORTED]), int(s.hub[USDC, DEFICIT_OWED])
    assert s.hub[WETH, FEE_SHARES] > kept
    assert abs(owed + s.hub[USDC, COVERED_BY_FEES] - 972_000) <= 1
    assert s.hub[USDC, DEFICIT] == owed
    assert fund - s.pool[USDC, POOL_ASSETS] == loss - owed - s.hub[USDC, COVERED_BY_FEES]
    later(market, WINDOW)
    assert market.do(op.socialise, KEEPER, USDC) == NO_DEFICIT
    for i in (WETH, DAI):
        assert market.do(op.claim_fees, KEEPER, i) == LOSSES_FIRST
    for _ in range(60):
        later(market, 86_400)
        assert market.do(op.accrue, KEEPER, USDC) == OK
        assert s.hub[USDC, DEFICIT] == s.hub[USDC, DEFICIT_OWED]
    assert s.hub[USDC, DEFICIT] == s.hub[USDC, SOCIALISED] == s.hub[USDC, DEFICIT_SINCE] == 0
    assert s.hub[USDC, COVERED_BY_FEES] == owed + (loss - owed - s.hub[USDC, COVERED_BY_FUND])
    assert market.do(op.claim_fees, KEEPER, WETH) == OK


def test_what_was_kept_is_taken_once_the_loss_is_made_good(market: ProtocolMachine) -> None:
    """The protocol pays the $.97 of USDC, out of its fees of USDC and then in tokens, and suppliers
    have them; only then does it have what it kept, and all other fees.
    """
    s = market.s
    small_loss(market, USDC)
    assert market.do(op.make_good, KEEPER, WETH, 1) == NO_DEFICIT
    assert market.do(op.claim_fees, KEEPER, WETH) == LOSSES_FIRST
    owed = int(s.hub[USDC, DEFICIT_OWED])
    held, fees = hub.total_assets(s, USDC), int(hub.fee_assets(s, USDC))
    assert market.do(op.make_good, NEWCOMER, USDC, 0) == (OK if fees else ZERO_AMOUNT)
    assert market.do(op.make_good, NEWCOMER, USDC, 1) == OK
    assert s.hub[USDC, DEFICIT_OWED] == owed - fees - 1
    assert market.do(op.claim_fees, KEEPER, WETH) == LOSSES_FIRST
    before = int(s.holding[NEWCOMER, USDC, WALLET])
    assert market.do(op.make_good, NEWCOMER, USDC, max_uint()) == OK
    assert before - s.holding[NEWCOMER, USDC, WALLET] == owed - fees - 1
    assert hub.total_assets(s, USDC) - held == owed - fees
    assert s.hub[USDC, DEFICIT] == s.hub[USDC, DEFICIT_SINCE] == 0
    assert s.hub[USDC, DEFICIT_REPORTED] == sum(
        s.hub[USDC, column] for column in (COVERED_BY_FEES, COVERED_BY_FUND, SOCIALISED)
    )
    assert market.do(op.claim_fees, KEEPER, WETH) == OK


def test_nobody_pays_what_he_does_not_have(market: ProtocolMachine) -> None:
    """A refused payment leaves the protocol's fees, and what it owes, as they were."""
    s = market.s
    small_loss(market, USDC)
    assert market.do(op.deposit, NEWCOMER, USDC, int(s.holding[NEWCOMER, USDC, WALLET])) == OK
    owed, fees = int(s.hub[USDC, DEFICIT_OWED]), int(s.hub[USDC, FEE_SHARES])
    assert market.do(op.make_good, NEWCOMER, USDC, max_uint()) == INSUFFICIENT_BALANCE
    assert (owed, fees) == (s.hub[USDC, DEFICIT_OWED], s.hub[USDC, FEE_SHARES])
