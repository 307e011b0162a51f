"""Twin of `contracts/VaultAccounts.sol`: margin accounts, what they hold and owe, and their health.

An account row belongs to one owner and one vault; `v` below is its vault, which is also the vault's
spoke on the hub.
Tokens that leave the protocol go to the wallet of the actor who asked.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.protocol import hub, oracle
from sim.protocol.errors import (
    ACCOUNT_NOT_EMPTY,
    AMOUNT_TOO_LARGE,
    BORROW_CAP_EXCEEDED,
    BORROW_DISABLED,
    BORROW_LIMIT_EXCEEDED,
    COLLATERAL_DISABLED,
    INSUFFICIENT_BALANCE,
    INSUFFICIENT_SUPPLY,
    ISOLATED_LIMIT,
    NOT_AUTHORISED,
    OK,
    PRICE_NOT_OK,
    SUPPLY_CAP_EXCEEDED,
    UNHEALTHY,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import (
    BPS,
    div_down,
    inlined,
    jitable,
    max_amount,
    max_uint,
    mul_div_down,
    mul_div_half,
    mul_div_up,
    wad,
    zero,
)
from sim.protocol.state import (
    ADDED_SHARES,
    BORROW_CAP,
    BORROW_ENABLED,
    COLLATERAL_ENABLED,
    DEFICIT,
    DRAWN_SCALED,
    ESCROWED,
    FLAGGED_AT,
    IS_COLLATERAL,
    ISOLATED,
    LTV,
    POSITION_DEBT,
    REHYPOTHECATE,
    SUPPLIED,
    SUPPLY_CAP,
    WALLET,
    State,
)
from sim.protocol.vault_reserves import threshold

# --- values and health ----------------------------------------------------------------------------


@inlined
def collateral_value(amount: int, price: int, unit: int) -> int:
    """USD (8 decimals) of a holding, down."""
    return mul_div_down(amount, price, unit)


@inlined
def debt_value(amount: int, price: int, unit: int) -> int:
    """USD (8 decimals) of a debt, up."""
    return mul_div_up(amount, price, unit)


@inlined
def health_factor(weighted_collateral: int, debt_value: int) -> int:
    """floor(half(weighted, WAD, debt) / BPS), with weighted = sum of value x threshold in USD x
    BPS; max without debt.
    """
    if debt_value == 0:
        return max_uint()
    return div_down(mul_div_half(weighted_collateral, wad(), debt_value), BPS)


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


@inlined
def collateral_price(s: State, v: int, i: int, price: int, usable: bool) -> int:
    """What collateral counts at, of a price read: the higher of it and the last one accepted while
    it is not usable, in the account's favour.
    """
    if usable:
        return price
    return max(price, oracle.accepted(s, v, i))


class Health(NamedTuple):
    """An account at its vault's prices; USD has 8 decimals."""

    weighted_collateral: int
    """Sum of value x threshold, USD x BPS."""
    weighted_limit: int
    """Sum of value x LTV, USD x BPS."""
    collateral_value: int
    """USD, down."""
    debt_value: int
    """USD, up."""
    factor: int
    """WAD, down; the largest integer when nothing is owed."""
    prices_ok: bool
    """Every price is OK, and no collateral that is lent on counts a loss that nobody has borne."""
    prices_usable: bool
    """Every price may be liquidated on: the factor is what it is."""
    debt_prices_usable: bool
    """Those of the debts may: the factor is at most too high, so below 1 is unhealthy."""


@jitable
def health(s: State, a: int) -> Health:
    """How healthy the account is now, interest included."""
    v = s.account_vault[a]
    weighted, limit, collateral, debt = zero(), zero(), zero(), zero()
    prices_ok, prices_usable, debt_prices_usable = True, True, True
    for i in range(s.unit.shape[0]):
        is_collateral = s.position[a, i, IS_COLLATERAL] != 0
        is_debt = s.position[a, i, POSITION_DEBT] != 0
        if not (is_collateral or is_debt):
            continue
        seen = oracle.read(s, v, i)
        prices_ok = prices_ok and seen.status == oracle.STATUS_OK
        prices_usable = prices_usable and seen.usable
        if is_debt:
            debt += debt_value(debt_assets(s, a, i), seen.price, s.unit[i])
            debt_prices_usable = debt_prices_usable and seen.usable
        if is_collateral:
            price = collateral_price(s, v, i, seen.price, seen.usable)
            value = collateral_value(supplied_assets(s, a, i), price, s.unit[i])
            collateral += value
            weighted += value * threshold(s, v, i)
            limit += value * s.reserve[v, i, LTV]
            if s.reserve[v, i, REHYPOTHECATE] != 0 and s.hub[i, DEFICIT] > 0:
                prices_ok = False
    factor = health_factor(weighted, debt)
    return Health(
        weighted, limit, collateral, debt, factor, prices_ok, prices_usable, debt_prices_usable
    )


# --- accounts -------------------------------------------------------------------------------------


@jitable
def set_manager(s: State, actor: int, a: int, manager: int) -> int:
    """Let one other actor act on the account; -1 ends it. Only the owner may."""
    if actor != s.account_owner[a]:
        return NOT_AUTHORISED
    s.account_manager[a] = manager
    return OK


@jitable
def set_isolated(s: State, actor: int, a: int, isolated: int) -> int:
    """Make the account isolated or cross; only while it has neither collateral nor debt."""
    if not _authorised(s, actor, a):
        return NOT_AUTHORISED
    for i in range(s.unit.shape[0]):
        if s.position[a, i, IS_COLLATERAL] != 0 or s.position[a, i, POSITION_DEBT] != 0:
            return ACCOUNT_NOT_EMPTY
    s.account[a, ISOLATED] = isolated
    return OK


@jitable
def set_collateral(s: State, actor: int, a: int, i: int, enabled: int) -> int:
    """Let a supplied asset back the account's debts, or no longer."""
    if not _authorised(s, actor, a):
        return NOT_AUTHORISED
    if s.position[a, i, SUPPLIED] == 0:
        return INSUFFICIENT_SUPPLY
    if enabled == 0:
        s.position[a, i, IS_COLLATERAL] = zero()
        return _require_safe(s, a)
    if s.reserve[s.account_vault[a], i, COLLATERAL_ENABLED] == 0:
        return COLLATERAL_DISABLED
    if s.account[a, ISOLATED] != 0 and _other(s, a, i, IS_COLLATERAL):
        return ISOLATED_LIMIT
    s.position[a, i, IS_COLLATERAL] = enabled
    return OK


# --- supply and borrow ----------------------------------------------------------------------------


@jitable
def supply(s: State, actor: int, a: int, i: int, amount: int) -> int:
    """Add `amount` to the account; needs no price."""
    if not _authorised(s, actor, a):
        return NOT_AUTHORISED
    if amount == 0:
        return ZERO_AMOUNT
    if amount >= max_amount():
        return AMOUNT_TOO_LARGE
    if s.holding[actor, i, WALLET] < amount:
        return INSUFFICIENT_BALANCE
    v = s.account_vault[a]
    s.holding[actor, i, WALLET] -= amount
    supplied = amount
    if s.reserve[v, i, REHYPOTHECATE] != 0:
        supplied = hub.to_shares_down(s, i, amount)
        code = hub.add(s, v, i, amount, supplied)
        total = hub.to_assets_down(s, i, s.spoke[v, i, ADDED_SHARES])
    else:
        code = hub.add_escrow(s, v, i, amount)
        total = s.spoke[v, i, ESCROWED]
    if code != OK:
        return code
    if total > s.reserve[v, i, SUPPLY_CAP]:
        return SUPPLY_CAP_EXCEEDED
    if (
        s.position[a, i, SUPPLIED] == 0
        and s.reserve[v, i, COLLATERAL_ENABLED] != 0
        and not (s.account[a, ISOLATED] != 0 and _other(s, a, i, IS_COLLATERAL))
    ):
        s.position[a, i, IS_COLLATERAL] = zero() + 1
    s.position[a, i, SUPPLIED] += supplied
    _unflag_recovered(s, a)
    s.result[0] = amount
    return OK


@jitable
def withdraw(s: State, actor: int, a: int, i: int, amount: int) -> int:
    """Take `amount` out; the largest integer takes everything."""
    if not _authorised(s, actor, a):
        return NOT_AUTHORISED
    v = s.account_vault[a]
    lent = s.reserve[v, i, REHYPOTHECATE] != 0
    supplied = s.position[a, i, SUPPLIED]
    if amount == max_uint():
        amount = supplied
        if lent:
            amount = hub.to_assets_down(s, i, supplied)
    else:
        if amount >= max_amount():
            return AMOUNT_TOO_LARGE
        supplied = amount
        if lent:
            supplied = hub.to_shares_up(s, i, amount)
        if supplied > s.position[a, i, SUPPLIED]:
            return INSUFFICIENT_SUPPLY
    decrease_supplied(s, a, i, supplied)
    code = hub.remove(s, v, i, amount, supplied) if lent else hub.remove_escrow(s, v, i, amount)
    if code != OK:
        return code
    s.holding[actor, i, WALLET] += amount
    s.result[0] = amount
    return _require_safe(s, a)


@jitable
def borrow(s: State, actor: int, a: int, i: int, amount: int) -> int:
    """Borrow `amount` to the actor's wallet."""
    if not _authorised(s, actor, a):
        return NOT_AUTHORISED
    v = s.account_vault[a]
    if s.reserve[v, i, BORROW_ENABLED] == 0:
        return BORROW_DISABLED
    if s.account[a, ISOLATED] != 0 and _other(s, a, i, POSITION_DEBT):
        return ISOLATED_LIMIT
    code, scaled = hub.draw(s, v, i, amount)
    if code != OK:
        return code
    s.position[a, i, POSITION_DEBT] += scaled
    s.holding[actor, i, WALLET] += amount
    if hub.debt_of(s, i, s.spoke[v, i, DRAWN_SCALED]) > s.reserve[v, i, BORROW_CAP]:
        return BORROW_CAP_EXCEEDED
    s.result[0] = amount
    return _require_safe(s, a)


@jitable
def repay(s: State, actor: int, a: int, i: int, amount: int) -> int:
    """Repay up to `amount` of the account's debt; anyone may; needs no price."""
    paid = min(amount, debt_assets(s, a, i))
    if paid == 0:
        return ZERO_AMOUNT
    if s.holding[actor, i, WALLET] < paid:
        return INSUFFICIENT_BALANCE
    s.holding[actor, i, WALLET] -= paid
    code = collect_repayment(s, a, i, paid)
    if code != OK:
        return code
    _unflag_recovered(s, a)
    s.result[0] = paid
    return OK


# --- internals ------------------------------------------------------------------------------------


@jitable
def _authorised(s: State, actor: int, a: int) -> bool:
    return actor == s.account_owner[a] or actor == s.account_manager[a]


@jitable
def _other(s: State, a: int, i: int, column: int) -> bool:
    """Whether the account has the property in an asset other than `i`."""
    for j in range(s.unit.shape[0]):
        if j != i and s.position[a, j, column] != 0:
            return True
    return False


@jitable
def poke(s: State, a: int) -> None:
    """Advance the oracle's deviation checks for every asset of the account."""
    for i in range(s.unit.shape[0]):
        if s.position[a, i, IS_COLLATERAL] != 0 or s.position[a, i, POSITION_DEBT] != 0:
            oracle.poke(s, s.account_vault[a], i)


@jitable
def _require_safe(s: State, a: int) -> int:
    """After everything that raises risk: undisputed prices, debt within the limit, health at least
    1.
    """
    if not has_debt(s, a):
        return OK
    poke(s, a)
    h = health(s, a)
    if not h.prices_ok:
        return PRICE_NOT_OK
    if h.debt_value * BPS > h.weighted_limit:
        return BORROW_LIMIT_EXCEEDED
    if h.factor < wad():
        return UNHEALTHY
    s.account[a, FLAGGED_AT] = zero()
    return OK


@jitable
def _unflag_recovered(s: State, a: int) -> None:
    """End the flag of an account that recovered, if every price of it is usable."""
    if s.account[a, FLAGGED_AT] == 0:
        return
    if has_debt(s, a):
        h = health(s, a)
        if not h.prices_usable or h.factor < wad():
            return
    s.account[a, FLAGGED_AT] = zero()


@jitable
def collect_repayment(s: State, a: int, i: int, paid: int) -> int:
    code, scaled = hub.restore(s, s.account_vault[a], i, paid, s.position[a, i, POSITION_DEBT])
    if code == OK:
        s.position[a, i, POSITION_DEBT] -= scaled
    return code


@jitable
def decrease_supplied(s: State, a: int, i: int, supplied: int) -> None:
    s.position[a, i, SUPPLIED] -= supplied
    if s.position[a, i, SUPPLIED] == 0:
        s.position[a, i, IS_COLLATERAL] = zero()
