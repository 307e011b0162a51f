"""How much a liquidation takes, on twin and EVM side by side: asking for more never brings less,
asking in parts never brings more, and nobody gains by liquidating himself.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from sim.protocol import hub
from sim.protocol import operations as op
from sim.protocol.errors import ACCOUNT_HEALTHY, MUST_NOT_LEAVE_DUST, OK
from sim.protocol.fixed_point import max_uint, wad
from sim.protocol.records import copy
from sim.protocol.state import (
    ANSWER,
    HUB_SHARES,
    LIQUIDATION_FEE,
    LT,
    LTV,
    MAX_BONUS,
    MIN_BONUS,
    POLICY,
    WALLET,
)
from sim.protocol.vault_accounts import debt_assets, health, supplied_assets
from tests.lockstep.machine import ProtocolMachine

pytestmark = pytest.mark.chain

WETH, WBTC, USDC, DAI = range(4)
USD = 10**8
KEEPER, BORROWER, LIQUIDATOR = 0, 1, 3
ACCOUNT = 4
"""Of the borrower, in vault 0: $50,000 of WETH at $200, 250 of them, owe $33,750 of USDC."""


class Credulous(ProtocolMachine):
    """Every price is believed at once."""

    hold_off = 0


@pytest.fixture
def market() -> ProtocolMachine:
    """A deployed protocol with open positions; `do` does the same on both sides and compares."""
    return Credulous()


def post(m: ProtocolMachine, **prices: float) -> None:
    """Every feed reports now: the last answer unless another is given."""
    for i, symbol in enumerate(("WETH", "WBTC", "USDC", "DAI")):
        answer = round(prices[symbol] * USD) if symbol in prices else int(m.s.feed[0, i, ANSWER])
        assert m.do(op.post_price, KEEPER, i, 0, answer) == OK


def fall(m: ProtocolMachine, price: float) -> None:
    """WETH is worth `price`."""
    post(m, WETH=price)


def liquidate(m: ProtocolMachine, amount: int | None = None, actor: int = LIQUIDATOR) -> int:
    """What becomes of an attempt; all that is allowed if no amount is asked for."""
    asked = max_uint() if amount is None else amount
    return m.do(op.liquidate, actor, ACCOUNT, USDC, WETH, asked, 0, 0)


# --- parts ----------------------------------------------------------------------------------------


def machine_of(engine: int, **policy: int) -> ProtocolMachine:
    """A deployed protocol with one engine."""

    class Machine(Credulous):
        delay = 0
        engines = (engine, engine)

    Machine.policy = {POLICY.index(column): value for column, value in policy.items()}
    return Machine()


@pytest.mark.parametrize("engine", [0, 1, 2], ids=["close-factor", "target-health", "dutch"])
@pytest.mark.parametrize("factor", [0.94, 0.955, 0.97, 0.985, 0.999])
@pytest.mark.parametrize(("lt", "bonus"), [(9_300, 400), (9_000, 400), (8_500, 500)])
def test_liquidating_again_brings_no_more_than_liquidating_once(
    engine: int, factor: float, lt: int, bonus: int
) -> None:
    """The most that is allowed either takes all of the pair or heals the account. Where repaying
    lowers health, (1 + bonus) x threshold above it, that is all of it.
    """
    m = machine_of(engine, full_close_health=max(95 * 10**16, lt * (10_000 + bonus) * 10**10))
    terms = {LTV: lt - 100, LT: lt, MAX_BONUS: bonus, MIN_BONUS: bonus, LIQUIDATION_FEE: 0}
    if m.configure(WETH, 0, terms, 0) != OK:
        assert engine == 1  # which refuses it: (1 + bonus) x threshold is above .95
        return
    fall(m, factor * 33_750 * 10_000 / (lt * 250))
    assert liquidate(m) == OK
    if debt_assets(m.s, ACCOUNT, USDC) and supplied_assets(m.s, ACCOUNT, WETH):
        assert health(m.s, ACCOUNT).factor >= wad()
        assert liquidate(m) == ACCOUNT_HEALTHY


@pytest.mark.parametrize("engine", [0, 1], ids=["close-factor", "target-health"])
@pytest.mark.parametrize("factor", [0.955, 0.97, 0.985, 0.999])
@pytest.mark.parametrize(("lt", "bonus"), [(9_000, 400), (8_500, 500), (8_000, 500)])
@pytest.mark.parametrize("debt", [33_750, 4_000])
def test_nibbling_first_brings_no_more_than_taking_all_at_once(
    engine: int, factor: float, lt: int, bonus: int, debt: int
) -> None:
    """Parts of what would heal, up to almost all of it, and then the most that is allowed: to a
    unit for every call and a share of one, as much as the most that is allowed at once.
    """
    m = machine_of(engine)
    terms = {LTV: lt - 100, LT: lt, MAX_BONUS: bonus, MIN_BONUS: bonus, LIQUIDATION_FEE: 0}
    assert m.configure(WETH, 0, terms, 0) == OK
    if debt < 33_750:
        assert m.do(op.repay, BORROWER, ACCOUNT, USDC, m.amount(USDC, 33_750 - debt)) == OK
        spare = supplied_assets(m.s, ACCOUNT, WETH) * (33_750 - debt) // 33_750
        assert m.do(op.withdraw, BORROWER, ACCOUNT, WETH, spare) == OK
    held = Fraction(int(supplied_assets(m.s, ACCOUNT, WETH)), 10**18)
    fall(m, float(Fraction(factor) * debt * 10_000 / (lt * held)))
    whole = copy(m.s)
    op.liquidate(whole, LIQUIDATOR, ACCOUNT, USDC, WETH, max_uint(), 0, 0)
    owed = debt_assets(m.s, ACCOUNT, USDC)
    at_once = owed - debt_assets(whole, ACCOUNT, USDC)
    heals = owed * (1 - factor) / (1 - lt * (10_000 + bonus) / 10**8)
    for part in (0.3, 0.6, 0.09, 0.009):
        assert liquidate(m, int(heals * part)) in (OK, MUST_NOT_LEAVE_DUST)
    assert liquidate(m) == OK
    taken = owed - debt_assets(m.s, ACCOUNT, USDC)
    assert abs(taken - at_once) <= 20


@pytest.mark.parametrize("seconds", [1, 7_777, 123_457, 31_536_000])
@pytest.mark.parametrize("factor", [0.9999, 0.9871, 0.96543, 0.951])
def test_a_target_of_one_leaves_nobody_below_it(seconds: int, factor: float) -> None:
    """Whatever shares and index have become, and not more than a millionth above."""
    m = machine_of(1, target_health=wad())
    m.s.clock[0] += seconds
    post(m)
    post(m, WETH=200 * factor * wad() / health(m.s, ACCOUNT).factor)
    assert health(m.s, ACCOUNT).factor < wad()
    assert liquidate(m) == OK
    assert wad() <= health(m.s, ACCOUNT).factor < wad() + wad() // 10**6


# --- the largest that works -----------------------------------------------------------------------


def test_asking_for_too_much_is_asking_for_what_works(market: ProtocolMachine) -> None:
    """28 WETH owe $2,900 of USDC and $1,100 of DAI. At $175 half of the debt, $2,000, would leave
    $900 of USDC: $1,900 are taken, which leaves $1,000.
    """
    assert market.do(op.repay, BORROWER, ACCOUNT, USDC, max_uint()) == OK
    rest = supplied_assets(market.s, ACCOUNT, WETH) - 28 * 10**18
    assert market.do(op.withdraw, BORROWER, ACCOUNT, WETH, rest) == OK
    assert market.do(op.borrow, BORROWER, ACCOUNT, USDC, market.amount(USDC, 2_900)) == OK
    assert market.do(op.borrow, BORROWER, ACCOUNT, DAI, market.amount(DAI, 1_100)) == OK
    post(market, WETH=175)
    assert liquidate(market) == OK
    assert market.s.result[0] == market.amount(USDC, 1_900)


def test_where_nothing_works_it_is_refused(market: ProtocolMachine) -> None:
    """$1,000.00 of USDC and $6,000 of DAI: of the first nothing can be left but all of it."""
    assert market.do(op.repay, BORROWER, ACCOUNT, USDC, max_uint()) == OK
    rest = supplied_assets(market.s, ACCOUNT, WETH) - 50 * 10**18
    assert market.do(op.withdraw, BORROWER, ACCOUNT, WETH, rest) == OK
    assert market.do(op.borrow, BORROWER, ACCOUNT, USDC, market.amount(USDC, 1_000)) == OK
    assert market.do(op.borrow, BORROWER, ACCOUNT, DAI, market.amount(DAI, 6_000)) == OK
    post(market, WETH=172)
    assert liquidate(market, market.amount(USDC, 500)) == MUST_NOT_LEAVE_DUST
    assert liquidate(market) == OK
    assert debt_assets(market.s, ACCOUNT, USDC) == 0


# --- oneself --------------------------------------------------------------------------------------


def _wealth(m: ProtocolMachine, actors: tuple[int, ...]) -> float:
    """USD of wallets, shares and accounts at the posted prices; a debt beyond it is walked away
    from.
    """
    s, total = m.s, 0.0
    price = [float(s.feed[0, i, ANSWER]) / float(s.unit[i]) / USD for i in range(4)]
    for k in actors:
        for i in range(4):
            shares = hub.to_assets_down(s, i, int(s.holding[k, i, HUB_SHARES]))
            total += float(s.holding[k, i, WALLET] + shares) * price[i]
        for a in range(len(s.account)):
            if s.account_owner[a] == k:
                net = (supplied_assets(s, a, i) - debt_assets(s, a, i) for i in range(4))
                total += max(sum(float(x) * p for x, p in zip(net, price, strict=True)), 0.0)
    return total


@pytest.mark.parametrize("price", [165, 150])
@pytest.mark.parametrize("asked", [max_uint(), 5_000 * 10**6], ids=["all", "parts"])
def test_liquidating_oneself_gains_nothing(
    market: ProtocolMachine, price: float, asked: int
) -> None:
    """Through a second address, while the account has the bonus to spare: he pays it himself."""
    fall(market, price)
    before = _wealth(market, (BORROWER, LIQUIDATOR))
    for _ in range(8):
        liquidate(market, asked)
    assert _wealth(market, (BORROWER, LIQUIDATOR)) <= before + 0.01
