"""Efficiency modes on twin and EVM side by side: how far they let anyone go, that nobody's health
falls by what governance does to them at once, and what would be found.
"""

from __future__ import annotations

import random

import pytest

from sim.engines.failures import LockstepError
from sim.protocol import operations as op
from sim.protocol import vault as liquidating
from sim.protocol.errors import BORROW_LIMIT_EXCEEDED, INVALID_CATEGORY, NOT_IN_CATEGORY, OK
from sim.protocol.fixed_point import max_uint, wad
from sim.protocol.state import (
    ANSWER,
    CATEGORY,
    CATEGORY_LT,
    CATEGORY_LT_FROM,
    MAX_BONUS,
    State,
)
from sim.protocol.vault_accounts import health
from sim.protocol.vault_parameters import set_category_config, word_of
from sim.protocol.vault_reserves import threshold, weigh
from tests.lockstep.machine import ProtocolMachine
from tests.lockstep.support import genesis

WETH, WBTC, USDC, DAI = range(4)
USD, BPS, DAY = 10**8, 10**4, 86_400
KEEPER, OWNER, ACCOUNT = 0, 4, 13
"""In vault 0, emptied."""
STABLES = 1 << USDC | 1 << DAI


class Categorised(ProtocolMachine):
    """USDC and DAI are a category: 90%, 93% and 2%. Prices are believed at once."""

    hold_off = 0
    delay = 0
    categorised = True


@pytest.fixture
def market() -> ProtocolMachine:
    """A deployed protocol with open positions; `do` does the same on both sides and compares."""
    m = Categorised()
    assert m.do(op.repay, OWNER, ACCOUNT, WBTC, max_uint()) == OK
    assert m.do(op.withdraw, OWNER, ACCOUNT, WBTC, max_uint()) == OK
    return m


def lever(m: ProtocolMachine) -> int:
    """$100,000 of USDC, in the category, and as much DAI as that allows; token units of it."""
    assert m.do(op.supply, OWNER, ACCOUNT, USDC, 100_000 * 10**6) == OK
    assert m.do(op.set_category, OWNER, ACCOUNT, 1) == OK
    h = health(m.s, ACCOUNT)
    owed = h.weighted_limit // BPS * 10**10
    assert m.do(op.borrow, OWNER, ACCOUNT, DAI, owed) == OK
    return owed


@pytest.mark.chain
def test_a_loop_goes_as_far_as_the_category_and_no_further(market: ProtocolMachine) -> None:
    """Borrowing to the limit and buying more, n times, multiplies what one has by
    1 + l + ... + l^n, at most 1 / (1 - l) = 10: at 80% by itself it would be 5.
    """
    m, held, owed = market, 10_000, 0
    assert m.do(op.set_category, OWNER, ACCOUNT, 1) == OK
    assert m.do(op.supply, OWNER, ACCOUNT, USDC, held * 10**6) == OK
    for _ in range(20):
        h = health(m.s, ACCOUNT)
        room = (h.weighted_limit - min(h.debt_value * BPS, h.weighted_limit)) // BPS // USD
        if room < 1_000:
            break
        assert m.do(op.borrow, OWNER, ACCOUNT, DAI, room * 10**18) == OK
        assert m.do(op.supply, OWNER, ACCOUNT, USDC, room * 10**6) == OK  # bought at par
        held, owed = held + room, owed + room
    assert held - owed == 10_000
    assert 7 * 10_000 < held < 10 * 10_000
    assert m.do(op.borrow, OWNER, ACCOUNT, DAI, 2_000 * 10**18) == BORROW_LIMIT_EXCEEDED
    assert m.do(op.set_category, OWNER, ACCOUNT, 0) == BORROW_LIMIT_EXCEEDED
    assert m.do(op.borrow, OWNER, ACCOUNT, WETH, 1) == NOT_IN_CATEGORY


@pytest.mark.chain
def test_a_liquidation_pays_the_bonus_of_the_category(market: ProtocolMachine) -> None:
    """DAI at $1.05: of $94,500 owed the close factor lets what heals and half of the rest be
    repaid, for 2% more and not for the 4.5% of USDC.
    """
    m = market
    assert lever(m) == 90_000 * 10**18
    for i, price in enumerate((200, 8_000, 1.0, 1.05)):
        assert m.do(op.post_price, KEEPER, i, 0, round(price * USD)) == OK
    h = health(m.s, ACCOUNT)
    assert h.factor < wad()
    assert m.do(op.liquidate, KEEPER, ACCOUNT, DAI, USDC, 5_000 * 10**18, 0, 0) == OK
    repaid, out = int(m.s.result[0]), int(m.s.result[1])
    value = repaid * 105 // 100 // 10**12
    assert out == pytest.approx(value * 1.02, abs=3)


@pytest.mark.chain
@pytest.mark.parametrize("name", ["max_bonus", "last_threshold"])
def test_a_twin_that_forgets_the_category_is_found(
    market: ProtocolMachine, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that takes the bonus, or the threshold, of the reserve cannot keep up."""
    lever(market)
    for i, price in enumerate((200, 8_000, 1.0, 1.05)):
        market.do(op.post_price, KEEPER, i, 0, round(price * USD))
    forgetful = {
        "max_bonus": lambda s, a, i: s.reserve[s.account_vault[a], i, MAX_BONUS],
        "last_threshold": lambda s, a, i, value: threshold(s, s.account_vault[a], i),
    }
    monkeypatch.setattr(liquidating, name, forgetful[name])
    with pytest.raises((LockstepError, AssertionError)):
        market.do(op.liquidate, KEEPER, ACCOUNT, DAI, USDC, max_uint(), 0, 0)


@pytest.mark.chain
def test_a_threshold_that_fell_at_once_would_be_found(market: ProtocolMachine) -> None:
    """Whoever got past the check of ramps: 31 sees it at the next operation of governance."""
    lever(market)
    market.s.category[0, 1, [CATEGORY_LT, CATEGORY_LT_FROM]] = 9_100
    with pytest.raises((LockstepError, AssertionError)):
        market.do(op.poke, KEEPER, WETH, 0)


@pytest.mark.chain
def test_lowered_in_a_ramp_it_liquidates_nobody_in_a_day(market: ProtocolMachine) -> None:
    """10% off takes ten days; half way it is 5%."""
    m = market
    lever(m)
    terms = [8_000, 8_500, 200, STABLES, STABLES]
    assert m.do(op.set_category_config, KEEPER, 0, word_of([*terms, 8 * DAY - 1]), 1)
    assert m.do(op.set_category_config, KEEPER, 0, word_of([*terms, 8 * DAY]), 1) == OK
    before = health(m.s, ACCOUNT)
    assert before.weighted_collateral == before.collateral_value * 9_300
    m.s.clock[0] += 4 * DAY
    h = health(m.s, ACCOUNT)
    assert h.weighted_collateral == h.collateral_value * 8_900
    for i in range(4):
        m.do(op.post_price, KEEPER, i, 0, int(m.s.feed[0, i, ANSWER]))
    m.s.clock[0] += 4 * DAY
    assert weigh(m.s, ACCOUNT, USDC, 10**8)[0] == 8_500 * 10**8


def _randomly(s: State, rng: random.Random) -> int:
    lt = rng.randrange(8_000, 9_500)
    bits = rng.randrange(1, 16), rng.randrange(1, 16)
    ramp = rng.randrange(30 * DAY)
    word = word_of([rng.randrange(lt + 1), lt, rng.randrange(300), *bits, ramp])
    return set_category_config(s, rng.randrange(2), rng.randrange(4), word)


def test_no_configuration_takes_weight_away_at_once() -> None:
    """Of 3,000 after one another, most refused: what anything counts for, in any
    category, falls with time only.
    """
    s, rng = genesis(categories=3), random.Random(1)
    verdicts = []
    for _ in range(3_000):
        before = _weights(s)
        verdicts.append(_randomly(s, rng))
        last = _weights(s)
        assert all(now >= was for now, was in zip(last, before, strict=True))
        s.clock[0] += rng.randrange(5 * DAY)
        assert all(now <= was for now, was in zip(_weights(s), last, strict=True))
    assert verdicts.count(OK) > 100 and verdicts.count(INVALID_CATEGORY) > 100


def _weights(s: State) -> list[int]:
    """What $1 counts for, of every asset, in every category of the first vault."""
    found = []
    for k in range(4):
        s.account[0, CATEGORY] = k
        found += [int(weigh(s, 0, i, USD)[0]) for i in range(4)]
    return found
