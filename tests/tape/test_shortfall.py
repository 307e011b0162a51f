"""Shortfall is what an account cannot pay at market prices, whatever the oracle says of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.agents.start import owner
from sim.books import Book
from sim.engines.outcome import BAD_DEBT, GAS, PROFIT, SHORTFALL, conclude, width
from sim.measures.registry import figure
from sim.measures.solvency import in_usd, liquidations, losses
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import LAST_ACCRUAL, Array, State
from sim.scenario import Scenario
from sim.tape import Frames, frames
from sim.tape.exact_shortfall import shortfall
from sim.world import World
from tests.simulation.spiral import scenario, world_with
from tests.tape.storm import play, storm

LOW = 18
"""The step of the lowest price."""
STUCK = {"feeds__faults": [{"kind": "floor", "asset": "WETH", "answer_usd": 1_900.0}]}
SCENARIOS: dict[str, Scenario] = {
    "feeds that follow": storm(seed=2),
    "a debt whose value is no whole number": storm(seed=2, assets__USDC__price_usd=1.00000007),
    "a feed that stands still": storm(**STUCK),
    "a feed that is down": storm(feeds__WETH__min_price_usd=1_500.0),
}


def by_account(tape: Frames, step: int) -> pd.DataFrame:
    """Of every account at the end, which is `step`: debt and collateral, USD with 8 decimals,
    rounded as the vault rounds, from its positions and the prices of the market.
    """
    assets = tape.assets[tape.assets["step"] == step].set_index("asset")
    rows = []
    for row in tape.accounts.itertuples():
        price = round(assets.loc[row.asset, "reference_price_usd"] * 10**8)
        unit = 10 ** int(assets.loc[row.asset, "decimals"])
        owed = -(-row.debt_end * price // unit)
        backing = row.supplied_end * price // unit if row.is_collateral else 0
        rows.append((row.account, owed, backing))
    table = pd.DataFrame(rows, columns=["account", "debt", "collateral"])
    return table.groupby("account").sum()


def blank(s: State) -> Array:
    """An outcome before anything happened, for integers."""
    return np.full(width(len(s.unit)), 0, dtype=object)


@pytest.mark.parametrize("name", SCENARIOS)
def test_of_a_tape_it_is_what_the_positions_lack_at_market_prices(name: str) -> None:
    """To the unit in total; split over the assets owed to a unit of each per account."""
    _, recorded = play(SCENARIOS[name], steps=LOW)
    tape = frames(recorded.tables(complete=False))
    missing = by_account(tape, LOW).eval("debt - collateral").clip(lower=0)
    assert recorded.latest["shortfall_usd"] == missing.sum() / 10**8 > 0
    assets = tape.assets[tape.assets["step"] == LOW]
    units = 10.0 ** assets["decimals"].astype(float)
    usd = (assets["shortfall"].astype(float) / units * assets["reference_price_usd"]).sum()
    worth = (assets["reference_price_usd"] / units).sum()
    assert usd == pytest.approx(recorded.latest["shortfall_usd"], abs=(missing > 0).sum() * worth)
    assert (assets["oracle_price_usd"] != assets["reference_price_usd"]).any()


def lost_by_account(tape: Frames) -> float:
    """Written off, and of every account what its collateral does not cover, USD at the end."""
    last = tape.assets[tape.assets["step"] == tape.assets["step"].max()].set_index("asset")
    price = last["reference_price_usd"] / 10.0 ** last["decimals"].astype(float)
    rows = tape.accounts.join(price.rename("worth"), on="asset")
    pledged = rows["supplied_end"].astype(float).where(rows["is_collateral"], 0.0)
    missing = (rows["debt_end"].astype(float) - pledged) * rows["worth"]
    uncovered = missing.groupby(rows["account"]).sum().clip(lower=0.0).sum()
    return float((last["deficit_reported"].astype(float) * price).sum() + uncovered)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_outcome_of_a_path_is_what_the_tape_says_at_its_end(name: str) -> None:
    """Of a sweep's path: shortfall, bad debt, and the liquidators' profit, which is after gas."""
    world, recorded = play(SCENARIOS[name])
    tape = frames(recorded.tables(complete=True))
    outcome = blank(world.state)
    conclude(world.state, world.market, world.scenario.steps, outcome)
    assert outcome[SHORTFALL] / 10**8 == recorded.latest["shortfall_usd"]
    lost = in_usd(losses(tape))
    assert outcome[BAD_DEBT] / 10**8 == pytest.approx(lost["reported"].sum(), abs=1e-6)
    both = lost["reported"].sum() + lost["shortfall"].sum()
    assert figure(tape, "loss_usd") == pytest.approx(both)
    assert lost_by_account(tape) == pytest.approx(both, abs=0.01)
    did = liquidations(tape)
    assert outcome[PROFIT] / 10**8 == pytest.approx(did.profit_usd, abs=1e-6)
    assert outcome[GAS] / 10**8 == pytest.approx(did.gas_usd, abs=1e-6)


def test_profit_is_what_sales_brought_less_repayments_less_gas() -> None:
    """From the journal: units of the debt that every liquidation left, and the gas it burnt."""
    world, recorded = play(storm(liquidators=[stubborn()]))
    operations = frames(recorded.tables(complete=True)).operations
    done = operations[(operations["kind"] == "flash_liquidate") & (operations["verdict"] == "ok")]
    s, w = world.state, world.market
    usd = 0.0
    for row in done.itertuples():
        price = float(w.price[row.step, row.x]) / float(s.unit[row.x]) / 1e8
        gas = 500_000 * float(w.gas_price[row.step]) / 1e18 * float(w.price[row.step, 0]) / 1e8
        usd += int(row.result2) * price - gas
    outcome = blank(s)
    conclude(s, w, world.scenario.steps, outcome)
    assert len(done) > 10
    assert outcome[PROFIT] / 10**8 == pytest.approx(usd, abs=1e-6)
    assert outcome[GAS] > 10**8


def stubborn() -> dict[str, Any]:
    """The storm's liquidator who pays any gas price."""
    return storm().liquidators[1].model_dump()


def test_a_feed_that_is_down_ruins_nobody() -> None:
    """WETH falls by a twentieth, and the router refuses its price; everyone could still pay."""
    prices = [{"at": storm().start, "value": 2_000.0}, {"at": low(), "value": 1_900.0}]
    calm = storm(
        assets__WETH__price_usd=prices,
        assets__WBTC__price_usd=30_000.0,
        feeds__WETH__min_price_usd=1_950.0,
    )
    world, recorded = play(calm)
    tape = frames(recorded.tables(complete=True))
    last = tape.assets[tape.assets["asset"] == "WETH"].iloc[-1]
    assert last["oracle_status"] == "down" and last["reference_price_usd"] == 1_900
    ruined = by_account(tape, calm.steps).eval("debt > collateral")
    assert not ruined.any()
    outcome = blank(world.state)
    conclude(world.state, world.market, calm.steps, outcome)
    assert outcome[SHORTFALL] == recorded.latest["shortfall_usd"] == 0
    assert losses(tape)["shortfall"].eq(0).all()


def low() -> Any:
    return storm().assets["WETH"].price_usd[1].at  # type: ignore[union-attr,index]


# --- what counts as collateral --------------------------------------------------------------------

USD = 10**8
AT_1000 = np.array([1_000 * USD, USD], dtype=object)
"""WETH and USDC; the oracle goes on saying 2,000."""
SPARE = 50_000 * 10**6


def two_accounts(lent: bool = False) -> World:
    """250 WETH against $399,000; and 500 WETH against $100,000, which is enough at any price here.
    The first owner has $50,000 besides.
    """
    book = Book(
        np.array([[250 * 10**18, 0], [500 * 10**18, 0]], dtype=object),
        np.array([[0, 399_000 * 10**6], [0, 100_000 * 10**6]], dtype=object),
        np.zeros(2, dtype=bool),
    )
    world = world_with(book, scenario(protocol__reserves__WETH__rehypothecate=lent))
    mint(world, SPARE)
    return world


def mint(world: World, amount: int) -> None:
    """USDC for the owner of the first account."""
    assert op.mint_token(world.state, owner(world.scenario, 0), 1, amount) == OK


def missing(world: World) -> tuple[float, float]:
    """The shortfall at 1,000 in USD, by tape and by outcome; and what is missing in USDC."""
    s, w = world.state, world.market
    found = shortfall(s, AT_1000)
    w.price[1] = AT_1000
    outcome = blank(s)
    conclude(s, w, 1, outcome)
    assert outcome[SHORTFALL] == found.value
    assert found.tokens[0] == 0
    return found.value / USD, found.tokens[1] / 10**6


@pytest.mark.parametrize("lent", [False, True])
def test_debt_less_collateral_of_each_account_alone(lent: bool) -> None:
    """399,000 - 250,000; what the other has to spare, 400,000, is nobody else's."""
    assert missing(two_accounts(lent)) == pytest.approx((149_000, 149_000), abs=1e-5)


def test_a_deposit_counts_while_it_can_be_seized() -> None:
    world = two_accounts()
    assert op.supply(world.state, owner(world.scenario, 0), 0, 1, SPARE) == OK
    assert missing(world) == pytest.approx((99_000, 99_000), abs=1e-5)
    assert op.set_collateral(world.state, owner(world.scenario, 0), 0, 1, 0) == OK
    assert missing(world) == pytest.approx((149_000, 149_000), abs=1e-5)


def test_a_deposit_in_an_asset_that_backs_nothing_does_not_count() -> None:
    book = two_accounts().book
    world = world_with(book, scenario(protocol__reserves__USDC__collateral_enabled=False))
    mint(world, SPARE)
    assert op.supply(world.state, owner(world.scenario, 0), 0, 1, SPARE) == OK
    assert missing(world) == pytest.approx((149_000, 149_000), abs=1e-5)


def test_debt_grows_until_now() -> None:
    """A year at 10%, compounded: 1 + x + x^2 / 2 + x^3 / 6 of 399,000, less 250,000."""
    flat = {"base_rate_bps": 1_000, "slope1_bps": 0, "slope2_bps": 0}
    rates = {f"protocol__rates__USDC__{name}": value for name, value in flat.items()}
    world = world_with(two_accounts().book, scenario(**rates))
    s = world.state
    s.clock[0] = s.hub[1, LAST_ACCRUAL] + 365 * 86_400
    grown = 399_000 * (1 + 0.1 + 0.1**2 / 2 + 0.1**3 / 6)
    assert missing(world)[0] == pytest.approx(grown - 250_000, rel=1e-6)
