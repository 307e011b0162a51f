"""Baselines: the run whose sales recorded prices contain, and the impact that is theirs.

Recorded prices are the outside path times the impact of what was sold then, so the outside path
depends on sales and sales on prices: a fixed point. It is met in one pass, because what is sold in
a step moves the next price only: a run on the recorded prices leaves behind, row by row, the impact
that belongs to them (`sim.market.reference`). Every other run (other parameters, other paths, no
rebound) sees recorded x own impact / baseline's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sim.protocol.records import copy
from sim.scenario import baseline_of
from sim.simulation import step
from sim.users.user_agents import InPython
from sim.world import World, build
from sim.world.reference_market import lacks_baseline, with_baseline

_WAD = 10**18


def fill(world: World) -> None:
    """Run the baseline of a world whose prices contain the impact of another scenario's sales, and
    put its impact in place. Raises `ScenarioError` if that scenario has no world.
    """
    if lacks_baseline(world.market):
        world.market.reference.baseline_impact[:] = settled(world).market.reference.baseline_impact


def settled(world: World, impact_of: Callable[[World], Any] | None = None) -> World:
    """The world to be run on any prices: what the named ones contain is known before it starts.

    `impact_of` plays the baseline and returns its impact, on integers unless another is given
    (`sim.engines.compiled.impact_of`). Raises as `fill`.
    """
    own = bool(world.market.reference.is_baseline[0])
    if not own and not lacks_baseline(world.market):
        return world
    base = world if own else build(baseline_of(world.scenario), world.book_seed)
    reference = base.market.reference._replace(is_baseline=np.ones(1, dtype=np.int64))
    base = base._replace(market=base.market._replace(reference=reference))
    played = (impact_of or on_integers)(base)
    impact = dict(zip(base.symbols, played.T, strict=True))
    none = np.full(world.scenario.steps + 1, _WAD, dtype=object)
    table = np.stack([impact.get(symbol, none) for symbol in world.symbols], axis=1)
    return world._replace(market=with_baseline(world.scenario, world.market, table))


def on_integers(world: World) -> Any:
    """The impact factors of a run on the prices that the scenario names, (steps + 1, assets), WAD;
    the world stays as it is.
    """
    s, w = copy(world.state), copy(world.market)
    users = InPython(world.agents, world.symbols, s, w)
    for k in range(1, world.scenario.steps + 1):
        s.journal_length[0] = 0
        step(s, w, k, users)
    return w.reference.impact
