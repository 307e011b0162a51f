"""Twin of `contracts/VaultPositions.sol`: what accounts of a vault have and owe, as booked."""

from __future__ import annotations

from sim.protocol import hub
from sim.protocol.errors import OK
from sim.protocol.fixed_point import inlined, jitable, zero
from sim.protocol.soundness import MOST_ASSETS
from sim.protocol.state import (
    COLLATERAL_ENABLED,
    IS_COLLATERAL,
    ISOLATED,
    POSITION_DEBT,
    REHYPOTHECATE,
    SUPPLIED,
    State,
)


@inlined
def supplied_assets(s: State, a: int, i: int) -> int:
    """Token units the position's supply is worth now, down."""
    supplied = s.position[a, i, SUPPLIED]
    if supplied != 0 and s.reserve[s.account_vault[a], i, REHYPOTHECATE] != 0:
        return hub.to_assets_down(s, i, supplied)
    return supplied


@inlined
def debt_assets(s: State, a: int, i: int) -> int:
    """Token units owed now, up."""
    scaled = s.position[a, i, POSITION_DEBT]
    if scaled == 0:
        return scaled
    return hub.debt_of(s, i, scaled)


@jitable
def has_debt(s: State, a: int) -> bool:
    """Whether the account owes anything."""
    for i in range(s.unit.shape[0]):
        if s.position[a, i, POSITION_DEBT] != 0:
            return True
    return False


@jitable
def other(s: State, a: int, i: int, column: int) -> bool:
    """Whether the account has the property in an asset other than `i`."""
    for j in range(s.unit.shape[0]):
        if j != i and s.position[a, j, column] != 0:
            return True
    return False


# --- internals ------------------------------------------------------------------------------------


@jitable
def burn_debt(s: State, a: int, i: int, paid: int) -> int:
    """Burn the account's scaled debt for `paid`, and book it with the hub."""
    code, scaled = hub.restore(s, s.account_vault[a], i, paid, s.position[a, i, POSITION_DEBT])
    if code == OK:
        s.position[a, i, POSITION_DEBT] -= scaled
    return code


@jitable
def has_room(s: State, a: int, i: int) -> bool:
    """Whether the account may count one more asset, unless it counts this one."""
    count = 0
    for j in range(s.unit.shape[0]):
        if s.position[a, j, IS_COLLATERAL] != 0 or s.position[a, j, POSITION_DEBT] != 0:
            if j == i:
                return True
            count += 1
    return count < MOST_ASSETS


@jitable
def becomes_collateral(s: State, a: int, i: int) -> bool:
    """Whether what comes of an asset is the first, which becomes collateral if there is room."""
    if s.position[a, i, SUPPLIED] != 0:
        return False
    if s.reserve[s.account_vault[a], i, COLLATERAL_ENABLED] == 0:
        return False
    return not (s.account[a, ISOLATED] != 0 and other(s, a, i, IS_COLLATERAL))


@jitable
def increase_supplied(s: State, a: int, i: int, supplied: int) -> None:
    """The first of an asset becomes collateral where reserve, isolation and room allow it."""
    if becomes_collateral(s, a, i) and has_room(s, a, i):
        s.position[a, i, IS_COLLATERAL] = zero() + 1
    s.position[a, i, SUPPLIED] += supplied


@jitable
def decrease_supplied(s: State, a: int, i: int, supplied: int) -> None:
    s.position[a, i, SUPPLIED] -= supplied
    if s.position[a, i, SUPPLIED] == 0:
        s.position[a, i, IS_COLLATERAL] = zero()
