"""A sequencer that was down, and the grace period after it: who waits, and what goes on."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.engines.chain import RevmChain
from sim.engines.compiled import Compiled
from sim.engines.exact import Step, run
from sim.engines.lockstep import Lockstep
from sim.market.market import LIQUIDATIONS, REPAID_VALUE
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import ANSWER, BORROW_INDEX, UPDATED_AT
from sim.protocol.vault_accounts import debt_assets, supplied_assets
from sim.report.caveats import of_scenario
from sim.scenario import Scenario, load, with_overrides
from sim.world import World, build
from tests.simulation.runs import ANSWERING
from tests.tape.storm import storm

START = datetime(2021, 6, 1, tzinfo=timezone.utc)
WETH, WBTC, USDC = range(3)
JUDGED = {
    op.borrow.kind,
    op.flag.kind,
    op.liquidate.kind,
    op.flash_liquidate.kind,
    op.write_off.kind,
}
"""What needs a price that counts."""


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def down(begin: float, until: float, grace: float) -> dict[str, Any]:
    """Minutes after the start; the grace period in minutes."""
    return {
        "kind": "sequencer-down",
        "from": at(begin),
        "until": at(until),
        "grace_seconds": int(60 * grace),
    }


def steps_of(steps: list[Step], kinds: set[int]) -> list[int]:
    """The steps in which any of these succeeded."""
    done = {step.k: {row.kind for row in step.rows if row.code == OK} for step in steps}
    return [k for k, found in done.items() if found & kinds]


@pytest.mark.parametrize("grace", [0, 60])
def test_nobody_is_judged_until_the_grace_period_is_over(grace: int) -> None:
    """Down from 1:30 to 3:00 while prices fall by half; steps are of ten minutes. Feeds report and
    arbitrage trades at 3:00; liquidations, flags and write-offs come then, or an hour later.
    """
    world = build(
        storm(
            feeds__faults=[down(90, 180, grace)],
            protocol__liquidation__engine="dutch-bonus",
            gas_price_gwei=20.0,
        )
    )
    steps = list(run(world))[1:]
    judged, opens = steps_of(steps, JUDGED), 18 + grace // 10
    assert not set(judged) & set(range(9, opens)) and opens in judged
    assert all(step.rows == [] for step in steps if 9 <= step.k < 18)
    for k in range(18, opens):
        kinds = {row.kind for row in steps[k - 1].rows}
        assert {op.accrue.kind, op.swap_in.kind} <= kinds, "interest and arbitrage go on"
    assert op.post_price.kind in {row.kind for row in steps[17].rows}
    assert world.market.tally[LIQUIDATIONS] > 0


def test_grace_without_an_outage_in_sight_changes_nothing() -> None:
    """Before the outage all is as it would be."""
    with_it, without = (
        [step.rows for step in run(build(storm(**faults)))][:30]
        for faults in ({"feeds__faults": [down(300, 360, 60)]}, {})
    )
    assert with_it == without


def test_feeds_are_as_old_as_the_outage_when_it_ends() -> None:
    """The last answers are of the step before it; at its end all whose price moved answer anew, at
    the price of then.
    """
    world = build(storm(feeds__faults=[down(90, 180, 60)]))
    s, seen = world.state, world.market.feeds.observed
    for step in run(world):
        age = s.clock[0] - s.feed[0, WETH, UPDATED_AT]
        if 9 <= step.k < 18:
            assert age == (step.k - 8) * 600
            assert s.feed[0, WETH, ANSWER] == seen[8, WETH]
        elif step.k == 18:
            assert age == 0 and s.feed[0, WETH, ANSWER] == seen[18, WETH]


def test_interest_of_the_outage_is_owed(tmp_path: Path) -> None:
    """Ten steps of ten minutes in one, at the rate of before: index' / index is the growth factor
    1 + x + x^2/2 + x^3/6 of x = rate x 6000 s / year.
    """
    rows = "a,WETH,100,0\na,USDC,0,100000\n"
    world = build(_auction(tmp_path, rows, [down(90, 180, 0)], assets__WETH__price_usd=2_000.0))
    s, before = world.state, None
    for step in run(world):
        if step.k == 8:
            before, rate = int(s.hub[USDC, BORROW_INDEX]), 0.5
        if step.k == 17:
            assert int(s.hub[USDC, BORROW_INDEX]) == before
        if step.k == 18:
            x = rate * 6_000 / 31_536_000
            growth = 1 + x + x**2 / 2 + x**3 / 6
            assert int(s.hub[USDC, BORROW_INDEX]) / before == pytest.approx(growth, rel=1e-12)


def _auction(folder: Path, rows: str, faults: list[dict[str, Any]], **more: Any) -> Scenario:
    (folder / "book.csv").write_text(f"account,asset,supplied,debt\n{rows}")
    fields: dict[str, Any] = {
        "book": {"file": str(folder / "book.csv")},
        "feeds__faults": faults,
        "gas_price_gwei": 20.0,
        "protocol__liquidation__engine": "dutch-bonus",
        "protocol__liquidation__auction_seconds": 14_400,
        "protocol__rates__USDC__base_rate_bps": 5_000,
        "protocol__rates__USDC__slope1_bps": 0,
        "protocol__rates__USDC__slope2_bps": 0,
        "assets__WETH__price_usd": [
            {"at": at(60), "value": 2_000.0},
            {"at": at(70), "value": 1_800.0},
        ],
        **{f"feeds__{symbol}__latency_seconds": 0 for symbol in ("WETH", "WBTC", "USDC")},
        "venues[0].depth_usd_per_side": 1e8,
    }
    scenario = storm(**{**fields, **more})
    late = {f"liquidators[{n}].latency_seconds": 1_200 for n in range(2)}
    return with_overrides(scenario, late)


@pytest.mark.parametrize(("grace", "elapsed"), [(0, 6_600), (40, 9_000)])
def test_an_auction_runs_on_while_nobody_can_bid(grace: int, elapsed: int, tmp_path: Path) -> None:
    """Flagged at 1:10, ten minutes before the sequencer is down and twenty before liquidators get
    to it; open again at 3:00, or after the grace period. The bonus has risen for all that time:

        250 + 250 elapsed / 14,400, down
    """
    rows = "a,WETH,100,0\na,USDC,0,155000\n"
    world = build(_auction(tmp_path, rows, [down(80, 180, grace)]))
    s, opens = world.state, 18 + grace // 10
    steps = []
    for step in run(world):
        steps.append(step)
        if step.k == opens - 1:
            supplied = int(supplied_assets(s, 0, WETH))
        if step.k == opens:
            break
    assert steps_of(steps, {op.flag.kind}) == [7]
    assert steps_of(steps, {op.liquidate.kind, op.flash_liquidate.kind}) == [opens]
    repaid = sum(int(row.result0) for row in steps[-1].rows if row.kind == op.flash_liquidate.kind)
    seized = supplied - int(supplied_assets(s, 0, WETH))
    bonus = 250 + 250 * elapsed // 14_400
    assert seized / 1e18 * 1_800 / (repaid / 1e6) == pytest.approx(1 + bonus / 10_000, rel=1e-6)
    assert int(debt_assets(s, 0, USDC)) < 155_000 * 10**6


def test_who_borrows_waits_as_well() -> None:
    """Loopers and those who answer to rates: in the two hours after the outage they borrow, and in
    a grace period of as long nobody does; repaying goes on.
    """
    start = load("black-thursday").start
    outage = {
        "kind": "sequencer-down",
        "from": start + timedelta(hours=3),
        "until": start + timedelta(hours=4),
    }
    small = {"book.accounts": 60, "duration_hours": 8, **ANSWERING}

    def done(kind: int, **grace: int) -> list[int]:
        scenario = with_overrides(
            load("black-thursday"), {**small, "feeds.faults": [{**outage, **grace}]}
        )
        return [k for k in steps_of(list(run(build(scenario)))[1:], {kind}) if 48 <= k < 72]

    assert done(op.borrow.kind) and not done(op.borrow.kind, grace_seconds=7_200)
    assert done(op.repay.kind, grace_seconds=7_200)


@pytest.mark.chain
def test_contracts_agree_on_both_sides_of_it() -> None:
    """Every operation, every word of state: the outage, the grace period, and what comes then."""
    world = build(storm(feeds__faults=[down(90, 150, 60)], gas_price_gwei=20.0))
    lockstep = Lockstep(RevmChain(), world.genesis, world.symbols)
    steps = list(run(world, lockstep))[1:]
    assert set(steps_of(steps, JUDGED)) & {21} and lockstep.values > 1_000


@pytest.mark.compiled
@pytest.mark.parametrize("grace", [0, 60])
def test_compiled_runs_wait_too(grace: int) -> None:
    """The same liquidations, and as much repaid: a sale that is cut to the size that gains most is
    one whose gain is flat in its size, so that half of the digits of doubles are left of it.
    """
    scenario = storm(feeds__faults=[down(90, 150, grace)], gas_price_gwei=20.0)
    world = build(scenario)
    compiled = Compiled(world)
    prices = world.market.price.astype(float)[np.newaxis]
    compiled.outcomes(prices, world.market.feeds.observed.astype(float)[np.newaxis])
    _run_out(world)
    floats, exact = compiled.memory.market.tally, world.market.tally
    assert floats[LIQUIDATIONS] == exact[LIQUIDATIONS] > 0
    assert floats[REPAID_VALUE] == pytest.approx(float(exact[REPAID_VALUE]), rel=1e-7)


def _run_out(world: World) -> None:
    for _ in run(world):
        pass


def test_it_is_said_before_a_run() -> None:
    lines = of_scenario(storm(feeds__faults=[down(90, 150, 60)]).model_dump(mode="json"))
    (line,) = [line for line in lines if "sequencer" in line]
    assert line == (
        "The sequencer is down from 2021-06-01 01:30 to 2021-06-01 02:30 UTC; for 1 hour more "
        "nobody borrows, flags or liquidates (grace_seconds). Interest accrues and auctions run on."
    )
