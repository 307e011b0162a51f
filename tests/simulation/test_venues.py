"""Pools: how fast arbitrage closes a gap, liquidity that comes and goes: one step at a time."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.agents import arbitrageurs, liquidity_providers
from sim.agents.arbitrageurs import speeds
from sim.agents.liquidity_providers import LiquidityProviders, by_drawdown
from sim.agents.start import ADMIN, LIQUIDITY_PROVIDERS
from sim.engines.exact import run
from sim.market import reference
from sim.market.level_tables import price_table
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.records import copy
from sim.protocol.state import RESERVE0, RESERVE1, WALLET
from sim.protocol.transaction import entries
from sim.world import World, build, start_of
from tests.simulation.spiral import even_book, scenario, world_with
from tests.tape.storm import storm

SELLER = ADMIN
WETH, WBTC, USDC = range(3)
START = storm().start


def _sell(world: World, p: int, side: int, tokens: float) -> Fraction:
    """Sell on pair p for nobody's account; the pair's price after over before, exactly."""
    s = world.state
    before = Fraction(int(s.pair[p, RESERVE1]), int(s.pair[p, RESERVE0]))
    amount = int(tokens * int(s.unit[s.pair_tokens[p, side]]))
    op.mint_token(s, SELLER, int(s.pair_tokens[p, side]), amount)
    assert op.swap_in(s, SELLER, p, side, amount, 0) == OK
    return Fraction(int(s.pair[p, RESERVE1]), int(s.pair[p, RESERVE0])) / before


@pytest.mark.parametrize("half_life", [30.0, 120.0, 600.0])
def test_the_temporary_part_halves_in_its_half_life(half_life: float) -> None:
    """A gap of 1% on a quiet market, no fee, no gas to speak of: 2^(-t / half-life) of it after t,
    within 2% (the trade that closes a gap is not quite linear).
    """
    world = world_with(
        even_book(1),
        scenario(
            **{
                "arbitrage.half_life_seconds": half_life,
                "gas_price_gwei": 1e-7,
            }
        ),
    )
    s, w = world.state, world.market
    first = 1 - float(_sell(world, 0, 0, 2_500.0))
    assert first == pytest.approx(0.01, rel=0.02)
    start = Fraction(int(w.price[0, 0]), 10**8)
    for k in range(1, 9):
        own = w.actors.arbitrageurs
        arbitrageurs.act(s, w, k, own, arbitrageurs.parts(own))
        price = Fraction(int(s.pair[0, RESERVE1]) * 10**12, int(s.pair[0, RESERVE0]))
        left = 0.5 ** (60 * k / half_life)
        if left > 1e-3:
            assert float(1 - price / start) == pytest.approx(first * left, rel=0.02)


def test_a_half_life_of_one_step_is_half_of_the_gap() -> None:
    arbitrage = scenario(**{"arbitrage.half_life_seconds": 60.0}).arbitrage
    found = [speeds(arbitrage, seconds)[-1] / 10**18 for seconds in (60, 120, 6_000)]
    assert found == pytest.approx([0.5, 0.75, 1.0], abs=1e-15)


# --- liquidity that comes and goes ----------------------------------------------------------------


def _hours(*points: tuple[float, float]) -> list[dict[str, Any]]:
    return [{"at": START + timedelta(hours=h), "value": value} for h, value in points]


points = st.lists(st.integers(0, 99), min_size=1, max_size=6, unique=True).map(sorted)


@given(points, st.data(), st.floats(0, 1))
def test_depth_by_drawdown_is_linear_between_its_points(
    falls: list[int], data: st.DataObject, fall: float
) -> None:
    """Against numpy's interpolation."""
    shares = [data.draw(st.integers(1, 1_000)) / 1_000 for _ in falls]
    table = [[x / 100, share] for x, share in zip(falls, shares, strict=True)]
    other = {"venues[1].depth_by_drawdown": [[n / 100, 1.0] for n in range(8)]}  # a longer one
    dry = storm(**{"venues[0].depth_by_drawdown": table, **other})
    book = build(storm()).book
    own = LiquidityProviders.of(start_of(dry, book, price_table(dry), 0))
    found = by_drawdown(own, 0, int(fall * 10**18)) / 10**18
    assert found == pytest.approx(np.interp(fall, [x / 100 for x in falls], shares), rel=1e-9)


def test_depth_follows_its_table_over_time() -> None:
    """Out to a tenth and back, log-linear: LP shares within 1% of it after every step."""
    depth = _hours((1, 1.0), (4, 0.1), (7, 1.0))
    flat = {"assets.WETH.price_usd": 2_000.0, "assets.WBTC.price_usd": 30_000.0}
    world = build(storm(liquidators=[], **flat, **{"venues[0].depth_over_time": depth}))
    s, start = world.state, world.state.lp[LIQUIDITY_PROVIDERS].copy()
    moves, shares = 0, []
    for step in run(world):
        hours = step.k / 6
        wanted = np.exp(np.interp(hours, [1, 4, 7], np.log([1, 0.1, 1])))
        shares.append(s.lp[LIQUIDITY_PROVIDERS, 0] / start[0])
        assert shares[-1] == pytest.approx(wanted, rel=0.0102)
        kinds = [row.kind for row in step.rows]
        moves += kinds.count(op.remove_liquidity.kind) + (step.k > 0) * kinds.count(
            op.add_liquidity.kind
        )
    assert min(shares) < 0.102 and shares[-1] > 0.99
    assert 30 < moves <= 36  # one per step while it moves
    assert (s.lp[LIQUIDITY_PROVIDERS, 1:] == start[1:]).all()
    # A quiet market: what left is in their wallets, to a few units, and comes back.
    assert s.pair[0, RESERVE0] == pytest.approx(150 * 10**18, rel=0.01)


def test_depth_follows_the_fall_of_the_base_from_its_highest() -> None:
    """Up by half, down to 40% of that, and back up: the highest counts, not the start."""
    path = _hours((0, 1_000), (2, 1_500), (4, 600), (6, 1_500))
    world = build(
        storm(
            liquidators=[],
            **{
                "assets.WETH.price_usd": path,
                "venues[0].depth_by_drawdown": [[0.0, 1.0], [0.3, 0.4], [0.6, 0.1]],
            },
        )
    )
    s, start = world.state, int(world.state.lp[LIQUIDITY_PROVIDERS, 0])
    held = {}
    for step in run(world):
        held[step.k] = s.lp[LIQUIDITY_PROVIDERS, 0] / start
        highest = max(world.market.price[: step.k + 1, WETH])
        fall = float(1 - world.market.price[step.k, WETH] / highest)
        wanted = np.interp(fall, [0, 0.3, 0.6], [1, 0.4, 0.1])
        assert held[step.k] == pytest.approx(wanted, rel=0.0102)
    assert held[12] == 1 and held[24] < 0.102 and held[36] > 0.98
    # At 600 dollars (sqrt of the price): a tenth of the shares is a tenth of that pool.
    assert s.lp[LIQUIDITY_PROVIDERS, 0] <= start


def test_who_lacks_one_token_brings_back_what_it_makes_up() -> None:
    """They leave, lose most of their dollars, and come back with as much as is left, once."""
    depth = _hours((1, 1.0), (1.2, 0.1), (2, 0.1), (2.2, 1.0))
    world = build(storm(liquidators=[], **{"venues[0].depth_over_time": depth}))
    s, w = world.state, world.market
    start = int(w.actors.liquidity_providers.at_start[0])
    for k in range(1, 12):
        liquidity_providers.act(s, w, k, w.actors.liquidity_providers)
    assert s.lp[LIQUIDITY_PROVIDERS, 0] == pytest.approx(start / 10, rel=0.0102)
    reserve = s.pair[0, RESERVE1]
    s.holding[LIQUIDITY_PROVIDERS, USDC, WALLET] = reserve
    for k in range(12, 20):
        liquidity_providers.act(s, w, k, w.actors.liquidity_providers)
    assert s.lp[LIQUIDITY_PROVIDERS, 0] == pytest.approx(start / 5, rel=0.0102)
    # What remains makes up less than 1%: not worth a transaction. A pool takes a unit too much.
    assert 0 <= s.holding[LIQUIDITY_PROVIDERS, USDC, WALLET] < start / 5 / 100
    rows = entries(s)
    assert [row.code for row in rows] == [OK] * len(rows)


# --- off ------------------------------------------------------------------------------------------


def test_without_either_nothing_is_touched() -> None:
    """Their arrays have no rows, and acting is no operation and changes no number."""
    world = build(storm())
    s, w = world.state, world.market
    assert len(w.reference.impact) == len(w.actors.liquidity_providers.depth_share) == 0
    before, table = copy(s), w.price.copy()
    reference.move(s, w, 20)
    reference.remember(s, w)
    liquidity_providers.act(s, w, 20, w.actors.liquidity_providers)
    assert (w.price == table).all() and s.journal_length[0] == before.journal_length[0]
    assert (s.pair == before.pair).all() and (s.lp == before.lp).all()
