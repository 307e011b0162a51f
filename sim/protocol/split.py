"""Twin of `contracts/libraries/Split.sol`: how a sale is divided between pools of the same two
tokens.

It brings most where the last unit brings the same everywhere, fees included. With reserves R (in)
and S (out), g = 1 - fee, a = R / g and b = sqrt(R S / g), a pool at the marginal price 1 / m^2 has
taken b m - a, so that

    m = (amount + sum a) / sum b          over the pools that trade

A pool that would pay nothing for its part does not trade: its price is worse than that of the last
unit elsewhere. Of pools of one fee and price each takes the share that its reserve is of all:
together they are one pool.
"""

from __future__ import annotations

from sim.protocol import pair
from sim.protocol.errors import OK, ZERO_AMOUNT
from sim.protocol.fixed_point import (
    BPS,
    jitable,
    mul_div_down,
    mul_div_up,
    sqrt_down,
    zero,
)
from sim.protocol.state import FEE_BPS, RESERVE0, RESERVE1, ROOT, SOLD, WIDTH, State


@jitable
def parts(s: State, c: int, d: int, amount: int) -> None:
    """What of `amount` of c to sell on each pool of c and d, column SOLD of `s.split`; nothing
    where all of them are empty.
    """
    p = s.pair_of[c, d]
    if p >= 0 and s.next_pair[p] < 0:
        s.split[p, SOLD] = amount
        return
    while p >= 0:
        _pool(s, p, c)
        p = s.next_pair[p]
    while not _fill(s, c, d, amount):
        pass


@jitable
def proceeds(s: State, c: int, d: int, amount: int) -> tuple[int, int]:
    """(code, out) of selling `amount` of c for d on all their pools, each its part."""
    parts(s, c, d, amount)
    total, p = zero(), s.pair_of[c, d]
    while p >= 0:
        if s.split[p, SOLD] != 0:
            code, out = pair.amount_out(s, p, side_of(s, p, c), s.split[p, SOLD])
            if code != OK:
                return code, zero()
            total += out
        p = s.next_pair[p]
    if total == 0:
        return ZERO_AMOUNT, zero()
    return OK, total


@jitable
def side_of(s: State, p: int, token: int) -> int:
    """0 or 1: which side of pair `p` the token is."""
    if s.pair_tokens[p, 0] == token:
        return 0
    return 1


@jitable
def _fill(s: State, c: int, d: int, amount: int) -> bool:
    """Whether every pool that trades pays for its part; of those that do not the first is closed.
    Parts round down, and what they leave is the last one's.
    """
    trading, level, roots = 0, amount, zero()
    p = s.pair_of[c, d]
    while p >= 0:
        if s.split[p, ROOT] != 0:
            trading += 1
            level += s.split[p, WIDTH]
            roots += s.split[p, ROOT]
        p = s.next_pair[p]
    alone, left = trading == 1, amount
    p = s.pair_of[c, d]
    while p >= 0:
        if s.split[p, ROOT] != 0:
            trading -= 1
            filled = mul_div_down(s.split[p, ROOT], level, roots)
            part = max(filled - s.split[p, WIDTH], zero())
            if not alone and not _pays(s, p, side_of(s, p, c), part):
                s.split[p, ROOT] = zero()
                s.split[p, SOLD] = zero()
                return False
            # More than is left only if another closes, and in doubles.
            s.split[p, SOLD] = left if trading == 0 else min(part, left)
            left -= s.split[p, SOLD]
        p = s.next_pair[p]
    return True


@jitable
def _pool(s: State, p: int, c: int) -> None:
    """What is known of a pool that buys c: a, up, and b, down; b = 0 does not trade."""
    side = side_of(s, p, c)
    reserve_in, reserve_out = s.pair[p, RESERVE0 + side], s.pair[p, RESERVE1 - side]
    keep = BPS - s.pair[p, FEE_BPS]
    s.split[p, SOLD] = zero()
    s.split[p, WIDTH] = mul_div_up(reserve_in, BPS, keep)
    s.split[p, ROOT] = sqrt_down(mul_div_down(reserve_in * reserve_out, BPS, keep))


@jitable
def _pays(s: State, p: int, side: int, part: int) -> bool:
    """Whether a part brings a unit or more."""
    net = part * (BPS - s.pair[p, FEE_BPS])
    reserve_in, reserve_out = s.pair[p, RESERVE0 + side], s.pair[p, RESERVE1 - side]
    return mul_div_down(net, reserve_out, reserve_in * BPS + net) > 0
