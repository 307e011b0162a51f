"""Twin of `contracts/VaultHealth.sol`: how healthy accounts are, and what is noted when that
changes.
"""

from __future__ import annotations

from sim.protocol import oracle, risk_guard
from sim.protocol.errors import IN_GRACE, OK
from sim.protocol.fixed_point import (
    BPS,
    collateral_value,
    debt_value,
    div_down,
    inlined,
    jitable,
    max_uint,
    mul_div_down,
    mul_div_half,
    wad,
    zero,
)
from sim.protocol.state import (
    IS_COLLATERAL,
    LIQUIDATION_DELAY,
    POSITION_DEBT,
    STRESS,
    URGENT_HEALTH,
    State,
)
from sim.protocol.vault_flags import Health, is_called, is_flagged, may_begin, see, stay_due
from sim.protocol.vault_positions import debt_assets, has_debt, supplied_assets
from sim.protocol.vault_reserves import weigh


@jitable
def health(s: State, a: int) -> Health:
    """How healthy the account is now, interest included."""
    v = s.account_vault[a]
    weighted, limit, collateral, debt = zero(), zero(), zero(), zero()
    usable, forfeited = zero(), zero()
    least_debt = max_uint()
    prices_ok, prices_usable = True, True
    for i in range(s.unit.shape[0]):
        is_collateral = s.position[a, i, IS_COLLATERAL] != 0
        is_debt = s.position[a, i, POSITION_DEBT] != 0
        if not (is_collateral or is_debt):
            continue
        seen = oracle.read(s, v, i)
        prices_ok = prices_ok and seen.status == oracle.STATUS_OK
        prices_usable = prices_usable and seen.usable
        if is_debt:
            owed = debt_value(debt_assets(s, a, i), seen.debt_price, s.unit[i])
            debt += owed
            least_debt = min(least_debt, owed)
        if is_collateral:
            supplied = supplied_assets(s, a, i)
            value = collateral_value(supplied, seen.collateral_price, s.unit[i])
            collateral += value
            if seen.usable:
                usable += value
            forfeited += collateral_value(supplied, seen.forfeit_price, s.unit[i])
            counted, lent = weigh(s, a, i, value)
            weighted += counted
            limit += lent
    if risk_guard.is_guarded(s, v):
        limit = mul_div_down(limit, s.guard[v, STRESS], BPS)
    factor = health_factor(weighted, debt)
    return Health(
        weighted,
        limit,
        collateral,
        usable,
        forfeited,
        debt,
        least_debt,
        factor,
        prices_ok,
        prices_usable,
    )


@jitable
def is_liquidatable(s: State, a: int) -> bool:
    """Whether `liquidate` would find the account eligible now."""
    return may_begin(s, a, health(s, a).factor)


# --- internals ------------------------------------------------------------------------------------


@inlined
def health_factor(weighted_collateral: int, debt_value: int) -> int:
    """floor(half(weighted, WAD, debt) / BPS), with weighted = sum of value x threshold in USD x
    BPS; max without debt.
    """
    if debt_value == 0:
        return max_uint()
    return div_down(mul_div_half(weighted_collateral, wad(), debt_value), BPS)


@jitable
def poke(s: State, a: int) -> None:
    """Advance the oracle's deviation checks for every asset of the account."""
    for i in range(s.unit.shape[0]):
        if s.position[a, i, IS_COLLATERAL] != 0 or s.position[a, i, POSITION_DEBT] != 0:
            oracle.poke(s, s.account_vault[a], i)


@jitable
def ask(s: State, a: int, action: int, i: int, c: int, exempt: bool) -> int:
    """Why the vault's guard, if it has one, refuses `action` with asset i of the account; to borrow
    with all of its collateral as well, to liquidate with collateral c, or if that is negative with
    all that it has and owes.
    """
    v = s.account_vault[a]
    if not risk_guard.is_guarded(s, v):
        return OK
    code = risk_guard.check(s, v, action, i, True, exempt)
    for j in range(s.unit.shape[0]):
        if code != OK:
            return code
        beside = j == c
        if c < 0 and action != risk_guard.WITHDRAW:
            backs, owed = s.position[a, j, IS_COLLATERAL] != 0, s.position[a, j, POSITION_DEBT] != 0
            beside = backs or (owed and action == risk_guard.LIQUIDATE)
        if beside:
            code = risk_guard.check(s, v, action, j, False, exempt)
    if code == OK and action == risk_guard.LIQUIDATE and risk_guard.is_held_up(s, v, exempt):
        return IN_GRACE
    return code


@jitable
def ask_to_liquidate(s: State, a: int, d: int, c: int, factor: int) -> int:
    """The same before debt d is repaid for collateral c; who is urgent may be exempt."""
    urgent = factor < s.policy[s.account_vault[a], URGENT_HEALTH]
    return ask(s, a, risk_guard.LIQUIDATE, d, c, urgent)


@jitable
def is_due(s: State, a: int) -> bool:
    """Whether a vault with a delay would let the account be liquidated now."""
    if s.policy[s.account_vault[a], LIQUIDATION_DELAY] == 0 or not has_debt(s, a):
        return False
    return may_begin(s, a, health(s, a).factor)


@jitable
def see_healed(s: State, a: int, due: bool) -> None:
    """After what heals an account, which was `due` for liquidation before: note a recovery and an
    answer to a margin call, and keep due who stays unhealthy.
    """
    if not due and not is_flagged(s, a) and not is_called(s, a):
        return
    poke(s, a)  # a sighting counts if the router has one, too
    h = health(s, a)
    see(s, a, h)
    if due:
        stay_due(s, a, h.factor)
