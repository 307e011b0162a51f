"""What an imported book is in a market: bad debt, markets as they are, on a chain."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sim.books import describe
from sim.engines.by_name import follower
from sim.engines.chain import RevmChain
from sim.engines.exact import run
from sim.engines.failures import LockstepError
from sim.engines.lockstep import Lockstep
from sim.health.census import census
from sim.market.market import FACTOR
from sim.measures.solvency import losses, peak_loss
from sim.protocol import operations as op
from sim.protocol.errors import BORROW_DISABLED, OK
from sim.protocol.vault_accounts import debt_assets, supplied_assets
from sim.report.caveats import of_scenario
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from sim.tape import Tape, frames
from sim.world import build
from tests.scenario.test_imported_books import (
    ADDRESS,
    HEAD,
    MARKET,
    USDT,
    WAD,
    WETH,
)
from tests.scenario.test_imported_positions import said
from tests.tape.storm import storm


@pytest.fixture
def market(tmp_path: Path) -> Any:
    """A market with a book of these lines, and of these fields."""

    def made(text: str, more: str = "", **book: object) -> Scenario:
        (tmp_path / "book.csv").write_text(text)
        file = tmp_path / "market.yaml"
        file.write_text(f"{MARKET}{more}\nbook: {{file: book.csv}}\n")
        return with_overrides(load(file), {f"book.{name}": value for name, value in book.items()})

    return made


def test_bad_debt_from_before_is_opened_and_kept_apart(
    market: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """It owes to the unit what the file says, against a seed of two millionths; at the start's
    prices and under the scenario's own settings; and what a run adds is counted without it.
    """
    world = build(
        market(f"{HEAD}a,WETH,100,0\na,USDC,0,200000\nzoe,USDT,0,553\nmo,CRV,1,0\nmo,USDC,9,10\n")
    )
    s = world.state
    assert int(debt_assets(s, 1, USDT)) == 553 * 10**6
    seed = int(supplied_assets(s, 1, WETH)) / WAD * 3_000
    assert 0 < seed < 553 * 2.1e-6
    assert s.reserve.tolist() == world.genesis.reserve.tolist()
    assert all(row.code == OK for block in world.opening for row in block.rows)
    text = said(world, capsys)
    assert "2 accounts owe $553 more than is pledged for it: bad debt from before" in text
    # a's alone: 100 WETH at 3,000 USD against 200,000.
    quantiles = describe(world.book, world.scenario, list(world.market.price[0]))[
        "sound_health_quantiles"
    ]
    lt = world.scenario.protocol.reserves["WETH"].lt_bps / 10_000
    assert set(quantiles.values()) == {300_000 * lt / 200_000}
    tape = Tape(world, "exact")
    for step in run(world):
        tape.record(step.k, step.rows, [], 0)
    shown = frames(tape.tables(complete=True))
    after = losses(shown)
    assert after.loc["USDT", "before"] == pytest.approx(553e6, rel=1e-6)
    assert after["added"].tolist() == [0] * 5
    assert peak_loss(shown).loss_usd == 0
    assert shown.steps["loss_usd"].tolist() == [0] * 7
    written_off = shown.operations[shown.operations["kind"] == "write_off"]
    assert written_off["account_name"].tolist()[0] == "zoe"


def test_bad_debt_that_owes_everything_that_could_seed_it(market: Any) -> None:
    every = "".join(f"z,{symbol},0,1\n" for symbol in ("WETH", "WBTC", "CRV", "USDC", "USDT"))
    with pytest.raises(ScenarioError, match=r"book \(z\): .*no asset is left to seed it"):
        build(market(f"{HEAD}{every}"))


FROZEN = """
protocol:
  reserves:
    CRV: {ltv_bps: 0, collateral_enabled: false, borrow_enabled: false, supply_cap: 1000000}
    USDT: {borrow_enabled: false, borrow_cap: 1000000}
opened_under: {CRV: {ltv_bps: 3500, collateral_enabled: true}}
"""


WHALE = f"{HEAD}whale,CRV,308333333,0\nwhale,USDT,0,67000000\nwhale,USDC,0,700000\n"


def test_a_whale_in_a_frozen_market(market: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Opened under what was; then today's settings are in force, and forbid all of it anew."""
    world = build(market(WHALE, FROZEN))
    s = world.state
    by_hand = 308_333_333 * 0.6 * 0.41 / 67_700_000
    assert census(s)[0, FACTOR] / WAD == pytest.approx(by_hand, rel=1e-9)
    assert s.reserve.tolist() == world.genesis.reserve.tolist()
    settings = [
        row for block in world.opening for row in block.rows if row.kind == op.set_reserve.kind
    ]
    assert len(settings) >= 4 and all(row.code == OK for row in settings)
    text = said(world, capsys)
    assert "USDT cannot be borrowed; the $67M owed in it were borrowed before." in text
    assert "Nothing more can be borrowed against CRV; $185M of it back debts." in text
    assert "308,333,333 CRV are supplied at the start, beyond the cap of 1,000,000" in text


def test_without_what_was_it_says_what_is_missing(
    market: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    world = build(market(WHALE, FROZEN.replace("opened_under", "# opened_under")))
    assert "opened_under: {CRV: {collateral_enabled: true}}" in said(world, capsys)
    assert census(world.state)[0, FACTOR] / WAD < 1e-3


def test_positions_of_a_file_stay_when_settings_change(market: Any) -> None:
    """An override of what may become collateral does not undo what has, nor a second one."""
    once = with_overrides(
        market(f"{HEAD}a,WETH,100,0\na,USDC,0,200000\n"),
        {"protocol.reserves.WETH.collateral_enabled": False},
    )
    assert once.opened_under["WETH"].collateral_enabled is True
    twice = with_overrides(once, {"protocol.reserves.WETH.ltv_bps": 0})
    for changed in (once, twice):
        state = build(changed).state
        assert census(state)[0, FACTOR] / WAD == pytest.approx(1.245, rel=1e-9)
    back = with_overrides(
        twice,
        {
            "protocol.reserves.WETH.ltv_bps": 8050,
            "protocol.reserves.WETH.collateral_enabled": True,
        },
    )
    assert back.opened_under == {}


@pytest.mark.chain
@pytest.mark.parametrize(
    ("text", "more"),
    [
        (f"{HEAD}a,WETH,100,0\na,USDC,0,200000\nzoe,USDT,0,553\nzoe,WBTC,0,0.5\n", ""),
        (
            "account,asset,supplied,debt,used_as_collateral\n"
            "a,WETH,100,0,yes\na,WBTC,5,0,no\na,USDC,0,200000,\n",
            "",
        ),
        (WHALE, FROZEN),
    ],
    ids=["bad debt from before", "deposits that back nothing", "a frozen market"],
)
def test_books_as_they_are_open_on_a_chain(market: Any, text: str, more: str) -> None:
    """Every operation of the opening and of six steps, every word of state compared."""
    world = build(market(text, more))
    lockstep = Lockstep(RevmChain(), world.genesis, world.symbols)
    for _ in run(world, lockstep):
        pass
    assert lockstep.values > 1_000


@pytest.mark.chain
def test_a_difference_names_the_account(market: Any) -> None:
    """A journal that says of a loan that it was refused, and a chain that gives it."""
    world = build(market(f"{HEAD}{ADDRESS},WETH,100,0\n{ADDRESS},USDC,0,200000\n"))
    block = world.opening[-1]
    for n, row in enumerate(block.rows):
        if row.kind == op.borrow.kind:
            block.rows[n] = row._replace(code=BORROW_DISABLED)
    with follower("revm", world) as chain, pytest.raises(LockstepError) as caught:
        next(iter(run(world, chain)))
    assert f"account 0 ({ADDRESS})" in str(caught.value)


@pytest.mark.chain
@pytest.mark.parametrize("decimals", [0, 2])
def test_tokens_of_few_decimals_on_a_chain(decimals: int) -> None:
    """A storm whose dollars have them, liquidations and bad debt included."""
    world = build(
        with_overrides(storm(), {"assets.USDC.decimals": decimals, "duration_hours": 3.0})
    )
    lockstep = Lockstep(RevmChain(), world.genesis, world.symbols)
    done = {row.kind for step in run(world, lockstep) for row in step.rows if row.code == OK}
    assert op.flash_liquidate.kind in done and lockstep.values > 1_000
    (line,) = [
        line for line in of_scenario(world.scenario.model_dump(mode="json")) if "dec" in line
    ]
    assert f"USDC has {decimals} decimals: amounts are whole units of it" in line


def test_a_base_an_own_price_file_and_an_own_book(tmp_path: Path) -> None:
    """Nothing is left of the base's drawn book; both files are beside the scenario."""
    hours = "".join(f"{1738454400 + 3600 * n},{2_600 - 100 * n}\n" for n in range(4))
    (tmp_path / "prices.csv").write_text(f"time,WETH\n{hours}")
    (tmp_path / "one.csv").write_text(f"{HEAD}0xA1,WETH,100,0\n0xA1,USDC,0,200000\n")
    text = """
name: mine
extends: aave-v3
title: t
story: s
sources: [made up]
start: 2025-02-02T01:00:00Z
duration_hours: 2
step_seconds: 600
seed: 1
assets:
  WETH: {price_usd: {file: prices.csv}}
  USDC: {price_usd: 1.0}
gas_price_gwei: 10
venues: [{assets: [WETH, USDC], depth_usd_per_side: 100000000, fee_bps: 5}]
suppliers: {WETH: 0, USDC: 1000000}
book: {file: one.csv}
"""
    (tmp_path / "mine.yaml").write_text(text)
    world = build(load(tmp_path / "mine.yaml"))
    assert [world.book.name(a) for a in range(1)] == ["0xA1"]
    assert world.market.price[[0, 6, 12], 0].tolist() == [2_500e8, 2_400e8, 2_300e8]
    assert census(world.state)[0, FACTOR] / WAD == pytest.approx(100 * 2_500 * 0.83 / 200_000)


def test_the_example_of_the_readme_is_five_lines_that_open(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (example,) = re.findall(r"```yaml\n(name: my-market.*?)```", readme, re.DOTALL)
    assert len(example.splitlines()) == 5
    (tmp_path / "my-market.yaml").write_text(example)
    rows = "0xA1,weth,100,0\n0xa1,USDC,0,150000\n0xB2,WBTC,2,\n0xB2,USDC,0,9e4\n"
    (tmp_path / "positions.csv").write_text(f"user_address,symbol,collateral,borrow\n{rows}")
    world = build(load(tmp_path / "my-market.yaml"))
    assert [world.book.name(a) for a in range(2)] == ["0xA1", "0xB2"]
    assert world.scenario.protocol.reserves["WETH"].lt_bps == 8_200
    assert census(world.state)[0, FACTOR] / WAD == pytest.approx(100 * 3_000 * 0.82 / 150_000)
