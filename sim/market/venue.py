"""Exit liquidity in closed form: what to trade on a constant-product pair.

With reserves R (in) and S (out) and g = 1 - fee, selling q gives S g q / (R + g q). If a unit of
the input is worth c units of the output elsewhere, the trade that gains most stops where the
marginal price is c:

    q = (sqrt(g R S / c) - R) / g        (nothing to gain if q <= 0)

Source: first-order condition; with c = (S / R) / (1 + b) it is the optimal liquidation size
R (sqrt(g (1 + b)) - 1) / g.
"""

from __future__ import annotations

from sim.protocol import pair
from sim.protocol.errors import OK
from sim.protocol.fixed_point import BPS, jitable, mul_div_down, sqrt_down, zero
from sim.protocol.split import side_of
from sim.protocol.state import FEE_BPS, RESERVE0, RESERVE1, State


@jitable
def best_sale(s: State, p: int, side: int, cost: int, units: int) -> int:
    """Input amount that gains most when `units` of it cost `cost` of the output; 0 if none does.
    Rounds down.
    """
    reserve_in, reserve_out = s.pair[p, RESERVE0 + side], s.pair[p, RESERVE1 - side]
    keep = BPS - s.pair[p, FEE_BPS]
    root = sqrt_down(mul_div_down(reserve_in * reserve_out, keep * units, BPS * cost))
    if root <= reserve_in:
        return zero()
    return mul_div_down(root - reserve_in, BPS, keep)


@jitable
def best_sale_of_all(s: State, c: int, d: int, cost: int, units: int) -> int:
    """The same of c on all pairs of c and d together: each is sold to until its last unit brings
    what a unit costs.
    """
    best, p = zero(), s.pair_of[c, d]
    while p >= 0:
        best += best_sale(s, p, side_of(s, p, c), cost, units)
        p = s.next_pair[p]
    return best


def best_venue(s: State, c: int, d: int, amount: int, exact_out: bool) -> tuple[int, int]:
    """(pair, side of c): where selling `amount` of c brings most of d or, `exact_out`, buying
    `amount` of d takes least of c; the first if none does it, (-1, 0) if none trades the two.
    """
    p = best = int(s.pair_of[c, d])
    reached = None
    while p >= 0:
        quote = pair.amount_in if exact_out else pair.amount_out
        code, found = quote(s, p, side_of(s, p, c), amount)
        better = reached is None or (found < reached if exact_out else found > reached)
        if code == OK and better:
            best, reached = p, found
        p = int(s.next_pair[p])
    return best, side_of(s, best, c) if best >= 0 else 0


@jitable
def arbitrage(s: State, p: int, side: int, price_in: int, price_out: int) -> int:
    """Input amount that brings the pair to the reference prices (USD per token); 0 if it is there
    or beyond.
    """
    unit_in, unit_out = s.unit[s.pair_tokens[p, side]], s.unit[s.pair_tokens[p, 1 - side]]
    return best_sale(s, p, side, price_in * unit_out, price_out * unit_in)
