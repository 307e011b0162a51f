"""The cap solver: against known edges, and against a grid of real evaluations."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from sim.books import Book
from sim.books.borrowing import Amounts, _whole
from sim.engines.memory import on_floats
from sim.engines.reopening import Reopening
from sim.scenario import ScenarioError, with_overrides
from sim.schema.tuning import CapSearch
from sim.tuning.caps import ACCURACY, largest_within, solve
from sim.tuning.objectives import value
from sim.tuning.study import Tuner
from sim.world import World, build
from tests.tuning.small import R, preset, setup, tuner

SUPPLY, BORROW = f"{R}.WETH.supply_cap", f"{R}.USDC.borrow_cap"


def test_bisection_finds_what_a_grid_finds() -> None:
    """On losses with a known edge, a jump included; and never above the edge."""
    for edge in (1.3, 7.0, 80.0):
        found = largest_within(lambda x, edge=edge: x**2, edge**2, 1.0, 100.0)
        grid = max(x for x in np.geomspace(1, 100, 2_000) if x**2 <= edge**2)
        assert found.value is not None
        assert edge / 1.021 <= found.value <= edge and abs(found.value / grid - 1) < 0.025
        jump = largest_within(lambda x, edge=edge: 0.0 if x <= edge else 9.0, 5.0, 1.0, 100.0)
        assert jump.value is not None and edge / 1.021 <= jump.value <= edge
    assert largest_within(lambda x: 1.0, 0.5, 1, 10).value is None
    assert largest_within(lambda x: 0.0, 0.5, 1, 10).value == 10
    assert found.evaluations <= 2 + math.ceil(math.log2(math.log(100) / math.log(1.02)))


def _losses(one: Tuner, path: str) -> Callable[[float], float]:
    """ES 99 % with so many tokens under the cap, on all paths."""

    def loss(tokens: float) -> float:
        current = one.setup.space.current
        return value("es_99", one.samples([current], fill=(path, tokens))[0])

    return loss


@pytest.mark.compiled
@pytest.mark.parametrize(("path", "budget"), [(SUPPLY, 110_000.0), (BORROW, 100_000.0)])
def test_a_grid_of_evaluations_brackets_the_cap(path: str, budget: float, tmp_path: Path) -> None:
    """Every cap of the grid up to the answer is within the budget, the next one is beyond it."""
    asked = setup(caps={path: {"budget_usd": budget}})
    with tuner(tmp_path, asked) as one:
        loss = _losses(one, path)
        cap = solve(one, asked.space.current, path)
        # From a twentieth of today's use to four times of it, as the search.
        grid = np.geomspace(cap.largest_tried / 80, cap.largest_tried, 15)
        losses = np.array([loss(float(tokens)) for tokens in grid])
        assert cap.value is not None and grid[0] < cap.value < grid[-1]  # it binds
        below = grid <= cap.value
        assert below.sum() >= 5 and (losses[below] <= budget).all()
        assert losses[~below][0] > budget
        # Summed in another order.
        assert cap.loss.value == pytest.approx(loss(cap.value), rel=1e-12)
        assert cap.loss.value <= budget < loss(cap.value * (1 + ACCURACY))


@pytest.mark.compiled
def test_a_bound_that_says_nothing_costs_work_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were today's worst paths harmless under a cap, the search would go on with all paths."""
    asked = setup(caps={BORROW: {"budget_usd": 100_000.0}})
    with tuner(tmp_path, asked) as one:
        with_bound = solve(one, asked.space.current, BORROW)
        samples = one.samples

        def without(*args: Any, worst_only: bool = False, **more: Any) -> Any:
            found = samples(*args, **more)
            if not worst_only:
                return found
            harmless = tuple(np.zeros_like(outcomes) for outcomes in found[0].outcomes)
            return [found[0]._replace(outcomes=harmless)]

        monkeypatch.setattr(one, "samples", without)
        alone = solve(one, asked.space.current, BORROW)
    assert alone.value is not None and with_bound.value is not None
    assert abs(math.log(alone.value / with_bound.value)) <= math.log(1 + ACCURACY)
    assert alone.loss.value <= 100_000
    assert alone.evaluations < 2 * with_bound.evaluations


@pytest.mark.compiled
def test_caps_that_are_none_or_do_not_bind(tmp_path: Path) -> None:
    asked = setup(caps={SUPPLY: {"budget_usd": 1.0}, BORROW: {"budget_usd": 1e12, "largest": 2}})
    with tuner(tmp_path, asked, paths=32) as one:
        none = solve(one, asked.space.current, SUPPLY)
        unbound = solve(one, asked.space.current, BORROW)
        assert none.value is None
        assert none.loss.value == _losses(one, SUPPLY)(none.largest_tried / 80) > 1
    amounts = _amounts(_world())
    assert (
        unbound.value == unbound.largest_tried == 2 * amounts.now_under(_world().scenario, BORROW)
    )


@lru_cache
def _world() -> World:
    return build(setup().scenarios[0])


def _amounts(world: World) -> Amounts:
    return Amounts(world.scenario, world.book, list(world.market.price[0]), "follow-limit")


@pytest.mark.parametrize("share", [0.05, 1.0, 3.0])
def test_a_filled_supply_cap(share: float) -> None:
    """Everyone's WETH grows alike, the debt of who pledges only WETH too, that of others who
    pledge none of it stays, and suppliers grow with what is lent."""
    world, i = _world(), 0
    amounts = _amounts(world)
    before, owed = amounts.under(world.scenario)
    tokens = share * amounts.now_under(world.scenario, SUPPLY)
    market, collateral, debt = amounts.filled(world.scenario, SUPPLY, tokens)
    assert collateral[:, i].sum() / 1e18 == pytest.approx(tokens)
    assert np.allclose(collateral[:, i], share * before[:, i], rtol=1e-9, atol=1)
    assert (collateral[:, 1:] == before[:, 1:]).all()
    has, only = before[:, i] > 0, (before[:, i] > 0) & (before[:, 1:] == 0).all(axis=1)
    assert only.sum() > 5 and (~has).sum() > 2
    assert np.allclose(debt[only], share * owed[only], rtol=1e-9, atol=1)
    assert np.allclose(debt[~has], owed[~has], rtol=1e-9, atol=1)
    for n, name in enumerate(market.symbols):
        grown = debt[:, n].sum() / owed[:, n].sum() if owed[:, n].any() else 1.0
        assert market.suppliers[name] == pytest.approx(grown * world.scenario.suppliers[name])


def test_a_filled_borrow_cap() -> None:
    """Who owes USDC grows as a whole, nobody else changes."""
    world = _world()
    amounts, i = _amounts(world), world.scenario.symbols.index("USDC")
    before, owed = amounts.under(world.scenario)
    tokens = 2.5 * amounts.now_under(world.scenario, BORROW)
    _, collateral, debt = amounts.filled(world.scenario, BORROW, tokens)
    assert debt[:, i].sum() / 1e6 == pytest.approx(tokens)
    grows = np.where(owed[:, i] > 0, 2.5, 1.0)[:, None]
    assert 1 < grows.mean() < 2.5
    assert np.allclose(collateral, grows * before, rtol=1e-9, atol=1)
    assert np.allclose(debt, grows * owed, rtol=1e-9, atol=1)


def test_other_caps_hold_in_a_filled_market() -> None:
    """A cap on what is borrowed against the filled collateral is not exceeded, and what is left can
    be opened."""
    world = _world()
    amounts, i = _amounts(world), world.scenario.symbols.index("USDC")
    cap = amounts.now_under(world.scenario, BORROW)
    capped = with_overrides(world.scenario, {BORROW: cap})
    tokens = 3 * amounts.now_under(capped, SUPPLY)
    market, collateral, debt = amounts.filled(capped, SUPPLY, tokens)
    assert 0.99 * cap < debt[:, i].sum() / 1e6 < cap
    build(market, book=Book(_whole(collateral), _whole(debt), world.book.isolated))


@pytest.mark.compiled
@pytest.mark.parametrize(("path", "share"), [(SUPPLY, 3.0), (SUPPLY, 0.05), (BORROW, 2.5)])
def test_a_filled_market_opened_again_is_that_built_anew(path: str, share: float) -> None:
    """Every array of the state; 1e-7: the amounts of a twentieth of a small account are rounded."""
    world = _world()
    amounts = _amounts(world)
    tokens = share * amounts.now_under(world.scenario, path)
    market, collateral, debt = amounts.filled(world.scenario, path, tokens)
    found = Reopening(world).at(market, collateral, debt)
    book = Book(_whole(collateral), _whole(debt), world.book.isolated)
    anew = on_floats(build(market, book=book))
    for name in set(anew.state._fields) - {"journal", "undo", "result", "journal_length"}:
        here, there = getattr(found.state, name), getattr(anew.state, name)
        scale = np.abs(there).max(initial=1.0)
        assert np.allclose(here, there, rtol=1e-7, atol=1e-12 * scale), name


def test_a_cap_that_counts_nothing_is_refused() -> None:
    world = _world()
    nobody = Book(world.book.collateral, world.book.debt * 0, world.book.isolated)
    amounts = Amounts(world.scenario, nobody, list(world.market.price[0]), "follow-limit")
    with pytest.raises(ScenarioError, match=r"USDC\.borrow_cap: nobody in the book has"):
        amounts.filled(world.scenario, BORROW, 1e6)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("budget_usd", 0),
        ("budget_usd", -1.0),
        ("budget_usd", "2.0e+6"),
        ("budget_usd", None),
        ("budget_usd", math.inf),
        ("least", 0),
        ("least", 1.01),
        ("largest", 0.99),
        ("largest", math.nan),
        ("larges", 2),
    ],
)
def test_what_is_no_cap_search_is_refused_by_field(field: str, wrong: object) -> None:
    right = {"budget_usd": 1.0, "least": 1.0, "largest": 1.0}
    assert CapSearch.model_validate(right).budget_usd == 1
    with pytest.raises(ValidationError) as caught:
        CapSearch.model_validate({**right, field: wrong})
    assert [one["loc"] for one in caught.value.errors()] == [(field,)]


@pytest.mark.parametrize(
    "path",
    ["WETH.supply_cap", f"{R}.WETH.ltv_bps", f"{R}.WETH.x.supply_cap", f"{R}..borrow_cap"],
)
def test_what_is_no_cap_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="is not the path of a cap"):
        preset(caps={path: {"budget_usd": 1.0}})
