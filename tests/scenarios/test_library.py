"""Every scenario of the package says where it is from, and its levels are those published."""

from __future__ import annotations

import csv
import re
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from sim.market.level_tables import gas_table, price_table
from sim.scenario import Scenario, load
from sim.schema.base import Waypoint
from tests.scenarios.library import EVENTS, SYNTHETIC

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "sim" / "scenarios"
REFERENCE = ROOT.parent / "shared" / "data"


def column(scenario: Scenario, symbol: str) -> list[float]:
    """The reference prices of a run, step by step."""
    i = scenario.symbols.index(symbol)
    return [float(price) / 1e8 for price in price_table(scenario)[:, i]]


@pytest.mark.parametrize("name", EVENTS + SYNTHETIC)
def test_it_tells_what_it_is(name: str) -> None:
    scenario = load(name)
    assert scenario.name == name
    assert len(scenario.title) <= 80, "one line of --list"
    assert all(len(source) > 3 for source in scenario.sources)
    assert scenario.paths is not None, "a sweep has something to vary"
    head = (FOLDER / f"{name}.yaml").read_text().split("\nname:")[0]
    assert all(line.startswith("#") for line in head.splitlines() if line)


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_says_what_it_leaves_out_and_what_was_published(name: str) -> None:
    scenario = load(name)
    text = (FOLDER / f"{name}.yaml").read_text()
    assert scenario.expected
    assert {figure.measure for figure in scenario.expected} & {"loss_usd", "liquidations"}
    assert any("assumption" in line for line in text.splitlines())
    if name != "black-thursday":  # which is whole, and the model of tone
        assert re.search(r"^# Reproduced: ", text, re.MULTILINE)
        assert re.search(r"^# Left out: ", text, re.MULTILINE)


@pytest.mark.parametrize("name", SYNTHETIC)
def test_a_synthetic_one_says_so(name: str) -> None:
    scenario = load(name)
    assert not scenario.expected
    assert scenario.sources[0].startswith("none: made up")


def test_events_are_in_the_order_of_their_dates() -> None:
    starts = [load(name).start for name in EVENTS]
    assert starts == sorted(starts)


# Published extremes, typed from the sources that the files name: (scenario, asset, low, high).
EXTREMES = [
    ("black-thursday", "WETH", 86.0, None),
    ("black-thursday", "WBTC", 3782.13, None),
    ("dai-spike", "WETH", 482.0, None),
    ("may-2021", "WETH", 1862.0, 3376.0),
    ("may-2021", "WBTC", 30000.0, None),
    ("luna", "LUNA", 4e-5, None),
    ("luna", "UST", 0.225, None),
    ("luna", "WETH", 1800.0, None),
    ("steth-discount", "WETH", 881.56, None),
    ("ftx", "WETH", 1073.53, None),
    ("crv-squeeze", "CRV", 0.401, 0.740),
    ("usdc-depeg", "USDC", 0.874, 0.9982),
    ("usdc-depeg", "DAI", 0.886, None),
    ("usdc-depeg", "USDT", None, 1.027),
    ("crv-founder-2023", "CRV", 0.482, None),
    ("crv-founder-2024", "CRV", 0.219, None),
    ("august-2024", "WETH", 2111.0, None),
    ("august-2024", "WBTC", 49000.0, None),
    ("february-2025", "WETH", 2125.01, None),
    ("october-2025", "WETH", 3435.0, None),
    ("october-2025", "WBTC", 102000.0, None),
    ("october-2025", "AAVE", 128.0, None),
    ("october-2025", "LINK", 15.0, 22.0),
]


@pytest.mark.parametrize(("name", "symbol", "low", "high"), EXTREMES)
def test_a_run_meets_the_published_extremes(
    name: str, symbol: str, low: float | None, high: float | None
) -> None:
    """On the steps themselves: no low falls between two of them."""
    prices = column(load(name), symbol)
    assert low is None or min(prices) == pytest.approx(low, rel=1e-3)
    assert high is None or max(prices) == pytest.approx(high, rel=1e-3)


@pytest.mark.parametrize("name", EVENTS)
def test_expected_prices_are_those_of_the_levels(name: str) -> None:
    """What is only put in cannot be off: it says that the right prices were run."""
    scenario = load(name)
    for figure in scenario.expected:
        kind, asset = figure.measure.partition(".")[0], figure.asset
        if kind == "lowest_price" and asset:
            assert min(column(scenario, asset)) == pytest.approx(figure.value, rel=5e-3)
        if kind == "highest_price" and asset:
            assert max(column(scenario, asset)) == pytest.approx(figure.value, rel=5e-3)
        if kind == "highest_gas_gwei":
            assert float(max(gas_table(scenario))) / 1e9 == pytest.approx(figure.value, rel=5e-2)


def test_gas_of_may_2021_is_of_the_order_of_the_days_mean() -> None:
    """309 gwei were measured, 1,656 at most."""
    gwei = gas_table(load("may-2021")).astype(float) / 1e9
    assert 0.7 * 309 < gwei.mean() < 1.3 * 309


def test_sizes_are_those_published() -> None:
    """Where a loan or a market was published, the book has it: tokens from value and price."""
    squeeze, founder, again = (
        load(name).book.total_debt_usd * load(name).book.max_account_share
        for name in ("crv-squeeze", "crv-founder-2023", "crv-founder-2024")
    )
    assert squeeze / 0.498 == pytest.approx(92e6, rel=1e-2)
    assert founder == pytest.approx(63.2e6, rel=1e-3)
    assert again == pytest.approx(95.7e6, rel=1e-3)
    # collateral = health x debt / threshold
    for name, debt, threshold, price, collateral in (
        ("crv-squeeze", squeeze, 0.88, 1, 63.6e6),
        ("crv-founder-2023", founder, 0.55, 0.734, 305e6),
        ("crv-founder-2024", again, 0.75, 1, 140e6),
    ):
        quantiles = load(name).book.health_quantiles
        low, high = (debt * health / threshold / price for _, health in quantiles)
        assert low * 0.99 <= collateral <= high * 1.01, name


# --- against the reference data -------------------------------------------------------------------

SERIES = {"WETH": "ETHUSDT", "WBTC": "BTCUSDT", "CRV": "CRVUSDT", "LUNA": "LUNAUSDT"}
SERIES |= {"UST": "USTUSDT"}
WINDOWS = {
    "dai-spike": ("WETH",),
    "may-2021": ("WETH", "WBTC"),
    "luna": ("WETH", "LUNA", "UST"),
    "steth-discount": ("WETH",),
    "ftx": ("WETH", "CRV"),
    "crv-squeeze": ("CRV",),
    "crv-founder-2023": ("CRV",),
    "august-2024": ("WETH", "WBTC"),
    "february-2025": ("WETH", "WBTC"),
    "october-2025": ("WETH", "WBTC"),
}
FROM_ELSEWHERE = {("may-2021", "WETH"): {3376.0, 1862.0}}
"""Ten-minute bars."""


@cache
def bars() -> dict[tuple[str, str], dict[str, str]]:
    """Hourly bars by symbol and time."""
    file = REFERENCE / "prices_1h_event_windows.csv"
    if not file.exists():
        pytest.skip(f"reference data not available: ../shared/data/{file.name}")
    with file.open(newline="") as rows:
        return {(row["symbol"], row["timestamp"][:16]): row for row in csv.DictReader(rows)}


def known_levels(
    rows: dict[tuple[str, str], dict[str, str]], series: str, at: datetime
) -> set[float]:
    """What the bars say about a time: the close of the hour that ends, or the extremes of the one
    it lies in.
    """
    if at.minute == 0:
        names = {at - timedelta(hours=1): ("close",), at: ("open",)}
    else:
        names = {at.replace(minute=0): ("low", "high")}
    found = ((rows.get((series, f"{hour:%Y-%m-%dT%H:%M}")), names[hour]) for hour in names)
    return {float(row[name]) for row, wanted in found if row for name in wanted}


@pytest.mark.parametrize(
    ("name", "symbol"), [(name, s) for name, symbols in WINDOWS.items() for s in symbols]
)
def test_waypoints_are_hourly_closes_and_extremes(name: str, symbol: str) -> None:
    """All but those named, which are from elsewhere."""
    rows = bars()
    level = load(name).assets[symbol].price_usd
    assert isinstance(level, tuple)
    found = {w.value for w in level if matches(known_levels(rows, SERIES[symbol], w.at), w)}
    assert {w.value for w in level} - found == FROM_ELSEWHERE.get((name, symbol), set())
    assert len(found) >= 6


def matches(levels: set[float], waypoint: Waypoint) -> bool:
    return any(waypoint.value == pytest.approx(level, rel=1e-4) for level in levels)


def test_depeg_waypoints_are_krakens_lows() -> None:
    file = REFERENCE / "usdc_depeg_2023_03_1h.csv"
    if not file.exists():
        pytest.skip(f"reference data not available: ../shared/data/{file.name}")
    with file.open(newline="") as rows:
        kraken = [row for row in csv.DictReader(rows) if row["source"] == "kraken"]
    lows = {
        row["timestamp"][:13]: float(row["low"]) for row in kraken if row["symbol"] == "USDCUSD"
    }
    level = load("usdc-depeg").assets["USDC"].price_usd
    assert isinstance(level, tuple)
    for waypoint in level[1:]:  # the first is the open of the day
        assert waypoint.value == pytest.approx(lows[f"{waypoint.at:%Y-%m-%dT%H}"], rel=1e-4)
