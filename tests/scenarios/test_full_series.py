"""Real crashes on their full hourly series instead of waypoints.

The series of `../shared/data` become the candle files that a user would have; a book of accounts
that each fall due at a price of their own is read from a file. So it is known from the series alone
who is liquidated, and when.
"""

from __future__ import annotations

import csv
import math
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from sim.engines.exact import run
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.scenario import Scenario, known, load, with_overrides
from sim.schema.book import BorrowerBook
from sim.world import World, build
from tests.lockstep.invariants import check_state

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
HOURLY, DEPEG = "prices_1h_event_windows.csv", "usdc_depeg_2023_03_1h.csv"
STEP = 1_800  # closes at the end of an hour and lows in its middle are at steps
THRESHOLD = 0.8  # of WETH and of USDC
# A feed stays within 0.5% of the market; interest of up to ten days is another 0.3%.
SURELY_ABOVE, SURELY_BELOW = 1.009, 0.991


class Event(NamedTuple):
    name: str
    window: str
    """Of the data."""
    start: str
    hours: int
    falls: str
    """The asset that is pledged."""
    low: float
    """Published, of that asset (reference/events.md, section 1)."""


EVENTS = [
    Event("black-thursday", "black_thursday", "2020-03-12T00", 48, "WETH", 86.0),
    Event("may-2021", "crash_2021_05", "2021-05-18T18", 130, "WETH", 1_728.74),
    Event("luna-ust-2022", "luna_ust_2022_05", "2022-05-07T12", 150, "WETH", 1_800.0),
    Event("steth-june-2022", "steth_3ac_2022_06", "2022-06-10T00", 230, "WETH", 881.56),
    Event("ftx-2022", "ftx_crv_2022_11", "2022-11-07T12", 72, "WETH", 1_073.53),
    Event("usdc-depeg-2023", "usdc_2023_03", "2023-03-10T18", 72, "USDC", 0.874),
    Event("august-2024", "yen_2024_08", "2024-08-04T00", 48, "WETH", 2_111.0),
    Event("february-2025", "feb_2025", "2025-02-02T00", 48, "WETH", 2_125.01),
    Event("october-2025", "oct10_2025", "2025-10-10T12", 36, "WETH", 3_435.0),
]


class Bar(NamedTuple):
    start: float
    open: float
    high: float
    low: float
    close: float


@lru_cache
def bars(file: str, window: str, symbol: str) -> list[Bar]:
    """Every bar of an asset in a window of the data."""
    path = DATA / file
    if not path.exists():
        pytest.skip(f"reference data not available: ../shared/data/{file}")
    with path.open() as opened:
        return [
            Bar(
                datetime.fromisoformat(row["timestamp"].replace("Z", "+00:00")).timestamp(),
                *(float(row[name]) for name in ("open", "high", "low", "close")),
            )
            for row in csv.DictReader(opened)
            if row["symbol"] == symbol
            and (row["event"] == window if "event" in row else row["source"] == "kraken")
        ]


def series(event: Event) -> dict[str, list[Bar]]:
    found = {
        "WETH": bars(HOURLY, event.window, "ETHUSDT"),
        "WBTC": bars(HOURLY, event.window, "BTCUSDT"),
    }
    if event.falls == "USDC":
        found["USDC"] = bars(DEPEG, event.window, "USDCUSD")
    return found


def start_of(event: Event) -> datetime:
    return datetime.fromisoformat(f"{event.start}:00:00").replace(tzinfo=timezone.utc)


def price_file(folder: Path, symbol: str, found: list[Bar]) -> dict[str, str]:
    """A file as an exchange gives it."""
    lines = ["timestamp,open,high,low,close"]
    for bar in found:
        at = datetime.fromtimestamp(bar.start, timezone.utc)
        lines.append(",".join([f"{at:%Y-%m-%dT%H:%M:%SZ}", *map(repr, bar[1:])]))
    path = folder / f"{symbol}.csv"
    path.write_text("\n".join(lines))
    return {"file": str(path)}


def met(event: Event, symbol: str) -> np.ndarray:
    """The prices at steps by hand: closes at whole hours, lows at half ones."""
    start = start_of(event).timestamp()
    inside = [bar for bar in series(event)[symbol] if 0 <= bar.start - start < event.hours * 3_600]
    before = [bar.close for bar in series(event)[symbol] if bar.start == start - 3_600]
    first = before[0] if before else inside[0].open
    assert len(inside) == event.hours
    return np.array([first] + [price for bar in inside for price in (bar.low, bar.close)])


def due_at(event: Event) -> list[float]:
    """Prices at which accounts fall due: from 2% under the start to 15% under the low."""
    path = met(event, event.falls)
    return np.geomspace(path[0] * 0.98, path.min() * 0.85, 12).tolist()


def scenario_of(event: Event, folder: Path) -> Scenario:
    """Black Thursday's protocol on the series of an event, with accounts that owe 100,000 DAI."""
    book = ["account,asset,supplied,debt"]
    for n, price in enumerate(due_at(event)):
        tokens = 100_000 / (price * THRESHOLD)
        book += [f"a{n},{event.falls},{tokens:.6f},0", f"a{n},DAI,0,100000"]
    (folder / "book.csv").write_text("\n".join(book))
    liquidator = {
        "name": "tireless",
        "max_gas_price_gwei": 1000,
        "gas_used": 500_000,
        "profit_floor_usd": 0,
        "capacity_usd_per_hour": 1.2e10,
    }
    overrides: dict[str, Any] = {
        "start": start_of(event),
        "duration_hours": event.hours,
        "step_seconds": STEP,
        "gas_price_gwei": 20,
        "book": {"file": str(folder / "book.csv")},
        "liquidators": [liquidator],
        # Always at the market and deep: who falls due is liquidated as soon as he does.
        **{f"venues[{n}].depth_usd_per_side": 1e9 for n in range(6)},
        "arbitrage": {"half_life_seconds": 1.0, "capital_usd": 1e11},
    }
    for symbol, found in series(event).items():
        overrides[f"assets.{symbol}.price_usd"] = price_file(folder, symbol, found)
        overrides[f"feeds.{symbol}.latency_seconds"] = 0
        overrides[f"feeds.{symbol}.max_move_bps"] = 5_000
    return with_overrides(load("black-thursday"), overrides)


def first_below(path: np.ndarray, price: float) -> float:
    """The first step at which the path is at or below a price; infinity if none."""
    below = np.flatnonzero(path <= price)
    return below[0] if len(below) else math.inf


@pytest.mark.parametrize("event", EVENTS, ids=[event.name for event in EVENTS])
class TestEvent:
    def test_the_series_is_met(self, event: Event, tmp_path: Path) -> None:
        """Every close and every low of it, and the published low."""
        world = build(scenario_of(event, tmp_path))
        for symbol in series(event):
            column = world.symbols.index(symbol)
            prices = world.market.price[:, column].astype(float) / 1e8
            assert prices == pytest.approx(met(event, symbol), abs=1e-8)
            if symbol == event.falls:
                assert prices.min() == pytest.approx(event.low, rel=1e-3)

    def test_who_falls_due_when(self, event: Event, tmp_path: Path) -> None:
        """Nobody before the price of his that day, everybody soon after it, and no token appears
        or disappears.
        """
        world = build(scenario_of(event, tmp_path))
        first = replayed(world)
        path = met(event, event.falls)
        due = due_at(event)
        assert set(first) <= set(range(len(due)))
        for account, price in enumerate(due):
            earliest = first_below(path, price * SURELY_ABOVE)
            # Who falls past all cover within a step is flagged in it: from then on a bonus grows.
            latest = first_below(path, price * SURELY_BELOW) + 1
            assert earliest <= first.get(account, math.inf) <= latest
        assert path.min() > due[-1] * SURELY_ABOVE, "some account must never fall due"
        assert 0 < len(first) < len(due)


SHIPPED = [event for event in EVENTS if event.name in known()]


@pytest.mark.parametrize("event", SHIPPED, ids=[event.name for event in SHIPPED])
def test_a_scenario_on_the_full_series(event: Event, tmp_path: Path) -> None:
    """The scenario as it is, with a small book and the series for its waypoints: the same low, and
    people are liquidated.
    """
    shipped = load(event.name)
    found = {symbol: one for symbol, one in series(event).items() if symbol in shipped.assets}
    overrides: dict[str, Any] = {
        f"assets.{symbol}.price_usd": price_file(tmp_path, symbol, one)
        for symbol, one in found.items()
    }
    if isinstance(shipped.book, BorrowerBook):
        overrides["book.accounts"] = min(shipped.book.accounts, 40)
    world = build(with_overrides(shipped, overrides))
    assert STEP % shipped.step_seconds == 0, "or lows are missed"
    start, end = (float(world.market.time[k]) for k in (0, -1))
    for symbol, one in found.items():
        lows = [bar.low for bar in one if start <= bar.start + STEP <= end]
        prices = world.market.price[:, world.symbols.index(symbol)].astype(float) / 1e8
        assert prices.min() == pytest.approx(min(lows), abs=1e-8)
    assert replayed(world)


def replayed(world: World) -> dict[int, int]:
    """Run the world, invariants checked every 24 steps: account -> step of its liquidation."""
    first: dict[int, int] = {}
    minted = [0] * len(world.symbols)
    for step in run(world):
        for row in step.rows:
            if row.kind == op.mint_token.kind:
                minted[row.x] += row.amount
            if row.kind == op.flash_liquidate.kind and row.code == OK:
                first.setdefault(row.account, step.k)
        if step.k % 24 == 0 or step.k == world.scenario.steps:
            check_state(world.state, minted)
    return first
