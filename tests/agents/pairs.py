"""Accounts of several collaterals and debts on venues that are thin or missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from sim.agents import liquidators
from sim.health import watchers
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import RESERVE0, RESERVE1, SUPPLIED
from sim.protocol.transaction import entries
from sim.protocol.vault_accounts import has_debt, health
from sim.scenario import Scenario, load, with_overrides
from sim.world import World, build

SYMBOLS = ("WETH", "WBTC", "USDC", "DAI")
WETH, WBTC, USDC, DAI = range(4)
PRICES = (200.0, 8_000.0, 1.0, 1.0)
THRESHOLDS = (0.8, 0.65, 0.8, 0.8)
LIQUIDATIONS = (op.liquidate.kind, op.flash_liquidate.kind)

SELLER: dict[str, Any] = {
    "name": "seller",
    "max_gas_price_gwei": 1_000.0,
    "gas_used": 500_000,
    "profit_floor_usd": 5.0,
    "capacity_usd_per_hour": 1.2e10,
}
RICH: dict[str, Any] = {"capital_usd": dict.fromkeys(SYMBOLS, 1e9)}
KEEPER = {**SELLER, **RICH, "name": "keeper", "keeps_collateral": True}
TAKER = {**SELLER, **RICH, "name": "taker", "takes_shares": True, "profit_floor_usd": 50.0}

LOOPED = (1e5, 2e5, 4e5)
Holdings = dict[int, float]
"""Asset -> USD at the start."""


def market(
    folder: Path,
    accounts: list[tuple[Holdings, Holdings]],
    population: list[dict[str, Any]],
    venues: dict[tuple[int, int], float],
    **overrides: Any,
) -> Scenario:
    """Black Thursday's protocol at flat prices, with a book of (collateral, debt) and venues of
    these depths, USD a side; `__` stands for the dot of a path.
    """
    lines = ["account,asset,supplied,debt"]
    for a, (supplied, owed) in enumerate(accounts):
        for i in sorted({*supplied, *owed}):
            amounts = (part.get(i, 0.0) / PRICES[i] for part in (supplied, owed))
            lines.append(f"{a},{SYMBOLS[i]}," + ",".join(f"{amount:.6f}" for amount in amounts))
    file = folder / "book.csv"
    file.write_text("\n".join(lines) + "\n")
    named = {name.replace("__", "."): value for name, value in overrides.items()}
    flat = {
        f"assets.{symbol}.price_usd": price for symbol, price in zip(SYMBOLS, PRICES, strict=True)
    }
    return with_overrides(
        load("black-thursday"),
        {
            **flat,
            "gas_price_gwei": 10.0,
            "duration_hours": 2,
            "book": {"file": str(file)},
            "suppliers": dict.fromkeys(SYMBOLS, 1e9),
            "venues": [
                {"assets": [SYMBOLS[i], SYMBOLS[j]], "depth_usd_per_side": depth, "fee_bps": 30}
                for (i, j), depth in venues.items()
            ],
            "liquidators": population,
            **named,
        },
    )


def fall(world: World, weth: float, wbtc: float) -> int:
    """Everyone, venues included, sees these prices at step 1, and looks; the step."""
    s, w = world.state, world.market
    s.clock[0] = w.time[1]
    for i, price in enumerate((weth, wbtc, 1.0, 1.0)):
        w.price[1, i] = round(price * 10**8)
        for _ in range(2):  # a large move is believed once it has lasted
            op.post_price(s, 0, i, 0, w.price[1, i])
            op.poke(s, 0, i, 0)
        op.accrue(s, 0, i)
    for p, (i, j) in enumerate(s.pair_tokens):
        value = w.price[1, i] * s.pair[p, RESERVE0] // s.unit[i]
        s.pair[p, RESERVE1] = value * s.unit[j] // w.price[1, j]
    watchers.look(s, w)
    return 1


def impair(world: World, rng: np.random.Generator) -> None:
    """Everyone loses so much collateral that he is at a health of .6 to 1, and is looked at."""
    s, w = world.state, world.market
    for a in range(len(s.account)):
        if has_debt(s, a):
            factor, wanted = health(s, a).factor, int(rng.uniform(0.6, 1) * 1e18)
            s.position[a, :, SUPPLIED] = s.position[a, :, SUPPLIED] * wanted // factor
    w.watchers.limit.fill(np.inf)
    w.watchers.nearest.fill(np.inf)
    watchers.look(s, w)


def liquidate(world: World, weth: float, wbtc: float) -> list[Any]:
    """The liquidations that are carried out after such a fall."""
    return liquidations(world, fall(world, weth, wbtc))


def liquidations(world: World, k: int) -> list[Any]:
    """The liquidations that are carried out in the liquidators' turn."""
    s = world.state
    s.journal_length[0] = 0
    liquidators.act(s, world.market, k)
    return [row for row in entries(s) if row.kind in LIQUIDATIONS and row.code == OK]


def many(rng: np.random.Generator, number: int) -> list[tuple[Holdings, Holdings]]:
    """Accounts of one to three collaterals, most of them WETH or WBTC, and one or two debts, of a
    hundred to ten million USD, some of which owe what they pledge; healthy by up to a tenth.
    """
    accounts = []
    for _ in range(number):
        order = rng.choice(4, size=4, replace=False, p=[0.4, 0.4, 0.1, 0.1])
        held, other = order[: rng.integers(1, 4)], order[3]
        owed = [other, *rng.choice(order[:3], size=rng.integers(0, 2))]
        size = 10 ** rng.uniform(2, 7)
        supplied = _split(rng, held, size)
        backing = sum(THRESHOLDS[i] * usd for i, usd in supplied.items())
        debts = _split(rng, owed, backing / rng.uniform(1.01, 1.1))
        if max(debts, key=lambda i: debts[i]) == other:  # what is pledged alone cannot be borrowed
            accounts.append((supplied, debts))
    return accounts


def _split(rng: np.random.Generator, assets: Sequence[int], usd: float) -> Holdings:
    parts = rng.dirichlet([1] * len(assets))
    return {int(i): float(usd * part) for i, part in zip(assets, parts, strict=True)}


def some_venues(rng: np.random.Generator) -> dict[tuple[int, int], float]:
    """Four of the six venues there could be, of ten thousand to a hundred million USD."""
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    chosen = rng.choice(len(pairs), size=4, replace=False)
    return {pairs[n]: float(10 ** rng.uniform(4, 8)) for n in sorted(chosen)}


def crash(folder: Path, seed: int, population: list[dict[str, Any]], **overrides: Any) -> World:
    """Such accounts, and three that owe most of what they pledge, in the hours of the crash, with
    its prices and gas.
    """
    rng = np.random.default_rng(seed)
    day = load("black-thursday")
    scenario = market(
        folder,
        many(rng, 30) + [({WETH: usd}, {WETH: 0.42 * usd, DAI: 0.31 * usd}) for usd in LOOPED],
        population,
        some_venues(rng),
        start=datetime(2020, 3, 12, 9, tzinfo=timezone.utc),
        duration_hours=5,
        **{f"assets__{symbol}__price_usd": day.assets[symbol].price_usd for symbol in SYMBOLS},
        gas_price_gwei=day.gas_price_gwei,
        **overrides,
    )
    return build(scenario)
