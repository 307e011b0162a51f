"""The loop against the closed form of a margin spiral, and against sorted liquidation prices."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from sim.engines.compiled import Compiled
from sim.engines.exact import run
from sim.measures.cascade import (
    expected_branching_ratio,
    hours_to_exhaustion,
    liquidatable,
    rounds,
    spirals,
)
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import POSITION_DEBT
from sim.tape import Frames, Tape, frames
from sim.world import World
from tests.simulation.spiral import (
    EDGE,
    WIDTH,
    deep,
    depth_for,
    even_book,
    falling,
    scenario,
    world_with,
)

ACCOUNTS, SHOCK = 400, 0.005
TOUCHED = round(ACCOUNTS * SHOCK / WIDTH)
"""Accounts that the shock alone makes liquidatable."""


def spiral(ratio: float, shock: float = SHOCK, **overrides: Any) -> World:
    market = deep(depth_for(ratio, ACCOUNTS))
    return world_with(even_book(ACCOUNTS), scenario(**{**market, **falling(shock), **overrides}))


def recorded(world: World) -> Frames:
    tape = Tape(world, "exact")
    for step in run(world):
        tape.record(*step)
    return frames(tape.tables(complete=True))


def fall_per_shock(prices: Any) -> float:
    """Fall below the edge of the book over the fall from outside below it."""
    return float((EDGE - prices[-1] / 10**8) / (EDGE * SHOCK))


@pytest.mark.parametrize("ratio", [0.06, 0.3, 0.59])
def test_the_loop_amplifies_a_small_fall_by_the_closed_form(ratio: float) -> None:
    """A = 1 / (1 - R) within 5%, and R and rounds as the measures read them off the tape.

    The closed form assumes an even density of liquidation prices, accounts liquidated whole, and a
    price that each sale lowers by as much as the last. The book has the first, debts below $2,000
    the second, and a fall of the price by one or two percent nearly the third. Everything that is
    sold stays in the price. Measured from the highest liquidation price: above it nobody sells.
    """
    world = spiral(ratio)
    tape = recorded(world)
    assert fall_per_shock(world.market.price[:, 0]) == pytest.approx(1 / (1 - ratio), rel=0.05)
    seen = rounds(tape)
    assert seen.first == TOUCHED
    assert (seen.first + seen.induced) / seen.first == pytest.approx(1 / (1 - ratio), rel=0.05)
    (worst, _) = spirals(tape)
    assert worst.asset == "WETH"
    # From the start, of which the first tenth of a percent is above the book.
    outside = 1 - EDGE / 2_000 * (1 - SHOCK)
    assert worst.fall_alone == pytest.approx(outside, rel=1e-6)
    whole = 1 - float(world.market.price[-1, 0]) / 2_000e8
    expected = 1 - np.log(1 - outside) / np.log(1 - whole)
    assert worst.branching_ratio == pytest.approx(expected, rel=1e-6)
    # By the book: the density over the part of the fall that is inside it.
    inside = 1 - (2_000 - EDGE) / (0.02 * 2_000)
    assert expected_branching_ratio(tape, "WETH", 0.02) == pytest.approx(ratio * inside, rel=0.05)


def test_above_one_the_spiral_runs_to_the_end_of_the_book() -> None:
    """R = 1.2: an eighth of the book is hit, all of it is sold, in rounds that grow."""
    world = spiral(1.2)
    tape = recorded(world)
    assert (world.state.position[:, 1, POSITION_DEBT] == 0).all()
    assert rounds(tape).induced == ACCOUNTS - TOUCHED
    by_step = tape.steps["liquidations"].diff().to_numpy()[1:].astype(int)
    growing = by_step[by_step > 0]
    assert len(growing) > 4 and (np.diff(growing[:-1]) > 0).all()  # the last is what is left
    assert hours_to_exhaustion(tape) == pytest.approx((len(growing) - 1) / 60)
    assert fall_per_shock(world.market.price[:, 0]) > 8


def test_a_market_without_bound_induces_nothing() -> None:
    """The same book and pool, arbitraged back at once: only the shock liquidates."""
    tape = recorded(spiral(0.59, reference_market=None))
    assert rounds(tape)[:2] == (TOUCHED, 0)
    assert spirals(tape)[0].branching_ratio == 0


@pytest.mark.parametrize("usd_per_side", [1e8, 1e10])
def test_how_deep_the_pool_is_does_not_matter_to_the_reference_price(usd_per_side: float) -> None:
    """What is sold into it is passed on, whatever it did to the pool."""
    world = spiral(0.3, **{"venues[0].depth_usd_per_side": usd_per_side})
    recorded(world)
    assert fall_per_shock(world.market.price[:, 0]) == pytest.approx(1 / (1 - 0.3), rel=0.05)


def test_what_decays_at_once_induces_nothing_more() -> None:
    """A half-life of a thousandth of a step: the price of a step sees the sales of the one before
    it only, so each round induces the next and the price then comes back to the shock.
    """
    market = deep(depth_for(0.3, ACCOUNTS))
    market["reference_market"]["assets"]["WETH"]["half_life_hours"] = 0.06 / 3_600
    world = spiral(0.3, **market)
    tape = recorded(world)
    assert fall_per_shock(world.market.price[:, 0]) == pytest.approx(1, rel=1e-6)
    seen = rounds(tape)
    assert 0 < seen.first + seen.induced - TOUCHED < TOUCHED * 0.3 * 1.05


@pytest.mark.compiled
@pytest.mark.parametrize("ratio", [0.06, 0.3, 0.59])
def test_the_compiled_loop_amplifies_the_same(ratio: float) -> None:
    """On floats: the closed form within 5%, and the exact run's last price to rounding."""
    world = spiral(ratio)
    compiled = Compiled(world)
    tables = (world.market.price, world.market.feeds.observed)
    compiled.outcomes(*(table.astype(float)[np.newaxis] for table in tables))
    prices = compiled.memory.market.price[:, 0]
    assert fall_per_shock(prices) == pytest.approx(1 / (1 - ratio), rel=0.05)
    for _ in run(world):
        pass
    assert prices == pytest.approx(world.market.price[:, 0].astype(float), rel=1e-8)


def test_first_round_liquidations_are_the_sorted_liquidation_prices() -> None:
    """A book of one collateral and one debt on a falling price, sales that leave nothing: after
    every step exactly the accounts whose liquidation price is above the price are gone, highest
    first, and none is induced. Liquidation prices are exact fractions.
    """
    world = spiral(0.3, shock=0.035, reference_market=None)
    s = world.state
    threshold = Fraction(8, 10)
    prices = [
        Fraction(int(debt) * 10**12) / (int(held) * threshold)  # USDC has 6 decimals, WETH 18
        for held, debt in zip(world.book.collateral[:, 0], world.book.debt[:, 1], strict=True)
    ]
    order = sorted(range(ACCOUNTS), key=lambda a: -prices[a])
    tape, gone = Tape(world, "exact"), []
    for step in run(world):
        tape.record(*step)
        now = [
            row.account
            for row in step.rows
            if row.kind == op.flash_liquidate.kind and row.code == OK
        ]
        gone += sorted(now, key=lambda a: -prices[a])
        price = Fraction(int(world.market.price[step.k, 0]), 10**8)
        assert gone == [a for a in order if prices[a] > price]
        assert [a for a in range(ACCOUNTS) if not s.position[a, 1, POSITION_DEBT]] == sorted(gone)
    assert len(gone) == ACCOUNTS * 7 // 8
    found = frames(tape.tables(complete=True))
    assert rounds(found)[:2] == (len(gone), 0)
    # The measure of the book at the start is the same step function.
    drops = np.linspace(0, 0.06, 97)
    counted = liquidatable(found, ["WETH"], drops)["accounts"]
    expected = [sum(p > 2_000 * (1 - Fraction(drop)) for p in prices) for drop in drops]
    assert counted.tolist() == expected and expected[-1] == ACCOUNTS
