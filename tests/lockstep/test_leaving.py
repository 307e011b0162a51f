"""Nobody chooses the moment at which his stake stops bearing losses: on twin and EVM side by side.

After every operation the pools are held against a model of their own, too (`stakers`).
"""

from __future__ import annotations

import pytest

from sim.protocol import operations as op
from sim.protocol.errors import (
    COOLING_DOWN,
    INSUFFICIENT_SHARES,
    OK,
    REQUEST_PENDING,
    ZERO_AMOUNT,
)
from sim.protocol.insurance import VIRTUAL_SHARES
from sim.protocol.state import (
    COOLDOWN,
    COVERED_BY_FUND,
    LEAVES_AT,
    PENDING_STAKE,
    POOL_ASSETS,
    POOL_EPOCH,
    POOL_SHARES,
    STAKE,
    UNCOLLECTED,
    WALLET,
)
from sim.tape.wealth import invested
from tests.lockstep.machine import ProtocolMachine
from tests.lockstep.test_losses import crash, lose

pytestmark = pytest.mark.chain

DAI = 3
INSURER, FIRST, SECOND, THIRD = 1, 0, 2, 4
"""Who is in from the beginning with $10,000 of DAI, less than will be lost; and those who come."""
MILLION = 10**6 * 10**18
SHARES = MILLION * VIRTUAL_SHARES
CRASH = 1_860 + 3 * 600
"""Seconds that `crash` takes."""


@pytest.fixture
def market() -> ProtocolMachine:
    """A deployed protocol with open positions, early in a period."""
    m = ProtocolMachine()
    cooldown = int(m.s.losses[COOLDOWN])
    m.s.clock[0] = (int(m.s.clock[0]) // cooldown + 1) * cooldown + 60
    return m


def asked(m: ProtocolMachine, *actors: int) -> int:
    """They stake a million each and ask for all of it: when they leave."""
    for k in actors:
        assert m.do(op.stake, k, DAI, MILLION) == OK
        assert m.do(op.request_unstake, k, DAI, int(m.s.holding[k, DAI, STAKE])) == OK
    (instant,) = {int(m.s.holding[k, DAI, LEAVES_AT]) for k in actors}
    cooldown = int(m.s.losses[COOLDOWN])
    assert cooldown < instant - int(m.s.clock[0]) <= 2 * cooldown and instant % cooldown == 0
    return instant


def collected(m: ProtocolMachine, actor: int) -> int:
    """What he gets."""
    before = int(m.s.holding[actor, DAI, WALLET])
    assert m.do(op.unstake, actor, DAI) == OK
    assert m.do(op.unstake, actor, DAI) == ZERO_AMOUNT  # once
    return int(m.s.holding[actor, DAI, WALLET]) - before


def borne(m: ProtocolMachine) -> int:
    """Report the loss: what of it the fund pays."""
    before = int(m.s.hub[DAI, COVERED_BY_FUND])
    lose(m)
    return int(m.s.hub[DAI, COVERED_BY_FUND]) - before


def test_a_loss_reported_before_the_instant_is_borne_in_full(market: ProtocolMachine) -> None:
    """The loss is there and about to be reported, the instant is a second away: the door is shut,
    and who has asked to leave pays like who stays.
    """
    s, instant = market.s, asked(market, FIRST)
    assert market.do(op.stake, SECOND, DAI, MILLION) == OK
    s.clock[0] = instant - 1 - CRASH
    crash(market)
    assert s.clock[0] == instant - 1
    assert market.do(op.unstake, FIRST, DAI) == COOLING_DOWN
    shares, pool = int(s.pool[DAI, POOL_SHARES]), int(s.pool[DAI, POOL_ASSETS])
    loss = borne(market)
    assert loss > MILLION // 100
    assert market.do(op.unstake, FIRST, DAI) == COOLING_DOWN
    s.clock[0] += 1
    got = collected(market, FIRST)
    assert abs(got - (pool - loss) * SHARES // shares) <= 1 and got < MILLION


@pytest.mark.parametrize("seconds", [0, 1, 300 * 86_400])
@pytest.mark.parametrize("collects", [True, False])
def test_a_loss_reported_after_the_instant_is_not_borne(
    market: ProtocolMachine, seconds: int, collects: bool
) -> None:
    """Whether or not the stake was collected and anybody called anything: both get the same. The
    loss takes the pool and whoever stayed; what left before is there for who collects later.
    """
    s, instant = market.s, asked(market, FIRST, SECOND)
    s.clock[0] = instant + seconds - CRASH
    crash(market)
    assert s.clock[0] == instant + seconds
    stayed = market.look().insures[DAI]
    assert abs(stayed - 10_000 * 10**18) <= 2
    got = collected(market, FIRST) if collects else 0
    assert borne(market) == stayed
    assert s.pool[DAI, POOL_ASSETS] == 0 and s.pool[DAI, POOL_EPOCH] == 1
    got = got or collected(market, FIRST)
    assert market.do(op.request_unstake, INSURER, DAI, 1) == INSUFFICIENT_SHARES
    s.clock[0] += 5 * 86_400
    assert market.do(op.stake, THIRD, DAI, MILLION) == OK
    assert collected(market, SECOND) == got
    assert 0 <= MILLION - got <= 1
    assert s.pool[DAI, UNCOLLECTED] <= 1  # of rounding


def test_a_pool_that_is_lost_takes_who_waits_and_nobody_of_the_next(
    market: ProtocolMachine,
) -> None:
    """Batches of a lost pool are not paid and burn nothing of the pool after it, though somebody of
    that one leaves at the same instant.
    """
    s = market.s
    asked_for = int(s.holding[INSURER, DAI, STAKE])
    assert market.do(op.request_unstake, INSURER, DAI, asked_for) == OK
    crash(market)
    assert borne(market) > 0 and s.pool[DAI, POOL_EPOCH] == 1
    instant = asked(market, FIRST)
    assert s.holding[INSURER, DAI, LEAVES_AT] == instant
    assert market.do(op.stake, SECOND, DAI, MILLION) == OK
    assert market.do(op.stake, INSURER, DAI, MILLION) == OK
    assert market.do(op.request_unstake, INSURER, DAI, 1) == REQUEST_PENDING
    s.clock[0] = instant
    assert 0 <= MILLION - collected(market, FIRST) <= 1
    assert abs(s.pool[DAI, POOL_ASSETS] - 2 * MILLION) <= 1
    assert s.pool[DAI, POOL_SHARES] == s.holding[[INSURER, SECOND], DAI, STAKE].sum()
    assert s.holding[INSURER, DAI, PENDING_STAKE] == asked_for
    assert collected(market, INSURER) == 0
    assert market.do(op.request_unstake, INSURER, DAI, SHARES) == OK


def test_a_lost_request_is_cleared_before_its_instant(market: ProtocolMachine) -> None:
    assert market.do(op.request_unstake, INSURER, DAI, 10**20) == OK
    crash(market)
    assert borne(market) > 0 and market.s.pool[DAI, POOL_EPOCH] == 1
    assert collected(market, INSURER) == 0


@pytest.mark.parametrize("lost", ["before", "between", "after"])
def test_two_instants_are_settled_at_once(market: ProtocolMachine, lost: str) -> None:
    """Nobody touches the pool for days, but for a loss; each leaves at what it was worth then."""
    s, cooldown = market.s, int(market.s.losses[COOLDOWN])
    one = asked(market, FIRST)
    s.clock[0] += cooldown
    two = asked(market, SECOND)
    assert two == one + cooldown
    when = {"before": one, "between": two, "after": two + cooldown}[lost]
    s.clock[0] = when - 1 - CRASH
    crash(market)
    loss = borne(market)
    s.clock[0] = two + 9 * cooldown
    assert market.do(op.stake, THIRD, DAI, MILLION) == OK
    got = {k: collected(market, k) for k in (FIRST, SECOND)}
    pool = 10_000 * 10**18
    expected = {
        "before": dict.fromkeys(got, MILLION - loss * MILLION // (2 * MILLION + pool)),
        "between": {FIRST: MILLION, SECOND: MILLION - loss * MILLION // (MILLION + pool)},
        "after": dict.fromkeys(got, MILLION),
    }[lost]
    assert loss == pool or lost != "after"
    assert all(abs(got[k] - expected[k]) <= 2 for k in got)


def test_one_request_at_a_time_that_cannot_be_taken_back(market: ProtocolMachine) -> None:
    """More of it in the same period leaves with it, bounded by what stays; nothing in the next, nor
    until it is collected.
    """
    s = market.s
    assert market.do(op.stake, FIRST, DAI, MILLION) == OK
    for part in (2, 4):
        assert market.do(op.request_unstake, FIRST, DAI, SHARES // part) == OK
    assert market.do(op.request_unstake, FIRST, DAI, SHARES // 2) == INSUFFICIENT_SHARES
    assert market.do(op.request_unstake, FIRST, DAI, 0) == ZERO_AMOUNT
    instant = int(s.holding[FIRST, DAI, LEAVES_AT])
    for _ in range(4):
        s.clock[0] += int(s.losses[COOLDOWN])
        assert market.do(op.request_unstake, FIRST, DAI, 1) == REQUEST_PENDING
        assert s.holding[FIRST, DAI, LEAVES_AT] == instant
    assert abs(collected(market, FIRST) - MILLION * 3 // 4) <= 1
    assert market.do(op.request_unstake, FIRST, DAI, SHARES // 4) == OK


def test_wealth_counts_what_leaves_once(market: ProtocolMachine) -> None:
    """Waiting, left and not settled, settled and not collected; and nothing of what was lost."""
    s = market.s
    for instant in (asked(market, FIRST, SECOND), asked(market, THIRD)):
        assert 0 <= MILLION - invested(s, FIRST)[DAI] <= 2
        s.clock[0] = instant
        assert 0 <= MILLION - invested(s, FIRST)[DAI] <= 2
    assert market.do(op.stake, FIRST, DAI, MILLION) == OK
    assert 0 <= 2 * MILLION - invested(s, FIRST)[DAI] <= 2
    assert abs(collected(market, FIRST) - MILLION) <= 1
    assert 0 <= MILLION - invested(s, FIRST)[DAI] <= 2


def test_wealth_counts_nothing_that_was_lost(market: ProtocolMachine) -> None:
    s = market.s
    assert market.do(op.stake, FIRST, DAI, 10**18) == OK
    assert market.do(op.request_unstake, FIRST, DAI, 10**18 * VIRTUAL_SHARES // 2) == OK
    assert 0 <= 10**18 - invested(s, FIRST)[DAI] <= 2
    crash(market)
    assert borne(market) > 0 and s.pool[DAI, POOL_EPOCH] == 1
    assert invested(s, FIRST)[DAI] == 0 < s.holding[FIRST, DAI, PENDING_STAKE]


def test_shares_worth_nothing_leave_for_nothing(market: ProtocolMachine) -> None:
    """Less than a unit: the request does not stand in the way for ever."""
    s = market.s
    assert market.do(op.request_unstake, INSURER, DAI, 1) == OK
    s.clock[0] = int(s.holding[INSURER, DAI, LEAVES_AT])
    assert collected(market, INSURER) == 0
    assert market.do(op.request_unstake, INSURER, DAI, 1) == OK
