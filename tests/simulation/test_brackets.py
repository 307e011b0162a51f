"""Brackets of collateral in a run: what counts in them is watched for what it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from sim.engines.exact import run
from sim.health import watchers
from sim.health.census import census, counted
from sim.health.levels import SLACK, estimate
from sim.market.market import DEBT_VALUE, FACTOR
from sim.protocol import operations as op
from sim.protocol.state import POSITION_DEBT, SUPPLIED
from sim.protocol.vault_accounts import health
from sim.scenario import Scenario, load, with_overrides
from sim.world import build
from tests.simulation.runs import SMALL
from tests.simulation.test_lazy_checks import BRACKETS

WAD = 10**18


def _scenario(overrides: dict[str, Any], redraw_book: bool = False) -> Scenario:
    return with_overrides(load("black-thursday"), {**SMALL, **overrides}, redraw_book)


def _rising(scenario: Scenario, symbol: str, by: float) -> list[dict[str, Any]]:
    """Its price goes up by a factor over two hours."""
    price = scenario.assets[symbol].price_usd
    first = price if isinstance(price, float | int) else price[0].value
    times = scenario.start, scenario.start + timedelta(hours=2)
    return [{"at": at, "value": first * x} for at, x in zip(times, (1, by), strict=True)]


def test_prices_that_rise_together_make_a_whale_ill() -> None:
    """Twelve times the collateral is not twelve times the weight: whoever owes WBTC against WETH is
    liquidated although the ratio of their prices stays, and lazy checks find him as soon as others.
    """
    plain = _scenario({})
    everyone = _scenario(
        {
            "protocol.reserves.WETH.tiers": [{"above_usd": 100_000, "lt_bps": 5_000}],
            "assets.WETH.price_usd": _rising(plain, "WETH", 12),
            "assets.WBTC.price_usd": _rising(plain, "WBTC", 12),
            "feeds.WETH.max_price_usd": 1e6,
            "feeds.WBTC.max_price_usd": 1e6,
            "book.collateral_weights": {"WETH": 1, "WBTC": 0, "USDC": 0, "DAI": 0},
            "book.debt_weights": {"WETH": 0, "WBTC": 1, "USDC": 0, "DAI": 0},
            "book.two_collateral_share": 0.0,
            "book.same_asset_share": 0.0,
            "suppliers.WBTC": 5e7,
        },
        redraw_book=True,
    )
    lazy = [step.rows for step in run(build(everyone))]
    world = build(everyone)
    eager = world._replace(market=watchers.valuing_everyone(world.market))
    assert lazy == [step.rows for step in run(eager)]
    kinds = [row.kind for rows in lazy[1:] for row in rows if row.code == 0]
    assert op.flash_liquidate.kind in kinds or op.liquidate.kind in kinds


def test_all_who_value_an_account_agree() -> None:
    """The contract's integers, all accounts at once, and the estimate in doubles."""
    world = build(_scenario(BRACKETS))
    s, w = world.state, world.market
    seen, exact = census(s), counted(s, np.arange(len(s.account)))
    owing = np.flatnonzero(seen[:, DEBT_VALUE])
    several = 0
    for a in owing:
        h = health(s, a)
        assert exact[a, FACTOR] == h.factor
        assert abs(seen[a, FACTOR] / h.factor - 1) < 1e-9
        guess = estimate(s, w, a)
        assert guess == 0 or abs(guess / (h.factor / WAD) - 1) < SLACK
        several += h.weighted_collateral < 7_000 * h.collateral_value
    assert len(owing) > 20 and several > 5, "most have more than a bracket"


def test_a_book_that_is_drawn_under_brackets_owes_less_and_is_as_healthy() -> None:
    """Same collateral, and the health that it is drawn with: the debt of whoever has more than a
    bracket is less, by what its collateral counts for less.
    """
    flat, tiered = build(_scenario({})), build(_scenario(BRACKETS, redraw_book=True))
    a, b = flat.state, tiered.state
    n = len(flat.book.debt)
    assert (a.position[:n, :, SUPPLIED] == b.position[:n, :, SUPPLIED]).all()
    fewer = a.position[:n, :, POSITION_DEBT] > b.position[:n, :, POSITION_DEBT]
    assert (
        fewer.any() and (a.position[:n, :, POSITION_DEBT] >= b.position[:n, :, POSITION_DEBT]).all()
    )
    ratio = census(b)[:n, FACTOR] / census(a)[:n, FACTOR]
    assert np.quantile(ratio, 0.1) > 1 - 1e-6, "healthier, if the borrow limit asks for it"
