"""Several vaults on one hub: the same book in each layout, on twin, contracts and compiled."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.agents.habits import reserves
from sim.engines.compiled import Compiled
from sim.engines.exact import run
from sim.engines.outcome import OPERATIONS, conclude, follow, names, width
from sim.front.run import Run
from sim.front.run import run as play
from sim.measures import vaults
from sim.protocol.records import copy
from sim.protocol.state import (
    DRAW_CAP,
    ENGINE,
    GUARDED,
    LT,
    REPORTED_DEFICIT,
    SCALED_DEBT,
    TRIP,
    State,
)
from sim.scenario import Scenario, load, with_overrides
from sim.world import World, build, on_path, start_of
from sim.world.opening import Opening

SHORT_RUN: dict[str, Any] = {"duration_hours": 5.5}
SHORT: dict[str, Any] = {**SHORT_RUN, "book.accounts": 24, "book.total_debt_usd": 6_000_000.0}
POOLED: dict[str, Any] = {"protocol.vaults": {}, "book.split": "no"}
STABLES: dict[str, Any] = {
    "ether": {"collateral": ["WETH", "WBTC"], "borrow": ["USDC"]},
    "small": {
        "collateral": ["LINK", "AAVE"],
        "borrow": ["USDC"],
        "reserves": {"LINK": {"lt_bps": 6_000, "ltv_bps": 5_500}},
        "liquidation": {"engine": "dutch-bonus", "delay_seconds": 600},
        "feeds": {"LINK": {"max_move_bps": 9_000}},
        "guard": {"trip_bps": 1_500},
        "draw_caps": {"USDC": 20_000_000},
    },
}


def scenario(**more: Any) -> Scenario:
    """Two vaults, one with rules of its own."""
    return with_overrides(load("alt-segments"), {**SHORT, "protocol.vaults": STABLES, **more})


@cache
def played() -> Run:
    """On the twin."""
    return play(scenario())


def test_a_vault_has_its_own_rules_and_all_others_of_the_protocol() -> None:
    s, w = build(scenario()).state, build(scenario(**POOLED)).state
    link = scenario().symbols.index("LINK")
    assert s.reserve[1, link, LT] == 6_000 != w.reserve[0, link, LT] == s.reserve[0, link, LT]
    assert s.policy[:, ENGINE].tolist() == [w.policy[0, ENGINE], 2]
    usdc = scenario().symbols.index("USDC")
    assert s.spoke[1, usdc, DRAW_CAP] == 20_000_000 * 10**6
    assert s.spoke[0, usdc, DRAW_CAP] == w.spoke[0, usdc, DRAW_CAP] > s.spoke[1, usdc, DRAW_CAP]
    assert s.guard[:, [GUARDED, TRIP]].tolist() == [[0, 0], [1, 1_500]]
    lowered = build(scenario(**{"protocol.reserves.WETH.ltv_bps": 5_000})).state
    assert (lowered.reserve[:, 0, 0] == 5_000).all(), "an override of all reaches every vault"


def test_one_named_vault_is_one_vault() -> None:
    """To the bit: the short form is the same protocol."""
    one = build(scenario(**{"protocol.vaults": {"only": {}}, "book.split": "no"}))
    pooled = build(scenario(**POOLED))
    for _ in zip(run(one), run(pooled), strict=True):
        _same(one.state, pooled.state)


def _same(a: State, b: State) -> None:
    for name in ("hub", "spoke", "reserve", "policy", "oracle", "account", "position", "holding"):
        assert (getattr(a, name) == getattr(b, name)).all(), name


@pytest.mark.parametrize("split", ["vaults", "isolated"])
def test_an_opening_at_once_is_that_of_operations(split: str) -> None:
    world = build(scenario(**{"book.split": split}))
    state, prices = copy(world.genesis), world.market.price
    kept = reserves(start_of(world.scenario, world.book, prices, world.book_seed))
    Opening(world.scenario, state, world.book, kept, list(prices[0])).blocks()
    _same(state, world.state)


@pytest.mark.chain
@pytest.mark.parametrize("split", ["vaults", "isolated"])
def test_contracts_do_what_the_twin_does(split: str) -> None:
    """Every slot of both vaults, after every step."""
    done = play(scenario(**{"book.split": split}), engine="revm")
    assert done.compared > 10_000
    trips = done.raw.tape.operations.query("kind == 'trip' and verdict == 'ok'")
    assert len(trips) > 0 and (trips["y"] == 1).all(), "of the vault that has a guard"
    assert done.raw.tape.run["differences"].iloc[0] == 0


def test_losses_of_vaults_are_those_of_assets() -> None:
    tape, found = played().raw.tape, vaults.losses(played().raw.tape)
    assert found.to_numpy().sum() > 0
    of_assets = played().losses
    for asset in played().scenario.symbols:
        ours = found.xs(asset, level="asset").sum()
        assert ours["bad_debt_usd"] == pytest.approx(of_assets.loc[asset, "reported"], abs=1e-3)
        assert ours["shortfall_usd"] == pytest.approx(of_assets.loc[asset, "shortfall"], abs=1e-3)
    owed = tape.vaults.groupby("asset", sort=False)["debt"].sum()
    last = tape.assets[tape.assets["step"] == tape.assets["step"].max()].set_index("asset")["debt"]
    assert all(abs(owed[asset] - last[asset]) <= 2 for asset in owed.index), "rounded up in each"


def test_what_falls_in_one_vault_is_lost_and_sold_in_it() -> None:
    """The firewall: nobody in the other is liquidated, and its accounts end as they began."""
    flat = {f"assets.{one}.price_usd": 3_000.0 for one in ("WETH", "WBTC")}
    done = play(scenario(**flat))
    lost = vaults.by_vault(done.raw.tape)
    assert lost["small"] > 0 == lost["ether"]
    assert done.by_asset["seized_tokens"]["WETH"] == done.by_asset["seized_tokens"]["WBTC"] == 0
    pooled = play(scenario(**flat, **POOLED))
    assert pooled.by_asset["seized_tokens"]["WETH"] > 0, "a pooled account is ill as a whole"


def test_an_asset_that_no_shocked_vault_may_draw_keeps_its_share_price(tmp_path: Path) -> None:
    """To the unit, and with it everything that the hub has of it."""
    book = tmp_path / "book.csv"
    book.write_text(
        "account,asset,supplied,debt,vault\n"
        "sound,WETH,10,0,ether\nsound,WBTC,0,0.1,ether\n"
        "risky,LINK,10000,0,small\nrisky,USDC,0,70000,small\n"
    )
    walls = {
        "ether": {"collateral": ["WETH"], "borrow": ["WBTC"]},
        "small": {"collateral": ["LINK"], "borrow": ["USDC"]},
    }
    whole: dict[str, Any] = {
        "book": {"file": str(book)},
        "contrast": None,
        "protocol.vaults": walls,
    }
    drop = [{"at": f"2026-01-01T02:0{n}:00Z", "value": value} for n, value in ((0, 15.0), (5, 4.0))]
    whole["assets.LINK.price_usd"] = drop
    fallen = with_overrides(load("alt-segments"), {**SHORT_RUN, **whole})
    calm = with_overrides(fallen, {"assets.LINK.price_usd": 15.0})
    (_, one), (_, other) = _ended(fallen), _ended(calm)
    usdc, wbtc = (fallen.symbols.index(name) for name in ("USDC", "WBTC"))
    assert one.spoke[1, usdc, REPORTED_DEFICIT] > 0 == other.spoke[1, usdc, REPORTED_DEFICIT]
    assert (one.hub[wbtc] == other.hub[wbtc]).all() and one.hub[wbtc, SCALED_DEBT] > 0
    assert (one.spoke[0] == other.spoke[0]).all() and (one.position[0] == other.position[0]).all()


def _ended(one: Scenario) -> tuple[World, State]:
    world = build(one)
    for _ in run(world):
        pass
    return world, world.state


@pytest.mark.slow
def test_compiled_paths_come_to_what_exact_ones_do() -> None:
    world = build(scenario())
    p, f = world.market.price, world.market.feeds.observed
    tables = [table.astype(np.float64)[np.newaxis] for table in (p, f)]
    (on_floats,) = Compiled(world).outcomes(*tables)
    one = on_path(world, tables[0][0], tables[1][0])
    exact = np.full(width(len(world.symbols), 2), 0, dtype=object)
    for k, rows, _ in run(one):
        if k:
            exact[OPERATIONS] += len(rows)
            follow(one.state, one.market, k, exact)
    conclude(one.state, one.market, world.scenario.steps, exact)
    found = dict(zip(names(world.symbols, list(STABLES)), on_floats, strict=True))
    wanted = dict(zip(names(world.symbols, list(STABLES)), exact, strict=True))
    assert wanted["vault_loss.small"] > 0
    for name, value in wanted.items():
        # Fees are minted at every accrual, each time rounded by a unit of every asset.
        fees = name == "revenue" or name.startswith("bearable")
        slack = 3e6 if fees else 1e3  # USD with 8 decimals
        assert found[name] == pytest.approx(float(value), rel=1e-6, abs=slack), name
    assert sum(found[f"vault_loss.{one}"] for one in STABLES) == pytest.approx(
        found["bad_debt"] + found["shortfall"], rel=1e-6
    )
