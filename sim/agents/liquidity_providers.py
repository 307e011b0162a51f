"""Liquidity providers: take their liquidity out of a pair and bring it back, as time and a falling
price make them.

Of the LP shares with which they start, they want to hold

    depth over time (step k)  x  depth by drawdown (fall of the base from its highest price so far)

the second piecewise linear. They move when that is more than 1% away from what they hold, and
bring back no more than their tokens make up at the pair's price. Liquidity that leaves when it is
needed: Gudgeon et al., The decentralized financial crisis, arXiv:2002.08099.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from sim.agents.start import LIQUIDITY_PROVIDERS, WAD, Start, integers
from sim.market.levels import on_grid, to_integers
from sim.market.market import Market
from sim.protocol import operations as op
from sim.protocol.fixed_point import jitable, mul_div_down, mul_div_up, wad, zero
from sim.protocol.state import LP_SUPPLY, RESERVE0, RESERVE1, WALLET, Array, State
from sim.scenario import Scenario
from sim.schema.market import Venue

LEAST_CHANGE = 100
"""They move when the change is more than one part in this many of what they want to hold."""

_ALWAYS = ((0.0, 1.0),)

DRYING = ("fall", "share")
FALL, SHARE = range(len(DRYING))


class LiquidityProviders(NamedTuple):
    """What liquidity providers know: T steps, P pairs."""

    actor: Array  # (1,) int64
    depth_share: Array  # (T + 1, P) share of the initial depth over time, WAD; (0, P): all of it
    drying: Array  # (P, points, DRYING) and by the fall of the base, WAD
    highest: Array  # (P,) the base's highest reference price so far
    at_start: Array  # (P,) their LP shares

    @classmethod
    def of(cls, start: Start) -> LiquidityProviders:
        """As the scenario has them; tables are empty where liquidity stays. What they have is known
        once the protocol is open.
        """
        venues, symbols = start.scenario.venues, start.scenario.symbols
        bases = [symbols.index(venue.assets[0]) for venue in venues]
        share = np.full((0, len(venues)), 0, dtype=object)
        if any(map(varies, venues)):
            share = _depth_shares(start.scenario)
        return cls(
            actor=np.array([LIQUIDITY_PROVIDERS]),
            depth_share=share,
            drying=_drying(venues),
            highest=start.prices[0, bases].copy(),
            at_start=integers([0] * len(venues)),
        )


def varies(venue: Venue) -> bool:
    """Whether the venue's liquidity comes and goes."""
    return venue.depth_over_time is not None or venue.depth_by_drawdown is not None


def _depth_shares(scenario: Scenario) -> Any:
    """Share of the initial depth by time, (steps + 1, pairs), WAD; log-linear between waypoints."""
    columns = [
        on_grid(scenario, 1.0 if venue.depth_over_time is None else venue.depth_over_time)
        for venue in scenario.venues
    ]
    return to_integers(np.rint(np.stack(columns, axis=1) * WAD))


def _drying(venues: tuple[Venue, ...]) -> Any:
    """Tables of (fall, share of the initial depth), WAD, (pairs, points, DRYING); a shorter one
    repeats its last point.
    """
    tables = [venue.depth_by_drawdown or _ALWAYS for venue in venues]
    points = max(map(len, tables), default=1)
    drying = np.full((len(venues), points, len(DRYING)), 0, dtype=object)
    for p, table in enumerate(tables):
        for n in range(points):
            drying[p, n] = [int(Fraction(str(x)) * WAD) for x in table[min(n, len(table) - 1)]]
    return drying


@jitable
def act(s: State, w: Market, k: int, own: LiquidityProviders) -> None:
    """Bring every pair's liquidity to what its providers want now."""
    if own.depth_share.shape[0] == 0:
        return
    actor = own.actor[0]
    for p in range(s.pair.shape[0]):
        base = s.pair_tokens[p, 0]
        own.highest[p] = max(own.highest[p], w.price[k, base])
        fall = mul_div_down(own.highest[p] - w.price[k, base], wad(), own.highest[p])
        share = mul_div_down(own.depth_share[k, p], by_drawdown(own, p, fall), wad())
        wanted, held = mul_div_down(own.at_start[p], share, wad()), s.lp[actor, p]
        if (held - wanted) * LEAST_CHANGE > wanted:
            op.remove_liquidity(s, actor, p, held - wanted)
        elif (wanted - held) * LEAST_CHANGE > wanted:
            _add(s, actor, p, wanted)


@jitable
def by_drawdown(own: LiquidityProviders, p: int, fall: int) -> int:
    """Share of the initial depth (WAD) of pair p at a fall (WAD) of its base: linear between the
    points of the table, flat outside them.
    """
    share = own.drying[p, 0, SHARE]
    for n in range(1, own.drying.shape[1]):
        start, end = own.drying[p, n - 1, FALL], own.drying[p, n, FALL]
        if fall >= end:
            share = own.drying[p, n, SHARE]
        elif fall > start:
            before, after = own.drying[p, n - 1, SHARE], own.drying[p, n, SHARE]
            weighted = before * (end - fall) + after * (fall - start)
            share = mul_div_down(weighted, zero() + 1, end - start)
    return share


@jitable
def _add(s: State, actor: int, p: int, wanted: int) -> None:
    """Add liquidity up to `wanted` LP shares, or as much as their tokens make up, if that is worth
    a transaction.
    """
    supply, liquidity = s.pair[p, LP_SUPPLY], wanted - s.lp[actor, p]
    for side in range(2):
        owned = s.holding[actor, s.pair_tokens[p, side], WALLET]
        liquidity = min(liquidity, mul_div_down(owned, supply, s.pair[p, RESERVE0 + side]))
    if liquidity * LEAST_CHANGE > wanted:
        most0 = mul_div_up(liquidity, s.pair[p, RESERVE0], supply)
        most1 = mul_div_up(liquidity, s.pair[p, RESERVE1], supply)
        op.add_liquidity(s, actor, p, most0, most1)
