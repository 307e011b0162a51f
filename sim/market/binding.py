"""What binds the market of a run without stopping it, after one step."""

from __future__ import annotations

from sim.market.market import Market
from sim.protocol.fixed_point import jitable
from sim.protocol.state import RESERVE0, RESERVE1, State

OFF = 0.02
"""A pool is off when its price differs by more than this share from the reference price."""


@jitable
def any_off(s: State, w: Market, k: int) -> bool:
    """Whether any pool is off at the reference prices of step k."""
    for p in range(s.pair.shape[0]):
        worth0, worth1 = _worth(s, w, k, p, 0), _worth(s, w, k, p, 1)
        if abs(worth1 - worth0) > OFF * worth0:
            return True
    return False


@jitable
def _worth(s: State, w: Market, k: int, p: int, side: int) -> float:
    """USD of one side of a pair, equal for both where its price is the reference price."""
    token = s.pair_tokens[p, side]
    reserve = float(s.pair[p, RESERVE0 if side == 0 else RESERVE1])
    return reserve / float(s.unit[token]) * float(w.price[k, token])
