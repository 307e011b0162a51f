"""Several pools of a pair on twin and EVM side by side: what a flash liquidation sells on them."""

from __future__ import annotations

import pytest
from eth_abi import decode

from sim.engines.artifacts import contracts
from sim.protocol import operations as op
from sim.protocol import split
from sim.protocol.errors import OK, PROFIT_TOO_LOW, ZERO_AMOUNT
from sim.protocol.fixed_point import max_uint
from sim.protocol.state import FEE_BPS, LP_SUPPLY, RESERVE0, RESERVE1, SOLD
from tests.lockstep.exploits import ACCOUNT, ATTACKER, LIQUIDATOR, SUPPLIER, USDC, WETH, market
from tests.lockstep.machine import ProtocolMachine
from tests.lockstep.sales import Pool
from tests.lockstep.test_attacks import later

pytestmark = pytest.mark.chain

DEAR, CHEAP = 1, 4
"""The pools of WETH and USDC: 30 bps, and 5 bps with its tokens the other way round."""
FEES = {DEAR: 30, CHEAP: 5}
SIDE = {DEAR: 0, CHEAP: 1}
"""On which WETH is."""


def ill(price: float = 165) -> ProtocolMachine:
    """An account of 300 WETH that owes 45,000 USDC, at a price at which it is liquidatable."""
    m = market()
    assert [m.s.pair_of[WETH, USDC], m.s.next_pair[DEAR], m.s.next_pair[CHEAP]] == [DEAR, CHEAP, -1]
    assert m.do(op.supply, ATTACKER, ACCOUNT, WETH, 300 * 10**18) == OK
    assert m.do(op.borrow, ATTACKER, ACCOUNT, USDC, 44_000 * 10**6) == OK
    for seconds in (60, 600, 600, 600):
        later(m, seconds, WETH=price)
        m.do(op.poke, LIQUIDATOR, WETH, 0)
    return m


def known(m: ProtocolMachine) -> list[Pool]:
    rows = [(m.s.pair[p], SIDE[p]) for p in (DEAR, CHEAP)]
    return [Pool(int(r[RESERVE0 + s]), int(r[RESERVE1 - s]), int(r[FEE_BPS])) for r, s in rows]


def parts_of(m: ProtocolMachine, weth: int) -> list[int]:
    """What the contract says of a sale; the twin says the same."""
    d = m.lockstep.deployment
    pools = [d.pairs[DEAR], d.pairs[CHEAP]]
    data = contracts()["Liquidator"].call("split", pools, d.tokens[WETH], weth)
    (answer,) = m.lockstep.chain.view([(d.liquidator, data)])
    (parts,) = decode(["uint256[]"], answer)
    split.parts(m.s, WETH, USDC, weth)
    assert [int(m.s.split[p, SOLD]) for p in (DEAR, CHEAP)] == list(parts)
    return list(parts)


def flash(m: ProtocolMachine, least: int = 0) -> int:
    return m.do(op.flash_liquidate, LIQUIDATOR, ACCOUNT, USDC, WETH, max_uint(), least)


def drain(m: ProtocolMachine, p: int) -> None:
    """Every provider leaves: what is locked for ever stays."""
    for actor in range(m.s.lp.shape[0]):
        if shares := int(m.s.lp[actor, p]):
            assert m.do(op.remove_liquidity, actor, p, shares) == OK
    assert m.s.pair[p, LP_SUPPLY] == 1_000


def test_the_pools_have_the_fees_that_are_said_here() -> None:
    m = market()
    assert {p: int(m.s.pair[p, FEE_BPS]) for p in FEES} == FEES
    assert {p: int(m.s.pair_tokens[p].tolist().index(WETH)) for p in SIDE} == SIDE


def test_one_transaction_sells_on_both() -> None:
    """Where a last unit brings the same, to what the units of WETH round."""
    m = ill()
    before = known(m)
    assert flash(m) == OK
    parts = [now.reserve_in - was.reserve_in for was, now in zip(before, known(m), strict=True)]
    assert min(parts) > 10**18
    last = [pool.last_unit(part) for pool, part in zip(before, parts, strict=True)]
    assert abs(last[0] / last[1] - 1) < 10**-12


def test_a_fee_keeps_a_pool_out_of_small_sales() -> None:
    """Of two pools of 5,000 WETH the one of 5 bps takes all until its price is down by the rest of
    the other's 30: S g R / (R + g q)^2 has fallen by (1 - .0030) / (1 - .0005).
    """
    m = market()
    (dear, cheap), g = known(m), 1 - 5e-4
    alone = int(cheap.reserve_in * ((g / (1 - 3e-3)) ** 0.5 - 1) / g)
    assert dear[:2] == cheap[:2]
    assert parts_of(m, alone * 999 // 1_000)[0] == 0
    assert parts_of(m, alone * 1_001 // 1_000)[0] > 0


@pytest.mark.parametrize("weth", [0, 1, 2, 1_000, 10**18, 5_000 * 10**18, 10**30, (1 << 112) - 1])
@pytest.mark.parametrize("state", ["as opened", "pushed", "drained"])
def test_the_contract_divides_as_the_twin_does(weth: int, state: str) -> None:
    """At every size, of pools alike, pushed apart, and one of them of a few units."""
    m = market()
    if state == "pushed":
        assert m.do(op.swap_in, ATTACKER, DEAR, 0, 2_000 * 10**18, 0) == OK
    if state == "drained":
        drain(m, CHEAP)
    assert sum(parts_of(m, weth)) == weth


def test_who_pushes_one_pool_just_before_does_not_stop_it() -> None:
    """The price on one is down by half: the other takes the sale, and the liquidation pays."""
    m = ill()
    reserve = int(m.s.pair[CHEAP, RESERVE0 + SIDE[CHEAP]])
    assert m.do(op.swap_in, ATTACKER, CHEAP, SIDE[CHEAP], reserve * 2 // 5, 0) == OK
    before = known(m)
    assert flash(m) == OK
    assert known(m)[1] == before[1] and known(m)[0] != before[0]


def test_pools_that_nobody_holds_pay_nothing_and_it_is_refused() -> None:
    """The mechanism broken: both pools are down to the units that are locked. All or nothing."""
    m = ill()
    drain(m, CHEAP)
    assert flash(m, 10**12) == PROFIT_TOO_LOW
    drain(m, DEAR)
    before = known(m)
    assert [pool.reserve_out for pool in before] == [1, 1]
    assert flash(m) == ZERO_AMOUNT
    assert known(m) == before


def test_a_pool_of_a_few_units_takes_no_part() -> None:
    """It would pay nothing for its part of the sale, which must not stop the rest."""
    m = ill()
    drain(m, CHEAP)
    before = known(m)
    assert before[1].reserve_in < 10**10
    assert flash(m) == OK
    assert known(m)[1] == before[1]


def test_many_small_sales_bring_no_more_than_one() -> None:
    """Sold at once or in a hundred parts, each divided anew: what the earlier ones pay in fees is
    in the way of the later ones, and no more; each pool takes as much.
    """
    amount, found = 1_000 * 10**18, []
    for times in (1, 100):
        m = market()
        for _ in range(times):
            split.parts(m.s, WETH, USDC, amount // times)
            for p in (DEAR, CHEAP):
                if part := int(m.s.split[p, SOLD]):
                    assert m.do(op.swap_in, SUPPLIER, p, SIDE[p], part, 0) == OK
        found.append(known(m))
    left = [sum(pool.reserve_out for pool in pools) for pools in found]
    assert 0 <= left[1] - left[0] < 10**-3 * left[0]
    for one, other in zip(*found, strict=True):
        assert abs(one.reserve_in - other.reserve_in) < 10**-2 * amount
