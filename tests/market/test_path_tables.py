"""Tables of the wrong unit or shape never reach compiled code, which would read beyond them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.books.borrowing import Amounts
from sim.engines.compiled import Compiled
from sim.engines.memory import on_floats
from sim.engines.reopening import Reopening
from sim.market.paths import draw, observed
from sim.protocol.units import USD
from sim.world import World, build, on_path
from tests.sweep.storms import storms


@pytest.fixture(scope="module")
def world() -> World:
    return build(storms())


@pytest.fixture(scope="module")
def tables(world: World) -> tuple[Any, Any]:
    prices = draw(world.scenario, "mc", 0, 3)
    return prices, observed(world.scenario, prices)


def changed(table: Any, where: tuple[int, ...], value: float) -> Any:
    table = table.copy()
    table[where] = value
    return table


def whole(table: Any) -> Any:
    return np.asfortranarray(table)


WRONG: dict[str, tuple[Any, str]] = {
    "dollars": (lambda t: t / USD, "in whole units of 1e-8 USD"),
    "a step too few": (lambda t: t[:, :-1].copy(), r"shape \(3, 48, 3\): \(paths, 49, 3\)"),
    "a step too many": (lambda t: np.concatenate([t, t[:, -1:]], axis=1), r"\(paths, 49, 3\)"),
    "an asset too few": (lambda t: t[:, :, :2].copy(), r"shape \(3, 49, 2\)"),
    "one path": (lambda t: t[0], r"shape \(49, 3\)"),
    "single precision": (lambda t: t.astype(np.float32), "float32: an array of float64"),
    "integers": (lambda t: t.astype(np.int64), "int64"),
    "a list": (lambda t: t.tolist(), "list"),
    "cents of a unit": (lambda t: t * 100, "starts at"),
    "assets from last to first": (lambda t: t[:, :, ::-1].copy(), "starts at"),
    "another order": (np.asfortranarray, "C-contiguous"),
    "no number": (lambda t: changed(t, (1, 7, 0), np.nan), "holds nan"),
    "no end": (lambda t: changed(t, (1, 7, 0), np.inf), "holds inf"),
    "nothing": (lambda t: changed(t, (1, 7, 0), 0), r"holds 0\.0: prices are 1 to below 2\^64"),
    "less than nothing": (lambda t: changed(t, (1, 7, 0), -5), r"holds -5"),
    "half a unit": (lambda t: changed(t, (1, 7, 0), 10.5), r"holds 10\.5"),
    "a price that no contract takes": (lambda t: changed(t, (1, 7, 0), 2.0**64), "holds 1.8"),
}


@pytest.mark.parametrize("which", [0, 1], ids=["prices", "observed"])
@pytest.mark.parametrize("name", WRONG)
def test_refused_with_what_is_right(
    world: World, tables: tuple[Any, Any], name: str, which: int
) -> None:
    """By the compiled engine, from a world and from a start on floats, before anything compiles."""
    wrong, said = WRONG[name]
    given = list(tables)
    given[which] = wrong(given[which])
    for engine in (Compiled(world), Compiled.at(on_floats(world), world.scenario.steps)):
        with pytest.raises(ValueError, match=said):
            engine.outcomes(*given)


def test_another_start_is_refused(world: World, tables: tuple[Any, Any]) -> None:
    prices, seen = tables
    with pytest.raises(ValueError, match="a path starts where its world does"):
        Compiled(world).outcomes(changed(prices, (2, 0, 1), prices[2, 0, 1] + 1), seen)
    with pytest.raises(ValueError, match="3 paths of prices, 2 of what feeds see"):
        Compiled(world).outcomes(prices, seen[:2])


def test_the_journal_and_the_exact_world_refuse_as_well(
    world: World, tables: tuple[Any, Any]
) -> None:
    prices, seen = tables[0][0], tables[1][0]
    for wrong in (
        prices / USD,
        prices[:-1],
        prices[:, :2],
        changed(prices, (4, 1), np.nan),
    ):
        with pytest.raises(ValueError, match=r"is needed|prices are"):
            next(Compiled(world).journal(wrong, seen))
        for given in ((wrong, seen), (prices, wrong)):
            with pytest.raises(ValueError, match=r"is needed|prices are"):
                on_path(world, *given)
    one = on_path(world, prices, seen)
    assert (one.market.price == prices).all() and isinstance(one.market.price[1, 0], int)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda c, d: (c[:-1], d), "collateral has shape"),
        (lambda c, d: (c, d[:, :2]), "debt has shape"),
        (lambda c, d: (c, d.astype(object)), "debt is of object"),
        (lambda c, d: (changed(c, (0, 0), np.nan), d), "collateral holds nan"),
        (lambda c, d: (c, -d), "debt holds -"),
        (lambda c, d: (c + 0.5, d), "whole token units"),
        (lambda c, d: (c, d + 1), "is new: the book has none there"),
    ],
)
def test_a_reopening_refuses_amounts_of_another_book(world: World, wrong: Any, said: str) -> None:
    prices = list(world.market.price[0])
    amounts = Amounts(world.scenario, world.book, prices, "same-positions")
    with pytest.raises(ValueError, match=said):
        Reopening(world).at(world.scenario, *wrong(amounts.collateral, amounts.debt))
