"""Decisions of floats and integers: amounts may differ, who is liquidated for what may not."""

from __future__ import annotations

from typing import Any

import pytest

from sim.protocol import operations as op
from sim.protocol.errors import NAMES
from sim.protocol.state import Entry
from sim.questions.decisions import Comparison, decisions


def row(kind: int, account: int, x: int = 0, y: int = 0, amount: float = 5, code: int = 0) -> Any:
    return list(Entry(kind, 0, account, x, y, amount, code=code))  # type: ignore[arg-type]


A = row(op.flash_liquidate.kind, 3, 2, 0)
B = row(op.flash_liquidate.kind, 4, 2, 0)


def compared(on_floats: list[Any], exact: list[Any]) -> Comparison:
    comparison = Comparison()
    comparison.step(7, on_floats, exact)
    return comparison


def test_amounts_and_other_operations_do_not_count() -> None:
    floats = [[float(value) for value in row(op.flash_liquidate.kind, 3, 2, 0, 5.00001)]]
    same = compared([*floats, row(op.swap_in.kind, -1)], [row(op.accrue.kind, -1), A])
    assert (same.decisions, same.differing, same.first) == (1, 0, None)
    assert decisions([row(op.swap_in.kind, -1), A]) == decisions([A])


@pytest.mark.parametrize(
    ("on_floats", "exact", "differing", "left", "right"),
    [
        ([A], [A, B], 1, None, "flash liquidate account 4 (DAI for WETH): ok"),
        ([A, B], [], 2, "flash liquidate account 3 (DAI for WETH): ok", None),
        ([A, B], [B, A], 1, "flash liquidate account 3 (DAI for WETH): ok", "account 4"),
        (
            [row(op.write_off.kind, 3)],
            [row(op.write_off.kind, 5)],
            1,
            "write off account 3",
            "account 5",
        ),
        (
            [row(op.socialise.kind, -1, 2)],
            [row(op.write_off.kind, 5)],
            1,
            "socialise DAI",
            "write off account 5",
        ),
        ([A], [row(op.flash_liquidate.kind, 3, 2, 0, code=4)], 1, "ok", NAMES[4]),
    ],
)
def test_differences_are_counted_and_the_first_is_named(
    on_floats: list[Any], exact: list[Any], differing: int, left: str | None, right: str | None
) -> None:
    found = compared(on_floats, exact)
    assert found.differing == differing
    assert found.first is not None and found.first.step == 7
    for side, words in ((found.first.on_floats, left), (found.first.exact, right)):
        assert (side is None) == (words is None)
        if side is not None and words is not None:
            assert words in side.words(["WETH", "WBTC", "DAI"])


def test_only_the_first_is_kept() -> None:
    comparison = compared([A], [B])
    comparison.step(8, [], [A])
    assert comparison.differing == 2 and comparison.decisions == 2
    assert comparison.first is not None and comparison.first.step == 7
