"""Withdrawals against the theory of Hawkes processes, and what a run does to the hub.

Statistics are compared within 4 standard errors, which each test states; seeds are fixed.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, sqrt
from typing import Any

import numpy as np
import pytest

from sim.agents import suppliers
from sim.agents.start import ARBITRAGEURS, SUPPLIERS
from sim.agents.suppliers import WITHDRAWAL, Suppliers
from sim.market.market import (
    LIQUIDATIONS,
    REFUSED_VALUE,
    WITHDRAWN_VALUE,
)
from sim.protocol import hub
from sim.protocol import operations as op
from sim.protocol.errors import NAMES, OK
from sim.protocol.state import (
    BORROW_INDEX,
    CASH,
    DEFICIT,
    HUB_SHARES,
    SCALED_DEBT,
    SOCIALISED,
    WALLET,
)
from sim.protocol.transaction import entries
from sim.scenario import load, with_overrides
from sim.simulation import step
from sim.world import World, build
from tests.agents.one_account import DAI, USDC, one

WAD = 10**18
CALM = {
    "base_per_day": 100.0,
    "branching_ratio": 0.0,
    "half_life_seconds": 3_600,
    "size_bps": 100,
}
HOLDER = {"kind": "withdraw", "above_health": 900.0, "to_health": 800.0}


def _process(base: float, branching: float, decay: float, count: int, seed: int) -> Suppliers:
    """The record of one process only, with `base` withdrawals a step; and room for `count`."""
    world = one(HOLDER, 2.0, withdrawals={"DAI": CALM})
    row: dict[str, Any] = dict.fromkeys(WITHDRAWAL, 0)
    row |= {"base": int(base * WAD), "branching": int(branching * WAD), "decay": int(decay * WAD)}
    waits = np.random.default_rng(seed).standard_exponential(count)
    return world.market.actors.suppliers._replace(
        terms=np.array([list(row.values())], dtype=object),
        arrival=np.array([[int(t * WAD) for t in np.cumsum(waits)]], dtype=object),
    )


def _counts(base: float, branching: float, decay: float, steps: int, seed: int) -> Any:
    """Withdrawals of each of so many steps, from a stationary start: a burn-in is cut off."""
    burn_in = ceil(20 / ((1 - decay) * (1 - branching)))
    mean = base / (1 - branching) * (steps + burn_in)
    own = _process(base, branching, decay, ceil(2 * mean) + 100, seed)
    counts = [suppliers.arrivals(own, 0, int(base * WAD)) for _ in range(steps + burn_in)]
    assert own.arrived[0] < own.arrival.shape[1]  # never exhausted
    return np.array(counts[burn_in:])


@pytest.mark.parametrize("branching", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("decay", [0.2, 0.9])
def test_mean_and_variance_are_those_of_a_hawkes_process(branching: float, decay: float) -> None:
    """Per step m = base / (1 - n); over long times the variance is m / (1 - n)^2 per step (Hawkes
    1971). Of a single step, with a = n (1 - decay) and b = decay,

        var = m (1 - (a + b)^2 + a^2) / (1 - (a + b)^2)

    (Ferland, Latour, Oraichi 2006, prop. 7). Standard errors: of the mean, that long-run variance;
    of the variances, sqrt(2 / blocks), over blocks of 50 times the memory; the single step's as
    found from twenty parts of the run.
    """
    base, steps = 0.3, 60_000
    counts = _counts(base, branching, decay, steps, seed=7)
    m = base / (1 - branching)
    assert counts.mean() == pytest.approx(m, abs=4 * sqrt(m / (1 - branching) ** 2 / steps))

    block = ceil(50 / ((1 - decay) * (1 - branching)))
    blocks = counts[: steps // block * block].reshape(-1, block).sum(axis=1)
    long_run = m / (1 - branching) ** 2
    found = ((blocks - m * block) ** 2).mean() / block
    assert found == pytest.approx(long_run, rel=4 * sqrt(2 / len(blocks)) + 0.02)

    a, b = branching * (1 - decay), decay
    variance = m * (1 - (a + b) ** 2 + a**2) / (1 - (a + b) ** 2)
    parts = ((counts - m) ** 2).reshape(20, -1).mean(axis=1)
    assert parts.mean() == pytest.approx(variance, abs=4 * parts.std(ddof=1) / sqrt(20))


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_each_withdrawal_provokes_the_branching_ratio_whatever_the_step(decay: float) -> None:
    """After one withdrawal and no base, the compensator rises by n in all, geometrically."""
    own = _process(0.0, 0.6, decay, 1, seed=1)
    own.arrival[0, 0] = 0
    assert suppliers.arrivals(own, 0, 0) == 1
    expected = [suppliers.arrivals(own, 0, 0) or int(own.compensator[0]) for _ in range(3_000)]
    assert expected[0] == pytest.approx(0.6 * (1 - decay) * WAD, rel=1e-9)
    assert expected[-1] == pytest.approx(0.6 * WAD, rel=1e-9)


def test_an_exhausted_table_means_nobody_else() -> None:
    """Three arrivals are three withdrawals, however long it takes."""
    own = _process(10.0, 0.5, 0.5, 3, seed=3)
    assert sum(suppliers.arrivals(own, 0, 10 * WAD) for _ in range(100)) == 3


def test_the_table_is_long_enough_for_full_usage_and_a_loss_of_a_tenth() -> None:
    """At that rate for the whole run it is not exhausted, and not twice what is needed."""
    hot = {**CALM, "branching_ratio": 0.8, "per_usage": 3.0, "per_loss": 10.0}
    world = one(HOLDER, 2.0, withdrawals={"DAI": hot})
    own = world.market.actors.suppliers
    for _ in range(world.scenario.steps):
        suppliers.arrivals(own, 0, int(own.terms[0, 0]) * 5)
    mean = 100 * 2 * 5 / 0.2
    assert own.arrived[0] == pytest.approx(mean, abs=4 * sqrt(mean) / 0.2)
    assert own.arrived[0] < own.arrival.shape[1] < 2 * mean


# --- usage and loss -------------------------------------------------------------------------------


def test_usage_above_its_level_and_loss_add_to_the_base_rate() -> None:
    """base (1 + per_usage (u - above) / (1 - above) + per_loss loss), against fractions."""
    more = {**CALM, "per_usage": 4.0, "above_usage": 0.5, "per_loss": 10.0}
    world = one(HOLDER, 2.0, withdrawals={"DAI": more}, suppliers__DAI=1_500_000.0)
    s, w = world.state, world.market
    row = s.hub[DAI]

    def rate() -> float:
        return suppliers.base(s, w.actors.suppliers, 0, DAI) / int(w.actors.suppliers.terms[0, 0])

    assert row[BORROW_INDEX] == 10**27
    usage = Fraction(int(row[SCALED_DEBT]), int(row[SCALED_DEBT] + row[CASH]))
    assert usage == pytest.approx(2 / 3, rel=1e-6)
    strained = 1 + 4 * (usage - Fraction(1, 2)) / Fraction(1, 2)
    assert rate() == pytest.approx(float(strained), rel=1e-9)

    found = [rate()]
    for deficit, socialised in ((10**22, 0), (10**22, 10**22), (10**23, 10**22)):
        row[DEFICIT], row[SOCIALISED] = deficit, socialised
        lost = deficit + socialised
        loss = Fraction(lost, int(hub.total_assets(s, DAI)) + lost)
        assert rate() == pytest.approx(float(strained + 10 * loss), rel=1e-9)
        found.append(rate())
    assert found == sorted(found) and found[0] < found[-1]  # monotone in loss

    row[DEFICIT] = row[SOCIALISED] = 0
    row[CASH] += 10**30
    assert rate() == 1


# --- cash -----------------------------------------------------------------------------------------


def _run_off(seed: int) -> tuple[World, Any]:
    """A run of two million at a constant rate, without anybody else, and the cash from the start
    on, half of the supply.
    """
    world = one(HOLDER, 2.0, withdrawals={"DAI": CALM}, suppliers__DAI=2e6, seed=seed)
    s, w = world.state, world.market
    cash = [int(s.hub[DAI, CASH])]
    for k in range(1, world.scenario.steps + 1):
        s.clock[0] = w.time[k]
        suppliers.act(s, w, k, w.actors.suppliers)
        cash.append(int(s.hub[DAI, CASH]))
    return world, np.array(cash, dtype=object)


def test_a_run_at_a_constant_rate_empties_the_hub_when_the_closed_form_says() -> None:
    """The cash C is gone with withdrawal j = ceil(C / size): at the first step k with
    base k >= E_j, a gamma time of mean j / base and variance j / base^2.
    """
    times, per_step, size = [], 100 * 300 / 86_400, 2 * 10**22
    for seed in range(40):
        world, cash = _run_off(seed)
        w, j = world.market, -(-cash[0] // size)
        own = w.actors.suppliers
        assert j in (50, 51)  # a debt rounded down leaves a few wei more than a million
        base = int(own.terms[0, 0])
        reached = -(-int(own.arrival[0, j - 1]) // base)
        assert cash[reached] == 0 < cash[reached - 1]
        wanted = min(int(own.arrived[0]), 100) * size  # a hundredth each: then all have asked
        taken, refused = int(w.tally[WITHDRAWN_VALUE]), int(w.tally[REFUSED_VALUE])
        assert taken == pytest.approx(cash[0] // 10**10, abs=j)
        assert refused == pytest.approx((wanted - cash[0]) // 10**10, abs=world.scenario.steps)
        times.append(int(own.arrival[0, j - 1]) / base)
    assert np.mean(times) == pytest.approx(j / per_step, abs=4 * sqrt(j / 40) / per_step)


def test_who_finds_too_little_takes_what_there_is() -> None:
    """Cash of one and a half withdrawals: the second is half refused; nothing is lost."""
    world = one(HOLDER, 2.0, withdrawals={"DAI": CALM}, suppliers__DAI=2e6)
    s, w = world.state, world.market
    own = w.actors.suppliers
    row, size = s.hub[DAI], 2 * 10**22
    row[SCALED_DEBT], row[CASH] = row[SCALED_DEBT] + row[CASH] - size * 3 // 2, size * 3 // 2
    own.arrival[0] = [WAD * n for n in range(1, own.arrival.shape[1] + 1)]
    steps = range(1, 2 + 2 * 86_400 // (100 * 300))
    before = s.holding[SUPPLIERS, DAI, WALLET] + row[CASH]
    for k in steps:
        s.clock[0] = w.time[k]
        suppliers.act(s, w, k, w.actors.suppliers)
    assert own.arrived[0] == 2 and row[CASH] == 0
    assert s.holding[SUPPLIERS, DAI, WALLET] == before
    assert w.tally[WITHDRAWN_VALUE] == 30_000 * 10**8
    assert w.tally[REFUSED_VALUE] == 10_000 * 10**8
    assert all(row.code == OK for row in entries(s))


@pytest.mark.parametrize(("size_bps", "cash_share"), [(100, 0.5), (3_000, 0.5), (700, 0.0)])
def test_everyone_asks_once(size_bps: int, cash_share: float) -> None:
    """Ten times as many arrivals as suppliers: what is withdrawn and refused is the supply, also
    if it is no whole number of sizes, and cash that comes back later is asked for by nobody.
    """
    each = {**CALM, "size_bps": size_bps, "base_per_day": 10 * 10_000 / size_bps}
    world = one(HOLDER, 2.0, withdrawals={"DAI": each}, suppliers__DAI=2e6)
    s, w = world.state, world.market
    supply = int(hub.to_assets_down(s, DAI, s.holding[SUPPLIERS, DAI, HUB_SHARES]))
    row = s.hub[DAI]
    lent = row[CASH] - int(2e6 * cash_share) * WAD
    row[SCALED_DEBT], row[CASH] = row[SCALED_DEBT] + lent, row[CASH] - lent
    cash = int(row[CASH])
    steps, back = world.scenario.steps, 0
    for k in range(1, steps + 1):
        s.clock[0] = w.time[k]
        suppliers.act(s, w, k, w.actors.suppliers)
        if k == steps // 2:
            refused = int(w.tally[REFUSED_VALUE])
            back = 10**23
            row[SCALED_DEBT], row[CASH] = row[SCALED_DEBT] - back, row[CASH] + back
    assert s.holding[SUPPLIERS, DAI, WALLET] == cash and row[CASH] == back
    assert w.tally[WITHDRAWN_VALUE] + w.tally[REFUSED_VALUE] == pytest.approx(
        supply // 10**10, abs=steps
    )
    assert w.tally[REFUSED_VALUE] == refused == pytest.approx((supply - cash) // 10**10, abs=steps)


def test_who_has_not_asked_yet_may_still_be_paid() -> None:
    """Half of the suppliers are refused; when cash comes back only the other half takes of it."""
    each = {**CALM, "size_bps": 5_000}
    world = one(HOLDER, 2.0, withdrawals={"DAI": each}, suppliers__DAI=2e6)
    s, w = world.state, world.market
    own = w.actors.suppliers
    row = s.hub[DAI]
    own.arrival[0] = [WAD * n for n in range(1, own.arrival.shape[1] + 1)]
    row[SCALED_DEBT], row[CASH] = row[SCALED_DEBT] + row[CASH], 0
    for k in range(1, world.scenario.steps + 1):
        s.clock[0] = w.time[k]
        suppliers.act(s, w, k, w.actors.suppliers)
        if own.arrived[0] == 1 and row[CASH] == 0:
            row[SCALED_DEBT], row[CASH] = row[SCALED_DEBT] - 2 * 10**24, 2 * 10**24
    assert own.arrived[0] > 2
    assert w.tally[REFUSED_VALUE] == w.tally[WITHDRAWN_VALUE] == 10**6 * 10**8
    assert s.holding[SUPPLIERS, DAI, WALLET] == row[CASH] == 10**24


@pytest.mark.parametrize("worth", [1, Fraction(1, 7)])
def test_the_last_supplier_takes_all_shares(worth: Fraction) -> None:
    """Where nobody borrows they can all leave, and no share stays behind: also after a haircut,
    when a unit is worth seven shares. Somebody else stays.
    """
    half = {**CALM, "size_bps": 5_000, "base_per_day": 1_000.0}
    world = one(HOLDER, 2.0, withdrawals={"USDC": half}, suppliers__USDC=1e6)
    s, w = world.state, world.market
    assert op.deposit(s, ARBITRAGEURS, USDC, 10**12) == OK
    cash = s.hub[USDC, CASH] = int(2 * 10**12 * worth)
    for k in range(1, world.scenario.steps + 1):
        s.clock[0] = w.time[k]
        suppliers.act(s, w, k, w.actors.suppliers)
    assert s.holding[SUPPLIERS, USDC, HUB_SHARES] == 0
    shares = 10**12 * hub.VIRTUAL_SHARES
    share = Fraction(cash + hub.VIRTUAL_ASSETS, 2 * shares + hub.VIRTUAL_SHARES)
    assert s.holding[SUPPLIERS, USDC, WALLET] == int(shares * share)
    assert w.tally[REFUSED_VALUE] == 0


def test_full_usage_without_a_price_shock_blocks_withdrawals_and_liquidates_nobody() -> None:
    """Heimbach et al., arXiv:2303.08748: at usage 1 nobody gets out, and accounts stay healthy.

    Flat prices and the scenario's own interest, for a day; accounts from health 1.05.
    """
    flat = {
        "assets.WETH.price_usd": 200.0,
        "assets.WBTC.price_usd": 8_000.0,
        "duration_hours": 24,
        "book.accounts": 40,
        "book.health_quantiles": [[0.0, 1.05], [1.0, 3.0]],
        "book.max_account_share": 0.3,
        "withdrawals": {"DAI": {**CALM, "base_per_day": 200.0, "size_bps": 200}},
    }
    world = build(with_overrides(load("black-thursday"), flat))
    s, w, usage = world.state, world.market, []
    for k in range(1, world.scenario.steps + 1):
        s.journal_length[0] = 0
        step(s, w, k)
        cash, debt = s.hub[DAI, CASH], hub.debt_of(s, DAI, s.hub[DAI, SCALED_DEBT])
        usage.append(debt / (cash + debt))
    assert max(usage) == 1.0 and usage[0] < 0.9
    assert w.tally[REFUSED_VALUE] > 0
    assert w.tally[LIQUIDATIONS] == 0 and w.watchers.hot_count[0] == 0
    s.journal_length[0] = 0
    code = op.withdraw_assets(s, SUPPLIERS, DAI, WAD * 10**6)
    assert NAMES[code] == "ERC4626ExceededMaxWithdraw"
