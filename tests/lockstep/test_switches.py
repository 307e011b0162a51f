"""What governance may do, on twin and EVM side by side: no cap and no switch stands between an
account and what heals it, and no threshold falls overnight.
"""

from __future__ import annotations

import pytest

from sim.engines.artifacts import contracts, error_names
from sim.engines.calldata import actor_address
from sim.engines.chain import Call
from sim.protocol import hub
from sim.protocol import operations as op
from sim.protocol.errors import (
    ADD_CAP_EXCEEDED,
    INSUFFICIENT_CASH,
    INVALID_RESERVE,
    OK,
    SPOKE_HALTED,
    SPOKE_NOT_ACTIVE,
    SUPPLY_CAP_EXCEEDED,
)
from sim.protocol.fixed_point import max_uint, wad
from sim.protocol.state import (
    ANSWER,
    IS_COLLATERAL,
    LT,
    LTV,
    POSITION_DEBT,
    SUPPLIED,
    SUPPLY_CAP,
    WALLET,
)
from sim.protocol.vault_accounts import health, supplied_assets
from tests.lockstep.machine import ProtocolMachine
from tests.lockstep.support import UNLIMITED

pytestmark = pytest.mark.chain

WETH, WBTC, USDC, DAI = range(4)
USD = 10**8
DAY = 86_400
KEEPER, BORROWER, LIQUIDATOR = 0, 1, 3
ACCOUNT = 4
"""Of the borrower, in vault 0: 250 WETH, $50,000 at $200, owe $33,750 of USDC, 90% of its limit; at
$160 it is beyond it by $3,750, and below a health of 1.
"""
OTHER = 3
"""Of the borrower as well, in vault 0, and far from its limit once it repaid."""
NORMAL, INACTIVE, HALTED = range(3)


@pytest.fixture
def market() -> ProtocolMachine:
    """A deployed protocol with open positions; `do` does the same on both sides and compares."""
    return ProtocolMachine()


def post(m: ProtocolMachine, **prices: float) -> None:
    """Every feed reports now: the last answer unless another is given."""
    for i, symbol in enumerate(("WETH", "WBTC", "USDC", "DAI")):
        answer = round(prices[symbol] * USD) if symbol in prices else int(m.s.feed[0, i, ANSWER])
        assert m.do(op.post_price, KEEPER, i, 0, answer) == OK


def limited(m: ProtocolMachine, i: int, mode: int, cap: int = UNLIMITED) -> None:
    """What vault 0 may do with an asset."""
    assert m.do(op.set_spoke, KEEPER, i, 0, cap, UNLIMITED, mode) == OK


# --- top-ups --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["inactive", "halted", "add cap", "supply cap"])
def test_no_switch_and_no_cap_keeps_collateral_from_who_needs_it(
    market: ProtocolMachine, how: str
) -> None:
    """$3,000 of WETH on top; and it can be repaid."""
    m = market
    if how == "supply cap":
        assert m.configure(WETH, 0, {SUPPLY_CAP: 10**18}, 0) == OK
    else:
        mode = {"inactive": INACTIVE, "halted": HALTED, "add cap": NORMAL}[how]
        limited(m, WETH, mode, 10**18 if how == "add cap" else UNLIMITED)
        limited(m, USDC, mode)
    post(m, WETH=160)
    some = 3_000 * 10**18 // 160
    before = health(m.s, ACCOUNT).factor
    assert m.do(op.supply, BORROWER, ACCOUNT, WETH, some) == OK
    assert health(m.s, ACCOUNT).factor > before
    assert m.do(op.repay, BORROWER, ACCOUNT, USDC, m.amount(USDC, 100)) == OK


@pytest.mark.parametrize(
    ("how", "refused"),
    [
        ("inactive", SPOKE_NOT_ACTIVE),
        ("add cap", ADD_CAP_EXCEEDED),
        ("supply cap", SUPPLY_CAP_EXCEEDED),
    ],
)
def test_nobody_gets_room_to_borrow_beyond_a_cap(
    market: ProtocolMachine, how: str, refused: int
) -> None:
    """Not who has room, nor who owes nothing, nor more than it takes; nor with what backs nothing,
    and could be made to.
    """
    m = market
    if how == "supply cap":
        assert m.configure(WETH, 0, {SUPPLY_CAP: 10**18}, 0) == OK
    else:
        limited(m, WETH, INACTIVE if how == "inactive" else NORMAL, 10**18)
    assert m.do(op.supply, BORROWER, ACCOUNT, WETH, 10**18) == refused
    post(m, WETH=160)
    needed = 3_750 * 10**18 * 100 // (75 * 160)  # at a limit of 75%
    assert m.do(op.supply, BORROWER, ACCOUNT, WETH, needed + 10**10) == refused
    assert m.do(op.supply, BORROWER, ACCOUNT, WETH, needed - 10**10) == OK
    assert m.do(op.supply, LIQUIDATOR, 9, WETH, 10**18) == refused


# --- liquidations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [INACTIVE, HALTED], ids=["inactive", "halted"])
@pytest.mark.parametrize("how", ["cash", "shares", "flash"])
def test_no_switch_stops_a_liquidation(market: ProtocolMachine, mode: int, how: str) -> None:
    """For cash, for shares and without capital; only withdrawals and loans stop."""
    m = market
    for i in (WETH, USDC):
        limited(m, i, mode)
    if mode == HALTED:
        assert m.do(op.withdraw, BORROWER, ACCOUNT, WETH, 10**15) == SPOKE_HALTED
        assert m.do(op.borrow, BORROWER, ACCOUNT, USDC, 10**6) == SPOKE_HALTED
    post(m, WETH=160)
    if how == "flash":
        # The pool pays what the oracle says, or nobody would gain.
        sold = 500 * 10**18
        assert m.do(op.swap_in, BORROWER, 1, 0, sold, 0) == OK
        code = m.do(op.flash_liquidate, LIQUIDATOR, ACCOUNT, USDC, WETH, m.amount(USDC, 5_000), 0)
    else:
        shares = int(how == "shares")
        code = m.do(op.liquidate, LIQUIDATOR, ACCOUNT, USDC, WETH, max_uint(), 0, shares)
    assert code == OK


def test_a_drained_cash_is_no_shield(market: ProtocolMachine) -> None:
    """The borrower borrows the cash of his own collateral's asset, but for 20 WETH. Whoever wants
    cash gets these, without capital too; the rest is there as shares.
    """
    m = market
    assert m.do(op.supply, BORROWER, OTHER, USDC, m.amount(USDC, 3_000_000)) == OK
    left = 20 * 10**18
    assert m.do(op.borrow, BORROWER, OTHER, WETH, hub.available(m.s, WETH) - left) == OK
    post(m, WETH=160)
    assert m.do(op.swap_in, BORROWER, 1, 0, 500 * 10**18, 0) == OK
    snapshot = int(m.s.holding[LIQUIDATOR, USDC, WALLET])
    assert m.do(op.flash_liquidate, LIQUIDATOR, ACCOUNT, USDC, WETH, max_uint(), 0) == OK
    assert m.s.holding[LIQUIDATOR, USDC, WALLET] > snapshot
    assert left * 99 // 100 < m.s.result[1] <= left
    code = m.do(op.liquidate, LIQUIDATOR, ACCOUNT, USDC, WETH, max_uint(), 0, 0)
    assert code == OK and 0 < m.s.result[1] < left // 100  # the fee's part, which stayed
    assert m.do(op.liquidate, LIQUIDATOR, ACCOUNT, USDC, WETH, max_uint(), 0, 1) == OK


def test_without_any_cash_there_are_shares_only(market: ProtocolMachine) -> None:
    """No token can leave, so none pays a flash loan back: it takes capital, or the first cash."""
    m = market
    assert m.do(op.supply, BORROWER, OTHER, USDC, m.amount(USDC, 3_000_000)) == OK
    assert m.do(op.borrow, BORROWER, OTHER, WETH, hub.available(m.s, WETH)) == OK
    post(m, WETH=160)
    take = (LIQUIDATOR, ACCOUNT, USDC, WETH, max_uint(), 0)
    assert m.do(op.liquidate, *take, 0) == INSUFFICIENT_CASH
    assert m.do(op.flash_liquidate, *take) == INSUFFICIENT_CASH
    assert m.do(op.deposit, BORROWER, WETH, 10**18) == OK
    assert m.do(op.flash_liquidate, *take) == OK
    assert m.do(op.liquidate, *take, 1) == OK


def test_seized_shares_are_collateral_like_any_first_supply(market: ProtocolMachine) -> None:
    """So that what is supplied on top of them is, too."""
    m = market
    own = int(m.s.own_account[0, LIQUIDATOR])
    for i in range(4):
        if m.s.position[own, i, POSITION_DEBT]:
            assert m.do(op.repay, LIQUIDATOR, own, i, max_uint()) == OK
    if m.s.position[own, WETH, SUPPLIED]:
        assert m.do(op.withdraw, LIQUIDATOR, own, WETH, max_uint()) == OK
    assert m.s.position[own, WETH, IS_COLLATERAL] == 0
    post(m, WETH=160)
    assert m.do(op.liquidate, LIQUIDATOR, ACCOUNT, USDC, WETH, max_uint(), 0, 1) == OK
    assert m.s.position[own, WETH, IS_COLLATERAL] == 1
    assert m.do(op.supply, LIQUIDATOR, own, WETH, 10**18) == OK
    some = supplied_assets(m.s, own, WETH) * 160 * 7 // 10 // 10**12
    assert m.do(op.borrow, LIQUIDATOR, own, USDC, some) == OK


# --- thresholds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("fall", "days"), [(500, 5), (100, 1), (1, 0.01), (8_000, 80)])
def test_a_threshold_falls_by_a_percent_a_day_at_most(
    market: ProtocolMachine, fall: int, days: float
) -> None:
    """And at least over so much time; not to the second sooner."""
    lower = {LT: 8_000 - fall, LTV: min(7_500, 8_000 - fall)}
    least = round(days * DAY)
    assert market.configure(WETH, 0, lower, least - 1) == INVALID_RESERVE
    assert market.configure(WETH, 0, lower, least) == OK


def test_governance_liquidates_nobody_in_a_second(market: ProtocolMachine) -> None:
    """At $175 the health is 1.037; the fastest ramp to 75% takes it below 1 after three days."""
    post(market, WETH=175)
    lower = {LT: 7_500, LTV: 7_500}
    assert market.configure(WETH, 0, lower, 1) == INVALID_RESERVE
    assert market.configure(WETH, 0, lower, 5 * DAY) == OK
    for _ in range(2):
        market.s.clock[0] += DAY
        post(market)
        assert health(market.s, ACCOUNT).factor >= wad()
        assert market.configure(WETH, 0, lower, DAY) == INVALID_RESERVE  # nor step by step


# --- accounts that nobody finds -------------------------------------------------------------------


def test_an_account_id_has_no_bits_above_its_owner(market: ProtocolMachine) -> None:
    """On the EVM, where an id is a number: whatever creates or moves a position refuses it."""
    lockstep = market.lockstep
    owner, vault = actor_address(BORROWER), lockstep.deployment.vaults[0]
    weth, usdc = (lockstep.deployment.tokens[i] for i in (WETH, USDC))
    for dirt in (1 << 168, 0xDEAD << 200, 1 << 255):
        account = int(owner, 16) << 8 | dirt
        for name, arguments in (
            ("supply", (account, weth, 10**18)),
            ("withdraw", (account, weth, 1, owner)),
            ("borrow", (account, usdc, 1, owner)),
            ("setCollateral", (account, weth, True)),
            ("setIsolated", (account, True)),
            ("setManager", (account, owner)),
            ("liquidate", (account, usdc, weth, 1, 0, False, b"")),
        ):
            call = Call(owner, vault, contracts()["Vault"].call(name, *arguments))
            (receipt,) = lockstep.chain.block([call], int(market.s.clock[0]))
            assert not receipt.ok and receipt.output is not None
            assert error_names()[receipt.output[:4]] == "InvalidAccount", name
