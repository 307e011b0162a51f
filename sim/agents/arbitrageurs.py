"""Arbitrageurs: pull every venue toward the reference price, a stated share of the gap per step,
while it pays.
"""

from __future__ import annotations

from sim.agents.costs import gas_value
from sim.market import venue
from sim.market.market import Market
from sim.protocol import pair
from sim.protocol import transaction as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import BPS, jitable, mul_div_down, zero
from sim.protocol.state import WALLET, State

GAS_PER_SWAP = 120_000


@jitable
def act(s: State, w: Market, k: int) -> None:
    """Trade each pair in the direction that gains, if the gain at reference prices pays the gas."""
    actor = w.arbitrageur[0]
    for p in range(s.pair.shape[0]):
        for side in range(2):
            token_in, token_out = s.pair_tokens[p, side], s.pair_tokens[p, 1 - side]
            price_in, price_out = w.price[k, token_in], w.price[k, token_out]
            gap = venue.arbitrage(s, p, side, price_in, price_out)
            sold = mul_div_down(gap, w.arbitrage_speed[0], BPS)
            sold = min(sold, s.holding[actor, token_in, WALLET])
            if sold == 0:
                continue
            code, out = pair.amount_out(s, p, side, sold)
            if code != OK:
                continue
            paid = mul_div_down(sold, price_in, s.unit[token_in])
            got = mul_div_down(out, price_out, s.unit[token_out])
            if got - paid > gas_value(w, s, k, GAS_PER_SWAP):
                op.swap_in(s, actor, op.NOBODY, p, side, sold, out, zero())
