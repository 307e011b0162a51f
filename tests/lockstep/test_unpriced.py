"""What nobody can price, and what nobody gains by it: on twin and EVM side by side. The market is
that of `test_prices`: heartbeats of an hour, a hold-off of half an hour.
"""

from __future__ import annotations

import pytest

from sim.protocol import operations as op
from sim.protocol import oracle, vault
from sim.protocol.errors import (
    ACCOUNT_HEALTHY,
    COLLATERAL_REMAINS,
    OK,
    PRICE_NOT_USABLE,
)
from sim.protocol.fixed_point import max_uint, wad
from sim.protocol.state import (
    ANSWER,
    CANDIDATE,
    DEFICIT_OWED,
    DEFICIT_REPORTED,
    DOWN_FOR,
    DUST_VALUE,
    SUPPLIED,
    WALLET,
)
from sim.protocol.vault_accounts import has_debt, health
from tests.lockstep import exploits
from tests.lockstep.exploits import wealth
from tests.lockstep.machine import ProtocolMachine
from tests.lockstep.test_attacks import later, post
from tests.lockstep.test_prices import (
    ACCOUNT,
    BORROWER,
    BROKEN,
    DAI,
    DAY,
    GAP,
    KEEPER,
    LIQUIDATOR,
    USD,
    USDC,
    WBTC,
    WETH,
    accepted,
    breaks,
    owes_dai,
    poke,
    sell,
)

pytestmark = pytest.mark.chain

HOUR = oracle.DOWN_GAP
ATTACKER = exploits.ATTACKER


@pytest.fixture
def market() -> ProtocolMachine:
    """A deployed protocol with open positions, whose prices are accepted."""
    return accepted()


def report(m: ProtocolMachine, *assets: int) -> None:
    """These feeds alone report again what they said last."""
    for i in assets:
        assert m.do(op.post_price, KEEPER, i, 0, int(m.s.feed[0, i, ANSWER])) == OK


def watched(m: ProtocolMachine, i: int, hours: int) -> None:
    """Somebody looks at the feed of an asset every hour; all others go on."""
    for _ in range(hours):
        m.s.clock[0] += HOUR
        report(m, *(other for other in range(4) if other != i))
        poke(m, i)


def worth(m: ProtocolMachine) -> float:
    """What the collateral of the account counts at, USD."""
    return float(health(m.s, ACCOUNT).collateral_value) / USD


# --- collateral -----------------------------------------------------------------------------------


@pytest.mark.parametrize("forgotten", ["by the admin", "in three days"])
def test_collateral_below_the_lower_bound_counts_for_a_day(
    market: ProtocolMachine, forgotten: str
) -> None:
    """WETH at $.19 and, by its other feed, $.20, which is the bound: at the last price accepted
    until it was seen like that for a day; then for nothing. It is not sold without a price, and
    not taken either until the admin says that the last price is none any more, or another two days
    have passed: nobody shows a price by then, and its owner had three days to repay.
    """
    post(market, WETH=0.19)
    assert market.do(op.post_price, KEEPER, WETH, 1, USD // 5) == OK
    poke(market)
    watched(market, WETH, 23)
    market.s.clock[0] += HOUR - 1
    poke(market)
    assert market.do(op.flag, LIQUIDATOR, ACCOUNT) == ACCOUNT_HEALTHY
    assert worth(market) == pytest.approx(50_000, rel=1e-5)
    market.s.clock[0] += 1
    post(market)
    poke(market)
    assert worth(market) == 0
    assert market.do(op.flag, LIQUIDATOR, ACCOUNT) == OK
    assert sell(market) == PRICE_NOT_USABLE
    assert market.do(op.write_off, LIQUIDATOR, ACCOUNT) == COLLATERAL_REMAINS
    if forgotten == "by the admin":
        assert market.do(op.forget_anchor, KEEPER, WETH, 0) == OK
    else:
        watched(market, WETH, 47)
        market.s.clock[0] += HOUR - 1
        report(market, WBTC, USDC, DAI)
        poke(market)
        assert market.do(op.write_off, LIQUIDATOR, ACCOUNT) == COLLATERAL_REMAINS
        market.s.clock[0] += 1
        poke(market)
    assert market.do(op.write_off, LIQUIDATOR, ACCOUNT) == OK
    assert market.s.hub[USDC, DEFICIT_REPORTED] > 33_750 * 10**6
    assert market.s.position[ACCOUNT, WETH, SUPPLIED] == 0


def test_an_outage_takes_nobodys_collateral(market: ProtocolMachine) -> None:
    """$1,050,000 of WETH back $33,750, and its feed is down for two days. They count for nothing,
    but are not written off; once the feed is back all is as it was.
    """
    assert market.do(op.supply, BORROWER, ACCOUNT, WETH, market.amount(WETH, 1_000_000)) == OK
    before = wealth(market, BORROWER)
    breaks(market, WETH)
    poke(market)
    watched(market, WETH, 48)
    h = health(market.s, ACCOUNT)
    assert (h.collateral_value, h.factor) == (0, 0)
    assert h.forfeit_value / USD == pytest.approx(1_050_000, rel=1e-3)
    assert market.do(op.write_off, ATTACKER, ACCOUNT) == COLLATERAL_REMAINS
    breaks(market, WETH, 0)
    post(market)
    assert health(market.s, ACCOUNT).factor > 20 * wad()
    assert float(before - wealth(market, BORROWER)) == pytest.approx(0, abs=100), "interest"


@pytest.mark.parametrize("usd", [1.6, 101, 20_000, 60_000])
def test_what_nobody_can_price_keeps_no_loss_off_the_books_for_longer_than_three_days(
    market: ProtocolMachine, usd: float
) -> None:
    """WETH falls to $10 and is sold; WBTC, whose feed died a day ago, counts for nothing. Dust of
    it is written off with the rest of the debt in that call; more may come back within three days,
    and is not taken before. After that it is, whatever it was worth, and nothing is owed for it.
    """
    assert market.do(op.supply, BORROWER, ACCOUNT, WBTC, market.amount(WBTC, usd)) == OK
    breaks(market, WBTC)
    poke(market, WBTC)
    watched(market, WBTC, 24)
    for _ in range(4):
        market.s.clock[0] += GAP
        post(market, WETH=10)
        poke(market)
        poke(market, WBTC)
    before = market.s.hub[USDC].copy()
    code = market.do(op.liquidate, LIQUIDATOR, ACCOUNT, USDC, WETH, max_uint(), 0, 0)
    assert code == OK
    assert has_debt(market.s, ACCOUNT) == (usd * USD > market.s.policy[0, DUST_VALUE])
    if has_debt(market.s, ACCOUNT):
        watched(market, WBTC, 47)
        assert market.do(op.write_off, ATTACKER, ACCOUNT) == COLLATERAL_REMAINS
        watched(market, WBTC, 1)
        assert market.do(op.write_off, ATTACKER, ACCOUNT) == OK
    after = market.s.hub[USDC] - before
    assert after[DEFICIT_REPORTED] > 30_000 * 10**6
    assert after[DEFICIT_OWED] < 2 * 10**6


def test_an_outage_that_is_over_does_not_shorten_the_next(market: ProtocolMachine) -> None:
    """Down for three days, up for an hour, down again: of what was before, a day less that hour is
    remembered. It counts for another hour, and whether it would pay is asked for two days more.
    """
    breaks(market, WETH)
    poke(market)
    watched(market, WETH, 73)
    assert health(market.s, ACCOUNT).forfeit_value == 0
    breaks(market, WETH, 0)
    later(market, HOUR)
    poke(market)
    breaks(market, WETH)
    market.s.clock[0] += 12
    report(market, WBTC, USDC, DAI)
    poke(market)
    assert worth(market) > 0
    for hours, counts, asked in ((1, True, True), (1, False, True), (46, False, True)):
        watched(market, WETH, hours)
        assert (worth(market) > 0, health(market.s, ACCOUNT).forfeit_value > 0) == (counts, asked)
    watched(market, WETH, 2)
    assert health(market.s, ACCOUNT).forfeit_value == 0


def test_a_feed_that_is_down_for_two_moments_is_not_lost(market: ProtocolMachine) -> None:
    """For a block, and for one a day later: in between nobody looked, or keepers did every two
    hours and met answers that were old, or an hour less a second passed and somebody saw one.
    """
    for unseen in ("nobody", "old answers", "one sight"):
        breaks(market, WETH)
        poke(market)
        breaks(market, WETH, 0)
        for _ in range(12):
            market.s.clock[0] += 2 * HOUR
            if unseen == "old answers":
                poke(market)
            if unseen != "one sight":
                post(market)
        if unseen == "one sight":
            post(market)
            poke(market)
        breaks(market, WETH)
        assert worth(market) == pytest.approx(50_000, rel=1e-4)
        poke(market)
        assert worth(market) == pytest.approx(50_000, rel=1e-4)
        assert market.do(op.write_off, ATTACKER, ACCOUNT) == ACCOUNT_HEALTHY
        assert market.s.oracle[0, WETH, DOWN_FOR] == 0
        breaks(market, WETH, 0)


def test_collateral_that_is_kept_known_by_a_moment_a_day_is_lost(market: ProtocolMachine) -> None:
    """WETH at $.19, which is no price; once in 23 hours somebody shows $.21, and $.19 again, all in
    one transaction. What was counted until then is not forgotten.
    """
    assert market.do(op.set_feed_mode, KEEPER, WETH, 1, BROKEN) == OK
    post(market, WETH=0.19)
    poke(market)
    for hours, expected in ((23, 50_000), (1, 0)):
        watched(market, WETH, hours)
        assert worth(market) == pytest.approx(expected, rel=1e-4)
        for price in (0.21, 0.19):
            post(market, WETH=price)
            poke(market)
    assert market.do(op.flag, LIQUIDATOR, ACCOUNT) == OK


def test_good_sightings_take_off_as_much_as_they_lasted(market: ProtocolMachine) -> None:
    """Twelve hours down, two and then three in which it answered: seven are left. A while that
    nobody watched, an hour and a second, counts as none of it; down for 17 more it is lost.
    """
    breaks(market, WETH)
    poke(market)
    watched(market, WETH, 12)
    breaks(market, WETH, 0)
    for hours in (2, 3):
        later(market, hours * HOUR)
        poke(market)
    assert market.s.oracle[0, WETH, DOWN_FOR] == 7 * HOUR
    breaks(market, WETH)
    poke(market)
    market.s.clock[0] += HOUR + 1
    post(market)
    poke(market)
    assert market.s.oracle[0, WETH, DOWN_FOR] == 6 * HOUR - 1
    watched(market, WETH, 18)
    assert worth(market) > 0
    market.s.clock[0] += 1
    poke(market)
    assert worth(market) == 0
    market.s.clock[0] += HOUR
    assert worth(market) == 0
    market.s.clock[0] += 1
    assert worth(market) > 0, "nobody has looked for too long"


def test_collateral_that_cannot_be_sold_pays_no_bonus() -> None:
    """WETH is worth nothing and its feed down; $15,750 of WBTC are all there is for $28,000 of
    debt. WETH counts at $20,000, as accepted, but at once there is no bonus out of that.
    """
    m = exploits.market()
    account, fallen = exploits.ACCOUNT, {"WETH": 0.19, "WBTC": 6_000}
    assert m.do(op.set_feed_mode, KEEPER, WETH, 1, BROKEN) == OK
    assert m.do(op.supply, ATTACKER, account, WETH, m.amount(WETH, 20_000)) == OK
    assert m.do(op.supply, ATTACKER, account, WBTC, m.amount(WBTC, 21_000)) == OK
    assert m.do(op.borrow, ATTACKER, account, DAI, m.amount(DAI, 28_000)) == OK
    later(m, 60, **fallen)
    h = health(m.s, account)
    assert h.usable_value / USD == pytest.approx(15_750, rel=1e-4)
    assert h.collateral_value / USD == pytest.approx(35_750, rel=1e-4)
    assert vault.is_liquidatable(m.s, account)
    both = (ATTACKER, exploits.LIQUIDATOR)
    before = wealth(m, *both, **fallen)
    liquidates = (op.liquidate, exploits.LIQUIDATOR, account, DAI, WBTC, max_uint(), 0, 0)
    assert m.do(*liquidates) == OK
    assert float(wealth(m, *both, **fallen) - before) < 1


def test_a_price_that_comes_and_goes_at_the_bound_is_no_shield(market: ProtocolMachine) -> None:
    """$.19, which is no price, and $.21 in turn: after an hour, whenever it has one, it is sold."""
    assert market.do(op.set_feed_mode, KEEPER, WETH, 1, BROKEN) == OK
    for k in range(7):
        post(market, WETH=0.19 if k % 2 == 1 else 0.21)
        poke(market)
        code = market.do(op.liquidate, LIQUIDATOR, ACCOUNT, USDC, WETH, max_uint(), 0, 0)
        assert (code == OK) == (k == 6)
        later(market, GAP)


def test_collateral_whose_feed_is_silent_counts_for_a_day_more(market: ProtocolMachine) -> None:
    """Heartbeats of an hour: old after one, of no use after three, and of no worth a day later,
    without anybody having seen it. What else backs the account is sold then.
    """
    assert market.do(op.supply, BORROWER, ACCOUNT, WBTC, market.amount(WBTC, 20_000)) == OK
    silent = int(market.s.feed[0, WETH, 1])
    for until, worth in ((3 * 3_600 + DAY - 1, 50_000), (3 * 3_600 + DAY, 0)):
        market.s.clock[0] = silent + until
        for i in (WBTC, USDC):
            assert market.do(op.post_price, KEEPER, i, 0, int(market.s.feed[0, i, 0])) == OK
        found = health(market.s, ACCOUNT).collateral_value / USD
        assert found == pytest.approx(worth + 20_000, rel=1e-5), "and a day of interest"
        assert (sell(market, c=WBTC) == OK) == (worth == 0)


# --- debts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [1.5, 10.0])
def test_the_last_answer_of_a_dead_feed_prices_no_debt(
    market: ProtocolMachine, wrong: float
) -> None:
    """DAI dies with a wrong answer, which was never accepted. A healthy account that owes it stays
    healthy, and who falls repays it at $1.
    """
    assert market.do(op.repay, BORROWER, ACCOUNT, USDC, max_uint()) == OK
    assert market.do(op.borrow, BORROWER, ACCOUNT, DAI, market.amount(DAI, 30_000)) == OK
    post(market, DAI=wrong)
    for hours in range(30):
        assert oracle.read(market.s, 0, DAI).debt_price == USD
        code = market.do(op.liquidate, LIQUIDATOR, ACCOUNT, DAI, WETH, max_uint(), 0, 0)
        assert code == ACCOUNT_HEALTHY, hours
        market.s.clock[0] += HOUR
        report(market, WETH, WBTC, USDC)
        poke(market, DAI)
    for price in (141, 141, 141, 141, 141):
        market.s.clock[0] += GAP
        assert market.do(op.post_price, KEEPER, WETH, 0, price * USD) == OK
        poke(market)
    before = market.s.holding[LIQUIDATOR, :, WALLET].copy()
    assert sell(market, usd=1_000, d=DAI) == OK
    moved = market.s.holding[LIQUIDATOR, :, WALLET] - before
    assert moved[DAI] == -1_000 * wad()
    assert 1_000 <= moved[WETH] * 141 / wad() <= 1_050


def test_a_debt_that_is_revived_for_a_moment_a_day_is_decided(market: ProtocolMachine) -> None:
    """Its feed is broken and answers once in 23 hours, in a transaction: the hours are a day in the
    end, and the debt is repaid at the last price accepted.
    """
    owes_dai(market)
    breaks(market, DAI)
    poke(market, DAI)
    for hours, expected in ((23, PRICE_NOT_USABLE), (1, OK)):
        watched(market, DAI, hours)
        assert sell(market, d=DAI) == expected
        breaks(market, DAI, 0)
        post(market)
        poke(market, DAI)
        breaks(market, DAI)
        poke(market, DAI)


@pytest.mark.parametrize("how", ["broken", "silent"])
def test_a_debt_that_nobody_can_price_is_decided_after_a_day(
    market: ProtocolMachine, how: str
) -> None:
    """DAI breaks, or is silent, and is owed by someone whose health is .83. It counts at the last
    price accepted all along; for a day it is not repaid for collateral, and then at that price and
    all that there is beyond the debt, 3.7%, less the fee.
    """
    fall = {"WETH": 141.0}
    assert market.do(op.borrow, BORROWER, ACCOUNT, DAI, market.amount(DAI, 3_700)) == OK
    assert market.do(op.repay, BORROWER, ACCOUNT, USDC, max_uint()) == OK
    assert market.do(op.borrow, BORROWER, ACCOUNT, DAI, market.amount(DAI, 30_300)) == OK
    waits = 0
    if how == "broken":
        breaks(market, DAI)
        poke(market, DAI)
    else:
        waits = 3 * 3_600
    begun = int(market.s.clock[0])
    for seconds, expected in ((0, PRICE_NOT_USABLE), (DAY - 1, PRICE_NOT_USABLE), (DAY, OK)):
        while how == "broken" and market.s.clock[0] + HOUR < begun + seconds:
            market.s.clock[0] += HOUR
            poke(market, DAI)
        market.s.clock[0] = begun + waits + seconds
        poke(market, DAI)
        for i in (WETH, WBTC, USDC):
            price = fall.get(("WETH", "WBTC", "USDC")[i], market.s.feed[0, i, 0] / USD)
            assert market.do(op.post_price, KEEPER, i, 0, round(price * USD)) == OK
        h = health(market.s, ACCOUNT)
        assert 34_000 <= h.debt_value / USD < 34_100 and h.factor < wad()
        before = market.s.holding[LIQUIDATOR, WETH, WALLET]
        assert sell(market, usd=1_000, d=DAI) == expected
        got = (market.s.holding[LIQUIDATOR, WETH, WALLET] - before) * 141 / 10**18
        assert got == pytest.approx(1_033 if expected == OK else 0, rel=1e-3)
    assert market.s.oracle[0, DAI, CANDIDATE] == 0


def test_a_debt_that_never_had_a_price_has_none_to_decide(market: ProtocolMachine) -> None:
    """Nothing was accepted and nothing is answered: nobody knows what to give for it."""
    owes_dai(market)
    breaks(market, DAI)
    assert market.do(op.forget_anchor, KEEPER, DAI, 0) == OK
    poke(market, DAI)
    later(market, 2 * DAY)
    assert sell(market, d=DAI) == PRICE_NOT_USABLE
    assert sell(market, d=USDC) == OK
