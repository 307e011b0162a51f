"""Liquidators who see the whole account: all pairs of a debt and a collateral that pay, best first.

What pays is found by carrying liquidations out, in many sizes, on copies of the state.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.agents.offers import asks, paying
from sim.engines.by_name import follower
from sim.engines.exact import run
from sim.health import watchers
from sim.health.census import census
from sim.health.prospects import (
    best_pair,
    may_pay,
    measure,
    prospect,
    rank_pairs,
    wanted,
)
from sim.market.costs import gas_value
from sim.market.market import (
    GAS_USED,
    KEEPS,
    LIQUIDATABLE,
    OWN_CAPITAL,
    PROFIT_FLOOR,
)
from sim.protocol import operations as op
from sim.protocol import pair
from sim.protocol.errors import OK
from sim.protocol.fixed_point import max_uint
from sim.protocol.records import copy
from sim.protocol.split import side_of
from sim.protocol.state import (
    CASH,
    FLAGGED_AT,
    IS_COLLATERAL,
    POSITION_DEBT,
    State,
)
from sim.protocol.transaction import entries
from sim.protocol.vault_accounts import debt_assets, health
from sim.tape.unpaid import unpaid
from sim.world import World, build
from tests.agents.pairs import (
    DAI,
    KEEPER,
    LIQUIDATIONS,
    PRICES,
    RICH,
    SELLER,
    SYMBOLS,
    TAKER,
    USDC,
    WBTC,
    WETH,
    Holdings,
    crash,
    fall,
    impair,
    liquidate,
    liquidations,
    many,
    market,
    some_venues,
)

WAD = 10**18
POPULATIONS = {
    "sellers": [SELLER, {**SELLER, "name": "dear", "profit_floor_usd": 500.0}],
    "with own capital": [{**SELLER, **RICH}],
    "a keeper": [KEEPER],
    "all kinds": [TAKER, KEEPER, SELLER],
}
ENGINES = ("close-factor", "target-health", "dutch-bonus")
DEEP = dict.fromkeys([(WETH, USDC), (WETH, DAI), (WBTC, USDC), (WBTC, DAI)], 1e8)


def value(s: State, w: Any, k: int, i: int, units: int) -> float:
    """USD at reference prices, unrounded."""
    return units / s.unit[i] * w.price[k, i] / 1e8


def gain(world: World, k: int, lq: int, a: int, d: int, c: int, amount: int) -> float:
    """USD that the liquidator gains if he repays `amount` of d for c, before gas; minus infinity if
    the protocol refuses that or there is nowhere to sell.
    """
    s, w = copy(world.state), world.market
    actor, row, p = w.liquidators.actor[lq], w.liquidators.terms[lq], s.pair_of[c, d]
    if row[OWN_CAPITAL] == 0:
        if p < 0 or op.flash_liquidate(s, actor, a, d, c, amount, 0) != OK:
            return -np.inf
        return value(s, w, k, d, s.result[2])
    for shares in (0, 1):
        if op.liquidate(s, actor, a, d, c, amount, 0, shares) == OK:
            break
    else:
        return -np.inf
    repaid, out = s.result[:2]
    if row[KEEPS] == 0 and shares == 0:
        if p < 0:
            return -np.inf
        _, got = pair.amount_out(world.state, p, side_of(s, p, c), out)
        return value(s, w, k, d, got - repaid)
    return value(s, w, k, c, out) - value(s, w, k, d, repaid)


def sizes(s: State, a: int, d: int) -> Iterator[int]:
    """Amounts to repay of debt d, from a hundred-thousandth to all of it, and those that leave a
    little more than a thousand dollars.
    """
    debt = debt_assets(s, a, d)
    yield from (int(debt * part) for part in np.geomspace(1e-5, 1, 26))
    yield debt
    yield max(0, debt - round(1_011 / PRICES[d]) * int(s.unit[d]))


def pairs_of(s: State, a: int) -> list[tuple[int, int]]:
    """(debt, collateral) of an account."""
    debts = np.flatnonzero(s.position[a, :, POSITION_DEBT] != 0)
    backing = np.flatnonzero(s.position[a, :, IS_COLLATERAL] != 0)
    return [(int(d), int(c)) for d in debts for c in backing]


def wants(world: World, k: int, lq: int) -> float:
    """USD: his floor and his gas."""
    s, w = world.state, world.market
    row = w.liquidators.terms[lq]
    return (row[PROFIT_FLOOR] + gas_value(w, s, k, row[GAS_USED])) / 1e8


def liquidatable(s: State) -> list[int]:
    return np.flatnonzero(census(s)[:, LIQUIDATABLE]).tolist()


# --- any account ----------------------------------------------------------------------------------


def random_world(folder: Path, seed: int, who: str, engine: str) -> tuple[World, int]:
    """Accounts of many kinds, all of them below 1."""
    rng = np.random.default_rng(seed)
    scenario = market(
        folder,
        many(rng, 30),
        POPULATIONS[who],
        some_venues(rng),
        protocol__liquidation__engine=engine,
        protocol__reserves__WBTC__liquidation_fee_bps=int(rng.integers(0, 5_000)),
        protocol__reserves__WETH__rehypothecate=bool(rng.integers(2)),
    )
    world = build(scenario)
    k = fall(world, 180.0, 7_500.0)
    if engine == "dutch-bonus":  # in the middle of the auction
        world.state.account[:, FLAGGED_AT] = int(world.market.time[0]) - 1_000
    impair(world, rng)
    return world, k


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("who", POPULATIONS)
@pytest.mark.parametrize("seed", range(2))
def test_no_pair_that_pays_in_any_size_is_missed(
    tmp_path: Path, seed: int, who: str, engine: str
) -> None:
    """Whatever pays when it is carried out is below the estimate, and found by the quotes; and what
    they find can be carried out. Accounts for which nothing does are those that nobody is paid for.
    """
    world, k = random_world(tmp_path, seed, who, engine)
    s, w = world.state, world.market
    w.liquidators.spent.fill(0)
    for c in range(4):
        for d in range(4):
            measure(s, w, k, c, d)
    for lq in range(len(w.liquidators.terms)):
        w.prospects.wanted[lq] = wanted(s, w, k, lq)
    alone, several, paid = 0, 0, set()
    for a in liquidatable(s):
        watchers.look_at(s, w, a)
        expected = prospect(s, w, a)
        for lq in range(len(w.liquidators.terms)):
            count = rank_pairs(s, w, lq, a)
            brings = dict(
                zip(
                    w.prospects.pairs[:count].tolist(),
                    w.prospects.brings[:count].tolist(),
                    strict=True,
                )
            )
            assert sorted(brings) == sorted(c * 4 + d for d, c in pairs_of(s, a))
            several += count > 1
            for d, c in pairs_of(s, a):
                least = asks(s, w, k, lq, d)
                pays, offer = paying(s, w, k, lq, a, d, c, max_uint(), least)
                if pays:
                    assert gain(world, k, lq, a, d, c, offer.amount) >= wants(world, k, lq) - 1e-6
                found = max(gain(world, k, lq, a, d, c, size) for size in sizes(s, a, d))
                if found > wants(world, k, lq) + 1e-6:
                    assert pays
                    assert may_pay(w, expected.most, expected.gain)
                    assert brings[c * 4 + d] >= w.prospects.wanted[lq]
                    assert expected.most * 1e-8 >= found
                    paid.add(a)
                    alone += 1
    assert alone > 10 and several > 10
    known = np.arange(len(s.account))
    stuck = unpaid(s, w, k, census(s), known.tolist())
    assert stuck.accounts == len(set(liquidatable(s)) - paid)
    assert stuck.value == sum(health(s, a).debt_value for a in set(liquidatable(s)) - paid)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(3))
def test_nobody_who_would_pay_is_left_alone(tmp_path: Path, seed: int, engine: str) -> None:
    """After the liquidators' turn no liquidation, of any size of any pair, would pay. Everyone owes
    what nobody pledges, so that no sale makes another one dearer.
    """
    rng = np.random.default_rng(seed)
    accounts: list[tuple[Holdings, Holdings]] = []
    for _ in range(30):
        size, share, part = 10 ** rng.uniform(2, 7), rng.uniform(), rng.uniform()
        supplied = {WETH: size * share, WBTC: size * (1 - share)}
        debt = (0.8 * supplied[WETH] + 0.65 * supplied[WBTC]) / rng.uniform(1.01, 1.3)
        accounts.append((supplied, {USDC: debt * part, DAI: debt * (1 - part)}))
    venues = {key: float(10 ** rng.uniform(4, 10)) for key in list(DEEP)[seed % 2 :]}
    scenario = market(tmp_path, accounts, [SELLER], venues, protocol__liquidation__engine=engine)
    world = build(scenario)
    k = fall(world, 180.0, 7_500.0)
    impair(world, rng)
    assert len(liquidations(world, k)) >= 3
    s = world.state
    left = liquidatable(s)
    for a in left:
        for d, c in pairs_of(s, a):
            most = max(gain(world, 1, 0, a, d, c, size) for size in sizes(s, a, d))
            assert most <= wants(world, 1, 0) + 1e-6
    stuck = unpaid(s, world.market, 1, census(s), list(range(len(s.account))))
    assert stuck.accounts == len(left)


@pytest.mark.parametrize("seed", range(6))
def test_the_best_pair_goes_first(tmp_path: Path, seed: int) -> None:
    """Of one account with deep and thin venues, the pair that gains most, repaid whole, if any is
    worth that; found by carrying every one of them out.
    """
    rng = np.random.default_rng(seed)
    share, part = rng.uniform(0.2, 0.8, 2)
    supplied = {WETH: 2e6 * share, WBTC: 2e6 * (1 - share)}
    debt = (0.8 * supplied[WETH] + 0.65 * supplied[WBTC]) / 1.01
    venues = {key: float(10 ** rng.uniform(7, 9)) for key in DEEP}
    world = build(
        market(
            tmp_path, [(supplied, {USDC: debt * part, DAI: debt * (1 - part)})], [SELLER], venues
        )
    )
    before = build(world.scenario)
    fall(before, 180.0, 7_200.0)
    gains = {
        (d, c): gain(before, 1, 0, 0, d, c, max_uint() >> 150) for d, c in pairs_of(before.state, 0)
    }
    first = liquidate(world, 180.0, 7_200.0)[0]
    assert gains[first[3], first[4]] == max(gains.values()) > 0


def test_of_pairs_that_bring_the_same_the_first_goes_first(tmp_path: Path) -> None:
    """To rounding, which is another one on integers and on floats."""
    w = build(market(tmp_path, [({WETH: 1e6}, {DAI: 7.9e5})], [SELLER], DEEP)).market
    for values, best in (
        ([1.0, 1.0 + 1e-12, 1.0 - 1e-12], 0),
        ([1.0, 1.1, 1.1 + 1e-12], 1),
        ([-1.0, 0.0, 0.0], 1),
        ([5.0, -1.0, 6.0], 2),
    ):
        w.prospects.brings[: len(values)] = values
        assert best_pair(w, len(values)) == best


# --- whole runs -----------------------------------------------------------------------------------


def test_checking_only_some_accounts_changes_nothing(tmp_path: Path) -> None:
    """Every row of the journal is equal, for accounts of several collaterals and debts."""
    world = crash(tmp_path, 3, POPULATIONS["all kinds"])
    lazy = [step.rows for step in run(world)]
    eager = build(world.scenario)
    eager = eager._replace(market=watchers.valuing_everyone(eager.market))
    assert lazy == [step.rows for step in run(eager)]
    pairs = {
        (row.account, row.x, row.y) for rows in lazy for row in rows if row.kind in LIQUIDATIONS
    }
    assert len(pairs) > len({a for a, _, _ in pairs})


@pytest.mark.chain
@pytest.mark.parametrize("seed", range(2))
def test_all_kinds_of_pairs_agree_with_the_contracts(tmp_path: Path, seed: int) -> None:
    """Sellers, keepers and takers on an EVM, word for word: accounts that owe what they pledge and
    pairs without a venue among them.
    """
    poor = {"capital_usd": dict.fromkeys(("WETH", "WBTC", "USDC", "DAI"), 3e5)}
    population = [{**KEEPER, **poor, "capacity_usd_per_hour": 1e6}, {**TAKER, **poor}, SELLER]
    world = crash(tmp_path, seed, population)
    done = set()
    with follower("revm", world) as chain:
        for step in run(world, chain):
            done |= {
                (row.x, row.y) for row in step.rows if row.kind in LIQUIDATIONS and not row.code
            }
        assert chain and chain.values > 20_000
    pair_of = world.state.pair_of
    assert any(pair_of[c, d] < 0 and c != d for d, c in done)
    assert any(c == d for d, c in done)


@pytest.mark.parametrize("cash", [100.0, 3_000.0, 8_000.0])
@pytest.mark.parametrize("population", [[SELLER], [{**SELLER, **RICH}]], ids=["flash", "own"])
def test_what_the_hub_can_pay_out_is_liquidated(
    cash: float, population: list[dict[str, Any]], tmp_path: Path
) -> None:
    """All but so many USD of the collateral are lent out. The account is liquidated as far as the
    cash goes, and counted if what is left of it pays nobody.
    """
    borrower = ({DAI: 100_000.0}, {WETH: 12_500.0 - cash})
    world = build(
        market(
            tmp_path,
            [({WETH: 12_500.0}, {DAI: 9_000.0}), borrower],
            population,
            {(WETH, DAI): 1e9},
            suppliers={**dict.fromkeys(SYMBOLS, 1e9), "WETH": 0.0},
        )
    )
    s, w = world.state, world.market
    k = fall(world, 160.0, 8_000.0)
    before = s.hub[WETH, CASH]
    assert before * 160 < 10_000 * s.unit[WETH] and health(s, 0).factor < WAD
    done = liquidations(world, k)
    refused = [row for row in entries(s) if row.code != OK]
    assert not refused
    if cash > 100:  # so little is not worth the gas
        assert done and s.hub[WETH, CASH] <= before // 100 + 1
    stuck = unpaid(s, w, 1, census(s)[[0]], [0])
    assert stuck.accounts == (health(s, 0).factor < WAD)
