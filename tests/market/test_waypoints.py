"""Levels between waypoints, their integer form, and the tables that a run starts from."""

import math

import numpy as np
import pytest

from sim.market.level_tables import gas_table, price_table
from sim.market.levels import to_price_units, waypoint_path
from sim.scenario import Scenario, load, with_overrides


@pytest.fixture(scope="module")
def base() -> Scenario:
    return load("black-thursday")


def test_path_is_linear_in_log_level_between_waypoints() -> None:
    path = waypoint_path([(0, 100.0), (10, 25.0)], [0, 2.5, 5, 7.5, 10])
    assert path == pytest.approx([100, 100 / math.sqrt(2), 50, 50 / math.sqrt(2), 25], rel=1e-14)


def test_path_is_flat_outside_its_waypoints() -> None:
    path = waypoint_path([(10, 3.0), (20, 6.0)], [-5, 0, 10, 20, 21, 1e9])
    assert path == pytest.approx([3, 3, 3, 6, 6, 6], rel=1e-14)
    assert waypoint_path([(7, 5.0)], [0, 7, 9]) == pytest.approx([5, 5, 5], rel=1e-14)


def test_path_takes_times_in_any_shape_and_order() -> None:
    path = waypoint_path([(0, 1.0), (1, 4.0)], [[1, 0.5], [0, 2]])
    assert path.dtype == np.float64
    assert path == pytest.approx(np.array([[4, 2], [1, 4]]), rel=1e-14)


@pytest.mark.parametrize(
    ("waypoints", "message"),
    [
        ([], "at least one"),
        ([(0, 1.0), (0, 2.0)], "rise in time"),
        ([(1, 1.0), (0, 2.0)], "rise in time"),
        ([(0, 1.0), (math.nan, 2.0)], "rise in time"),
        ([(0, 0.0)], "positive and finite"),
        ([(0, 1.0), (1, -2.0)], "positive and finite"),
        ([(0, math.nan)], "positive and finite"),
        ([(0, math.inf)], "positive and finite"),
    ],
)
def test_bad_waypoints_are_refused(waypoints: list[tuple[float, float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        waypoint_path(waypoints, [0.0])


def test_price_units_are_python_integers_rounded_half_to_even() -> None:
    # Multiples of 2^-9 x 1e8 end in exactly .5: 195312.5, 585937.5, 976562.5.
    units = to_price_units([[1 / 512, 3 / 512, 5 / 512], [194.61, 1.0, 1e-8]])
    assert units.dtype == object
    assert units.tolist() == [[195_312, 585_938, 976_562], [19_461_000_000, 100_000_000, 1]]
    assert {type(unit) for unit in units.flat} == {int}


def test_price_units_keep_their_bounds() -> None:
    largest = 2**64 - 2**11  # the largest double below 2^64
    assert to_price_units([largest / 1e8]).tolist() == [largest]
    for bad in (0.0, -1.0, 4e-9, 2**64 / 1e8, 1e300, math.nan, math.inf):
        with pytest.raises(ValueError, match="at least 1e-8 USD"):
            to_price_units([1.0, bad])


def test_price_table_starts_at_the_start_and_keeps_the_order_of_assets(base: Scenario) -> None:
    table = price_table(base)
    assert table.shape == (base.steps + 1, len(base.assets))
    assert table.dtype == object and {type(price) for price in table.flat} == {int}
    expected = [
        level[0].value if isinstance(level := asset.price_usd, tuple) else level
        for asset in base.assets.values()
    ]
    assert table[0].tolist() == [round(price * 1e8) for price in expected]


def test_price_table_goes_through_every_waypoint(base: Scenario) -> None:
    """To the last of the 8 decimals: the logarithm and back lose less than half a unit here."""
    table = price_table(base)
    met = 0
    for column, asset in enumerate(base.assets.values()):
        for waypoint in asset.price_usd if isinstance(asset.price_usd, tuple) else ():
            step, rest = divmod((waypoint.at - base.start).total_seconds(), base.step_seconds)
            if rest == 0:
                assert table[int(step), column] == round(waypoint.value * 1e8)
                met += 1
    assert met >= 20


def test_constant_levels_are_constant(base: Scenario) -> None:
    flat = with_overrides(base, {"assets.DAI.price_usd": 0.1, "gas_price_gwei": 0.3})
    assert set(price_table(flat)[:, flat.symbols.index("DAI")]) == {10_000_000}
    assert set(gas_table(flat)) == {300_000_000}


def test_gas_table_is_in_wei(base: Scenario) -> None:
    table = gas_table(base)
    assert table.shape == (base.steps + 1,)
    assert {type(price) for price in table} == {int}
    assert table[0] == 9_900_000_000


def test_tables_start_in_the_middle_of_a_path_too(base: Scenario) -> None:
    """A run that starts between two waypoints starts at the level between them."""
    rows = 3600 // base.step_seconds
    late = with_overrides(
        base, {"start": base.start.replace(hour=1), "duration_hours": base.duration_hours - 1}
    )
    assert price_table(late).tolist() == price_table(base)[rows:].tolist()
