"""Liquidity providers: take their liquidity out of a pair and bring it back, as time and a falling
price make them.

Of the LP shares with which they start, they want to hold

    depth over time (step k)  x  depth by drawdown (fall of the base from its highest price so far)

the second piecewise linear. They move when that is more than 1% away from what they hold, and
bring back no more than their tokens make up at the pair's price. Liquidity that leaves when it is
needed: Gudgeon et al., The decentralized financial crisis, arXiv:2002.08099.
"""

from __future__ import annotations

from sim.market.market import FALL, SHARE, Market
from sim.protocol import operations as op
from sim.protocol.fixed_point import jitable, mul_div_down, mul_div_up, wad, zero
from sim.protocol.state import LP_SUPPLY, RESERVE0, RESERVE1, WALLET, State

LEAST_CHANGE = 100
"""They move when the change is more than one part in this many of what they want to hold."""


@jitable
def act(s: State, w: Market, k: int) -> None:
    """Bring every pair's liquidity to what its providers want now."""
    if w.depth_share.shape[0] == 0:
        return
    actor = w.liquidity_provider[0]
    for p in range(s.pair.shape[0]):
        base = s.pair_tokens[p, 0]
        w.highest[p] = max(w.highest[p], w.price[k, base])
        fall = mul_div_down(w.highest[p] - w.price[k, base], wad(), w.highest[p])
        share = mul_div_down(w.depth_share[k, p], by_drawdown(w, p, fall), wad())
        wanted, held = mul_div_down(w.lp_at_start[p], share, wad()), s.lp[actor, p]
        if (held - wanted) * LEAST_CHANGE > wanted:
            op.remove_liquidity(s, actor, p, held - wanted)
        elif (wanted - held) * LEAST_CHANGE > wanted:
            _add(s, actor, p, wanted)


@jitable
def by_drawdown(w: Market, p: int, fall: int) -> int:
    """Share of the initial depth (WAD) of pair p at a fall (WAD) of its base: linear between the
    points of the table, flat outside them.
    """
    share = w.drying[p, 0, SHARE]
    for n in range(1, w.drying.shape[1]):
        start, end = w.drying[p, n - 1, FALL], w.drying[p, n, FALL]
        if fall >= end:
            share = w.drying[p, n, SHARE]
        elif fall > start:
            before, after = w.drying[p, n - 1, SHARE], w.drying[p, n, SHARE]
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
