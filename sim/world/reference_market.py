"""What the market knows of the reference market when a run starts, and of whose sales its recorded
prices contain.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from sim.market.levels import held_from
from sim.market.market import Market, Reference
from sim.protocol.units import USD
from sim.scenario import Scenario, baseline_of
from sim.schema.reference import ReferenceDepth

_WAD = 10**18
_PERCENT = 100
_UNKNOWN = 0
"""In a table of a baseline that has not run: whoever forgets it divides by 0."""


def reference_market(scenario: Scenario) -> Reference:
    """What sales leave in prices; tables have no rows if nothing.

    Where prices contain the impact of another scenario's sales its table is still to be filled in
    (`with_baseline`). Raises `ScenarioError` if that scenario cannot be had.
    """
    market, symbols = scenario.reference_market, scenario.symbols
    depths = market.assets if market else {}
    own = market is not None and market.prices_contain_impact
    other = own and baseline_of(scenario) != scenario
    rows, assets = scenario.steps + 1 if market else 0, len(symbols)
    return Reference(
        depth=_integers([_depth(depths.get(symbol)) for symbol in symbols]),
        left=_integers([_left(depths.get(symbol), scenario.step_seconds) for symbol in symbols]),
        impact=np.full((rows, assets), _WAD, dtype=object),
        baseline_impact=np.full((rows, assets), _UNKNOWN if other else _WAD, dtype=object),
        is_baseline=np.array([int(own and not other)]),
        sold=_integers([0] * assets),
        reserve_left=np.full((len(scenario.venues), 2), 0, dtype=object),
        feed_lag=np.array(
            [scenario.feeds[s].latency_seconds // scenario.step_seconds for s in symbols],
            dtype=np.int64,
        ),
    )


def lacks_baseline(market: Market) -> bool:
    """Whether the impact that its prices contain is that of a run still to be done."""
    table = market.reference.baseline_impact
    return len(table) > 0 and table[0, 0] == _UNKNOWN


def with_baseline(scenario: Scenario, market: Market, impact: Any) -> Market:
    """The market with prices that contain this `impact` of a baseline run, (steps + 1, assets).

    An asset that is held at its low is so with what was in its price then.
    """
    table = np.array(impact, dtype=object)
    for i, symbol in enumerate(scenario.symbols):
        low = held_from(scenario, symbol)
        table[low + 1 :, i] = table[low, i]
    return with_impact(market, table)


def with_impact(market: Market, table: Any) -> Market:
    """The market with prices that contain the impact of a baseline that has run, as another market
    of the same scenario has its table.
    """
    none = np.zeros(1, dtype=np.int64)
    reference = market.reference._replace(baseline_impact=table.copy(), is_baseline=none)
    return market._replace(reference=reference)


def _depth(of: ReferenceDepth | None) -> int:
    """L, USD with 8 decimals; 0 for a market without bound."""
    return round(of.depth_usd_per_percent * _PERCENT * USD) if of else 0


def _left(of: ReferenceDepth | None, step_seconds: int) -> int:
    """2^(-step / half-life), WAD, down; all of it without a half-life."""
    if of is None or of.half_life_hours is None:
        return _WAD
    return int(Fraction(0.5 ** (step_seconds / (of.half_life_hours * 3_600))) * _WAD)


def _integers(values: list[int]) -> Any:
    return np.array(values, dtype=object)
