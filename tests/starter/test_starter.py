"""A scenario to begin with runs on every base, and says what the user's files say."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from sim.engines.exact import run
from sim.reference.files import file_schema
from sim.scenario import Scenario, ScenarioError, known, load
from sim.schema.book import BookFile
from sim.schema.price_file import PriceFile
from sim.schema.yaml_file import read
from sim.starter import Wanted, starter
from sim.world import World, build
from tests.reference.test_json_schema import plain

COLUMNS = {"account": "user", "asset": "token", "supplied": "coll", "debt": "loan"}
WETH = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
UNHEARD = "0x1111111111111111111111111111111111111111"
BOOK = f"""user,token,coll,loan
0x01,{WETH},5,0
0x01,usdc,0,5000
0x02,NEW,100000,
0x02,USDC,,20000
0x02,USDC.e,3,
0x03,{UNHEARD},50,0
0x03,weth,5,0
0x03,New,0,100
"""
PRICES = """time,WETH,NEW,WBTC
2025-02-01T00:00:00Z,3500,1.6,95000
2025-02-02T00:00:00Z,3000,1.5,90000
2025-02-03T00:00:00Z,2500,1.2,85000
2025-02-04T00:00:00Z,1500,0.5,70000
"""
BASES = [*known(), "aave-v2", "aave-v3"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a book and prices in it."""
    (tmp_path / "mine.csv").write_text(BOOK)
    (tmp_path / "closes.csv").write_text(PRICES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(base: str = "lending-market", file: str = "mine.yaml", **options: Any) -> World:
    """The world of the scenario that is written, which the JSON schema accepts."""
    path = Path(file)
    path.write_text(starter(Wanted(path.stem, base, **options), path).text)
    errors = Draft202012Validator(file_schema("scenario")).iter_errors(plain(read(path)))
    assert [error.message for error in errors] == []
    return build(load(path))


BOTH: dict[str, Any] = {
    "book": Path("mine.csv"),
    "columns": COLUMNS,
    "prices": ((None, Path("closes.csv")),),
}


@pytest.mark.parametrize("base", BASES)
def test_runs_on_every_base(here: Path, base: str) -> None:
    """Alone, and with the user's files; if no vault takes all of an account it says what to do."""
    plainly = made(base)
    assert plainly.scenario.name == "mine" and plainly.book.reading is None
    if plainly.scenario.protocol.vaults:
        with pytest.raises(ScenarioError, match=r"book\.split: vaults"):
            made(base, **BOTH)
        return
    world = made(base, **BOTH)
    assert world.scenario.start == datetime(2025, 2, 2, tzinfo=timezone.utc)
    assert world.book.collateral.shape == (3, len(world.symbols))


def test_a_scenario_of_the_files_alone(here: Path) -> None:
    world = made(**BOTH)
    found: Scenario = world.scenario
    # The last 48 of the 72 hours that the file knows.
    assert found.start == datetime(2025, 2, 2, tzinfo=timezone.utc)
    assert found.duration_hours == 48
    prices = {symbol: asset.price_usd for symbol, asset in found.assets.items()}
    for symbol in ("WETH", "WBTC", "NEW"):
        level = prices[symbol]
        assert isinstance(level, PriceFile) and level.column == symbol
        assert Path(level.file) == here / "closes.csv"
    assert prices["wstETH"] == 3_070 and prices["0x11111111"] == 1  # as in the base; a placeholder
    assert found.assets["0x11111111"].address == UNHEARD
    assert (found.assets["WETH"].address or "").lower() == WETH.lower()
    assert {symbol: asset.kind for symbol, asset in found.assets.items() if asset.kind} == {
        "NEW": "volatile",
        "0x11111111": "volatile",
    }
    assert isinstance(found.book, BookFile) and found.book.unlisted == "drop"  # USDC.e is no symbol
    # A quarter more than is owed: 100 NEW at $1.50, and 25,000 USDC; rounded up to two digits.
    assert found.suppliers["NEW"] == 190 and found.suppliers["USDC"] == 32_000
    weth, usdc = world.symbols.index("WETH"), world.symbols.index("USDC")
    assert world.book.collateral[0, weth] == 5 * 10**18
    assert world.book.debt[1, usdc] == 20_000 * 10**6
    last = [step for step in run(world)][-1]
    assert last.k == found.steps == 576


def test_without_files_what_moves_falls(here: Path) -> None:
    found = made().scenario
    for symbol, asset in found.assets.items():
        base = load("lending-market").assets[symbol].price_usd
        if symbol == "USDC":
            assert asset.price_usd == base
            continue
        assert isinstance(asset.price_usd, tuple) and isinstance(base, float)
        first, low, last = asset.price_usd
        assert (first.value, low.value, last.value) == pytest.approx((base, 0.6 * base, 0.8 * base))
        assert last.at == found.start + timedelta(hours=found.duration_hours)


def test_an_event_stays_what_it_is(here: Path) -> None:
    held = made("october-2025").scenario
    event = load("october-2025")
    assert held.assets == event.assets and held.start == event.start and held.book == event.book
    assert held.feeds == event.feeds and held.name == "mine" and held.expected == ()


def test_tokens_by_their_address_have_the_right_decimals(here: Path) -> None:
    """LINK and WBTC by address: one new to the base, one not; amounts in base units."""
    rows = [
        "account,asset,supplied,debt",
        f"0x01,0x514910771AF9Ca656af840dff83E8264EcF986CA,{10**21},0",
        f"0x01,0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48,0,{10**9}",
        f"0x02,0x2260FAC5E5542a773Aa44fBCfeDf7C193bc2C599,{10**8},0",
        f"0x02,0xdAC17F958D2ee523a2206206994597C13D831ec7,0,{2 * 10**9}",
    ]
    Path("units.csv").write_text("\n".join(rows))
    world = made(book=Path("units.csv"), units="base")
    decimals = {symbol: asset.decimals for symbol, asset in world.scenario.assets.items()}
    assert (decimals["LINK"], decimals["USDT"], decimals["WBTC"]) == (18, 6, 8)
    assert world.scenario.suppliers["USDC"] == 1_300 and world.scenario.suppliers["USDT"] == 2_500
    assert world.book.debt[1, world.symbols.index("USDT")] == 2 * 10**9


def test_candles_of_a_named_asset_and_another_folder(here: Path) -> None:
    hours = [f"2025-02-02T{hour:02}:30:00Z,2600,2700,2500,2600" for hour in range(5)]
    Path("eth.csv").write_text("\n".join(["time,open,high,low,close", *hours]))
    (here / "studies").mkdir()
    world = made("aave-v3", "studies/mine.yaml", prices=(("WETH", Path("eth.csv")),))
    assert "file: ../eth.csv" in Path("studies/mine.yaml").read_text()
    assert world.scenario.duration_hours == 5
    assert world.scenario.start == datetime(2025, 2, 2, 0, 30, tzinfo=timezone.utc)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "candles of nobody": (
        {"prices": ((None, Path("eth.csv")),)},
        "--prices: names no asset: WETH=",
    ),
    "no such column": (
        {"prices": (("DOGE", Path("closes.csv")),)},
        "no column DOGE: the columns of",
    ),
    "no overlap": (
        {"prices": (("WETH", Path("eth.csv")), (None, Path("wbtc.csv")))},
        "prices known together reach from",
    ),
    "twice": (
        {"prices": ((None, Path("closes.csv")), ("WETH", Path("eth.csv")))},
        "WETH is priced by two files: one of them",
    ),
    "a column that is no symbol": (
        {"prices": ((None, Path("odd.csv")),)},
        "'no symbol' is no symbol",
    ),
    "no prices": ({"prices": (("WETH", Path("mine.csv")),)}, "mine.csv: 1 problem"),
    "no column of accounts": ({"book": Path("mine.csv")}, "there is no column account"),
    "an unheard-of column": (
        {"book": Path("mine.csv"), "columns": {"acct": "user"}},
        "columns.acct: should be 'account'",
    ),
    "no book": ({"book": Path("empty.csv"), "columns": COLUMNS}, "is empty"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_run_is_refused(here: Path, case: str) -> None:
    Path("eth.csv").write_text("time,open,high,low,close\n2025-02-02T00:00:00Z,5,6,4,5\n")
    Path("wbtc.csv").write_text("time,WBTC\n2024-02-02T00:00:00Z,5\n2024-02-03T00:00:00Z,5\n")
    Path("odd.csv").write_text("time,no symbol,WBTC\n2024-02-02T00:00:00Z,5,4\n")
    Path("empty.csv").write_text("")
    options, said = WRONG[case]
    with pytest.raises(ScenarioError) as caught:
        made(**options)
    assert said in str(caught.value) and not Path("mine.yaml").exists()
    assert len(str(caught.value).splitlines()) <= 5


def test_a_new_asset_goes_along_with_what_moves_and_not_with_what_is_pegged(here: Path) -> None:
    """USDC varies a little in usdc-depeg and has nothing to do with ETH there: nor with NEW."""
    paths = made("usdc-depeg", **BOTH).scenario.paths
    assert paths is not None
    symbols = tuple(paths.volatility_per_sqrt_year)
    matrix = paths.correlation_matrix(symbols)
    new, usdc, weth = map(symbols.index, ("NEW", "USDC", "WETH"))
    assert matrix[new, weth] == 0.74
    assert matrix[new, usdc] == pytest.approx(0.74 * matrix[weth, usdc], abs=1e-12)
    assert matrix[weth, usdc] < 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2]", "is not a mapping"),
        ("{extends: aave-v3, assets: {WETH: 5}}", "assets.WETH: should be a mapping, got 5"),
        ("{extends: aave-v3, venues: [5]}", "venues[0]: should be a mapping, got 5"),
        ("{extends: aave-v3, step_seconds: x}", "step_seconds: should be a valid integer"),
        ("{extends: aave-v3, suppliers: [1]}", "suppliers: should be a mapping"),
        ("{extends: base.yaml}", "base.yaml extends this file itself"),
        ("{extends: lending-market, native_asset: null}", "native_asset: is missing"),
        ("{tuning: {}}", "tuning: unknown field"),
    ],
)
def test_a_base_that_is_wrong_is_refused(here: Path, text: str, said: str) -> None:
    Path("base.yaml").write_text(text)
    for options in ({}, BOTH):
        with pytest.raises(ScenarioError, match=re.escape(said)):
            made("./base.yaml", **options)


def test_an_own_base(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the file or elsewhere: the path that is written is seen from the file."""
    Path("base.yaml").write_text("{extends: aave-v3, gas_price_gwei: 7, step_seconds: 600}")
    found = made("./base.yaml", **BOTH).scenario
    assert (found.gas_price_gwei, found.step_seconds, found.steps) == (7, 600, 288)
    (here / "studies").mkdir()
    made("./base.yaml", "studies/mine.yaml")
    monkeypatch.chdir(here / "studies")
    assert load("mine.yaml").gas_price_gwei == 7


def test_names_in_a_book_cannot_write_yaml(here: Path) -> None:
    rows = ["account,asset,supplied,debt", '0x01,"X\nseed: 77",1,0', "0x01,WETH,1,0"]
    rows += [f"0x01,no symbol {n},1,0" for n in range(20)]
    Path("odd.csv").write_text("\n".join(rows))
    found = made(book=Path("odd.csv")).scenario
    assert found.seed == load("lending-market").seed
    (line,) = [line for line in Path("mine.yaml").read_text().splitlines() if "Left out" in line]
    assert r"'X\nseed: 77', 'no symbol 0'" in line and line.endswith("'no symbol 8', ....")
