"""Twin of `contracts/InsuranceFund.sol`: staked first-loss capital, one pool per asset."""

from __future__ import annotations

from sim.protocol.errors import (
    AMOUNT_TOO_LARGE,
    COOLING_DOWN,
    INSUFFICIENT_BALANCE,
    INSUFFICIENT_SHARES,
    OK,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import jitable, max_amount, max_shares, mul_div_down, zero
from sim.protocol.state import (
    COOLDOWN,
    PENDING_STAKE,
    POOL_ASSETS,
    POOL_SHARES,
    STAKE,
    UNLOCK_AT,
    WALLET,
    State,
)

VIRTUAL = 1_000_000


@jitable
def stake(s: State, actor: int, i: int, assets: int) -> int:
    """Pay `assets` into the pool for shares, down."""
    pool, total = s.pool[i, POOL_ASSETS], s.pool[i, POOL_SHARES]
    if assets >= max_amount() or pool + assets >= max_amount():
        return AMOUNT_TOO_LARGE
    shares = mul_div_down(assets, total + VIRTUAL, pool + VIRTUAL)
    if shares == 0:
        return ZERO_AMOUNT
    if total + shares >= max_shares():
        return AMOUNT_TOO_LARGE
    if s.holding[actor, i, WALLET] < assets:
        return INSUFFICIENT_BALANCE
    s.pool[i, POOL_ASSETS] += assets
    s.pool[i, POOL_SHARES] += shares
    s.holding[actor, i, STAKE] += shares
    s.holding[actor, i, WALLET] -= assets
    s.result[0] = shares
    return OK


@jitable
def request_withdrawal(s: State, actor: int, i: int, shares: int) -> int:
    """Start the cool-down for `shares`; replaces an earlier request."""
    if shares == 0:
        return ZERO_AMOUNT
    if shares > s.holding[actor, i, STAKE]:
        return INSUFFICIENT_SHARES
    s.holding[actor, i, PENDING_STAKE] = shares
    s.holding[actor, i, UNLOCK_AT] = s.clock[0] + s.losses[COOLDOWN]
    return OK


@jitable
def withdraw(s: State, actor: int, i: int) -> int:
    """Pay the requested shares at what they are worth now, down."""
    shares = s.holding[actor, i, PENDING_STAKE]
    if shares == 0:
        return ZERO_AMOUNT
    if s.clock[0] < s.holding[actor, i, UNLOCK_AT]:
        return COOLING_DOWN
    pool, total = s.pool[i, POOL_ASSETS], s.pool[i, POOL_SHARES]
    # After losses the virtual assets outweigh the virtual shares: the last to leave take what is
    # there.
    assets = min(mul_div_down(shares, pool + VIRTUAL, total + VIRTUAL), pool)
    if assets == 0:
        return ZERO_AMOUNT
    s.pool[i, POOL_ASSETS] -= assets
    s.pool[i, POOL_SHARES] -= shares
    s.holding[actor, i, STAKE] -= shares
    s.holding[actor, i, PENDING_STAKE] = zero()
    s.holding[actor, i, WALLET] += assets
    s.result[0] = assets
    return OK


@jitable
def pay_out(s: State, i: int, amount: int) -> int:
    """Take min(amount, pool) from the pool for the hub; return it. The last thing that can fail."""
    paid = min(amount, s.pool[i, POOL_ASSETS])
    s.pool[i, POOL_ASSETS] -= paid
    if paid > 0 and s.pool[i, POOL_ASSETS] == 0:  # emptied: all stakes are gone
        s.pool[i, POOL_SHARES] = zero()
        for actor in range(s.holding.shape[0]):
            s.holding[actor, i, STAKE] = zero()
            s.holding[actor, i, PENDING_STAKE] = zero()
            s.holding[actor, i, UNLOCK_AT] = zero()
    return paid
