"""Arbitrageurs: pull every venue toward the reference price, half of the gap per half-life, while
it pays.

They arrive at random, and each who finds that all of the gap pays his gas closes all of it: a step
does what is to be expected of them, 1 - 2^(-step / half-life) of the gap. So what pays, and what is
left of a gap after some time, do not depend on the step.

A step that is long against the half-life has parts: what liquidators sold in the first, arbitrage
brings back before the next, and they sell again.
"""

from __future__ import annotations

from sim.market import venue
from sim.market.costs import gas_value
from sim.market.market import Market
from sim.protocol import operations as op
from sim.protocol import pair
from sim.protocol.errors import OK
from sim.protocol.fixed_point import jitable, mul_div_down, wad, zero
from sim.protocol.state import WALLET, State

GAS_PER_SWAP = 120_000


@jitable
def parts(w: Market) -> int:
    """How many parts a step has."""
    return w.arbitrage_speed.shape[0] - 1


@jitable
def act(s: State, w: Market, k: int, count: int) -> None:
    """What `count` parts of step k bring: trade each pair in the direction that gains, if closing
    the gap would pay the gas.
    """
    actor = w.arbitrageur[0]
    for p in range(s.pair.shape[0]):
        for side in range(2):
            token_in, token_out = s.pair_tokens[p, side], s.pair_tokens[p, 1 - side]
            price_in, price_out = w.price[k, token_in], w.price[k, token_out]
            gap = venue.arbitrage(s, p, side, price_in, price_out)
            wallet = s.holding[actor, token_in, WALLET]
            sold = min(mul_div_down(gap, w.arbitrage_speed[count], wad()), wallet)
            if sold == 0:
                continue
            whole = min(gap, wallet)
            code, out = pair.amount_out(s, p, side, whole)
            if code != OK:
                continue
            paid = mul_div_down(whole, price_in, s.unit[token_in])
            got = mul_div_down(out, price_out, s.unit[token_out])
            if got - paid > gas_value(w, s, k, GAS_PER_SWAP):
                op.swap_in(s, actor, p, side, sold, zero())
