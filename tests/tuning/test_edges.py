"""A recommended value at the edge of its range is said to be there; the setting is made up."""

from __future__ import annotations

from typing import Any

import pytest

from sim.scenario import load, with_overrides
from sim.schema.tuning import Dimension
from sim.tuning.edges import edges
from sim.tuning.result import Value
from sim.tuning.space import Space
from tests.tuning.small import R

LT = f"{R}.WETH.lt_bps"
DELAY = "protocol.liquidation.delay_seconds"
HOURS = "protocol.cover_window_hours"
ENGINE = "protocol.liquidation.engine"


def found(path: str, dimension: dict[str, Any], value: Value) -> list[tuple[str, float, bool, str]]:
    base = with_overrides(load("black-thursday"), {"book.accounts": 20})
    space = Space({path: Dimension.model_validate(dimension)}, base)
    return [(one.end, one.limit, one.is_open, one.note) for one in edges(space, {path: value})]


RANGE = {"low": 7500, "high": 8800, "step": 25}
OF = "of the searched range: a better value may lie beyond it"
WITH_THE_REST = ", but with the rest as recommended the contracts accept none there"


@pytest.mark.parametrize(
    ("value", "end", "said"),
    [
        # Its borrow limit is 7,500: a threshold below that needs another one.
        (7500, "low", f"is the low end {OF}{WITH_THE_REST}."),
        (7525, "low", f"is within a step of the low end, 7,500, {OF}{WITH_THE_REST}."),
        (8775, "high", f"is within a step of the high end, 8,800, {OF}."),
        (8800, "high", f"is the high end {OF}."),
    ],
)
def test_an_end_and_the_step_before_it(value: int, end: str, said: str) -> None:
    ((which, limit, is_open, note),) = found(LT, RANGE, value)
    assert (which, limit, is_open) == (end, RANGE[end], end == "high")
    assert note == f"WETH.lt_bps {value:,} {said}"


def test_the_end_of_what_the_contracts_accept_is_an_end() -> None:
    """Target health needs threshold x (1 + bonus) below the health at which the bonus is largest:
    with 5% and .9 that is 8,571, and of the grid of 25 the search reaches 8,550.
    """
    base = with_overrides(load("black-thursday"), {"book.accounts": 20})
    engines = Dimension(names=("close-factor", "target-health"))
    space = Space({LT: Dimension.model_validate(RANGE), ENGINE: engines}, base)
    ((end, limit),) = [
        (one.end, one.limit) for one in edges(space, {LT: 8550, ENGINE: "target-health"})
    ]
    assert (end, limit) == ("high", 8571)
    assert edges(space, {LT: 8550, ENGINE: "close-factor"}) == []


@pytest.mark.parametrize("value", [7550, 8000, 8750])
def test_farther_in_nothing_is_said(value: int) -> None:
    assert found(LT, RANGE, value) == []


def test_the_middle_of_three_is_no_edge() -> None:
    assert found(LT, {"low": 7500, "high": 8500, "step": 500}, 8000) == []


def test_where_nothing_can_be_set() -> None:
    """Below no seconds, and above the threshold at which the bonus makes an account poorer."""
    ((_, _, is_open, note),) = found(DELAY, {"low": 0, "high": 7200, "step": 600}, 0)
    assert not is_open and note == (
        "liquidation.delay_seconds 0 is the low end of the searched range: nothing lies below it."
    )
    assert found(DELAY, {"low": 0, "high": 7200, "step": 600}, 600) == []
    bonus = load("black-thursday").protocol.reserves["WETH"].max_bonus_bps
    most = (10**8 - 1) // (10_000 + bonus)  # lt (1 + bonus) < 1
    ((end, _, is_open, note),) = found(LT, {"low": 7500, "high": most}, most)
    assert (end, is_open) == ("high", False) and note.endswith(f"{WITH_THE_REST}.")


def test_a_hundredth_of_a_range_without_a_grid() -> None:
    span = {"low": 1.0, "high": 4.0}
    assert found(HOURS, span, 1.04) == [] and found(HOURS, span, 3.96) == []
    ((low, _, is_open, _),) = found(HOURS, span, 1.02)
    ((high, _, _, _),) = found(HOURS, span, 3.98)
    assert (low, high, is_open) == ("low", "high", True)


def test_names_and_what_is_not_set_have_no_edge() -> None:
    assert found(ENGINE, {"names": ["close-factor", "target-health"]}, "close-factor") == []
    cap = {"low": 1.0, "high": 1e6}
    assert found(f"{R}.WETH.supply_cap", cap, None) == []
    ((end, _, _, _),) = found(f"{R}.WETH.supply_cap", cap, 1e6)
    assert end == "high"
