"""The loop's own source, compiled on floats, does what it does on integers."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest

from sim.engines.compiled import Compiled
from sim.market.market import LIQUIDATIONS
from sim.protocol import operations as op
from sim.protocol.fixed_point import ray
from sim.protocol.hub import VIRTUAL_SHARES
from sim.protocol.state import (
    BORROW_INDEX,
    BORROW_RATE,
    CASH,
    RESERVE0,
    RESERVE1,
    SCALED_DEBT,
    TOTAL_SHARES,
)
from sim.protocol.transaction import entries
from sim.scenario import load, with_overrides
from sim.simulation import step
from sim.world import build
from tests.simulation.runs import ANSWERING, PEOPLE

# Small units: a sale turns one rounding of a bitcoin's 8 decimals into 80 of a dollar's 6.
FINE = {"assets.WBTC.decimals": 18, "assets.USDC.decimals": 18}
# What moves tokens besides liquidations, and the roundings of each: of the amount and of its share.
REACTIONS = (
    *(op.supply.kind, op.withdraw.kind, op.borrow.kind, op.repay.kind),
    *(op.deposit.kind, op.withdraw_assets.kind, op.redeem.kind),
)

VARIANTS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "people who react": {**PEOPLE, **FINE},
    "people who answer to rates besides": {**ANSWERING, **FINE},
    "venues that leave a mark and dry up": {
        "reference_market": {
            "assets": {
                "WETH": {"depth_usd_per_percent": 1.6e6, "half_life_hours": 6.0},
                "WBTC": {"depth_usd_per_percent": 8e5},
            },
        },
        "venues[0].depth_by_drawdown": [[0.0, 1.0], [0.3, 0.4]],
        "venues[1].depth_over_time": [
            {"at": datetime(2020, 3, 12, 8, tzinfo=timezone.utc), "value": 1.0},
            {"at": datetime(2020, 3, 12, 12, tzinfo=timezone.utc), "value": 0.2},
            {"at": datetime(2020, 3, 12, 16, tzinfo=timezone.utc), "value": 0.7},
        ],
        "feeds.WBTC.latency_seconds": 700,
    },
}


@pytest.mark.compiled
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_step_compiles_and_agrees_with_exact_arithmetic(variant: str) -> None:
    """Same liquidations; amounts within 1e-9 of their asset's size, ratios within 1e-9.

    Amounts are differences of larger ones, so their error is a share of the asset, not of them.
    Exact amounts are whole units besides, 1e-8 of a bitcoin: each step floors a fee and its shares,
    each liquidation base, bonus and fee, each reaction an amount and its shares.
    """
    overrides = {"book.accounts": 30, "book.max_account_share": 0.3, "duration_hours": 30}
    world = build(with_overrides(load("black-thursday"), {**overrides, **VARIANTS[variant]}))
    compiled = Compiled(world)
    compiled.outcomes(
        *(
            table.astype(float)[np.newaxis]
            for table in (world.market.price, world.market.feeds.observed)
        )
    )
    floats, market, reactions = compiled.memory.state, compiled.memory.market, 0
    swaps = np.zeros(len(world.state.pair))
    for k in range(1, world.scenario.steps + 1):
        step(world.state, world.market, k)
        rows = entries(world.state)
        reactions += sum(row.kind in REACTIONS for row in rows)
        for row in rows:
            swaps[row.x] += row.kind == op.swap_in.kind
        world.state.journal_length[0] = 0

    exact = world.state
    assert (reactions > 50) == variant.startswith("people")
    assert market.price == pytest.approx(world.market.price.astype(float), rel=1e-8, abs=1)
    assert market.reference.impact == pytest.approx(
        world.market.reference.impact.astype(float), rel=1e-9
    )
    assert market.tally[LIQUIDATIONS] == world.market.tally[LIQUIDATIONS] > 20
    roundings = 2 * world.scenario.steps + 3 * market.tally[LIQUIDATIONS] + 2 * reactions
    # Sums of values: each is floored to a whole one, and is of amounts that are units off, the more
    # the more a unit is worth.
    worth = max(1.0, (world.market.price / exact.unit).max())
    assert market.tally == pytest.approx(
        world.market.tally.astype(float), rel=1e-9, abs=roundings * worth
    )
    assert (market.actors.suppliers.arrived == world.market.actors.suppliers.arrived).all()
    size = exact.hub[:, TOTAL_SHARES].astype(float)[:, np.newaxis]
    for name in ("hub", "spoke", "position", "holding", "pool"):
        left, right = getattr(exact, name).astype(float), getattr(floats, name)
        scale = np.broadcast_to(size, left.shape).copy()
        if name == "hub":
            # A unit of an asset has a million shares. A rate is as far off as its usage may be.
            scale[:, [CASH, SCALED_DEBT]] /= VIRTUAL_SHARES
            scale[:, BORROW_INDEX] = left[:, BORROW_INDEX]
            lent = left[:, SCALED_DEBT] * left[:, BORROW_INDEX] / float(ray())
            usage = np.where(lent > 0, lent / (lent + left[:, CASH]), 1.0)
            scale[:, BORROW_RATE] = left[:, BORROW_RATE] / usage
        assert (np.abs(left - right) <= 1e-9 * scale + roundings).all(), name
    pairs = exact.pair.astype(float)
    # A swap floors what it sells and what it pays; a unit of one reserve is a share of both.
    units = pairs[:, [RESERVE0, RESERVE1]].min(axis=1)
    allowed = (1e-9 + 2 * swaps / units)[:, np.newaxis] * pairs
    assert (np.abs(floats.pair - pairs) <= allowed + 1e-9).all()
