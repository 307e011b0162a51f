"""Bad debt from before a run, apart from what the run adds: on integers, floats and the tape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from sim.engines.compiled import Compiled
from sim.engines.exact import run
from sim.engines.memory import on_floats
from sim.engines.outcome import conclude, follow, names, width
from sim.engines.reopening import Reopening
from sim.market.market import LOST
from sim.measures.solvency import losses, peak_loss
from sim.report.run_tables import loss_table
from sim.report.sweep_tables import bearer_table
from sim.scenario import Scenario
from sim.sweeps.loss_table import borne_by, loss_usd
from sim.sweeps.outcome_columns import frame
from sim.sweeps.reserves import by_asset
from sim.tape import Frames, Tape, frames
from sim.tape.exact_shortfall import shortfall
from sim.terminal.tables import printed
from sim.world import World, build
from tests.tape.storm import storm

HEAD = "account,asset,supplied,debt\n"
WETH, WBTC, USDC = range(3)
FLOORS = {f"feeds__{symbol}__min_price_usd": 1e-8 for symbol in ("WETH", "WBTC", "USDC")}
FREE = {
    f"protocol__rates__{symbol}__{rate}_bps": 0
    for symbol in ("WETH", "WBTC", "USDC")
    for rate in ("base_rate", "slope1", "slope2")
}
# Two who owe and have next to nothing: of one asset, of two. And one who does not suffice.
OLD = "zoe,USDC,0,50000\nmo,WBTC,0,1\nmo,USDC,0,10000\n"
SHORT = "short,WETH,10,0\nshort,USDC,0,25000\n"  # 10 x 2,000 against 25,000
RUINED = "ann,WETH,100,0\nann,USDC,0,150000\nbo,WBTC,4,0\nbo,WETH,0,40\n"


@pytest.fixture
def market(tmp_path: Path) -> Any:
    """A storm on a book of these lines."""

    def made(rows: str, **overrides: Any) -> Scenario:
        (tmp_path / "book.csv").write_text(f"{HEAD}{rows}")
        book = {"file": str(tmp_path / "book.csv")}
        more: dict[str, Any] = {**FLOORS, "book": book, "suppliers__WBTC": 1e6, **overrides}
        return storm(**more)

    return made


def played(scenario: Scenario) -> tuple[World, Frames, dict[str, int]]:
    """World and tape of a run on integers, and what it comes to."""
    world = build(scenario)
    s, w = world.state, world.market
    tape, outcome = Tape(world, "exact"), np.full(width(3), 0, dtype=object)
    for k, rows, gas in run(world):
        tape.record(k, rows, gas)
        if k:
            follow(s, w, k, outcome)
    conclude(s, w, scenario.steps, outcome)
    found = dict(zip(names(world.symbols), outcome, strict=True))
    return world, frames(tape.tables(complete=True)), found


@pytest.mark.parametrize("step_seconds", [60, 3_600])
def test_a_book_of_nothing_else_loses_nothing(market: Any, step_seconds: int) -> None:
    """However the prices fall, and whatever interest it bears until it is written off."""
    world, tape, found = played(market(OLD, step_seconds=step_seconds))
    assert found["bad_debt"] > 70_000 * 10**8 and found["shortfall"] == 0
    assert [found[name] for name in ("loss", "peak_loss", "peak_shortfall")] == [0, 0, 0]
    assert [found[f"loss.{symbol}"] for symbol in world.symbols] == [0, 0, 0]
    lost = losses(tape)
    assert lost["before"].tolist() == lost["reported"].tolist()
    assert lost.loc["USDC", "before"] / 1e6 == pytest.approx(60_000, rel=1e-4)
    assert lost.loc["WBTC", "before"] / 1e8 == pytest.approx(1, rel=1e-4)
    assert lost["added"].tolist() == [0, 0, 0]
    assert peak_loss(tape).loss_usd == 0 and (tape.steps["loss_usd"] == 0).all()


def test_what_is_not_written_off_grows_with_its_interest(market: Any) -> None:
    """Where nobody writes off, at 50% a year, compounded in every step as the hub does."""
    flat = {
        f"protocol__rates__USDC__{name}": value
        for name, value in (("base_rate_bps", 5_000), ("slope1_bps", 0), ("slope2_bps", 0))
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sim.agents.keepers.write_off", lambda *_: None)
        patch.setattr("sim.agents.liquidators.act", lambda *_: False)
        world = build(market("zoe,USDC,0,50000\n", **flat))
        start = int(world.market.lost_before[USDC, LOST])
        for step in run(world):
            assert shortfall(world.state, world.market.price[step.k]).tokens[USDC] == pytest.approx(
                int(world.market.lost_before[USDC, LOST]), rel=3e-6
            )
    x = 0.5 * 600 / 31_536_000
    growth = (1 + x + x**2 / 2 + x**3 / 6) ** 48
    assert start == 50_000 * 10**6
    assert int(world.market.lost_before[USDC, LOST]) / start == pytest.approx(growth, rel=1e-8)


def test_a_run_adds_what_it_would_have_lost_alone(market: Any) -> None:
    """Without interest the others lose the same, to the unit, with and without it in the book."""
    _, tape, mixed = played(market(f"{OLD}{RUINED}", **FREE))
    _, alone_tape, alone = played(market(RUINED, **FREE))
    assert alone["loss"] > 10_000 * 10**8
    rounding = 2 * 80 * 10**8 * 10**-3  # a millionth of what was lost before
    for name in ("loss", "loss.USDC", "peak_loss", "peak_shortfall"):
        assert 0 <= alone[name] - mixed[name] <= rounding, name
    assert alone["loss"] == alone["bad_debt"] + alone["shortfall"]
    added, there = losses(tape)["added"], losses(alone_tape)["added"]
    assert (there - added).tolist() == pytest.approx([0, 0, 0], abs=70_000)
    assert peak_loss(tape).loss_usd == pytest.approx(peak_loss(alone_tape).loss_usd, abs=0.1)


def test_who_does_not_suffice_has_lost_the_difference(market: Any) -> None:
    """25,000 owed against 20,000: 5,000 were lost. What it costs to seize the rest is added, at
    most the bonus of 10% on it, and what a later fall takes.
    """
    calm = {"assets__WETH__price_usd": 2_000.0, "gas_price_gwei": 1.0, **FREE}
    _, tape, found = played(market(SHORT, **calm))
    lost = losses(tape).loc["USDC"]
    assert lost["before"] == pytest.approx(5_000 * 10**6, rel=2e-6)
    assert found["shortfall"] == 0
    assert 0 < lost["added"] <= (20_000 - 20_000 / 1.1) * 10**6 * 1.01
    assert found["loss"] / 1e8 == pytest.approx(lost["added"] / 1e6, abs=1e-4)


def test_tables_say_both(market: Any) -> None:
    _, tape, _ = played(market(f"{OLD}{RUINED}"))
    console = Console(width=200, record=True, file=None, quiet=False)
    console.print(printed(loss_table(tape)))
    text = console.export_text()
    assert "there before" in text and "added" in text
    lost = losses(tape)
    assert (lost["before"] + lost["added"]).tolist() == (
        lost["reported"] + lost["shortfall"]
    ).tolist()


@pytest.mark.compiled
@pytest.mark.parametrize("rows", [OLD, f"{OLD}{SHORT}", f"{OLD}{RUINED}{SHORT}"])
def test_floats_keep_it_apart_too(rows: str, market: Any) -> None:
    """And exactly nothing is added by a book of nothing else."""
    scenario = market(rows)
    world, _, exact = played(scenario)
    fresh = build(scenario)
    prices = fresh.market.price.astype(float)[np.newaxis]
    found = Compiled(fresh).outcomes(prices, fresh.market.feeds.observed.astype(float)[np.newaxis])
    on_floats_ = dict(zip(names(world.symbols), found[0], strict=True))
    for name in ("bad_debt", "shortfall", "loss", "peak_loss", "peak_shortfall", "loss.USDC"):
        assert on_floats_[name] == pytest.approx(float(exact[name]), rel=1e-7, abs=10**5), name
    if rows == OLD:
        assert on_floats_["loss"] == 0 and on_floats_["peak_loss"] == 0
    table = frame([0], 0, found, world.symbols).set_index("path")
    assert loss_usd(table)[0] == pytest.approx(exact["loss"] / 1e8, rel=1e-7, abs=1e-3)
    bearers = borne_by(pd.concat([table] * 8), "mc")
    was = exact["bad_debt"] + exact["shortfall"] - exact["loss"]
    assert bearers.loc["before", "value"] == pytest.approx(was / 1e8, rel=1e-6)
    shares = bearers["share"].drop("before")
    assert shares.sum() == pytest.approx(1)
    console = Console(width=200, record=True)
    console.print(printed(bearer_table(bearers)))
    assert "of it there before, in no loss" in console.export_text()
    each = by_asset(pd.concat([table] * 8), "mc")["value"].xs(
        "reserve_expected_loss", level="measure"
    )
    assert each.sum() == pytest.approx(float(loss_usd(table)[0]), rel=1e-9, abs=1e-9)


@pytest.mark.compiled
def test_a_book_opened_again_has_lost_the_same(market: Any) -> None:
    """Also under a threshold at which another is liquidatable: that is no bad debt."""
    world = build(market(f"{OLD}{RUINED}{SHORT}"))
    amounts = (array.astype(float) for array in (world.book.collateral, world.book.debt))
    found = Reopening(world).at(world.scenario, *amounts)
    there = on_floats(world).market.lost_before
    assert found.market.lost_before == pytest.approx(there, rel=1e-9)
    assert there[:, LOST] / [1e18, 1e8, 1e6] == pytest.approx([0, 1, 65_000], rel=2e-6)
