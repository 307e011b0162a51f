"""Efficiency modes of a scenario: what is refused, who is in one, and what that lets him owe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim
from sim.books import describe
from sim.engines.compiled import on_floats
from sim.engines.reopening import Reopening
from sim.health.census import census, counted
from sim.market.market import FACTOR
from sim.protocol.fixed_point import wad
from sim.protocol.state import ACCOUNT, CATEGORY, POSITION_DEBT
from sim.protocol.vault_accounts import health
from sim.scenario import ScenarioError, load, with_overrides
from sim.world import build

NAME = "depeg-in-category"
PATH = "protocol.categories.stablecoins"
SHOWN = {"collateral": ["USDC"], "borrow": ["USDT"], "lt_bps": 9_500, "ltv_bps": 9_300}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ltv_bps": 9_600}, f"{PATH}.ltv_bps: borrow limit 9600 is above"),
        ({"lt_bps": 0}, f"{PATH}.lt_bps"),
        ({"max_bonus_bps": 600}, f"{PATH}.max_bonus_bps: lt 9500 x \\(1 \\+ bonus 600\\) >= 1"),
        ({"collateral": ["USDC", "USDX"]}, f"{PATH}.collateral\\[1\\]: not an asset"),
        ({"borrow": []}, f"{PATH}.borrow"),
        ({"lt_bps": 7_000, "ltv_bps": 7_000}, "USDC has a threshold of 7800 without it"),
        ({"liquidation_bonus": 1}, "liquidation_bonus"),
    ],
    ids=str,
)
def test_what_is_wrong_names_the_field_and_a_remedy(change: dict[str, Any], said: str) -> None:
    terms = {**SHOWN, "max_bonus_bps": 100} | change
    with pytest.raises(ScenarioError, match=said):
        with_overrides(load(NAME), {PATH: terms})


def test_a_split_that_would_pay_is_refused() -> None:
    """9,500 x 10,100 is .9595; the engine's health of the largest bonus is .95."""
    engine = {"protocol.liquidation.engine": "target-health"}
    with pytest.raises(ScenarioError, match=r"lower the (bonus|threshold)"):
        with_overrides(load(NAME), engine | {"protocol.liquidation.hf_for_max_bonus": 0.95})


def test_whoever_can_is_in_it_and_owes_as_much_more() -> None:
    """The same collateral and health as without: debts in it by 9,500 / 7,800 as large, or by
    9,300 / 7,500 where that is less.
    """
    without = with_overrides(load(NAME), {"protocol.categories": {}, "book.drawn_in": None})
    inside, outside = build(load(NAME)), build(without)
    category = inside.book.category
    assert category is not None and outside.book.category is None
    stable = [inside.symbols.index(one) for one in ("USDC", "USDT", "DAI")]
    pledges = (inside.book.collateral[:, stable] != 0).any(axis=1)
    assert ((category == 1) == pledges).all(), "all debts are of stablecoins here"
    assert 0 < pledges.sum() < len(pledges)
    assert (inside.book.collateral == outside.book.collateral).all()
    more = inside.book.debt.sum(axis=1) / outside.book.debt.sum(axis=1)
    alone = (inside.book.collateral != 0).sum(axis=1) == 1
    assert more[~pledges].astype(float) == pytest.approx(1)
    factor = min(9_500 / 7_800, 9_300 / 7_500)
    assert more[pledges & alone].astype(float) == pytest.approx(factor, rel=1e-9)
    for a in np.flatnonzero(alone)[:20]:
        assert float(health(inside.state, int(a)).factor) == pytest.approx(
            float(health(outside.state, int(a)).factor), rel=1e-6
        )


def test_a_share_of_them_may_stay_out() -> None:
    book = build(with_overrides(load(NAME), {"book.category_share": 0.5})).book.category
    everyone = build(load(NAME)).book.category
    assert book is not None and everyone is not None
    assert 0 < (book == 1).sum() < (everyone == 1).sum()
    assert not ((book == 1) & (everyone == 0)).any()
    nobody = build(with_overrides(load(NAME), {"book.category_share": 0.0})).book.category
    assert nobody is None


def test_positions_stay_when_a_category_changes_or_goes() -> None:
    """As with thresholds: an override is a change of the protocol, not of the book."""
    before = build(load(NAME)).book
    higher = build(with_overrides(load(NAME), {f"{PATH}.lt_bps": 9_600})).book
    assert (higher.debt == before.debt).all() and (higher.category == before.category).all()
    gone = build(with_overrides(load(NAME), {"protocol.categories": {}}))
    assert (gone.book.debt == before.debt).all() and gone.book.category is None
    assert not gone.state.account[:, CATEGORY].any()
    redrawn = with_overrides(load(NAME), {f"{PATH}.lt_bps": 9_600}, redraw_book=True)
    assert (build(redrawn).book.debt != before.debt).any()


def test_many_at_once_count_as_one_by_one() -> None:
    """Columns and single accounts, doubles and integers."""
    world = build(load(NAME))
    s, everyone = world.state, np.arange(len(world.state.account))
    exact = counted(s, everyone)
    owing = [a for a in everyone if s.position[a, :, POSITION_DEBT].any()]
    assert [exact[a, FACTOR] for a in owing] == [health(s, int(a)).factor for a in owing]
    assert census(s)[owing, FACTOR] == pytest.approx(exact[owing, FACTOR].astype(float), rel=1e-9)
    told = describe(world.book, world.scenario, list(world.market.price[0]))
    lowest = min(exact[a, FACTOR] for a in owing) / wad()
    assert told["health_quantiles"][0] == pytest.approx(lowest, rel=1e-6)


def test_a_file_names_the_category_of_an_account(tmp_path: Path) -> None:
    (tmp_path / "book.csv").write_text(
        "account,asset,supplied,debt,category\n"
        "a,USDC,10000,,stablecoins\n"
        "a,DAI,,9200,stablecoins\n"
        "b,USDC,10000,,\n"
        "b,DAI,,7000,\n"
    )
    (tmp_path / "mine.yaml").write_text(
        f"extends: {NAME}\nname: mine\nbook: {{file: book.csv}}\nsuppliers: {{DAI: 1000000}}\n"
    )
    world = build(load(tmp_path / "mine.yaml"))
    assert world.book.category is not None and world.book.category.tolist() == [1, 0]
    assert health(world.state, 0).factor == pytest.approx(0.95 / 0.92 * 10**18, rel=1e-6)
    assert health(world.state, 1).factor == pytest.approx(0.78 / 0.7 * 10**18, rel=1e-6)
    text = (tmp_path / "book.csv").read_text().replace("a,DAI,,9200,stablecoins", "a,DAI,,9200,x")
    (tmp_path / "book.csv").write_text(text)
    with pytest.raises(ScenarioError, match="line 3, category: 'x' is no category"):
        build(load(tmp_path / "mine.yaml"))


@pytest.mark.slow
def test_a_world_opened_again_has_everyone_where_he_was() -> None:
    world = build(load(NAME))
    amounts = (array.astype(np.float64) for array in (world.book.collateral, world.book.debt))
    again = Reopening(world).at(world.scenario, *amounts).state
    first = on_floats(world).state
    column = ACCOUNT.index("category")
    assert (again.account[:, column] == first.account[:, column]).all()
    assert again.account[:, column].any()
    assert (again.category == first.category).all() and (again.member == first.member).all()


def test_what_a_run_says_of_it() -> None:
    figures = sim.run(NAME).figures["value"]
    assert 0 < figures["category_debt_usd"] < figures["most_debt_usd"]


def test_a_base_has_modes_of_the_assets_that_there_are(tmp_path: Path) -> None:
    """What a scenario lacks is left out of them, and a mode of which nothing is left as a whole."""
    text = (Path(sim.__file__).parent / "scenarios" / "single-crash.yaml").read_text()
    file = tmp_path / "mine.yaml"
    file.write_text(text.replace("extends: aave-v3", "extends: aave-v3-modes"))
    found = load(file).protocol.categories
    assert {name: one.collateral for name, one in found.items()} == {
        "stablecoins": tuple(one for one in ("USDC", "USDT", "DAI") if one in load(file).assets),
        "ether": ("WETH",),
    }
    assert not load("single-crash").protocol.categories
    book, alone = tmp_path / "book.csv", tmp_path / "alone.yaml"
    book.write_text("account,asset,supplied,debt\na,WBTC,1,\na,USDC,,1000\n")
    alone.write_text(
        "extends: aave-v3-modes\nname: alone\nstart: 2026-01-01T00:00:00Z\nduration_hours: 1\n"
        "step_seconds: 300\nseed: 1\ngas_price_gwei: 1\nnative_asset: WBTC\n"
        "assets: {WBTC: {price_usd: 60000}, USDC: {}}\nsuppliers: {WBTC: 0, USDC: 100000}\n"
        "book: {file: book.csv}\n"
    )
    assert list(load(alone).protocol.categories) == ["stablecoins"]
