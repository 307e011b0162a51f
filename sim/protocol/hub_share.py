"""Twin of `contracts/HubShare.sol`: the public ERC-4626 face of one hub asset."""

from __future__ import annotations

from sim.protocol import hub
from sim.protocol.errors import (
    EXCEEDED_MAX_DEPOSIT,
    EXCEEDED_MAX_MINT,
    EXCEEDED_MAX_REDEEM,
    EXCEEDED_MAX_WITHDRAW,
    INSUFFICIENT_BALANCE,
    OK,
    SPOKE_HALTED,
)
from sim.protocol.fixed_point import exceeds, jitable, less, zero
from sim.protocol.state import (
    ACTIVE,
    ADD_CAP,
    ADDED_SHARES,
    HALTED,
    HUB_SHARES,
    WALLET,
    State,
)


@jitable
def max_deposit(s: State, i: int) -> int:
    """The room below the add cap, and in the hub; nothing while the share token may not add."""
    spoke = s.spoke[s.spoke.shape[0] - 1, i]
    held = hub.to_assets_down(s, i, spoke[ADDED_SHARES])
    if spoke[ACTIVE] == 0 or held >= spoke[ADD_CAP]:
        return zero()
    return min(spoke[ADD_CAP] - held, hub.room(s, i))


@jitable
def max_mint(s: State, i: int) -> int:
    """What `max_deposit` buys."""
    return hub.to_shares_down(s, i, max_deposit(s, i))


@jitable
def max_withdraw(s: State, actor: int, i: int) -> int:
    """Bounded by what the hub has available; nothing while the share token is halted."""
    if _halted(s, i):
        return zero()
    return min(hub.to_assets_down(s, i, s.holding[actor, i, HUB_SHARES]), hub.available(s, i))


@jitable
def max_redeem(s: State, actor: int, i: int) -> int:
    """Bounded by what the hub has available; nothing while the share token is halted, or of shares
    that are worth less than a unit.
    """
    if _halted(s, i):
        return zero()
    shares, available = s.holding[actor, i, HUB_SHARES], hub.available(s, i)
    if hub.to_assets_down(s, i, shares) > available:
        shares = hub.to_shares_down(s, i, available)
    if hub.to_assets_down(s, i, shares) == 0:
        return zero()
    return shares


@jitable
def hand_over(s: State, actor: int, i: int, to: int, shares: int) -> int:
    """Burn `shares` of the actor and give what they are of the hub to spoke `to`."""
    if _halted(s, i):
        return SPOKE_HALTED
    if exceeds(shares, s.holding[actor, i, HUB_SHARES]):
        return INSUFFICIENT_BALANCE
    s.holding[actor, i, HUB_SHARES] = less(s.holding[actor, i, HUB_SHARES], shares)
    return hub.give(s, s.spoke.shape[0] - 1, i, to, shares)


@jitable
def deposit(s: State, actor: int, i: int, assets: int) -> int:
    """Pay `assets` for shares, down."""
    if assets > max_deposit(s, i):
        return EXCEEDED_MAX_DEPOSIT
    return _deposit(s, actor, i, assets, hub.to_shares_down(s, i, assets))


@jitable
def mint(s: State, actor: int, i: int, shares: int) -> int:
    """Pay assets, up, for exactly `shares`."""
    if shares > max_mint(s, i):
        return EXCEEDED_MAX_MINT
    return _deposit(s, actor, i, hub.to_assets_up(s, i, shares), shares)


@jitable
def withdraw(s: State, actor: int, i: int, assets: int) -> int:
    """Burn shares, up, for exactly `assets`."""
    if assets > max_withdraw(s, actor, i):
        return EXCEEDED_MAX_WITHDRAW
    return _withdraw(s, actor, i, assets, hub.to_shares_up(s, i, assets))


@jitable
def redeem(s: State, actor: int, i: int, shares: int) -> int:
    """Burn exactly `shares` for assets, down."""
    if shares > max_redeem(s, actor, i):
        return EXCEEDED_MAX_REDEEM
    return _withdraw(s, actor, i, hub.to_assets_down(s, i, shares), shares)


# --- internals ------------------------------------------------------------------------------------


@jitable
def _deposit(s: State, actor: int, i: int, assets: int, shares: int) -> int:
    if s.holding[actor, i, WALLET] < assets:
        return INSUFFICIENT_BALANCE
    s.holding[actor, i, WALLET] -= assets
    code = hub.add(s, s.spoke.shape[0] - 1, i, assets, shares)
    if code != OK:
        return code
    s.holding[actor, i, HUB_SHARES] += shares
    s.result[0] = assets
    s.result[1] = shares
    return OK


@jitable
def _withdraw(s: State, actor: int, i: int, assets: int, shares: int) -> int:
    s.holding[actor, i, HUB_SHARES] -= shares
    code = hub.remove(s, s.spoke.shape[0] - 1, i, assets, shares)
    if code != OK:
        return code
    s.holding[actor, i, WALLET] += assets
    s.result[0] = assets
    s.result[1] = shares
    return OK


@jitable
def _halted(s: State, i: int) -> bool:
    return s.spoke[s.spoke.shape[0] - 1, i, HALTED] != 0
