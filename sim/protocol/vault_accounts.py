"""Twin of `contracts/VaultAccounts.sol`: margin accounts, and what they hold and owe.

An account row belongs to one owner and one vault; `v` below is its vault, which is also the vault's
spoke on the hub.
Tokens that leave the protocol go to the wallet of the actor who asked.
"""

from __future__ import annotations

from sim.protocol import hub, oracle, risk_guard
from sim.protocol.errors import (
    ACCOUNT_NOT_EMPTY,
    ADD_CAP_EXCEEDED,
    AMOUNT_TOO_LARGE,
    BORROW_CAP_EXCEEDED,
    BORROW_DISABLED,
    BORROW_LIMIT_EXCEEDED,
    COLLATERAL_DISABLED,
    CONCENTRATION_EXCEEDED,
    DEBT_TOO_SMALL,
    INSUFFICIENT_BALANCE,
    INSUFFICIENT_SUPPLY,
    ISOLATED_LIMIT,
    NOT_AUTHORISED,
    NOT_IN_CATEGORY,
    OK,
    PRICE_NOT_OK,
    SPOKE_HALTED,
    SPOKE_NOT_ACTIVE,
    SUPPLY_CAP_EXCEEDED,
    TOO_MANY_ASSETS,
    UNDER_MARGIN_CALL,
    UNHEALTHY,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import (
    BPS,
    jitable,
    max_amount,
    max_uint,
    wad,
    zero,
)
from sim.protocol.fixed_point import collateral_value as collateral_value
from sim.protocol.fixed_point import debt_value as debt_value
from sim.protocol.state import (
    ACTIVE,
    ADD_CAP,
    ADDED_SHARES,
    BORROW_CAP,
    BORROW_ENABLED,
    CATEGORY,
    CATEGORY_LT,
    COLLATERAL_ENABLED,
    CONCENTRATION,
    CONCENTRATION_FLOOR,
    DRAWN_SCALED,
    DUST_VALUE,
    ESCROWED,
    HALTED,
    IS_COLLATERAL,
    ISOLATED,
    LENT_IN,
    MARGIN_CALL_HEALTH,
    POSITION_DEBT,
    REHYPOTHECATE,
    SUPPLIED,
    SUPPLY_CAP,
    WALLET,
    State,
)
from sim.protocol.vault_flags import Health as Health
from sim.protocol.vault_flags import is_called, see
from sim.protocol.vault_health import ask, is_due, poke, see_healed
from sim.protocol.vault_health import health as health
from sim.protocol.vault_positions import (
    becomes_collateral,
    burn_debt,
    decrease_supplied,
    has_room,
    increase_supplied,
    other,
)
from sim.protocol.vault_positions import debt_assets as debt_assets
from sim.protocol.vault_positions import has_debt as has_debt
from sim.protocol.vault_positions import supplied_assets as supplied_assets

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
def set_category(s: State, actor: int, a: int, k: int) -> int:
    """Have the account count by a category, 0: by none; only if it lends all that it owes."""
    if not _authorised(s, actor, a):
        return NOT_AUTHORISED
    v = s.account_vault[a]
    if k != 0:
        if k >= s.category.shape[1] or s.category[v, k, CATEGORY_LT] == 0:
            return NOT_IN_CATEGORY
        for i in range(s.unit.shape[0]):
            if s.position[a, i, POSITION_DEBT] != 0 and s.member[v, k, i, LENT_IN] == 0:
                return NOT_IN_CATEGORY
    s.account[a, CATEGORY] = k
    return _require_safe(s, a)


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
    if s.account[a, ISOLATED] != 0 and other(s, a, i, IS_COLLATERAL):
        return ISOLATED_LIMIT
    if not has_room(s, a, i):
        return TOO_MANY_ASSETS
    due = is_due(s, a)
    s.position[a, i, IS_COLLATERAL] = enabled
    code = _check_concentration(s, a, i)
    if code != OK:
        return code
    see_healed(s, a, due)
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
    if becomes_collateral(s, a, i) and not has_room(s, a, i):
        return TOO_MANY_ASSETS
    if s.holding[actor, i, WALLET] < amount:
        return INSUFFICIENT_BALANCE
    v = s.account_vault[a]
    due = is_due(s, a)
    s.holding[actor, i, WALLET] -= amount
    supplied = amount
    if s.reserve[v, i, REHYPOTHECATE] != 0:
        supplied = hub.to_shares_down(s, i, amount)
        code = hub.add(s, v, i, amount, supplied)
    else:
        code = hub.add_escrow(s, v, i, amount)
    if code != OK:
        return code
    increase_supplied(s, a, i, supplied)
    code = _check_excess(s, a, i)
    if code == OK:
        code = _check_concentration(s, a, i)
    if code != OK:
        return code
    see_healed(s, a, due)
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
    if s.spoke[v, i, HALTED] != 0:
        return SPOKE_HALTED
    code = ask(s, a, risk_guard.WITHDRAW, i, -1, not has_debt(s, a))
    if code != OK:
        return code
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
    code = ask(s, a, risk_guard.BORROW, i, -1, False)
    if code != OK:
        return code
    if s.account[a, ISOLATED] != 0 and other(s, a, i, POSITION_DEBT):
        return ISOLATED_LIMIT
    k = int(s.account[a, CATEGORY])
    if k != 0 and s.member[v, k, i, LENT_IN] == 0:
        return NOT_IN_CATEGORY
    if not has_room(s, a, i):
        return TOO_MANY_ASSETS
    if amount >= max_amount():
        return AMOUNT_TOO_LARGE
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
    due = is_due(s, a)
    s.holding[actor, i, WALLET] -= paid
    code = burn_debt(s, a, i, paid)
    if code != OK:
        return code
    see_healed(s, a, due)
    s.result[0] = paid
    return OK


# --- internals ------------------------------------------------------------------------------------


@jitable
def _require_safe(s: State, a: int) -> int:
    """After everything that raises risk: undisputed prices, debt within the limit, health at least
    1 and, under a margin call, at least that of calls, and no debt that is too small to be worth
    anybody's while.
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
    if h.factor < s.policy[s.account_vault[a], MARGIN_CALL_HEALTH] and is_called(s, a):
        return UNDER_MARGIN_CALL
    if h.least_debt_value < s.policy[s.account_vault[a], DUST_VALUE]:
        return DEBT_TOO_SMALL
    see(s, a, h)
    return OK


@jitable
def _check_excess(s: State, a: int, i: int) -> int:
    """Caps and switches bound what is supplied, but for collateral that brings an account that owes
    more than its borrow limit nearer to it.
    """
    v = s.account_vault[a]
    spoke, most = s.spoke[v, i], s.reserve[v, i, SUPPLY_CAP]
    total = hub.to_assets_down(s, i, spoke[ADDED_SHARES]) + spoke[ESCROWED]
    if spoke[ACTIVE] != 0 and total <= spoke[ADD_CAP] and total <= most:
        return OK
    if _is_beyond_limit(s, a, i):
        return OK
    if spoke[ACTIVE] == 0:
        return SPOKE_NOT_ACTIVE
    return ADD_CAP_EXCEEDED if total > spoke[ADD_CAP] else SUPPLY_CAP_EXCEEDED


@jitable
def _check_concentration(s: State, a: int, i: int) -> int:
    """Of an asset that became or grew as collateral: its share of what the vault has of it. What
    nobody can price is worth nothing here.
    """
    v = s.account_vault[a]
    most = s.reserve[v, i, CONCENTRATION]
    if most == 0 or s.position[a, i, IS_COLLATERAL] == 0:
        return OK
    lent = s.reserve[v, i, REHYPOTHECATE] != 0
    total = s.spoke[v, i, ADDED_SHARES] if lent else s.spoke[v, i, ESCROWED]
    if s.position[a, i, SUPPLIED] * BPS <= total * most:
        return OK
    price = oracle.read(s, v, i).collateral_price
    value = collateral_value(supplied_assets(s, a, i), price, s.unit[i])
    if value <= s.reserve[v, i, CONCENTRATION_FLOOR] or _is_beyond_limit(s, a, i):
        return OK
    return CONCENTRATION_EXCEEDED


@jitable
def _is_beyond_limit(s: State, a: int, i: int) -> bool:
    """Whether asset i is collateral of an account that owes more than its borrow limit with it."""
    if s.position[a, i, IS_COLLATERAL] == 0:
        return False
    h = health(s, a)
    return h.debt_value * BPS > h.weighted_limit


@jitable
def _authorised(s: State, actor: int, a: int) -> bool:
    return actor == s.account_owner[a] or actor == s.account_manager[a]
