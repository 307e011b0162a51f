"""What a liquidation to a target heals: on twin and EVM side by side, against the closed form."""

from __future__ import annotations

from fractions import Fraction

import pytest

from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import max_uint, wad
from sim.protocol.state import MAX_BONUS, MIN_BONUS, POSITION_DEBT, SUPPLIED
from sim.protocol.units import USD
from sim.protocol.vault_accounts import health
from tests.lockstep.machine import ProtocolMachine
from tests.lockstep.support import START_PRICES

pytestmark = pytest.mark.chain

WETH, WBTC, USDC, DAI = range(4)
OWNER, ACCOUNT, LIQUIDATOR = 2, 8, 4
"""In vault 1, whose engine heals to 1.05: $50,000 of WETH owe $33,750 of DAI."""
TARGET, DEEP, LT = Fraction(105, 100), Fraction(95, 100), Fraction(8, 10)
BROKEN = 1


class Market(ProtocolMachine):
    """Every price is believed at once, and nobody waits for a liquidation."""

    hold_off = 0
    delay = 0
    engines = (0, 1)


@pytest.mark.parametrize("priced", [True, False], ids=["all priced", "one without a price"])
def test_a_bonus_that_prices_do_not_bear_heals_beyond_the_target(priced: bool) -> None:
    """x = D (T - HF) / (T - (1 + b) LT) of the debt, at the bonus b of this health. What backs the
    account at a price bears it, and the health is T; without the price of one collateral nothing
    lies beyond the debt, x is taken at par, and the health is (W - LT x) / (D - x) > T. That costs
    the owner x for x, and lenders nothing.
    """
    m = Market()
    assert m.do(op.supply, OWNER, ACCOUNT, WBTC, m.amount(WBTC, 50_000)) == OK
    assert m.do(op.post_price, 0, DAI, 0, START_PRICES[DAI] * 226 // 100) == OK
    if not priced:
        for slot in range(2):
            assert m.do(op.set_feed_mode, 0, WBTC, slot, BROKEN) == OK
    h, held = health(m.s, ACCOUNT), int(m.s.position[ACCOUNT, WETH, SUPPLIED])
    least, most = (int(m.s.reserve[1, WETH, k]) for k in (MIN_BONUS, MAX_BONUS))
    factor = Fraction(int(h.factor), wad())
    assert DEEP < factor < 1 and h.usable_value == (100_000 if priced else 50_000) * USD
    bonus = Fraction(least + (most - least) * (1 - factor) // (1 - DEEP), 10_000)
    heals = h.debt_value * (TARGET - factor) / (TARGET - (1 + bonus) * LT)
    assert m.do(op.liquidate, LIQUIDATOR, ACCOUNT, DAI, WETH, max_uint(), 0, 0) == OK
    repaid, seized = int(m.s.result[0]), int(m.s.result[1])
    paid = repaid * Fraction(226, 100) * USD / 10**18
    assert float(paid) == pytest.approx(float(heals), rel=1e-9)
    now = Fraction(int(health(m.s, ACCOUNT).factor), wad())
    assert m.s.position[ACCOUNT, DAI, POSITION_DEBT] and held > seized
    at_par = (h.weighted_collateral / Fraction(10_000) - LT * paid) / (h.debt_value - paid)
    assert float(now) == pytest.approx(float(TARGET if priced else at_par), abs=1e-9)
    assert priced or now > TARGET + Fraction(1, 1_000)
    if not priced:
        assert Fraction(seized, 10**18) * 200 * USD <= paid
