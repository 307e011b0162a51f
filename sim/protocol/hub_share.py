"""Twin of `contracts/HubShare.sol`: the public ERC-4626 face of one hub asset."""

from __future__ import annotations

from sim.protocol import hub
from sim.protocol.errors import (
    AMOUNT_TOO_LARGE,
    EXCEEDED_MAX_REDEEM,
    EXCEEDED_MAX_WITHDRAW,
    INSUFFICIENT_BALANCE,
    OK,
)
from sim.protocol.fixed_point import jitable, max_amount, max_shares
from sim.protocol.state import CASH, HUB_SHARES, WALLET, State


@jitable
def deposit(s: State, actor: int, i: int, assets: int) -> int:
    """Pay `assets` for shares, down."""
    if assets >= max_amount():
        return AMOUNT_TOO_LARGE
    return _deposit(s, actor, i, assets, hub.to_shares_down(s, i, assets))


@jitable
def mint(s: State, actor: int, i: int, shares: int) -> int:
    """Pay assets, up, for exactly `shares`."""
    if shares >= max_shares():
        return AMOUNT_TOO_LARGE
    return _deposit(s, actor, i, hub.to_assets_up(s, i, shares), shares)


@jitable
def withdraw(s: State, actor: int, i: int, assets: int) -> int:
    """Burn shares, up, for exactly `assets`."""
    worth = hub.to_assets_down(s, i, s.holding[actor, i, HUB_SHARES])
    if assets > min(worth, s.hub[i, CASH]):
        return EXCEEDED_MAX_WITHDRAW
    return _withdraw(s, actor, i, assets, hub.to_shares_up(s, i, assets))


@jitable
def redeem(s: State, actor: int, i: int, shares: int) -> int:
    """Burn exactly `shares` for assets, down."""
    most = s.holding[actor, i, HUB_SHARES]
    if hub.to_assets_down(s, i, most) > s.hub[i, CASH]:
        most = hub.to_shares_down(s, i, s.hub[i, CASH])
    if shares > most:
        return EXCEEDED_MAX_REDEEM
    return _withdraw(s, actor, i, hub.to_assets_down(s, i, shares), shares)


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
