"""Permanent price impact: what trades leave in the reference price, which feeds and arbitrageurs
see.

Since the arbitrageurs last acted, others (liquidators most of all) moved a pair's mid price, the
ratio of its reserves, from M to N. A stated share s of that move stays: the reference price of the
pair's base, its first asset, is multiplied from now on by

    1 + s (N / M - 1)

and the rest is temporary, a gap that arbitrage closes with its half-life. The factors of all pairs
and steps multiply to the asset's `impact`. Permanent and temporary impact: Almgren and Chriss,
Optimal execution of portfolio transactions, 2000; both are found in liquidations of DeFi by Lehar
and Parlour, BIS working paper 1062.
"""

from __future__ import annotations

from sim.market.market import Market
from sim.protocol.fixed_point import BPS, jitable, mul_div_down, ray, wad, zero
from sim.protocol.state import RESERVE0, RESERVE1, State


@jitable
def move(s: State, w: Market, k: int) -> None:
    """Bring row k of the market's prices to where trades until now have moved them.

    Feeds see a move as late as anything else, in whole steps: one of step j in row j + lag.
    """
    if w.impact.shape[0] == 0:
        return
    for i in range(w.impact.shape[1]):
        w.impact[k, i] = w.impact[k - 1, i]
    collect(s, w, k)
    least = zero() + 1
    for i in range(w.impact.shape[1]):
        seen = w.impact[max(k - w.feed_lag[i], 0), i]
        w.price[k, i] = max(mul_div_down(w.price[k, i], w.impact[k, i], wad()), least)
        w.observed[k, i] = max(mul_div_down(w.observed[k, i], seen, wad()), least)


@jitable
def collect(s: State, w: Market, k: int) -> None:
    """Add to row k's impact what others than arbitrageurs moved since these last acted."""
    if w.impact.shape[0] == 0:
        return
    for p in range(s.pair.shape[0]):
        share = w.permanent_share[p]
        if share > 0:
            base, before, now = s.pair_tokens[p, 0], w.mid[p], mid(s, p)
            after = (BPS - share) * before + share * now
            w.impact[k, base] = mul_div_down(w.impact[k, base], after, BPS * before)
            w.mid[p] = now  # a chain that stands still has no arbitrage to remember it


@jitable
def remember(s: State, w: Market) -> None:
    """Keep the pairs' prices as arbitrageurs leave them: moves are measured from here."""
    if w.impact.shape[0] == 0:
        return
    for p in range(s.pair.shape[0]):
        w.mid[p] = mid(s, p)


@jitable
def mid(s: State, p: int) -> int:
    """Units of the second token per unit of the base, as a RAY, before the fee."""
    return mul_div_down(s.pair[p, RESERVE1], ray(), s.pair[p, RESERVE0])
