"""The reference market: where everybody outside trades, and what sales leave in its price.

Liquidators sell into pools, and arbitrageurs pass on to the reference market what these bring in;
who keeps what he seized sells it there himself, and buys what he repaid. An asset's price there is

    price = outside path x I

with I its impact factor, 1 at first. What was sold less what was bought since the last step, worth
v at the reference price then, moves it in proportion to the depth:

    I <- I L / (L + v)    sold          I <- I (L + v) / L    bought,      L = 100 d

with d the USD that move the price by 1%: the elasticity of the price to v / L is 1 for small trades
and no sale brings it to 0. The depth is that of all of the market, its pools included: what their
liquidity providers take of a sale on the way is part of it. What arbitrageurs trade in pools
because the outside path itself moved is part of that path, so without sales the price is the path.
Between steps of dt, I falls back towards 1 with the half-life h: I <- 1 + (I - 1) 2^(-dt / h).
Permanent and decaying impact: Almgren and Chriss, Optimal execution of portfolio transactions,
2000; Bouchaud, Price impact, 2010; in liquidations of DeFi: Lehar and Parlour, BIS working paper
1062.

Recorded prices contain the impact of what was sold then. They are the outside path times the
impact I_0 of a baseline run, which is this one or another (`sim.engines.baseline`):

    price = recorded x I / I_0

In the baseline itself I is I_0, row by row as the run goes, and the price the recorded one to the
unit. Where the prices named are the outside path, I_0 is 1.
"""

from __future__ import annotations

from sim.market.market import Market
from sim.protocol.fixed_point import jitable, max_price, mul_div_down, wad, zero
from sim.protocol.state import RESERVE0, State


@jitable
def move(s: State, w: Market, k: int) -> None:
    """Bring row k of the market's prices to where trades until now have moved them.

    Feeds see a move as late as anything else, in whole steps: one of step j in row j + lag.
    """
    own = w.reference
    if own.impact.shape[0] == 0:
        return
    collect(s, w)
    for i in range(own.impact.shape[1]):
        own.impact[k, i] = _impact(s, w, k, i)
        own.sold[i] = zero()
        if own.is_baseline[0] != 0:
            own.baseline_impact[k, i] = own.impact[k, i]
    for i in range(own.impact.shape[1]):
        w.price[k, i] = moved(w, w.price[k, i], k, i)
        w.feeds.observed[k, i] = moved(w, w.feeds.observed[k, i], max(k - own.feed_lag[i], 0), i)


@jitable
def remember(s: State, w: Market) -> None:
    """Keep what arbitrageurs leave in the pairs: what others sell is counted from here."""
    if w.reference.impact.shape[0] == 0:
        return
    for p in range(s.pair.shape[0]):
        for side in range(2):
            w.reference.reserve_left[p, side] = s.pair[p, RESERVE0 + side]


@jitable
def trade(w: Market, sold: int, amount: int, bought: int, paid: int) -> None:
    """Somebody sells `amount` of asset `sold` outside any pair, and buys `paid` of `bought`."""
    own = w.reference
    if own.impact.shape[0] == 0:
        return
    own.sold[sold] += amount
    own.sold[bought] -= paid


@jitable
def collect(s: State, w: Market) -> None:
    """Add what pairs took in, less what they gave, since arbitrageurs last acted."""
    own = w.reference
    if own.impact.shape[0] == 0:
        return
    for p in range(s.pair.shape[0]):
        for side in range(2):
            i, now = s.pair_tokens[p, side], s.pair[p, RESERVE0 + side]
            own.sold[i] += now - own.reserve_left[p, side]
            own.reserve_left[p, side] = now  # a chain that stands still has no arbitrage to do it


@jitable
def _impact(s: State, w: Market, k: int, i: int) -> int:
    """I of asset i at step k, WAD, down: what is left of the last, and what was traded since."""
    own = w.reference
    before = wad() + mul_div_down(own.impact[k - 1, i] - wad(), own.left[i], wad())
    depth = own.depth[i]
    value = mul_div_down(abs(own.sold[i]), w.price[k - 1, i], s.unit[i])
    if depth == 0 or value == 0:
        now = before
    elif own.sold[i] > 0:
        now = mul_div_down(before, depth, depth + value)
    else:
        now = mul_div_down(before, depth + value, depth)
    return max(now, zero() + 1)


@jitable
def moved(w: Market, price: int, row: int, i: int) -> int:
    """A price at the impact of a row: 1 unit to just below the largest price, down."""
    now = mul_div_down(price, w.reference.impact[row, i], w.reference.baseline_impact[row, i])
    return max(min(now, max_price() - 1), zero() + 1)
