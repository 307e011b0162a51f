"""No point of a space is a configuration that the contracts would refuse."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from sim.engines.chain import RevmChain
from sim.engines.lockstep import Lockstep
from sim.protocol.errors import INVALID_RESERVE, OK
from sim.protocol.state import BORROW_CAP, LT, SUPPLY_CAP, State
from sim.protocol.vault_parameters import packed, set_reserve
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from sim.schema.tuning import Dimension
from sim.tuning.space import Position, Space
from sim.world.genesis import genesis

R = "protocol.reserves"


@lru_cache
def _scenario() -> Scenario:
    return with_overrides(load("black-thursday"), {"book.accounts": 20})


def _space(wide: dict[str, Any]) -> Space:
    dimensions = {
        path: Dimension(names=tuple(one))
        if isinstance(one[0], str)
        else Dimension(**dict(zip(("low", "high", "step"), one, strict=False)))
        for path, one in wide.items()
    }
    return Space(dimensions, _scenario())


WIDE: dict[str, Any] = {
    f"{R}.WETH.ltv_bps": (1, 10_000),
    f"{R}.WETH.lt_bps": (1, 10_000),
    f"{R}.WETH.max_bonus_bps": (0, 10_000),
    f"{R}.WETH.min_bonus_bps": (0, 10_000),
    f"{R}.WBTC.ltv_bps": (5_000, 8_000, 250),
    f"{R}.WBTC.lt_bps": (6_000, 9_000, 250),
    f"{R}.DAI.max_bonus_bps": (300, 4_000, 7),
    "protocol.liquidation.engine": ("close-factor", "target-health", "dutch-bonus"),
    "protocol.liquidation.hf_for_max_bonus": (0.5, 0.99),
    "protocol.rates.DAI.base_rate_bps": (0, 60_000),
    "protocol.rates.DAI.slope1_bps": (0, 60_000),
    "protocol.rates.DAI.slope2_bps": (0, 60_000),
}
"""Far wider than anything sensible: most of its box is refused by the contracts."""
SPACE = _space(WIDE)


@st.composite
def points(draw: st.DrawFn, space: Space = SPACE) -> dict[str, Position]:
    """Any point, with corners more often than chance would have it."""
    place = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
    return {
        axis.path: draw(st.sampled_from(axis.dimension.names) if axis.dimension.names else place)
        for axis in space.axes
    }


@settings(max_examples=2_000)
@given(points())
def test_every_point_is_accepted_by_the_schema_and_by_the_twin(point: dict[str, Position]) -> None:
    """`with_overrides` validates all; then the twin's own check, the one that is equal to the
    contract's, sets every reserve again."""
    scenario = with_overrides(_scenario(), SPACE.values(point))
    state = genesis(scenario, 0)
    for i in range(len(scenario.symbols)):
        assert _set_again(state, i) == OK


def test_the_same_box_without_the_space_is_mostly_refused() -> None:
    """So that the test above is one: of the corners of the box few are settings."""
    ends = {path: (one[0], one[1]) for path, one in WIDE.items() if f"{R}.WETH" in path}
    accepted = 0
    for values in product(*ends.values()):
        try:
            with_overrides(_scenario(), dict(zip(ends, values, strict=True)))
            accepted += 1
        except ScenarioError:
            pass
    assert accepted <= 2 ** len(ends) // 3


def test_the_twin_refuses_a_threshold_just_above_the_space() -> None:
    """The space goes to the edge: one basis point more is no configuration."""
    top = {
        axis.path: axis.dimension.names[0] if axis.dimension.names else 1.0 for axis in SPACE.axes
    }
    top[f"{R}.WETH.max_bonus_bps"] = 0.03
    values = SPACE.values(top)
    state = genesis(with_overrides(_scenario(), values), 0)
    weth = _scenario().symbols.index("WETH")
    edge = values[f"{R}.WETH.lt_bps"]
    assert isinstance(edge, int) and edge < 10_000
    assert _set_again(state, weth) == OK
    assert _set_again(state, weth, edge + 1) == INVALID_RESERVE


def _set_again(state: State, i: int, lt_bps: int | None = None) -> int:
    """Configure a reserve as it is, but for the threshold."""
    row = state.reserve[0, i].copy()
    row[LT] = row[LT] if lt_bps is None else lt_bps
    return set_reserve(state, 0, i, row[SUPPLY_CAP], row[BORROW_CAP], packed(row))


@pytest.mark.chain
@settings(max_examples=12)
@given(points())
@example({a.path: a.dimension.names[1] if a.dimension.names else 1.0 for a in SPACE.axes})
@example({a.path: a.dimension.names[1] if a.dimension.names else 0.0 for a in SPACE.axes})
def test_points_can_be_deployed(point: dict[str, Position]) -> None:
    """The real contracts in an EVM take the configuration, reserve by reserve."""
    scenario = with_overrides(_scenario(), SPACE.values(point))
    chain = RevmChain()
    try:
        Lockstep(chain, genesis(scenario, 0), list(scenario.symbols))
    finally:
        chain.close()


@pytest.mark.chain
def test_the_contracts_refuse_what_the_space_leaves_out() -> None:
    """The deployment above is a check: with lt x (1 + bonus) = 1 it does not come about."""
    scenario = _scenario()
    state = genesis(scenario, 0)
    state.reserve[0, 0, LT] = 9_600  # x 1.05 > 1
    chain = RevmChain()
    try:
        with pytest.raises(RuntimeError, match="setReserve was refused"):
            Lockstep(chain, state, list(scenario.symbols))
    finally:
        chain.close()


@settings(max_examples=300)
@given(points(), st.integers(1, 2_000))
def test_the_next_step_is_bounded_accepted_and_on_the_way(
    point: dict[str, Position], bound: int
) -> None:
    dimensions = {
        axis.path: axis.dimension
        if axis.dimension.names or not axis.is_whole
        else axis.dimension.model_copy(update={"bound": float(bound)})
        for axis in SPACE.axes
    }
    space = Space(dimensions, _scenario())
    target = space.values(point)
    step = space.next_step(target)
    assert space.accepts(step)
    for axis in space.axes:
        now, goal, then = axis.current, target[axis.path], step[axis.path]
        if axis.dimension.names:
            assert then in (now, goal)
            continue
        assert isinstance(now, int | float) and isinstance(goal, int | float)
        assert isinstance(then, int | float)
        assert min(now, goal) <= then <= max(now, goal)
        if axis.is_whole:
            assert abs(then - now) <= bound


def test_a_step_reaches_what_is_near() -> None:
    space = _space({f"{R}.WETH.lt_bps": (7_000, 9_000)})
    assert space.next_step({f"{R}.WETH.lt_bps": 8_111}) == {f"{R}.WETH.lt_bps": 8_111}


def test_positions_lead_back_to_their_values() -> None:
    """For values on the grid and inside the limits."""
    space = _space(
        {
            f"{R}.WETH.ltv_bps": (6_000, 8_000, 50),
            f"{R}.WETH.lt_bps": (7_000, 9_000, 25),
            f"{R}.WETH.max_bonus_bps": (200, 1_000, 10),
        }
    )
    for place in (0.0, 0.17, 0.5, 0.83, 1.0):
        values = space.values(dict.fromkeys((axis.path for axis in space.axes), place))
        assert space.values(space.positions(values)) == values


def test_grids_and_logarithms() -> None:
    """By hand: five values of a grid have a fifth of the positions each; .5 of a log range is its
    geometric mean."""
    space = _space({"protocol.liquidation.delay_seconds": (0, 400, 100)})
    path = "protocol.liquidation.delay_seconds"
    found = [space.values({path: (k + 0.5) / 10})[path] for k in range(10)]
    assert found == [0, 0, 100, 100, 200, 200, 300, 300, 400, 400]
    path = "protocol.liquidation.dust_value_usd"
    log = Space({path: Dimension(low=10, high=1_000, log=True)}, _scenario())
    assert log.values({path: 0.5})[path] == pytest.approx(100)


@pytest.mark.parametrize(
    ("path", "dimension", "word"),
    [
        (f"{R}.WETH.ltv", Dimension(low=1, high=2), "no such field"),
        (f"{R}.WETH", Dimension(low=1, high=2), r"\[low, high\]"),
        (f"{R}.WETH.ltv_bps", Dimension(names=("a",)), r"\[low, high\]"),
        ("protocol.liquidation.engine", Dimension(low=1, high=2), "names"),
        (f"{R}.WETH.ltv_bps", Dimension(low=1.5, high=2), "whole"),
        ("protocol.liquidation.engine", Dimension(names=("auction",)), "close-factor"),
        (f"{R}.WETH.ltv_bps", Dimension(low=8_001, high=9_000), "no room"),
    ],
)
def test_what_is_no_dimension_is_refused_by_name(
    path: str, dimension: Dimension, word: str
) -> None:
    with pytest.raises(ScenarioError, match=word):
        Space({path: dimension}, _scenario())
