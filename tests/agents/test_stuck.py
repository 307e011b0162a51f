"""Suppliers who were refused for want of cash, and take collateral instead."""

from __future__ import annotations

import numpy as np
import pytest

from sim.engines.compiled import Compiled
from sim.engines.exact import run
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import ADL_ON_SINCE, HUB_SHARES, WALLET, Entry
from sim.protocol.vault_positions import debt_assets
from sim.scenario import Scenario, load
from sim.simulation import step
from sim.world import build

USDC = 2


def rumour(**more: object) -> Scenario:
    """The shipped scenario with few accounts, until long before its fall."""
    shorter = {"duration_hours": 12, "book.accounts": 24, "assets.WETH.price_usd": 3_000.0}
    return load("deleveraging").with_(
        {**shorter, "withdrawals.USDC.base_per_day": 400, **more}, redraw_book=True
    )


def taken(rows: list[Entry]) -> list[Entry]:
    """Collateral that was taken."""
    return [row for row in rows if row.kind == op.deleverage.kind and row.code == OK]


def test_who_waits_takes_nothing() -> None:
    """The mode is on, and nobody asks for anything."""
    world = build(rumour(**{"withdrawals.USDC.stuck": "wait"}))
    rows = [row for done in run(world) for row in done.rows]
    assert world.state.adl[0, USDC, ADL_ON_SINCE] > 0
    assert not [row for row in rows if row.kind == op.deleverage.kind]


def test_what_was_refused_is_paid_in_shares() -> None:
    """No more than was refused is taken, and what is paid, withdrawn and still held is what they
    had, with interest; no cash moves.
    """
    world = build(rumour())
    own, s = world.market.actors.suppliers, world.state
    shares = int(s.holding[own.actor[0], USDC, HUB_SHARES])
    rows = taken([row for done in run(world) for row in done.rows])
    assert rows and all(row.option == 1 and row.actor == own.actor[0] for row in rows)
    paid = sum(row.result0 for row in rows)
    assert own.instead.paid[0] == paid
    asked = int(own.arrived[0]) * int(own.terms[0, -1])
    assert paid <= asked - s.holding[own.actor[0], USDC, WALLET]
    assert sum(row.result2 for row in rows) < shares
    for c in range(len(s.unit)):
        assert own.instead.received[c] == sum(row.result1 for row in rows if row.y == c)


def test_pro_rata_takes_the_same_share_of_everyone() -> None:
    """Of each who may be deleveraged what he owes, times what is wanted over what all owe: of the
    first step in which any is taken, where no target and no dust stands against it.
    """
    everyone = {"ramp_hours": 0.0, "max_health": 2.0, "target_health": 2.5}
    changes = {f"protocol.deleveraging.{name}": value for name, value in everyone.items()}
    world = build(rumour(**{"withdrawals.USDC.stuck": "pro-rata"}, **changes))
    for k in range(1, len(world.market.time)):
        before = [int(debt_assets(world.state, a, USDC)) for a in range(len(world.state.account))]
        world.state.journal_length[0] = 0
        step(world.state, world.market, k)
        rows = taken([Entry(*row) for row in world.state.journal[: world.state.journal_length[0]]])
        if len(rows) > 4:
            break
    shares = np.array([row.amount / before[row.account] for row in rows])
    assert len(rows) > 4
    np.testing.assert_allclose(shares, shares[0], rtol=1e-3)


@pytest.mark.compiled
@pytest.mark.parametrize("how", ["first-come", "pro-rata"])
def test_the_same_operations_and_amounts_on_floats(how: str) -> None:
    """Kinds, actors, accounts and verdicts are equal, amounts to 1e-6."""
    scenario = rumour(**{"withdrawals.USDC.stuck": how, "duration_hours": 12})
    exact = build(scenario)
    steps = [done.rows for done in run(exact)][1:]
    compiled = Compiled(build(scenario), journal_rows=400)
    tables = (exact.market.price.astype(float), exact.market.feeds.observed.astype(float))
    who = [Entry._fields.index(name) for name in ("kind", "actor", "account", "x", "y", "code")]
    amounts = [Entry._fields.index(name) for name in ("amount", "result0", "result1")]
    count = 0
    for rows, on_floats in zip(steps, compiled.journal(*tables), strict=True):
        left = np.array(rows, dtype=float)
        np.testing.assert_array_equal(left[:, who], on_floats[:, who])
        np.testing.assert_allclose(left[:, amounts], on_floats[:, amounts], rtol=1e-6, atol=1e3)
        count += len(taken(rows))
    assert count > 1
