"""Twin of `contracts/market/ConstantProductPair.sol`: the venue that liquidated collateral is sold
into.

`side` says which of the pair's two tokens goes in: 0 or 1.
"""

from __future__ import annotations

from sim.protocol.errors import (
    AMOUNT_TOO_LARGE,
    INSUFFICIENT_BALANCE,
    INSUFFICIENT_LIQUIDITY,
    OK,
    SLIPPAGE,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import (
    BPS,
    jitable,
    max_amount,
    max_shares,
    mul_div_down,
    mul_div_up,
    ray,
    sqrt_down,
    zero,
)
from sim.protocol.state import (
    CUMULATIVE0,
    CUMULATIVE1,
    FEE_BPS,
    LAST_UPDATE,
    LP_SUPPLY,
    RESERVE0,
    RESERVE1,
    WALLET,
    State,
)

MINIMUM_LIQUIDITY = 1_000
"""LP shares locked for ever at the first mint."""


@jitable
def add_liquidity(s: State, actor: int, p: int, max0: int, max1: int) -> int:
    """Add both tokens in the reserves' ratio, using at most the amounts given; LP shares down,
    amounts up.
    """
    if max0 >= max_amount() or max1 >= max_amount():
        return AMOUNT_TOO_LARGE
    supply = s.pair[p, LP_SUPPLY]
    reserve0, reserve1 = s.pair[p, RESERVE0], s.pair[p, RESERVE1]
    amount0, amount1 = max0, max1
    if supply == 0:
        root = sqrt_down(amount0 * amount1)
        if root <= MINIMUM_LIQUIDITY:
            return INSUFFICIENT_LIQUIDITY
        liquidity = root - MINIMUM_LIQUIDITY
        s.pair[p, LP_SUPPLY] += MINIMUM_LIQUIDITY
    else:
        liquidity = min(mul_div_down(max0, supply, reserve0), mul_div_down(max1, supply, reserve1))
        if liquidity == 0:
            return ZERO_AMOUNT
        if liquidity >= max_shares() or supply + liquidity >= max_shares():
            return AMOUNT_TOO_LARGE
        amount0 = mul_div_up(liquidity, reserve0, supply)
        amount1 = mul_div_up(liquidity, reserve1, supply)
    if reserve0 + amount0 >= max_amount() or reserve1 + amount1 >= max_amount():
        return AMOUNT_TOO_LARGE
    _accumulate(s, p)
    s.pair[p, RESERVE0] += amount0
    s.pair[p, RESERVE1] += amount1
    s.pair[p, LP_SUPPLY] += liquidity
    s.lp[actor, p] += liquidity
    s.result[0] = amount0
    s.result[1] = amount1
    s.result[2] = liquidity
    token0, token1 = s.pair_tokens[p, 0], s.pair_tokens[p, 1]
    if s.holding[actor, token0, WALLET] < amount0 or s.holding[actor, token1, WALLET] < amount1:
        return INSUFFICIENT_BALANCE
    s.holding[actor, token0, WALLET] -= amount0
    s.holding[actor, token1, WALLET] -= amount1
    return OK


@jitable
def remove_liquidity(s: State, actor: int, p: int, liquidity: int) -> int:
    """Burn LP shares for both tokens, down."""
    if liquidity == 0 or liquidity > s.lp[actor, p]:
        return INSUFFICIENT_LIQUIDITY
    supply = s.pair[p, LP_SUPPLY]
    amount0 = mul_div_down(liquidity, s.pair[p, RESERVE0], supply)
    amount1 = mul_div_down(liquidity, s.pair[p, RESERVE1], supply)
    if amount0 == 0 or amount1 == 0:
        return ZERO_AMOUNT
    _accumulate(s, p)
    s.pair[p, RESERVE0] -= amount0
    s.pair[p, RESERVE1] -= amount1
    s.pair[p, LP_SUPPLY] -= liquidity
    s.lp[actor, p] -= liquidity
    s.holding[actor, s.pair_tokens[p, 0], WALLET] += amount0
    s.holding[actor, s.pair_tokens[p, 1], WALLET] += amount1
    s.result[0] = amount0
    s.result[1] = amount1
    return OK


@jitable
def swap_exact_in(s: State, actor: int, p: int, side: int, sold: int, min_out: int) -> int:
    """Sell exactly `sold`."""
    code, out = amount_out(s, p, side, sold)
    if code != OK:
        return code
    if out < min_out:
        return SLIPPAGE
    return _swap(s, actor, p, side, sold, out)


@jitable
def swap_exact_out(s: State, actor: int, p: int, side: int, bought: int, max_in: int) -> int:
    """Buy exactly `bought` of the other token."""
    code, paid = amount_in(s, p, side, bought)
    if code != OK:
        return code
    if paid > max_in:
        return SLIPPAGE
    return _swap(s, actor, p, side, paid, bought)


@jitable
def amount_out(s: State, p: int, side: int, amount_in: int) -> tuple[int, int]:
    """(code, out): down(reserve_out in (1 - fee) / (reserve_in + in (1 - fee)))."""
    reserve_in, reserve_out = s.pair[p, RESERVE0 + side], s.pair[p, RESERVE1 - side]
    if amount_in == 0:
        return ZERO_AMOUNT, zero()
    if amount_in >= max_amount() or reserve_in + amount_in >= max_amount():
        return AMOUNT_TOO_LARGE, zero()
    net = amount_in * (BPS - s.pair[p, FEE_BPS])
    out = mul_div_down(net, reserve_out, reserve_in * BPS + net)
    if out == 0:
        return ZERO_AMOUNT, zero()
    return OK, out


@jitable
def amount_in(s: State, p: int, side: int, out: int) -> tuple[int, int]:
    """(code, in): up(reserve_in out / ((reserve_out - out) (1 - fee)))."""
    reserve_in, reserve_out = s.pair[p, RESERVE0 + side], s.pair[p, RESERVE1 - side]
    if out == 0:
        return ZERO_AMOUNT, zero()
    if out >= reserve_out:
        return INSUFFICIENT_LIQUIDITY, zero()
    paid = mul_div_up(reserve_in * BPS, out, (reserve_out - out) * (BPS - s.pair[p, FEE_BPS]))
    if paid >= max_amount() or reserve_in + paid >= max_amount():
        return AMOUNT_TOO_LARGE, zero()
    return OK, paid


# --- internals ------------------------------------------------------------------------------------


@jitable
def _swap(s: State, actor: int, p: int, side: int, sold: int, out: int) -> int:
    token_in, token_out = s.pair_tokens[p, side], s.pair_tokens[p, 1 - side]
    if s.holding[actor, token_in, WALLET] < sold:
        return INSUFFICIENT_BALANCE
    move_reserves(s, p, side, sold, out)
    s.holding[actor, token_in, WALLET] -= sold
    s.holding[actor, token_out, WALLET] += out
    s.result[0] = sold
    s.result[1] = out
    return OK


@jitable
def move_reserves(s: State, p: int, side: int, sold: int, out: int) -> None:
    """The pool's part of a swap."""
    _accumulate(s, p)
    s.pair[p, RESERVE0 + side] += sold
    s.pair[p, RESERVE1 - side] -= out


@jitable
def _accumulate(s: State, p: int) -> None:
    """Add the price in force since the last change."""
    dt = s.clock[0] - s.pair[p, LAST_UPDATE]
    reserve0, reserve1 = s.pair[p, RESERVE0], s.pair[p, RESERVE1]
    if dt > 0 and reserve0 > 0 and reserve1 > 0:
        s.pair[p, CUMULATIVE0] += mul_div_down(reserve1, ray(), reserve0) * dt
        s.pair[p, CUMULATIVE1] += mul_div_down(reserve0, ray(), reserve1) * dt
    s.pair[p, LAST_UPDATE] = s.clock[0]
