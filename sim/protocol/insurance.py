"""Twin of `contracts/InsuranceFund.sol`: staked first-loss capital, one pool per asset."""

from __future__ import annotations

from sim.protocol.errors import (
    AMOUNT_TOO_LARGE,
    COOLING_DOWN,
    INSUFFICIENT_BALANCE,
    INSUFFICIENT_SHARES,
    OK,
    REQUEST_EXPIRED,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import jitable, max_amount, max_shares, mul_div_down, zero
from sim.protocol.state import (
    COOLDOWN,
    PENDING_STAKE,
    POOL_ASSETS,
    POOL_EPOCH,
    POOL_SHARES,
    STAKE,
    UNLOCK_AT,
    WALLET,
    State,
)
from sim.protocol.units import SHARES_OF_A_LOST_POOL

VIRTUAL_SHARES, VIRTUAL_ASSETS = 1_000_000, 1
"""As in the hub: claims exceed the pool by less than a unit."""
EXIT_WINDOW = 3_600
"""Seconds after the cool-down in which a request holds."""


@jitable
def stake(s: State, actor: int, i: int, assets: int) -> int:
    """Pay `assets` into the pool for shares, down."""
    pool, total = s.pool[i, POOL_ASSETS], s.pool[i, POOL_SHARES]
    if assets >= max_amount() or pool + assets >= max_amount():
        return AMOUNT_TOO_LARGE
    if s.holding[actor, i, WALLET] < assets:
        return INSUFFICIENT_BALANCE
    shares = mul_div_down(assets, total + VIRTUAL_SHARES, pool + VIRTUAL_ASSETS)
    if shares == 0:
        return ZERO_AMOUNT
    if total + shares >= max_shares():
        return AMOUNT_TOO_LARGE
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
    if s.clock[0] >= s.holding[actor, i, UNLOCK_AT] + EXIT_WINDOW:
        return REQUEST_EXPIRED
    pool, total = s.pool[i, POOL_ASSETS], s.pool[i, POOL_SHARES]
    assets = mul_div_down(shares, pool + VIRTUAL_ASSETS, total + VIRTUAL_SHARES)
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
    """Take min(amount, pool) from the pool for the hub; return it. Nothing after it fails: the
    stakes of others are not among what a refused operation restores.
    """
    paid = min(amount, s.pool[i, POOL_ASSETS])
    s.pool[i, POOL_ASSETS] -= paid
    lost = s.pool[i, POOL_ASSETS] * SHARES_OF_A_LOST_POOL < s.pool[i, POOL_SHARES]
    if paid > 0 and lost:  # all stakes are gone
        s.pool[i, POOL_SHARES] = zero()
        s.pool[i, POOL_EPOCH] += 1
        for actor in range(s.holding.shape[0]):
            s.holding[actor, i, STAKE] = zero()
            s.holding[actor, i, PENDING_STAKE] = zero()
            s.holding[actor, i, UNLOCK_AT] = zero()
    return paid
