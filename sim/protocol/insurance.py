"""Twin of `contracts/InsuranceFund.sol`: staked first-loss capital, one pool per asset.

What stakers own changes at fixed instants, also of those who do nothing, and a refused operation
restores the rows of its own actor only (`transaction`): so every check is made on what the pool is
`now`, and nothing fails after `_settle`.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.protocol.errors import (
    AMOUNT_TOO_LARGE,
    COOLING_DOWN,
    INSUFFICIENT_BALANCE,
    INSUFFICIENT_SHARES,
    OK,
    REQUEST_PENDING,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import (
    jitable,
    less,
    max_amount,
    max_shares,
    mul_div_down,
    mul_div_whole,
    zero,
)
from sim.protocol.state import (
    COOLDOWN,
    EXIT_ASSETS,
    EXIT_SHARES,
    LEAVES_AT,
    LEAVING,
    LEAVING_AFTER,
    NEXT_EXIT,
    PENDING_EPOCH,
    PENDING_STAKE,
    POOL_ASSETS,
    POOL_EPOCH,
    POOL_SHARES,
    STAKE,
    UNCOLLECTED,
    WALLET,
    State,
)
from sim.protocol.units import PARTS_OF_A_POOL, SHARES_OF_A_LOST_POOL

VIRTUAL_SHARES, VIRTUAL_ASSETS = 1_000_000, 1
"""As in the hub: claims exceed the pool by less than a unit."""


class Pool(NamedTuple):
    """A pool without what has left by now."""

    assets: int
    total_shares: int
    next_exit: int
    leaving: int
    first: int
    """Assets that left with the next to leave."""
    second: int
    """Those that left with the ones after."""


@jitable
def stake(s: State, actor: int, i: int, assets: int) -> int:
    """Pay `assets` into the pool for shares, down. Where a unit has to do for a million times the
    shares that are minted at first, and all that is left is less than a millionth of `assets`, the
    pool begins anew.
    """
    p = now(s, i)
    if assets >= max_amount() or p.assets + assets >= max_amount():
        return AMOUNT_TOO_LARGE
    if s.holding[actor, i, WALLET] < assets:
        return INSUFFICIENT_BALANCE
    begins_anew, total = False, p.total_shares
    if p.assets * SHARES_OF_A_LOST_POOL < total and _is_lost(p.assets, assets):
        begins_anew, total = True, zero()
    shares = mul_div_down(assets, total + VIRTUAL_SHARES, p.assets + VIRTUAL_ASSETS)
    if shares == 0:
        return ZERO_AMOUNT
    if total + shares >= max_shares():
        return AMOUNT_TOO_LARGE
    _settle(s, i)
    if begins_anew:
        _begin_anew(s, i)
    s.pool[i, POOL_ASSETS] += assets
    s.pool[i, POOL_SHARES] += shares
    s.holding[actor, i, STAKE] += shares
    s.holding[actor, i, WALLET] -= assets
    s.result[0] = shares
    return OK


@jitable
def request_withdrawal(s: State, actor: int, i: int, shares: int) -> int:
    """Make `shares` leave at the end of the next period, on top of what was asked for in this."""
    leaves_at = now(s, i).next_exit + s.losses[COOLDOWN]
    epoch = s.pool[i, POOL_EPOCH]
    if shares == 0:
        return ZERO_AMOUNT
    if s.holding[actor, i, PENDING_STAKE] != 0:
        if s.holding[actor, i, LEAVES_AT] != leaves_at:
            return REQUEST_PENDING
        if s.holding[actor, i, PENDING_EPOCH] != epoch:
            return REQUEST_PENDING
    if shares > s.holding[actor, i, STAKE]:
        return INSUFFICIENT_SHARES
    _settle(s, i)
    s.holding[actor, i, STAKE] -= shares
    s.holding[actor, i, PENDING_STAKE] += shares
    s.holding[actor, i, LEAVES_AT] = leaves_at
    s.holding[actor, i, PENDING_EPOCH] = epoch
    s.pool[i, LEAVING_AFTER] += shares
    return OK


@jitable
def withdraw(s: State, actor: int, i: int) -> int:
    """Pay what the shares that have left were worth then, down; nothing if they were lost first."""
    shares = s.holding[actor, i, PENDING_STAKE]
    if shares == 0:
        return ZERO_AMOUNT
    is_lost = s.holding[actor, i, PENDING_EPOCH] != s.pool[i, POOL_EPOCH]
    if s.clock[0] < s.holding[actor, i, LEAVES_AT] and not is_lost:
        return COOLING_DOWN
    _settle(s, i)
    assets, all_shares = zero(), s.holding[actor, i, EXIT_SHARES]
    if all_shares != 0:
        assets = mul_div_down(shares, s.holding[actor, i, EXIT_ASSETS], all_shares)
    for column in (PENDING_STAKE, LEAVES_AT, PENDING_EPOCH, EXIT_ASSETS, EXIT_SHARES):
        s.holding[actor, i, column] = zero()
    s.pool[i, UNCOLLECTED] = less(s.pool[i, UNCOLLECTED], assets)
    s.holding[actor, i, WALLET] += assets
    s.result[0] = assets
    return OK


@jitable
def pay_out(s: State, i: int, amount: int) -> int:
    """Take min(amount, pool) from the pool for the hub; return it. Nothing after it fails: the
    stakes of others are not among what a refused operation restores.
    """
    if amount == 0:
        return zero()
    _settle(s, i)
    before = s.pool[i, POOL_ASSETS]
    paid = min(amount, before)
    if paid > 0:
        s.pool[i, POOL_ASSETS] = before - paid
        if _is_lost(s.pool[i, POOL_ASSETS], before):
            _begin_anew(s, i)
    return paid


@jitable
def assets_of(s: State, i: int) -> int:
    """Capital available to absorb losses now."""
    return now(s, i).assets


# --- internals ------------------------------------------------------------------------------------


@jitable
def _settle(s: State, i: int) -> None:
    """First in whatever touches a pool: what it has from here on is what is there now."""
    at, epoch = s.pool[i, NEXT_EXIT], s.pool[i, POOL_EPOCH]
    if s.clock[0] < at:
        return
    p = now(s, i)
    leaving, leaving_after = s.pool[i, LEAVING], s.pool[i, LEAVING_AFTER]
    after = at + s.losses[COOLDOWN]
    if leaving != 0 or leaving_after != p.leaving:
        for actor in range(s.holding.shape[0]):
            if s.holding[actor, i, PENDING_STAKE] == 0:
                continue
            if s.holding[actor, i, PENDING_EPOCH] != epoch:
                continue
            if s.holding[actor, i, LEAVES_AT] == at:
                s.holding[actor, i, EXIT_ASSETS] = p.first
                s.holding[actor, i, EXIT_SHARES] = leaving
            elif s.holding[actor, i, LEAVES_AT] == after and s.clock[0] >= after:
                s.holding[actor, i, EXIT_ASSETS] = p.second
                s.holding[actor, i, EXIT_SHARES] = leaving_after
    s.pool[i, POOL_ASSETS] = p.assets
    s.pool[i, POOL_SHARES] = p.total_shares
    s.pool[i, NEXT_EXIT] = p.next_exit
    s.pool[i, LEAVING] = p.leaving
    s.pool[i, LEAVING_AFTER] = zero()
    s.pool[i, UNCOLLECTED] += p.first + p.second


@jitable
def _begin_anew(s: State, i: int) -> None:
    """All stakes are gone, also those that wait to leave; what is left is nobody's."""
    s.pool[i, POOL_SHARES] = zero()
    s.pool[i, LEAVING] = zero()
    s.pool[i, LEAVING_AFTER] = zero()
    s.pool[i, POOL_EPOCH] += 1
    for actor in range(s.holding.shape[0]):
        s.holding[actor, i, STAKE] = zero()


@jitable
def _is_lost(left: int, whole: int) -> bool:
    """Whether what is left is less than a millionth of so much."""
    return left * PARTS_OF_A_POOL < whole


@jitable
def now(s: State, i: int) -> Pool:
    """The pool without what has left by now; `leaving_after` is 0 where it is another than it was
    when it was touched last.
    """
    assets, total, at = s.pool[i, POOL_ASSETS], s.pool[i, POOL_SHARES], s.pool[i, NEXT_EXIT]
    leaving, first, second = s.pool[i, LEAVING], zero(), zero()
    if s.clock[0] >= at:
        first = _leave(assets, total, leaving)
        assets, total = less(assets, first), less(total, leaving)
        leaving = s.pool[i, LEAVING_AFTER]
        if s.clock[0] >= at + s.losses[COOLDOWN]:
            second = _leave(assets, total, leaving)
            assets, total = less(assets, second), less(total, leaving)
            leaving = zero()
        at = (mul_div_whole(s.clock[0], 1, s.losses[COOLDOWN]) + 1) * s.losses[COOLDOWN]
    return Pool(assets, total, at, leaving, first, second)


@jitable
def _leave(assets: int, total: int, shares: int) -> int:
    """What shares are worth as they are burnt, down."""
    return mul_div_down(shares, assets + VIRTUAL_ASSETS, total + VIRTUAL_SHARES)
