"""Searches and caps on a book from a file: the same positions under every setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from scripts.tune import cli
from sim.books.borrowing import Amounts
from sim.engines.memory import on_floats
from sim.engines.reopening import Reopening
from sim.front.studies import Wanted
from sim.scenario import ScenarioError, with_overrides
from sim.schema.tuning import Preset
from sim.tuning.caps import solve
from sim.tuning.confirm import world_under
from sim.tuning.preset import Setup, nested, prepare
from sim.world import World, build
from tests.sweep.storms import PATHS
from tests.tape.storm import STORM, storm
from tests.tuning.small import PRESET, R, tuner

# One within limits, one beyond its limit, one below 1, an old bad debt, one with a deposit that
# backs nothing, a supplier. At 2,000, 30,000 and 1 USD.
BOOK = """account,asset,supplied,debt,used_as_collateral
a,WETH,100,0,yes
a,USDC,0,100000,
b,WETH,100,0,yes
b,USDC,0,155000,
c,WBTC,1,0,yes
c,USDC,0,25000,
zoe,USDC,0,553,
d,WETH,50,0,yes
d,WBTC,2,0,no
d,USDC,0,60000,
lender,USDC,20000,0,
"""
LT = f"{R}.WETH.lt_bps"


@pytest.fixture
def book(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "book.csv").write_text(BOOK)
    return {"file": str(tmp_path / "book.csv")}


def _world(book: dict[str, Any]) -> World:
    floors = {f"feeds.{symbol}.min_price_usd": 1e-8 for symbol in ("WETH", "WBTC", "USDC")}
    return build(with_overrides(storm(paths=PATHS), {"book": book, **floors}))


def _preset(book: dict[str, Any], **tuning: Any) -> Preset:
    overrides: dict[str, Any] = {"paths": PATHS, "book": book, "feeds.USDC.min_price_usd": 1e-8}
    scenario = {"name": "own", "scenario": str(STORM), "overrides": overrides}
    asked = {"dimensions": {LT: [7800, 8600]}, "objectives": ["es_99", "borrower_loss"], **tuning}
    return Preset.model_validate({**PRESET, "scenarios": [scenario], "tuning": asked})


def test_columns_of_other_names(
    book: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--columns` says them of the book of every scenario; without it the file is refused."""
    renamed = BOOK.replace("account,asset,supplied", "user,symbol,supplied", 1)
    Path(book["file"]).write_text(renamed)
    preset = tmp_path / "preset.yaml"
    preset.write_text(_preset(book).model_dump_json())
    asked: list[Setup] = []

    def tune(named: Preset, wanted: Wanted, *_: Any) -> int:
        asked.append(prepare(named, overrides=wanted.overrides))
        return 0

    monkeypatch.setattr("sim.terminal.tune_command.tune", tune)
    words = [str(preset), "--out", str(tmp_path / "out")]
    refused = CliRunner().invoke(cli, words)
    assert refused.exit_code == 1 and "book.csv" in refused.output, refused.output
    done = CliRunner().invoke(cli, [*words, "--columns", "account=user,asset=symbol"])
    assert done.exit_code == 0, done.output
    (setup,) = asked
    assert setup.accounts == 6


@pytest.mark.compiled
@pytest.mark.parametrize("overrides", [{}, {LT: 7600}, {LT: 9000}, {f"{R}.WETH.ltv_bps": 0}])
def test_a_recorded_book_opened_again_is_that_built_anew(
    book: dict[str, Any], overrides: dict[str, Any]
) -> None:
    """Those beyond limits, bad debt and deposits that back nothing included."""
    world = _world(book)
    scenario = with_overrides(world.scenario, overrides)
    amounts = Amounts(world.scenario, world.book, list(world.market.price[0]), "same-positions")
    found = Reopening(world).at(scenario, *amounts.under(scenario))
    anew = on_floats(build(scenario, book=amounts.book_under(scenario)))
    for name in set(anew.state._fields) - {"journal", "undo", "result", "journal_length"}:
        here, there = getattr(found.state, name), getattr(anew.state, name)
        scale = np.abs(there).max(initial=1.0)
        assert np.allclose(here, there, rtol=1e-9, atol=1e-12 * scale), name
    assert (found.market.watchers.hot == anew.market.watchers.hot).all()


@pytest.mark.compiled
def test_a_search_on_a_recorded_book(book: dict[str, Any], tmp_path: Path) -> None:
    asked = nested(prepare(_preset(book)), 32, None)
    assert (asked.accounts, asked.paths_of_a_book) == (6, None)
    with tuner(tmp_path, asked, paths=32) as one:
        trials = list(one.run(4))
    assert [trial.state for trial in trials].count("complete") >= 1
    assert trials[0].values == asked.space.current
    opened = world_under(asked, 0, {**asked.space.current, LT: 7_600})
    assert (opened.book.debt == build(asked.scenarios[0]).book.debt).all()
    assert opened.book.name(3) == "zoe"


@pytest.mark.compiled
def test_a_cap_alone_on_a_recorded_book(book: dict[str, Any], tmp_path: Path) -> None:
    """No dimension: the current setting. The cap counts what backs nothing too."""
    path = f"{R}.WBTC.supply_cap"
    preset = Preset.model_validate(
        {
            **PRESET,
            "scenarios": _preset(book).model_dump(mode="json")["scenarios"],
            "tuning": {"caps": {path: {"budget_usd": 1e9, "largest": 2}}},
        }
    )
    asked = nested(prepare(preset), 32, None)
    assert not asked.space.axes and asked.preset.tuning.objectives == ("es_99",)
    with tuner(tmp_path, asked, paths=32) as one:
        found = solve(one, asked.space.current, path)
    assert found.value == pytest.approx(2 * 3.0), (
        "twice the 1 that is pledged and the 2 that are not"
    )


def test_several_books_of_one_file_are_refused(book: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError, match="the book is recorded, there is one"):
        nested(prepare(_preset(book)), 32, 4)


def test_caps_on_what_nobody_has(book: dict[str, Any]) -> None:
    caps = {f"{R}.WETH.borrow_cap": {"budget_usd": 1.0}}
    with pytest.raises(ScenarioError, match=r"caps\.protocol\.reserves\.WETH\.borrow_cap: nobody"):
        prepare(_preset(book, caps=caps))


def test_nothing_asked_is_refused(book: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="nothing is asked for"):
        _preset(book, dimensions={})
