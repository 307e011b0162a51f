"""Levels over time, and their exact form: integers, as the contracts and the twin take them."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from sim.market.history import recorded, recorded_at
from sim.protocol.units import USD
from sim.scenario import Scenario
from sim.schema.price_file import PriceFile, PriceLevel

_PRICE_LIMIT = 2**64  # of the contracts: no product of a price and an amount overflows below it


def waypoint_path(
    waypoints: Sequence[tuple[float, float]], times: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """The level at `times`: linear in log level between waypoints, flat before and after them.

        log level(t) = log a + (log b - log a) * (t - t_a) / (t_b - t_a)

    `waypoints` are (seconds, level > 0) pairs with rising seconds; the result has the shape and
    the order of `times`, in seconds, and the unit of the levels.
    """
    if not waypoints:
        raise ValueError("a path needs at least one waypoint")
    seconds, levels = np.asarray(waypoints, dtype=np.float64).T
    if not (np.isfinite(seconds).all() and (np.diff(seconds) > 0).all()):
        raise ValueError(f"waypoints must rise in time: {seconds.tolist()} s")
    if not (np.isfinite(levels).all() and (levels > 0).all()):
        raise ValueError(f"levels must be positive and finite: {levels.tolist()}")
    path: npt.NDArray[np.float64] = np.exp(
        np.interp(np.asarray(times, dtype=np.float64), seconds, np.log(levels))
    )
    return path


def price_on_grid(
    scenario: Scenario, symbol: str, ago: int | npt.NDArray[np.float64] = 0
) -> npt.NDArray[np.float64]:
    """The level of an asset's price, as `on_grid`. With `hold_at_low` there is no rebound:

        held(t) = level(min(t, t_low)),   t_low = the first step at which it is lowest

    for each asset by itself, if its fall from the start to there is larger than any rise from the
    start (in logarithms). One that rises more than it falls is left as it is: what is owed in it is
    the stress, and its own lowest level would end that.
    """
    level = scenario.assets[symbol].price_usd
    until = held_from(scenario, symbol) * scenario.step_seconds
    times = np.arange(scenario.steps + 1) * scenario.step_seconds - ago
    return _at(scenario, level, np.minimum(times, until))


def held_from(scenario: Scenario, symbol: str) -> int:
    """The step from which on an asset is held at its low; that of the end if it is not."""
    if not scenario.hold_at_low:
        return scenario.steps
    path = np.log(on_grid(scenario, scenario.assets[symbol].price_usd))
    falls, rises = path[0] - path.min(), path.max() - path[0]
    return int(path.argmin()) if falls > rises else scenario.steps


def on_grid(
    scenario: Scenario, level: PriceLevel, ago: int | npt.NDArray[np.float64] = 0
) -> npt.NDArray[np.float64]:
    """A level at the start and after every step, or `ago` seconds before, (steps + 1,); `ago` may
    be another for each.

    Raises ScenarioError if it is a file of recorded prices that cannot be used.
    """
    return _at(scenario, level, np.arange(scenario.steps + 1) * scenario.step_seconds - ago)


def _at(
    scenario: Scenario, level: PriceLevel, times: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """A level at `times`, seconds after the start."""
    if isinstance(level, PriceFile):
        return recorded_at(level, scenario.start.timestamp(), times)
    if not isinstance(level, tuple):
        return np.full(times.shape, level)
    values = (waypoint.value for waypoint in level)
    return waypoint_path(list(zip(waypoint_seconds(scenario, level), values, strict=True)), times)


def waypoint_seconds(scenario: Scenario, level: PriceLevel) -> list[float]:
    """When the waypoints of a level are, in seconds after the start; none for a constant."""
    if isinstance(level, PriceFile):
        times, _ = recorded(level)
        return [float(at) - scenario.start.timestamp() for at in times]
    waypoints = level if isinstance(level, tuple) else ()
    return [(waypoint.at - scenario.start) / timedelta(seconds=1) for waypoint in waypoints]


def to_price_units(prices_usd: npt.ArrayLike) -> npt.NDArray[np.object_]:
    """Prices in USD as Python integers with 8 decimals, rounded half to even; same shape.

    Raises ValueError where the contracts would refuse the result: 0 or less, or 2^64 or more.
    """
    rounded = np.rint(np.asarray(prices_usd, dtype=np.float64) * USD)
    if not (np.isfinite(rounded).all() and (rounded > 0).all() and (rounded < _PRICE_LIMIT).all()):
        raise ValueError("a price must round to at least 1e-8 USD and stay below 2^64 units")
    return to_integers(rounded)


def to_integers(values: npt.NDArray[np.float64]) -> npt.NDArray[np.object_]:
    """Whole floats as an object array of Python integers, same shape."""
    integers: npt.NDArray[np.object_] = np.frompyfunc(int, 1, 1)(np.atleast_1d(values))
    return integers.reshape(values.shape)
