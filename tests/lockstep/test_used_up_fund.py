"""A fund of which losses took nearly all: who stakes then, and what is left to whom."""

from __future__ import annotations

from fractions import Fraction

import pytest

from sim.protocol import operations as op
from sim.protocol.errors import (
    OK,
)
from sim.protocol.fixed_point import max_uint
from sim.protocol.records import copy
from sim.protocol.state import (
    COOLDOWN,
    DEFICIT,
    POOL_ASSETS,
    POOL_EPOCH,
    POOL_SHARES,
    STAKE,
    WALLET,
    State,
)
from sim.protocol.transaction import Operation
from sim.protocol.units import SHARES_OF_A_LOST_POOL
from tests.lockstep.machine import ProtocolMachine
from tests.lockstep.test_attacks import IN_DEBT, KEEPER, LIQUIDATOR, later, post
from tests.lockstep.test_losses import NEWCOMER, SUPPLIER, crash, lose, small_loss

pytestmark = pytest.mark.chain

WETH, WBTC, USDC, DAI = range(4)


@pytest.fixture
def market() -> ProtocolMachine:
    """A deployed protocol with open positions; `do` does the same on both sides and compares."""
    return ProtocolMachine()


@pytest.mark.parametrize("left", [1, 10**3, 10**12])
def test_a_pool_of_which_dust_is_left_takes_large_stakes(
    market: ProtocolMachine, left: int
) -> None:
    """Who stakes into it gets a pool of his own; what was left of the old one is nobody's gain."""
    crash(market)
    dry = copy(market.s)
    op.liquidate(dry, LIQUIDATOR, IN_DEBT, DAI, WETH, max_uint(), 0, 0)
    more = int(dry.hub[DAI, DEFICIT]) + left
    assert market.do(op.stake, LIQUIDATOR, DAI, more) == OK
    assert lose(market) == 0
    s = market.s
    assert s.pool[DAI, POOL_ASSETS] == left
    assert s.pool[DAI, POOL_EPOCH] == 1 and s.holding[LIQUIDATOR, DAI, STAKE] == 0
    large = market.amount(DAI, 1_000_000)
    assert market.do(op.stake, NEWCOMER, DAI, large) == OK
    shares, before = int(s.holding[NEWCOMER, DAI, STAKE]), int(s.holding[NEWCOMER, DAI, WALLET])
    assert market.do(op.request_unstake, NEWCOMER, DAI, shares) == OK
    later(market, 2 * int(s.losses[COOLDOWN]))
    assert market.do(op.unstake, NEWCOMER, DAI) == OK
    assert 0 <= large - (s.holding[NEWCOMER, DAI, WALLET] - before) <= 1


def _alone(m: ProtocolMachine, i: int) -> None:
    """Nobody insures asset i any more, and its fees are claimed."""
    assert m.do(op.request_unstake, SUPPLIER, i, int(m.s.holding[SUPPLIER, i, STAKE])) == OK
    later(m, 2 * int(m.s.losses[COOLDOWN]))
    assert m.do(op.unstake, SUPPLIER, i) == OK
    m.do(op.claim_fees, KEEPER, i)
    assert m.s.pool[i, POOL_ASSETS] == m.s.pool[i, POOL_SHARES] == 0


def _part(m: ProtocolMachine, i: int) -> int:
    """What a small loss takes of the fund."""
    dry = copy(m.s)
    assert op.stake(dry, LIQUIDATOR, i, int(m.s.unit[i])) == OK
    before = int(dry.pool[i, POOL_ASSETS])
    post(_Dry(dry), WETH=200)
    small_loss(_Dry(dry), i)
    return before - int(dry.pool[i, POOL_ASSETS])


def _leaves(m: ProtocolMachine, i: int, staker: int, left: int) -> None:
    """He stakes so much that a small loss leaves so many units of all."""
    post(m, WETH=200)
    more = _part(m, i) + left - int(m.s.pool[i, POOL_ASSETS])
    assert m.do(op.stake, staker, i, more) == OK
    small_loss(m, i)
    assert m.s.pool[i, POOL_ASSETS] == left


class _Dry(ProtocolMachine):
    """The twin alone."""

    def __init__(self, s: State) -> None:
        self.s = s

    def do(self, operation: Operation[...], actor: int, *arguments: int) -> int:
        """On this side only."""
        return operation(self.s, actor, *arguments)


def _of_stake(s: State, i: int, actor: int) -> Fraction:
    price = Fraction(int(s.pool[i, POOL_ASSETS]) + 1, int(s.pool[i, POOL_SHARES]) + 10**6)
    return int(s.holding[actor, i, STAKE]) * price


def test_a_pool_on_the_brink_costs_later_stakers_no_more_than_their_part(
    market: ProtocolMachine,
) -> None:
    """Somebody steers an empty pool to just above a millionth of what its shares cost. The next
    dollar of loss takes a dollar of the million that another stakes into it.
    """
    m, s = market, market.s
    _alone(m, DAI)
    _leaves(m, DAI, LIQUIDATOR, _part(m, DAI) // (10**6 - 1) + 1)
    assert s.pool[DAI, POOL_EPOCH] == 0
    million = market.amount(DAI, 1_000_000)
    assert m.do(op.stake, NEWCOMER, DAI, million) == OK
    epoch, before = int(s.pool[DAI, POOL_EPOCH]), _of_stake(s, DAI, NEWCOMER)
    assert 0 <= million - before < 10**9
    post(m, WETH=200)
    pool = int(s.pool[DAI, POOL_ASSETS])
    small_loss(m, DAI)
    paid = pool - int(s.pool[DAI, POOL_ASSETS])
    assert 0 < paid < 10**18 and s.pool[DAI, POOL_EPOCH] == epoch
    assert 0 <= before - _of_stake(s, DAI, NEWCOMER) <= paid


def test_losses_of_nearly_all_never_take_what_is_left(market: ProtocolMachine) -> None:
    """Four times 99% and a stake of another between: each time a hundredth stays its stakers'."""
    m, s = market, market.s
    _alone(m, DAI)
    for k in range(4):
        left = _part(m, DAI) // 99
        _leaves(m, DAI, NEWCOMER + k % 2, left)
        assert s.pool[DAI, POOL_EPOCH] == 0
        assert left - sum(_of_stake(s, DAI, actor) for actor in range(6)) < 10**9
    before = [_of_stake(s, DAI, k) for k in (NEWCOMER, NEWCOMER + 1)]
    assert s.pool[DAI, POOL_SHARES] > s.pool[DAI, POOL_ASSETS] * SHARES_OF_A_LOST_POOL
    assert m.do(op.stake, SUPPLIER, DAI, 100 * 10**18) == OK  # less than a million times as much
    assert all(abs(_of_stake(s, DAI, NEWCOMER + k) - was) < 2 for k, was in enumerate(before))
    assert s.pool[DAI, POOL_EPOCH] == 0


@pytest.mark.parametrize("i", [USDC, DAI])
@pytest.mark.parametrize("left", [0, 1, 10])
def test_dust_of_ruined_stakes_gives_way_to_a_large_one(
    market: ProtocolMachine, i: int, left: int
) -> None:
    """Two losses leave a unit for more than 1e12 shares; a stake of more than a million times what
    is left begins anew, one of a million times joins.
    """
    m, s = market, market.s
    _alone(m, i)
    unit = int(s.unit[i])
    least = _part(m, i) // (10**6 - 1) + 1 + left
    for kept in (2 * least, least):
        _leaves(m, i, LIQUIDATOR, kept)
        asked = m.do(op.request_unstake, LIQUIDATOR, i, int(s.holding[LIQUIDATOR, i, STAKE]) // 2)
        assert asked == OK
    dust, epoch = int(s.pool[i, POOL_ASSETS]), int(s.pool[i, POOL_EPOCH])
    assert epoch == 0 and s.pool[i, POOL_SHARES] > dust * SHARES_OF_A_LOST_POOL
    other = copy(s)
    assert op.stake(other, NEWCOMER, i, dust * 10**6) == OK
    assert other.pool[i, POOL_EPOCH] == 0 and other.holding[LIQUIDATOR, i, STAKE] > 0
    large = 10**6 * unit
    for amount in (0, int(s.holding[NEWCOMER, i, WALLET]) + 1):  # refused, nothing has changed
        stake = int(s.holding[LIQUIDATOR, i, STAKE])
        assert m.do(op.stake, NEWCOMER, i, amount) != OK
        assert s.holding[LIQUIDATOR, i, STAKE] == stake and s.pool[i, POOL_EPOCH] == 0
    assert m.do(op.stake, NEWCOMER, i, large) == OK
    assert s.pool[i, POOL_EPOCH] == 1 and s.holding[LIQUIDATOR, i, STAKE] == 0
    assert 0 <= large - _of_stake(s, i, NEWCOMER) < 2
    assert m.do(op.unstake, LIQUIDATOR, i) == OK
    assert s.result[0] == 0
    assert m.do(op.stake, LIQUIDATOR, i, unit) == OK
