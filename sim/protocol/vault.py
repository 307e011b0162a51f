"""Twin of `contracts/Vault.sol`: margin accounts, their health and their liquidation.

An account row belongs to one owner and one vault; `v` below is its vault, which is also the vault's
spoke on the hub.
Tokens that leave the protocol go to the wallet of the actor who asked.
"""

from __future__ import annotations

from sim.protocol import hub, oracle
from sim.protocol.errors import (
    ACCOUNT_HEALTHY,
    ACCOUNT_NOT_EMPTY,
    ALREADY_FLAGGED,
    AMOUNT_TOO_LARGE,
    BORROW_CAP_EXCEEDED,
    BORROW_DISABLED,
    BORROW_LIMIT_EXCEEDED,
    COLLATERAL_DISABLED,
    COLLATERAL_REMAINS,
    DELAY_NOT_PASSED,
    INSUFFICIENT_BALANCE,
    INSUFFICIENT_COLLATERAL_OUT,
    INSUFFICIENT_SUPPLY,
    ISOLATED_LIMIT,
    MUST_NOT_LEAVE_DUST,
    NO_DEBT,
    NOT_AUTHORISED,
    NOT_COLLATERAL,
    NOT_FLAGGED,
    OK,
    PRICE_NOT_OK,
    PRICE_NOT_USABLE,
    SELF_LIQUIDATION,
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
from sim.protocol.liquidation import leaves_dust, quote, seize_amounts
from sim.protocol.state import (
    ADDED_SHARES,
    BORROW_CAP,
    BORROW_ENABLED,
    COLLATERAL_ENABLED,
    DRAWN_SCALED,
    DUST_VALUE,
    ESCROWED,
    FLAGGED_AT,
    IS_COLLATERAL,
    ISOLATED,
    LIQUIDATION_DELAY,
    LIQUIDATION_FEE,
    LTV,
    MAX_BONUS,
    MIN_BONUS,
    POSITION_DEBT,
    REHYPOTHECATE,
    SUPPLIED,
    SUPPLY_CAP,
    URGENT_HEALTH,
    WALLET,
    State,
)
from sim.protocol.vault_reserves import threshold

# --- values and health
# ------------------------------------------------------------------------------------------


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


@jitable
def health(s: State, a: int) -> tuple[int, int, int, int, int, bool, bool]:
    """(weighted collateral, weighted limit, collateral value, debt value, health factor, prices ok,
    prices usable).
    """
    v = s.account_vault[a]
    weighted, limit, collateral, debt = zero(), zero(), zero(), zero()
    prices_ok, prices_usable = True, True
    for i in range(s.unit.shape[0]):
        is_collateral = s.position[a, i, IS_COLLATERAL] != 0
        is_debt = s.position[a, i, POSITION_DEBT] != 0
        if not (is_collateral or is_debt):
            continue
        price, status, usable = oracle.read(s, v, i)
        prices_ok = prices_ok and status == oracle.STATUS_OK
        prices_usable = prices_usable and usable
        if is_collateral:
            value = collateral_value(supplied_assets(s, a, i), price, s.unit[i])
            collateral += value
            weighted += value * threshold(s, v, i)
            limit += value * s.reserve[v, i, LTV]
        if is_debt:
            debt += debt_value(debt_assets(s, a, i), price, s.unit[i])
    factor = health_factor(weighted, debt)
    return weighted, limit, collateral, debt, factor, prices_ok, prices_usable


@jitable
def is_liquidatable(s: State, a: int) -> bool:
    """Whether `liquidate` would find the account eligible now."""
    _, _, _, _, factor, _, usable = health(s, a)
    return usable and factor < wad() and delay_passed(s, a, factor)


# --- accounts -------------------------------------------------------------------------------------
# --------------


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


# --- supply and borrow
# ------------------------------------------------------------------------------------------


@jitable
def supply(s: State, actor: int, a: int, i: int, amount: int) -> int:
    """Add `amount` to the account; reads no price."""
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
    _decrease_supplied(s, a, i, supplied)
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
    """Repay up to `amount` of the account's debt; anyone may; reads no price."""
    paid = min(amount, debt_assets(s, a, i))
    if paid == 0:
        return ZERO_AMOUNT
    if s.holding[actor, i, WALLET] < paid:
        return INSUFFICIENT_BALANCE
    s.holding[actor, i, WALLET] -= paid
    code = _collect_repayment(s, a, i, paid)
    if code != OK:
        return code
    if not has_debt(s, a):
        s.account[a, FLAGGED_AT] = zero()
    s.result[0] = paid
    return OK


# --- liquidation
# ------------------------------------------------------------------------------------------------


@jitable
def flag(s: State, a: int) -> int:
    """Start the liquidation delay of an unhealthy account."""
    poke(s, a)
    _, _, _, _, factor, _, usable = health(s, a)
    if not usable:
        return PRICE_NOT_USABLE
    if factor >= wad():
        return ACCOUNT_HEALTHY
    if s.account[a, FLAGGED_AT] != 0:
        return ALREADY_FLAGGED
    s.account[a, FLAGGED_AT] = s.clock[0]
    return OK


@jitable
def unflag(s: State, a: int) -> int:
    """Clear the flag of an account that recovered."""
    if s.account[a, FLAGGED_AT] == 0:
        return NOT_FLAGGED
    poke(s, a)
    _, _, _, _, factor, _, usable = health(s, a)
    if not usable:
        return PRICE_NOT_USABLE
    if factor < wad():
        return UNHEALTHY
    s.account[a, FLAGGED_AT] = zero()
    return OK


@jitable
def terms(s: State, a: int, d: int, c: int, repay_amount: int) -> tuple[int, int, int, int]:
    """(code, repaid, seized with fee, fee) of liquidating up to `repay_amount` of debt `d` for
    collateral `c` now.
    """
    _, _, _, total_debt, factor, _, usable = health(s, a)
    if not usable:
        return PRICE_NOT_USABLE, zero(), zero(), zero()
    if factor >= wad():
        return ACCOUNT_HEALTHY, zero(), zero(), zero()
    if not delay_passed(s, a, factor):
        return DELAY_NOT_PASSED, zero(), zero(), zero()
    return terms_at(s, a, d, c, repay_amount, factor, total_debt)


@jitable
def terms_at(
    s: State, a: int, d: int, c: int, repay_amount: int, factor: int, total_debt: int
) -> tuple[int, int, int, int]:
    """`terms` of an account known to be liquidatable at this health factor and debt value."""
    v = s.account_vault[a]
    if s.position[a, d, POSITION_DEBT] == 0:
        return NO_DEBT, zero(), zero(), zero()
    if s.position[a, c, IS_COLLATERAL] == 0:
        return NOT_COLLATERAL, zero(), zero(), zero()

    debt, collateral = debt_assets(s, a, d), supplied_assets(s, a, c)
    price_debt, _, _ = oracle.read(s, v, d)
    price_collateral, _, _ = oracle.read(s, v, c)
    seconds_flagged = zero()
    if s.account[a, FLAGGED_AT] != 0:
        seconds_flagged = s.clock[0] - s.account[a, FLAGGED_AT]
    max_repay, bonus = quote(
        s,
        v,
        factor,
        debt,
        debt_value(debt, price_debt, s.unit[d]),
        collateral_value(collateral, price_collateral, s.unit[c]),
        total_debt,
        price_debt,
        s.unit[d],
        threshold(s, v, c),
        s.reserve[v, c, MIN_BONUS],
        s.reserve[v, c, MAX_BONUS],
        seconds_flagged,
    )
    repaid, seized, fee = seize_amounts(
        min(repay_amount, max_repay),
        collateral,
        price_debt,
        s.unit[d],
        price_collateral,
        s.unit[c],
        bonus,
        s.reserve[v, c, LIQUIDATION_FEE],
    )
    if repaid == 0 or seized == fee:
        return ZERO_AMOUNT, zero(), zero(), zero()
    if leaves_dust(
        debt, collateral, repaid, seized, price_debt, s.unit[d], price_collateral, s.unit[c]
    ):
        return MUST_NOT_LEAVE_DUST, zero(), zero(), zero()
    return OK, repaid, seized, fee


@jitable
def liquidate(
    s: State,
    actor: int,
    a: int,
    d: int,
    c: int,
    repay_amount: int,
    min_out: int,
    receive_shares: int,
) -> int:
    """Repay debt `d` from the actor's wallet for collateral `c`, to the wallet or as a position."""
    if actor == s.account_owner[a]:
        return SELF_LIQUIDATION
    poke(s, a)
    code, repaid, seized, fee = terms(s, a, d, c, repay_amount)
    if code != OK:
        return code
    if seized - fee < min_out:
        return INSUFFICIENT_COLLATERAL_OUT
    code = seize(s, actor, a, c, seized, fee, receive_shares)
    if code != OK:
        return code
    if receive_shares == 0:
        s.holding[actor, c, WALLET] += seized - fee
    if s.holding[actor, d, WALLET] < repaid:
        return INSUFFICIENT_BALANCE
    s.holding[actor, d, WALLET] -= repaid
    s.result[0] = repaid
    s.result[1] = seized - fee
    return settle(s, a, d, repaid)


@jitable
def seize(s: State, actor: int, a: int, c: int, seized: int, fee: int, receive_shares: int) -> int:
    """Take `seized` from the borrower: the fee to the protocol, the rest released (or booked as a
    position).

    Where collateral is shares, the liquidator's part is cut out first; what is left, rounding
    included, is the fee.
    """
    v = s.account_vault[a]
    lent = s.reserve[v, c, REHYPOTHECATE] != 0
    out = seized - fee
    supplied, to_liquidator = seized, out
    if lent:
        if seized == supplied_assets(s, a, c):
            supplied = s.position[a, c, SUPPLIED]
        else:
            supplied = hub.to_shares_up(s, c, seized)
        if receive_shares != 0:
            to_liquidator = hub.to_shares_down(s, c, out)
        else:
            to_liquidator = hub.to_shares_up(s, c, out)
    _decrease_supplied(s, a, c, supplied)
    if supplied - to_liquidator > 0:
        code = _add_fee(s, v, c, supplied - to_liquidator)
        if code != OK:
            return code
    if receive_shares != 0:
        if to_liquidator == 0:
            return ZERO_AMOUNT
        own = s.own_account[v, actor]
        if own < 0:
            raise ValueError("a liquidator that takes shares needs an account row in the vault")
        s.position[own, c, SUPPLIED] += to_liquidator
        return OK
    if lent:
        return hub.remove(s, v, c, out, to_liquidator)
    return hub.remove_escrow(s, v, c, out)


@jitable
def settle(s: State, a: int, d: int, repaid: int) -> int:
    """Book a repayment already taken from the liquidator, and what follows from it."""
    code = _collect_repayment(s, a, d, repaid)
    if code != OK:
        return code
    _, _, collateral, _, factor, _, usable = health(s, a)
    if not usable:
        return OK
    if factor >= wad():
        s.account[a, FLAGGED_AT] = zero()
    elif collateral < s.policy[s.account_vault[a], DUST_VALUE]:
        return _write_off_all(s, a)
    return OK


@jitable
def write_off(s: State, a: int) -> int:
    """Write off the debts of an unhealthy account whose collateral is below the dust line."""
    poke(s, a)
    _, _, collateral, _, factor, _, usable = health(s, a)
    if not usable:
        return PRICE_NOT_USABLE
    if factor >= wad():
        return ACCOUNT_HEALTHY
    if collateral >= s.policy[s.account_vault[a], DUST_VALUE]:
        return COLLATERAL_REMAINS
    return _write_off_all(s, a)


# --- internals
# --------------------------------------------------------------------------------------------------


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
    _, limit, _, debt, factor, prices_ok, _ = health(s, a)
    if not prices_ok:
        return PRICE_NOT_OK
    if debt * BPS > limit:
        return BORROW_LIMIT_EXCEEDED
    if factor < wad():
        return UNHEALTHY
    s.account[a, FLAGGED_AT] = zero()
    return OK


@jitable
def delay_passed(s: State, a: int, factor: int) -> bool:
    v = s.account_vault[a]
    delay = s.policy[v, LIQUIDATION_DELAY]
    if delay == 0 or factor < s.policy[v, URGENT_HEALTH]:
        return True
    flagged_at = s.account[a, FLAGGED_AT]
    return flagged_at != 0 and s.clock[0] >= flagged_at + delay


@jitable
def _collect_repayment(s: State, a: int, i: int, paid: int) -> int:
    code, scaled = hub.restore(s, s.account_vault[a], i, paid, s.position[a, i, POSITION_DEBT])
    if code == OK:
        s.position[a, i, POSITION_DEBT] -= scaled
    return code


@jitable
def _add_fee(s: State, v: int, i: int, supplied: int) -> int:
    if s.reserve[v, i, REHYPOTHECATE] != 0:
        return hub.add_fee(s, v, i, supplied)
    return hub.add_fee_from_escrow(s, v, i, supplied)


@jitable
def _decrease_supplied(s: State, a: int, i: int, supplied: int) -> None:
    s.position[a, i, SUPPLIED] -= supplied
    if s.position[a, i, SUPPLIED] == 0:
        s.position[a, i, IS_COLLATERAL] = zero()


@jitable
def _write_off_all(s: State, a: int) -> int:
    """Hand what collateral is left to the protocol; report every debt as unpayable."""
    for i in range(s.unit.shape[0]):
        if s.position[a, i, IS_COLLATERAL] != 0:
            supplied = s.position[a, i, SUPPLIED]
            _decrease_supplied(s, a, i, supplied)
            code = _add_fee(s, s.account_vault[a], i, supplied)
            if code != OK:
                return code
    for i in range(s.unit.shape[0]):
        scaled = s.position[a, i, POSITION_DEBT]
        if scaled != 0:
            code, _ = hub.report_deficit(s, s.account_vault[a], i, scaled)
            if code != OK:
                return code
            s.position[a, i, POSITION_DEBT] = zero()
    s.account[a, FLAGGED_AT] = zero()
    return OK
