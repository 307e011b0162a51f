"""A jitable agent: trades on one venue against whoever pushed its price away from the market's.

agents:
  - name: contrarian
    path: sim.examples.contrarian:contrarian
    capital_usd: {USDC: 500000}
    parameters: {pair: 0, threshold_bps: 200}
"""

from __future__ import annotations

from sim.market import venue
from sim.market.market import Market
from sim.protocol import operations as op
from sim.protocol.fixed_point import BPS, jitable, mul_div_down, zero
from sim.protocol.state import RESERVE0, RESERVE1, WALLET, State


@jitable
def contrarian(s: State, w: Market, k: int, me: int, pair: int, threshold_bps: int = 100) -> None:
    """Sell what `pair` (its place under venues) pays at least `threshold_bps` more for than the
    market does: as much as brings the pool to the market, of what the agent has.
    """
    p, actor = int(pair), w.agent_actor[me]
    for side in range(2):
        token_in, token_out = s.pair_tokens[p, side], s.pair_tokens[p, 1 - side]
        market = w.price[k, token_in]
        # The pool's price of a token that goes in, USD with 8 decimals as the market's.
        in_a_token = mul_div_down(
            s.pair[p, RESERVE1 - side], s.unit[token_in], s.pair[p, RESERVE0 + side]
        )
        pool = mul_div_down(in_a_token, w.price[k, token_out], s.unit[token_out])
        if (pool - market) * BPS >= threshold_bps * market:
            gains_most = venue.arbitrage(s, p, side, market, w.price[k, token_out])
            sold = min(gains_most, s.holding[actor, token_in, WALLET])
            if sold > 0:
                op.swap_in(s, actor, p, side, sold, zero())
