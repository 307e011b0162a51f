"""What the market knows of the venues when a run starts: speeds and depths."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, expm1, log
from typing import Any

import numpy as np

from sim.market.levels import on_grid, to_integers
from sim.market.market import DRYING
from sim.scenario import Scenario
from sim.schema.market import Arbitrage, Venue
from sim.world.actors import LIQUIDITY_PROVIDERS

PART = 0.5
"""Half-lives of arbitrage after which liquidators sell again within a step."""
MOST_PARTS = 16
_WAD = 10**18
_ALWAYS = ((0.0, 1.0),)


def venue_arrays(scenario: Scenario, prices: Any) -> dict[str, Any]:
    """The fields of `Market` that say how venues and their liquidity behave.

    Arrays of a mechanism that the scenario does not use are empty, and the loop skips it.
    """
    venues, symbols = scenario.venues, scenario.symbols
    pairs = len(venues)
    varying = any(map(varies, venues))
    bases = [symbols.index(venue.assets[0]) for venue in venues]
    return {
        "arbitrage_speed": _integers(speeds(scenario.arbitrage, scenario.step_seconds)),
        "depth_share": _depth_shares(scenario) if varying else np.full((0, pairs), 0, dtype=object),
        "drying": _drying(venues),
        "highest": prices[0, bases].copy(),
        "lp_at_start": _integers([0] * pairs),
        "arbitrage_at_start": _integers([0] * len(symbols)),
        "liquidity_provider": np.array([LIQUIDITY_PROVIDERS]),
    }


def varies(venue: Venue) -> bool:
    """Whether the venue's liquidity comes and goes."""
    return venue.depth_over_time is not None or venue.depth_by_drawdown is not None


def speeds(arbitrage: Arbitrage, step_seconds: int) -> list[int]:
    """Share of the gap closed in 0, 1, ... and all parts of a step, 1 - 2^(-time / half-life), WAD,
    down. Parts are no longer than `PART` half-lives, unless these were more than `MOST_PARTS`.
    """
    half_lives = step_seconds / arbitrage.half_life_seconds
    parts = min(ceil(half_lives / PART), MOST_PARTS)
    return [
        int(Fraction(-expm1(-log(2) * half_lives * n / parts)) * _WAD) for n in range(parts + 1)
    ]


def _depth_shares(scenario: Scenario) -> Any:
    """Share of the initial depth by time, (steps + 1, pairs), WAD; log-linear between waypoints."""
    columns = [
        on_grid(scenario, 1.0 if venue.depth_over_time is None else venue.depth_over_time)
        for venue in scenario.venues
    ]
    return to_integers(np.rint(np.stack(columns, axis=1) * _WAD))


def _drying(venues: tuple[Venue, ...]) -> Any:
    """Tables of (fall, share of the initial depth), WAD, (pairs, points, DRYING); a shorter one
    repeats its last point.
    """
    tables = [venue.depth_by_drawdown or _ALWAYS for venue in venues]
    points = max(map(len, tables), default=1)
    drying = np.full((len(venues), points, len(DRYING)), 0, dtype=object)
    for p, table in enumerate(tables):
        for n in range(points):
            drying[p, n] = [int(Fraction(str(x)) * _WAD) for x in table[min(n, len(table) - 1)]]
    return drying


def _integers(values: list[Any]) -> Any:
    return np.array(values, dtype=object)
