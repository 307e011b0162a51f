"""An attack in closed form, and what stops one.

On a constant-product pool with y of what is paid, spending C raises the price by the factor
(1 + C / y)^2 and buys C / (1 + C / y) worth of the asset at the old price. Borrowing against it at
the new price with limit L brings L C (1 + C / y), so

    profit = C (L (1 + C / y) - 1)

which is q (L sqrt(1 + e) - 1) with q = y (sqrt(1 + e) - 1), the cost of an inflation by e.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.engines.exact import run
from sim.measures.attack import AttackOutcome, attack_outcome
from sim.protocol import operations as op
from sim.protocol.errors import BORROW_LIMIT_EXCEEDED
from sim.protocol.state import CASH
from sim.scenario import ScenarioError, load
from sim.tape import Tape, frames
from sim.world import build
from tests.agents.thin import CRV, THIN, USDC, attacked, followed, thin, venue_price

DEPTH = 1_000_000.0


def attack(**overrides: Any) -> AttackOutcome:
    found = attack_outcome(attacked(**overrides)[1])
    assert found is not None
    return found


def closed_form(capital: float, depth: float = DEPTH, ltv: float = 0.6) -> float:
    """The profit of borrowing; it is not done if it is negative."""
    return capital * (ltv * (1 + capital / depth) - 1)


# --- closed forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("inflation", [2.0, 3.0, 5.25])
def test_the_cost_of_an_inflation(inflation: float) -> None:
    """q = y (sqrt(1 + e) - 1) raises the pool's price by e."""
    cost = DEPTH * (sqrt(1 + inflation) - 1)
    world = build(thin(attack__capital_usd=cost))
    before = venue_price(world)
    for step in followed(world):
        if step.k == 2:  # the attack is at the second step
            assert venue_price(world) / before == pytest.approx(1 + inflation, rel=1e-6)
            return


@pytest.mark.parametrize("capital", [7e5, 1e6, 1.7e6])
@pytest.mark.parametrize("ltv", [6_000, 6_900])
def test_profit_is_that_of_the_closed_form(capital: float, ltv: int) -> None:
    found = attack(attack__capital_usd=capital, protocol__reserves__CRV__ltv_bps=ltv)
    assert found.profit == pytest.approx(closed_form(capital, ltv=ltv / 1e4), rel=1e-6)
    assert found.verdict == "profitable"
    assert found.borrowed == pytest.approx(ltv / 1e4 * capital * (1 + capital / DEPTH), rel=1e-6)
    assert found.revaluation == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("ltv", [5_000, 6_000, 6_900])
def test_it_pays_exactly_above_the_threshold(ltv: int) -> None:
    """1 + e > 1 / L^2, that is C > y (1 / L - 1). Below it the attacker sells back and has lost
    nothing: there is neither fee nor arbitrage.
    """
    threshold = DEPTH * (1e4 / ltv - 1)
    below = attack(attack__capital_usd=0.999 * threshold, protocol__reserves__CRV__ltv_bps=ltv)
    above = attack(attack__capital_usd=1.001 * threshold, protocol__reserves__CRV__ltv_bps=ltv)
    assert below.borrowed == 0 and below.profit == pytest.approx(0, abs=0.01)
    assert below.verdict == "selling back brought more than could be borrowed"
    assert above.borrowed > 0 and above.profit > 0


def test_a_feed_that_is_too_high_needs_no_manipulation() -> None:
    """With an answer f times too high and a bought share H = C / (1 + C / y) of fair value, the
    profit is L f H - C.
    """
    factor, capital = 3, 1e5
    world = build(thin(attack__capital_usd=capital))
    world.market.feeds.observed[2:, CRV] *= factor
    tape = Tape(world, "exact")
    for step in run(world):
        tape.record(*step)
    found = attack_outcome(frames(tape.tables(complete=True)))
    assert found is not None
    fair = capital / (1 + capital / DEPTH)
    assert found.profit == pytest.approx(0.6 * factor * fair - capital, rel=1e-6)
    assert found.buying_cost == pytest.approx(capital - fair, rel=1e-6)


def test_the_limit_is_used_to_the_last_units() -> None:
    """What is borrowed is accepted, and ten units more would not have been."""
    world = build(thin())
    for step in followed(world):
        if step.k == 3:
            s, actor, account = world.state, *(int(n) for n in world.market.actors.attacker.who[:2])
            assert s.position[account, USDC, 1] > 0
            assert op.borrow(s, actor, account, USDC, 10) == BORROW_LIMIT_EXCEEDED
            return


# --- what bounds it -------------------------------------------------------------------------------


def test_cash_bounds_what_is_borrowed() -> None:
    """The attacker takes the last unit of cash, if that is more than selling back would bring."""
    world, tape = attacked(suppliers__USDC=2_100_000)  # of which the book owes a million
    found = attack_outcome(tape)
    assert found is not None
    assert found.borrowed == pytest.approx(1_100_000, rel=1e-4)
    assert found.profit == pytest.approx(100_000, rel=1e-3)
    assert world.state.hub[USDC, CASH] == 0
    assert attack(suppliers__USDC=1_900_000).borrowed == 0


def test_a_borrow_cap_bounds_what_is_borrowed() -> None:
    found = attack(protocol__reserves__USDC__borrow_cap=2_100_000.0)
    assert found.borrowed == pytest.approx(1_100_000, rel=1e-5)
    assert not found.refused


def test_a_supply_cap_leaves_the_rest_to_be_sold() -> None:
    """The account holds what the cap allows, the wallet nothing of it."""
    cap = 800_000.0
    world, tape = attacked(protocol__reserves__CRV__supply_cap=cap)
    found = attack_outcome(tape)
    assert found is not None
    assert found.pledged == pytest.approx(cap * 0.5, rel=1e-9)
    assert found.sold == pytest.approx(500_000 - cap * 0.5, rel=1e-6)
    assert world.state.holding[int(world.market.actors.attacker.who[0]), CRV, 0] == 0
    assert not found.refused


# --- knobs: each pair shares scenario, seed and paths ---------------------------------------------


def test_more_capital_brings_more() -> None:
    """While cash lasts: profit is convex in capital."""
    profits = [attack(attack__capital_usd=c).profit for c in (7e5, 9e5, 1.1e6, 1.3e6)]
    gains = [b - a for a, b in pairwise(profits)]
    assert all(gain > 0 for gain in gains) and gains == sorted(gains)


def test_a_deeper_venue_makes_it_unprofitable() -> None:
    shallow, deep = (
        attack(**{"venues[0].depth_usd_per_side": depth}).profit for depth in (1e6, 2e6)
    )
    assert shallow > 1e5 and deep < 0.01


def test_a_lower_ltv_makes_it_unprofitable() -> None:
    profits = [attack(protocol__reserves__CRV__ltv_bps=ltv).profit for ltv in (6_500, 5_500, 4_500)]
    assert profits[0] > profits[1] > profits[2]
    assert profits[1] > 0 and profits[2] < 0.01


def test_the_routers_hold_off_stops_it() -> None:
    """A move that must last an hour to be believed: nothing is borrowed, and the reason is told."""
    guarded = {"feeds__CRV__max_move_bps": 1_000, "feeds__CRV__hold_off_seconds": 3_600}
    found = attack(**guarded)
    assert attack().profit > 0 >= round(found.profit, 2)
    assert found.borrowed == 0 and not found.refused
    assert found.verdict == "nothing could be borrowed: the oracle's price was deviated"


def test_a_hold_off_is_waited_out_where_nobody_arbitrages() -> None:
    """By a feed that says its price again in every step: silence confirms nothing."""
    guarded = {"feeds__CRV__max_move_bps": 1_000, "feeds__CRV__hold_off_seconds": 1_200}
    guarded["feeds__CRV__heartbeat_seconds"] = 300
    assert attack(attack__wait_seconds=600, **guarded).borrowed == 0
    assert attack(attack__wait_seconds=2_400, **guarded).profit > 0


def test_arbitrage_makes_it_unprofitable() -> None:
    """The faster the venue is pulled back, the less the attacker has, and it loses what
    arbitrageurs gain.
    """
    profits = [
        attack(attack__wait_seconds=600, **arbitrage).profit
        for arbitrage in (
            {},
            *(
                {"arbitrage__capital_usd": 1e7, "arbitrage__half_life_seconds": seconds}
                for seconds in (2_000.0, 600.0, 90.0)
            ),
        )
    ]
    assert profits == sorted(profits, reverse=True)
    assert profits[0] > 0 > profits[-1]


def test_a_fee_is_a_cost() -> None:
    """Once of buying, twice of buying and selling back."""
    dear = {"venues[0].fee_bps": 100}
    assert attack(**dear).profit < attack().profit
    back = attack(attack__capital_usd=3e5, **dear)
    assert back.borrowed == 0 and -back.profit == pytest.approx(
        back.buying_cost + back.selling_cost
    )
    assert 0.015 * 3e5 < -back.profit < 0.02 * 3e5


def test_without_an_attack_nothing_is_done() -> None:
    world = build(thin(attack=None))
    assert world.market.actors.attacker.who.shape == (0,)
    rows = [row for step in followed(world) for row in step.rows]
    assert rows and all(row.actor < 10 for row in rows)


# --- the scenario ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "path", "words"),
    [
        ({"attack__asset": "CVR"}, "attack.asset", "not traded on the venue"),
        ({"attack__borrow": "CRV"}, "attack.borrow", "is what is pledged"),
        ({"attack__borrow": "DAI"}, "attack.borrow", "not an asset"),
        ({"attack__venue": ["CRV", "WETH"]}, "attack.venue", "the venues are: [CRV, USDC]"),
        ({"attack__capital_usd": 0.0}, "attack.capital_usd", "above 0"),
        ({"attack__wait_seconds": -1}, "attack.wait_seconds", "whole seconds"),
        ({"start": "2023-01-02T00:00:00Z"}, "attack.at", "outside the run"),
    ],
)
def test_a_wrong_attack_is_refused(overrides: dict[str, Any], path: str, words: str) -> None:
    if "start" in overrides:
        overrides = {"start": datetime.fromisoformat("2023-01-02T00:00:00+00:00")}
    with pytest.raises(ScenarioError) as caught:
        thin(**overrides)
    assert path in {problem.path for problem in caught.value.problems}
    assert words in str(caught.value)


def test_a_feed_that_reads_the_venue(tmp_path: Path) -> None:
    """The same profit when it is the scenario's own feed that follows the pool."""
    document = yaml.safe_load(THIN.read_text())
    fault = {"kind": "venue", "asset": "CRV", "venue": ["CRV", "USDC"]}
    document["feeds"]["faults"] = [fault]
    (tmp_path / "thin.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    world = build(load(tmp_path / "thin.yaml"))
    for _ in run(world):
        pass
    s, actor = world.state, int(world.market.actors.attacker.who[0])
    assert s.holding[actor, USDC, 0] / 1e6 - 1e6 == pytest.approx(closed_form(1e6), rel=1e-6)
