"""The book of Compound v2, May 2023, read from a file as a user would: the published figures hold.

`../shared/data` has per account what it owes and what its collateral counts for, in ETH. The test
gives each as much of one asset, with a threshold of 80%, as counts for that, and the debt in
another, both at 1,800 USD.
"""

from __future__ import annotations

import csv
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.books import COMPOUND_2023, Book, describe, recorded
from sim.health.census import census
from sim.market.market import FACTOR
from sim.scenario import Scenario, load, with_overrides
from sim.world import build

DATA = Path(__file__).resolve().parents[3] / "shared/data/compound_v2_accounts_2023_05.csv"
PRICE = 1_800
WAD = 10**18
OVERRIDES: dict[str, Any] = {
    "assets.WETH.price_usd": PRICE,
    "assets.DAI.price_usd": PRICE,
    "protocol.reserves.WETH.lt_bps": 8_000,
    "feeds.DAI.max_price_usd": 10_000,
    "feeds.DAI.min_price_usd": 1e-8,
    "suppliers.DAI": 1e9,
    "duration_hours": 1,
}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    if not DATA.exists():
        pytest.skip(f"reference data not available: ../shared/data/{DATA.name}")
    with DATA.open() as file:
        return list(csv.DictReader(file))


def scenario_of(rows: list[dict[str, str]], folder: Path) -> Scenario:
    unit = Decimal(10) ** -18
    lines = ["account,asset,supplied,debt"]
    for row in rows:
        counts = Decimal(row["cf_weighted_collateral_eth"])
        supplied = (counts / Decimal("0.8")).quantize(unit, ROUND_DOWN)
        lines.append(f"{row['account_id']},WETH,{supplied:f},0")
        lines.append(f"{row['account_id']},DAI,0,{Decimal(row['borrow_value_eth']):f}")
    (folder / "compound.csv").write_text("\n".join(lines))
    file = {"file": str(folder / "compound.csv")}
    return with_overrides(load("black-thursday"), {**OVERRIDES, "book": file})


@pytest.fixture(scope="module")
def scenario(rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    return scenario_of(rows, tmp_path_factory.mktemp("compound"))


@pytest.fixture(scope="module")
def book(scenario: Scenario) -> Book:
    return recorded(scenario)


def at(collateral_shock: float, scenario: Scenario, book: Book) -> dict[str, Any]:
    prices = [PRICE * 10**8] * 4
    prices[0] = round(prices[0] * (1 - collateral_shock))
    return describe(book, scenario, prices)


def test_concentration(scenario: Scenario, book: Book) -> None:
    """Shares and Gini to the digits that are published."""
    figures = at(0, scenario, book)
    assert figures["accounts"] == 4_793
    assert figures["total_debt_usd"] / PRICE == pytest.approx(300_000, rel=1e-3)
    for name in ("top_1_debt_share", "top_10_debt_share", "top_100_debt_share", "gini"):
        assert figures[name] == pytest.approx(COMPOUND_2023[name], abs=5e-4)


def test_health_of_accounts_of_more_than_one_eth(scenario: Scenario, book: Book) -> None:
    large = [debt > WAD for debt in book.debt[:, 3]]
    figures = at(0, scenario, Book(*(part[large] for part in book[:3])))
    assert figures["accounts"] == 1_044
    for percent, health in COMPOUND_2023["health_quantiles"].items():
        assert figures["health_quantiles"][percent] == pytest.approx(health, abs=5e-4)


def test_who_is_liquidatable_at_the_start(scenario: Scenario, book: Book) -> None:
    """1,008 accounts, which owe 104 ETH only."""
    figures = at(0, scenario, book)
    assert figures["liquidatable_accounts"] == 1_008
    assert figures["liquidatable_debt_usd"] / PRICE == pytest.approx(104, abs=0.5)


@pytest.mark.parametrize(
    ("shock", "percent"),
    [(0.01, 0.0), (0.03, 3.4), (0.05, 3.4), (0.1, 11.9), (0.2, 21.4), (0.3, 30.8), (0.43, 77.3)],
)
def test_debt_that_a_shock_makes_liquidatable(
    scenario: Scenario, book: Book, shock: float, percent: float
) -> None:
    before, after = at(0, scenario, book), at(shock, scenario, book)
    new = after["liquidatable_debt_usd"] - before["liquidatable_debt_usd"]
    assert 100 * new / before["total_debt_usd"] == pytest.approx(percent, abs=0.05)
    if shock == 0.03:
        assert new / PRICE == pytest.approx(10_232, abs=1)


def test_all_of_it_can_be_opened(rows: list[dict[str, str]], tmp_path: Path) -> None:
    """But for 61 accounts without any collateral: the protocol starts with everyone else, and the
    same ones are below 1 as in the file.
    """
    backed = [row for row in rows if float(row["cf_weighted_collateral_eth"]) > 0]
    assert len(rows) - len(backed) == 61
    world = build(scenario_of(backed, tmp_path))
    health = census(world.state)[:, FACTOR]
    published = np.array([float(row["health"]) for row in backed])
    # The file rounds to eight digits, and the opening takes some seconds' interest.
    sure = abs(published - 1) > 1e-6
    assert ((health < WAD) == (published < 1))[sure].all()
    assert (health < WAD).sum() == pytest.approx(1_008 - 61, abs=(~sure).sum())
